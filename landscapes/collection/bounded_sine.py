"""A sine on which SAM comes to rest where the gradient is not zero."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from landscapes.checks import Real, real_array
from landscapes.facts import Constant, CriticalKind, CriticalSet, DoesNotExist, Facts, Symmetry
from landscapes.landscape import SymbolicLandscape, SymbolicLoss

if TYPE_CHECKING:
    import sympy


class BoundedSine(SymbolicLandscape):
    """L(w) = (9βr²/25π²) sin(5πw/3r), with the smoothness β and the radius r it is made for.

    Minima and maxima alternate, with curvatures ±β. The period is 6r/5, so that an ascent of
    length r goes five sixths of the way to the next point with the same slope. What makes it
    interesting: SAM with ρ = r comes to rest where the ascent point is critical and the point
    itself is not; there |L′| = (3√3/10π)βr.

    Raises `ValueError` for a smoothness or a radius that is not positive.
    """

    formula = r"\tfrac{9\beta r^2}{25\pi^2}\sin\tfrac{5\pi w}{3r}"
    source = "Si & Yun 2023, counterexample for smooth losses (formula recalled, verified by us)"
    array_fields = ("beta", "radius")
    static_fields = ("dim",)
    beta: Real  #: β, the largest curvature, shape ()
    radius: Real  #: r, shape ()

    def __init__(self, beta: float, radius: float) -> None:
        given = {
            name: real_array(name, value, ndim=0, accepted="a positive number")
            for name, value in (("beta", beta), ("radius", radius))
        }
        for name, value in given.items():
            if value <= 0:
                raise ValueError(f"{name} must be a positive number; got {value}")
        self._set(dim=1, **given)

    def symbolic(self) -> SymbolicLoss:
        point, parameters, expression = _symbolic()
        values = dict(zip(parameters, (self.beta, self.radius), strict=True))
        return SymbolicLoss(point, expression, values)

    @cached_property
    def facts(self) -> Facts:
        beta, period = float(self.beta), 1.2 * float(self.radius)
        return Facts(
            critical_sets=(
                _one_every("minima", CriticalKind.MINIMUM, period, -period / 4, beta),
                _one_every("maxima", CriticalKind.MAXIMUM, period, period / 4, -beta),
            ),
            minimum_loss=-9 * beta * float(self.radius) ** 2 / (25 * np.pi**2),
            smoothness=Constant(beta),
            strong_convexity=Constant(-beta),
            polyak_lojasiewicz=DoesNotExist("at the maxima the gradient is 0 above the minimum"),
            symmetries=(
                Symmetry("w -> w + 6r/5", lambda w: w + period),
                Symmetry("w -> 3r/5 - w", lambda w: period / 2 - w),
            ),
        )

    def reference_gradient(self, w: Real) -> Real:
        beta, radius = float(self.beta), float(self.radius)
        return 3 * beta * radius / (5 * np.pi) * np.cos(5 * np.pi * w / (3 * radius))

    def arguments(self) -> dict:
        return {"beta": self.beta, "radius": self.radius}

    @classmethod
    def examples(cls) -> tuple[BoundedSine, ...]:
        return (cls(beta=2.3, radius=3.7), cls(beta=0.6, radius=6.4))


def _one_every(
    name: str, kind: CriticalKind, period: float, first: float, curvature: float
) -> CriticalSet:
    points = first + period * np.arange(-2.0, 3.0)[:, None]
    return CriticalSet(
        f"{name}, one every {period:.3g}",
        kind,
        points,
        np.full_like(points, curvature),
        lambda w: abs((w[..., 0] - first + period / 2) % period - period / 2),
    )


@lru_cache
def _symbolic() -> tuple[Any, Any, sympy.Expr]:
    import sympy

    w = sympy.Symbol("w", real=True)
    beta, radius = sympy.symbols("beta radius", positive=True)
    amplitude = 9 * beta * radius**2 / (25 * sympy.pi**2)
    return (w,), (beta, radius), amplitude * sympy.sin(5 * sympy.pi * w / (3 * radius))
