"""Which program advances runs of one landscape, algorithm and device, and what it offers.

Two offer the same: `NativeProgram`, whose arithmetic is that of IEEE 754, operation by operation,
so that everything it compiles finds the same bits; and `XLAProgram`, which takes every step of
every run by one and the same compiled function on arrays of one size, since to XLA the same
formula in another function or on another size may be rounded otherwise.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine import native
from dynamics.engine.batch import Batch, Span
from dynamics.engine.lanes import OfRuns
from dynamics.engine.rest import Thresholds
from landscapes import Landscape

#: How many programs of a kind are kept: of those used longest ago nothing is kept, so that a
#: session of many landscapes does not grow without end. One takes some megabytes.
KEPT = 128

# What the base steps of runs remember: the leaves of it, each with the runs along its first axis.
Memory = tuple[np.ndarray, ...]
# Points of consecutive steps, shape (steps, runs, dim).
Window = np.ndarray


class Program(abc.ABC):
    """Compiled steps. It may be used from several threads at once."""

    #: How many runs are advanced together; a call takes any number of them.
    tile: int
    #: How many runs a call takes when nobody says: enough that calling costs nothing, few enough
    #: that processors share a hundred thousand runs evenly.
    chunk: int
    #: A first guess of the seconds that one step of one run takes on one core.
    cost: float

    @abc.abstractmethod
    def on_device(self, landscape: Landscape, device: Any) -> Landscape:
        """The landscape, of this program's class and structure, as the methods want it."""

    @abc.abstractmethod
    def __call__(
        self,
        landscape: Landscape,
        thresholds: Thresholds,
        span: Span,
        batch: Batch,
        *,
        device: Any,
    ) -> None:
        """Advances the batch in place from one end of the span to the other.

        Its `runs` are a `Result`, and its `memory` is as `empty_memory` made it.
        """

    @abc.abstractmethod
    def windows(
        self, landscape: Landscape, radius: float, of_runs: OfRuns, n_steps: int, *, device: Any
    ) -> Iterator[Window]:
        """The iterates of at most `tile` runs at the steps 1 … `n_steps`, in windows of steps.

        They are those that a call goes through, bit for bit. A run that would leave the ball of
        the radius stays at its last iterate inside. A window is only good until the next one.
        """


def empty_memory(landscape: Landscape, algorithm: Algorithm, n: int) -> Memory:
    """Room for what n runs remember."""
    leaves, _ = memory_of_one(landscape.component_shapes, algorithm)
    return tuple(np.zeros((n, *leaf.shape), leaf.dtype) for leaf in leaves)


@lru_cache(maxsize=KEPT)
def memory_of_one(
    component_shapes: tuple[tuple[int, ...], ...], algorithm: Algorithm
) -> tuple[list[Any], Any]:
    """Shapes and types of what one run remembers, and the tree that they are the leaves of."""
    with jax.enable_x64(True):
        point = tuple(jax.ShapeDtypeStruct(shape, np.float64) for shape in component_shapes)
        memory = jax.eval_shape(lambda c: initial_memory(algorithm, ArrayVector(c)), point)
        return jax.tree.flatten(memory)


# -- which is taken ----------------------------------------------------------------------------


class Structure(NamedTuple):
    """All of a landscape that a program depends on: not the numbers in it."""

    tree: Any
    shapes: tuple[tuple[tuple[int, ...], str], ...]

    def instance(self) -> Landscape:
        """A landscape of this structure whose numbers are all zero.

        The numbers are arguments of a program, so that one program serves all landscapes of a
        structure; to be compiled it needs a landscape for its shapes only. No constructor has
        checked this one, and nothing may look at its values.
        """
        return jax.tree.unflatten(self.tree, [np.zeros(s, dtype) for s, dtype in self.shapes])


def structure_of(landscape: Landscape) -> Structure:
    leaves, tree = jax.tree.flatten(landscape)
    return Structure(tree, tuple((np.shape(a), np.result_type(a).name) for a in leaves))


def program(landscape: Landscape, algorithm: Algorithm, platform: str) -> Program:
    """The program for landscapes of this class and structure; compiled at most once."""
    return _program(structure_of(landscape), algorithm, platform)


@lru_cache(maxsize=KEPT)
def _program(structure: Structure, algorithm: Algorithm, platform: str) -> Program:
    from dynamics.engine.native_program import NativeProgram
    from dynamics.engine.xla_program import XLAProgram

    if platform == "cpu":
        try:
            return NativeProgram(structure.instance(), algorithm)
        except native.NotElementwise:
            pass
    return XLAProgram(structure.instance(), algorithm, platform)


# -- what is kept ------------------------------------------------------------------------------


_kept: list[Callable[[], None]] = [_program.cache_clear, memory_of_one.cache_clear]


def kept_until_cleared(clear: Callable[[], None]) -> None:
    """Has `clear` called by `forget_programs`."""
    _kept.append(clear)


def forget_programs() -> None:
    """Frees all that has been compiled in this process; what is needed again is compiled anew."""
    for clear in _kept:
        clear()
    jax.clear_caches()


def compilations() -> int:
    """How many programs have been compiled in this process."""
    return _compilations


_compilations = 0


def count_compilation() -> None:
    """To be called where a program is traced, and only then."""
    global _compilations
    _compilations += 1
