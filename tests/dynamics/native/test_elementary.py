"""The elementary functions of machine code: how near they are, and what they say at the edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from dynamics.engine import native
from dynamics.engine.native import elementary

# The error of a result, in units in its last place: measured on 9,000 points each, and rounded up.
# (exp 0.85, log 1.8, tanh 2.2: a result loses up to half a unit for each rounding that is not
# carried along, of which these have one to four.)
ULPS = {
    "exp": 1.0, "expm1": 2.0, "tanh": 2.5, "sinh": 2.5, "cosh": 1.5,
    "log": 2.0, "log1p": 2.5, "logistic": 2.5,
}  # fmt: skip
# Where results are normal numbers, and where they change most.
RANGES = {
    "exp": (-708, 709.7), "expm1": (-50, 709), "tanh": (-21, 21), "sinh": (-709, 709),
    "cosh": (-709, 709), "log": (1e-307, 1e307), "log1p": (-0.999, 1e20), "logistic": (-40, 700),
}  # fmt: skip
EDGES = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, 1e-300, -1e-300, 1e-20, -1e-20,
     709.7, 709.79, 710.4, 710.5, -708.4, -745.0, -745.2, 1.0, -1.0, 0.5, -0.5, 20.1, -20.1, 1e308,
     -1e308, np.nextafter(-1, 0), np.nextafter(1, 0), np.nextafter(1, 2), 2.0**-1022]
)  # fmt: skip
each = pytest.mark.parametrize("name", sorted(elementary.FUNCTIONS))


def evaluate(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    compiled = native.compile_runs(function, (), [(np.dtype(np.float64), ())])
    padded = np.concatenate([x, np.ones(-len(x) % native.WIDTH)])
    return compiled([], [padded])[0][: len(x)]


def in_jax(name: str) -> Callable[[Any], Any]:
    """The function as a loss would use it: so that its primitive is what is translated."""
    return jax.nn.sigmoid if name == "logistic" else getattr(jnp, name)


def exactly(name: str) -> Callable[[Any], Any]:
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
    x = points(name, 400)
    found, truth = evaluate(in_jax(name), x), exactly(name)
    with mpmath.workprec(120):
        errors = [
            abs(mpmath.mpf(float(y)) - (t := truth(mpmath.mpf(float(a)))))
            / float(np.spacing(abs(float(t))))
            for a, y in zip(x, found, strict=True)
        ]
    assert max(errors) <= ULPS[name]
    # They are floating-point numbers: some error there must be, or nothing was compared.
    assert max(errors) > 0.5


@each
def test_the_edges_are_those_of_the_library(name: str):
    found = evaluate(in_jax(name), EDGES)
    with np.errstate(all="ignore"):
        expected = 1 / (1 + np.exp(-EDGES)) if name == "logistic" else getattr(np, name)(EDGES)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    for x, a, b in zip(EDGES, found, expected, strict=True):
        if np.isfinite(b):
            # Twice the bound: the library errs too. Subnormal results have no smaller unit.
            assert abs(a - b) <= (2 * ULPS[name]) * np.spacing(abs(b)), x
            assert np.signbit(a) == np.signbit(b), x
        elif not np.isnan(b):
            assert a == b, x


@pytest.mark.parametrize("name", ["tanh", "sinh"])
def test_odd_functions_are_odd(name: str):
    x = points(name, 100)
    np.testing.assert_array_equal(evaluate(in_jax(name), -x), -evaluate(in_jax(name), x))


def test_the_parts_of_ln_2():
    with mpmath.workprec(200):
        rest = mpmath.log(2) - mpmath.mpf(elementary.LN2_HIGH)
        assert float(rest) == elementary.LN2_LOW
    # 21 bits are free: a product with any exponent, which has 11, is exact.
    assert int(np.float64(elementary.LN2_HIGH).view(np.int64)) % 2**21 == 0
