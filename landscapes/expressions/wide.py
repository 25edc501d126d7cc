"""Numbers without over- and underflow: (m, i) for m·Bⁱ, with B = 2⁵¹² in float64.

log(1 + eˢ), eˢ/(1 + eˢ) and √(x² + 1) are ordinary numbers where eˢ and x² are not. Computed with
these pairs, their parts stay in range, and no such formula needs a recipe of its own. i is a
float64 that holds a whole number; it is −∞ for the number 0. 1/√B ≤ |m| < √B otherwise, so that one
product, quotient or sum leaves the range of m by one power of B at most.

All of it is comparison, selection and arithmetic, which NumPy, JAX and machine code have alike.
Derivatives pass through m; i is made by `floor` and comparisons, whose derivative is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import log
from typing import Any, NamedTuple

import numpy as np

# The bits of ln 2 in two parts: the product of the first with a small whole number is exact.
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
# Beyond it, e^{-2s} is lost beside 1: e⁻⁴⁰ < ε/2.
_ONE_SIDED = 20.0


class Wide(NamedTuple):
    """The number m·Bⁱ."""

    m: Any
    i: Any


class WideArithmetic:
    """Arithmetic of wide numbers in one array namespace and precision.

    Arguments:
        xp: `numpy` or `jax.numpy`.
        dtype: the type of m and i, float64 or float32.
    """

    def __init__(self, xp: Any, dtype: Any) -> None:
        self.xp = xp
        double = np.dtype(dtype) == np.float64
        self.bits = 512 if double else 64  # of B
        self.base, self.root = 2.0**self.bits, 2.0 ** (self.bits // 2)
        self.log_base = self.bits * log(2.0)
        # The exponent of e^∞: two of them differ by 0, and their logarithms overflow.
        self._infinite = float(np.finfo(dtype).max) / 32
        self._most = 0.25 / float(np.finfo(dtype).eps)  # about where every number is whole

    # -- to and fro ----------------------------------------------------------------------------

    def wide(self, value: Any) -> Wide:
        """A number of the ordinary kind, which at most two powers of B bring into range."""
        if isinstance(value, float) and 1 / self.root <= abs(value) < self.root:
            return Wide(value, 0.0)
        return self._normal(self._normal(Wide(value, 0.0)))

    def narrow(self, one: Wide) -> Any:
        """The number, ∞ or 0 if it is too large or too small."""
        where, m, i = self.xp.where, one.m, one.i
        power = where(i > 0, self.base, 1 / self.base)
        for n in (1, 2, 3):
            m = m * where(abs(i) >= n, power, 1.0)
        return m

    def _normal(self, one: Wide) -> Wide:
        where, (m, i) = self.xp.where, one
        size = abs(m)
        large, small = size >= self.root, size < 1 / self.root
        m = m * where(large, 1 / self.base, where(small, self.base, 1.0))
        i = i + where(large, 1.0, where(small, -1.0, 0.0))
        m = where(i == i, m, np.nan)  # ∞ − ∞ in the exponent: nothing is known
        return Wide(m, where(size == 0, -np.inf, i))

    # -- arithmetic ----------------------------------------------------------------------------

    def product(self, numbers: Sequence[Wide]) -> Wide:
        return reduce(lambda a, b: self._normal(Wide(a.m * b.m, a.i + b.i)), numbers)

    def quotient(self, over: Wide, under: Wide) -> Wide:
        return self._normal(Wide(over.m / under.m, over.i - under.i))

    def total(self, numbers: Sequence[Wide]) -> Wide:
        """The sum, of terms at most one power of B below the largest: the others leave no trace."""
        where = self.xp.where
        top = reduce(self.xp.maximum, (one.i for one in numbers))
        terms = (
            where(one.i == top, one.m, where(one.i == top - 1, one.m * (1 / self.base), 0.0))
            for one in numbers
        )
        return self._normal(Wide(reduce(lambda a, b: a + b, terms), top))

    def power(self, one: Wide, n: int) -> Wide:
        """The n-th power, n ≥ 1, by repeated squaring."""
        result = None
        while n:
            if n & 1:
                result = one if result is None else self.product([result, one])
            n >>= 1
            if n:
                one = self.product([one, one])
        assert result is not None
        return result

    def root_of(self, one: Wide, q: int) -> Wide:
        """The q-th root of a number ≥ 0."""
        whole = self.xp.floor(one.i / q)
        left = one.i - q * whole
        if q == 2:
            m = self.xp.sqrt(one.m)
            return self._normal(Wide(self.xp.where(left == 1, m * self.root, m), whole))
        left = self.xp.where((left >= 0) & (left < q), left, 0.0)  # beyond 1/ε, or of 0
        return self._normal(Wide(one.m ** (1 / q) * 2.0 ** (left * (self.bits / q)), whole))

    # -- functions -----------------------------------------------------------------------------

    def exp(self, s: Any) -> Wide:
        """eˢ of an ordinary number."""
        count = self.xp.floor(s * (1 / self.log_base) + 0.5)
        rest = (s - count * (self.bits * _LN2_HIGH)) - count * (self.bits * _LN2_LOW)
        # Beyond 1/ε nothing is known of the rest; a NaN passes.
        rest = self.xp.where(abs(count) > self._most, 0.0, rest)
        count = self.xp.minimum(self.xp.maximum(count, -self._infinite), self._infinite)
        return Wide(self.xp.exp(rest), self.xp.where(s == s, count, 0.0))

    def cosh(self, s: Any) -> Wide:
        return self._hyperbolic(self.xp.cosh, s, 0.5)

    def sinh(self, s: Any) -> Wide:
        return self._hyperbolic(self.xp.sinh, s, self.xp.where(s > 0, 0.5, -0.5))

    def _hyperbolic(self, function: Any, s: Any, half: Any) -> Wide:
        """±e^|s|/2, or the function itself where the other exponential counts."""
        where, size = self.xp.where, abs(s)
        far = size > _ONE_SIDED
        grown = self.exp(size)
        near = function(where(far, 0.0, s))
        return self._normal(Wide(where(far, half * grown.m, near), where(far, grown.i, 0.0)))

    def log(self, one: Wide) -> Any:
        """The logarithm, an ordinary number."""
        return one.i * self.log_base + self.xp.log(one.m)

    def log_of_one_more(self, rest: Wide) -> Any:
        """log(1 + rest), with all its digits where the rest is small."""
        plain = self.narrow(rest)
        small = abs(plain) < 0.5
        near = self.xp.log1p(self.xp.where(small, plain, 0.0))
        return self.xp.where(small, near, self.log(self.total([Wide(1.0, 0.0), rest])))
