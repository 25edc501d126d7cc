"""The elementary functions, written in operations that every processor rounds alike.

A library's are either scalar, ten times as slow, or rounded differently by every version. These
are the same everywhere, and tests/test_native_elementary.py says how near they are. Each is a
reduction whose error is carried along and a Taylor polynomial: there is no table of coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

# ln 2 in two parts; the first has 32 bits, so that its product with an exponent is exact.
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
# Added to a float64, this rounds it to an integer, and puts that into the last bits of the sum.
_ROUNDING = 1.5 * 2.0**52
_MANTISSA, _BIAS = 52, 1023
# |r| ≤ ln 2/2 in exp: the first term left out is r¹⁴/14! < 5e-18, of 1.
_TERMS_OF_EXP = 13
# |s| ≤ (√2 − 1)/(√2 + 1) in log: the first term left out is s²⁴/25 < 2e-20, of 1.
_TERMS_OF_LOG = 12


def exp(x: Any) -> Any:
    """eˣ: 2ⁿ eʳ with x = n ln 2 + r."""
    # Beyond these, eˣ over- and underflows all the same. (A NaN passes.)
    x = jnp.where(x > 710.0, 710.0, jnp.where(x < -746.0, -746.0, x))
    n, r = _reduced(x)
    return _scaled(1.0 + _expm1_of_small(r), n)


def expm1(x: Any) -> Any:
    """eˣ − 1, near 0 too: 2ⁿ(eʳ − 1) + (2ⁿ − 1)."""
    within = jnp.where(x > 709.0, 709.0, jnp.where(x < -60.0, -60.0, x))
    n, r = _reduced(within)
    power = _power_of_two(n)
    # x itself where nothing is left of the rest; so −0 stays −0.
    found = jnp.where(jnp.abs(x) < 1e-300, x, power * _expm1_of_small(r) + (power - 1.0))
    return jnp.where(x > 709.0, exp(x), found)


def tanh(x: Any) -> Any:
    """(e²ˣ − 1)/(e²ˣ + 1), of |x|, with the sign of x. From 20 on it is 1."""
    size = jnp.abs(x)
    e = expm1(2.0 * jnp.where(size > 20.0, 20.0, size))
    return _with_sign_of(x, e / (e + 2.0))


def sinh(x: Any) -> Any:
    """(e + e/(e + 1))/2 with e = e^|x| − 1, with the sign of x."""
    size = jnp.abs(x)
    e = expm1(jnp.where(size > 709.0, 709.0, size))
    root = exp(0.5 * size)  # e^|x| overflows before its half does
    return _with_sign_of(x, jnp.where(size > 709.0, 0.5 * root * root, 0.5 * (e + e / (e + 1.0))))


def cosh(x: Any) -> Any:
    """(e^|x| + e^−|x|)/2."""
    size = jnp.abs(x)
    root = exp(0.5 * size)
    return jnp.where(size > 709.0, 0.5 * root * root, 0.5 * exp(size) + 0.5 * exp(-size))


def log(x: Any) -> Any:
    """ln x: n ln 2 + ln m with x = 2ⁿ m, √½ ≤ m ≤ √2; 2 artanh s with s = (m − 1)/(m + 1)."""
    subnormal = x < 2.0**-1022
    normal = jnp.where(subnormal, x * 2.0**54, x)
    bits = lax.bitcast_convert_type(normal, jnp.int64)
    # Adding the distance from √½ to 1 carries into the exponent exactly for mantissas above √2.
    one, root = (int(np.float64(v).view(np.int64)) for v in (1.0, np.sqrt(0.5)))
    lifted = bits + jnp.int64(one - root)
    exponent = lax.shift_right_arithmetic(lifted, jnp.int64(_MANTISSA)) - jnp.int64(_BIAS)
    m = lax.bitcast_convert_type(bits - lax.shift_left(exponent, jnp.int64(_MANTISSA)), jnp.float64)
    n = exponent.astype(jnp.float64) - jnp.where(subnormal, 54.0, 0.0)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    rest = _polynomial([1.0 / (2 * k + 1) for k in range(1, _TERMS_OF_LOG)], z)
    found = n * LN2_HIGH + (2.0 * s + (2.0 * s * z * rest + n * LN2_LOW))
    found = jnp.where(x == jnp.inf, x, jnp.where(x == 0.0, -jnp.inf, found))
    return jnp.where(x >= 0.0, found, jnp.nan)


def log1p(x: Any) -> Any:
    """ln(1 + x): the logarithm of the rounded sum, and what rounding took, over it."""
    total = 1.0 + x
    lost = jnp.where(jnp.abs(total) < jnp.inf, x - (total - 1.0), 0.0)
    found = log(total) + lost / total
    return jnp.where(total == 0.0, -jnp.inf, jnp.where(jnp.abs(x) < 1e-300, x, found))


def logistic(x: Any) -> Any:
    """1/(1 + e⁻ˣ)."""
    return 1.0 / (1.0 + exp(-x))


#: By the primitive's name.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    function.__name__: function for function in (exp, expm1, tanh, sinh, cosh, log, log1p, logistic)
}


# -- parts ---------------------------------------------------------------------------------------


def _reduced(x: Any) -> tuple[Any, Any]:
    """The integer n nearest to x/ln 2, and x − n ln 2."""
    shifted = x * (1.0 / np.log(2.0)) + _ROUNDING
    n = lax.bitcast_convert_type(shifted, jnp.int64) - jnp.int64(
        int(np.float64(_ROUNDING).view(np.int64))
    )
    n_as_float = shifted - _ROUNDING
    return n, (x - n_as_float * LN2_HIGH) - n_as_float * LN2_LOW


def _expm1_of_small(r: Any) -> Any:
    coefficients = [1.0 / factorial(k) for k in range(2, _TERMS_OF_EXP + 1)]
    return r + r * r * _polynomial(coefficients, r)


def _polynomial(coefficients: list[float], x: Any) -> Any:
    """c₀ + c₁x + …, from the last."""
    *others, total = coefficients
    for c in reversed(others):
        total = c + total * x
    return total


def _power_of_two(n: Any) -> Any:
    """2ⁿ, for exponents of normal numbers."""
    bits = lax.shift_left(n + jnp.int64(_BIAS), jnp.int64(_MANTISSA))
    return lax.bitcast_convert_type(bits, jnp.float64)


def _scaled(x: Any, n: Any) -> Any:
    """2ⁿ x, in two steps: 2ⁿ alone may over- or underflow where the product does not."""
    half = lax.shift_right_arithmetic(n, jnp.int64(1))
    return x * _power_of_two(half) * _power_of_two(n - half)


def _with_sign_of(x: Any, size: Any) -> Any:
    """`size` with the sign of x; x itself where that is 0 or NaN."""
    return jnp.where(x < 0.0, -size, jnp.where(x > 0.0, size, x))
