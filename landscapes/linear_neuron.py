"""A linear neuron with one hidden unit: the loss ℓ(xy), whose minima form two crossing lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy

from landscapes.checks import Real, one_of
from landscapes.expression import NumericFunction
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


class LogCosh(NumericFunction):
    """log cosh s, without the overflow of cosh."""

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        return sympy.log(sympy.cosh(s))

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        # log cosh s = |s| + log1p(e^{-2|s|}) − log 2 loses all digits for small s; there
        # cosh s − 1 = 2 sinh²(s/2) is exact, and 0.5 is where both lose the least.
        small = xp.abs(s) < 0.5
        half = xp.sinh(xp.where(small, s, 0.0) / 2)
        large = xp.abs(s)
        return xp.where(
            small, xp.log1p(2 * half * half), large + xp.log1p(xp.exp(-2 * large)) - np.log(2.0)
        )

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.tanh(self.args[0])


class SqrtLink(NumericFunction):
    """√(1 + s²) − 1, without the cancellation at small s."""

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        return sympy.sqrt(1 + s**2) - 1

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        return s * s / (1 + xp.sqrt(1 + s * s))

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        s: Any = self.args[0]
        return s / sympy.sqrt(1 + s**2)


@dataclass(frozen=True)
class Link:
    """An even convex ℓ with ℓ″(0) = 1: its formula, ℓ′ in NumPy by hand, and a bound of |ℓ′|."""

    expression: Any
    reference_derivative: Any
    derivative_bound: Any


LINKS: dict[str, Link] = {
    "logcosh": Link(LogCosh, np.tanh, np.tanh),
    "sqrt": Link(SqrtLink, lambda s: s / np.sqrt(1 + s * s), lambda s: s / np.sqrt(1 + s * s)),
    "square": Link(lambda s: s**2 / 2, lambda s: s, lambda s: s),
}


class LinearNeuron(SymbolicLandscape):
    """L(x, y) = ℓ(xy), ℓ even and convex with ℓ″(0) = 1.

    `link` names ℓ: "logcosh" is log cosh s, "sqrt" is √(1+s²) − 1, "square" is s²/2. Every point
    with xy = 0 is a minimum; at (0, y) the curvatures are y² and 0, so that sharpness falls
    towards the origin. What makes it interesting: where on this cross a method comes to rest,
    and whether it rests at all.

    Raises `ValueError` for another link.
    """

    formula = r"\ell(xy)"
    source = "Ahn et al. 2023 (recalled); Dai, Ahn & Sra 2023, section 3.1 (read in a summary)"
    static_fields = ("dim", "link")
    link: str

    def __init__(self, link: str = "logcosh") -> None:
        self._set(dim=2, link=one_of("link", link, tuple(LINKS)))

    def symbolic(self) -> SymbolicLoss:
        return _symbolic(self.link)

    @cached_property
    def facts(self) -> Facts:
        heights = np.array([-2.5, -0.7, 0.4, 1.0, 3.0])
        zero = np.zeros_like(heights)
        spectra = np.stack([heights**2, zero], axis=-1)
        radius = 2.0
        # ∇²L = ℓ″(p)(y, x)(y, x)ᵀ + ℓ′(p)((0, 1), (1, 0)) with p = xy, ℓ″ ≤ 1 and |p| ≤ radius²:
        # its norm is at most 2 radius² + |ℓ′(radius²)|.
        steepest = float(LINKS[self.link].derivative_bound(radius**2))
        smoothness = 2 * radius**2 + steepest
        return Facts(
            critical_sets=(
                CriticalSet(
                    "minima x = 0",
                    CriticalKind.MINIMUM,
                    np.stack([zero, heights], axis=-1),
                    spectra,
                    lambda w: abs(w[..., 0]),
                ),
                CriticalSet(
                    "minima y = 0",
                    CriticalKind.MINIMUM,
                    np.stack([heights, zero], axis=-1),
                    spectra,
                    lambda w: abs(w[..., 1]),
                ),
                critical_point("origin", CriticalKind.DEGENERATE, (0, 0), (0, 0)),
            ),
            minimum_loss=0.0,
            smoothness=Constant(smoothness, Box(radius), attained=False),
            # … its first term is not negative, and the second not below −|ℓ′(radius²)|.
            strong_convexity=Constant(-steepest, Box(radius), attained=False),
            polyak_lojasiewicz=DoesNotExist(
                "towards the origin ‖∇L‖² falls as |w|⁶ and L as |w|⁴ only"
            ),
            symmetries=(
                Symmetry("(x, y) -> (y, x)", lambda w: w[..., ::-1]),
                Symmetry("(x, y) -> (-x, y)", lambda w: w * np.array([-1.0, 1.0])),
            ),
        )

    def reference_gradient(self, w: Real) -> Real:
        x, y = w
        slope = LINKS[self.link].reference_derivative(x * y)
        return np.array([slope * y, slope * x])

    def arguments(self) -> dict:
        return {"link": self.link}

    @classmethod
    def examples(cls) -> tuple[LinearNeuron, ...]:
        return tuple(cls(link) for link in LINKS)


@lru_cache
def _symbolic(link: str) -> SymbolicLoss:
    x, y = sympy.symbols("x y", real=True)
    return SymbolicLoss((x, y), LINKS[link].expression(x * y), {})
