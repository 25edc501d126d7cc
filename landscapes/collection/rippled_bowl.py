"""A parabola with ripples: not convex, yet its slope never lets a descent down."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from landscapes.checks import Real
from landscapes.facts import Constant, CriticalKind, Facts, Symmetry, critical_point
from landscapes.landscape import SymbolicLandscape, SymbolicLoss

# The minimum over w ≠ 0 of ½L′²/L, at |w| = 2.2017…, rounded down. The suite proves it in interval
# arithmetic: that ½L′² ≥ αL for every w, and that it is wrong for α + 1e-12.
_POLYAK_LOJASIEWICZ = 0.175_530_985_879


class RippledBowl(SymbolicLandscape):
    """L(w) = w² + 3 sin² w.

    One minimum and no other critical point, although the curvature 2 + 6 cos 2w falls to −4. What
    makes it interesting: it meets the Polyak–Łojasiewicz inequality without being convex, which
    tells theorems that need the one from those that need the other. The constant often quoted,
    1/32, is right; the best one is more than five times as large.
    """

    formula = r"w^2 + 3 \sin^2 w"
    source = "Karimi, Nutini & Schmidt 2016, section 2.2 (recalled); the constant is ours"
    static_fields = ("dim",)

    def __init__(self) -> None:
        self._set(dim=1)

    def symbolic(self) -> SymbolicLoss:
        return _symbolic()

    @cached_property
    def facts(self) -> Facts:
        return Facts(
            # L′ = 2w + 3 sin 2w is 0 where −sin 2w = 2w/3; beyond |2w| = 3 that exceeds 1, and
            # before π > 3 the sine has the sign of w.
            critical_sets=(critical_point("minimum", CriticalKind.MINIMUM, (0,), (8,)),),
            minimum_loss=0.0,
            smoothness=Constant(8.0),
            strong_convexity=Constant(-4.0),
            polyak_lojasiewicz=Constant(_POLYAK_LOJASIEWICZ),
            symmetries=(Symmetry("w -> -w", lambda w: -w),),
        )

    def reference_gradient(self, w: Real) -> Real:
        return 2 * w + 6 * np.sin(w) * np.cos(w)

    def arguments(self) -> dict:
        return {}

    @classmethod
    def examples(cls) -> tuple[RippledBowl, ...]:
        return (cls(),)


@lru_cache
def _symbolic() -> SymbolicLoss:
    import sympy

    w = sympy.Symbol("w", real=True)
    return SymbolicLoss((w,), w**2 + 3 * sympy.sin(w) ** 2, {})
