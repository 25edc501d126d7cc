"""The rate at which a renormalised algorithm nears a minimum, while its direction alternates."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from dynamics import Algorithm
from proofs_check.symbolic_steps import next_point


@lru_cache
def _modes(algorithm: Algorithm) -> Any:
    """By what both modes are multiplied in the limit w → 0, in their place and curvatures."""
    a, b, low, s = sympy.symbols("a b lambda_2 s", positive=True)
    top, e, r = sympy.symbols("lambda_1 eta rho", positive=True)
    after = next_point(lambda v: [top * v[0], low * v[1]], algorithm, [s * a, s * b], e, r)
    first, second = (sympy.limit(w / (s * at), s, 0) for w, at in zip(after, (a, b), strict=True))
    return (top, low), first, second


def flat_factor(algorithm: Algorithm, spectrum: Any) -> float:
    """The factor on a 2-cycle of directions: there the modes are multiplied by opposite numbers."""
    (top, low), first, second = _modes(algorithm)
    # One less either is in a proportion k that does not depend on the direction: if f₂ = −f₁,
    # then 1 − f₁ = k(1 + f₁).
    proportion = sympy.simplify((1 - first) / (1 - second))
    k = float(proportion.subs({top: spectrum[0], low: spectrum[1]}))
    return (k - 1) / (k + 1)
