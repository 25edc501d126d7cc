"""Runs the reference job on every engine, checks that they agree, and prints the times."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from time import perf_counter

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import engines
from benchmarks.engines import Engine, Job
from dynamics import device_name

# The sweep is to be at least this many times faster than the loop written from the paper.
MARK = 40
# NumPy pays per step, not per experiment: fewer steps tell as much, scaled.
NUMPY_STEPS = 50
# The engines' last iterates are compared after this many steps. Rounding differs by a few units
# of 1e-16 a step; where the gradient is small its direction, and so the ascent of length ρ,
# amplifies that by ρ‖H‖/‖g‖: few runs come near such a point within so few steps.
COMPARED_STEPS = 20
COMPARED_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Timing:
    """The best of several times of one engine; what its very first call took longer is apart."""

    name: str
    steps: int
    runs: int
    best: float
    compilation: float

    @property
    def nanoseconds(self) -> float:
        """Per trajectory and step."""
        return 1e9 * self.best / (self.steps * self.runs)


def clock(engine: Engine, given: Job, steps: int) -> float:
    begin = perf_counter()
    engine(given, steps)
    return perf_counter() - begin


def measure(name: str, engine: Engine, given: Job, steps: int, repeats: int) -> Timing:
    """A first call of one step compiles, if anything does; a second one does not."""
    compilation = clock(engine, given, 1) - clock(engine, given, 1)
    best = min(clock(engine, given, steps) for _ in range(repeats))
    return Timing(name, steps, given.runs, best, max(0.0, compilation))


def disagreement(reference: np.ndarray, other: np.ndarray) -> float:
    """The largest relative difference of two sets of last iterates."""
    return float(np.max(np.abs(reference - other) / (1 + np.abs(reference))))


def chosen(given: Job, repeats: int, steps: int) -> list[tuple[str, Engine, int, int]]:
    """The engines by name, with the steps to time and how often."""
    few = min(NUMPY_STEPS, steps)
    rows: list[tuple[str, Engine, int, int]] = [
        ("Ravine", engines.ravine, steps, repeats),
        ("NumPy as in the paper", engines.paper, few, max(2, repeats // 2)),
        ("NumPy, lean", engines.lean, few, max(2, repeats // 2)),
    ]
    in_c = engines.c_loop()
    return rows if in_c is None else [*rows, ("C, all cores", in_c, steps, repeats)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    whole = partial(_at_least, parser)
    parser.add_argument("--runs", type=int, default=131_072, help="trajectories (128 η × starts)")
    parser.add_argument("--steps", type=int, default=1000, help="steps of each")
    parser.add_argument("--repeats", type=int, default=5, help="times each engine is timed")
    options = parser.parse_args(arguments)
    runs, steps = whole("--runs", options.runs, 128), whole("--steps", options.steps, 1)
    repeats = whole("--repeats", options.repeats, 1)

    given = engines.job(runs)
    out = Console()
    out.print(
        f"SAM on x⁴/4 − xy + y²/2, ρ = {engines.RHO}, float64, every step done", highlight=False
    )
    out.print(f"{given.runs:,} runs × {steps:,} steps on {device_name()}", highlight=False)
    out.print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, JAX {jax.__version__}, "
        f"jaxlib {version('jaxlib')}, {platform.machine()}, {os.cpu_count()} cores",
        highlight=False,
    )
    rows = chosen(given, repeats, steps)
    timings = [measure(name, engine, given, n, times) for name, engine, n, times in rows]
    compared = min(COMPARED_STEPS, steps)
    reference = engines.lean(given, compared)
    for name, engine, _, _ in rows:
        gap = disagreement(reference, engine(given, compared))
        if not gap <= COMPARED_TOLERANCE:
            out.print(f"{name} disagrees with the lean loop by {gap:.1e}: no time counts")
            return 1
    out.print(f"after {compared} steps all agree to {COMPARED_TOLERANCE:g}\n", highlight=False)
    timings.append(measure("Ravine, early stop", engines.ravine_early, given, steps, repeats))
    out.print(table(timings))
    if engines.compiler() is None:
        out.print("C: no compiler")
    ratio = timings[1].nanoseconds / timings[0].nanoseconds
    verdict = "met" if ratio >= MARK else "NOT met"
    out.print(
        f"{ratio:.1f} times as fast as NumPy from the paper; the mark of {MARK} is {verdict}",
        highlight=False,
    )
    return 0


def table(timings: Sequence[Timing]) -> Table:
    """One line an engine, against the first."""
    found = Table(box=None, pad_edge=False)
    for heading in (
        "engine",
        "steps",
        "best (s)",
        "compile (s)",
        "ns/run/step",
        "× Ravine",
    ):
        found.add_column(heading, justify="left" if heading == "engine" else "right", no_wrap=True)
    for one in timings:
        found.add_row(
            one.name,
            f"{one.steps:,}",
            f"{one.best:.3f}",
            f"{one.compilation:.2f}",
            f"{one.nanoseconds:.2f}",
            f"{one.nanoseconds / timings[0].nanoseconds:.2f}",
        )
    return found


def _at_least(parser: argparse.ArgumentParser, name: str, value: int, least: int) -> int:
    if value < least:
        parser.error(f"{name} must be at least {least}; got {value}")
    return value


if __name__ == "__main__":
    sys.exit(main())
