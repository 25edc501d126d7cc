"""By how much SAM exceeds the published bound on quadratics, where it does.

In the long run SAM bounces along the stiffest mode, whose curvature is β, on a 2-cycle of amplitude
A = hρ/(2 − h); the bound has then shrunk to its floor, and the quotient of the two is
h/(κ(2 − h)), κ = β/α. On the way there it may be larger. For κ = 1 and h ≥ 1 a run in one dimension
is |w_t| = u + A(1 − (h − 1)^t), u = (h − 1)^t|w_0|, against a bound of ½β(u² + F), F being the
published floor on this scale. If it starts so far away that (h − 1)^t is negligible when u is of
the size of A, the quotient is (u + A)²/(u² + F), by Cauchy and Schwarz 1 + A²/F at most.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from dynamics import SAM
from proofs_check.laws.sam_bounds import PUBLISHED_FLOOR
from proofs_check.predictions import cycle_amplitude
from proofs_check.symbols import alpha, beta, curvature, eta, h

#: β/α, the condition number.
condition: sympy.Symbol = sympy.Symbol("kappa", real=True)


@lru_cache
def long_run_ratio() -> Any:
    """E_t over the published bound on a quadratic as t → ∞, in the symbols h and κ."""
    at: Any = {curvature: beta, eta: h / beta}
    on_cycle = beta * cycle_amplitude(SAM).subs(at, simultaneous=True) ** 2 / 2
    return sympy.factor((on_cycle / PUBLISHED_FLOOR).subs(alpha, beta / condition))


@lru_cache
def exceeded_from() -> Any:
    """The h = ηβ beyond which the published bound is exceeded in the long run, in κ."""
    (edge,) = sympy.solve(sympy.Eq(long_run_ratio(), 1), h)
    return sympy.factor(edge)


@lru_cache
def largest_ratio() -> Any:
    """The supremum of E_t over the published bound for α = β and 1 < h < 2, in h."""
    return sympy.factor(1 + long_run_ratio().subs(condition, 1))
