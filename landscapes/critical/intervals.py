"""Interval arithmetic on arrays: an expression over many boxes at once, rounded outwards.

What is enclosed is proved, on one assumption beside IEEE arithmetic: that NumPy's elementary
functions are right to within `_ULPS` units in the last place. Their documented bound is 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import mpmath
import numpy as np
import sympy

from landscapes.checks import Real
from landscapes.expressions.functions import LogCosh, Modulus, Signum

_ULPS = 16


class Interval:
    """Arrays of closed intervals [low, high]; where both are NaN, the interval is empty."""

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)

    def __add__(self, other: Interval) -> Interval:
        # −∞ + ∞ can only come up if something has overflowed: then nothing is known.
        low = _settled(self.low + other.low, -np.inf, self, other)
        high = _settled(self.high + other.high, np.inf, self, other)
        return _of_sign(
            Interval(_down(low), _up(high)),
            (self.low >= 0) & (other.low >= 0),
            (self.high <= 0) & (other.high <= 0),
        )

    def __mul__(self, other: Interval) -> Interval:
        ends = np.stack(
            np.broadcast_arrays(
                *(_settled(a * b, 0.0, self, other)  # 0 · ∞, where ∞ is an end and no member
                  for a in (self.low, self.high) for b in (other.low, other.high))
            )
        )  # fmt: skip
        (a, b), (c, d) = self.ends, other.ends
        return _of_sign(
            Interval(_down(ends.min(axis=0)), _up(ends.max(axis=0))),
            (a >= 0) & (c >= 0) | (b <= 0) & (d <= 0),
            (a >= 0) & (d <= 0) | (b <= 0) & (c >= 0),
        )

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def reciprocal(self) -> Interval:
        inside = (self.low < 0) & (self.high > 0) | (self.low == 0) & (self.high == 0)
        low = np.where(self.high == 0, -np.inf, _down(1 / self.high))
        high = np.where(self.low == 0, np.inf, _up(1 / self.low))
        return Interval(np.where(inside, -np.inf, low), np.where(inside, np.inf, high))

    def power(self, n: int) -> Interval:
        """The n-th power, n ≥ 1."""
        low, high = (_thin_power(end, n) for end in (self.low, self.high))
        if n % 2:
            return Interval(low.low, high.high)
        most = np.maximum(low.high, high.high)
        least = np.where((self.low <= 0) & (self.high >= 0), 0.0, np.minimum(low.low, high.low))
        return Interval(least, most)

    def monotone(
        self, function: Callable[[Any], Any], least: float, most: float, ulps: int = _ULPS
    ) -> Interval:
        """A non-decreasing function with values in [least, most]."""
        low, high = _widened(function(self.low), function(self.high), ulps)
        return Interval(np.maximum(low, least), np.minimum(high, most))

    def even(self, function: Callable[[Any], Any], least: float, ulps: int = _ULPS) -> Interval:
        """An even function that does not decrease for positive arguments, with that minimum."""
        ends = np.abs(self.low), np.abs(self.high)
        crosses = (self.low <= 0) & (self.high >= 0)
        low, high = _widened(function(np.minimum(*ends)), function(np.maximum(*ends)), ulps)
        return Interval(np.where(crosses, least, np.maximum(low, least)), high)

    def sine(self, offset: float) -> Interval:
        """sin(s + offset·π/2)."""
        ends = [np.sin(e) if offset == 0 else np.cos(e) for e in self.ends]
        low, high = _widened(np.minimum(*ends), np.maximum(*ends))
        # A maximum lies inside if (s − (1 − offset)·π/2)/2π passes a whole number; a little room
        # for rounding, which beyond 1e6 radians would be too little.
        large = ~(np.maximum(np.abs(self.low), np.abs(self.high)) < 1e6)
        turns = [(e - (1 - offset) * np.pi / 2) / (2 * np.pi) for e in self.ends]
        start, end = np.nan_to_num(turns[0]) - 1e-8, np.nan_to_num(turns[1]) + 1e-8
        top = large | (np.floor(end) >= np.ceil(start))
        bottom = large | (np.floor(end - 0.5) >= np.ceil(start - 0.5))
        empty = np.isnan(self.low)
        low = np.where(empty, np.nan, np.where(bottom, -1.0, np.maximum(low, -1.0)))
        high = np.where(empty, np.nan, np.where(top, 1.0, np.minimum(high, 1.0)))
        return Interval(low, high)

    @property
    def ends(self) -> tuple[Real, Real]:
        return self.low, self.high


def _of_sign(one: Interval, positive: Any, negative: Any) -> Interval:
    """The interval without what rounding has put on the wrong side of 0."""
    low = np.where(positive, np.maximum(one.low, 0.0), one.low)
    return Interval(low, np.where(negative, np.minimum(one.high, 0.0), one.high))


def _settled(raw: Any, fill: float, *given: Interval) -> Any:
    """NaN where an operand is empty; `fill` where the operation itself made one."""
    empty = reduce(np.logical_or, (np.isnan(one.low) for one in given))
    return np.where(np.isnan(raw) & ~empty, fill, raw)


def _down(x: Any) -> Any:
    return np.nextafter(x, -np.inf)


def _up(x: Any) -> Any:
    return np.nextafter(x, np.inf)


def _widened(low: Any, high: Any, ulps: int = _ULPS) -> tuple[Any, Any]:
    # Next to 0 the neighbours are subnormal, and the error of a function may not be.
    room = ulps * np.finfo(float).eps
    return (
        _down(low - np.abs(low) * room) - np.finfo(float).tiny * (low != 0),
        _up(high + np.abs(high) * room) + np.finfo(float).tiny * (high != 0),
    )


def _thin_power(x: Real, n: int) -> Interval:
    result, square = None, Interval(x, x)
    while n:
        if n & 1:
            result = square if result is None else result * square
        n >>= 1
        if n:
            square = square * square
    assert result is not None
    return result


def _number(e: Any) -> Interval:
    if e.is_Integer and abs(int(e)) < 2**53:
        return Interval(float(e), float(e))
    if e.is_Rational:
        with mpmath.workprec(120):
            near = float(mpmath.mpf(int(e.p)) / int(e.q))
    else:
        near = float(e.evalf(30))
    return Interval(_down(near), _up(near))


class Enclosure:
    """Encloses an expression over boxes.

    Arguments:
        boxes: the interval of each symbol.

    Attributes:
        defined: where every part that has been enclosed is defined on the whole box.
    """

    def __init__(self, boxes: Mapping[sympy.Symbol, Interval]) -> None:
        self._known: dict[Any, Interval] = dict(boxes)
        first = next(iter(boxes.values()))
        self.defined = np.ones(np.shape(first.low), dtype=bool)

    def over_boxes(self, expression: Any) -> Interval:
        """The enclosure with the shape of the boxes, also of a constant."""
        found, shape = self(expression), self.defined.shape
        return Interval(np.broadcast_to(found.low, shape), np.broadcast_to(found.high, shape))

    def __call__(self, expression: Any) -> Interval:
        if expression not in self._known:
            with np.errstate(all="ignore"):
                self._known[expression] = self._enclosed(expression)
        return self._known[expression]

    def _enclosed(self, e: Any) -> Interval:
        if e.is_Rational or e.is_NumberSymbol:
            return _number(e)
        if e.is_Add:
            return reduce(lambda a, b: a + b, map(self, e.args))
        if e.is_Mul:
            return reduce(lambda a, b: a * b, map(self, e.args))
        if e.is_Pow:
            return self._power(self(e.base), e.exp)
        return self._function(type(e), self(e.args[0]), e)

    def _power(self, base: Interval, exponent: Any) -> Interval:
        p, q = int(exponent.p), int(exponent.q)
        if q != 1:
            base = self._root(base, q)
        result = base.power(abs(p))
        if p > 0:
            return result
        self.defined = self.defined & ((result.low > 0) | (result.high < 0))
        return result.reciprocal()

    def _restricted(self, s: Interval) -> Interval:
        """The part with s ≥ 0, which may be empty."""
        self.defined = self.defined & (s.low >= 0)
        gone = ~(s.high >= 0)
        return Interval(
            np.where(gone, np.nan, np.maximum(s.low, 0.0)), np.where(gone, np.nan, s.high)
        )

    def _root(self, s: Interval, q: int) -> Interval:
        if q == 2:
            return self._restricted(s).monotone(np.sqrt, 0.0, np.inf)
        # 1/q is off by ε/2 of itself, which brings v^(1/q) off by ε |log v|/2q of itself, and
        # |log v| < 745.
        return self._restricted(s).monotone(lambda v: v ** (1 / q), 0.0, np.inf, _ULPS + 373)

    def _function(self, kind: Any, s: Interval, e: Any) -> Interval:
        if kind is sympy.exp:
            return s.monotone(np.exp, 0.0, np.inf)
        if kind is sympy.log:
            self.defined = self.defined & (s.low > 0)
            return self._restricted(s).monotone(np.log, -np.inf, np.inf)
        if kind is sympy.sin:
            return s.sine(0)
        if kind is sympy.cos:
            return s.sine(1)
        if kind is sympy.tan:
            cosine = s.sine(1)
            self.defined = self.defined & ((cosine.low > 0) | (cosine.high < 0))
            return s.sine(0) * cosine.reciprocal()
        if kind is sympy.sinh:
            return s.monotone(np.sinh, -np.inf, np.inf)
        if kind is sympy.cosh:
            return s.even(np.cosh, 1.0)
        if kind is sympy.tanh:
            return s.monotone(np.tanh, -1.0, 1.0)
        if kind is sympy.atan:
            return s.monotone(np.arctan, -_up(np.pi / 2), _up(np.pi / 2))
        if kind is LogCosh:
            return s.even(lambda v: LogCosh.numeric(np, v), 0.0, 4 * _ULPS)
        if kind is Modulus:
            return s.even(np.abs, 0.0)
        if kind is Signum:
            return s.monotone(np.sign, -1.0, 1.0)
        raise TypeError(f"{kind.__name__} has no enclosure here: {e}")
