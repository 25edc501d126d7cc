"""SAM's way to the origin of ℓ(xy): what is lost of the height per step, and how far it is open.

The derivation, and what of it is proved, is the claim dai2023_sam_drift. With κ = ηρ² and
ζ = ρ|x|/y² a 2-cycle astride the line of minima loses the fraction c of its height per step, where
κ = c(1 − c)(2 − c)/(2 − 2c + c²); no c in (0, 1) solves that beyond κ_c = φ^(−5/2).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import sympy

from dynamics import Algorithm, Criteria, batched, one_step
from landscapes import LinearNeuron

#: The fraction of the height that is lost per step.
lost: sympy.Symbol = sympy.Symbol("c", real=True)
#: ρ|x|/y², the distance to the line of minima on the scale on which SAM bounces across it.
zeta: sympy.Symbol = sympy.Symbol("zeta", real=True)
#: κ as a function of c is the quotient of the two.
KAPPA, DENOMINATOR = lost * (1 - lost) * (2 - lost), 2 - 2 * lost + lost**2
#: The golden ratio φ, and the largest κ, max κ(c) over (0, 1).
PHI = (1 + sympy.sqrt(5)) / 2
CRITICAL = PHI ** sympy.Rational(-5, 2)

#: How runs are stopped. On the diagonal |x|/|y| changes by its multiplier's distance to 1 per step,
#: at least 0.1 for the steps and radii sampled.
CRITERIA = Criteria(cycle_tolerance=1e-12, max_period=2)


def kept_per_step(kappa: float) -> float:
    """1 − c with c the smaller root of κ(c) = κ; NaN where there is none."""
    roots: Any = sympy.Poly(KAPPA - sympy.Rational(kappa) * DENOMINATOR, lost).real_roots()
    return 1 - min((float(r) for r in roots if 0 < r < 1), default=np.nan)


@lru_cache
def two_steps(algorithm: Algorithm, link: str) -> Callable[..., Any]:
    """Two steps on `LinearNeuron(link)` from many points: arrays of w, η and ρ to w⁺⁺."""
    step = partial(one_step, LinearNeuron(link), algorithm)
    return batched(lambda w, *rates: step(step(w, *rates), *rates))
