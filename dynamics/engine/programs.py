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
from dynamics.engine.kernel import Result, Runs, Thresholds, advance
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
        begin: int,
        end: int,
        runs: Result,
        memory: Memory,
        eta: np.ndarray,
        rho: np.ndarray,
        order: np.ndarray,
        *,
        device: Any,
        chunk: int,
    ) -> None:
        """Advances `runs`, at most `chunk` of them, in place from step `begin` to step `end`.

        `memory` goes with them, likewise in place, as `empty_memory` made it.
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
        def over_runs(landscape: Landscape, thresholds: Any, begin: Any, end: Any, *arrays: Any):
            _count_compilation()  # this line is run when the function is traced, and only then
            n, m = len(landscape.component_shapes), len(leaves)
            memory = jax.tree.unflatten(structure, arrays[n : n + m])
            *known, eta, rho, real = arrays[n + m : n + m + _N_SCALARS]
            order = arrays[n + m + _N_SCALARS] if draws else ()
            runs, loss = advance(
                landscape, thresholds, begin, end, Runs(arrays[:n], memory, *known), eta, rho,
                order, real, algorithm=algorithm, early_stop=early_stop, quick=True,
            )  # fmt: skip
            return *runs.components, *jax.tree.leaves(runs.memory), *runs[2:], loss

        leaves, structure = _memory_of_one(landscape.component_shapes, algorithm)
        draws = self._draws = algorithm.order is not None
        thresholds = Thresholds(*(np.zeros((), t) for t in _THRESHOLD_TYPES))
        step = np.zeros((), np.int32)
        arrays = [(np.dtype(np.float64), shape) for shape in landscape.component_shapes]
        arrays += [(leaf.dtype, leaf.shape) for leaf in leaves]
        arrays += [(np.dtype(name), ()) for name in (*_SCALARS, *["int32"] * draws)]
        self._compiled = native.compile_runs(over_runs, (landscape, thresholds, step, step), arrays)
        self.tile, self.chunk, self.cost = native.WIDTH, 32_768, 1e-9 * landscape.dim

    def place(self, landscape: Landscape, device: Any) -> Landscape:
        return landscape

    def __call__(
        self,
        landscape: Landscape,
        thresholds: Thresholds,
        begin: int,
        end: int,
        runs: Result,
        memory: Memory,
        eta: np.ndarray,
        rho: np.ndarray,
        order: np.ndarray,
        *,
        device: Any,
        chunk: int,
    ) -> None:
        n = len(eta)
        fixed = [*jax.tree.leaves(landscape), *thresholds, np.int32(begin), np.int32(end)]
        others = [eta, rho, *([order] if self._draws else [])]
        if length := -n % self.tile:
            padded = Result(*(_padded(field, n + length) for field in runs))
            remembered = tuple(_padded(leaf, n + length) for leaf in memory)
            others = [_padded(array, n + length) for array in others]
            self._advance(landscape, fixed, padded, remembered, others, n)
            for field, found in zip((*runs, *memory), (*padded, *remembered), strict=True):
                field[...] = found[:n]
        else:
            self._advance(landscape, fixed, runs, memory, others, n)

    def _advance(
        self,
        landscape: Landscape,
        fixed: list[Any],
        runs: Result,
        memory: Memory,
        others: list[np.ndarray],
        n: int,
    ) -> None:
        """Of whole tiles; only the first n runs are no padding."""
        parts = [np.moveaxis(c, 0, -1) for c in (*landscape.split(runs.final), *memory)]
        points = [np.ascontiguousarray(part) for part in parts]
        known = [runs.outcome, runs.n_steps, runs.period, runs.amplitude]
        eta, rho, *order = others
        inputs = [*points, *known, eta, rho, np.arange(len(eta)) < n, *order]
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

        def in_tiles(
            landscape: Landscape, thresholds: Any, begin: Any, end: Any, final: Any, memory: Any,
            *arrays: Any,
        ) -> Any:  # fmt: skip
            _count_compilation()  # as above
            memory = jax.tree.unflatten(structure, memory)
            arguments = (landscape.split(final), memory, *arrays)
            tiled = jax.tree.map(lambda a: a.reshape(-1, self.tile, *a.shape[1:]), arguments)

            def run(arguments: tuple) -> tuple:
                # A tile of padding alone costs nothing.
                return lax.cond(jnp.any(arguments[-1]), advanced, untouched, arguments)

            def untouched(arguments: tuple) -> tuple:
                components, memory, *known, eta, _, _, _ = arguments
                return Runs(components, memory, *known), jnp.zeros_like(eta)

            def advanced(arguments: tuple) -> tuple:
                components, memory, *known, eta, rho, order, real = arguments
                return advance(
                    landscape, thresholds, begin, end, Runs(components, memory, *known), eta, rho,
                    order, real, algorithm=algorithm, early_stop=early_stop, quick=False,
                )  # fmt: skip

            runs, loss = lax.map(run, tiled)
            runs, loss = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), (runs, loss))
            result = Result(landscape.join(runs.components), loss, *runs[2:])
            return result, jax.tree.leaves(runs.memory)

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
        begin: int,
        end: int,
        runs: Result,
        memory: Memory,
        eta: np.ndarray,
        rho: np.ndarray,
        order: np.ndarray,
        *,
        device: Any,
        chunk: int,
    ) -> None:
        n = len(eta)
        # One length, so that one compilation serves.
        length = -(-chunk // self.tile) * self.tile
        known = (runs.outcome, runs.n_steps, runs.period, runs.amplitude, eta, rho)
        # Both settings belong to the thread; the caller's own are untouched.
        with jax.enable_x64(True), jax.default_device(device):
            found, remembered = self._compiled(
                landscape,
                thresholds,
                np.int32(begin),
                np.int32(end),
                _padded(runs.final, length),
                [_padded(leaf, length) for leaf in memory],
                *(_padded(a, length) for a in known),
                _padded(order, length) if self._draws else (),
                np.arange(length) < n,
            )
            for field, values in zip((*runs, *memory), (*found, *remembered), strict=True):
                field[...] = np.asarray(values)[:n]


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


def _padded(array: np.ndarray, length: int) -> np.ndarray:
    """The array with its last entry repeated up to the given length."""
    missing = length - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array
