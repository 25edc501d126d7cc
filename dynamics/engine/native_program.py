"""Steps compiled by `native`: to loops that keep the runs in registers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine import native
from dynamics.engine.batch import Batch, Runs, Span, copy_back, padded
from dynamics.engine.kernel import Call, Manner, Thresholds, advance
from dynamics.engine.lanes import OfRuns
from dynamics.engine.program import Program, Window, count_compilation, memory_of_one
from dynamics.engine.stepper import Stepper
from landscapes import Landscape
from landscapes.domain import undefined_at

# Of a run: outcome, n_steps, period, amplitude, η, ρ, size, and whether it is no padding.
_SCALARS = ("int8", "int32", "int8", "float64", "float64", "float64", "float64", "bool")
_N_SCALARS = len(_SCALARS)
# A step of fewer instructions makes a program below the limit, that of a dozen steps and more.
_SHORT = 800
# Steps of a window: few enough that it stays in cache, many enough that a call costs nothing.
_WINDOW_NUMBERS = 2**17


class NativeProgram(Program):
    """Compiled by `native`, which raises `NotElementwise` where it cannot."""

    #: Of `Thresholds`, and of what a run is advanced with, in the order of `runs`.
    threshold_types = ("float64", "float64", "int32", "float64", "int32")
    scalar_types = _SCALARS

    def __init__(self, landscape: Landscape, algorithm: Algorithm, *, quick: bool = True) -> None:
        self._algorithm, self._landscape = algorithm, landscape
        self._leaves, self._structure = memory_of_one(landscape.component_shapes, algorithm)
        self._draws, self._manner = algorithm.order is not None, Manner(algorithm, quick)
        self.tile, self.chunk, self.cost = native.HOST.width, 32_768, 1e-9 * landscape.dim
        # Paths need a step and no more. What takes steps can be compiled where one can, and is
        # not too long where one is short.
        if self.step.instructions > _SHORT:
            self.runs  # noqa: B018

    @cached_property
    def runs(self) -> native.Compiled:
        """Runs to the end of a span."""
        n, m = len(self._landscape.component_shapes), len(self._leaves)
        structure, draws, manner = self._structure, self._draws, self._manner

        def over_runs(landscape: Landscape, thresholds: Any, span: Span, *arrays: Any) -> Any:
            count_compilation()  # this line is run when the function is traced, and only then
            memory = jax.tree.unflatten(structure, arrays[n : n + m])
            *known, eta, rho, size, real = arrays[n + m : n + m + _N_SCALARS]
            order = arrays[n + m + _N_SCALARS] if draws else ()
            batch = Batch(Runs(arrays[:n], *known), memory, eta, rho, order, size, real)
            found = advance(Call(landscape, thresholds, span, batch, manner))
            return *found.runs.components, *jax.tree.leaves(found.memory), *found.runs[1:]

        thresholds = Thresholds(*(np.zeros((), t) for t in self.threshold_types))
        step = np.zeros((), np.int32)
        fixed = (self._landscape, thresholds, Span(step, step, np.zeros((), bool)))
        scalars = [(np.dtype(name), ()) for name in (*_SCALARS, *["int32"] * draws)]
        return native.compile_runs(over_runs, fixed, [*self.points, *scalars])

    @property
    def points(self) -> list[Any]:
        """Type and shape of what a run carries from step to step."""
        components = [(np.dtype(np.float64), shape) for shape in self._landscape.component_shapes]
        return components + [(leaf.dtype, leaf.shape) for leaf in self._leaves]

    def on_device(self, landscape: Landscape, device: Any) -> Landscape:
        return landscape

    def __call__(
        self,
        landscape: Landscape,
        thresholds: Thresholds,
        span: Span,
        batch: Batch,
        *,
        device: Any,
    ) -> None:
        n = len(batch.eta)
        span = Span(np.int32(span.begin), np.int32(span.end), np.bool_(span.early_stop))
        fixed = [*jax.tree.leaves(landscape), *thresholds, *span]
        whole = padded(batch, n + -n % self.tile)
        self._advance(landscape, fixed, whole, n)
        if whole is not batch:
            copy_back(whole, batch)

    def _advance(self, landscape: Landscape, fixed: list[Any], batch: Batch, n: int) -> None:
        """Of whole tiles; only the first n runs are no padding."""
        runs, eta = batch.runs, batch.eta
        parts = [np.moveaxis(c, 0, -1) for c in (*landscape.split(runs.final), *batch.memory)]
        points = [np.ascontiguousarray(part) for part in parts]
        known = [runs.outcome, runs.n_steps, runs.period, runs.amplitude]
        order = [batch.order] if self._draws else []
        given = [eta, batch.rho, batch.size, np.arange(len(eta)) < n, *order]
        inputs = [*points, *known, *given]
        self.runs(fixed, inputs, [*points, *known])
        for part, point in zip(parts, points, strict=True):
            if not np.may_share_memory(part, point):
                part[...] = point

    # -- paths -----------------------------------------------------------------------------

    @cached_property
    def step(self) -> native.Compiled:
        """One exact step: of the point, the memory and whether the run is still inside."""
        n, m = len(self._landscape.component_shapes), len(self._leaves)
        algorithm, structure = self._algorithm, self._structure

        def of_one(landscape: Landscape, radius: Any, w: Any, memory: Any, *given: Any) -> Any:
            within, eta, rho, t, *order = given
            fresh = initial_memory(algorithm, w)
            memory = jax.tree.map(lambda new, old: jnp.where(t == 1, new, old), fresh, memory)
            stepper = Stepper(landscape, algorithm, eta, rho, order[0] if order else ())
            ahead, remembered = stepper.step(w, memory, t)
            for point in (w, ahead):
                within = within & (point.norm() <= radius)
                if (undefined := undefined_at(landscape, point.components)) is not None:
                    within = within & ~undefined
            w, memory = jax.tree.map(
                lambda new, old: jnp.where(within, new, old), (ahead, remembered), (w, memory)
            )
            return *w.components, *jax.tree.leaves(memory), within

        def over_runs(landscape: Landscape, radius: Any, *arrays: Any) -> Any:
            count_compilation()
            memory = jax.tree.unflatten(structure, arrays[n : n + m])
            axes = (None, None, *[0] * (2 + len(arrays) - n - m))
            over = jax.vmap(of_one, axes)
            return over(landscape, radius, ArrayVector(arrays[:n]), memory, *arrays[n + m :])

        names = ("bool", "float64", "float64", "int32", *["int32"] * self._draws)
        scalars = [(np.dtype(name), ()) for name in names]
        fixed = (self._landscape, np.zeros(()))
        return native.compile_runs(over_runs, fixed, [*self.points, *scalars])

    def windows(
        self, landscape: Landscape, radius: float, of_runs: OfRuns, n_steps: int, *, device: Any
    ) -> Iterator[Window]:
        runs, (eta, rho, starts, order) = len(of_runs.eta), of_runs
        filled = np.minimum(np.arange(self.tile), runs - 1)
        numbers = sum(int(np.prod(shape)) for _, shape in self.points)
        steps = min(n_steps, max(1, _WINDOW_NUMBERS // (self.tile * numbers)))
        # Places for the steps of a window and the one before it, each of a tile of runs.
        length = (steps + 1) * self.tile
        point = np.empty((landscape.dim, length))
        *memory, within = (np.zeros((*s, length), t) for t, s in [*self.points, (np.bool_, ())])
        memory = memory[len(landscape.component_shapes) :]
        components, offset = [], 0
        for shape in landscape.component_shapes:
            size = int(np.prod(shape))
            components.append(point[offset : offset + size].reshape(*shape, length))
            offset += size
        point[:, : self.tile], within[: self.tile] = starts[filled].T, True
        carried = [*components, *memory, within]
        given = [np.tile(values[filled], steps + 1) for values in (eta, rho)]
        t = np.repeat(np.arange(1, steps + 2, dtype=np.int32), self.tile)
        drawn = [np.tile(order[filled], steps + 1)] if self._draws else []
        fixed = [*jax.tree.leaves(landscape), np.float64(radius)]
        for begin in range(0, n_steps, steps):
            taken = min(steps, n_steps - begin)
            self.step.again(fixed, carried, [*given, t, *drawn], taken)
            of_steps = point.reshape(landscape.dim, steps + 1, self.tile)
            yield np.moveaxis(of_steps[:, 1 : taken + 1, :runs], 0, -1)
            for array in carried:
                array[..., : self.tile] = array[..., taken * self.tile : (taken + 1) * self.tile]
            t += np.int32(steps)
