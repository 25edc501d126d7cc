"""A strongly convex loss that is not quadratic: a smooth kink across a ridge penalty."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from landscapes.checks import Real, real_array
from landscapes.facts import Constant, CriticalKind, Facts, Symmetry, critical_point
from landscapes.landscape import SymbolicLandscape, SymbolicLoss

if TYPE_CHECKING:
    import sympy


class LogCoshRidge(SymbolicLandscape):
    """L(w) = ½·ridge·|w|² + log cosh(v·w − c) + tanh(c)·v·w − log cosh c.

    v is `direction`, shape `(dim,)`, and c the `offset`. The linear term puts the minimum at 0
    with the value 0, wherever the kink, v·w = c, is. The curvature lies between `ridge` and
    `ridge` + |v|², and takes the larger value on the kink only. What makes it interesting: the
    simplest test of statements on smooth and strongly convex losses that a quadratic cannot tell
    from wrong ones, for its curvature is not the same on both sides of the minimum.

    Raises `ValueError` for a ridge that is not positive, a direction that is 0, or numbers that
    are not finite.
    """

    formula = r"\tfrac\mu2\|w\|^2 + \log\cosh(v^\top w - c) + \tanh(c)\,v^\top w - \log\cosh c"
    source = "ours"
    array_fields = ("direction", "ridge", "offset")
    static_fields = ("dim",)
    direction: Real  #: v, shape (dim,)
    ridge: Real  #: μ, shape ()
    offset: Real  #: c, shape ()

    def __init__(self, direction: Any, ridge: float, offset: float) -> None:
        accepted = "a direction, a sequence of at least one number"
        along = real_array("direction", direction, ndim=1, accepted=accepted)
        if not along.any():
            raise ValueError(f"direction must not be 0; got {along.tolist()}")
        smallest = real_array("ridge", ridge, ndim=0, accepted="a positive number")
        if smallest <= 0:
            raise ValueError(f"ridge must be a positive number; got {smallest}")
        where = real_array("offset", offset, ndim=0, accepted="a number")
        self._set(dim=len(along), direction=along, ridge=smallest, offset=where)

    def symbolic(self) -> SymbolicLoss:
        point, direction, (ridge, offset), expression = _symbolic(self.dim)
        values = {v: self.direction[i] for i, v in enumerate(direction)}
        return SymbolicLoss(point, expression, values | {ridge: self.ridge, offset: self.offset})

    @cached_property
    def facts(self) -> Facts:
        ridge, v = float(self.ridge), self.direction
        across = float(v @ v)
        at_minimum = ridge + across / np.cosh(float(self.offset)) ** 2
        spectrum = (at_minimum, *(ridge,) * (self.dim - 1))
        # Across v the loss is the ridge alone. In one dimension its share is all that is left far
        # away from the kink, but never all there is.
        attained = self.dim > 1
        return Facts(
            critical_sets=(
                critical_point("minimum", CriticalKind.MINIMUM, (0,) * self.dim, spectrum),
            ),
            minimum_loss=0.0,
            smoothness=Constant(ridge + across),
            strong_convexity=Constant(ridge, attained=attained),
            polyak_lojasiewicz=Constant(ridge, attained=attained),
            symmetries=(self._mirror(),) if self.dim > 1 else (),
        )

    def _mirror(self) -> Symmetry:
        """w → w − 2⟨e, w⟩e, with the part e across v of the axis that is farthest from v."""
        v = self.direction / np.linalg.norm(self.direction)
        axis = int(np.argmin(abs(v)))
        e = np.eye(self.dim)[axis] - v[axis] * v
        e /= np.linalg.norm(e)
        return Symmetry("mirrored, v kept", lambda w: w - 2 * (w @ e)[..., None] * e)

    def reference_gradient(self, w: Real) -> Real:
        c = float(self.offset)
        slope = np.tanh(self.direction @ w - c) + np.tanh(c)
        return float(self.ridge) * w + slope * self.direction

    def arguments(self) -> dict:
        return {"direction": self.direction, "ridge": self.ridge, "offset": self.offset}

    @classmethod
    def examples(cls) -> tuple[LogCoshRidge, ...]:
        return (
            cls(direction=(1.4, -0.6), ridge=0.3, offset=0.7),
            cls(direction=(1.7,), ridge=0.2, offset=-0.45),
            cls(direction=(0.8, 1.9, -0.5), ridge=0.15, offset=1.3),
        )


@lru_cache
def _symbolic(dim: int) -> tuple[Any, Any, Any, sympy.Expr]:
    import sympy

    from landscapes.expressions.functions import LogCosh

    w = sympy.symbols(f"w1:{dim + 1}", real=True)
    v = sympy.symbols(f"v1:{dim + 1}", real=True)
    ridge, offset = sympy.symbols("mu c", real=True)
    along = sum((vi * wi for vi, wi in zip(v, w, strict=True)), sympy.S.Zero)
    square = sum((wi**2 for wi in w), sympy.S.Zero)
    kink = cast(Any, LogCosh(along - offset)) - cast(Any, LogCosh(offset))
    return w, v, (ridge, offset), ridge * square / 2 + kink + sympy.tanh(offset) * along
