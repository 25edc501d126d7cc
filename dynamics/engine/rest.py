"""Whether a run has come to rest: at a fixed point of its map, or on a cycle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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


class Look(NamedTuple):
    """What a first look at a run's next steps saw. It does not say that anything is for good.

    Attributes:
        step: the largest entry of one step.
        rounding: `Stepper.rounding` of that step.
        closed: whether the directions all but cancel over some p ≥ 2 steps.
        period: the p ≥ 2 after which w comes back; 0: none up to `max_period`.
        amplitude: half the largest distance from w to another point of the cycle.
        longest: the longest direction on the way.
    """

    step: Any
    rounding: Any
    closed: Any
    period: Any
    amplitude: Any
    longest: Any


def fixed_tolerance(thresholds: Thresholds, w: ArrayVector, size: Any, rounding: Any) -> Any:
    """How near to a fixed point w counts as being there; `size` is that of the start."""
    return thresholds.gradient_tolerance * jnp.maximum(w.largest_entry(), size) + rounding


def cycle_tolerance(thresholds: Thresholds, longest_step: Any, rounding: Any) -> Any:
    """How near to a point of a cycle each of a batch of points counts as being there."""
    return thresholds.cycle_tolerance * longest_step + rounding


def may_rest(
    of_run: Stepper, thresholds: Thresholds, w: ArrayVector, memory: Any, t: Any
) -> tuple[Any, Any, Any]:
    """The largest entry of a step, its rounding, and whether a cycle is to be looked for closely.

    A necessary condition, from largest entries: |v|∞ ≤ ‖v‖ ≤ √dim |v|∞; the factor 2 leaves
    room for rounding.
    """
    low, width = trusted(of_run.rho)
    of_largest = 2 * thresholds.cycle_tolerance * np.sqrt(of_run.landscape.dim)
    rounding = of_run.rounding(w, t)

    def look(p: Any, carry: tuple) -> tuple:
        point, memory, total, largest, strain, found, step = carry
        d, eta, memory, of_step = of_run.quick_move(point, memory, t)
        total = total + d
        entry = d.largest_entry()
        largest = jnp.maximum(largest, entry)
        step = jnp.where(p == 1, eta * entry, step)
        closed = eta * total.largest_entry() <= of_largest * (eta * largest) + 2 * rounding
        found = found | ((p > 1) & closed)
        strain = jnp.maximum(strain, of_step)
        return point - eta * d, memory, total, largest, strain, found, step

    none = jnp.zeros_like(of_run.eta)
    zero = jax.tree.map(jnp.zeros_like, w)
    carry = (w, memory, zero, none, none.astype(low.dtype), none != 0, none)
    *_, strain, found, step = lax.fori_loop(1, thresholds.max_period + 1, look, carry)
    return step, rounding, found | (strain > width)


def nearly_closed(
    of_run: Stepper, thresholds: Thresholds, w: ArrayVector, memory: Any, t: Any
) -> Look:
    """A first look at where w comes back to.

    What the algorithm remembers is to come back with w: a run with momentum that turns is not at
    rest.
    """
    none = jnp.zeros_like(of_run.eta)
    rounding = of_run.rounding(w, t)

    def look(p: Any, carry: tuple) -> tuple:
        point, now, total, largest, closed, reach, period, amplitude, step, longest = carry
        d, eta, now = of_run.move(point, now, t)
        total = total + d
        largest = jnp.maximum(largest, d.norm())
        left, entry = total.norm(), d.largest_entry()
        if jax.tree.leaves(memory):
            back = _distance(now, memory)
            left, entry = jnp.maximum(left, back), jnp.maximum(entry, back)
        step = jnp.where(p == 1, eta * entry, step)
        tolerance = cycle_tolerance(thresholds, eta * largest, rounding)
        # Looking ahead may overflow, and inf ≤ inf is no rest.
        near = (eta * left <= tolerance) & jnp.isfinite(largest)
        counts = (p > 1) & (p <= thresholds.max_period)
        found = counts & (period == 0) & ~closed & near
        closed = closed | ((p > 1) & (left <= NEARLY_CLOSED * largest))
        period = jnp.where(found, p.astype(jnp.int8), period)
        amplitude = jnp.where(found, reach / 2, amplitude)
        longest = jnp.where(found, largest, longest)
        point = point - eta * d
        reach = jnp.maximum(reach, (point - w).norm())
        return point, now, total, largest, closed, reach, period, amplitude, step, longest

    zero = jax.tree.map(jnp.zeros_like, w)
    carry = (
        w, memory, zero, none, none != 0, none, none.astype(jnp.int8), none, none, none,
    )  # fmt: skip
    # A loop, not unrolled: unrolled, XLA's fusion computes the first points again for each later.
    *_, closed, _, period, amplitude, step, longest = lax.fori_loop(
        1, jnp.maximum(thresholds.max_period, 2) + 1, look, carry
    )
    return Look(step, rounding, closed, period, amplitude, longest)


def at_rest_for_good(
    of_run: Stepper, thresholds: Thresholds, size: Any, w: ArrayVector, memory: Any, t: Any
) -> tuple[Any, Any]:
    """`nearly_closed` where the map changes from step to step: the period is 1, or 0.

    That one step does not move says nothing of the next, which may be by another map. So the
    gradient is to turn over as well as the step; and of examples that are drawn, each one's.
    """
    landscape, algorithm = of_run.landscape, of_run.algorithm
    whole, _ = gradients(landscape, replace(algorithm, order=None), of_run.order, t)
    near = fixed_tolerance(thresholds, w, size, of_run.rounding(w, t))

    def rests(gradient: Any) -> Any:
        def moved(at: ArrayVector) -> ArrayVector:
            d, eta, _ = of_run.move_by(gradient, whole, at, memory, t)
            return eta * d

        small = moved(w).largest_entry() <= 2 * near
        return small & _turns_over(moved, w, near) & _turns_over(gradient, w, near)

    if algorithm.order is None or not isinstance(landscape, FiniteSum):
        rest = rests(whole)
    else:
        examples = jnp.arange(landscape.n_examples, dtype=jnp.int32)[:, None]
        rest = jnp.all(jax.vmap(lambda e: rests(gradient_of_examples(landscape, e)))(examples))
    return rest.astype(jnp.int8), jnp.zeros_like(of_run.eta)


def _turns_over(field: Callable[[ArrayVector], ArrayVector], w: ArrayVector, within: Any) -> Any:
    """Whether `field` is 0 at w or, w being moved by `within` against it, no longer points there.

    Between the two then lies a zero of its part along this line.
    """
    here = field(w)
    largest = here.largest_entry()
    unit = here / jnp.where(largest > 0, largest, 1)
    return (largest == 0) | (unit.dot(field(w - within * unit)) <= 0)


def _distance(one: Any, other: Any) -> Any:
    """‖one − other‖ of two memories; what counts the steps is left out, see `is_autonomous`."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    apart = tuple(a - b for a, b in pairs if jnp.issubdtype(a.dtype, jnp.floating))
    return ArrayVector(apart).norm() if apart else 0.0
