"""How the time grows with the runs and with the steps, and the memory with the runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.child import in_child, peak_resident
from benchmarks.row import Detail, Group, Measurement, Settings, at_most, optional, row
from dynamics import SAM, sweep, uniform_starts
from landscapes import Saddle
from landscapes.console import replacing

_N_ETA = 100
_GIB = 2**30
# Less than the mark: the interpreter and the libraries take some as well.
_LIMIT = "1GiB"


def seconds(runs: int, n_steps: int, **options: Any) -> float:
    """Of SAM on the saddle, every step done: 100 η from as many starts as make the runs."""
    starts = uniform_starts(runs // _N_ETA, low=(-2.0, -2.0), high=(2.0, 2.0))
    begin = perf_counter()
    sweep(
        Saddle(), SAM, eta=np.geomspace(1e-3, 0.3, _N_ETA), rho=0.1, starts=starts,
        n_steps=n_steps, early_stop=False, **options,
    )  # fmt: skip
    return perf_counter() - begin


def growth(
    sizes: Sequence[int], other: int, measure: Callable[[int], float], headings: Sequence[str],
    title: str, repeats: int,
) -> Measurement:  # fmt: skip
    """How much more than in proportion the time grows, at the worst, from one size to the next."""
    measure(sizes[0])  # compiles
    best = {n: np.inf for n in sizes}
    # Large sizes are timed less often: their times are long, and so disturbed less.
    for i in range(2 * repeats):
        for n in sizes[: len(sizes) if i < 2 else len(sizes) - 1]:
            best[n] = min(best[n], measure(n))
    factors = [(best[b] / best[a]) / (b / a) for a, b in pairwise(sizes)]
    lines = [
        (f"{n:,}", best[n], 1e9 * best[n] / (n * other), factor)
        for n, factor in zip(sizes, ["", *factors], strict=True)
    ]
    worst = int(np.argmax(factors))
    note = f"the most from {sizes[worst]:,} to {sizes[worst + 1]:,}; all in the table"
    return Measurement(
        max(factors), note, Detail(title, headings, lines),
        {"sizes": list(sizes), "seconds": [best[n] for n in sizes], "times": other},
    )  # fmt: skip


@row(
    "growth-runs", Group.GROWTH, "ten times the runs, from 1e3 to 1e7: the time",
    at_most(1.25, "× in proportion"),
)  # fmt: skip
def growth_with_runs(settings: Settings) -> Measurement:
    decades = settings.pick(range(3, 5), range(3, 8))
    n_steps = settings.pick(20, 100)
    return growth(
        [10**k for k in decades], n_steps, lambda runs: seconds(runs, n_steps),
        ("runs", "seconds", "ns per run and step", "× in proportion"),
        f"Growth with the runs, {n_steps:,} steps", settings.pick(1, 2),
    )  # fmt: skip


@row(
    "growth-steps", Group.GROWTH, "ten times the steps, from 1e2 to 1e5: the time",
    at_most(1.25, "× in proportion"),
)  # fmt: skip
def growth_with_steps(settings: Settings) -> Measurement:
    decades, runs = settings.pick((range(1, 3), 1000), (range(2, 6), 10_000))
    return growth(
        [10**k for k in decades], runs, lambda n_steps: seconds(runs, n_steps),
        ("steps", "seconds", "ns per run and step", "× in proportion"),
        f"Growth with the steps, {runs:,} runs", settings.pick(1, 2),
    )  # fmt: skip


def plot(found: dict[str, dict[str, Any]], path: Path) -> None:
    """Draws the measured growth: data of the rows above by their names, into a file."""
    import matplotlib.figure

    canvas = matplotlib.figure.Figure(figsize=(4.2 * len(found), 3.4), layout="constrained")
    for axes, (name, data) in zip(canvas.subplots(1, len(found), squeeze=False)[0],
                                  found.items(), strict=True):  # fmt: skip
        what = name.removeprefix("growth-")
        sizes, times = np.array(data["sizes"], dtype=float), np.array(data["seconds"])
        middle = len(sizes) // 2
        axes.loglog(sizes, times, "o", label="measured")
        axes.loglog(sizes, times[middle] * sizes / sizes[middle], "-", label="in proportion")
        other = "steps" if what == "runs" else "runs"
        axes.set(xlabel=what, ylabel="seconds", title=f"SAM on Saddle, {data['times']:,} {other}")
        axes.legend(frameon=False)
    replacing(path, canvas.savefig)


# -- memory ------------------------------------------------------------------------------------


def stored(runs: int, n_steps: int) -> dict[str, float]:
    """In a process of its own: a sweep into a store, and the most memory it had resident."""
    with tempfile.TemporaryDirectory(prefix="ravine-") as folder:
        took = seconds(runs, n_steps, store=Path(folder) / "store", memory_limit=_LIMIT)
    return {"seconds": took, "peak": peak_resident()}


@row(
    "memory", Group.GROWTH, "the resident memory of 1e8 runs with a store (1e7 unless --full)",
    at_most(2, "GiB"),
)  # fmt: skip
def memory(settings: Settings) -> Measurement:
    optional("zarr", "'ravine[store]'")
    runs, n_steps = settings.pick((10**5, 20), (10**7, 20), (10**8, 20))
    found = in_child("benchmarks.growth:stored", runs, n_steps)
    note = f"{runs:,} runs × {n_steps} steps in {found['seconds']:.1f} s"
    return Measurement(found["peak"] / _GIB, note, data={"runs": runs, **found})
