"""`kernel.advance`, compiled for one landscape, algorithm and device, by whatever is fastest."""

from __future__ import annotations

import abc
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine import native
from dynamics.engine.kernel import (
    Batch,
    Manner,
    Result,
    Runs,
    Span,
    Thresholds,
    advance,
)
from landscapes import Landscape

# XLA advances a batch in tiles that stay in cache. Of landscapes whose points are a few scalars:
# runs per tile. Of others: numbers per tile, 16,384 doubles being 128 KiB; but no fewer runs than
# make it worth reading a large matrix from memory, which is done once for all runs of a tile.
_TILE_RUNS = 1024
_TILE_NUMBERS = 16_384
_LEAST_TILE_RUNS = 8
_MOST_TILES_PER_CHUNK = 32
# On an accelerator a tile is what one launch works on.
_ACCELERATOR_TILE_RUNS = 131_072


# What the base steps of runs remember: the leaves of it, each with the runs along its first axis.
Memory = tuple[np.ndarray, ...]


class Program(abc.ABC):
    """A compiled `advance`. Calling it may be done from several threads at once."""

    #: How many runs are advanced together; a call takes any number of them.
    tile: int
    #: How many runs a call takes when nobody says: enough that calling costs nothing, few enough
    #: that processors share a hundred thousand runs evenly.
    chunk: int
    #: A first guess of the seconds that one step of one run takes on one core.
    cost: float

    @abc.abstractmethod
    def place(self, landscape: Landscape, device: Any) -> Landscape:
        """The landscape, of this program's class and structure, as `__call__` wants it."""

    @abc.abstractmethod
    def __call__(
        self,
        landscape: Landscape,
        thresholds: Thresholds,
        span: Span,
        batch: Batch,
        *,
        device: Any,
        chunk: int,
    ) -> None:
        """Advances the batch, at most `chunk` runs, in place from one end of the span to the other.

        Its `runs` are a `Result`, and its `memory` is as `empty_memory` made it.
        """


def empty_memory(landscape: Landscape, algorithm: Algorithm, n: int) -> Memory:
    """Room for what n runs remember."""
    leaves, _ = _memory_of_one(landscape.component_shapes, algorithm)
    return tuple(np.zeros((n, *leaf.shape), leaf.dtype) for leaf in leaves)


@lru_cache
def _memory_of_one(
    component_shapes: tuple[tuple[int, ...], ...], algorithm: Algorithm
) -> tuple[list[Any], Any]:
    """Shapes and types of what one run remembers, and the tree that they are the leaves of."""
    with jax.enable_x64(True):
        point = tuple(jax.ShapeDtypeStruct(shape, np.float64) for shape in component_shapes)
        memory = jax.eval_shape(lambda c: initial_memory(algorithm, ArrayVector(c)), point)
        return jax.tree.flatten(memory)


def program(
    landscape: Landscape, algorithm: Algorithm, *, early_stop: bool, platform: str
) -> Program:
    """The program for landscapes of this class and structure; compiled at most once."""
    leaves, structure = jax.tree.flatten(landscape)
    shapes = tuple((np.shape(leaf), np.result_type(leaf).name) for leaf in leaves)
    return _program(structure, shapes, algorithm, early_stop, platform)


@lru_cache(maxsize=1024)
def _program(
    structure: Any, shapes: Any, algorithm: Algorithm, early_stop: bool, platform: str
) -> Program:
    # One program serves every landscape of this class and structure, so the numbers in it are
    # arguments of the program. Compilation needs a landscape only for its shapes: this one is of
    # zeros, which no constructor has checked, and nothing may look at its values.
    landscape = jax.tree.unflatten(structure, [np.zeros(s, dtype) for s, dtype in shapes])
    if platform == "cpu":
        try:
            return NativeProgram(landscape, algorithm, early_stop)
        except native.NotElementwise:
            pass
    return XLAProgram(landscape, algorithm, early_stop, platform)


