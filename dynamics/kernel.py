"""The compiled heart: many runs advanced to their outcomes, in tiles that stay in cache.

What holds here: a run's result depends on that run alone. Tiles have one fixed size, are padded,
and are elementwise throughout, so chunk size, order and device count cannot change a bit of it.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynamics.algorithm import Algorithm, direction, step
from dynamics.outcome import Outcome
from dynamics.vector import ArrayVector
from landscapes import Landscape

# Runs per tile: 1,024 runs of a few scalars fit the first-level cache (docs/performance.md).
_TILE_RUNS = 1024
# For landscapes with vector components, numbers per tile: 16,384 doubles are 128 KiB.
_TILE_NUMBERS = 16_384
# On an accelerator a tile is what one launch works on.
_ACCELERATOR_TILE_RUNS = 131_072


class Thresholds(NamedTuple):
    """The traced part of `Criteria`."""

    gradient_tolerance: Any
    cycle_tolerance: Any
    max_period: Any
    divergence_radius: Any
    check_every: Any


class Result(NamedTuple):
    """What is known of each run of a chunk; fields have the chunk's length."""

    final: Any
    final_loss: Any
    outcome: Any
    n_steps: Any
    period: Any
    amplitude: Any


def empty_result(n: int, dim: int) -> Result:
    """Room for the results of n runs."""
    return Result(
        final=np.empty((n, dim)),
        final_loss=np.empty(n),
        outcome=np.empty(n, dtype=np.int8),
        n_steps=np.empty(n, dtype=np.int32),
        period=np.empty(n, dtype=np.int8),
        amplitude=np.empty(n),
    )


class _State(NamedTuple):
    t: Any
    w: ArrayVector
    running: Any
    outcome: Any
    n_steps: Any
    period: Any
    amplitude: Any


def tile_runs(landscape: Landscape, platform: str) -> int:
    """How many runs are advanced together."""
    if platform != "cpu":
        return _ACCELERATOR_TILE_RUNS
    if all(shape == () for shape in landscape.component_shapes):
        return _TILE_RUNS
    return int(2 ** np.floor(np.log2(np.clip(_TILE_NUMBERS / landscape.dim, 1, _TILE_RUNS))))


@lru_cache
def compiled(platform: str) -> Any:
    """`advance`, jitted with the compiler options of the platform."""
    # XLA's default of 256 bits leaves half of an AVX-512 unit idle; where the processor has
    # narrower registers the option only splits each operation in two.
    options = {"xla_cpu_prefer_vector_width": 512} if platform == "cpu" else None
    static = ("algorithm", "early_stop", "tile")
    return jax.jit(advance, static_argnames=static, compiler_options=options)


def advance(
    landscape: Landscape,
    starts: Any,
    eta: Any,
    rho: Any,
    real: Any,
    begin: Any,
    n_steps: Any,
    thresholds: Thresholds,
    *,
    algorithm: Algorithm,
    early_stop: bool,
    tile: int,
) -> Result:
    """Runs a chunk from step `begin`, at which it is at `starts`, to step `n_steps`.

    Its length is a multiple of `tile`; where `real` is False it is padding. A run that is cut at
    a check and goes on in another chunk ends as if it had not been: `begin` is 0, or a multiple
    of `check_every` at which the run has been looked at and found undecided.
    """
    tiled = jax.tree.map(lambda a: a.reshape(-1, tile, *a.shape[1:]), (starts, eta, rho, real))
    run = partial(_advance_tile, landscape, algorithm, early_stop, thresholds, begin, n_steps)
    results = lax.map(lambda arguments: run(*arguments), tiled)
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), results)


