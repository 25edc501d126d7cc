"""Everything that is registered, at work: what a step of each costs, and who compiles it."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.compilation import can_run
from benchmarks.row import Detail, Group, Measurement, Settings, at_most, row
from dynamics import ALGORITHMS, GD, SAM, Algorithm, Criteria, sweep, uniform_starts
from dynamics.engine.native_program import NativeProgram
from dynamics.engine.programs import program
from landscapes import LANDSCAPES, CrossedValleys, Landscape


def nanoseconds(landscape: Landscape, algorithm: Algorithm, runs: int, n_steps: int) -> float:
    """Of a step of one run, the fixed cost of a sweep taken off; the best of three."""
    box = np.ones(landscape.dim)
    arguments: dict[str, Any] = {
        "eta": 1e-3, "rho": 0.05, "starts": uniform_starts(runs, low=-box, high=box),
        "early_stop": False, "criteria": Criteria(check_every=n_steps),
    }  # fmt: skip

    def seconds(n: int) -> float:
        begin = perf_counter()
        sweep(landscape, algorithm, n_steps=n, **arguments)
        return perf_counter() - begin

    seconds(1)  # compiles
    both = [(seconds(n_steps), seconds(1)) for _ in range(3)]
    many, one = (min(times) for times in zip(*both, strict=True))
    # Of few steps the fixed cost is nearly all, and the difference no time at all.
    return 1e9 * max(many - one, 0.1 * many) / (runs * n_steps)


def compiler(landscape: Landscape, algorithm: Algorithm) -> str:
    found = program(landscape, algorithm, "cpu")
    return "native" if isinstance(found, NativeProgram) else "XLA"


def _steps(settings: Settings, landscape: Landscape, algorithm: Algorithm) -> int:
    """Enough of them that the fixed cost of a sweep is little beside."""
    return settings.pick(5, 5000 if compiler(landscape, algorithm) == "native" else 200)


@row(
    "algorithms", Group.REGISTERED,
    "a step of every algorithm on CrossedValleys beside one of GD there, the dearest",
    at_most(300, "× GD"),
)  # fmt: skip
def algorithms(settings: Settings) -> Measurement:
    landscape, runs = CrossedValleys(), settings.pick(256, 8192)
    taken = {
        name: nanoseconds(landscape, a, runs, _steps(settings, landscape, a))
        for name, a in ALGORITHMS.items()
        if can_run(a, landscape)
    }
    lines = [
        (name, compiler(landscape, ALGORITHMS[name]), ns, ns / taken[GD.name])
        for name, ns in taken.items()
    ]
    dearest = max(taken, key=lambda name: taken[name])
    return Measurement(
        taken[dearest] / taken[GD.name],
        f"{dearest}, {taken[dearest]:.3g} ns a step; all {len(taken)} in the table",
        Detail(
            f"Every algorithm on {landscape!r}, {runs:,} runs",
            ("algorithm", "compiled by", "ns per run and step", "× GD"),
            lines,
        ),
        {"nanoseconds": taken},
    )


@row(
    "landscapes", Group.REGISTERED,
    "a step of SAM on every landscape beside one on Saddle, per coordinate, the dearest",
    at_most(400, "× Saddle"),
)  # fmt: skip
def landscapes(settings: Settings) -> Measurement:
    runs = settings.pick(256, 8192)
    taken, lines = {}, []
    for name, cls in LANDSCAPES.items():
        landscape = cls.examples()[0]
        taken[name] = nanoseconds(landscape, SAM, runs, _steps(settings, landscape, SAM))
        taken[name] /= landscape.dim
        lines.append((name, landscape.dim, compiler(landscape, SAM), taken[name]))
    dearest = max(taken, key=lambda name: taken[name])
    return Measurement(
        taken[dearest] / taken["Saddle"],
        f"{dearest}, {taken[dearest]:.3g} ns a coordinate; all {len(taken)} in the table",
        Detail(
            f"SAM on the first example of every landscape, {runs:,} runs",
            ("landscape", "dim", "compiled by", "ns per run, step and coordinate"),
            lines,
        ),
        {"nanoseconds": taken},
    )
