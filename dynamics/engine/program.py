"""What a compiled program offers, whoever compiled it; and what runs remember between its calls."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
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


# -- how many there were -------------------------------------------------------------------------


def compilations() -> int:
    """How many programs have been compiled in this process."""
    return _compilations


_compilations = 0


def count_compilation() -> None:
    """To be called where a program is traced, and only then."""
    global _compilations
    _compilations += 1