def _advance_tile(
    landscape: Landscape,
    algorithm: Algorithm,
    early_stop: bool,
    thresholds: Thresholds,
    begin: Any,
    n_steps: Any,
    starts: Any,
    eta: Any,
    rho: Any,
    real: Any,
) -> Result:
    gradient = partial(_gradient, landscape)
    one_step = jax.vmap(partial(step, gradient, algorithm))
    at_rest = jax.vmap(partial(_at_rest, gradient, algorithm, thresholds))
    inside = jax.vmap(lambda w: w.norm() <= thresholds.divergence_radius)
    # Whoever leaves the ball has a coordinate beyond this, with a factor 2 to spare for rounding;
    # to keep the largest coordinate costs a loop less than to take a norm.
    suspicious = thresholds.divergence_radius / (2 * np.sqrt(landscape.dim))
    largest_entry = jax.vmap(ArrayVector.largest_entry)

    def check(state: _State) -> _State:
        """Decides the undecided runs that have come to rest."""
        period, amplitude = at_rest(state.w, eta, rho)
        now = state.running & (state.outcome == Outcome.BUDGET) & (period > 0)
        label = jnp.where(period == 1, int(Outcome.CONVERGED), int(Outcome.CYCLE)).astype(jnp.int8)
        return state._replace(
            running=state.running & ~now if early_stop else state.running,
            outcome=jnp.where(now, label, state.outcome),
            n_steps=jnp.where(now, state.t, state.n_steps),
            period=jnp.where(now, period, state.period),
            amplitude=jnp.where(now, amplitude, state.amplitude),
        )

    def block(state: _State) -> _State:
        """Advances by up to `check_every` steps, unguarded, then looks who left the ball."""
        length = jnp.minimum(thresholds.check_every, n_steps - state.t)

        def free(_: Any, carry: tuple) -> tuple:
            w = one_step(carry[0], eta, rho)
            return w, jnp.maximum(carry[1], largest_entry(w))

        ahead, peak = lax.fori_loop(0, length, free, (state.w, jnp.zeros_like(eta)))
        # Who may have left is run again from the block's beginning, with a look at every step,
        # to the last iterate inside: so no overflow reaches a result, and who stays pays little.
        suspects = state.running & ~(peak <= suspicious)
        last, within, taken = lax.cond(
            jnp.any(suspects), retrace, lambda *_: (ahead, zero == 0, zero), state.w, length
        )
        gone = suspects & ~within
        first = gone & (state.outcome == Outcome.BUDGET)
        stay = state.running & ~gone
        return state._replace(
            t=state.t + length,
            w=_select(gone, last, _select(stay, ahead, state.w)),
            running=stay,
            outcome=jnp.where(first, jnp.int8(Outcome.DIVERGED), state.outcome),
            n_steps=jnp.where(first, state.t + taken + 1, state.n_steps),
        )

    def retrace(w: ArrayVector, length: Any) -> tuple[ArrayVector, Any, Any]:
        def careful(_: Any, carry: tuple) -> tuple:
            w, within, taken = carry
            following = one_step(w, eta, rho)
            within = within & inside(following)
            return _select(within, following, w), within, taken + within.astype(jnp.int32)

        return lax.fori_loop(0, length, careful, (w, zero == 0, zero))

    # Derived from an input, so that every carried array has the same placement.
    zero = jnp.zeros_like(real, dtype=jnp.int32)
    w = ArrayVector(landscape.split(starts))
    within = inside(w)
    state = _State(
        t=begin,
        w=w,
        running=real & within,
        outcome=jnp.where(within, int(Outcome.BUDGET), int(Outcome.DIVERGED)).astype(jnp.int8),
        n_steps=jnp.where(within, n_steps, 0).astype(jnp.int32),
        period=zero.astype(jnp.int8),
        amplitude=jnp.zeros_like(eta),
    )
    state = lax.cond(begin == 0, check, lambda s: s, state)
    state = lax.while_loop(
        lambda s: (s.t < n_steps) & jnp.any(s.running), lambda s: check(block(s)), state
    )
    loss = jax.vmap(lambda w: landscape.loss_of(w.components))(state.w)
    return Result(
        final=landscape.join(state.w.components),
        final_loss=jnp.where(jnp.isfinite(loss), loss, jnp.inf),
        outcome=state.outcome,
        n_steps=state.n_steps,
        period=state.period,
        amplitude=state.amplitude,
    )


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
        point, total, largest, reach, period, amplitude = carry
        d = direction(gradient, algorithm, point, rho)
        total = total + d
        largest = jnp.maximum(largest, d.norm())
        tolerance = jnp.where(
            p == 1, thresholds.gradient_tolerance, thresholds.cycle_tolerance * largest
        )
        # Looking ahead may overflow, and inf ≤ inf is no rest.
        found = (period == 0) & (total.norm() <= tolerance) & jnp.isfinite(largest)
        period = jnp.where(found, p.astype(jnp.int8), period)
        amplitude = jnp.where(found, reach / 2, amplitude)
        point = point - eta * d
        return point, total, largest, jnp.maximum(reach, (point - w).norm()), period, amplitude

    carry = (w, jax.tree.map(jnp.zeros_like, w), none, none, none.astype(jnp.int8), none)
    # A loop, not unrolled: unrolled, XLA's fusion computes the first points again for each later.
    *_, period, amplitude = lax.fori_loop(1, thresholds.max_period + 1, look, carry)
    return period, amplitude


def _gradient(landscape: Landscape, w: ArrayVector) -> ArrayVector:
    return ArrayVector(landscape.gradient_of(w.components))


def _select(where: Any, yes: ArrayVector, no: ArrayVector) -> ArrayVector:
    def pick(a: Any, b: Any) -> Any:
        return jnp.where(where.reshape(where.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, yes, no)
