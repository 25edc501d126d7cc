"""The handful of vector operations that update rules are written in.

A rule never sees an array: it adds, scales and normalises `Vector`s. So one and the same rule
runs on JAX arrays here, on SymPy expressions in `proofs_check`, and reads like the paper.
"""

from __future__ import annotations

import abc
from functools import reduce
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import lax


class Vector(abc.ABC):
    """A point or a gradient, as a tuple of components of one arithmetic.

    Scalars (`eta`, `rho`, …) multiply from the left. Subclasses say how a component is summed
    and how lengths are taken.
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
        return type(self)(tuple(scalar * a for a in self.components))

    def __neg__(self) -> Self:
        return type(self)(tuple(-a for a in self.components))

    def dot(self, other: Self) -> Any:
        """⟨v, other⟩."""
        pairs = zip(self.components, other.components, strict=True)
        return reduce(lambda a, b: a + b, (self._sum(a * b) for a, b in pairs))

    @abc.abstractmethod
    def norm(self) -> Any:
        """‖v‖."""

    @abc.abstractmethod
    def unit(self) -> Self:
        """v/‖v‖, and 0 for v = 0."""

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

    Convention at v = 0: `unit` is 0. XLA flushes subnormal numbers to zero on the CPU, so a
    vector whose entries are all below 2.3e-308 counts as 0.
    """

    __slots__ = ()

    def norm(self) -> Any:
        scale, inverse = self._scales()
        scaled = scale * self
        return jnp.sqrt(scaled.dot(scaled)) * inverse

    def unit(self) -> ArrayVector:
        scale, _ = self._scales()
        scaled = scale * self
        length = jnp.sqrt(scaled.dot(scaled))
        # The inner `where` is for speed: without it XLA's CPU code does not vectorise.
        inverse = jnp.where(length > 0, 1 / jnp.where(length > 0, length, 1), 0)
        return inverse * scaled

    def largest_entry(self) -> Any:
        """max |vᵢ|; NaN if an entry is."""
        return reduce(jnp.maximum, (jnp.max(jnp.abs(c)) for c in self.components))

    def _scales(self) -> tuple[Any, Any]:
        """2^-e and 2^e, e being the exponent of the largest entry."""
        return _reciprocal_power_of_two(self.largest_entry())

    @staticmethod
    def _sum(component: Any) -> Any:
        return jnp.sum(component) if jnp.ndim(component) else component

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        return self.components, None

    @classmethod
    def tree_unflatten(cls, _: None, components: Any) -> ArrayVector:
        return cls(tuple(components))


def _reciprocal_power_of_two(x: Any) -> tuple[Any, Any]:
    """2^-e and 2^e for x in [2^e, 2^(e+1)), read off the exponent bits of x ≥ 0."""
    integer, mantissa_bits, exponent_mask = {
        "float64": (jnp.int64, 52, 0x7FF0_0000_0000_0000),
        "float32": (jnp.int32, 23, 0x7F80_0000),
    }[jnp.dtype(x.dtype).name]
    one_exponent = 1 << mantissa_bits
    # Exponent fields of 2^-e and 2^e add up to twice the bias.
    twice_bias = integer(exponent_mask - one_exponent)
    exponent = lax.bitcast_convert_type(x, integer) & integer(exponent_mask)
    scale = jnp.maximum(twice_bias - exponent, integer(one_exponent))
    return (
        lax.bitcast_convert_type(scale, x.dtype),
        lax.bitcast_convert_type(twice_bias - scale, x.dtype),
    )
