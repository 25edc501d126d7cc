"""Vectors of NumPy numbers whose lengths may be taken wrongly, in the ways that occur."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial, reduce
from typing import Any, Self

import numpy as np

from dynamics.algorithms.vector import Vector
from dynamics.conformance import probes

# How a number that keeps a length from being 0 is put there. The number is a length here; under
# the root it stands as its square.
SOFTENED: dict[str, Callable[[Any, Any], Any]] = {
    "added to the norm": lambda length, softening: length + softening,
    "under the root": lambda length, softening: np.hypot(length, softening),
    "as the least norm": lambda length, softening: np.maximum(length, softening),
}


class NumberVector(Vector):
    """Points as one component for each tensor; exact unless a subclass departs.

    A component has the shape `(size,)` of one point, or `(size, n)` of many at once; a length is
    a number, or one for each point.
    """

    __slots__ = ()

    def norm(self) -> Any:
        largest = self.largest()
        by = _or_one(largest)
        return largest * np.sqrt(sum(((c / by) ** 2).sum(axis=0) for c in self.components))

    def unit(self) -> Self:
        # By the largest entry first, as the norm is taken: a subnormal length has lost digits.
        by = _or_one(self.largest())
        scaled = tuple(c / by for c in self.components)
        length = _or_one(np.sqrt(sum((c**2).sum(axis=0) for c in scaled)))
        return type(self)(tuple(c / length for c in scaled))

    def absolute(self) -> Self:
        return type(self)(tuple(np.abs(c) for c in self.components))

    def sign(self) -> Self:
        return type(self)(tuple(np.sign(c) for c in self.components))

    def largest(self) -> Any:
        return reduce(np.maximum, (np.abs(c).max(axis=0) for c in self.components))

    def derivative(self, function: Callable[[Any], Any], along: Any) -> Self:
        # By a complex step: of polynomials exact to rounding, as h² is lost beside 1.
        h = 2.0**-100
        pairs = zip(self.components, along.components, strict=True)
        moved = function(type(self)(tuple(v + 1j * h * a for v, a in pairs)))
        return type(self)(tuple(c.imag / h for c in moved.components))

    @staticmethod
    def ratio(a: Any, b: Any) -> Any:
        return np.where(np.equal(b, 0), 0.0, a / _or_one(b))

    @staticmethod
    def smaller(a: Any, b: Any) -> Any:
        return np.minimum(a, b)

    @staticmethod
    def larger(a: Any, b: Any) -> Any:
        return np.maximum(a, b)

    @staticmethod
    def _sum(component: Any) -> Any:
        return component.sum(axis=0)


class PerTensorVector(NumberVector):
    """Each tensor is made a unit vector by itself."""

    __slots__ = ()

    def unit(self) -> Self:
        each = (NumberVector((c,)).unit().components[0] for c in self.components)
        return type(self)(tuple(each))


def _or_one(length: Any) -> Any:
    """1 where a length is 0, so that it can be divided by."""
    return np.where(np.equal(length, 0), 1.0, length)


def as_written(how: str, softening: float) -> float:
    """The number as it stands in the code."""
    return softening**2 if how == "under the root" else softening


@lru_cache(maxsize=64)
def softened(vector: type[NumberVector], how: str, softening: float) -> type[NumberVector]:
    """`vector` with a number put into the lengths that unit vectors are divided by."""

    class SoftenedVector(vector):
        __slots__ = ()

        def unit(self) -> Self:
            if issubclass(vector, PerTensorVector):
                by_itself = softened(NumberVector, how, softening)
                each = (by_itself((c,)).unit().components[0] for c in self.components)
                return type(self)(tuple(each))
            length = self.norm()
            factor = self.ratio(length, SOFTENED[how](length, softening))
            return type(self)(tuple(factor * c for c in super().unit().components))

    return SoftenedVector


# -- clipping ----------------------------------------------------------------------------------


def clipped(v: Any, how: str, limit: float) -> Any:
    """`v`, shape `(3, …)`, no longer than `limit`, in one of the ways of `CLIPPED`."""
    return CLIPPED[how](v, limit)


def _by_norm(v: Any, limit: float, added: float = 0.0) -> Any:
    return v * np.minimum(1.0, limit / _or_one(np.linalg.norm(v, axis=0) + added))


def _by_norm_of_each(v: Any, limit: float, added: float = 0.0) -> Any:
    return np.concatenate([_by_norm(v[part], limit, added) for part in probes.TENSORS])


#: How a vector is kept short. Torch adds 1e-6 to the norm.
CLIPPED: dict[str, Callable[[Any, float], Any]] = {
    "by the norm": _by_norm,
    "by the norm + 1e-6": partial(_by_norm, added=1e-6),
    "by the norm of each tensor": _by_norm_of_each,
    "by the norm of each tensor + 1e-6": partial(_by_norm_of_each, added=1e-6),
    "entry by entry": lambda v, limit: np.clip(v, -limit, limit),
}
