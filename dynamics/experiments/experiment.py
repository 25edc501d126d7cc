"""What a sweep is to compute: its runs, what is asked of each, and how they are cut into blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeVar

import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.engine import lanes
from dynamics.engine.batch import empty_result
from dynamics.engine.lanes import Lanes
from dynamics.engine.observables import parse
from dynamics.engine.outcome import MOST_STEPS, Criteria
from landscapes import Landscape
from landscapes.checks import shown, whole_number

# Runs of a block, when nobody says. So many keep every device busy and cost nothing in calls ...
_MOST_RUNS = 2**20
# ... but a block is also what an interrupt loses: coordinate updates, some seconds of a processor.
_MOST_UPDATES = 2**36
_FEWEST_RUNS = 2**14
# What travels to a worker should be small, and there should be enough of it for all of them.
_MOST_RUNS_SENT, _MOST_NUMBERS_SENT = 2**17, 2**20
# A codec of the store holds less than 2 GiB at a time.
_MOST_BYTES = 2**30

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What is asked of every run, checked: see the arguments of `sweep`."""

    n_steps: Any
    criteria: Any
    early_stop: bool
    observables: Any
    mean_last: Any
    trace_every: Any
    chunk_size: Any
    devices: Any

    def __post_init__(self) -> None:
        for name in ("n_steps", "mean_last", "trace_every", "chunk_size"):
            given, most = getattr(self, name), None if name == "chunk_size" else MOST_STEPS
            if name != "chunk_size" or given is not None:
                number = whole_number(name, given, minimum=1, maximum=most)
                object.__setattr__(self, name, number)
        if self.criteria is not None and not isinstance(self.criteria, Criteria):
            raise ValueError(f"criteria must be a Criteria or None; got {shown(self.criteria)}")
        devices = self.devices
        if devices is not None and not (
            isinstance(devices, Sequence)
            and devices
            and all(hasattr(d, "platform") for d in devices)
        ):
            raise ValueError(f"devices must be a list of jax.Device or None; got {shown(devices)}")
        if not isinstance(self.early_stop, bool):
            raise ValueError(f"early_stop must be True or False; got {shown(self.early_stop)}")
        object.__setattr__(self, "criteria", self.criteria or Criteria())
        object.__setattr__(self, "observables", parse(self.observables))


class Variable(NamedTuple):
    """One result of every run: its type, and the axes it has besides those of the runs."""

    dtype: np.dtype
    dims: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def n_bytes(self) -> int:
        """Bytes of one run."""
        return self.dtype.itemsize * math.prod(self.shape)


def of_every_run(dim: int) -> dict[str, Variable]:
    """What is known of every run, whatever was asked for."""
    found = {name: Variable(a.dtype) for name, a in empty_result(0, dim)._asdict().items()}
    found["final"] = Variable(found["final"].dtype, ("dim",), (dim,))
    return found | {"attractor": Variable(np.dtype(np.int16))}


