"""The handful of vector operations that update rules are written in.

A rule never sees an array: it adds, scales and normalises `Vector`s. So one and the same rule
runs on JAX arrays here, on SymPy expressions in `proofs_check`, and reads like the paper.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from functools import reduce
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import lax


class Vector(abc.ABC):
    """A point or a gradient, as a tuple of components of one arithmetic.

    Scalars (`eta`, `rho`, …) multiply from either side and divide; two vectors are multiplied by
    `dot` or `times`. Subclasses say how a component is summed and how lengths are taken.
    """

    __slots__ = ("components",)
    __array_ufunc__ = None  # a NumPy scalar on the left leaves the multiplication to us

    def __init__(self, components: tuple[Any, ...]) -> None:
        self.components = components

    def __add__(self, other: Self) -> Self:
        pairs = zip(self.components, other.components, strict=True)
        return type(self)(tuple(a + b for a, b in pairs))

    def __sub__(self, other: Self) -> Self:
        pairs = zip(self.components, other.components, strict=True)
        return type(self)(tuple(a - b for a, b in pairs))

    def __rmul__(self, scalar: Any) -> Self:
        if isinstance(scalar, Vector):
            raise TypeError("two vectors v and u are multiplied by v.dot(u), or by v.times(u)")
        return type(self)(tuple(scalar * a for a in self.components))

    def __mul__(self, scalar: Any) -> Self:
        return self.__rmul__(scalar)

    def __truediv__(self, scalar: Any) -> Self:
        if isinstance(scalar, Vector):
            raise TypeError("a vector is divided by a number, as in v / v.norm(), not by a vector")
        return type(self)(tuple(a / scalar for a in self.components))

    def __abs__(self) -> Self:
        return self.absolute()

    def __neg__(self) -> Self:
        return type(self)(tuple(-a for a in self.components))

    def dot(self, other: Self) -> Any:
        """⟨v, other⟩."""
        pairs = zip(self.components, other.components, strict=True)
        return reduce(lambda a, b: a + b, (self._sum(a * b) for a, b in pairs))

    def times(self, other: Self) -> Self:
        """The vector with entries vᵢ·otherᵢ."""
        pairs = zip(self.components, other.components, strict=True)
        return type(self)(tuple(a * b for a, b in pairs))

    def shifted(self, by: Any) -> Self:
        """The vector with entries vᵢ + by."""
        return type(self)(tuple(a + by for a in self.components))

    def power(self, exponent: Any) -> Self:
        """The vector with entries vᵢ^exponent, for v ≥ 0."""
        return type(self)(tuple(a**exponent for a in self.components))

    def total(self) -> Any:
        """Σ vᵢ."""
        return reduce(lambda a, b: a + b, (self._sum(a) for a in self.components))

    def scaled(self) -> Self:
        """v times a positive number, to be raised to high powers; 0 for v = 0."""
        return self.unit()

    @abc.abstractmethod
    def norm(self) -> Any:
        """‖v‖."""

    @abc.abstractmethod
    def unit(self) -> Self:
        """v/‖v‖, and 0 for v = 0."""

    @abc.abstractmethod
    def absolute(self) -> Self:
        """The vector with entries |vᵢ|."""

    @abc.abstractmethod
    def sign(self) -> Self:
        """The vector with entries sign vᵢ ∈ {−1, 0, 1}."""

    @abc.abstractmethod
    def largest(self) -> Any:
        """‖v‖_∞ = max |vᵢ|."""

    @abc.abstractmethod
    def derivative(self, function: Callable[[Any], Any], along: Any) -> Self:
        """d/ds function(v + s·along) at s = 0: of a gradient, the Hessian times `along`."""

    @staticmethod
    @abc.abstractmethod
    def ratio(a: Any, b: Any) -> Any:
        """a/b for scalars, and 0 where b = 0."""

    @staticmethod
    @abc.abstractmethod
    def smaller(a: Any, b: Any) -> Any:
        """min(a, b) of two scalars."""

    @staticmethod
    @abc.abstractmethod
    def larger(a: Any, b: Any) -> Any:
        """max(a, b) of two scalars."""

    @staticmethod
    @abc.abstractmethod
    def _sum(component: Any) -> Any:
        """The sum over one component."""


@jax.tree_util.register_pytree_node_class
class ArrayVector(Vector):
    """A vector of JAX arrays, for one point: components of shape `()` or blocks.

    Lengths neither underflow nor overflow before the components themselves do: the vector is
    first scaled by a power of two that brings its largest entry into [1, 2). That scaling is
    exact, so in the ordinary range the result is bit for bit that of √Σv².

    Convention at v = 0: `unit` is 0. Code that XLA compiles for the CPU flushes subnormal numbers
    to zero, so there a vector whose entries are all below 2.3e-308 counts as 0.
    """

    __slots__ = ()

    def norm(self) -> Any:
        scale, inverse = self._scales()
        scaled = scale * self
        return jnp.sqrt(scaled.dot(scaled)) * inverse

    def unit(self) -> Self:
        scale, _ = self._scales()
        scaled = scale * self
        square = scaled.dot(scaled)
        # The inner `where` is for speed: without it XLA's CPU code does not vectorise.
        length = jnp.sqrt(jnp.where(square > 0, square, 1))
        return jnp.where(square > 0, 1 / length, 0) * scaled

    def absolute(self) -> Self:
        return type(self)(tuple(jnp.abs(c) for c in self.components))

    def sign(self) -> Self:
        return type(self)(tuple(jnp.where(c > 0, 1.0, jnp.where(c < 0, -1.0, 0.0 * c))
                                for c in self.components))  # fmt: skip

    def largest(self) -> Any:
        return self.largest_entry()

    def scaled(self) -> Self:
        """v/‖v‖_∞, so that no sum of powers underflows to 0; 0 for v = 0."""
        direction = self.unit()
        return self.ratio(1.0, direction.largest()) * direction

    def derivative(self, function: Callable[[Any], Any], along: Any) -> Self:
        def of_components(components: tuple[Any, ...]) -> tuple[Any, ...]:
            return function(type(self)(components)).components

        return type(self)(jax.jvp(of_components, (self.components,), (along.components,))[1])

    @staticmethod
    def ratio(a: Any, b: Any) -> Any:
        # The inner `where` keeps the division defined, and lets XLA's CPU code vectorise.
        return jnp.where(b == 0, 0.0, a / jnp.where(b == 0, 1.0, b))

    @staticmethod
    def smaller(a: Any, b: Any) -> Any:
        return jnp.minimum(a, b)

    @staticmethod
    def larger(a: Any, b: Any) -> Any:
        return jnp.maximum(a, b)

    def largest_bits(self) -> Any:
        """The bits of max |vᵢ|, as an integer: ordered as the numbers are, and NaN above all."""
        integer, mantissa_bits, exponent_mask = _layout(self.components)
        without_sign = integer(exponent_mask | ((1 << mantissa_bits) - 1))
        bits = (
            jnp.max(lax.bitcast_convert_type(c, integer) & without_sign) for c in self.components
        )
        return reduce(jnp.maximum, bits)

    def largest_entry(self) -> Any:
        """max |vᵢ|; NaN if an entry is."""
        bits = self.largest_bits()
        return lax.bitcast_convert_type(bits, self.components[0].dtype)

    def _scales(self) -> tuple[Any, Any]:
        """2^-e and 2^e, e being the exponent of the largest entry, or the least exponent.

        The exponents are read off the bits and compared as integers: that is exact, and cheaper
        than to compare the entries.
        """
        integer, mantissa_bits, exponent_mask = _layout(self.components)
        one_exponent = integer(1 << mantissa_bits)
        # Exponent fields of 2^-e and 2^e add up to twice the bias.
        twice_bias = integer(exponent_mask - (1 << mantissa_bits))
        fields = (
            jnp.max(lax.bitcast_convert_type(c, integer) & integer(exponent_mask))
            for c in self.components
        )
        exponent = reduce(jnp.maximum, fields)
        exponent = jnp.maximum(exponent, one_exponent)
        scale = jnp.maximum(twice_bias - exponent, one_exponent)
        return (
            lax.bitcast_convert_type(scale, self.components[0].dtype),
            lax.bitcast_convert_type(twice_bias - scale, self.components[0].dtype),
        )

    @staticmethod
    def _sum(component: Any) -> Any:
        return jnp.sum(component) if jnp.ndim(component) else component

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        return self.components, None

    @classmethod
    def tree_unflatten(cls, _: None, components: Any) -> ArrayVector:
        return cls(tuple(components))


def quick_vector(squares: list[Any]) -> type[ArrayVector]:
    """Vectors whose lengths are √Σv², unscaled; every Σv² that is taken is added to `squares`.

    While a Σv² is far from under- and overflow, these lengths are those of `ArrayVector` bit for
    bit, since a scaling by a power of two commutes with rounding. Whoever uses them looks at
    `squares`, and takes the others where they do not suffice.
    """

    class QuickVector(ArrayVector):
        __slots__ = ()

        def norm(self) -> Any:
            squares.append(square := self.dot(self))
            return jnp.sqrt(square)

        def unit(self) -> ArrayVector:
            squares.append(square := self.dot(self))
            # As in `ArrayVector.unit`, for speed.
            length = jnp.sqrt(jnp.where(square > 0, square, 1))
            return jnp.where(square > 0, 1 / length, 0) * self

    return QuickVector


def _layout(components: tuple[Any, ...]) -> tuple[Any, int, int]:
    """Of floating-point numbers: the integer of their size, the mantissa's bits, the exponent's."""
    return {
        "float64": (jnp.int64, 52, 0x7FF0_0000_0000_0000),
        "float32": (jnp.int32, 23, 0x7F80_0000),
    }[jnp.dtype(components[0].dtype).name]
