"""Two examples whose valleys cross: each loss is flat where the other is not."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from landscapes.checks import Real
from landscapes.collection.three_sharpness import ThreeSharpness, factors
from landscapes.finite_sum import FiniteSum
from landscapes.landscape import Components


class CrossedValleys(ThreeSharpness, FiniteSum):
    """L = ½(L₁ + L₂), L₁ = 2F₁u², L₂ = 2F₂v², with the F₁(a, b) and F₂(a, b) of `ThreeSharpness`.

    The mean is the loss of `ThreeSharpness`. On the plane of its minima, u = v = 0, the Hessian of
    each example has rank one: curvature 4F₁ along u, and 4F₂ along v. What makes it interesting:
    SAM on the mean goes where F₁ is smallest, a = 1. On one example at a time, drawn at random, it
    lowers the sharpness of each in turn and goes where the trace is smallest, a = ⅓, as η → 0; at
    a finite η the sharper example weighs more.
    """

    formula = r"\tfrac12(2F_1(a, b)u^2 + 2F_2(a, b)v^2)"
    source = "ours; the setting is that of Wen, Ma & Li 2023, setting 5.1 (read)"

    @property
    def n_examples(self) -> int:
        return 2

    def example_loss(self, components: Components, example: Any) -> Any:
        a, b, u, v = components
        first, second = factors(a, b)
        return 2 * jnp.where(example == 0, first * u * u, second * v * v)

    def reference_example_gradient(self, w: Real, example: int) -> Real:
        a, b, u, v = w
        first, second = factors(a, b)
        if example == 0:
            return np.array([4 * (a - 1) * u * u, 4 * b * u * u, 4 * first * u, 0.0])
        return np.array([2 * (a + 1) * v * v, 2 * b * v * v, 0.0, 4 * second * v])

    @classmethod
    def examples(cls) -> tuple[CrossedValleys, ...]:
        return (cls(),)
