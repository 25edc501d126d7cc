"""Which suspect takes the steps that were seen: fitted to them, and confirmed by others.

A direction is judged before anybody asks what is done with it. All that an `Update` does, momentum,
decay and what is kept of a perturbation, is linear in what was at hand: in the direction, the
perturbation and the point of this step, and the movement, direction and perturbation of the last
one. So a step minus its projection on these is 0 if the direction is right, whatever the update is;
what is left is called the residue. Numbers within a direction are found by making it least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.conformance.directions import Direction, directions, foreign_base
from dynamics.conformance.numbers import Number, numbers, put
from dynamics.conformance.suspects import Suspect, named
from dynamics.conformance.updates import Form, forms

Real = np.ndarray
EPS = np.finfo(np.float64).eps
# Of a step, some hundred roundings, a factor of 100 for those who do them in another order, and
# one of 4 for what a projection adds: 4e4 · 2.2e-16. Beside it the points' own roundings.
EXACT, OF_THE_POINT = 1e-11, 8 * EPS
# The same in single precision, in which nobody doubts the order: 100 · 1.2e-7.
SINGLE, SINGLE_OF_THE_POINT = 1e-5, 8 * 2.0**-23
# Numbers are sought of directions whose residue is at most this part of a step, a few of them.
NEAR, N_NEAR, N_FIRST = 0.5, 10, 2
# A direction has more than this part of what it should have.
NO_STEP = 1e-6
# Columns that are independent of others by less than this part of their length fade out.
FADING = 1e-7
CORE = ("GD", "SAM", "USAM", "StableSAM", "ASAM(0)")
# Two numbers are sought of the nearest of them with one.
NEARER, N_NEAREST = 0.1, 6


@dataclass(frozen=True, eq=False)
class Seen:
    """Paths of an optimiser, shape `(n_steps + 1, 3, n)`, and with which η and ρ."""

    w: Real
    eta: float
    rho: float
    is_single: bool = False

    @property
    def moved(self) -> Real:
        """What each step added, `(n_steps, 3, n)`."""
        return np.diff(self.w, axis=0)

    @property
    def tolerance(self) -> float:
        """By how much a step may differ from a right one."""
        step, point = float(np.abs(self.moved).max()), float(np.abs(self.w).max())
        if self.is_single:
            return SINGLE * step + SINGLE_OF_THE_POINT * point
        return EXACT * step + OF_THE_POINT * point


def residue(direction: Direction, seen: Seen, *, steadily: bool = False) -> Real:
    """What no update explains of each step, `(n_steps · 3n,)`; inf where there is no direction.

    If `steadily`, no update that does the same at each step but the first, `((n_steps − 1) · 3n,)`.
    """
    moved = seen.moved
    d, e = direction.along(seen.w[:-1], seen.eta, seen.rho)
    if not (np.isfinite(d).all() and np.isfinite(e).all()):
        return np.full(moved.size, np.inf)
    x = _columns(d, e, seen.w[:-1], moved)
    y = moved.reshape(len(moved), -1, 1)
    if steadily:
        x, y = x[1:].reshape(1, -1, x.shape[-1]), y[1:].reshape(1, -1, 1)
    x = x / np.where(size := np.sqrt((x**2).sum(axis=1, keepdims=True)), size, 1)
    # What is all but a combination of others says nothing: its roundings would be followed. It
    # fades out, so that no search is led astray where it vanishes.
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    share = s**4 / (s**4 + (FADING * s[:, :1]) ** 4)
    return (y - (u * share[:, None, :]) @ (u.transpose(0, 2, 1) @ y)).ravel()


def _columns(d: Real, e: Real, w: Real, moved: Real) -> Real:
    """What each step may be made of, `(n_steps, 3n, k)`; the first has no last step."""
    nothing = np.zeros_like(d[:1])
    last = [np.concatenate([nothing, each[:-1]]) for each in (moved, d)]
    columns = [d, w, *last]
    if e.any():
        columns += [e, np.concatenate([nothing, e[:-1]])]
    return np.stack([c.reshape(len(d), -1) for c in columns], axis=-1)


class Search:
    """Looks for the suspect that took the steps.

    Args:
        seen: the steps that it is fitted to.
        algorithms: what it may be, or depart from.
        is_confirmed: whether a suspect takes other steps of the optimiser as well.
    """

    def __init__(
        self, seen: Seen, algorithms: Sequence[Algorithm], is_confirmed: Callable[[Suspect], bool]
    ) -> None:
        self.seen, self.algorithms, self.is_confirmed = seen, algorithms, is_confirmed
        self.size = float(np.abs(seen.moved).max())
        listed = directions(algorithms)
        gaps = [self._largest(d) for d in listed]
        order = sorted(range(len(listed)), key=lambda i: gaps[i])
        self.ranked = [(gaps[i], listed[i]) for i in order]
        self.listed = [d for d, gap in zip(listed, gaps, strict=True) if gap <= seen.tolerance]

    def _largest(self, direction: Direction) -> float:
        return float(np.abs(residue(direction, self.seen)).max())

    def without_numbers(self) -> Suspect | None:
        """One whose direction has no number to be found."""
        return self._least(self.listed)

    def with_numbers(self) -> Suspect | None:
        """One whose direction has one number that is to be found, or two."""
        mine = [
            (gap <= NEAR * self.size, direction)
            for gap, direction in self.ranked
            if not foreign_base(direction.algorithm)
        ]
        # What is clipped may be far from what it would be: the best known are tried in any case.
        near = [direction for is_near, direction in mine if is_near][:N_NEAR]
        near += [d for _, d in mine if d.algorithm.name in CORE and not d.n_departures]
        tried: list[_Fit] = []
        # Mostly one of the first is right, and the others are then not tried.
        for some in (near[:N_FIRST], near[N_FIRST:]):
            fits = [
                fit
                for direction in dict.fromkeys(some)
                for number in numbers(direction)
                for fit in self._fits(direction, (number,), [[]])
            ]
            found = self._least([f.direction for f in fits if f.gap <= self.seen.tolerance])
            if found is not None:
                return found
            tried += fits
        tried = sorted(tried, key=lambda fit: fit.gap)[:N_NEAREST]
        both = [
            fit
            for one in tried
            if one.gap <= NEARER * self.size
            for other in numbers(one.plain)
            if other.field != one.numbers[0].field
            for fit in self._fits(one.plain, (*one.numbers, other), [one.x])
        ]
        return self._least([fit.direction for fit in both if fit.gap <= self.seen.tolerance])

    # -- a direction's numbers -----------------------------------------------------------------

    def _fits(
        self, direction: Direction, of: tuple[Number, ...], first: list[list[float]]
    ) -> Iterator[_Fit]:
        """The direction with the numbers that leave the least, if they leave less than others.

        `first` are those of all numbers but the last, to begin at.
        """

        def left(x: Any) -> Real:
            return residue(put(direction, of, x), self.seen) / self.size

        starts = [[*x, y] for x in first for y in of[-1].starts(self.seen)]
        sums = [_square(left(x)) for x in starts]
        if len(starts) > 1 and max(sums) <= min(sums) * (1 + 1e-6):
            return  # it sees no such number
        best = np.argsort(sums)[: 1 + of[-1].bends]
        x, gap = min((_least_squares(left, starts[i]) for i in best), key=lambda found: found[1])
        yield _Fit(direction, of, x, gap * self.size)
        if of[-1].has_torchs_way and gap <= 1e-3:
            of = (*of[:-1], of[-1].torchs_way())
            x, gap = _least_squares(left, x)
            yield _Fit(direction, of, x, gap * self.size)

    # -- an update -----------------------------------------------------------------------------

    def _least(self, exact: Sequence[Direction]) -> Suspect | None:
        """Of the directions that are right, the suspect with the fewest departures."""
        best: tuple[int, Suspect] | None = None
        for direction in exact:
            fewer = None if best is None else best[0] - direction.n_departures
            for form in self._forms(direction):
                if fewer is not None and form.n_departures >= fewer:
                    break
                suspect = self._suspect(direction, form)
                if suspect is not None:
                    best = (direction.n_departures + form.n_departures, suspect)
                    break
        return None if best is None else named(best[1], self.algorithms)

    def _forms(self, direction: Direction) -> tuple[Form, ...]:
        base = foreign_base(direction.algorithm)
        ascends = direction.algorithm.ascent is not None
        every = forms(ascends=ascends, has_base=base is not None)
        if base is not None or direction.algorithm.schedule is not None:
            return every
        left = np.abs(residue(direction, self.seen, steadily=True)).max()
        if left <= 10 * self.seen.tolerance:
            return every
        return tuple(form for form in every if "rates" in form.free)

    def _suspect(self, direction: Direction, form: Form) -> Suspect | None:
        """The suspect of this form, if there is one that takes the steps."""
        seen, n_steps = self.seen, len(self.seen.moved)
        d, e = direction.along(seen.w[:-1], seen.eta, seen.rho)
        form = replace(form, update=replace(form.update, base=foreign_base(direction.algorithm)))
        factors = _factors(direction.algorithm, seen.eta, seen.rho, n_steps)

        def left(x: Any) -> Real:
            update = form.filled(x, n_steps)
            return (update.along(d, e, seen.w, seen.eta, factors) - seen.moved).ravel() / self.size

        x = np.array(form.start(n_steps))
        if len(x):
            x = np.array(_least_squares(left, x.tolist(), patience=6)[0])
        # What its numbers lose is no reason to look for more of them.
        if not np.abs(left(x)).max() * self.size <= 10 * seen.tolerance:
            return None
        update = form.filled(x, n_steps)
        entering = 1 - (update.momentum if update.is_mean else update.dampening)
        if min((*update.rates, entering)) < NO_STEP:
            return None  # it is the perturbation that it descends by, not the direction
        suspect = Suspect(direction, update)
        return suspect if self.is_confirmed(suspect) else None


def _factors(algorithm: Algorithm, eta: float, rho: float, n_steps: int) -> list[float]:
    """By what an algorithm's own schedule multiplies η in each step."""
    if algorithm.schedule is None:
        return [1.0] * n_steps
    return [float(algorithm.schedule(t, eta, rho)[0]) / eta for t in range(1, n_steps + 1)]


