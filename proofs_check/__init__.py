"""What theory says: claims as objects that can be run, and the ledger of what is found.

    python -m proofs_check                     the ledger
    proofs_check.check(proofs_check.CLAIMS["dai2023_usam_threshold"])

A new claim is one file in its paper's folder and one line here (CONTRIBUTING.md).
"""

from proofs_check.bartlett2023 import bartlett2023_bouncing as bartlett2023_bouncing
from proofs_check.bartlett2023 import bartlett2023_bouncing_rate as bartlett2023_bouncing_rate
from proofs_check.bartlett2023 import (
    bartlett2023_sam_never_settles as bartlett2023_sam_never_settles,
)
from proofs_check.claim import CLAIMS as CLAIMS
from proofs_check.claim import Claim as Claim
from proofs_check.claim import Control as Control
from proofs_check.claim import Finding as Finding
from proofs_check.claim import Paper as Paper
from proofs_check.claim import Provenance as Provenance
from proofs_check.dai2023 import dai2023_conservation as dai2023_conservation
from proofs_check.dai2023 import dai2023_gd_threshold as dai2023_gd_threshold
from proofs_check.dai2023 import dai2023_matrix_sensing as dai2023_matrix_sensing
from proofs_check.dai2023 import dai2023_sam_bound as dai2023_sam_bound
from proofs_check.dai2023 import dai2023_sam_bound_corrected as dai2023_sam_bound_corrected
from proofs_check.dai2023 import dai2023_sam_bound_full_range as dai2023_sam_bound_full_range
from proofs_check.dai2023 import dai2023_sam_drift as dai2023_sam_drift
from proofs_check.dai2023 import dai2023_usam_descends as dai2023_usam_descends
from proofs_check.dai2023 import dai2023_usam_diverges as dai2023_usam_diverges
from proofs_check.dai2023 import dai2023_usam_threshold as dai2023_usam_threshold
from proofs_check.dai2023 import dai2023_usam_trap as dai2023_usam_trap
from proofs_check.evidence import Evidence as Evidence
from proofs_check.evidence import Judgement as Judgement
from proofs_check.evidence import Kind as Kind
from proofs_check.evidence import Size as Size
from proofs_check.evidence import Support as Support
from proofs_check.evidence import Witness as Witness
from proofs_check.ledger import Row as Row
from proofs_check.ledger import check as check
from proofs_check.local_theory.stability import Stability as Stability
from proofs_check.local_theory.stability import stability as stability
from proofs_check.prover import Contradiction as Contradiction
from proofs_check.prover import Identity as Identity
from proofs_check.prover import Implication as Implication
from proofs_check.prover import Verdict as Verdict
from proofs_check.tan2024 import tan2024_assumptions as tan2024_assumptions
from proofs_check.tan2024 import tan2024_stablesam_threshold as tan2024_stablesam_threshold
