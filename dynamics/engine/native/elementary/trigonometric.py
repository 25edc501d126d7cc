"""sin, cos, tan and atan."""

from __future__ import annotations

from math import factorial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynamics.engine.native.elementary.parts import (
    ROUNDING,
    bits_of,
    exact_product,
    exact_sum,
    exact_sum_of_ordered,
    polynomial,
    power_of_two,
    with_sign_of,
)


def _arctangent_of_inverse(n: int, bits: int) -> int:
    """2^bits atan(1/n), up to a few units."""
    power = (1 << bits) // n
    total, k = 0, 0
    while power:
        total += (-1) ** k * (power // (2 * k + 1))
        power //= n * n
        k += 1
    return total


def _pi(bits: int) -> int:
    """2^bits π, rounded down (Machin)."""
    guarded = bits + 32
    found = 16 * _arctangent_of_inverse(5, guarded) - 4 * _arctangent_of_inverse(239, guarded)
    return found >> 32


def _cut(number: int, bits: int, lengths: tuple[int, ...]) -> list[float]:
    """number/2^bits, a number in [1, 2), as parts of so many bits each."""
    parts, left = [], bits
    for length in lengths:
        below = max(left + 1 - length, 0)
        parts.append(float(number >> below << below) / 2.0**bits)
        number, left = number & ((1 << below) - 1), below - 1
    return parts


# π/2: three parts whose products with a quadrant's number, below 2²⁰, are exact, and the rest; and
# as a float64 and the rest.
HALF_PI = _cut(_pi(300), 301, (33, 33, 33, 53))
HALF_PI_HIGH, HALF_PI_LOW = _cut(_pi(300), 301, (53, 53))
# From here on the quadrant is found from the bits of 2/π.
_FAR = 2.0**19
_WORD = 32
_WORDS = 40
# 2/π in words of 32 bits, after two that are 0: all that count for the largest exponent.
TWO_OVER_PI = [0, 0] + [
    ((2 << (_WORDS * _WORD + 2000)) // _pi(2000) >> (_WORDS - 1 - k) * _WORD) & (2**_WORD - 1)
    for k in range(_WORDS)
]
# |r| ≤ π/4: what is left out is r¹⁹/19! < 1e-19 and r²⁰/20! < 4e-21, of 0.7 at least.
_OF_SINE = [(-1) ** k / factorial(2 * k + 1) for k in range(1, 9)]
_OF_COSINE = [(-1) ** k / factorial(2 * k) for k in range(2, 10)]
# |t| ≤ 0.3 in atan: the first term left out is t³⁴/35 < 5e-20, of 1.
_OF_ARCTANGENT = [(-1) ** k / (2 * k + 1) for k in range(1, 17)]


def sin(x: Any) -> Any:
    """By the nearest multiple of π/2: ± the sine or the cosine of what is left."""
    quadrant, r, rest = _reduced(x)
    return _defined(x, jnp.where(jnp.abs(x) < 2.0**-27, x, _turned(quadrant, r, rest)))


def cos(x: Any) -> Any:
    """sin(x + π/2): a quadrant further on."""
    quadrant, r, rest = _reduced(x)
    return _defined(x, _turned(quadrant + jnp.int64(1), r, rest))


def tan(x: Any) -> Any:
    """sin x/cos x."""
    quadrant, r, rest = _reduced(x)
    sine, cosine = _sine(r, rest), _cosine(r, rest)
    odd = (quadrant & jnp.int64(1)) != 0
    found = jnp.where(odd, -cosine, sine) / jnp.where(odd, sine, cosine)
    return _defined(x, jnp.where(jnp.abs(x) < 2.0**-27, x, found))


def atan(x: Any) -> Any:
    """atan c + atan t with t = (|x| − c)/(1 + c|x|), c one of 0, ½, 1, 2, ∞; with the sign of x."""
    size = jnp.abs(x)
    c, high, low = 0.0, 0.0, 0.0
    for begin, centre in ((0.3, 0.5), (0.7, 1.0), (1.35, 2.0), (3.5, np.inf)):
        beyond = size > begin
        of_centre = ATAN_OF[centre]
        c = jnp.where(beyond, centre if centre < np.inf else 0.0, c)
        high, low = (jnp.where(beyond, a, b) for a, b in zip(of_centre, (high, low), strict=True))
    inverted = size > 3.5
    t = jnp.where(inverted, -1.0, size - c) / jnp.where(inverted, size, 1.0 + c * size)
    z = t * t
    return with_sign_of(x, high + (t + (low + t * z * polynomial(_OF_ARCTANGENT, z))))


# atan of ½, 1, 2 and ∞, as float64s and what these lack.
_HALF = 2 * _arctangent_of_inverse(2, 301)
ATAN_OF = {
    0.5: [v / 4 for v in _cut(2 * _HALF, 301, (53, 53))],
    1.0: [HALF_PI_HIGH / 2, HALF_PI_LOW / 2],
    2.0: _cut(_pi(300) - _HALF // 2, 301, (53, 53)),
    np.inf: [HALF_PI_HIGH, HALF_PI_LOW],
}


# -- parts ---------------------------------------------------------------------------------------


def _defined(x: Any, found: Any) -> Any:
    return jnp.where(jnp.abs(x) < jnp.inf, found, jnp.nan)


def _turned(quadrant: Any, r: Any, rest: Any) -> Any:
    """sin(quadrant·π/2 + r + rest)."""
    odd, lower = ((quadrant & jnp.int64(bit)) != 0 for bit in (1, 2))
    found = jnp.where(odd, _cosine(r, rest), _sine(r, rest))
    return jnp.where(lower, -found, found)


def _sine(r: Any, rest: Any) -> Any:
    """sin(r + rest), the rest being below the last bit of r."""
    z = r * r
    return r + (r * z * polynomial(_OF_SINE, z) + rest * (1.0 - 0.5 * z))


def _cosine(r: Any, rest: Any) -> Any:
    z = r * r
    half = 0.5 * z
    near = 1.0 - half
    return near + (((1.0 - near) - half) + (z * z * polynomial(_OF_COSINE, z) - r * rest))


def _reduced(x: Any) -> tuple[Any, Any, Any]:
    """k and r + rest with x = kπ/2 + r + rest, |r| ≤ π/4 but for rounding; of k the last bits."""
    shifted = jnp.where(jnp.abs(x) < _FAR, x, 0.0) * (1.0 / HALF_PI_HIGH) + ROUNDING
    quadrant, k = bits_of(shifted), shifted - ROUNDING
    first, second, third, fourth = HALF_PI
    # Where x lies next to a multiple of π/2, the first difference is exact and so are the products.
    r, lost = exact_sum(x - k * first, -(k * second))
    r, lost_as_well = exact_sum(r, -(k * third))
    r, rest = exact_sum_of_ordered(r, (lost + lost_as_well) - k * fourth)
    far = jnp.abs(x) >= _FAR
    # Among the entries of a run first: what is asked of runs is whether one needs it, no more.
    in_a_run = jnp.any(far, axis=tuple(range(1, far.ndim)))
    return lax.cond(
        jnp.any(in_a_run),
        lambda *near: tuple(
            jnp.where(far, a, b) for a, b in zip(_reduced_from_far(x), near, strict=True)
        ),
        lambda *near: near,
        quadrant, r, rest,
    )  # fmt: skip


@jax.jit  # a function of its own, which all that reduce a far point share
def _reduced_from_far(x: Any) -> tuple[Any, Any, Any]:
    """The same of large numbers: by the fraction of x·2/π (Payne and Hanek).

    x is a whole number of 53 bits times 2^(32s + b). Of its product with the bits of 2/π, words
    beyond the quadrant are left out above, and what is below 2⁻¹²⁶ at the other end. No float64
    comes closer to a multiple of π/2 than 2⁻⁶¹ of it (Muller): 64 bits are left even so.
    """
    bits = bits_of(jnp.abs(x))
    exponent = lax.shift_right_logical(bits, jnp.int64(52)) - jnp.int64(1075)
    place = lax.shift_right_arithmetic(exponent, jnp.int64(5))
    whole = bits & jnp.int64(2**52 - 1) | jnp.int64(1075 << 52)  # as a float64
    moved = lax.bitcast_convert_type(whole, jnp.float64) * power_of_two(exponent & jnp.int64(31))
    high = jnp.floor(moved * 2.0**-64)
    middle = jnp.floor((moved - high * 2.0**64) * 2.0**-32)
    low = (moved - high * 2.0**64) - middle * 2.0**32
    numbers = [_whole(part) for part in (low, middle, high)]
    table = jnp.asarray(np.array(TWO_OVER_PI, np.uint64))
    at = [jnp.take(table, place + jnp.int64(1 + d), mode="clip") for d in range(8)]
    # columns[c] is of the weight 2^(−32c). Of the last only what it carries is used.
    columns: list[Any] = [jnp.uint64(0)] * 6
    for c in range(6):
        for j, number in enumerate(numbers):
            term = number * at[j + c]
            columns[c] += term & jnp.uint64(2**32 - 1)
            if c > 0:
                columns[c - 1] += lax.shift_right_logical(term, jnp.uint64(32))
    for c in range(5, 0, -1):
        columns[c - 1] += lax.shift_right_logical(columns[c], jnp.uint64(32))
    quadrant, *fraction = (
        lax.bitcast_convert_type(column & jnp.uint64(2**32 - 1), jnp.int64)
        for column in columns[:5]
    )
    upper = lax.shift_right_logical(fraction[0], jnp.int64(31))  # from ½ on, the next one is nearer
    quadrant += upper
    fraction[0] -= lax.shift_left(upper, jnp.int64(32))
    a, b, c, d = (part.astype(jnp.float64) * 2.0 ** (-32 * k) for k, part in enumerate(fraction, 1))
    f, rest = exact_sum_of_ordered(a, b)
    f, rest = exact_sum_of_ordered(f, rest + (c + d))
    r, lost = exact_product(f, HALF_PI_HIGH)
    r, rest = exact_sum_of_ordered(r, lost + (f * HALF_PI_LOW + rest * HALF_PI_HIGH))
    quadrant, r, rest = (jnp.where(x < 0, -v, v) for v in (quadrant, r, rest))
    return quadrant, r, rest


def _whole(x: Any) -> Any:
    """A whole number from 0 to 2⁵² as one."""
    bits = lax.bitcast_convert_type(x + 2.0**52, jnp.uint64)
    return bits & jnp.uint64(2**52 - 1)