@dataclass(frozen=True)
class _Fit:
    """A direction with the numbers that leave the least of the steps, and what they leave."""

    plain: Direction
    numbers: tuple[Number, ...]
    x: list[float]
    gap: float

    @property
    def direction(self) -> Direction:
        return put(self.plain, self.numbers, self.x)


def _square(v: Real) -> float:
    return float(v @ v) if np.isfinite(v).all() else np.inf


def _least_squares(
    left: Callable[[Any], Real], x: Sequence[float], patience: int = 1
) -> tuple[list[float], float]:
    """The numbers of least Σ left², near those given, and the largest |left| there.

    Gauss and Newton's steps. If the direction is right these converge fast, so a search ends with
    the first step that gains little, or the n-th, n = `patience`: what is sought is 0.
    """
    at = np.array(x, dtype=np.float64)
    here = left(at)
    for _ in range(20):
        square = _square(here)
        if not np.isfinite(square):
            break
        width = 1e-6 * np.maximum(np.abs(at), 1e-2)
        slopes = [(left(at + step) - here) / step.max() for step in np.diag(width)]
        if not np.isfinite(slopes).all():
            break
        step = np.linalg.lstsq(np.array(slopes).T, -here, rcond=None)[0]
        for share in (1.0, 0.3, 0.05):
            there = left(at + share * step)
            if _square(there) < square:
                break
        else:
            break
        at, here = at + share * step, there
        patience -= _square(here) > 0.8 * square
        if not patience:
            break
    return at.tolist(), float(np.abs(here).max())
