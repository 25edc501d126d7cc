"""What compiling costs, and when it happens again. Each in a process of its own, with no cache."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import jax
import numpy as np

from benchmarks.child import in_child
from benchmarks.row import Detail, Group, Measurement, Settings, at_most, row
from dynamics import ALGORITHMS, SAM, Algorithm, sweep
from dynamics.engine.program import compilations
from landscapes import FiniteSum, Landscape, LinearNeuron, MatrixSensing, Quadratic, Saddle


def landscapes() -> tuple[Landscape, ...]:
    """Cheap and costly to compile, of separate coordinates and of blocks."""
    return (
        Saddle(),
        LinearNeuron("logcosh"),
        LinearNeuron("sqrt"),
        Quadratic(spectrum=(2.0, 0.7, 0.1)),
        MatrixSensing(6, 2, 40),
    )


def can_run(algorithm: Algorithm, landscape: Landscape) -> bool:
    """Whether the algorithm runs on the landscape: who draws examples needs a sum of them."""
    return algorithm.order is None or isinstance(landscape, FiniteSum)


def _class(call: str) -> str:
    """The landscape's name, of the call that makes it."""
    return call.partition("(")[0]


def _call(landscape: Landscape, algorithm: Any, *, eta: float, rho: float, starts: int) -> float:
    """Seconds of a sweep of one step."""
    points = np.random.default_rng(starts).uniform(0.1, 1.0, (starts, landscape.dim))
    begin = perf_counter()
    sweep(landscape, algorithm, eta=[eta, 2 * eta], rho=rho, starts=points, n_steps=1)
    return perf_counter() - begin


def _fresh_cache(folder: str) -> dict[str, str]:
    """Environment variables that put every compilation cache into a folder."""
    return {
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",  # as the Makefile sets it
        "XDG_CACHE_HOME": folder,
    }


# -- in a child --------------------------------------------------------------------------------


def compile_times(names: Sequence[str], most: int) -> list[tuple[str, str, float]]:
    """Landscape, algorithm and what a first call takes longer than a second."""
    lines = []
    for landscape in landscapes()[:most]:
        for name in names:
            if not can_run(ALGORITHMS[name], landscape):
                continue
            first, second = (
                _call(landscape, ALGORITHMS[name], eta=0.01, rho=0.1, starts=3) for _ in range(2)
            )
            lines.append((repr(landscape), name, max(0.0, first - second)))
    return lines


def compiled_again() -> dict[str, int]:
    """How often something is traced or compiled in first sweeps, and in others with other data.

    Both are counted: the programs that the engine makes, whatever compiles them, and the functions
    that JAX traces or compiles, which the engine may not know of.
    """
    seen: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, duration_secs, **_: seen.append(event)
    )

    def count() -> int:
        return compilations() + sum("trace" in event or "compile" in event for event in seen)

    first = others = 0
    for landscape in landscapes():
        before = count()
        _call(landscape, SAM, eta=0.01, rho=0.1, starts=3)
        between = count()
        if between == before:
            raise RuntimeError(
                f"a first sweep of {landscape!r} compiled nothing: nothing is counted"
            )
        for eta, rho, starts in ((0.02, 0.3, 3), (0.1, 0.05, 500), (0.01, 0.1, 20_000)):
            _call(landscape, SAM, eta=eta, rho=rho, starts=starts)
        first, others = first + between - before, others + count() - between
    return {"first": first, "others": others}


def first_call() -> float:
    """Seconds of the first sweep of this process, of a landscape that XLA compiles."""
    return _call(LinearNeuron("logcosh"), SAM, eta=0.01, rho=0.1, starts=3)


# -- the rows ----------------------------------------------------------------------------------


@row(
    "compile", Group.STARTING, 
    "a landscape × algorithm, the longest of every algorithm on five landscapes",
    at_most(2, "s"),
)  # fmt: skip
def compiling(settings: Settings) -> Measurement:
    names, most = settings.pick((["SAM"], 2), (list(ALGORITHMS), 5))
    best: dict[tuple[str, str], float] = {}
    # Other work on the machine lengthens a compilation as it does everything: best of two.
    for _ in range(settings.pick(1, 2)):
        with tempfile.TemporaryDirectory(prefix="ravine-") as folder:
            found = in_child(
                "benchmarks.compilation:compile_times",
                names,
                most,
                environment=_fresh_cache(folder),
            )
        for landscape, name, seconds in found:
            key = landscape, name
            best[key] = min(seconds, best.get(key, seconds))
    slowest = max(best, key=lambda key: best[key])
    rows = dict.fromkeys(landscape for landscape, _ in best)
    return Measurement(
        best[slowest],
        f"{slowest[1]} on {slowest[0]}; the first call less a second one",
        Detail(
            "Compiling, in seconds",
            ("algorithm", *(_class(line) for line in rows)),
            [(name, *(best.get((line, name), "") for line in rows)) for name in names],
        ),
        {"seconds": {f"{name} on {landscape}": s for (landscape, name), s in best.items()}},
    )


@row(
    "compile-again", Group.STARTING,
    "a second sweep with other η, ρ and starts, of any number: traced or compiled anew",
    at_most(0, "times"),
)  # fmt: skip
def compiling_again(settings: Settings) -> Measurement:
    found = in_child("benchmarks.compilation:compiled_again")
    note = f"{found['first']} in first sweeps of five landscapes, then three more sweeps of each"
    return Measurement(found["others"], note, data=found)


@row(
    "first-call", Group.STARTING,
    "the first sweep of a process whose compilation cache is warm, to one whose cache is empty",
    at_most(0.5, "× cold"),
)  # fmt: skip
def first_calls(settings: Settings) -> Measurement:
    cold, warm = [], []
    for _ in range(settings.pick(1, 3)):
        with tempfile.TemporaryDirectory(prefix="ravine-") as folder:
            for seconds in (cold, warm):
                seconds.append(
                    in_child("benchmarks.compilation:first_call", environment=_fresh_cache(folder))
                )
    note = f"cold {min(cold):.2f} s, warm {min(warm):.2f} s, after the imports"
    return Measurement(min(warm) / min(cold), note, data={"cold": cold, "warm": warm})


@row("import", Group.STARTING, "import dynamics, in a fresh process", at_most(1.5, "s"))
def importing(settings: Settings) -> Measurement:
    # The first one also writes bytecode, and brings the files into memory.
    seconds = [
        in_child("benchmarks.child:import_seconds", "dynamics")
        for _ in range(settings.pick(1, 1 + settings.repeats))
    ]
    return Measurement(min(seconds), f"the best of {len(seconds)}", data={"seconds": seconds})
