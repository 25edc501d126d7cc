"""Outcomes by the words of `Criteria`, with the oracle's directions: slow, and independent."""

from __future__ import annotations

import numpy as np

from dynamics import Algorithm, Criteria, Outcome
from dynamics.engine.outcome import NEARLY_CLOSED, ROUNDINGS, SUMMED_ROUNDINGS
from landscapes import Landscape
from landscapes.checks import Real
from tests.support import oracle

EPS = np.finfo(np.float64).eps


def judged(
    landscape: Landscape, algorithm: Algorithm, start: Real, eta: float, rho: float,
    n_steps: int, criteria: Criteria,
) -> tuple[Outcome, int, int]:  # fmt: skip
    """Outcome, step and period of one run of an algorithm without memory."""

    def direction(w: Real) -> Real:
        return oracle.direction(landscape, algorithm.name, w, rho)

    def round_trip(w: Real, period: int) -> tuple[Real, Real]:
        total = np.zeros_like(w)
        for _ in range(period):
            d = direction(w)
            total, w = total + d, w - eta * d
        return total, w

    def attracts(w: Real, period: int, within: float, longest: float) -> bool:
        first, after = round_trip(w, period)
        largest = np.abs(first).max()
        if largest <= SUMMED_ROUNDINGS * EPS * longest:
            return True
        unit = first / largest
        beyond, _ = round_trip(w - within * unit, period)
        second, _ = round_trip(after, period)
        nearing = oracle._norm(second) < oracle._norm(first)
        return bool(unit @ beyond <= 0 and (nearing or eta * largest <= rounding(w)))

    def rounding(w: Real) -> float:
        return ROUNDINGS * EPS * oracle.farthest(landscape, algorithm.name, w, rho)

    def period(w: Real) -> int:
        here, total, largest = w, np.zeros_like(w), 0.0
        found, nearly, longest, step = 0, False, 0.0, 0.0
        for p in range(1, max(criteria.max_period, 2) + 1):
            d = direction(w)
            total, largest, w = total + d, max(largest, oracle._norm(d)), w - eta * d
            if p == 1:
                step = eta * np.abs(d).max()
                continue
            left = oracle._norm(total)
            near = eta * left <= criteria.cycle_tolerance * eta * largest + rounding(here)
            if near and np.isfinite(largest) and not (found or nearly) and p <= criteria.max_period:
                found, longest = p, largest
            nearly = nearly or left <= NEARLY_CLOSED * largest
        within = criteria.gradient_tolerance * max(np.abs(here).max(), np.abs(start).max())
        within += rounding(here)
        alternates = nearly and step > rounding(here)
        if step <= 2 * within and not alternates and attracts(here, 1, within, 0.0):
            return 1
        extent = criteria.cycle_tolerance * eta * longest + rounding(here)
        return found if found and attracts(here, found, extent, longest) else 0

    w = np.array(start, dtype=np.float64)
    with np.errstate(all="ignore"):
        for t in range(n_steps + 1):
            if not oracle._norm(w) <= criteria.divergence_radius:
                return Outcome.DIVERGED, t, 0
            if (t % criteria.check_every == 0 or t == n_steps) and (p := period(w)):
                return (Outcome.CONVERGED if p == 1 else Outcome.CYCLE), t, p
            w = w - eta * direction(w)
    return Outcome.BUDGET, n_steps, 0
