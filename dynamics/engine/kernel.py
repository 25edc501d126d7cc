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

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine.outcome import Outcome
from dynamics.engine.rest import Thresholds, at_rest, at_rest_for_good, may_rest
from dynamics.engine.stepper import Stepper, trusted, unsigned
from landscapes import Landscape


class Runs(NamedTuple):
    """A batch of runs on their way: one array over runs in each field.

    Attributes:
        components: the points, laid out as the landscape says.
        memory: of the algorithm's base step; before step 1 anything of the right shape.
        outcome, n_steps, period, amplitude: as in `Result`, as far as it is known.
    """

    components: tuple[Any, ...]
    memory: Any
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
    memory: Any
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
    order: Any,
    real: Any,
    *,
    algorithm: Algorithm,
    early_stop: bool,
    quick: bool,
) -> tuple[Runs, Any]:
    """The runs, which are at step `begin`, at step `end`; and their losses there.

    `begin` is 0 or a multiple of `check_every`, and runs that are cut there and go on in another
    call end as if they had not been. `order` says which sample order a run draws from, and is ()
    for algorithms that draw nothing. Where `real` is False there is no run, only padding.

    `quick` changes no result: lengths are then taken without scaling, with a look at whether that
    was good enough, which is faster where a look costs little.
    """
    of_one = partial(Stepper, landscape, algorithm)
    runs_and_t = (0, 0, 0, 0, 0, None)
    one_step = jax.vmap(lambda w, m, e, r, o, t: of_one(e, r, o).step(w, m, t), runs_and_t)
    quick_step = jax.vmap(
        lambda w, m, e, r, o, t: of_one(e, r, o, quick).quick_step(w, m, t), runs_and_t
    )
    autonomous = algorithm.is_autonomous
    rests = at_rest if autonomous else at_rest_for_good
    look_quickly = jax.vmap(
        lambda w, m, e, r, o, t: may_rest(of_one(e, r, o, quick), thresholds, w, m, t), runs_and_t
    )
    look = jax.vmap(
        lambda w, m, e, r, o, t: rests(of_one(e, r, o), thresholds, w, m, t), runs_and_t
    )
    inside = jax.vmap(lambda w: w.norm() <= thresholds.divergence_radius)
    # Whoever leaves the ball has a coordinate beyond this, with a factor 2 to spare for rounding;
    # to keep the largest coordinate costs a loop less than to take a norm. Bits of positive
    # numbers are ordered as the numbers are, with NaN above all.
    suspicious = _bits(thresholds.divergence_radius / (2 * np.sqrt(landscape.dim)))
    largest_bits = jax.vmap(ArrayVector.largest_bits)

    def check(state: _State) -> _State:
        """Decides the undecided runs that have come to rest."""
        candidates = state.running & (state.outcome == Outcome.BUDGET)
        if quick and autonomous:
            may = look_quickly(state.w, state.memory, eta, rho, order, state.t + 1)
            candidates = candidates & may
        return lax.cond(jnp.any(candidates), decide, lambda s, _: s, state, candidates)

    def decide(state: _State, candidates: Any) -> _State:
        period, amplitude = look(state.w, state.memory, eta, rho, order, state.t + 1)
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

        def free(i: Any, carry: tuple) -> tuple:
            w, memory, peak, strain = carry
            w, memory, of_step = quick_step(w, memory, eta, rho, order, state.t + i + 1)
            return w, memory, jnp.maximum(peak, largest_bits(w)), jnp.maximum(strain, of_step)

        # Numbers, not flags, are carried: it is cheaper to keep a maximum than to gather bits.
        carry = (state.w, state.memory, zero.astype(suspicious.dtype), zero.astype(unsigned(eta)))
        ahead, memory, peak, strain = lax.fori_loop(0, length, free, carry)
        # Who may have left the ball, or had lengths that under- or overflowed, is run again from
        # the block's beginning with exact lengths and a look at every step, to the last iterate
        # inside: so no overflow reaches a result, and the others pay little.
        suspects = state.running & ((peak > suspicious) | (strain > trusted(eta)[1]))
        following = state._replace(
            t=state.t + length,
            unseen=False,
            w=_select(state.running, ahead, state.w),
            memory=_select(state.running, memory, state.memory),
        )
        return lax.cond(
            jnp.any(suspects), retrace, lambda _, following, *__: following,
            state, following, suspects, length,
        )  # fmt: skip

    def retrace(state: _State, following: _State, suspects: Any, length: Any) -> _State:
        def careful(carry: tuple) -> tuple:
            i, w, memory, within, taken, _ = carry
            ahead, remembered = one_step(w, memory, eta, rho, order, state.t + i + 1)
            within = within & inside(ahead)
            going = suspects & within
            if forgetful:
                # A run that does not move never will: its lengths, being 0, were in no doubt.
                going = going & _differs(ahead, w)
            w, memory = _select(within, (ahead, remembered), (w, memory))
            return i + 1, w, memory, within, taken + within.astype(jnp.int32), jnp.any(going)

        _, last, memory, within, taken, _ = lax.while_loop(
            lambda carry: (carry[0] < length) & carry[-1],
            careful,
            (jnp.zeros_like(length), state.w, state.memory, zero == 0, zero, True),
        )
        gone = suspects & ~within
        first = gone & (state.outcome == Outcome.BUDGET)
        return following._replace(
            w=_select(suspects, last, following.w),
            memory=_select(suspects, memory, following.memory),
            running=state.running & ~gone,
            outcome=jnp.where(first, jnp.int8(Outcome.DIVERGED), state.outcome),
            n_steps=jnp.where(first, state.t + taken + 1, state.n_steps),
        )

    # Derived from an input, so that every carried array has the same placement.
    zero = jnp.zeros_like(real, dtype=jnp.int32)
    w = ArrayVector(runs.components)
    fresh = jax.vmap(partial(initial_memory, algorithm))(w)
    memory = jax.tree.map(lambda new, old: jnp.where(begin == 0, new, old), fresh, runs.memory)
    forgetful = autonomous and not jax.tree.leaves(memory)
    undecided = runs.outcome == Outcome.BUDGET
    # Without early stopping only a run that left the ball stands still.
    running = real & (undecided if early_stop else runs.outcome != Outcome.DIVERGED)
    out_at_once = undecided & ~inside(w)
    state = _State(
        t=begin,
        unseen=begin == 0,
        w=w,
        memory=memory,
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
    known = (state.outcome, state.n_steps, state.period, state.amplitude)
    found = Runs(state.w.components, state.memory, *known)
    return found, jnp.where(jnp.isfinite(loss), loss, jnp.inf)


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
