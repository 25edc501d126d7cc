"""x^y: of any two numbers, and by roots and products where the exponent is known to allow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from dynamics.engine.native.elementary.parts import (
    ROUNDING,
    bits_of,
    expm1_of_small,
    leading,
    polynomial,
    scaled,
    split,
)

# lb m = c·s(3 + s² + r(s)) with s = (m − 1)/(m + 1), c = 2/(3 ln 2), |s| ≤ 0.172: the first term
# left out of r is 3s²⁸/31 < 4e-23, of 3.
_OF_LOG = [3.0 / (2 * k + 3) for k in range(1, 13)]
# c and ln 2 in two parts each, the first of 21 bits: its products with such numbers are exact.
FACTOR_HIGH = float.fromhex("0x1.ec709p-1")
FACTOR_LOW = float.fromhex("0x1.b87407fae93f8p-22")
LN2_HIGH = float.fromhex("0x1.62e42p-1")
LN2_LOW = float.fromhex("0x1.fdf473de6af28p-22")
LN2 = LN2_HIGH + LN2_LOW


def pow(x: Any, y: Any) -> Any:
    """2^(y lb |x|), the logarithm and the product in two parts each, as in fdlibm; C's edges."""
    size = jnp.abs(x)
    found = _power_of_size(size, y)
    end = (size == 0.0) | (size == jnp.inf)
    found = jnp.where(end, jnp.where((size == 0.0) == (y < 0.0), jnp.inf, 0.0), found)
    is_whole = jnp.floor(y) == y
    is_odd = is_whole & (jnp.floor(0.5 * y) * 2.0 != y) & (jnp.abs(y) < jnp.inf)
    found = jnp.where((bits_of(x) < 0) & is_odd, -found, found)
    found = jnp.where((x < 0.0) & (size < jnp.inf) & ~is_whole, jnp.nan, found)
    found = jnp.where((x != x) | (y != y), jnp.nan, found)
    return jnp.where((y == 0.0) | (x == 1.0), 1.0, found)


def _power_of_size(x: Any, y: Any) -> Any:
    """x^y for 0 < x < ∞."""
    y = jnp.where(y > 2.0**65, 2.0**65, jnp.where(y < -(2.0**65), -(2.0**65), y))
    high, low = _binary_logarithm(x)
    y_high = leading(y)
    low = (y - y_high) * high + y * low
    high = y_high * high  # exactly
    # Beyond these the power over- and underflows all the same.
    beyond = jnp.abs(high + low) > 1100.0
    high = jnp.where(beyond, jnp.where(high > 0.0, 1100.0, -1100.0), high)
    low = jnp.where(beyond, 0.0, low)
    shifted = (high + low) + ROUNDING
    n, n_as_float = bits_of(shifted) - bits_of(jnp.float64(ROUNDING)), shifted - ROUNDING
    high = high - n_as_float
    t = leading(high + low)
    u = t * LN2_HIGH
    v = (low - (t - high)) * LN2 + t * LN2_LOW
    z = u + v
    rest = v - (z - u)
    # 1 + (z + rest) + …, of which the last sum alone is rounded where it shows.
    near = 1.0 + z
    return scaled(near + ((z - (near - 1.0)) + ((expm1_of_small(z) - z) + rest * near)), n)


def _binary_logarithm(x: Any) -> tuple[Any, Any]:
    """lb x in two parts, the first of 21 bits, to about 2⁻⁶⁵ of it."""
    n, m = split(x)
    above, inverse = m - 1.0, 1.0 / (m + 1.0)
    s = above * inverse
    s_high, sum_high = leading(s), leading(m + 1.0)
    s_low = inverse * ((above - s_high * sum_high) - s_high * (m - (sum_high - 1.0)))
    z = s * s
    square = s_high * s_high  # exactly
    r = z * z * polynomial(_OF_LOG, z) + s_low * (s_high + s)
    bracket_high = leading(3.0 + square + r)
    bracket_low = r - ((bracket_high - 3.0) - square)
    u, v = s_high * bracket_high, s_low * bracket_high + bracket_low * s
    high = leading(u + v)
    low = v - (high - u)
    product, low = FACTOR_HIGH * high, FACTOR_LOW * high + low * (FACTOR_HIGH + FACTOR_LOW)
    total = leading((product + low) + n)
    return total, low - ((total - n) - product)


# -- known exponents -------------------------------------------------------------------------------


def by_roots(exponent: float | None) -> Callable[[Any, Any], Any] | None:
    """`pow` of one known exponent, within 2 units in the last place; None where it is no such.

    The second argument, which is the exponent, is not looked at.
    """
    return _BY_ROOTS.get(exponent)


def _root(x: Any) -> Any:
    """√x, but as powers have it +0 of −0, and +∞ of −∞."""
    return jnp.where(x == -jnp.inf, jnp.inf, lax.sqrt(x + 0.0))


_BY_ROOTS: dict[float | None, Callable[[Any, Any], Any]] = {
    -1.0: lambda x, _: 1.0 / x,
    -0.5: lambda x, _: 1.0 / _root(x),
    0.5: lambda x, _: _root(x),
    1.0: lambda x, _: x,
    1.5: lambda x, _: jnp.abs(x) * _root(x),
    2.0: lambda x, _: x * x,
    3.0: lambda x, _: x * x * x,
}
