"""How a step grows far from the minima of matrix sensing, on its smallest instance."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from dynamics import Algorithm
from landscapes import MatrixSensing
from proofs_check.symbolic_steps import gradient_of, next_point
from proofs_check.symbols import eta, rho, with_positive


@lru_cache
def far_out(algorithm: Algorithm, power: int) -> Any:
    """lim u⁺/u^power as u → ∞, for one measurement ½(au² − q)² of one number u."""
    loss = MatrixSensing(dim=1, rank=1, n_measurements=1).symbolic()
    a, _ = loss.parameters
    (u,) = loss.point

    def run(u_large: Any, a_positive: Any, eta: Any, rho: Any) -> Any:
        (after,) = next_point(gradient_of(loss), algorithm, [u], eta, rho)
        after = after.xreplace({u: u_large, a: a_positive})
        return sympy.limit(sympy.simplify(after / u_large**power), u_large, sympy.oo)

    return with_positive((u, a, eta, rho), run)
