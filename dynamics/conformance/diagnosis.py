"""Which suspect an optimiser is, found by comparing its paths with theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np

from dynamics.algorithms.algorithm import ALGORITHMS, Algorithm
from dynamics.algorithms.catalogue import ASAM, GD, SAM
from dynamics.conformance import probes
from dynamics.conformance.adapters import Use
from dynamics.conformance.arithmetic import SOFTENED, as_written
from dynamics.conformance.report import Departure, Report, Witness
from dynamics.conformance.suspects import Suspect, suspects, with_numbers

Real = np.ndarray
Run = Callable[..., tuple[Real, int]]

# Paths of four steps in three dimensions, some hundred roundings each: 4 · 100 · 2.2e-16, and a
# factor of 100 for those who do them in another order. In single precision 5e8 times as much.
EXACT, SINGLE = 1e-11, 1e-4
# A number in the norm is sought of suspects as near as this; it is found from one step, and then
# explains paths but for the digits that this step has lost.
NEAR, FITTED = 0.1, 10 * EXACT
# Near the critical point; from 1e-154 on, squares of a gradient's entries lose digits, and in
# single precision from 1e-22 on.
SCALES = tuple(10.0**-k for k in range(3, 122, 3))
SINGLE_SCALES = tuple(s for s in SCALES if s > 1e-14)


def candidates() -> list[Algorithm]:
    """The registered algorithms that draw nothing, and ASAM as it is mostly written, ν = 0."""
    return [*(a for a in ALGORITHMS.values() if a.order is None), ASAM(0)]


def examine(use: Use, eta: float, rho: float, expected: Algorithm | None) -> Report:
    """The report on an optimiser that is used in this way."""
    return _Examination(use, eta, rho, expected).report()


def rank(report: Report) -> int:
    """The less, the better a use of an optimiser is understood."""
    return 0 if report.conforms else 1 if report.algorithm is not None else 2


def _distance(one: Real, other: Real) -> float:
    """Relative to the second; inf where either is not finite."""
    with np.errstate(all="ignore"):
        gap = float(np.abs(one - other).max() / np.abs(other).max())
    return gap if np.isfinite(gap) else np.inf


class _Examination:
    """One use of an optimiser, with one η and one ρ."""

    def __init__(self, use: Use, eta: float, rho: float, expected: Algorithm | None) -> None:
        self.eta, self.rho, self.label = eta, rho, use.label
        self.run: Run = partial(use.path, eta=eta, rho=rho)
        self.expected = expected
        self.algorithms = candidates() if expected is None else [expected, GD]
        taken = [self.run(start, n_steps=probes.N_STEPS) for start in probes.STARTS]
        self.paths, self.n_gradients = [path for path, _ in taken], taken[0][1]

    def report(self) -> Report:
        suspect = self._identified()
        if suspect is None:
            nearest = min(self.algorithms, key=lambda a: self._gap(Suspect(a)))
            witness = self._witness(nearest, self._clearest(nearest))
            unknown = Departure("unrecognised", None, f"the nearest is {nearest}", witness)
            return Report(None, (unknown,), self.label)
        is_single = False
        if not suspect.softening[0]:
            softening = self._softening_near(suspect, SCALES, 1e-9)
            if softening is not None:
                suspect = replace(suspect, softening=softening)
        if self._gap(suspect) > FITTED:
            suspect, is_single = replace(suspect, softening=("", 0.0)), True
            softening = self._softening_near(suspect, SINGLE_SCALES, 1e-3)
            if softening is not None:
                suspect = replace(suspect, softening=softening)
        departures = [*self._away(suspect, is_single), *self._close(suspect, is_single)]
        return Report(suspect.algorithm, tuple(departures), self.label)

    # -- what it is ----------------------------------------------------------------------------

    def _gap(self, suspect: Suspect) -> float:
        """The largest relative distance from the suspect's paths."""
        return max(
            _distance(path, suspect.path(path[0], self.eta, self.rho)) for path in self.paths
        )

    def _identified(self) -> Suspect | None:
        """Who takes these paths, or nearly; None if nobody does."""
        listed = suspects(self.algorithms)
        gaps = [self._gap(suspect) for suspect in listed]
        nearest, gap = min(zip(listed, gaps, strict=True), key=lambda pair: pair[1])
        if gap <= EXACT:
            return next(s for s, g in zip(listed, gaps, strict=True) if g <= EXACT)
        if not all(np.isfinite(path).all() for path in self.paths):
            return None
        numbered = [
            suspect
            for a in self.algorithms
            if a.is_autonomous
            for suspect in with_numbers(a, self.paths, self.eta, self.rho)
        ]
        by_number = min(numbered, key=self._gap, default=nearest)
        if self._gap(by_number) <= EXACT:
            return by_number
        if gap <= SINGLE:
            return nearest
        fits = [
            replace(suspect, softening=softening)
            for suspect, g in zip(listed, gaps, strict=True)
            if g <= NEAR
            for softening in self._softenings(suspect, self.paths[0], (-9.0, 4.0))
        ]
        by_softening = min(fits, key=self._gap, default=nearest)
        if self._gap(by_softening) <= FITTED:
            return by_softening
        return by_number if self._gap(by_number) <= SINGLE else None

    # -- a number in the norm --------------------------------------------------------------------

    def _softenings(
        self, suspect: Suspect, path: Real, exponents: tuple[float, float]
    ) -> Iterator[tuple[str, float]]:
        """The numbers in the norm that explain the first step of a path, each in its own way."""
        from scipy.optimize import brentq

        low, high = exponents
        for how in SOFTENED:
            end = partial(self._first_end, suspect, path[0], how)
            across = end(high) - end(low)
            beyond = partial(_beyond, end, path[1], across)
            if beyond(low) < 0 < beyond(high):
                yield how, 10.0 ** cast(float, brentq(beyond, low, high, xtol=1e-14))

    def _first_end(self, suspect: Suspect, start: Real, how: str, exponent: float) -> Real:
        there = replace(suspect, softening=(how, 10.0**exponent))
        return there.path(start, self.eta, self.rho, 1)[1]

    def _gap_at(self, suspect: Suspect, scale: float) -> float:
        """The distance after one step from a point as near to the critical point as `scale`."""
        start = scale * probes.STARTS[0]
        got = self.run(start, n_steps=1)[0][1]
        return _distance(got, suspect.path(start, self.eta, self.rho, 1)[1])

    def _first_seen(
        self, suspect: Suspect, scales: tuple[float, ...], tolerance: float
    ) -> float | None:
        return next((s for s in scales if self._gap_at(suspect, s) > tolerance), None)

    def _softening_near(
        self, suspect: Suspect, scales: tuple[float, ...], tolerance: float
    ) -> tuple[str, float] | None:
        """The number in the norm that explains what is seen near the critical point."""
        seen = self._first_seen(suspect, scales, tolerance)
        if seen is None:
            return None
        path = self.run(seen * probes.STARTS[0], n_steps=1)[0]
        exponent = float(np.log10(seen))
        # One point says how large the number is if it is known where it stands; others say where.
        others = [s for s in (100 * seen, seen / 10, seen / 100) if s >= min(scales)]
        judged = [
            (max(self._gap_at(replace(suspect, softening=fit), s) for s in others), fit)
            for fit in self._softenings(suspect, path, (exponent - 12, exponent + 12))
        ]
        worst, fit = min(judged, default=(np.inf, None))
        return fit if worst <= 1000 * tolerance else None

    # -- what is said of it ------------------------------------------------------------------------

    def _away(self, suspect: Suspect, is_single: bool) -> Iterator[Departure]:
        """The departures that are seen away from critical points."""
        algorithm = suspect.algorithm
        start = self._clearest(algorithm)
        if suspect.departure:
            size = suspect.size or None
            yield Departure(suspect.departure, size, "", self._witness(algorithm, start))
        elif algorithm is GD and (self.n_gradients > 1 or self.expected not in (None, GD)):
            beside = self.expected or SAM
            witness = self._witness(beside, self._clearest(beside))
            yield Departure("perturbation_never_applied", None, f"beside {beside}", witness)
        how, length = suspect.softening
        if how:
            plain = replace(suspect, softening=("", 0.0))
            if self._gap(plain) <= EXACT:
                seen = self._first_seen(plain, SCALES, 1e-3 if is_single else 1e-9)
                start = (seen or 1.0) * probes.STARTS[0]
            size = as_written(how, length)
            yield Departure("epsilon_in_norm", size, how, self._witness(algorithm, start))
        if is_single:
            yield Departure("float32", None, "", self._witness(algorithm, start))

    def _close(self, suspect: Suspect, is_single: bool) -> Iterator[Departure]:
        """Those that are seen at critical points, and near them."""
        end = self.run(probes.ORIGIN, n_steps=1)[0][1]
        if end.any():
            name = "moves_at" if np.isfinite(end).all() else "nan_at"
            witness = self._witness(suspect.algorithm, probes.ORIGIN)
            yield Departure(f"{name}_critical_point", None, "", witness)
        scales, tolerance = (SINGLE_SCALES, 1e-3) if is_single else (SCALES, 1e-9)
        # Where the number in the norm was found, it is known to a few digits only.
        seen = self._first_seen(
            suspect, scales, 1000 * tolerance if suspect.softening[0] else tolerance
        )
        if seen is not None:
            witness = self._witness(suspect.algorithm, seen * probes.STARTS[0])
            yield Departure("near_critical_point", None, "", witness)

    def _clearest(self, algorithm: Algorithm) -> Real:
        """The start from which the difference is largest."""
        plain = Suspect(algorithm)
        gaps = [_distance(p, plain.path(p[0], self.eta, self.rho)) for p in self.paths]
        return self.paths[int(np.argmax(gaps))][0]

    def _witness(self, algorithm: Algorithm, start: Real) -> Witness:
        """As few steps from the start as show the difference."""
        got, _ = self.run(start, n_steps=probes.N_STEPS)
        expected = Suspect(algorithm).path(start, self.eta, self.rho)
        differs = (n for n in range(1, len(got)) if not _distance(got[n], expected[n]) <= EXACT)
        n = next(differs, len(got) - 1)
        return Witness(probes.LOSS, start, self.eta, self.rho, n, expected[n], got[n])


def _beyond(end: Callable[[float], Real], got: Real, across: Real, exponent: float) -> float:
    """How much further than `got` this number in the norm leads."""
    return float((end(exponent) - got) @ across)
