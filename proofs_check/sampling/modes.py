"""One step on a quadratic of two modes, in symbols: what the running code does to each of them.

Two modes show all that happens in any dimension: a further mode enters the others only through
the norm of the gradient.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from dynamics import Algorithm
from proofs_check.symbolic_steps import next_point
from proofs_check.symbols import curvature, eta, rho, with_positive

#: w₁ and w₂, positive without loss of generality: reflections leave the loss as it is.
POINT = sympy.symbols("w_1 w_2", real=True)
#: λ₁ and λ₂.
SPECTRUM = (curvature, sympy.Symbol("lambda_2", real=True))
GRADIENT = tuple(lam * w for lam, w in zip(SPECTRUM, POINT, strict=True))
POSITIVE = (*POINT, *SPECTRUM, eta, rho)


def length(components: Any) -> sympy.Expr:
    """√Σv²."""
    return sympy.sqrt(sum((c**2 for c in components), sympy.S.Zero))


@lru_cache
def step_taken(algorithm: Algorithm) -> tuple[sympy.Expr, ...]:
    """w − w⁺ of the running code, for POSITIVE symbols."""

    def run(a: Any, b: Any, first: Any, second: Any, eta: Any, rho: Any) -> tuple[Any, ...]:
        after = next_point(lambda v: [first * v[0], second * v[1]], algorithm, (a, b), eta, rho)
        return (a - after[0], b - after[1])

    return with_positive(POSITIVE, run)
