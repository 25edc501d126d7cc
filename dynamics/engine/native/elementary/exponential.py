"""exp, log, and what consists of them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from dynamics.engine.native.elementary.parts import (
    LN2_HIGH,
    LN2_LOW,
    expm1_of_small,
    polynomial,
    power_of_two,
    reduced,
    scaled,
    split,
    with_sign_of,
)

# |s| ≤ (√2 − 1)/(√2 + 1) in log: the first term left out is s²⁴/25 < 2e-20, of 1.
_TERMS_OF_LOG = 12


def exp(x: Any) -> Any:
    """eˣ: 2ⁿ eʳ with x = n ln 2 + r."""
    # Beyond these, eˣ over- and underflows all the same. (A NaN passes.)
    x = jnp.where(x > 710.0, 710.0, jnp.where(x < -746.0, -746.0, x))
    n, r = reduced(x)
    return scaled(1.0 + expm1_of_small(r), n)


def expm1(x: Any) -> Any:
    """eˣ − 1, near 0 too: 2ⁿ(eʳ − 1) + (2ⁿ − 1)."""
    within = jnp.where(x > 709.0, 709.0, jnp.where(x < -60.0, -60.0, x))
    n, r = reduced(within)
    power = power_of_two(n)
    # x itself where nothing is left of the rest; so −0 stays −0.
    found = jnp.where(jnp.abs(x) < 1e-300, x, power * expm1_of_small(r) + (power - 1.0))
    return jnp.where(x > 709.0, exp(x), found)


def tanh(x: Any) -> Any:
    """(e²ˣ − 1)/(e²ˣ + 1), of |x|, with the sign of x. From 20 on it is 1."""
    size = jnp.abs(x)
    e = expm1(2.0 * jnp.where(size > 20.0, 20.0, size))
    return with_sign_of(x, e / (e + 2.0))


def sinh(x: Any) -> Any:
    """(e + e/(e + 1))/2 with e = e^|x| − 1, with the sign of x."""
    size = jnp.abs(x)
    e = expm1(jnp.where(size > 709.0, 709.0, size))
    root = exp(0.5 * size)  # e^|x| overflows before its half does
    return with_sign_of(x, jnp.where(size > 709.0, 0.5 * root * root, 0.5 * (e + e / (e + 1.0))))


def cosh(x: Any) -> Any:
    """(e^|x| + e^−|x|)/2."""
    size = jnp.abs(x)
    root = exp(0.5 * size)
    return jnp.where(size > 709.0, 0.5 * root * root, 0.5 * exp(size) + 0.5 * exp(-size))


def log(x: Any) -> Any:
    """ln x: n ln 2 + ln m with x = 2ⁿ m, √½ ≤ m ≤ √2; 2 artanh s with s = (m − 1)/(m + 1)."""
    n, m = split(x)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    rest = polynomial([1.0 / (2 * k + 1) for k in range(1, _TERMS_OF_LOG)], z)
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
