"""One step of one run on arrays: exactly, or quickly with a look at whether that was exact."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynamics.algorithms.algorithm import Algorithm, ascent_point, gradients, move
from dynamics.algorithms.vector import ArrayVector, Vector, quick_vector
from dynamics.engine.outcome import ROUNDINGS
from landscapes import Landscape

# Squares of lengths in this range have neither lost a bit to underflow nor overflowed, with room
# for the squares of entries much smaller than the largest.
_TRUSTED_SQUARES = (2.0**-900, 2.0**1000)


class Stepper(NamedTuple):
    """Steps of one run: what does not change from step to step."""

    landscape: Landscape
    algorithm: Algorithm
    eta: Any
    rho: Any
    order: Any
    quick: bool = False

    def step(self, w: ArrayVector, memory: Any, t: Any) -> tuple[ArrayVector, Any]:
        """Step t, the number being an integer: the next point and its memory."""
        d, eta, memory = self.move(w, memory, t)
        return w - eta * d, memory

    def filled_step(self, w: ArrayVector, memory: Any, t: Any) -> ArrayVector:
        """The next point if undefined gradients were 0: NaN only by overflow."""
        drawn, whole = gradients(self.landscape, self.algorithm, self.order, t, undefined=0.0)
        d, eta, _ = self.move_by(drawn, whole, w, memory, t)
        return w - eta * d

    def move(self, w: ArrayVector, memory: Any, t: Any) -> tuple[ArrayVector, Any, Any]:
        """What step t subtracts is d times η: d, η and the memory after the step."""
        given = self.landscape, self.eta, self.rho, self.order
        return _move(self.algorithm, given, w, memory, t)

    def move_by(self, drawn: Any, whole: Any, w: Any, memory: Any, t: Any) -> tuple[Any, Any, Any]:
        """`move`, with the gradients given."""
        return move(
            drawn, self.algorithm, w, memory, self.eta, self.rho,
            t=t.astype(self.eta.dtype), whole_gradient=whole,
        )  # fmt: skip

    def quick_move(self, w: ArrayVector, memory: Any, t: Any) -> tuple[ArrayVector, Any, Any, Any]:
        """`move` with lengths taken as √Σv², and how far outside the trusted range a Σv² was.

        Where that does not exceed the range's width, `trusted`, all agrees with the exact one
        bit for bit, see `quick_vector`; but for entries of a unit vector that underflow beside a
        large one, which either way are right to 5e-324 only. Without `quick` it is the exact one.
        """
        given = self.landscape, self.eta, self.rho, self.order
        return _quick_move((self.algorithm, self.quick), given, w, memory, t)

    def rounding(self, w: ArrayVector, t: Any) -> Any:
        """64ε times the largest coordinate of w and of the ascent point of step t.

        A step rounds by about ε of it. Where a map multiplies deviations by −m, what rounding
        adds is multiplied again and again, to 1/(1 − m) of it: a run within the rounding of its
        fixed point alternates by up to 50ε at m = 0.98. Of a cycle that is smaller nothing is
        left to be told from rounding.
        """
        drawn, whole = gradients(self.landscape, self.algorithm, self.order, t)
        at = (quick_vector([]) if self.quick else ArrayVector)(w.components)
        ascended = ascent_point(
            drawn, self.algorithm, at, self.rho, t=t.astype(self.eta.dtype), whole_gradient=whole
        )
        largest = jnp.maximum(w.largest_entry(), ascended.largest_entry())
        return ROUNDINGS * np.finfo(largest.dtype).eps * largest

    def quick_step(self, w: ArrayVector, memory: Any, t: Any) -> tuple[ArrayVector, Any, Any]:
        """The next point, its memory, and the strain of `quick_move`."""
        d, eta, memory, strain = self.quick_move(w, memory, t)
        return w - eta * d, memory, strain


# Compiled functions, so that each is traced once, however often a program takes a step.


@partial(jax.jit, static_argnums=0)
def _move(
    algorithm: Algorithm, given: Any, w: ArrayVector, memory: Any, t: Any
) -> tuple[ArrayVector, Any, Any]:
    landscape, eta, rho, order = given
    drawn, whole = gradients(landscape, algorithm, order, t)
    return Stepper(landscape, algorithm, eta, rho, order).move_by(drawn, whole, w, memory, t)


@partial(jax.jit, static_argnums=0)
def _quick_move(
    manner: tuple[Algorithm, bool], given: Any, w: ArrayVector, memory: Any, t: Any
) -> tuple[ArrayVector, Any, Any, Any]:
    (algorithm, quick), (landscape, eta, rho, order) = manner, given
    squares: list[Any] = []
    vector = quick_vector(squares) if quick else ArrayVector
    drawn, whole = gradients(landscape, algorithm, order, t)
    stepper = Stepper(landscape, algorithm, eta, rho, order)
    d, eta, memory = stepper.move_by(drawn, whole, vector(w.components), memory, t)
    low, _ = trusted(rho)
    strain = jnp.zeros_like(rho, dtype=low.dtype)
    for square in squares:
        # What is below the range wraps around to above it, and so does a NaN of either sign.
        strain = jnp.maximum(strain, lax.bitcast_convert_type(square, low.dtype) - low)
    return ArrayVector(d.components), eta, _plain(memory), strain


def _plain(memory: Any) -> Any:
    """The memory with all its vectors as `ArrayVector`, which loops can carry."""
    return jax.tree.map(
        lambda v: ArrayVector(v.components) if isinstance(v, Vector) else v,
        memory,
        is_leaf=lambda v: isinstance(v, Vector),
    )


def trusted(like: Any) -> tuple[Any, Any]:
    """The bits of the smallest trusted square, and from there to the largest."""
    low, high = (np.asarray(s, like.dtype).view(unsigned(like)) for s in _TRUSTED_SQUARES)
    return low, high - low


def unsigned(like: Any) -> Any:
    return jnp.uint64 if like.dtype == jnp.float64 else jnp.uint32
