"""Whether a run has come to rest: at a fixed point of its map, or on a cycle."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynamics.algorithms.algorithm import gradient_of_examples, gradients
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine.outcome import NEARLY_CLOSED
from dynamics.engine.stepper import Stepper, trusted
from landscapes import FiniteSum


class Thresholds(NamedTuple):
    """The traced part of `Criteria`."""

    gradient_tolerance: Any
    cycle_tolerance: Any
    max_period: Any
    divergence_radius: Any
    check_every: Any


def may_rest(of_run: Stepper, thresholds: Thresholds, w: ArrayVector, memory: Any, t: Any) -> Any:
    """Whether `at_rest` has to be asked: a necessary condition of it, from largest entries.

    |v|∞ ≤ ‖v‖ ≤ √dim |v|∞; the factors 2 leave room for rounding.
    """
    low, width = trusted(of_run.rho)
    of_largest = 2 * thresholds.cycle_tolerance * np.sqrt(of_run.landscape.dim)

    def look(p: Any, carry: tuple) -> tuple:
        point, memory, total, largest, strain, found = carry
        d, eta, memory, of_step = of_run.quick_move(point, memory, t)
        total = total + d
        largest = jnp.maximum(largest, d.largest_entry())
        bound = jnp.where(p == 1, 2 * thresholds.gradient_tolerance, of_largest * largest)
        found = found | (total.largest_entry() <= bound)
        strain = jnp.maximum(strain, of_step)
        return point - eta * d, memory, total, largest, strain, found

    none = jnp.zeros_like(of_run.eta)
    zero = jax.tree.map(jnp.zeros_like, w)
    carry = (w, memory, zero, none, none.astype(low.dtype), none != 0)
    *_, strain, found = lax.fori_loop(1, thresholds.max_period + 1, look, carry)
    return found | (strain > width)


def at_rest(
    of_run: Stepper, thresholds: Thresholds, w: ArrayVector, memory: Any, t: Any
) -> tuple[Any, Any]:
    """The period after which w comes back (0: none up to `max_period`) and the amplitude.

    The amplitude is half the largest distance from w to another point of the cycle. What the
    algorithm remembers is to come back with w: a run with momentum that turns is not at rest.
    """
    none = jnp.zeros_like(of_run.eta)

    def look(p: Any, carry: tuple) -> tuple:
        point, now, total, largest, closed, reach, period, amplitude = carry
        d, eta, now = of_run.move(point, now, t)
        total = total + d
        largest = jnp.maximum(largest, d.norm())
        left = total.norm()
        if jax.tree.leaves(memory):
            left = jnp.maximum(left, _distance(now, memory))
        tolerance = jnp.where(
            p == 1, thresholds.gradient_tolerance, thresholds.cycle_tolerance * largest
        )
        # Looking ahead may overflow, and inf ≤ inf is no rest.
        found = (period == 0) & ~closed & (left <= tolerance) & jnp.isfinite(largest)
        closed = closed | ((p > 1) & (left <= NEARLY_CLOSED * largest))
        period = jnp.where(found, p.astype(jnp.int8), period)
        amplitude = jnp.where(found, reach / 2, amplitude)
        point = point - eta * d
        reach = jnp.maximum(reach, (point - w).norm())
        return point, now, total, largest, closed, reach, period, amplitude

    zero = jax.tree.map(jnp.zeros_like, w)
    carry = (w, memory, zero, none, none != 0, none, none.astype(jnp.int8), none)
    # A loop, not unrolled: unrolled, XLA's fusion computes the first points again for each later.
    *_, period, amplitude = lax.fori_loop(1, thresholds.max_period + 1, look, carry)
    return period, amplitude


def at_rest_for_good(
    of_run: Stepper, thresholds: Thresholds, w: ArrayVector, memory: Any, t: Any
) -> tuple[Any, Any]:
    """`at_rest` where the map changes from step to step: the period is 1, or 0.

    That one step does not move says nothing of the next, which may be by another map. So the
    gradient is to vanish as well, and of examples that are drawn, each one's.
    """
    landscape, algorithm = of_run.landscape, of_run.algorithm
    whole, _ = gradients(landscape, replace(algorithm, order=None), of_run.order, t)

    def unrest(gradient: Any) -> Any:
        d, _, now = of_run.move_by(gradient, whole, w, memory, t)
        lengths = (d.norm(), gradient(w).norm(), _distance(now, memory))
        return reduce(jnp.maximum, lengths)

    if algorithm.order is None or not isinstance(landscape, FiniteSum):
        largest = unrest(whole)
    else:
        examples = jnp.arange(landscape.n_examples, dtype=jnp.int32)[:, None]
        largest = jnp.max(jax.vmap(lambda e: unrest(gradient_of_examples(landscape, e)))(examples))
    period = (largest <= thresholds.gradient_tolerance).astype(jnp.int8)
    return period, jnp.zeros_like(of_run.eta)


def _distance(one: Any, other: Any) -> Any:
    """‖one − other‖ of two memories; what counts the steps is left out, see `is_autonomous`."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    apart = tuple(a - b for a, b in pairs if jnp.issubdtype(a.dtype, jnp.floating))
    return ArrayVector(apart).norm() if apart else 0.0
