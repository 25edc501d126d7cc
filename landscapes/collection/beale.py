"""Beale's function: a curved valley with a minimum at one end, and a steep saddle beside it."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from landscapes.checks import Real
from landscapes.facts import Constant, CriticalKind, DoesNotExist, Facts, critical_point
from landscapes.landscape import SymbolicLandscape, SymbolicLoss

_TARGETS = np.array([1.5, 2.25, 2.625])


class Beale(SymbolicLandscape):
    """L(x, y) = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)².

    The minimum is (3, ½), with the value 0. At the saddle (0, 1) the curvatures are ±27.75, and
    another saddle lies at (0.1005, −2.645). What makes it interesting: a valley leads towards
    the saddle (0, 1), which attracts USAM (for small steps) when ρ > 1/27.75, and SAM for every
    ρ from nearby, while GD passes it.
    """

    formula = r"\sum_{i=1}^3 (c_i - x + xy^i)^2,\ c = (1.5, 2.25, 2.625)"
    source = "Beale 1958; its saddle in the study of SAM by Kim et al. 2023 (read in a note on it)"
    static_fields = ("dim",)

    def __init__(self) -> None:
        self._set(dim=2)

    def symbolic(self) -> SymbolicLoss:
        return _symbolic()

    @cached_property
    def facts(self) -> Facts:
        # x enters as a square, of which ∂L/∂x = 0 gives it by y; what is left of ∂L/∂y = 0 is
        # (y − 1)²(2y − 1)(7y² + 13y + 17)(3y³ + 11y² + 10y + 5) = 0, with one real root besides.
        roots = np.roots([3.0, 11.0, 10.0, 5.0])
        y = float(roots[np.argmin(abs(roots.imag))].real)
        powers = 1 - y ** np.arange(1, 4)
        other = (float(_TARGETS @ powers / (powers @ powers)), y)
        return Facts(
            critical_sets=(
                critical_point(
                    "minimum (3, 1/2)", CriticalKind.MINIMUM, (3, 0.5), _spectrum(3, 0.5)
                ),
                critical_point("saddle (0, 1)", CriticalKind.SADDLE, (0, 1), (27.75, -27.75)),
                critical_point(
                    "saddle (0.1005, -2.645)", CriticalKind.SADDLE, other, _spectrum(*other)
                ),
            ),
            minimum_loss=0.0,
            smoothness=Constant(np.inf),
            strong_convexity=DoesNotExist("along y = 0 the curvature falls without bound, as −2x²"),
            polyak_lojasiewicz=DoesNotExist("at the saddles the gradient is 0 above the minimum"),
        )

    def reference_gradient(self, w: Real) -> Real:
        x, y = w
        slope = np.zeros(2)
        for i, target in enumerate(_TARGETS, start=1):
            residual = target - x + x * y**i
            slope += 2 * residual * np.array([y**i - 1, i * x * y ** (i - 1)])
        return slope

    def arguments(self) -> dict:
        return {}

    @classmethod
    def examples(cls) -> tuple[Beale, ...]:
        return (cls(),)


def _spectrum(x: float, y: float) -> tuple[float, float]:
    """The eigenvalues of ∇²L, L being |c − xp|² with pᵢ = 1 − yⁱ."""
    i = np.arange(1, 4)
    p, first, second = 1 - y**i, -i * y ** (i - 1.0), -i * (i - 1) * y ** (i - 2.0)
    residual = _TARGETS - x * p
    a, c = 2 * p @ p, 2 * (x * x * first @ first - x * second @ residual)
    b = 2 * (x * p @ first - first @ residual)
    root = np.hypot((a - c) / 2, b)
    return float((a + c) / 2 + root), float((a + c) / 2 - root)


@lru_cache
def _symbolic() -> SymbolicLoss:
    import sympy

    x, y = sympy.symbols("x y", real=True)
    targets = (sympy.Rational(3, 2), sympy.Rational(9, 4), sympy.Rational(21, 8))
    terms = [(c - x + x * y**i) ** 2 for i, c in enumerate(targets, start=1)]
    return SymbolicLoss((x, y), sum(terms, sympy.S.Zero), {})
