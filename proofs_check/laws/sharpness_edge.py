"""The edge of stability of each algorithm: the sharpness at which a step flips the gradient.

On a quadratic whose gradient, of norm G, lies along the mode of curvature λ, w = G/λ away from the
minimum. The edge is where w⁺ = −w. For gradient descent that is λ = 2/η, and for an ascent of a
fixed length it depends on G: the nearer to the minimum, the lower. SAM's 2-cycle lies on SAM's edge
by definition: there w⁺ = −w.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from dynamics import Algorithm
from proofs_check.laws.drift_to_origin import zeta
from proofs_check.predictions import map_near_minimum
from proofs_check.symbols import curvature, eta, gradient_norm, rho, w, with_positive, y

#: ηρ².
kappa: sympy.Symbol = sympy.Symbol("kappa", real=True)
_PARAMETERS = (eta, rho, gradient_norm)


@lru_cache
def edge(algorithm: Algorithm) -> Any:
    """The λ > 0 at which a step flips a gradient of norm G along that mode, in η, ρ and G.

    Raises `ValueError` unless there is one.
    """

    def run(rate: Any, radius: Any, norm: Any) -> Any:
        lam = sympy.Dummy("lambda", positive=True)
        at: Any = {eta: rate, rho: radius, curvature: lam, w: norm / lam}
        after = map_near_minimum(algorithm).subs(at, simultaneous=True)
        flipped = sympy.numer(sympy.together(after + norm / lam))
        unit = dict.fromkeys((rate, radius, norm), 1)
        roots = [r for r in sympy.solve(flipped, lam) if r.subs(unit) > 0]
        if len(roots) != 1:
            raise ValueError(f"{algorithm} has {len(roots)} edges, not one")
        return _stable(roots[0])

    return with_positive(_PARAMETERS, run)


def _stable(root: Any) -> Any:
    """(√(a² + b) − a)/c as b/(c(√(a² + b) + a)): without the cancellation for small b."""
    root = sympy.radsimp(sympy.simplify(root))
    return sympy.simplify(1 / sympy.radsimp(sympy.simplify(1 / root)))


@lru_cache
def ratio_in_the_tail(algorithm: Algorithm) -> Any:
    """λ₁ over the edge as y → 0 on the way to the origin of ℓ(xy), in κ = ηρ² and ζ = ρ|x|/y².

    At x = ξy² the sharpness is y² and the gradient ξy⁴ to leading order.
    """

    def run(product: Any, distance: Any, radius: Any, height: Any) -> Any:
        here: Any = {eta: product / radius**2, rho: radius}
        here[gradient_norm] = distance / radius * height**4
        at_edge = edge(algorithm).subs(here, simultaneous=True)
        return sympy.limit(sympy.simplify(height**2 / at_edge), height, 0)

    return with_positive((kappa, zeta, rho, y), run)
