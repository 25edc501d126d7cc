"""Steps compiled by XLA, in tiles of a fixed size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.engine.batch import (
    Batch,
    Result,
    Runs,
    Span,
    copy_back,
    empty_result,
    padded,
)
from dynamics.engine.kernel import (
    Call,
    Manner,
    Recording,
    State,
    Thresholds,
    begun,
    blocked,
    checked,
)
from dynamics.engine.lanes import OfRuns
from dynamics.engine.program import (
    Program,
    Window,
    count_compilation,
    empty_memory,
    memory_of_one,
)
from landscapes import Landscape

# XLA advances a batch in tiles that stay in cache. Of landscapes whose points are a few scalars:
# runs per tile. Of others: numbers per tile, 16,384 doubles being 128 KiB; but no fewer runs than
# make it worth reading a large matrix from memory, which is done once for all runs of a tile. A
# single path is a tile as well, so that more runs to a tile would make paths slow.
_TILE_RUNS = 256
_TILE_NUMBERS = 16_384
_LEAST_TILE_RUNS = 8
_MOST_TILES_PER_CHUNK = 32
# On an accelerator a tile is what one launch works on.
_ACCELERATOR_TILE_RUNS = 131_072
# Numbers in a window of steps. It goes from block to block, of sweeps as well: with 2**17 a sweep
# takes 1.2 to 1.5 times as long as with a window of one step, with 2**13 at most 1.1 times, and a
# path ten and four times less.
_WINDOW_NUMBERS = 2**13


class XLAProgram(Program):
    """Compiled by XLA in three parts, of which one alone takes steps.

    To XLA the same steps in another function, or on arrays of another size, are another program,
    whose rounding may be another. So runs, paths and observables all go through `_blocked`, on
    arrays of one size.
    """

    def __init__(self, landscape: Landscape, algorithm: Algorithm, platform: str) -> None:
        if platform != "cpu":
            self.tile = _ACCELERATOR_TILE_RUNS
        else:
            # Of a point of few scalars a step reads the landscape's numbers for each run.
            scalars = all(shape == () for shape in landscape.component_shapes)
            read = max((np.size(leaf) for leaf in jax.tree.leaves(landscape)), default=1)
            numbers = max(landscape.dim, read) if scalars else landscape.dim
            tile = np.clip(_TILE_NUMBERS / numbers, _LEAST_TILE_RUNS, _TILE_RUNS)
            self.tile = int(2 ** np.floor(np.log2(tile)))
        # Of large points few tiles: so calls do not last long.
        tiles = _MOST_TILES_PER_CHUNK * _TILE_NUMBERS // (self.tile * landscape.dim)
        tiles = np.clip(tiles, 1, _MOST_TILES_PER_CHUNK) if platform == "cpu" else 1
        self.chunk = int(tiles) * self.tile
        self._steps = max(1, _WINDOW_NUMBERS // (self.tile * landscape.dim))
        # What matrix products of this size take: better to look again soon than late.
        self.cost = 1e-9 * landscape.dim**2
        # XLA's default of 256 bits leaves half of an AVX-512 unit idle; where the processor has
        # narrower registers the option only splits each operation in two.
        options = {"xla_cpu_prefer_vector_width": 512} if platform == "cpu" else None
        _, structure = memory_of_one(landscape.component_shapes, algorithm)
        self._algorithm, self._draws = algorithm, algorithm.order is not None
        manner = Manner(algorithm, quick=False)

        def begin(landscape: Landscape, thresholds: Any, span: Span, batch: Batch) -> Any:
            count_compilation()  # this line is run when the function is traced, and only then
            runs, memory = batch.runs, jax.tree.unflatten(structure, batch.memory)
            known = (runs.outcome, runs.n_steps, runs.period, runs.amplitude)
            batch = batch._replace(runs=Runs(landscape.split(runs.final), *known), memory=memory)
            state = begun(Call(landscape, thresholds, span, batch, manner))
            points = jnp.zeros((self._steps, *runs.final.shape))
            state = state._replace(window=Recording(points, jnp.zeros_like(span.begin)))
            return state, jnp.any(state.running)

        def block(
            landscape: Landscape, thresholds: Any, span: Span, batch: Batch, state: State
        ) -> Any:
            state = blocked(Call(landscape, thresholds, span, batch, manner), state)
            return state, landscape.join(state.w.components)

        def check(
            landscape: Landscape, thresholds: Any, span: Span, batch: Batch, state: State
        ) -> Any:
            state = checked(Call(landscape, thresholds, span, batch, manner), state)
            return state, jnp.any(state.running)

        self._begun = jax.jit(begin, compiler_options=options)
        self._blocked = jax.jit(block, compiler_options=options)
        self._checked = jax.jit(check, compiler_options=options)

    def on_device(self, landscape: Landscape, device: Any) -> Landscape:
        with jax.enable_x64(True):
            return jax.device_put(landscape, device)

    def __call__(
        self,
        landscape: Landscape,
        thresholds: Thresholds,
        span: Span,
        batch: Batch,
        *,
        device: Any,
    ) -> None:
        for begin in range(0, len(batch.eta), self.tile):
            part = slice(begin, begin + self.tile)
            self._advance_tile(
                landscape, thresholds, span, jax.tree.map(lambda a, p=part: a[p], batch), device
            )

    def _advance_tile(
        self, landscape: Landscape, thresholds: Any, span: Span, batch: Batch, device: Any
    ) -> None:
        every, end = int(thresholds.check_every), int(span.end)
        # Both settings belong to the thread; the caller's own are untouched.
        with jax.enable_x64(True), jax.default_device(device):
            thresholds, given = jax.device_put((thresholds, _typed(span)), device)
            state, fixed, running = self._begin(landscape, thresholds, given, batch, device)
            # The block at step 0 has no steps: what is at rest from the beginning is seen there.
            points, t = None, int(span.begin) - (every if span.begin == 0 else 0)
            while running and t < end:
                t = min(t + every, end)
                state, points = self._blocked(landscape, thresholds, given, fixed, state)
                state, some = self._checked(landscape, thresholds, given, fixed, state)
                running = bool(some)
            final = batch.runs.final if points is None else points
            known = (state.outcome, state.n_steps, state.period, state.amplitude)
            found = Result(final, batch.runs.final_loss, *known)
            leaves = jax.tree.leaves(state.memory)
            copy_back(batch._replace(runs=found, memory=tuple(leaves)), batch)

    def _begin(
        self, landscape: Landscape, thresholds: Any, span: Any, batch: Batch, device: Any
    ) -> tuple[State, Batch, bool]:
        """The state at the beginning; what every step depends on, on the device; who runs."""
        n, whole = len(batch.eta), padded(batch, self.tile)
        order = whole.order if self._draws else ()
        whole = jax.device_put(whole._replace(order=order, real=np.arange(self.tile) < n), device)
        state, some = self._begun(landscape, thresholds, span, whole)
        return state, whole._replace(runs=(), memory=()), bool(some)

    # -- paths -----------------------------------------------------------------------------

    def windows(
        self, landscape: Landscape, radius: float, of_runs: OfRuns, n_steps: int, *, device: Any
    ) -> Iterator[Window]:
        n, (eta, rho, starts, order) = len(of_runs.eta), of_runs
        runs = empty_result(n, landscape.dim)
        runs.final[...] = starts
        # The size of a start is asked about by checks, and no path makes any.
        memory, unasked = empty_memory(landscape, self._algorithm, n), np.zeros(n)
        batch = Batch(runs, memory, eta, rho, order, unasked)
        # Tolerances that nothing meets: whatever rests goes on. A block is a window.
        thresholds = Thresholds(
            np.float64(-1), np.float64(-1), np.int32(0), np.float64(radius), np.int32(self._steps)
        )
        with jax.enable_x64(True), jax.default_device(device):
            span = _typed(Span(0, n_steps, False))
            landscape, thresholds, span = jax.device_put((landscape, thresholds, span), device)
            state, fixed, _ = self._begin(landscape, thresholds, span, batch, device)
            state = state._replace(unseen=jax.device_put(np.bool_(False), device))
        for begin in range(0, n_steps, self._steps):
            taken = min(self._steps, n_steps - begin)
            with jax.enable_x64(True), jax.default_device(device):
                state, _ = self._blocked(landscape, thresholds, span, fixed, state)
                window = np.array(state.window.points)[:taken, :n]
                # Where nothing moves any more the block ends early.
                last = int(state.window.last)
            window[last + 1 :] = window[last]
            yield window


def _typed(span: Span) -> Span:
    return Span(np.int32(span.begin), np.int32(span.end), np.bool_(span.early_stop))
