"""The success-rate grid of Tan et al. (2024), with and without stopping decided runs."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import xarray

from benchmarks.row import Detail, Disagreement, Group, Measurement, Settings, at_least, row
from dynamics import GD, SAM, USAM, Algorithm, StableSAM, sweep, uniform_starts
from landscapes import Saddle

# What was decided of each run, which stopping early must not change.
_DECIDED = ("outcome", "n_steps", "period", "attractor")


def grid(
    algorithm: Algorithm, n_eta: int, n_starts: int, n_steps: int, *, early_stop: bool
) -> xarray.Dataset:
    """One algorithm's part: every η and ρ from every start."""
    return sweep(
        Saddle(), algorithm, eta=np.geomspace(1e-3, 0.3, n_eta), rho=(0.05, 0.2, 0.5),
        starts=uniform_starts(n_starts, low=(-2.0, -2.0), high=(2.0, 2.0)), n_steps=n_steps,
        early_stop=early_stop,
    )  # fmt: skip


def same_outcomes(stopped: xarray.Dataset, whole: xarray.Dataset) -> None:
    """Raises `Disagreement` if stopping decided runs changed what was decided of any."""
    for name in _DECIDED:
        different = int((stopped[name].values != whole[name].values).sum())
        if different:
            raise Disagreement(f"early stopping changes {name} of {different:,} runs")


@row(
    "early-stop", Group.SKIPPED,
    "Tan et al.'s grid, 100 η × 3 ρ × 4 algorithms × 20,000 steps: stopping decided runs",
    at_least(5, "× faster"),
)  # fmt: skip
def early_stop(settings: Settings) -> Measurement:
    n_eta, n_starts, n_steps = settings.pick(
        (20, 10, 500), (100, 200, 20_000), (100, 10_000, 20_000)
    )
    lines, totals = [], np.zeros(2)
    for algorithm in (GD, SAM, USAM, StableSAM):
        seconds = np.full(2, np.inf)
        results: list[xarray.Dataset] = []
        for stop in (True, False):
            grid(algorithm, n_eta, n_starts, 1, early_stop=stop)  # compiles
        # In turn; one round of the full grid takes minutes.
        for _ in range(settings.pick(1, min(2, settings.repeats), 1)):
            results.clear()
            for i, stop in enumerate((True, False)):
                begin = perf_counter()
                results.append(grid(algorithm, n_eta, n_starts, n_steps, early_stop=stop))
                seconds[i] = min(seconds[i], perf_counter() - begin)
        same_outcomes(*results)
        totals += seconds
        lines.append((algorithm.name, *seconds, seconds[1] / seconds[0]))
    lines.append(("all", *totals, totals[1] / totals[0]))
    runs = n_eta * n_starts
    return Measurement(
        totals[1] / totals[0],
        f"{totals[0]:.2f} s for {totals[1]:.2f} s with {n_starts:,} starts; identical outcomes",
        Detail(
            f"Early stopping, {runs:,} runs for each ρ, {n_steps:,} steps",
            ("algorithm", "stopping (s)", "every step (s)", "× faster"),
            lines,
        ),
        {"starts": n_starts, "seconds": {"stopping": totals[0], "every step": totals[1]}},
    )
