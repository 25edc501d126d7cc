"""A valley of minima whose walls are least steep at one point, and a relative without mirror."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from landscapes.checks import Real, real_array
from landscapes.facts import (
    Box,
    Constant,
    CriticalKind,
    CriticalSet,
    DoesNotExist,
    Facts,
    Symmetry,
    critical_point,
)
from landscapes.landscape import SymbolicLandscape, SymbolicLoss

if TYPE_CHECKING:
    import sympy


class Ravine(SymbolicLandscape):
    """L(x, y) = ½(1 + y²)x² + skew·x³(1 + tilt·y).

    The valley x = 0 consists of minima with curvature 1 + y² across and 0 along it, whatever
    `skew` and `tilt` are. What makes it interesting: methods that only look for a minimum stop
    anywhere on it, while SAM, bouncing between the walls, slides to y = 0, where they are least
    steep. `skew` makes the two walls differ, so that nothing cancels by symmetry, and `tilt` by
    how much along the valley. A skewed ravine is unbounded below beyond a saddle, far from the
    valley for small `skew`.

    Raises `ValueError` for parameters that are not finite numbers, or a `tilt` without `skew`.
    """

    formula = r"\tfrac12(1 + y^2)x^2 + s x^3(1 + t y)"
    source = "ours; the plain one as the simplest minimum manifold with a varying sharpness"
    array_fields = ("skew", "tilt")
    static_fields = ("dim",)
    skew: Real  #: s, shape ()
    tilt: Real  #: t, shape ()

    def __init__(self, skew: float = 0.0, tilt: float = 0.0) -> None:
        of_skew = real_array("skew", skew, ndim=0, accepted="a number")
        of_tilt = real_array("tilt", tilt, ndim=0, accepted="a number")
        if of_tilt and not of_skew:
            raise ValueError(f"tilt acts through skew, which is 0; got tilt = {of_tilt}")
        self._set(dim=2, skew=of_skew, tilt=of_tilt)

    def symbolic(self) -> SymbolicLoss:
        point, parameters, expression = _symbolic()
        return SymbolicLoss(
            point, expression, dict(zip(parameters, (self.skew, self.tilt), strict=True))
        )

    @cached_property
    def facts(self) -> Facts:
        heights = np.array([-2.5, -0.7, 0.0, 0.4, 3.0])
        zero = np.zeros_like(heights)
        skew, tilt, radius = float(self.skew), float(self.tilt), 2.0
        valley = CriticalSet(
            "valley x = 0",
            CriticalKind.MINIMUM,
            np.stack([zero, heights], axis=-1),
            np.stack([1 + heights**2, zero], axis=-1),
            lambda w: abs(w[..., 0]),
        )
        # Every entry of ∇²L is largest, and all of one sign, in one and the same corner of the
        # box: there the norm is largest too (Perron and Frobenius).
        across = 1 + radius**2 + 6 * abs(skew) * radius * (1 + abs(tilt) * radius)
        mixed = (2 + 3 * abs(skew * tilt)) * radius**2
        return Facts(
            critical_sets=(valley, *_saddles(skew, tilt)),
            minimum_loss=-np.inf if skew else 0.0,
            smoothness=Constant(_spectrum(across, mixed, radius**2)[0], Box(radius)),
            # At x = u, y = ±u the determinant is −(9k² + 6k + 3)u⁴ + …, k = ±skew·tilt.
            strong_convexity=DoesNotExist("along x = ±y the curvature falls without bound, as −x²"),
            # ½‖∇L‖² ≥ ½(1 + y²)²x² = (1 + y²)L without skew, with equality at y = 0.
            polyak_lojasiewicz=DoesNotExist("the loss is unbounded below")
            if skew
            else Constant(1.0),
            symmetries=()
            if skew
            else (
                Symmetry("(x, y) -> (-x, y)", lambda w: w * np.array([-1.0, 1.0])),
                Symmetry("(x, y) -> (x, -y)", lambda w: w * np.array([1.0, -1.0])),
            ),
        )

    def reference_gradient(self, w: Real) -> Real:
        x, y = w
        s, t = float(self.skew), float(self.tilt)
        return np.array(
            [(1 + y * y) * x + 3 * s * x * x * (1 + t * y), y * x * x + s * t * x * x * x]
        )

    def arguments(self) -> dict:
        return {"skew": self.skew, "tilt": self.tilt}

    @classmethod
    def examples(cls) -> tuple[Ravine, ...]:
        return (cls(), cls(skew=0.4, tilt=0.3), cls(skew=-0.35))


def _saddles(skew: float, tilt: float) -> tuple[CriticalSet, ...]:
    """Off the valley ∇L = 0 where x = −y/(skew·tilt) and 2·tilt·y² + 3y = tilt.

    There ∂²L/∂x² = −(1 + y²), and ∂²L/∂y² = x² is positive.
    """
    if not skew:
        return ()
    # The root next to 0 without cancellation, and the other by their product −1/2.
    near = 2 * tilt / (3 + np.sqrt(9 + 8 * tilt**2))
    found = []
    for y in (near,) if not tilt else (near, -1 / (2 * near)):
        x = -(1 + y * y) / (3 * skew * (1 + tilt * y))
        spectrum = _spectrum(-(1 + y * y), 2 * x * y + 3 * skew * tilt * x * x, x * x)
        name = f"saddle ({x:.3g}, {y:.3g})"
        found.append(critical_point(name, CriticalKind.SADDLE, (x, y), spectrum))
    return tuple(found)


def _spectrum(a: float, b: float, c: float) -> tuple[float, float]:
    """The eigenvalues of ((a, b), (b, c)), descending."""
    root = np.hypot((a - c) / 2, b)
    return (a + c) / 2 + root, (a + c) / 2 - root


@lru_cache
def _symbolic() -> tuple[Any, Any, sympy.Expr]:
    import sympy

    x, y, skew, tilt = sympy.symbols("x y skew tilt", real=True)
    return (x, y), (skew, tilt), (1 + y**2) * x**2 / 2 + skew * x**3 * (1 + tilt * y)
