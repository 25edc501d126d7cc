"""What is said of an optimiser: who takes its steps, near critical points too, with witnesses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.algorithms.catalogue import GD, SAM
from dynamics.algorithms.rules import plain_descent
from dynamics.algorithms.sample_order import SampleOrder
from dynamics.conformance import probes
from dynamics.conformance.adapters import Use
from dynamics.conformance.arithmetic import SOFTENED
from dynamics.conformance.departures import of_suspect, softening_departure
from dynamics.conformance.report import Departure, Report, Witness
from dynamics.conformance.search import Search, Seen
from dynamics.conformance.suspects import Suspect, candidates

Real = np.ndarray

# Whole paths of eight steps, of which each may add the error of its numbers, some 1e-11 of a step
# (`search.EXACT`), and enlarge what was by 1 + ηL; in single precision as `search.SINGLE` is.
CONFIRMED, CONFIRMED_SINGLE = 1e-9, 1e-3
# A path is the algorithm's own to rounding: of its iterates, as `search.EXACT` is of a step.
SAME_PATH, SAME_PATH_SINGLE = 1e-11, 1e-4
# The nearest algorithm is named if its paths differ by this part of the way that is gone.
NEARBY = 0.1
# Near the critical point; from 1e-154 on, squares of a gradient's entries lose digits, and in
# single precision from 1e-22 on.
SCALES = tuple(10.0**-k for k in range(3, 122, 3))
SINGLE_SCALES = tuple(s for s in SCALES if s > 1e-14)
# How it is looked for: by what has no number in its direction; by what has; in single precision.
DEPTHS = ("without numbers", "with numbers", "in single precision")


def rank(report: Report) -> tuple[int, int]:
    """The less, the better a use of an optimiser is understood."""
    return (0 if report.algorithm is not None else 1), len(report.departures)


def _distance(one: Real, other: Real) -> float:
    """Relative to the second; inf where either is not finite."""
    with np.errstate(all="ignore"):
        gap = float(np.abs(one - other).max() / np.abs(other).max())
    return gap if np.isfinite(gap) else np.inf


def _is_single(w: Real) -> bool:
    """Whether all these numbers are in single precision, but for the start."""
    return bool((w[1:].astype(np.float32).astype(np.float64) == w[1:]).all())


class Examination:
    """One use of an optimiser, with one η and one ρ: how it moves, and what that is."""

    def __init__(self, use: Use, eta: float, rho: float, expected: Algorithm | None) -> None:
        self.eta, self.rho, self.label, self.expected = eta, rho, use.label, expected
        self.draws = use.takes_whole if expected is None else expected.order is not None
        self.run: Callable[..., tuple[Real, int]] = partial(
            use.path, eta=eta, rho=rho, draws=self.draws
        )
        self.gd = GD.with_order(SampleOrder()) if self.draws else GD
        self.algorithms = candidates(draws=self.draws) if expected is None else [expected, self.gd]
        taken = [self.run(start, n_steps=probes.N_STEPS) for start in probes.STARTS]
        self.paths, self.n_gradients = [path for path, _ in taken], taken[0][1]
        self.fresh = [self.run(s, n_steps=probes.N_FRESH_STEPS)[0] for s in probes.FRESH]
        self.is_finite = all(np.isfinite(path).all() for path in (*self.paths, *self.fresh))
        self.is_single = _is_single(np.concatenate(self.paths))
        self._searches: dict[bool, Search] = {}

    def report(self, depth: str) -> Report | None:
        """The report, if it is found at this depth (one of `DEPTHS`)."""
        suspect, is_single = self._identified(depth), self.is_single
        if depth == DEPTHS[-1]:
            is_single = True
        if suspect is None:
            return None
        if not suspect.direction.softening[0]:
            softening = self._softening_near(suspect, is_single)
            if softening is not None:
                suspect = suspect.softened(softening)
        departures = [*self._away(suspect, is_single), *self._close(suspect, is_single)]
        return Report(suspect.algorithm, tuple(departures), self.label)

    def unrecognised(self) -> Report:
        """The report when there is none."""
        nearest = min(self.algorithms, key=self._way_off)
        off = self._way_off(nearest)
        detail = f"none is near; the witness is beside {nearest}"
        if off <= NEARBY:
            detail = f"the nearest is {nearest}, {100 * off:.2g}% of the way off"
        witness = self._witness(nearest, self._clearest(nearest))
        return Report(None, (Departure("unrecognised", None, detail, witness),), self.label)

    # -- what it is ----------------------------------------------------------------------------

    def _identified(self, depth: str) -> Suspect | None:
        if not self.is_finite:
            return None
        if depth == DEPTHS[-1]:
            return None if self.is_single else self._search(True).without_numbers()
        search = self._search(self.is_single)
        return search.without_numbers() if depth == DEPTHS[0] else search.with_numbers()

    def _search(self, is_single: bool) -> Search:
        if is_single not in self._searches:
            seen = Seen(np.stack(self.paths, axis=-1), self.eta, self.rho, is_single)
            confirmed = partial(self._is_confirmed, is_single=is_single)
            self._searches[is_single] = Search(seen, self.algorithms, confirmed)
        return self._searches[is_single]

    def _is_confirmed(self, suspect: Suspect, is_single: bool) -> bool:
        tolerance = CONFIRMED_SINGLE if is_single else CONFIRMED
        n_steps = len(suspect.update.rates) or probes.N_FRESH_STEPS
        return all(
            _distance(path[: n_steps + 1], self._path(suspect, path[0], n_steps)) <= tolerance
            for path in self.fresh
        )

    def _path(self, suspect: Suspect, start: Real, n_steps: int) -> Real:
        return suspect.path(start, self.eta, self.rho, n_steps)

    def _gap(self, suspect: Suspect) -> float:
        """The largest relative distance from the suspect's paths."""
        return max(_distance(p, self._path(suspect, p[0], len(p) - 1)) for p in self.paths)

    def _way_off(self, algorithm: Algorithm) -> float:
        """The largest distance from an algorithm's paths, relative to the way that is gone."""
        off = 0.0
        for path in self.paths:
            expected = self._path(Suspect.plain(algorithm), path[0], len(path) - 1)
            with np.errstate(all="ignore"):
                gone = np.linalg.norm(np.diff(expected, axis=0), axis=1).sum()
                gap = float(np.linalg.norm(path - expected, axis=1).max() / gone)
            off = max(off, gap) if np.isfinite(gap) else np.inf
        return off

    # -- a number in the norm --------------------------------------------------------------------

    def _softenings(
        self, suspect: Suspect, path: Real, exponents: tuple[float, float]
    ) -> Iterator[tuple[str, float]]:
        """The numbers in the norm that explain the first step of a path, each in its own way."""
        from scipy.optimize import brentq

        low, high = exponents
        for how in SOFTENED:

            def end(exponent: float, how: str = how) -> Real:
                return self._path(suspect.softened((how, 10.0**exponent)), path[0], 1)[1]

            across = end(high) - end(low)
            beyond = partial(_beyond, end, path[1], across)
            if beyond(low) < 0 < beyond(high):
                yield how, 10.0 ** cast(float, brentq(beyond, low, high, xtol=1e-14))

    def _gap_at(self, suspect: Suspect, scale: float) -> float:
        """The distance after one step from a point as near to the critical point as `scale`."""
        start = scale * probes.STARTS[0]
        return _distance(self.run(start, n_steps=1)[0][1], self._path(suspect, start, 1)[1])

    def _first_seen(self, suspect: Suspect, is_single: bool, tolerance: float) -> float | None:
        """The first scale, from the coarsest, at which the suspect steps elsewhere."""
        scales = SINGLE_SCALES if is_single else SCALES
        return next((s for s in scales if self._gap_at(suspect, s) > tolerance), None)

    def _softening_near(self, suspect: Suspect, is_single: bool) -> tuple[str, float] | None:
        """The number in the norm that explains what is seen near the critical point."""
        tolerance = _near_tolerance(is_single)
        seen = self._first_seen(suspect, is_single, tolerance)
        if seen is None:
            return None
        path = self.run(seen * probes.STARTS[0], n_steps=1)[0]
        exponent, least = float(np.log10(seen)), min(SINGLE_SCALES if is_single else SCALES)
        # One point says how large the number is if it is known where it stands; others say where.
        others = [s for s in (100 * seen, seen / 10, seen / 100) if s >= least]
        judged = [
            (max(self._gap_at(suspect.softened(fit), s) for s in others), fit)
            for fit in self._softenings(suspect, path, (exponent - 12, exponent + 12))
        ]
        worst, fit = min(judged, default=(np.inf, None))
        if fit is None or worst > 1000 * tolerance:
            return None
        # Nearer, where it is plain to see, its size is known to more digits.
        scale = self._first_seen(suspect, is_single, 0.01) or seen
        path, exponent = self.run(scale * probes.STARTS[0], n_steps=1)[0], float(np.log10(fit[1]))
        finer = self._softenings(suspect, path, (exponent - 1, exponent + 1))
        return next((found for found in finer if found[0] == fit[0]), fit)

    # -- what is said of it ------------------------------------------------------------------------

    def _away(self, suspect: Suspect, is_single: bool) -> Iterator[Departure]:
        """The departures that are seen away from critical points."""
        algorithm = suspect.algorithm
        witness = self._witness(algorithm, self._clearest(algorithm))
        plain = algorithm.ascent is None and algorithm.descent is plain_descent
        if plain and (self.n_gradients > 1 or self.expected not in (None, algorithm)):
            beside = self.expected or SAM
            beside_it = self._witness(beside, self._clearest(beside))
            yield Departure("perturbation_never_applied", None, f"beside {beside}", beside_it)
        yield from of_suspect(suspect, witness)
        if suspect.direction.softening[0]:
            without = suspect.softened(("", 0.0))
            if self._gap(without) <= SAME_PATH:
                seen = self._first_seen(without, is_single, _near_tolerance(is_single))
                witness = self._witness(algorithm, (seen or 1.0) * probes.STARTS[0])
            yield softening_departure(suspect, witness)
        if is_single:
            yield Departure("float32", None, "", witness)

    def _close(self, suspect: Suspect, is_single: bool) -> Iterator[Departure]:
        """Those that are seen at critical points, and near them."""
        end = self.run(probes.ORIGIN, n_steps=1)[0][1]
        if end.any():
            name = "moves_at" if np.isfinite(end).all() else "nan_at"
            witness = self._witness(suspect.algorithm, probes.ORIGIN)
            yield Departure(f"{name}_critical_point", None, "", witness)
        # What was found of numbers is known to a few digits only.
        found = suspect.direction.softening[0] or suspect.direction.n_departures
        tolerance = (1000 if found else 1) * _near_tolerance(is_single)
        seen = self._first_seen(suspect, is_single, tolerance)
        if seen is not None:
            witness = self._witness(suspect.algorithm, seen * probes.STARTS[0])
            yield Departure("near_critical_point", None, "", witness)

    def _clearest(self, algorithm: Algorithm) -> Real:
        """The start from which the difference is largest."""
        plain = Suspect.plain(algorithm)
        gaps = [_distance(p, self._path(plain, p[0], len(p) - 1)) for p in self.paths]
        return self.paths[int(np.argmax(gaps))][0]

    def _witness(self, algorithm: Algorithm, start: Real) -> Witness:
        """As few steps from the start as show the difference."""
        got, _ = self.run(start, n_steps=probes.N_STEPS)
        expected = self._path(Suspect.plain(algorithm), start, probes.N_STEPS)
        differs = (n for n in range(1, len(got)) if not _distance(got[n], expected[n]) <= SAME_PATH)
        n = next(differs, len(got) - 1)
        examples = probes.EXAMPLES if self.draws else ()
        return Witness(
            probes.LOSS, start, self.eta, self.rho, n, expected[n], got[n], examples
        )  # fmt: skip


def _near_tolerance(is_single: bool) -> float:
    """By how much single steps near the critical point may differ, relative to where they end."""
    return 1e-3 if is_single else 1e-9


def _beyond(end: Callable[[float], Real], got: Real, across: Real, exponent: float) -> float:
    """How much further than `got` this number in the norm leads."""
    return float((end(exponent) - got) @ across)
