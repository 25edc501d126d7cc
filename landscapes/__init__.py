"""What is minimised: losses given by a formula, each with the facts that are known about it.

Notation, the same in every package:

| symbol | name | meaning |
|---|---|---|
| w | `w` | a point, shape `(dim,)` |
| L, ∇L, ∇²L | `loss`, `gradient`, `hessian` | the loss and its derivatives |
| λ₁ | `sharpness` | the largest eigenvalue of the Hessian |
| η, ρ | `eta`, `rho` | learning rate, radius of the ascent step |
| β, μ, α | `smoothness`, `strong_convexity`, `polyak_lojasiewicz` | constants of the loss |
| w + ρ… | `ascent` | the first half of a step; its end is the ascent point |
| w − η… | `descent` | the second half of a step |
| w₀, t, T | `start`, step, `n_steps` | a run |

A new landscape is one file and one line here (CONTRIBUTING.md).
"""

from landscapes import console as console  # first: it answers Ctrl-C while the others load

# isort: split

from landscapes.collection import *
from landscapes.fact_checks import check_landscape as check_landscape
from landscapes.facts import EVERYWHERE as EVERYWHERE
from landscapes.facts import Box as Box
from landscapes.facts import Constant as Constant
from landscapes.facts import CriticalCurve as CriticalCurve
from landscapes.facts import CriticalKind as CriticalKind
from landscapes.facts import CriticalSet as CriticalSet
from landscapes.facts import DoesNotExist as DoesNotExist
from landscapes.facts import Facts as Facts
from landscapes.facts import Symmetry as Symmetry
from landscapes.facts import Unknown as Unknown
from landscapes.facts import critical_point as critical_point
from landscapes.finite_sum import FiniteSum as FiniteSum
from landscapes.formula.formula import Formula as Formula
from landscapes.landscape import LANDSCAPES as LANDSCAPES
from landscapes.landscape import Landscape as Landscape
from landscapes.landscape import SymbolicLandscape as SymbolicLandscape
from landscapes.landscape import SymbolicLoss as SymbolicLoss
from landscapes.landscape import a_landscape as a_landscape
