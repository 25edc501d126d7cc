"""Where a loss is undefined is read off its operations: neither missed nor claimed too often."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscapes import BoundedSine, Landscape, LinearNeuron, LogCoshRidge, Saddle
from landscapes.domain import undefined_at, undefined_of


def where(function, points) -> list[bool]:
    with jax.enable_x64(True):
        return [bool(undefined_of(function, jnp.float64(x))) for x in points]


@pytest.mark.parametrize(
    ("function", "defined", "undefined"),
    [
        (jnp.log, [1e-300, 1e300], [0.0, -0.0, -1.0]),
        (jnp.log1p, [-0.9, 0.0], [-1.0, -2.0]),
        (jnp.sqrt, [0.0, -0.0, 2.0], [-1e-300, -1.0]),
        (jax.grad(jnp.sqrt), [1.0], [0.0, -1.0]),
        (lambda x: 1.0 / x, [1e-300, -2.0], [0.0, -0.0]),
        (lambda x: x**1.5, [0.0, 2.0], [-1.0]),
        (lambda x: x**-1.5, [2.0], [0.0, -1.0]),
        (lambda x: x**-2, [3.0, -3.0], [0.0]),
        (jnp.arctanh, [0.9, -0.9], [1.0, -1.5]),
        (jnp.arcsin, [1.0, -1.0], [1.1, -2.0]),
        (jnp.arccosh, [1.0, 3.0], [0.9]),
        # One entry of a sum is enough, and nothing brings back what is lost.
        (lambda x: jnp.sum(jnp.log(jnp.stack([x, x + 1]))), [0.5], [-0.5]),
        (lambda x: 0.0 * jnp.log(x), [1.0], [-1.0]),
        # What is not selected is not asked for.
        (lambda x: jnp.where(x > 0, jnp.log(jnp.abs(x)), x), [1.0, 0.0, -1.0], []),
        (lambda x: jnp.where(x > 0, 1.0, jnp.log(x)), [1.0], [-1.0]),
        # Too large is not undefined.
        (jnp.exp, [1e3, -1e3], []),
        (lambda x: jnp.exp(x) / (1.0 + jnp.exp(x)), [1e3, -1e3], []),
    ],
)
def test_each_operation_knows_what_it_does_not_take(function, defined, undefined):
    assert where(function, defined) == [False] * len(defined)
    assert where(function, undefined) == [True] * len(undefined)


@pytest.mark.parametrize(
    "landscape",
    [Saddle(), *BoundedSine.examples(), LinearNeuron("logcosh"), LinearNeuron("sqrt"),
     *LogCoshRidge.examples()],
    ids=repr,
)  # fmt: skip
def test_what_is_defined_everywhere_costs_nothing(landscape: Landscape):
    # Roots of 1 + s², logarithms of 1 + e^(−|s|): bounds tell, without a value.
    assert undefined_at(landscape, landscape.split(np.ones(landscape.dim))) is None
