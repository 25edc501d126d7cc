"""What theory says: claims as objects that can be run, and the ledger of what is found.

    python -m proofs_check                     the ledger
    proofs_check.check(proofs_check.CLAIMS["dai2023_usam_threshold"])

A new claim is one file in its paper's folder and one line in `proofs_check/claims/__init__.py`
(CONTRIBUTING.md). The claims are imported when `CLAIMS` is first asked for: their formulas take as
long as everything else together.
"""

import landscapes.console  # first: it answers Ctrl-C while the others load

# isort: split

from typing import TYPE_CHECKING, Any

from proofs_check.claim import Claim as Claim
from proofs_check.claim import Control as Control
from proofs_check.claim import Finding as Finding
from proofs_check.claim import Paper as Paper
from proofs_check.claim import Provenance as Provenance
from proofs_check.evidence import Evidence as Evidence
from proofs_check.evidence import Exhibit as Exhibit
from proofs_check.evidence import Judgement as Judgement
from proofs_check.evidence import Kind as Kind
from proofs_check.evidence import Size as Size
from proofs_check.evidence import Support as Support
from proofs_check.ledger import Row as Row
from proofs_check.ledger import check as check
from proofs_check.local_theory.stability import Stability as Stability
from proofs_check.local_theory.stability import stability as stability
from proofs_check.prover import Contradiction as Contradiction
from proofs_check.prover import Identity as Identity
from proofs_check.prover import Implication as Implication
from proofs_check.prover import Verdict as Verdict

if TYPE_CHECKING:
    from proofs_check.claim import CLAIMS as CLAIMS


def __getattr__(name: str) -> Any:
    if name != "CLAIMS":
        raise AttributeError(f"module 'proofs_check' has no attribute {name!r}")
    import proofs_check.claims
    from proofs_check.claim import CLAIMS

    globals()[name] = CLAIMS
    return CLAIMS


def __dir__() -> list[str]:
    return sorted({*globals(), "CLAIMS"})
