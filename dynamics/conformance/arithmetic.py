"""Vectors of NumPy numbers whose lengths may be taken wrongly, in the ways that occur."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from dynamics.algorithms.vector import Vector

# How a number that keeps a length from being 0 is put there. The number is a length here; under
# the root it stands as its square.
SOFTENED: dict[str, Callable[[Any, Any], Any]] = {
    "added to the norm": lambda length, softening: length + softening,
    "under the root": lambda length, softening: np.hypot(length, softening),
    "as the least norm": lambda length, softening: np.maximum(length, softening),
}


class NumberVector(Vector):
    """A point as one component for each tensor; exact unless a subclass departs."""

    __slots__ = ()

    def norm(self) -> Any:
        largest = max(np.abs(c).max() for c in self.components)
        if largest == 0:
            return 0.0
        return largest * np.sqrt(sum(((c / largest) ** 2).sum() for c in self.components))

    def unit(self) -> Self:
        length = self.norm()
        return self if length == 0 else type(self)(tuple(c / length for c in self.components))

    def absolute(self) -> Self:
        return type(self)(tuple(np.abs(c) for c in self.components))

    def sign(self) -> Self:
        return type(self)(tuple(np.sign(c) for c in self.components))

    def largest(self) -> Any:
        return max(np.abs(c).max() for c in self.components)

    def derivative(self, function: Callable[[Any], Any], along: Any) -> Self:
        # By a complex step: of polynomials exact to rounding, as h² is lost beside 1.
        h = 2.0**-100
        pairs = zip(self.components, along.components, strict=True)
        moved = function(type(self)(tuple(v + 1j * h * a for v, a in pairs)))
        return type(self)(tuple(c.imag / h for c in moved.components))

    @staticmethod
    def ratio(a: Any, b: Any) -> Any:
        return 0.0 if b == 0 else a / b

    @staticmethod
    def smaller(a: Any, b: Any) -> Any:
        return min(a, b)

    @staticmethod
    def larger(a: Any, b: Any) -> Any:
        return max(a, b)

    @staticmethod
    def _sum(component: Any) -> Any:
        return component.sum()


class PerTensorVector(NumberVector):
    """Each tensor is made a unit vector by itself."""

    __slots__ = ()

    def unit(self) -> Self:
        each = (NumberVector((c,)).unit().components[0] for c in self.components)
        return type(self)(tuple(each))


def as_written(how: str, softening: float) -> float:
    """The number as it stands in the code."""
    return softening**2 if how == "under the root" else softening


def softened(vector: type[NumberVector], how: str, softening: float) -> type[NumberVector]:
    """`vector` with a number put into the lengths that unit vectors are divided by."""

    class SoftenedVector(vector):
        __slots__ = ()

        def unit(self) -> Self:
            length = self.norm()
            if length == 0:
                return self
            factor = length / SOFTENED[how](length, softening)
            return type(self)(tuple(factor * c for c in super().unit().components))

    return SoftenedVector