class NativeProgram(Program):
    """Compiled by `native`, which raises `NotElementwise` where it cannot."""

    def __init__(self, landscape: Landscape, algorithm: Algorithm, early_stop: bool) -> None:
        leaves, structure = _memory_of_one(landscape.component_shapes, algorithm)
        n, m = len(landscape.component_shapes), len(leaves)
        draws = self._draws = algorithm.order is not None
        manner = Manner(algorithm, early_stop, quick=True)

        def over_runs(landscape: Landscape, thresholds: Any, span: Span, *arrays: Any) -> Any:
            _count_compilation()  # this line is run when the function is traced, and only then
            memory = jax.tree.unflatten(structure, arrays[n : n + m])
            *known, eta, rho, real = arrays[n + m : n + m + _N_SCALARS]
            order = arrays[n + m + _N_SCALARS] if draws else ()
            batch = Batch(Runs(arrays[:n], *known), memory, eta, rho, order, real)
            found, loss = advance(landscape, thresholds, span, batch, manner)
            runs = found.runs
            return *runs.components, *jax.tree.leaves(found.memory), *runs[1:], loss

        thresholds = Thresholds(*(np.zeros((), t) for t in _THRESHOLD_TYPES))
        fixed = (landscape, thresholds, Span(np.zeros((), np.int32), np.zeros((), np.int32)))
        arrays = [(np.dtype(np.float64), shape) for shape in landscape.component_shapes]
        arrays += [(leaf.dtype, leaf.shape) for leaf in leaves]
        arrays += [(np.dtype(name), ()) for name in (*_SCALARS, *["int32"] * draws)]
        self._compiled = native.compile_runs(over_runs, fixed, arrays)
        self.tile, self.chunk, self.cost = native.WIDTH, 32_768, 1e-9 * landscape.dim

    def place(self, landscape: Landscape, device: Any) -> Landscape:
        return landscape

    def __call__(
        self,
        landscape: Landscape,
        thresholds: Thresholds,
        span: Span,
        batch: Batch,
        *,
        device: Any,
        chunk: int,
    ) -> None:
        n = len(batch.eta)
        fixed = [*jax.tree.leaves(landscape), *thresholds, np.int32(span.begin), np.int32(span.end)]
        whole = _padded(batch, n + -n % self.tile)
        self._advance(landscape, fixed, whole, n)
        if whole is not batch:
            _copy_back(whole, batch)

    def _advance(self, landscape: Landscape, fixed: list[Any], batch: Batch, n: int) -> None:
        """Of whole tiles; only the first n runs are no padding."""
        runs, eta = batch.runs, batch.eta
        parts = [np.moveaxis(c, 0, -1) for c in (*landscape.split(runs.final), *batch.memory)]
        points = [np.ascontiguousarray(part) for part in parts]
        known = [runs.outcome, runs.n_steps, runs.period, runs.amplitude]
        order = [batch.order] if self._draws else []
        inputs = [*points, *known, eta, batch.rho, np.arange(len(eta)) < n, *order]
        self._compiled(fixed, inputs, [*points, *known, runs.final_loss])
        for part, point in zip(parts, points, strict=True):
            if not np.may_share_memory(part, point):
                part[...] = point