class Block(NamedTuple):
    """Runs that are computed, kept and resumed together.

    Attributes:
        algorithm: index of their algorithm.
        region: where their results belong, a slice for each axis of the runs.
        shape: of the results; 1 along ρ where one result serves every ρ of the region.
    """

    algorithm: int
    region: tuple[slice, ...]
    shape: tuple[int, ...]

    @property
    def runs(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Experiment:
    """All runs of a sweep (a grid, `is_grid`) or of an ensemble (a list, one algorithm).

    `single` are those axes of a grid that were given as one value, not as a list of values. Runs
    and blocks have them, with extent 1; results do not.
    """

    landscape: Landscape
    algorithms: tuple[Algorithm, ...]
    eta: np.ndarray
    rho: np.ndarray
    starts: np.ndarray
    starts_made_by: str
    settings: Settings
    is_grid: bool
    single: frozenset[str] = frozenset()

    @property
    def axes(self) -> tuple[str, ...]:
        """Along which the runs are laid out."""
        return ("algorithm", "rho", "eta", "start") if self.is_grid else ("run",)

    @property
    def extents(self) -> tuple[int, ...]:
        """How many values each of `axes` has."""
        if not self.is_grid:
            return (len(self.starts),)
        return (len(self.algorithms), len(self.rho), len(self.eta), len(self.starts))

    @property
    def dims(self) -> tuple[str, ...]:
        """Those of `axes` that the results have."""
        return self.kept(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The results of the runs, in the order of `dims`."""
        return self.kept(self.extents)

    def kept(self, of_axes: Sequence[T]) -> tuple[T, ...]:
        """Of something for each of `axes`, that of each of `dims`."""
        pairs = zip(self.axes, of_axes, strict=True)
        return tuple(one for axis, one in pairs if axis not in self.single)

    def variables(self) -> dict[str, Variable]:
        """What is known of every run in the end, by name, before anything is computed."""
        settings = self.settings
        found = of_every_run(self.landscape.dim)
        for asked in settings.observables:
            dims, shape = asked.axes(self.landscape), asked.shape(self.landscape)
            if asked.reduction == "trace":
                steps = settings.n_steps // settings.trace_every + 1
                dims, shape = ("step", *dims), (steps, *shape)
            found[asked.name] = Variable(asked.dtype, dims, shape)
        return found

    @property
    def trace_steps(self) -> np.ndarray | None:
        """The steps at which traces are taken, or None where none is asked for."""
        every = min(self.settings.trace_every, self.settings.n_steps)
        lengths = [size for variable in self.variables().values()
                   for dim, size in zip(variable.dims, variable.shape, strict=True)
                   if dim == "step"]  # fmt: skip
        return every * np.arange(lengths[0], dtype=np.int32) if lengths else None

    def in_words(self, name: str) -> str:
        """What an observable's variable is, such as `max of loss`."""
        found = {one.name: one.in_words for one in self.settings.observables}
        return found.get(name) or " ".join(name.split("_"))

    @property
    def bytes_per_run(self) -> int:
        """Bytes of all results of one run."""
        return sum(variable.n_bytes for variable in self.variables().values())

    @property
    def working_bytes_per_run(self) -> int:
        """Bytes that a run takes while its block is computed and the one before it is written."""
        # Measured: three copies of the results, their compressed form and what a step needs.
        return 6 * self.bytes_per_run + 8 * (self.landscape.dim + 8)

    def block_runs(self, memory: int, *, sent: bool) -> int:
        """How many runs a block has at most, when nobody says: a choice within these bytes."""
        dim = self.landscape.dim
        updates = max(1, self.settings.n_steps * dim)
        runs = min(_MOST_RUNS, max(_FEWEST_RUNS, _MOST_UPDATES // updates))
        if sent:
            runs = min(runs, _MOST_RUNS_SENT, max(1, _MOST_NUMBERS_SENT // dim))
        largest = max(variable.n_bytes for variable in self.variables().values())
        return max(1, min(runs, memory // self.working_bytes_per_run, _MOST_BYTES // largest))

    def chunk(self, block_runs: int) -> tuple[int, ...]:
        """The extent of a block along each of `axes`, of at most so many runs.

        The last axes are filled first, so that a block is as near as can be to a range of runs,
        and its parts are even, so that none is left with a remainder.
        """
        room, extents = block_runs, []
        for size in reversed(self.extents[1:] if self.is_grid else self.extents):
            extents.append(-(-size // -(-size // max(1, room))))
            room //= extents[-1]
        return ((1,) if self.is_grid else ()) + tuple(reversed(extents))

    def blocks(self, chunk: tuple[int, ...]) -> Iterator[Block]:
        """The blocks of these extents, in the order of the runs. They cover every result once."""
        axes = [
            [slice(i, min(i + step, size)) for i in range(0, size, step)]
            for size, step in zip(self.extents, chunk, strict=True)
        ]
        if not self.is_grid:
            for (part,) in product(*axes):
                yield Block(0, (part,), (part.stop - part.start,))
            return
        for a, algorithm in enumerate(self.algorithms):
            # An algorithm that ignores ρ runs once, and its result serves every ρ.
            radii = axes[1] if algorithm.uses_rho else [slice(0, len(self.rho))]
            for r, e, s in product(radii, *axes[2:]):
                rows = r.stop - r.start if algorithm.uses_rho else 1
                shape = (1, rows, e.stop - e.start, s.stop - s.start)
                yield Block(a, (slice(a, a + 1), r, e, s), shape)

    def lanes(self, block: Block) -> Lanes:
        """The runs of a block."""
        if not self.is_grid:
            (part,) = block.region
            parts = (self.eta[part], self.rho[part], self.starts[part])
            return lanes.together(*parts, first=part.start)
        _, r, e, s = block.region
        parts = (self.eta[e], self.rho[r][: block.shape[1]], self.starts[s])
        return lanes.product(*parts, first=s.start)
