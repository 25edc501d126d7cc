"""The program that every engine runs: a batch of runs advanced to their outcomes.

It is written once, in JAX, for arrays over runs, and compiled in one of two ways: by `native` to
loops that keep the runs in registers, where it consists of elementwise operations on a processor,
and otherwise by XLA in tiles that stay in cache.

What holds here: a run's result depends on that run alone. Everything is elementwise over runs, so
chunk size, order and device count cannot change a bit of it.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynamics.algorithm import Algorithm, direction, step
from dynamics.outcome import NEARLY_CLOSED, Outcome
from dynamics.vector import ArrayVector, quick_vector
from landscapes import Landscape

# Squares of lengths in this range have neither lost a bit to underflow nor overflowed, with room
# for the squares of entries much smaller than the largest.
_TRUSTED_SQUARES = (2.0**-900, 2.0**1000)


class Thresholds(NamedTuple):
    """The traced part of `Criteria`."""

    gradient_tolerance: Any
    cycle_tolerance: Any
    max_period: Any
    divergence_radius: Any
    check_every: Any


class Runs(NamedTuple):
    """A batch of runs on their way: one array over runs in each field.

    Attributes:
        components: the points, laid out as the landscape says.
        outcome, n_steps, period, amplitude: as in `Result`, as far as it is known.
    """

    components: tuple[Any, ...]
    outcome: Any
    n_steps: Any
    period: Any
    amplitude: Any


class Result(NamedTuple):
    """What is known of each run; fields have one entry for each."""

    final: Any
    final_loss: Any
    outcome: Any
    n_steps: Any
    period: Any
    amplitude: Any


def empty_result(n: int, dim: int) -> Result:
    """Room for the results of n runs, of which nothing is known yet."""
    return Result(
        final=np.empty((dim, n)).T,  # coordinate by coordinate, as the runs are computed
        final_loss=np.empty(n),
        outcome=np.full(n, int(Outcome.BUDGET), dtype=np.int8),
        n_steps=np.zeros(n, dtype=np.int32),
        period=np.zeros(n, dtype=np.int8),
        amplitude=np.zeros(n),
    )


class _State(NamedTuple):
    t: Any
    unseen: Any  # whether the check at step t is still to be made
    w: ArrayVector
    running: Any
    outcome: Any
    n_steps: Any
    period: Any
    amplitude: Any


def advance(
    landscape: Landscape,
    thresholds: Thresholds,
    begin: Any,
    end: Any,
    runs: Runs,
    eta: Any,
    rho: Any,
    real: Any,
    *,
    algorithm: Algorithm,
    early_stop: bool,
    quick: bool,
) -> tuple[Runs, Any]:
    """The runs, which are at step `begin`, at step `end`; and their losses there.

    `begin` is 0 or a multiple of `check_every`, and runs that are cut there and go on in another
    call end as if they had not been. Where `real` is False there is no run, only padding.

    `quick` changes no result: lengths are then taken without scaling, with a look at whether that
    was good enough, which is faster where a look costs little.
    """
    gradient = partial(_gradient, landscape)
    one_step = jax.vmap(partial(step, gradient, algorithm))
    quick_step = jax.vmap(partial(_quick_step, landscape, algorithm, quick))
    may_rest = jax.vmap(partial(_may_rest, landscape, algorithm, quick, thresholds))
    at_rest = jax.vmap(partial(_at_rest, gradient, algorithm, thresholds))
    inside = jax.vmap(lambda w: w.norm() <= thresholds.divergence_radius)
    # Whoever leaves the ball has a coordinate beyond this, with a factor 2 to spare for rounding;
    # to keep the largest coordinate costs a loop less than to take a norm. Bits of positive
    # numbers are ordered as the numbers are, with NaN above all.
    suspicious = _bits(thresholds.divergence_radius / (2 * np.sqrt(landscape.dim)))
    largest_bits = jax.vmap(ArrayVector.largest_bits)

    def check(state: _State) -> _State:
        """Decides the undecided runs that have come to rest."""
        candidates = state.running & (state.outcome == Outcome.BUDGET)
        if quick:
            candidates = candidates & may_rest(state.w, eta, rho)
        return lax.cond(jnp.any(candidates), decide, lambda s, _: s, state, candidates)

    def decide(state: _State, candidates: Any) -> _State:
        period, amplitude = at_rest(state.w, eta, rho)
        now = candidates & (period > 0)
        label = jnp.where(period == 1, int(Outcome.CONVERGED), int(Outcome.CYCLE)).astype(jnp.int8)
        return state._replace(
            running=state.running & ~now if early_stop else state.running,
            outcome=jnp.where(now, label, state.outcome),
            n_steps=jnp.where(now, state.t, state.n_steps),
            period=jnp.where(now, period, state.period),
            amplitude=jnp.where(now, amplitude, state.amplitude),
        )

    def block(state: _State) -> _State:
        """Advances by up to `check_every` steps, unguarded, then looks what that was worth."""
        length = jnp.where(state.unseen, 0, jnp.minimum(thresholds.check_every, end - state.t))

        def free(_: Any, carry: tuple) -> tuple:
            w, peak, strain = carry
            w, of_step = quick_step(w, eta, rho)
            return w, jnp.maximum(peak, largest_bits(w)), jnp.maximum(strain, of_step)

        # Numbers, not flags, are carried: it is cheaper to keep a maximum than to gather bits.
        carry = (state.w, zero.astype(suspicious.dtype), zero.astype(_unsigned(eta)))
        ahead, peak, strain = lax.fori_loop(0, length, free, carry)
        # Who may have left the ball, or had lengths that under- or overflowed, is run again from
        # the block's beginning with exact lengths and a look at every step, to the last iterate
        # inside: so no overflow reaches a result, and the others pay little.
        suspects = state.running & ((peak > suspicious) | (strain > _trusted(eta)[1]))
        following = state._replace(
            t=state.t + length, unseen=False, w=_select(state.running, ahead, state.w)
        )
        return lax.cond(
            jnp.any(suspects), retrace, lambda _, following, *__: following,
            state, following, suspects, length,
        )  # fmt: skip

    def retrace(state: _State, following: _State, suspects: Any, length: Any) -> _State:
        def careful(carry: tuple) -> tuple:
            i, w, within, taken, _ = carry
            ahead = one_step(w, eta, rho)
            within = within & inside(ahead)
            # A run that does not move never will: its lengths, being 0, were in no doubt.
            going = jnp.any(suspects & within & _differs(ahead, w))
            return i + 1, _select(within, ahead, w), within, taken + within.astype(jnp.int32), going

        _, last, within, taken, _ = lax.while_loop(
            lambda carry: (carry[0] < length) & carry[-1],
            careful,
            (jnp.zeros_like(length), state.w, zero == 0, zero, True),
        )
        gone = suspects & ~within
        first = gone & (state.outcome == Outcome.BUDGET)
        return following._replace(
            w=_select(suspects, last, following.w),
            running=state.running & ~gone,
            outcome=jnp.where(first, jnp.int8(Outcome.DIVERGED), state.outcome),
            n_steps=jnp.where(first, state.t + taken + 1, state.n_steps),
        )

    # Derived from an input, so that every carried array has the same placement.
    zero = jnp.zeros_like(real, dtype=jnp.int32)
    w = ArrayVector(runs.components)
    undecided = runs.outcome == Outcome.BUDGET
    # Without early stopping only a run that left the ball stands still.
    running = real & (undecided if early_stop else runs.outcome != Outcome.DIVERGED)
    out_at_once = undecided & ~inside(w)
    state = _State(
        t=begin,
        unseen=begin == 0,
        w=w,
        running=running & ~out_at_once,
        outcome=jnp.where(out_at_once, jnp.int8(Outcome.DIVERGED), runs.outcome),
        n_steps=jnp.where(undecided, jnp.where(out_at_once, 0, end), runs.n_steps),
        period=runs.period,
        amplitude=runs.amplitude,
    )
    state = lax.while_loop(
        lambda s: (s.t < end) & jnp.any(s.running), lambda s: check(block(s)), state
    )
    loss = jax.vmap(lambda w: landscape.loss_of(w.components))(state.w)
    found = Runs(state.w.components, state.outcome, state.n_steps, state.period, state.amplitude)
    return found, jnp.where(jnp.isfinite(loss), loss, jnp.inf)


def _quick_direction(
    landscape: Landscape, algorithm: Algorithm, quick: bool, w: ArrayVector, rho: Any
) -> tuple[ArrayVector, Any]:
    """The direction with lengths taken as √Σv², and how far outside the trusted range a Σv² was.

    Where that does not exceed the range's width, `_trusted`, the direction agrees with the exact
    one bit for bit, see `quick_vector`; but for entries of a unit vector that underflow beside a
    large one, which either way are right to 5e-324 only. Without `quick` it is the exact one.
    """
    squares: list[Any] = []
    vector = quick_vector(squares) if quick else ArrayVector
    d = direction(
        lambda v: vector(landscape.gradient_of(v.components)), algorithm, vector(w.components), rho
    )
    low, _ = _trusted(rho)
    strain = jnp.zeros_like(rho, dtype=low.dtype)
    for square in squares:
        # What is below the range wraps around to above it, and so does a NaN of either sign.
        strain = jnp.maximum(strain, lax.bitcast_convert_type(square, low.dtype) - low)
    return ArrayVector(d.components), strain


def _quick_step(
    landscape: Landscape, algorithm: Algorithm, quick: bool, w: ArrayVector, eta: Any, rho: Any
) -> tuple[ArrayVector, Any]:
    d, strain = _quick_direction(landscape, algorithm, quick, w, rho)
    return w - eta * d, strain


def _may_rest(
    landscape: Landscape,
    algorithm: Algorithm,
    quick: bool,
    thresholds: Thresholds,
    w: ArrayVector,
    eta: Any,
    rho: Any,
) -> Any:
    """Whether `_at_rest` has to be asked: a necessary condition of it, from largest entries.

    |v|∞ ≤ ‖v‖ ≤ √dim |v|∞; the factors 2 leave room for rounding.
    """
    low, width = _trusted(rho)
    of_largest = 2 * thresholds.cycle_tolerance * np.sqrt(landscape.dim)

    def look(p: Any, carry: tuple) -> tuple:
        point, total, largest, strain, found = carry
        d, of_step = _quick_direction(landscape, algorithm, quick, point, rho)
        total = total + d
        largest = jnp.maximum(largest, d.largest_entry())
        bound = jnp.where(p == 1, 2 * thresholds.gradient_tolerance, of_largest * largest)
        found = found | (total.largest_entry() <= bound)
        return point - eta * d, total, largest, jnp.maximum(strain, of_step), found

    none = jnp.zeros_like(eta)
    carry = (w, jax.tree.map(jnp.zeros_like, w), none, none.astype(low.dtype), none != 0)
    *_, strain, found = lax.fori_loop(1, thresholds.max_period + 1, look, carry)
    return found | (strain > width)


def _trusted(like: Any) -> tuple[Any, Any]:
    """The bits of the smallest trusted square, and from there to the largest."""
    low, high = (np.asarray(s, like.dtype).view(_unsigned(like)) for s in _TRUSTED_SQUARES)
    return low, high - low


def _unsigned(like: Any) -> Any:
    return jnp.uint64 if like.dtype == jnp.float64 else jnp.uint32


def _at_rest(
    gradient: Any,
    algorithm: Algorithm,
    thresholds: Thresholds,
    w: ArrayVector,
    eta: Any,
    rho: Any,
) -> tuple[Any, Any]:
    """The period after which w comes back (0: none up to `max_period`) and the amplitude.

    The amplitude is half the largest distance from w to another point of the cycle.
    """
    none = jnp.zeros_like(eta)

    def look(p: Any, carry: tuple) -> tuple:
        point, total, largest, closed, reach, period, amplitude = carry
        d = direction(gradient, algorithm, point, rho)
        total = total + d
        largest = jnp.maximum(largest, d.norm())
        left = total.norm()
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
        return point, total, largest, closed, reach, period, amplitude

    zero = jax.tree.map(jnp.zeros_like, w)
    carry = (w, zero, none, none != 0, none, none.astype(jnp.int8), none)
    # A loop, not unrolled: unrolled, XLA's fusion computes the first points again for each later.
    *_, period, amplitude = lax.fori_loop(1, thresholds.max_period + 1, look, carry)
    return period, amplitude


def _gradient(landscape: Landscape, w: ArrayVector) -> ArrayVector:
    return ArrayVector(landscape.gradient_of(w.components))


def _bits(x: Any) -> Any:
    """A number's bits, as an integer of its size."""
    return lax.bitcast_convert_type(x, jnp.int64 if x.dtype == jnp.float64 else jnp.int32)


def _differs(a: ArrayVector, b: ArrayVector) -> Any:
    """Where two batches of points differ in any entry."""

    def apart(x: Any, y: Any) -> Any:
        return jnp.any(x != y, axis=tuple(range(1, x.ndim)))

    pairs = zip(a.components, b.components, strict=True)
    return reduce(jnp.logical_or, (apart(x, y) for x, y in pairs))


def _select(where: Any, yes: ArrayVector, no: ArrayVector) -> ArrayVector:
    def pick(a: Any, b: Any) -> Any:
        return jnp.where(where.reshape(where.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, yes, no)
