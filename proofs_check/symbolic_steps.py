"""The simulator's own step, run on symbols: what every prediction here is derived from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import sympy

from dynamics import Algorithm, Vector, initial_memory, step
from landscapes import SymbolicLoss
from proofs_check.symbols import eta, rho


class SymbolicVector(Vector):
    """A vector of SymPy expressions, away from the points where a norm vanishes."""

    __slots__ = ()

    def norm(self) -> sympy.Expr:
        return sympy.sqrt(sympy.factor(self.dot(self)))

    def unit(self) -> Self:
        length = self.norm()
        return type(self)(tuple(sympy.cancel(c / length) for c in self.components))

    def absolute(self) -> Self:
        return type(self)(tuple(sympy.Abs(c) for c in self.components))

    def sign(self) -> Self:
        return type(self)(tuple(sympy.sign(c) for c in self.components))

    def largest(self) -> sympy.Expr:
        return sympy.Max(*(sympy.Abs(c) for c in self.components))

    def derivative(self, function: Callable[[Any], Any], along: Any) -> Self:
        s = sympy.Dummy("s")
        moved = function(self + s * along)
        return type(self)(
            tuple(sympy.diff(sympy.sympify(c), s).subs(s, 0) for c in moved.components)
        )

    @staticmethod
    def ratio(a: Any, b: Any) -> Any:
        return sympy.cancel(a / b)

    @staticmethod
    def smaller(a: Any, b: Any) -> Any:
        return sympy.Min(a, b)

    @staticmethod
    def larger(a: Any, b: Any) -> Any:
        return sympy.Max(a, b)

    @staticmethod
    def _sum(component: Any) -> Any:
        return component


def next_point(
    gradient: Callable[[Sequence[Any]], Sequence[Any]],
    algorithm: Algorithm,
    point: Sequence[Any],
    eta: Any = eta,
    rho: Any = rho,
) -> tuple[sympy.Expr, ...]:
    """The point after one step of the running code, given the gradient as a function."""
    w = SymbolicVector(tuple(point))
    after, _ = step(
        lambda v: SymbolicVector(tuple(gradient(v.components))),
        algorithm,
        w,
        initial_memory(algorithm, w),
        eta,
        rho,
    )
    return tuple(sympy.sympify(c) for c in after.components)


def gradient_of(loss: SymbolicLoss) -> Callable[[Sequence[Any]], tuple[sympy.Expr, ...]]:
    """The gradient of a landscape's own symbolic loss, as a function of the point."""
    entries = loss.gradient()

    def gradient(point: Sequence[Any]) -> tuple[sympy.Expr, ...]:
        at: Any = dict(zip(loss.point, point, strict=True))
        return tuple(g.subs(at, simultaneous=True) for g in entries)

    return gradient
