"""Critical points in a box, each certified, by subdivision and Krawczyk's operator.

With X a box, m its middle, Y about (∇²L(m))⁻¹ and everything enclosed,

    K(X) = m − Y ∇L(m) + (1 − Y ∇²L(X))(X − m)

holds every critical point of X, so that X holds none if K(X) misses it; and if K(X) lies in the
interior of X, then X holds exactly one, at which the Hessian is regular. A box for which neither
can be said is cut in two, until it is too small or there are too many: then it stays undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from landscapes.checks import Real
from landscapes.critical.intervals import Enclosure, Interval
from landscapes.expressions.expression import evaluate
from landscapes.facts import Box

MOST_OPERATIONS = 800
MOST_BOXES = 30_000
_MOST_BOUNDED = 3_500_000  # on numbers that bound an interval, in all boxes together
_MOST_STARTED = 8_000  # operations of a step, in all of Newton's paths together
_LEAST_WIDTH = 1e-4
_CUT = 0.4837  # off the middle, so that no face lies on a symmetry of the loss
_LEAST_HALF = 1e-7  # of a box that is tested, so that what is certified tightly fits into it
_GROWTH = 1.25  # of a box before it is tested, so that a point on a face is found from one side


class TooLong(Exception):
    """A loss whose derivatives are too long to be worked on; the text says so."""


@dataclass(frozen=True)
class Certified:
    """A critical point that is proved to be the only one within `radius`, per coordinate."""

    centre: Real
    radius: float


@dataclass(frozen=True)
class Searched:
    """What a search has found.

    Attributes:
        points: the certified critical points.
        undecided: the boxes that may hold others, as lower and upper corners `(n, 2, dim)`.
        effort: the share of the boxes that were looked at, of those that might have been.
    """

    points: tuple[Certified, ...]
    undecided: Real
    effort: float


class System:
    """The gradient and the Hessian of a loss, as numbers and enclosed."""

    def __init__(self, expression: sympy.Expr, point: Sequence[sympy.Symbol]) -> None:
        self.point, self.loss = tuple(point), expression
        self.gradient = [sympy.diff(expression, w) for w in point]
        if sum(int(g.count_ops()) for g in self.gradient) > MOST_OPERATIONS:
            raise TooLong(f"the derivatives have more than {MOST_OPERATIONS:,} operations")
        self.hessian = [[sympy.diff(g, w) for w in point] for g in self.gradient]
        if self.size > 5 * MOST_OPERATIONS:
            raise TooLong(f"the derivatives have more than {5 * MOST_OPERATIONS:,} operations")

    @property
    def dim(self) -> int:
        return len(self.point)

    @cached_property
    def size(self) -> int:
        """About how many operations one evaluation of the gradient and the Hessian takes."""
        entries = [*self.gradient, *(h for row in self.hessian for h in row)]
        return 2 * self.dim**3 + sum(int(e.count_ops()) for e in entries)

    def starts(self, points: Real) -> Real:
        """As many of the points, evenly chosen, as there is time to start Newton's method from."""
        most = int(np.clip(_MOST_STARTED / self.size, 3, 20))
        return points[:: max(1, -(-len(points) // most))]

    def _numbers(self, expressions: Sequence[Any], w: Real) -> Real:
        """The expressions at points `(..., dim)`, shape `(..., n)`."""
        columns = np.moveaxis(np.asarray(w, dtype=float), -1, 0)
        with np.errstate(all="ignore"):
            found = evaluate(expressions, dict(zip(self.point, columns, strict=True)), np)
        return np.stack([np.broadcast_to(v, columns.shape[1:]) for v in found], axis=-1)

    def loss_at(self, w: Real) -> float:
        return float(self._numbers([self.loss], w)[0])

    def gradient_at(self, w: Real) -> Real:
        return self._numbers(self.gradient, w)

    def hessian_at(self, w: Real) -> Real:
        return self.derivatives_at(w)[1]

    def derivatives_at(self, w: Real) -> tuple[Real, Real]:
        """The gradient and the Hessian at points `(..., dim)`."""
        entries = [entry for row in self.hessian for entry in row]
        found = self._numbers([*self.gradient, *entries], w)
        square = (*found.shape[:-1], self.dim, self.dim)
        return found[..., : self.dim], found[..., self.dim :].reshape(square)

    def enclosure(self, low: Real, high: Real) -> Enclosure:
        return Enclosure({w: Interval(low[:, i], high[:, i]) for i, w in enumerate(self.point)})

    def newton(self, w: Real, steps: int = 30) -> Real:
        """Newton's method from points `(..., dim)`, until each stands still or breaks down."""
        w = np.array(w, dtype=float)
        for _ in range(steps):
            gradient, hessian = self.derivatives_at(w)
            finite: Any = np.isfinite(gradient).all(axis=-1)
            finite &= np.isfinite(hessian).all(axis=(-2, -1))
            usable = np.where(finite[..., None, None], hessian, np.eye(self.dim))
            with np.errstate(all="ignore"):
                step = (np.linalg.pinv(usable) @ gradient[..., None])[..., 0]
                moved = w - step
            moves = finite & np.isfinite(moved).all(axis=-1) & (moved != w).any(axis=-1)
            if not moves.any():
                break
            w = np.where(moves[..., None], moved, w)
        return w


def _excludes_zero(one: Interval) -> Any:
    return ~((one.low <= 0) & (one.high >= 0))  # an empty interval excludes everything


def krawczyk(system: System, low: Real, high: Real) -> tuple[Real, Real, Any, Any]:
    """K(X) of each box, lower and upper corners `(n, dim)`; where X is free; where X holds one."""
    dim, middle = system.dim, (low + high) / 2
    whole = system.enclosure(low, high)
    slopes = [whole.over_boxes(g) for g in system.gradient]
    # Where the loss is not defined its derivatives may be, as that of log is.
    undefined = np.isnan(whole.over_boxes(system.loss).low)
    free = np.any([undefined, *(_excludes_zero(g) for g in slopes)], axis=0)
    curvature = [[whole.over_boxes(h) for h in row] for row in system.hessian]
    thin = system.enclosure(middle, middle)
    at_middle = [thin.over_boxes(g) for g in system.gradient]
    mean = np.empty((len(low), dim, dim))
    with np.errstate(invalid="ignore"):
        for i in range(dim):
            for j in range(dim):
                mean[:, i, j] = (curvature[i][j].low + curvature[i][j].high) / 2
    usable = np.isfinite(mean).all(axis=(1, 2)) & whole.defined
    mean[~usable] = np.eye(dim)
    with np.errstate(all="ignore"):
        inverse = np.linalg.pinv(mean)
    # X − m, whose ends are exact up to one rounding
    offset = Interval(low, high) - Interval(middle, middle)
    slope, bend = _stacked(at_middle), [_stacked(row) for row in curvature]
    total, rest = (
        Interval(middle, middle),
        Interval(*[np.broadcast_to(np.eye(dim), mean.shape)] * 2),
    )
    with np.errstate(all="ignore"):
        for k in range(dim):
            column = inverse[:, :, k]
            total = total - Interval(column, column) * _column(slope, k)
            wide = Interval(column[:, :, None], column[:, :, None])
            rest = rest - wide * Interval(bend[k].low[:, None, :], bend[k].high[:, None, :])
        for j in range(dim):
            across = Interval(rest.low[:, :, j], rest.high[:, :, j])
            total = total + across * _column(offset, j)
    below, above = total.low, total.high
    below = np.where(usable[:, None] & ~np.isnan(below), below, -np.inf)
    above = np.where(usable[:, None] & ~np.isnan(above), above, np.inf)
    one = usable & ((below > low) & (above < high)).all(axis=1)
    return below, above, free, one & ~free


def _stacked(parts: list[Interval]) -> Interval:
    """Intervals of shape `(n,)` side by side, shape `(n, dim)`."""
    return Interval(np.stack([p.low for p in parts], -1), np.stack([p.high for p in parts], -1))


def _column(one: Interval, k: int) -> Interval:
    return Interval(one.low[:, k : k + 1], one.high[:, k : k + 1])


def search(system: System, box: Box) -> Searched:
    """The critical points in a bounded box."""
    most = int(np.clip(_MOST_BOUNDED / system.size, 100, MOST_BOXES))
    low, high = (corner[None] for corner in box.corners(system.dim))
    found: list[tuple[Certified, Real, Real]] = []
    small: list[Real] = []
    looked = 0
    while len(low) and looked + len(low) <= most:
        looked += len(low)
        middle = (low + high) / 2
        half = np.maximum(_GROWTH * (high - low) / 2, _LEAST_HALF)
        wide_low, wide_high = middle - half, middle + half
        below, above, free, one = krawczyk(system, wide_low, wide_high)
        _add(system, found, wide_low[one], wide_high[one], (below[one] + above[one]) / 2)
        low, high = np.maximum(low, below), np.minimum(high, above)
        left = ~free & ~one & (low <= high).all(axis=1)
        low, high = low[left], high[left]
        tiny = (high - low).max(axis=1) < _LEAST_WIDTH
        small += list(np.stack([low[tiny], high[tiny]], axis=1))
        low, high = _halved(low[~tiny], high[~tiny])
    rest = np.stack([low, high], axis=1) if len(low) else np.empty((0, 2, system.dim))
    undecided = np.concatenate([rest, np.array(small).reshape(-1, 2, system.dim)])
    for _, a, b in found:  # what lies where one is proved to be alone holds no other
        inside: Any = (undecided[:, 0] >= a) & (undecided[:, 1] <= b)
        undecided = undecided[~inside.all(axis=1)]
    ordered = sorted((one for one, _, _ in found), key=lambda one: tuple(one.centre))
    return Searched(tuple(ordered), undecided, looked / most)


def _add(system: System, found: list, low: Real, high: Real, start: Real) -> None:
    """Adds the points that are alone in these boxes `(n, dim)`, unless they are known."""
    if not len(low):
        return
    ended = system.newton(start)
    inside: Any = ((ended > low) & (ended < high)).all(axis=1)
    centres = np.where(inside[:, None], ended, start)
    radii = _radii(system, centres)
    for a, b, centre, radius in zip(low, high, centres, radii, strict=True):
        if any(((centre > c) & (centre < d)).all() for _, c, d in found):
            continue
        certified = Certified(centre, float(radius))
        if not ((centre - radius > a) & (centre + radius < b)).all():  # also if it is NaN
            certified = Certified((a + b) / 2, float((b - a).max() / 2))
        found.append((certified, a, b))


def certify(system: System, centre: Real) -> Certified | None:
    """A proof that there is exactly one critical point about as near to `centre` as can be."""
    radius = _radii(system, np.asarray(centre)[None])[0]
    return None if np.isnan(radius) else Certified(centre, float(radius))


def _radii(system: System, centres: Real) -> Real:
    """Within which each of the centres `(n, dim)` is proved to have one critical point, or NaN."""
    radii = np.full(len(centres), np.nan)
    for exponent in range(-15, -3):
        left = np.flatnonzero(np.isnan(radii))
        if not len(left):
            break
        tried = 10.0**exponent * (1 + np.abs(centres[left]).max(axis=1))
        low, high = centres[left] - tried[:, None], centres[left] + tried[:, None]
        *_, one = krawczyk(system, low, high)
        radii[left[one]] = tried[one]
    return radii


def _halved(low: Real, high: Real) -> tuple[Real, Real]:
    if not len(low):
        return low, high
    axis = (high - low).argmax(axis=1)
    rows = np.arange(len(low))
    cut = low[rows, axis] + _CUT * (high[rows, axis] - low[rows, axis])
    left_high, right_low = high.copy(), low.copy()
    left_high[rows, axis], right_low[rows, axis] = cut, cut
    return np.concatenate([low, right_low]), np.concatenate([left_high, high])


def outside_is_free(system: System, radius: float, inward: bool = False) -> bool:
    """Whether it is proved that no critical point has a coordinate with |w_i| ≥ radius.

    With `inward`, whether there even the derivative in such a coordinate has that coordinate's
    sign, so that the loss is least in the box.
    """
    dim = system.dim
    low, high = np.full((2 * dim, dim), -np.inf), np.full((2 * dim, dim), np.inf)
    for i in range(dim):
        low[i, i], high[dim + i, i] = radius, -radius
    enclosure = system.enclosure(low, high)
    slopes = [enclosure.over_boxes(g) for g in system.gradient]
    if not inward:
        free = [_excludes_zero(g) for g in slopes]
        return bool(np.any(free, axis=0).all())
    return bool(enclosure.defined.all()) and all(
        g.low[i] > 0 and g.high[dim + i] < 0 for i, g in enumerate(slopes)
    )
