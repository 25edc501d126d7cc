"""The claims, one file each in the folder of their paper; a new one is one line below as well."""

from proofs_check.claims.bartlett2023 import bartlett2023_bouncing as bartlett2023_bouncing
from proofs_check.claims.bartlett2023 import (
    bartlett2023_bouncing_rate as bartlett2023_bouncing_rate,
)
from proofs_check.claims.bartlett2023 import (
    bartlett2023_sam_never_settles as bartlett2023_sam_never_settles,
)
from proofs_check.claims.dai2023 import dai2023_conservation as dai2023_conservation
from proofs_check.claims.dai2023 import dai2023_gd_threshold as dai2023_gd_threshold
from proofs_check.claims.dai2023 import dai2023_matrix_sensing as dai2023_matrix_sensing
from proofs_check.claims.dai2023 import dai2023_sam_bound as dai2023_sam_bound
from proofs_check.claims.dai2023 import dai2023_sam_bound_corrected as dai2023_sam_bound_corrected
from proofs_check.claims.dai2023 import dai2023_sam_bound_full_range as dai2023_sam_bound_full_range
from proofs_check.claims.dai2023 import dai2023_sam_drift as dai2023_sam_drift
from proofs_check.claims.dai2023 import dai2023_usam_descends as dai2023_usam_descends
from proofs_check.claims.dai2023 import dai2023_usam_diverges as dai2023_usam_diverges
from proofs_check.claims.dai2023 import dai2023_usam_threshold as dai2023_usam_threshold
from proofs_check.claims.dai2023 import dai2023_usam_trap as dai2023_usam_trap
from proofs_check.claims.tan2024 import tan2024_assumptions as tan2024_assumptions
from proofs_check.claims.tan2024 import tan2024_stablesam_threshold as tan2024_stablesam_threshold
