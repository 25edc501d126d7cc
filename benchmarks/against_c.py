"""The sweep beside hand-written C, and beside what one would use in its place."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import opponents
from benchmarks.c_loop import c_loop
from benchmarks.row import Group, Mark, Measurement, Settings, at_least, at_most, row
from benchmarks.timing import Duel, Side, duel
from benchmarks.workload import Engine, Workload, check, ravine, workload
from dynamics import GD, SAM, USAM, Algorithm, StableSAM
from landscapes import Landscape, LinearNeuron, Saddle


def compared(
    given: Workload,
    name: str,
    prepare: Callable[[Workload], Engine],
    steps: tuple[int, int],
    repeats: int,
) -> Duel:
    """The public sweep against an engine, both of them checked first; steps of each.

    An engine whose cost is per step is timed for fewer steps, and a step counts.
    """
    ours, theirs = ravine(given), prepare(given)
    check("Ravine", given, ours)
    check(name, given, theirs)
    return duel(
        Side("Ravine", ours, steps[0], given.runs),
        Side(name, theirs, steps[1], given.runs),
        repeats,
    )


def _size(settings: Settings) -> tuple[int, int]:
    """Runs and steps of the reference workload."""
    return settings.pick((4096, 100), (131_072, 1000))


def _against_c(landscape: Landscape, algorithm: Algorithm) -> Callable[[Settings], Measurement]:
    def measure(settings: Settings) -> Measurement:
        runs, steps = _size(settings)
        given = workload(runs, landscape, algorithm)
        found = compared(given, "C", c_loop, (steps, steps), settings.repeats)
        return Measurement(found.slower_than, found.note(), data=found.data())

    return measure


_JOBS: tuple[tuple[str, Landscape, Algorithm, float], ...] = (
    ("c-sam-saddle", Saddle(), SAM, 1.5),
    ("c-gd-saddle", Saddle(), GD, 1.8),
    ("c-usam-saddle", Saddle(), USAM, 1.8),
    ("c-stablesam-saddle", Saddle(), StableSAM, 1.8),
    ("c-sam-linear-neuron", LinearNeuron("sqrt"), SAM, 1.8),
)
for _name, _landscape, _algorithm, _limit in _JOBS:
    _job = f"{_algorithm} on {_landscape!r}"
    row(_name, Group.C, _job, at_most(_limit, "× C"))(_against_c(_landscape, _algorithm))


def _instead(
    name: str, prepare: Callable[[Workload], Engine], steps: int
) -> Callable[[Settings], Measurement]:
    def measure(settings: Settings) -> Measurement:
        runs, ours = _size(settings)
        theirs = min(steps, ours)
        found = compared(workload(runs), name, prepare, (ours, theirs), settings.repeats)
        return Measurement(found.faster_than, found.note(faster=True), data=found.data())

    return measure


def _faster(limit: float) -> Mark:
    return at_least(limit, "× faster")


# NumPy, optax and PyTorch pay per step, so 50 steps tell as much as 1,000.
_OTHERS: tuple[tuple[str, str, str, Callable[[Workload], Engine], int, float], ...] = (
    ("instead-numpy", "NumPy", "NumPy as one writes it from the paper", opponents.paper, 50, 150),
    ("instead-optax", "optax", "optax.contrib.sam, vmap and scan", opponents.optax, 50, 40),
    ("instead-torch", "PyTorch", "PyTorch, the whole batch, no autograd", opponents.torch, 50, 20),
    ("instead-numba", "Numba", "Numba, prange over the runs", opponents.numba, 200, 6),
)
for _name, _title, _job, _prepare, _steps, _limit in _OTHERS:
    row(_name, Group.INSTEAD, _job, _faster(_limit))(_instead(_title, _prepare, _steps))
