"""What every engine is given to do, and what it is compared with before its time counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.row import Disagreement
from dynamics import SAM, Algorithm, sweep, uniform_starts
from landscapes import Landscape, Saddle
from landscapes.checks import Real

# Last iterates are compared after this many steps. Rounding differs by a few units of 1e-16 a
# step; where the gradient is small its direction, and so the ascent of length ρ, amplifies that
# by ρ‖H‖/‖g‖: few runs come near such a point within so few steps.
COMPARED_STEPS = 20
COMPARED_TOLERANCE = 1e-8
# A run farther out than this is leaving for infinity, and doubles its digits' errors on the way;
# the sweep then reports its last point inside a ball, and a plain loop reports inf or NaN.
_INSIDE = 1e2
_LEAST_SHARE_INSIDE = 0.8


@dataclass(frozen=True)
class Workload:
    """One algorithm on one landscape, with every η from every start."""

    landscape: Landscape
    algorithm: Algorithm
    eta: Real
    starts: Real
    rho: float = 0.1

    @property
    def runs(self) -> int:
        return len(self.eta) * len(self.starts)

    def each(self) -> tuple[Real, Real]:
        """η `(runs,)` and start `(runs, dim)` of every run, starts running fastest."""
        eta = np.repeat(self.eta, len(self.starts))
        return eta, np.tile(self.starts, (len(self.eta), 1))


def workload(runs: int, landscape: Landscape | None = None, algorithm: Algorithm = SAM) -> Workload:
    """The reference workload, with (about) this many runs: 131,072 are 128 η × 1,024 starts.

    The learning rates are log-spaced in [0.001, 0.3], the starts uniform in [−2, 2]².
    """
    starts = uniform_starts(max(1, runs // 128), low=(-2.0, -2.0), high=(2.0, 2.0), seed=0)
    eta = np.geomspace(0.001, 0.3, 128)
    return Workload(Saddle() if landscape is None else landscape, algorithm, eta, starts)


# An engine, made ready for a workload, takes a number of steps and gives the last iterates,
# shape (runs, dim).
Engine = Callable[[int], Real]


def ravine(given: Workload) -> Engine:
    """The public sweep, outcomes and all, with every step done."""

    def run(n_steps: int) -> Real:
        found = sweep(
            given.landscape, given.algorithm, eta=given.eta, rho=given.rho, starts=given.starts,
            n_steps=n_steps, early_stop=False,
        )  # fmt: skip
        return found["final"].values.reshape(given.runs, -1)

    return run


# -- the reference -----------------------------------------------------------------------------


def _length(v: Real) -> Real:
    return np.sqrt((v * v).sum(axis=0))


def _unit(v: Real) -> Real:
    length = _length(v)
    return v / np.where(length > 0, length, 1)


# What is subtracted, before η, from points of shape (dim, runs).
_DIRECTIONS: dict[str, Callable[..., Real]] = {
    "GD": lambda g, w, rho: g(w),
    "SAM": lambda g, w, rho: g(w + rho * _unit(g(w))),
    "USAM": lambda g, w, rho: g(w + rho * g(w)),
    "StableSAM": lambda g, w, rho: _length(g(w)) * _unit(g(w + rho * _unit(g(w)))),
}


def lean(given: Workload) -> Engine:
    """NumPy with the landscape's gradient by hand, coordinates apart and no power."""
    eta, starts = given.each()
    move = _DIRECTIONS[given.algorithm.name]

    def run(n_steps: int) -> Real:
        w = np.ascontiguousarray(starts.T)
        with np.errstate(all="ignore"):
            for _ in range(n_steps):
                w = w - eta * move(given.landscape.reference_gradient, w, given.rho)
        return w.T

    return run


def gap(expected: Real, found: Real) -> float:
    """The largest relative difference of two sets of last iterates."""
    return float(np.max(np.abs(expected - found) / (1 + np.abs(expected))))


def check(name: str, given: Workload, engine: Engine, steps: int = COMPARED_STEPS) -> None:
    """Raises `Disagreement` unless the engine ends where the lean loop does."""
    expected = lean(given)(steps)
    found = engine(steps)
    if found.shape != expected.shape:
        raise Disagreement(f"{name} gives shape {found.shape} for {expected.shape}")
    inside = np.abs(expected).max(axis=1) <= _INSIDE  # False where NaN
    if inside.mean() < _LEAST_SHARE_INSIDE:
        raise Disagreement(f"only {inside.mean():.0%} of the runs stay where they can be compared")
    difference = gap(expected[inside], found[inside])
    if not difference <= COMPARED_TOLERANCE:
        raise Disagreement(f"{name} disagrees with the lean loop by {difference:.1e}")
