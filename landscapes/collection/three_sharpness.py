"""A manifold of minima on which three notions of sharpness are smallest at three places."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np

from landscapes.checks import Real
from landscapes.facts import (
    Box,
    Constant,
    CriticalKind,
    CriticalSet,
    DoesNotExist,
    Facts,
    Symmetry,
)
from landscapes.landscape import SymbolicLandscape, SymbolicLoss


class ThreeSharpness(SymbolicLandscape):
    """L(a, b, u, v) = F₁u² + F₂v², F₁ = 6 + (a − 1)² + b², F₂ = 1 + ½(a + 1)² + ½b².

    The minima are the plane u = v = 0; across it the curvatures are 2F₁ > 2F₂. By how much the
    loss within a radius ρ exceeds the loss at a minimum is ρ² times a sharpness, to leading
    order: at worst λ₁/2 = F₁, along the gradient λ₂/2 = F₂ (its lower limit nearby), and on
    average over the sphere the trace over 2·4, (F₁ + F₂)/4. What makes it interesting: these are
    smallest at a = 1, a = −1 and a = ⅓ (b = 0), so that where a method ends on the plane tells
    which of the three it minimises.
    """

    formula = r"F_1(a, b)u^2 + F_2(a, b)v^2"
    source = (
        "ours; the three notions are those of Wen, Ma & Li 2023, definitions 4.1 (read) and 4.3 "
        "(formula recalled)"
    )
    static_fields = ("dim",)
    #: Where on the plane each sharpness is smallest.
    flattest: ClassVar[dict[str, tuple[float, ...]]] = {
        "worst": (1.0, 0.0, 0.0, 0.0),
        "ascent": (-1.0, 0.0, 0.0, 0.0),
        "average": (1 / 3, 0.0, 0.0, 0.0),
    }

    def __init__(self) -> None:
        self._set(dim=4)

    def symbolic(self) -> SymbolicLoss:
        return _symbolic()

    def sharpnesses(self, w: Any) -> dict[str, Any]:
        """The three sharpnesses at the minimum below each point `(..., 4)`, that with its a and b.

        "worst" is λ₁/2, "ascent" half the smaller curvature across, "average" the trace over 8.
        """
        first, second = factors(w[..., 0], w[..., 1])
        return {"worst": first, "ascent": second, "average": (first + second) / 4}

    @cached_property
    def facts(self) -> Facts:
        at = np.array([(-1.0, 0.0), (1 / 3, 0.0), (1.0, 0.0), (0.3, 0.2), (-2.3, 1.6)])
        zero = np.zeros(len(at))
        first, second = factors(*at.T)
        radius = 2.0
        # The norm of a matrix is at most that of the largest absolute values of its entries.
        far_1, far_2 = factors(-radius, radius)[0], factors(radius, radius)[1]
        bound = np.array(
            [
                [3 * radius**2, 0, 4 * (radius + 1) * radius, 2 * (radius + 1) * radius],
                [0, 3 * radius**2, 4 * radius**2, 2 * radius**2],
                [4 * (radius + 1) * radius, 4 * radius**2, 2 * far_1, 0],
                [2 * (radius + 1) * radius, 2 * radius**2, 0, 2 * far_2],
            ]
        )
        return Facts(
            critical_sets=(
                CriticalSet(
                    "minima u = v = 0",
                    CriticalKind.MINIMUM,
                    np.stack([*at.T, zero, zero], axis=-1),
                    np.stack([2 * first, 2 * second, zero, zero], axis=-1),
                    lambda w: (w[..., 2] ** 2 + w[..., 3] ** 2) ** 0.5,
                ),
            ),
            minimum_loss=0.0,
            smoothness=Constant(float(np.linalg.norm(bound, 2)), Box(radius), attained=False),
            strong_convexity=DoesNotExist("along a = u it falls without bound, as −u²"),
            # ½‖∇L‖² ≥ 2F₁²u² + 2F₂²v² ≥ 2 min F₂ · L, with equality at (−1, 0, 0, v).
            polyak_lojasiewicz=Constant(2.0),
            symmetries=(
                Symmetry("b -> -b", lambda w: w * np.array([1.0, -1.0, 1.0, 1.0])),
                Symmetry("u -> -u", lambda w: w * np.array([1.0, 1.0, -1.0, 1.0])),
                Symmetry("v -> -v", lambda w: w * np.array([1.0, 1.0, 1.0, -1.0])),
            ),
        )

    def reference_gradient(self, w: Real) -> Real:
        a, b, u, v = w
        first, second = factors(a, b)
        return np.array(
            [
                2 * (a - 1) * u * u + (a + 1) * v * v,
                2 * b * u * u + b * v * v,
                2 * first * u,
                2 * second * v,
            ]
        )

    def arguments(self) -> dict:
        return {}

    @classmethod
    def examples(cls) -> tuple[ThreeSharpness, ...]:
        return (cls(),)


def factors(a: Any, b: Any) -> tuple[Any, Any]:
    """F₁ and F₂."""
    return 6 + (a - 1) ** 2 + b**2, 1 + (a + 1) ** 2 / 2 + b**2 / 2


@lru_cache
def _symbolic() -> SymbolicLoss:
    import sympy

    a, b, u, v = sympy.symbols("a b u v", real=True)
    first, second = factors(a, b)
    return SymbolicLoss((a, b, u, v), first * u**2 + second * v**2, {})
