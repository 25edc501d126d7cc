"""A linear neuron with one hidden unit: the loss ℓ(xy), whose minima form two crossing lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from landscapes.checks import Real, one_of, real_array, shown
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


@dataclass(frozen=True)
class Link:
    """An even convex ℓ with ℓ″(0) = 1: its formula, ℓ′ in NumPy by hand, and a bound of |ℓ′|."""

    expression: Any
    reference_derivative: Any
    derivative_bound: Any


def _log_cosh(s: Any) -> Any:
    from landscapes.expressions.functions import LogCosh

    return LogCosh(s)


def _sqrt_link(s: Any) -> Any:
    from landscapes.expressions.functions import SqrtLink

    return SqrtLink(s)


LINKS: dict[str, Link] = {
    "logcosh": Link(_log_cosh, np.tanh, np.tanh),
    "sqrt": Link(_sqrt_link, lambda s: s / np.sqrt(1 + s * s), lambda s: s / np.sqrt(1 + s * s)),
    "square": Link(lambda s: s**2 / 2, lambda s: s, lambda s: s),
}
# The link that has a parameter. Nearer to 1 its loss loses digits to cancellation.
_POWER, _LEAST_EXPONENT = "power", 1.2


def _power(exponent: float) -> Link:
    from landscapes.expressions.functions import power_links

    def slope(s: Any) -> Any:
        return s / (1 + np.abs(s) ** exponent) ** (1 / exponent)

    return Link(power_links(exponent)[0], slope, slope)


class LinearNeuron(SymbolicLandscape):
    """L(x, y) = ℓ(xy), ℓ even and convex with ℓ″(0) = 1.

    `link` names ℓ: "logcosh" is log cosh s, "sqrt" is √(1+s²) − 1, "square" is s²/2, and "power",
    with an `exponent` b, is given by its slope ℓ′(s) = s/(1 + |s|^b)^{1/b}, which b = 2 makes that
    of "sqrt"; ℓ itself is a hypergeometric function (landscapes/expressions/functions.py). Every
    point with xy = 0 is a minimum; at (0, y) the curvatures are y² and 0, so that sharpness falls
    towards the origin. What makes it interesting: where on this cross a method comes to rest,
    and whether it rests at all; by how little GD comes to rest below the sharpness 2/η depends on
    b, to which power ℓ′(s)/s falls below 1.

    Raises `ValueError` for another link, and for "power" without an exponent of at least 1.2 or
    an exponent with another link.
    """

    formula = r"\ell(xy)"
    source = "Ahn et al. 2023 (recalled); Dai, Ahn & Sra 2023, section 3.1 (read in a summary)"
    static_fields = ("dim", "link", "exponent")
    in_range = False  # the links keep their digits by themselves
    link: str
    exponent: float | None  #: b, for the link "power" only

    def __init__(self, link: str = "logcosh", *, exponent: float | None = None) -> None:
        one_of("link", link, (*LINKS, _POWER))
        if link == _POWER:
            accepted = f"a number >= {_LEAST_EXPONENT}"
            exponent = float(real_array("exponent", exponent, ndim=0, accepted=accepted))
            if exponent < _LEAST_EXPONENT:
                raise ValueError(f"exponent must be {accepted}; got {exponent}")
        elif exponent is not None:
            raise ValueError(f"exponent goes with the link power only; got {shown(exponent)}")
        self._set(dim=2, link=link, exponent=exponent)

    def symbolic(self) -> SymbolicLoss:
        return _symbolic(self.link, self.exponent)

    @property
    def _link(self) -> Link:
        return LINKS[self.link] if self.exponent is None else _power(self.exponent)

    @cached_property
    def facts(self) -> Facts:
        heights = np.array([-2.5, -0.7, 0.4, 1.0, 3.0])
        zero = np.zeros_like(heights)
        spectra = np.stack([heights**2, zero], axis=-1)
        radius = 2.0
        # ∇²L = ℓ″(p)(y, x)(y, x)ᵀ + ℓ′(p)((0, 1), (1, 0)) with p = xy, ℓ″ ≤ 1 and |p| ≤ radius²:
        # its norm is at most 2 radius² + |ℓ′(radius²)|.
        steepest = float(self._link.derivative_bound(radius**2))
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
        slope = self._link.reference_derivative(x * y)
        return np.array([slope * y, slope * x])

    def arguments(self) -> dict:
        of_power = {} if self.exponent is None else {"exponent": self.exponent}
        return {"link": self.link} | of_power

    @classmethod
    def examples(cls) -> tuple[LinearNeuron, ...]:
        return (*(cls(link) for link in LINKS), *(cls(_POWER, exponent=b) for b in (1.5, 3.2)))


@lru_cache
def _symbolic(link: str, exponent: float | None) -> SymbolicLoss:
    import sympy

    x, y = sympy.symbols("x y", real=True)
    of = LINKS[link] if exponent is None else _power(exponent)
    return SymbolicLoss((x, y), of.expression(x * y), {})