class XLAProgram(Program):
    """Compiled by XLA, in tiles of a fixed size."""

    def __init__(
        self, landscape: Landscape, algorithm: Algorithm, early_stop: bool, platform: str
    ) -> None:
        if platform != "cpu":
            self.tile = _ACCELERATOR_TILE_RUNS
        elif all(shape == () for shape in landscape.component_shapes):
            self.tile = _TILE_RUNS
        else:
            tile = np.clip(_TILE_NUMBERS / landscape.dim, _LEAST_TILE_RUNS, _TILE_RUNS)
            self.tile = int(2 ** np.floor(np.log2(tile)))
        # Of large points few tiles: so calls do not last long, and padding takes no memory.
        tiles = _MOST_TILES_PER_CHUNK * _TILE_NUMBERS // (self.tile * landscape.dim)
        tiles = np.clip(tiles, 1, _MOST_TILES_PER_CHUNK) if platform == "cpu" else 1
        self.chunk = int(tiles) * self.tile
        # What matrix products of this size take: better to look again soon than late.
        self.cost = 1e-9 * landscape.dim**2
        # XLA's default of 256 bits leaves half of an AVX-512 unit idle; where the processor has
        # narrower registers the option only splits each operation in two.
        options = {"xla_cpu_prefer_vector_width": 512} if platform == "cpu" else None

        manner = Manner(algorithm, early_stop, quick=False)

        def in_tiles(landscape: Landscape, thresholds: Any, span: Span, batch: Batch) -> Any:
            _count_compilation()  # as above
            runs, memory = batch.runs, jax.tree.unflatten(structure, batch.memory)
            known = (runs.outcome, runs.n_steps, runs.period, runs.amplitude)
            batch = batch._replace(runs=Runs(landscape.split(runs.final), *known), memory=memory)
            tiled = jax.tree.map(lambda a: a.reshape(-1, self.tile, *a.shape[1:]), batch)

            def run(batch: Batch) -> tuple[Batch, Any]:
                # A tile of padding alone costs nothing.
                return lax.cond(jnp.any(batch.real), advanced, untouched, batch)

            def untouched(batch: Batch) -> tuple[Batch, Any]:
                return batch, jnp.zeros_like(batch.eta)

            def advanced(batch: Batch) -> tuple[Batch, Any]:
                return advance(landscape, thresholds, span, batch, manner)

            found = lax.map(run, tiled)
            batch, loss = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), found)
            runs = batch.runs
            result = Result(landscape.join(runs.components), loss, *runs[1:])
            return result, jax.tree.leaves(batch.memory)

        _, structure = _memory_of_one(landscape.component_shapes, algorithm)
        self._draws = algorithm.order is not None

        self._compiled = jax.jit(in_tiles, compiler_options=options)

    def place(self, landscape: Landscape, device: Any) -> Landscape:
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
        chunk: int,
    ) -> None:
        n = len(batch.eta)
        # One length, so that one compilation serves.
        whole = _padded(batch, -(-chunk // self.tile) * self.tile)
        span = Span(np.int32(span.begin), np.int32(span.end))
        whole = whole._replace(
            order=whole.order if self._draws else (), real=np.arange(len(whole.eta)) < n
        )
        # Both settings belong to the thread; the caller's own are untouched.
        with jax.enable_x64(True), jax.default_device(device):
            runs, memory = self._compiled(landscape, thresholds, span, whole)
            _copy_back(whole._replace(runs=runs, memory=memory), batch)


def compilations() -> int:
    """How many programs have been compiled in this process."""
    return _compilations


_compilations = 0


def _count_compilation() -> None:
    global _compilations
    _compilations += 1


# Of a run: outcome, n_steps, period, amplitude, η, ρ, and whether it is no padding.
_SCALARS = ("int8", "int32", "int8", "float64", "float64", "float64", "bool")
_N_SCALARS = len(_SCALARS)
_THRESHOLD_TYPES = ("float64", "float64", "int32", "float64", "int32")


def _padded(batch: Batch, length: int) -> Batch:
    """The batch with its last run repeated up to the given length; itself if it is that long."""
    missing = length - len(batch.eta)

    def longer(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])

    return jax.tree.map(longer, batch) if missing else batch


def _copy_back(found: Batch, batch: Batch) -> None:
    """Writes what was found of the first runs to where they came from."""
    for field, values in zip(
        (*batch.runs, *batch.memory), (*found.runs, *found.memory), strict=True
    ):
        field[...] = np.asarray(values)[: len(field)]
