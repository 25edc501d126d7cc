"""The elementary functions of machine code: how near they are, and what they say at the edges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from jax import lax
from jax.extend.random import threefry2x32_p

from dynamics.engine import native
from dynamics.engine.native import elementary
from dynamics.engine.native.elementary import parts, powers, trigonometric

# The error of a result, in units in its last place: measured on 9,000 points each, and rounded up.
# (exp 0.85, log 1.8, tanh 2.2: a result loses up to half a unit for each rounding that is not
# carried along, of which these have one to four.)
ULPS = {
    "exp": 1.0, "expm1": 2.0, "tanh": 2.5, "sinh": 2.5, "cosh": 1.5,
    "log": 2.0, "log1p": 2.5, "logistic": 2.5,
    "sin": 1.0, "cos": 1.0, "tan": 2.0, "atan": 1.0, "pow": 1.0,
}  # fmt: skip
# Where results are normal numbers, and where they change most.
RANGES = {
    "exp": (-708, 709.7), "expm1": (-50, 709), "tanh": (-21, 21), "sinh": (-709, 709),
    "cosh": (-709, 709), "log": (1e-307, 1e307), "log1p": (-0.999, 1e20), "logistic": (-40, 700),
    "sin": (-8e307, 8e307), "cos": (-8e307, 8e307), "tan": (-8e307, 8e307), "atan": (-8e307, 8e307),
    "pow": (1e-307, 1e307),
}  # fmt: skip
EDGES = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, 1e-300, -1e-300, 1e-20, -1e-20,
     709.7, 709.79, 710.4, 710.5, -708.4, -745.0, -745.2, 1.0, -1.0, 0.5, -0.5, 20.1, -20.1, 1e308,
     -1e308, np.nextafter(-1, 0), np.nextafter(1, 0), np.nextafter(1, 2), 2.0**-1022]
)  # fmt: skip
each = pytest.mark.parametrize("name", sorted(elementary.FUNCTIONS))


# What pow is tried with: the second operand of each point, drawn so that results are normal.
EXPONENTS = [2 / 3, -2.2, 17.0, 1e-3, -0.5, 1.5, 2.0, -1.0]


def evaluate(function: Callable[..., Any], *operands: np.ndarray) -> np.ndarray:
    kinds = [(np.dtype(np.float64), ())] * len(operands)
    compiled = native.compile_runs(function, (), kinds)
    n = len(operands[0])
    padded = [np.concatenate([x, np.ones(-n % native.HOST.width)]) for x in operands]
    return compiled([], padded)[0][:n]


def operands_of(name: str, x: np.ndarray) -> list[np.ndarray]:
    """x, and for pow exponents that leave the result a normal number."""
    if name != "pow":
        return [x]
    widest = 700 / np.maximum(abs(np.log(x)), 1e-300)
    random = np.random.default_rng(9).uniform(-1, 1, len(x)) * np.minimum(widest, 1e18)
    exponents = np.where(np.arange(len(x)) % 2, random, np.resize(EXPONENTS, len(x)))
    return [x, np.clip(exponents, -widest, widest)]


def in_jax(name: str) -> Callable[..., Any]:
    """The function as a loss would use it: so that its primitive is what is translated."""
    if name == "pow":
        return lax.pow
    return jax.nn.sigmoid if name == "logistic" else getattr(jnp, name)


def exactly(name: str) -> Callable[..., Any]:
    if name == "pow":
        return mpmath.power
    if name == "logistic":
        return lambda x: 1 / (1 + mpmath.exp(-x))
    return getattr(mpmath, name)


def points(name: str, n: int) -> np.ndarray:
    """Over the whole range, near 0 and near 1, and of every size."""
    low, high = RANGES[name]
    random = np.random.default_rng(8)
    everywhere = random.uniform(low, high, n)
    sizes = 10.0 ** random.uniform(-20, np.log10(high), n) * random.choice([-1, 1], n)
    x = np.concatenate([everywhere, random.uniform(-1, 1, n), random.uniform(0.6, 1.7, n), sizes])
    return x[(x >= low) & (x <= high)]


def test_every_function_has_a_bound():
    assert set(ULPS) == set(RANGES) == set(elementary.FUNCTIONS)


@each
def test_results_are_near(name: str):
    operands = operands_of(name, points(name, 400))
    found, truth = evaluate(in_jax(name), *operands), exactly(name)
    with mpmath.workprec(120):
        errors = [
            abs(mpmath.mpf(float(y)) - (t := truth(*map(mpmath.mpf, map(float, at)))))
            / float(np.spacing(abs(float(t))))
            for *at, y in zip(*operands, found, strict=True)
        ]
    assert max(errors) <= ULPS[name]
    # They are floating-point numbers: some error there must be, or nothing was compared.
    assert max(errors) > 0.5


@each
def test_the_edges_are_those_of_the_library(name: str):
    operands = [EDGES]
    if name == "pow":
        others = np.concatenate([EDGES, [2.0, 3.0, -3.0, 2.0**53 + 1, 2.0**54, -0.7]])
        operands = [np.ravel(x) for x in np.meshgrid(np.append(EDGES, -2.0), others)]
    found = evaluate(in_jax(name), *operands)
    with np.errstate(all="ignore"):
        expected = (
            1 / (1 + np.exp(-EDGES)) if name == "logistic"
            else getattr(np, {"pow": "power"}.get(name, name))(*operands)
        )  # fmt: skip
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    for *x, a, b in zip(*operands, found, expected, strict=True):
        if np.isfinite(b):
            # Twice the bound: the library errs too. Subnormal results have no smaller unit.
            assert abs(a - b) <= (2 * ULPS[name]) * np.spacing(abs(b)), x
            assert np.signbit(a) == np.signbit(b), x
        elif not np.isnan(b):
            assert a == b, x


@pytest.mark.parametrize("exponent", [-1.0, -0.5, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_known_exponents_are_taken_by_roots_and_products(exponent: float):
    x = np.abs(points("pow", 200))
    x = x[np.abs(exponent * np.log(x)) < 700]
    found = evaluate(lambda x: lax.pow(x, jnp.float64(exponent)), x)
    with mpmath.workprec(120):
        truth = [mpmath.power(mpmath.mpf(float(a)), exponent) for a in x]
    errors = [abs(float((mpmath.mpf(float(a)) - t) / np.spacing(float(t))))
              for a, t in zip(found, truth, strict=True)]  # fmt: skip
    assert max(errors) <= 2
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, -2.0])
    found = evaluate(lambda x: lax.pow(x, jnp.float64(exponent)), edges)
    np.testing.assert_array_equal(found, [_power_in_c(x, exponent) for x in edges])


def _power_in_c(x: float, y: float) -> float:
    """Python's, which raises where C returns. (NumPy's own takes √x of −0 and −∞.)"""
    try:
        return math.pow(x, y)
    except ValueError:
        return math.copysign(np.inf, x if y % 2 == 1 else 1.0) if x == 0 else np.nan


def next_to_multiples_of_half_pi(exponents: Iterable[int]) -> np.ndarray:
    """The float64s m·2^e that come closest to multiples kπ/2, for these e.

    k/m is then a convergent of the continued fraction of 2^e·2/π (Kahan).
    """
    found = []
    for exponent in exponents:
        with mpmath.workprec(max(exponent, 0) + 400):
            left = mpmath.ldexp(2 / mpmath.pi, exponent)
            denominators = [0, 1]
            while True:
                left = 1 / (left - mpmath.floor(left))
                following = int(mpmath.floor(left)) * denominators[-1] + denominators[-2]
                if following >= 2**53:
                    break
                denominators.append(following)
        found += [math.ldexp(m, exponent) for m in denominators[-2:]]
    return np.array(found)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_next_to_multiples_of_half_pi_no_digit_is_lost(name: str):
    # Every exponent of the two ranges of `_FAR` and around their border, and some of the largest.
    x = next_to_multiples_of_half_pi([*range(-50, -28), *range(-28, 971, 9), 797, 970])
    assert 6381956970095103 * 2.0**797 in x  # the closest of all (Muller)
    found, truth = evaluate(in_jax(name), x), exactly(name)
    with mpmath.workprec(1200):
        exact = [truth(mpmath.mpf(a)) for a in x.tolist()]
        errors = [
            abs(mpmath.mpf(y) - t) / float(np.spacing(abs(float(t))))
            for y, t in zip(found.tolist(), exact, strict=True)
        ]
    assert max(errors) <= ULPS[name]


@pytest.mark.parametrize("name", ["tanh", "sinh", "sin", "tan", "atan"])
def test_odd_functions_are_odd(name: str):
    x = points(name, 100)
    np.testing.assert_array_equal(evaluate(in_jax(name), -x), -evaluate(in_jax(name), x))


def test_the_parts_of_numbers_are_as_long_as_they_are_said_to_be():
    with mpmath.workprec(300):
        ln_2, pi = mpmath.log(2), +mpmath.pi
        for whole, parts_of, bits in (
            (2 / (3 * ln_2), (powers.FACTOR_HIGH, powers.FACTOR_LOW), 21),
            (ln_2, (powers.LN2_HIGH, powers.LN2_LOW), 21),
            (pi / 2, tuple(trigonometric.HALF_PI), 33),
            (pi / 2, (trigonometric.HALF_PI_HIGH, trigonometric.HALF_PI_LOW), 53),
        ):
            *first, last = map(mpmath.mpf, parts_of)
            for part in parts_of[:-1]:
                assert int(np.float64(part).view(np.int64)) % 2 ** (53 - bits) == 0
            assert abs(whole - sum(first) - last) <= abs(last) * mpmath.mpf(2) ** -52
    with mpmath.workprec(1400):
        exact = sum(mpmath.mpf(w) * mpmath.mpf(2) ** (32 * (1 - k))
                    for k, w in enumerate(trigonometric.TWO_OVER_PI))  # fmt: skip
        assert 0 <= 2 / mpmath.pi - exact < mpmath.mpf(2) ** -1270


def test_random_words_are_those_of_jax():
    random = np.random.default_rng(4)
    given = random.integers(0, 2**32, (4, 5 * native.HOST.width), dtype=np.uint32)
    given[:, :4] = [[0], [2**32 - 1], [0], [1]]
    kinds = [(np.dtype(np.uint32), ())] * 4
    found = native.compile_runs(threefry2x32_p.bind, (), kinds)([], list(given))
    with jax.enable_x64(True):
        expected = threefry2x32_p.bind(*map(jnp.asarray, given))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_parts_of_ln_2():
    with mpmath.workprec(200):
        rest = mpmath.log(2) - mpmath.mpf(parts.LN2_HIGH)
        assert float(rest) == parts.LN2_LOW
    # 21 bits are free: a product with any exponent, which has 11, is exact.
    assert int(np.float64(parts.LN2_HIGH).view(np.int64)) % 2**21 == 0
