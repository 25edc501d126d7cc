"""The smallest matrix factorisation: a number written as a product of two."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
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

# Halvings of (−1, 1) until 1 − |t| is one unit in the last place; being at a maximum, the square
# is then wrong by that unit squared.
_HALVINGS = 52


class ScalarFactorisation(SymbolicLandscape):
    """L(x, y) = ½(target − xy)².

    For a target other than 0 the minima are the two branches of the hyperbola xy = target, with
    curvatures x² + y² and 0, and the origin is a saddle with curvatures ±target. For the target 0
    they are the two axes, which cross at the origin. What makes it interesting: the sharpness at
    the limit tells which curvatures a method can rest at, and the loss, a quartic, is where the
    ascent of USAM overshoots.

    Raises `ValueError` for a target that is not a finite number.
    """

    formula = r"\tfrac12(c - xy)^2"
    source = (
        "c = 0: Dai, Ahn & Sra 2023 (read in a summary); c = 1: our test case for the conditions "
        "on curvatures of Bolte, Le & Pauwels 2025"
    )
    array_fields = ("target",)
    static_fields = ("dim",)
    target: Real  #: c, shape ()

    def __init__(self, target: float) -> None:
        self._set(dim=2, target=real_array("target", target, ndim=0, accepted="a number"))

    def symbolic(self) -> SymbolicLoss:
        point, target, expression = _symbolic()
        return SymbolicLoss(point, expression, {target: self.target})

    @cached_property
    def facts(self) -> Facts:
        target, radius = float(self.target), 2.0
        size = abs(target)
        return Facts(
            critical_sets=_hyperbola(target) if target else _cross(),
            minimum_loss=0.0,
            # ∇²L = ((y², 2xy − c), (2xy − c, x²)). Of the corners, those where xy and c differ in
            # sign have the largest entries, all of one sign, hence the largest eigenvalue …
            smoothness=Constant(3 * radius**2 + size, Box(radius)),
            # … and the smallest: with x² + y² = 2m it is at least m − (2m + |c|), and m ≤ radius².
            strong_convexity=Constant(-(radius**2) - size, Box(radius)),
            polyak_lojasiewicz=DoesNotExist(
                "at the saddle the gradient is 0 above the minimum"
                if target
                else "towards the origin ‖∇L‖² falls as |w|⁶ and L as |w|⁴ only"
            ),
            symmetries=(
                Symmetry("(x, y) -> (y, x)", lambda w: w[..., ::-1]),
                Symmetry("w -> -w", lambda w: -w)
                if target
                else Symmetry("(x, y) -> (-x, y)", lambda w: w * np.array([-1.0, 1.0])),
            ),
        )

    def reference_gradient(self, w: Real) -> Real:
        x, y = w
        residual = x * y - float(self.target)
        return np.array([residual * y, residual * x])

    def arguments(self) -> dict:
        return {"target": self.target}

    @classmethod
    def examples(cls) -> tuple[ScalarFactorisation, ...]:
        return (cls(target=1.6), cls(target=-1.7), cls(target=0.0))


def _cross() -> tuple[CriticalSet, ...]:
    at = np.array([-2.5, -0.7, 0.4, 1.3, 3.0])
    zero = np.zeros_like(at)
    spectra = np.stack([at**2, zero], axis=-1)
    on_y, on_x = np.stack([zero, at], axis=-1), np.stack([at, zero], axis=-1)
    minimum = CriticalKind.MINIMUM
    return (
        CriticalSet("minima x = 0", minimum, on_y, spectra, lambda w: abs(w[..., 0])),
        CriticalSet("minima y = 0", minimum, on_x, spectra, lambda w: abs(w[..., 1])),
        critical_point("origin", CriticalKind.DEGENERATE, (0, 0), (0, 0)),
    )


def _hyperbola(target: float) -> tuple[CriticalSet, ...]:
    # Powers of two, so that xy is the target to the last bit.
    x = np.array([-4.0, -0.5, 0.5, 1.0, 2.0])
    points = np.stack([x, target / x], axis=-1)
    spectra = np.stack([(points**2).sum(axis=-1), np.zeros_like(x)], axis=-1)
    size = abs(target)
    return (
        CriticalSet(
            f"minima xy = {target:g}",
            CriticalKind.MINIMUM,
            points,
            spectra,
            lambda w: _distance_to_hyperbola(w, target),
        ),
        critical_point("saddle (0, 0)", CriticalKind.SADDLE, (0, 0), (size, -size)),
    )


def _distance_to_hyperbola(w: Any, target: float) -> Any:
    """The distance to {xy = c}, as the dual of minimising it.

    In the coordinates u = (x + y)/√2 and v = (x − y)/√2 the hyperbola is u² − v² = 2c, and with
    a multiplier t the squared distance is the maximum over |t| < 1 of the concave function
    t(u²/(1 + t) − v²/(1 − t) − 2c): of one quadratic equation there is no duality gap. Its slope
    has the sign of u²(1 − t)² − v²(1 + t)² − 2c(1 − t²)², and changes it once.
    """
    xp = jnp if isinstance(w, jax.Array) else np
    u2 = (w[..., 0] + w[..., 1]) ** 2 / 2
    v2 = (w[..., 0] - w[..., 1]) ** 2 / 2
    t = xp.zeros_like(u2)
    step = 1.0
    for _ in range(_HALVINGS):
        step /= 2
        slope = u2 * (1 - t) ** 2 - v2 * (1 + t) ** 2 - 2 * target * (1 - t * t) ** 2
        t = xp.where(slope > 0, t + step, t - step)
    square = t * (u2 / (1 + t) - v2 / (1 - t) - 2 * target)
    return xp.sqrt(xp.maximum(square, 0.0))


@lru_cache
def _symbolic() -> tuple[Any, Any, sympy.Expr]:
    import sympy

    x, y, target = sympy.symbols("x y target", real=True)
    return (x, y), target, (target - x * y) ** 2 / 2
