"""What the elementary functions share: reductions, polynomials, and numbers in two parts."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

# ln 2 in two parts; the first has 32 bits, so that its product with an exponent is exact.
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
# Added to a float64, this rounds it to an integer, and puts that into the last bits of the sum.
ROUNDING = 1.5 * 2.0**52
_MANTISSA, _BIAS = 52, 1023
# |r| ≤ ln 2/2 in exp: the first term left out is r¹⁴/14! < 5e-18, of 1.
_TERMS_OF_EXP = 13


def bits_of(x: Any) -> Any:
    return lax.bitcast_convert_type(x, jnp.int64)


def split(x: Any) -> tuple[Any, Any]:
    """n as a float64, and m with x = 2ⁿ m, √½ ≤ m ≤ √2, for finite x > 0."""
    subnormal = x < 2.0**-1022
    normal = jnp.where(subnormal, x * 2.0**54, x)
    bits = bits_of(normal)
    # Adding the distance from √½ to 1 carries into the exponent exactly for mantissas above √2.
    one, root = (int(np.float64(v).view(np.int64)) for v in (1.0, np.sqrt(0.5)))
    lifted = bits + jnp.int64(one - root)
    exponent = lax.shift_right_arithmetic(lifted, jnp.int64(_MANTISSA)) - jnp.int64(_BIAS)
    m = lax.bitcast_convert_type(bits - lax.shift_left(exponent, jnp.int64(_MANTISSA)), jnp.float64)
    return exponent.astype(jnp.float64) - jnp.where(subnormal, 54.0, 0.0), m


def reduced(x: Any) -> tuple[Any, Any]:
    """The integer n nearest to x/ln 2, and x − n ln 2."""
    shifted = x * (1.0 / np.log(2.0)) + ROUNDING
    n = lax.bitcast_convert_type(shifted, jnp.int64) - jnp.int64(
        int(np.float64(ROUNDING).view(np.int64))
    )
    n_as_float = shifted - ROUNDING
    return n, (x - n_as_float * LN2_HIGH) - n_as_float * LN2_LOW


def expm1_of_small(r: Any) -> Any:
    coefficients = [1.0 / factorial(k) for k in range(2, _TERMS_OF_EXP + 1)]
    return r + r * r * polynomial(coefficients, r)


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """c₀ + c₁x + …, from the last."""
    *others, total = coefficients
    for c in reversed(others):
        total = c + total * x
    return total


def power_of_two(n: Any) -> Any:
    """2ⁿ, for exponents of normal numbers."""
    bits = lax.shift_left(n + jnp.int64(_BIAS), jnp.int64(_MANTISSA))
    return lax.bitcast_convert_type(bits, jnp.float64)


def scaled(x: Any, n: Any) -> Any:
    """2ⁿ x, in two steps: 2ⁿ alone may over- or underflow where the product does not."""
    half = lax.shift_right_arithmetic(n, jnp.int64(1))
    return x * power_of_two(half) * power_of_two(n - half)


def with_sign_of(x: Any, size: Any) -> Any:
    """`size` with the sign of x; x itself where that is 0 or NaN."""
    return jnp.where(x < 0.0, -size, jnp.where(x > 0.0, size, x))


# -- numbers in two parts --------------------------------------------------------------------------


def leading(x: Any) -> Any:
    """x without its last 32 bits: what is left has 21, and a product of two such is exact."""
    return lax.bitcast_convert_type(bits_of(x) & jnp.int64(-(2**32)), jnp.float64)


def exact_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """fl(a + b), and what it lacks of a + b (Møller and Knuth)."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def exact_sum_of_ordered(a: Any, b: Any) -> tuple[Any, Any]:
    """The same for |a| ≥ |b| or a = 0 (Dekker)."""
    total = a + b
    return total, b - (total - a)


def exact_product(a: Any, b: Any) -> tuple[Any, Any]:
    """fl(ab), and what it lacks of ab, without overflow below 2⁹⁹⁵ (Veltkamp and Dekker)."""
    total = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    lacking = ((a_high * b_high - total) + a_high * b_low + a_low * b_high) + a_low * b_low
    return total, lacking


def _halves(x: Any) -> tuple[Any, Any]:
    """x in two parts of 26 bits each, one of them with a sign."""
    moved = x * (2.0**27 + 1.0)
    high = moved - (moved - x)
    return high, x - high
