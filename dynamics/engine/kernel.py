"""The program that every engine runs: a batch of runs advanced to their outcomes.

It is written once, in JAX, for arrays over runs, and compiled in one of two ways: by `native` to
loops that keep the runs in registers, where it consists of elementwise operations on a processor,
and otherwise, part by part, by XLA in tiles that stay in cache.

What holds here: a run's result depends on that run alone. Everything is elementwise over runs, so
chunk size, order and device count cannot change a bit of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine.batch import Batch, Runs, Span
from dynamics.engine.outcome import SUMMED_ROUNDINGS, Outcome, has_a_next_step
from dynamics.engine.rest import (
    Look,
    Thresholds,
    at_rest_for_good,
    cycle_tolerance,
    fixed_tolerance,
    may_rest,
    nearly_closed,
)
from dynamics.engine.stepper import Stepper, trusted, unsigned
from landscapes import Landscape
from landscapes.domain import undefined_at


class Manner(NamedTuple):
    """What a program is compiled for, beside the landscape.

    `quick` changes no result: lengths are then taken without scaling, with a look at whether that
    was good enough, which is faster where a look costs little.
    """

    algorithm: Algorithm
    quick: bool


class State(NamedTuple):
    """Runs on their way through a span, at step t."""

    t: Any
    unseen: Any  # whether the check at step t is still to be made
    w: ArrayVector
    memory: Any
    running: Any
    outcome: Any
    n_steps: Any
    period: Any
    amplitude: Any
    window: Any = None  # the `Recording` of the last block, of programs that keep one


class Recording(NamedTuple):
    """The iterates of a block's first steps.

    Attributes:
        points: shape (steps, runs, dim); a block of more steps leaves its last in the last.
        last: where the last step is that was taken; later ones changed nothing.
    """

    points: Any
    last: Any


class Call(NamedTuple):
    """What does not change during a call of `advance`."""

    landscape: Landscape
    thresholds: Thresholds
    span: Span
    batch: Batch
    manner: Manner

    def over_runs(self, function: Callable[..., Any], *, quick: bool = False) -> Callable[..., Any]:
        """`function(stepper, w, memory, t)` of one run, as a function (w, memory, t) of all."""

        def of_one(w: Any, memory: Any, eta: Any, rho: Any, order: Any, t: Any) -> Any:
            stepper = Stepper(self.landscape, self.manner.algorithm, eta, rho, order, quick)
            return function(stepper, w, memory, t)

        over = jax.vmap(of_one, (0, 0, 0, 0, 0, None))
        eta, rho, order = self.batch.eta, self.batch.rho, self.batch.order
        return lambda w, memory, t: over(w, memory, eta, rho, order, t)

    def inside(self, w: ArrayVector) -> Any:
        """Which points are in the ball that a run diverges by leaving."""
        return jax.vmap(lambda w: w.norm() <= self.thresholds.divergence_radius)(w)

    def undefined(self, w: ArrayVector) -> Any:
        """At which points the loss or its gradient is undefined; None: nowhere at all."""
        return jax.vmap(partial(undefined_at, self.landscape))(w.components)

    def near_fixed(self, w: ArrayVector, rounding: Any) -> Any:
        """`fixed_tolerance` at the points of all runs."""
        of_one = partial(fixed_tolerance, self.thresholds)
        return jax.vmap(of_one)(w, self.batch.size, rounding)

    @property
    def zeros(self) -> Any:
        """A zero for each run, derived from an input, so that all carried has one placement."""
        return jnp.zeros_like(self.batch.real, dtype=jnp.int32)


def advance(call: Call) -> Batch:
    """The batch, which is at the beginning of the span, at its end."""
    state = lax.while_loop(
        lambda s: (s.t < call.span.end) & jnp.any(s.running),
        lambda s: checked(call, blocked(call, s)),
        begun(call),
    )
    return ended(call.batch, state)


def ended(batch: Batch, state: State) -> Batch:
    """The batch as it is in this state."""
    known = (state.outcome, state.n_steps, state.period, state.amplitude)
    return batch._replace(runs=Runs(state.w.components, *known), memory=state.memory)


def begun(call: Call) -> State:
    """The state at the beginning of the span."""
    (begin, end, early_stop), runs, manner = call.span, call.batch.runs, call.manner
    w = ArrayVector(runs.components)
    fresh = jax.vmap(partial(initial_memory, manner.algorithm))(w)
    memory = jax.tree.map(
        lambda new, old: jnp.where(begin == 0, new, old), fresh, call.batch.memory
    )
    undecided = runs.outcome == Outcome.BUDGET
    # Without early stopping only a run that has no next iterate stands still.
    goes_on = undecided | (~early_stop & has_a_next_step(runs.outcome))
    inside, undefined = call.inside(w), call.undefined(w)
    out_at_once, label = undecided & ~inside, jnp.int8(Outcome.DIVERGED)
    if undefined is not None:
        out_at_once = out_at_once | (undecided & undefined)
        label = jnp.where(inside, jnp.int8(Outcome.UNDEFINED), label)
    return State(
        t=begin,
        unseen=begin == 0,
        w=w,
        memory=memory,
        running=call.batch.real & goes_on & ~out_at_once,
        outcome=jnp.where(out_at_once, label, runs.outcome),
        n_steps=jnp.where(undecided, jnp.where(out_at_once, 0, end), runs.n_steps),
        period=runs.period,
        amplitude=runs.amplitude,
    )


def blocked(call: Call, state: State) -> State:
    """The state after up to `check_every` steps more."""
    left = call.span.end - state.t
    length = jnp.where(state.unseen, 0, jnp.minimum(call.thresholds.check_every, left))
    following = state._replace(t=state.t + length, unseen=False)
    if call.manner.quick:
        return _quickly(call, state, following, length)
    return _carefully(call, state, following, state.running, length)


def _quickly(call: Call, state: State, following: State, length: Any) -> State:
    """What follows `state`: steps without a guard, and then a look at what they were worth."""
    thresholds, eta = call.thresholds, call.batch.eta
    step = call.over_runs(Stepper.quick_step, quick=True)

    def free(i: Any, carry: tuple) -> tuple:
        w, memory, peak, strain = carry
        w, memory, of_step = step(w, memory, state.t + i + 1)
        peak = jnp.maximum(peak, jax.vmap(ArrayVector.largest_bits)(w))
        return w, memory, peak, jnp.maximum(strain, of_step)

    # Whoever leaves the ball has a coordinate beyond this, with a factor 2 to spare for rounding;
    # to keep the largest coordinate costs a loop less than to take a norm. Bits of positive
    # numbers are ordered as the numbers are, with NaN above all.
    suspicious = _bits(thresholds.divergence_radius / (2 * np.sqrt(call.landscape.dim)))
    # Numbers, not flags, are carried: it is cheaper to keep a maximum than to gather bits.
    none = call.zeros.astype(suspicious.dtype), call.zeros.astype(unsigned(eta))
    w, memory, peak, strain = lax.fori_loop(0, length, free, (state.w, state.memory, *none))
    # Who may have left the ball, or had lengths that under- or overflowed, is run again from the
    # block's beginning with exact lengths and a look at every step, to the last iterate inside:
    # so no overflow reaches a result, and the others pay little.
    suspects = (peak > suspicious) | (strain > trusted(eta)[1])
    # An undefined gradient is NaN, and so is the iterate that follows, except of the last one.
    if (undefined := call.undefined(w)) is not None:
        suspects = suspects | undefined
    suspects = suspects & state.running
    following = following._replace(
        w=_select(state.running, w, state.w), memory=_select(state.running, memory, state.memory)
    )
    return lax.cond(
        jnp.any(suspects), partial(_carefully, call), lambda _, following, *__: following,
        state, following, suspects, length,
    )  # fmt: skip


def _carefully(call: Call, state: State, following: State, suspects: Any, length: Any) -> State:
    """What follows `state`, of the suspects taken step by step, to the last iterate inside."""
    algorithm, step = call.manner.algorithm, call.over_runs(Stepper.step)
    forgetful = algorithm.is_autonomous and not jax.tree.leaves(state.memory)

    def careful(carry: tuple) -> tuple:
        i, w, memory, within, undefined, taken, _, window = carry
        ahead, remembered = step(w, memory, state.t + i + 1)
        inside, nowhere = call.inside(ahead), call.undefined(ahead)
        if nowhere is not None:
            # Either the iterate ahead is undefined, or something on the way to it was.
            filled = call.over_runs(Stepper.filled_step)(w, memory, state.t + i + 1)
            on_the_way = _differs(ahead, ahead) & ~_differs(filled, filled)
            undefined = undefined | (within & ((inside & nowhere) | on_the_way))
            inside = inside & ~nowhere
        within = within & inside
        going = suspects & within
        if forgetful:
            # A run that does not move never will: its lengths, being 0, were in no doubt.
            going = going & _differs(ahead, w)
        w, memory = _select(within, (ahead, remembered), (w, memory))
        taken = taken + within.astype(jnp.int32)
        if window is not None:
            last = jnp.minimum(i, len(window.points) - 1)
            points = window.points.at[last].set(call.landscape.join(w.components))
            window = Recording(points, last)
        return i + 1, w, memory, within, undefined, taken, jnp.any(going), window

    zeros = call.zeros
    known = suspects, zeros != 0, zeros, True
    _, last, memory, within, undefined, taken, _, window = lax.while_loop(
        lambda carry: (carry[0] < length) & carry[-2],
        careful,
        (jnp.zeros_like(length), state.w, state.memory, *known, state.window),
    )
    gone = suspects & ~within
    first = gone & (state.outcome == Outcome.BUDGET)
    label = jnp.where(undefined, jnp.int8(Outcome.UNDEFINED), jnp.int8(Outcome.DIVERGED))
    return following._replace(
        w=_select(suspects, last, following.w),
        memory=_select(suspects, memory, following.memory),
        running=state.running & ~gone,
        outcome=jnp.where(first, label, state.outcome),
        n_steps=jnp.where(first, state.t + taken + 1, state.n_steps),
        window=window,
    )


def checked(call: Call, state: State) -> State:
    """Decides the undecided runs that have come to rest."""
    candidates = state.running & (state.outcome == Outcome.BUDGET)
    if call.manner.quick and call.manner.algorithm.is_autonomous:
        look = call.over_runs(lambda s, *at: may_rest(s, call.thresholds, *at), quick=True)
        step, rounding, may = look(state.w, state.memory, state.t + 1)
        near = call.near_fixed(state.w, rounding)
        # As in `may_rest`, a factor 2 for rounding, beside the one of the criterion.
        candidates = candidates & (may | (step <= 4 * near))
    return lax.cond(jnp.any(candidates), partial(_decided, call), lambda s, _: s, state, candidates)


def _decided(call: Call, state: State, candidates: Any) -> State:
    """The state with an outcome for each candidate that is at rest."""
    if call.manner.algorithm.is_autonomous:
        period, amplitude = _period(call, state, candidates)
    else:
        thresholds = call.thresholds
        look = call.over_runs(
            lambda s, w, known, t: at_rest_for_good(s, thresholds, known[1], w, known[0], t)
        )
        period, amplitude = look(state.w, (state.memory, call.batch.size), state.t + 1)
    now = candidates & (period > 0)
    label = jnp.where(period == 1, int(Outcome.CONVERGED), int(Outcome.CYCLE)).astype(jnp.int8)
    return state._replace(
        running=state.running & ~(now & call.span.early_stop),
        outcome=jnp.where(now, label, state.outcome),
        n_steps=jnp.where(now, state.t, state.n_steps),
        period=jnp.where(now, period, state.period),
        amplitude=jnp.where(now, amplitude, state.amplitude),
    )


def _period(call: Call, state: State, candidates: Any) -> tuple[Any, Any]:
    """The period with which each candidate comes back for good (0: none), and its amplitude."""
    thresholds = call.thresholds
    look = call.over_runs(lambda s, *at: nearly_closed(s, thresholds, *at))
    seen = look(state.w, state.memory, state.t + 1)
    near = call.near_fixed(state.w, seen.rounding)
    # What all but closes after some steps alternates about a point that it does not come to.
    still = candidates & (seen.step <= 2 * near) & (~seen.closed | (seen.step <= seen.rounding))
    once = seen._replace(period=jnp.ones_like(seen.period), longest=jnp.zeros_like(near))
    fixed = still & _attracts(call, state, still, once, near)
    closed = candidates & ~fixed & (seen.period > 0)
    extent = cycle_tolerance(thresholds, call.batch.eta * seen.longest, seen.rounding)
    cycles = closed & _attracts(call, state, closed, seen, extent)
    found = jnp.where(fixed, jnp.int8(1), jnp.where(cycles, seen.period, jnp.int8(0)))
    return found, jnp.where(cycles, seen.amplitude, 0.0)


def _attracts(call: Call, state: State, those: Any, seen: Look, within: Any) -> Any:
    """Whether w is that near to a point that comes back after the period seen, and nears it.

    Of runs not among `those` anything is said. Let r be the sum of the directions over one
    period. It is no more than a rounding error of the longest direction (a few ε, of each
    gradient and each sum). Or once w is moved by `within` against it, it no longer points there,
    so that a zero lies between; and over the next period it is shorter, or ηr is no more than a
    rounding error of w.
    """
    batch = call.batch
    runs = call.landscape, batch.eta, batch.rho, batch.order
    periods = jnp.where(those, seen.period, jnp.int8(0))

    def over_period(w: ArrayVector, memory: Any) -> tuple[ArrayVector, ArrayVector, Any]:
        return _over_period(call.manner.algorithm, runs, periods, w, memory, state.t + 1)

    first, w, memory = over_period(state.w, state.memory)
    second, _, _ = over_period(w, memory)
    largest = jax.vmap(ArrayVector.largest_entry)(first)
    divisor = jnp.where(largest > 0, largest, 1)
    unit = ArrayVector(tuple(c / _spread(divisor, c) for c in first.components))
    moved = ArrayVector(
        tuple(a - _spread(within, b) * b
              for a, b in zip(state.w.components, unit.components, strict=True))
    )  # fmt: skip
    beyond, _, _ = over_period(moved, state.memory)
    turned = jax.vmap(ArrayVector.dot)(unit, beyond) <= 0
    length = jax.vmap(ArrayVector.norm)
    shorter = length(second) < length(first)
    rounding = call.batch.eta * largest <= seen.rounding
    exact = largest <= SUMMED_ROUNDINGS * np.finfo(largest.dtype).eps * seen.longest
    return exact | (turned & (shorter | rounding))


@partial(jax.jit, static_argnums=0)  # traced and compiled once for the periods that are looked at
def _over_period(
    algorithm: Algorithm, runs: Any, periods: Any, w: ArrayVector, memory: Any, t: Any
) -> tuple[ArrayVector, ArrayVector, Any]:
    """The sum of the directions over each run's period from w, and where it leads."""
    landscape, eta, rho, order = runs

    def of_one(w: Any, memory: Any, eta: Any, rho: Any, order: Any) -> Any:
        return Stepper(landscape, algorithm, eta, rho, order).move(w, memory, t)

    move = jax.vmap(of_one)

    def go(carry: tuple) -> tuple:
        k, w, memory, total = carry
        d, _, following = move(w, memory, eta, rho, order)
        ahead = ArrayVector(
            tuple(a - _spread(eta, b) * b
                  for a, b in zip(w.components, d.components, strict=True))
        )  # fmt: skip
        now = k < periods
        w, memory = _select(now, (ahead, following), (w, memory))
        return k + jnp.int8(1), w, memory, _select(now, total + d, total)

    nothing = jax.tree.map(jnp.zeros_like, w)
    begin = jnp.zeros_like(periods), w, memory, nothing
    _, w, memory, total = lax.while_loop(lambda c: jnp.any(c[0] < periods), go, begin)
    return total, w, memory


def _spread(of_runs: Any, like: Any) -> Any:
    return of_runs.reshape(of_runs.shape + (1,) * (like.ndim - 1))


def _bits(x: Any) -> Any:
    """A number's bits, as an integer of its size."""
    return lax.bitcast_convert_type(x, jnp.int64 if x.dtype == jnp.float64 else jnp.int32)


def _differs(a: ArrayVector, b: ArrayVector) -> Any:
    """Where two batches of points differ in any entry."""

    def apart(x: Any, y: Any) -> Any:
        return jnp.any(x != y, axis=tuple(range(1, x.ndim)))

    pairs = zip(a.components, b.components, strict=True)
    return reduce(jnp.logical_or, (apart(x, y) for x, y in pairs))


def _select(where: Any, yes: Any, no: Any) -> Any:
    def pick(a: Any, b: Any) -> Any:
        return jnp.where(where.reshape(where.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, yes, no)
