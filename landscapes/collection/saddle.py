"""The toy loss of Tan et al. (2024), section 5.1: two minima and a strict saddle between."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from landscapes.checks import Real
from landscapes.facts import (
    Box,
    Constant,
    CriticalKind,
    DoesNotExist,
    Facts,
    Symmetry,
    critical_point,
)
from landscapes.landscape import SymbolicLandscape, SymbolicLoss


class Saddle(SymbolicLandscape):
    """L(x, y) = x⁴/4 − xy + y²/2.

    Minima at ±(1, 1) with curvatures 2 ± √2, a saddle at the origin with (1 ± √5)/2. What makes
    it interesting: GD leaves the saddle, while methods whose ascent has a fixed length ρ are
    held by it from a whole neighbourhood.
    """

    formula = r"\tfrac14 x^4 - xy + \tfrac12 y^2"
    source = "Tan et al. 2024, section 5.1 (after Lucchi et al. 2021)"
    static_fields = ("dim",)

    def __init__(self) -> None:
        self._set(dim=2)

    def symbolic(self) -> SymbolicLoss:
        return _symbolic()

    @cached_property
    def facts(self) -> Facts:
        at_minimum = (2 + np.sqrt(2), 2 - np.sqrt(2))
        at_saddle = ((1 + np.sqrt(5)) / 2, (1 - np.sqrt(5)) / 2)
        return Facts(
            critical_sets=(
                critical_point("minimum (1, 1)", CriticalKind.MINIMUM, (1, 1), at_minimum),
                critical_point("minimum (-1, -1)", CriticalKind.MINIMUM, (-1, -1), at_minimum),
                critical_point("saddle (0, 0)", CriticalKind.SADDLE, (0, 0), at_saddle),
            ),
            minimum_loss=-0.25,
            # The Hessian ((3x², −1), (−1, 1)) is largest at |x| = 2: (13 + √(11² + 4))/2.
            smoothness=Constant((13 + np.sqrt(125)) / 2, Box(2.0)),
            # … and smallest at x = 0, where it is the saddle's.
            strong_convexity=Constant(at_saddle[1]),
            polyak_lojasiewicz=DoesNotExist("at the saddle the gradient is 0 above the minimum"),
            symmetries=(Symmetry("w -> -w", lambda w: -w),),
        )

    def reference_gradient(self, w: Real) -> Real:
        x, y = w
        return np.array([x * x * x - y, y - x])

    def arguments(self) -> dict:
        return {}

    @classmethod
    def examples(cls) -> tuple[Saddle, ...]:
        return (cls(),)


@lru_cache
def _symbolic() -> SymbolicLoss:
    import sympy

    x, y = sympy.symbols("x y", real=True)
    return SymbolicLoss((x, y), x**4 / 4 - x * y + y**2 / 2, {})
