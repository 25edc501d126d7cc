"""Lengths and directions: exact conventions at zero, and no underflow or overflow on the way."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics import ArrayVector

EPS = np.finfo(np.float64).eps
BATCH, DIM = 16, 3


@jax.jit
@jax.vmap
def scalars(w: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Norm and unit of a vector of scalar components."""
    v = ArrayVector(tuple(w))
    return v.norm(), jnp.stack(v.unit().components)


@jax.jit
@jax.vmap
def blocks(w: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Norm and unit of a vector of one block and one scalar."""
    v = ArrayVector((w[:-1], w[-1]))
    first, last = v.unit().components
    return v.norm(), jnp.append(first, last)


both_layouts = pytest.mark.parametrize("read", [scalars, blocks], ids=["scalars", "blocks"])

# Normal numbers from the least to near the greatest, and exact zeros.
entries = st.one_of(
    st.just(0.0),
    st.builds(
        lambda mantissa, exponent, sign: sign * float(np.ldexp(mantissa, exponent)),
        st.floats(1.0, 2.0, exclude_max=True),
        st.integers(-1022, 1021),
        st.sampled_from([-1.0, 1.0]),
    ),
)
batches = st.lists(
    st.lists(entries, min_size=DIM, max_size=DIM), min_size=BATCH, max_size=BATCH
).map(np.array)


@both_layouts
@settings(max_examples=60)
@given(given_batch=batches)
def test_norm_and_unit_are_right_at_every_exponent(read, given_batch: np.ndarray):
    norms, units = (np.asarray(a) for a in read(jnp.asarray(given_batch)))
    assert not np.isnan(norms).any()
    assert not np.isnan(units).any()
    for w, norm, unit in zip(given_batch, norms, units, strict=True):
        with mpmath.workdps(60):
            exact = mpmath.sqrt(sum(mpmath.mpf(float(a)) ** 2 for a in w))
            exact_unit = [float(mpmath.mpf(float(a)) / exact) if exact else 0.0 for a in w]
            # A sum, a root and a product: three roundings of at most ε/2 for the norm.
            assert abs(mpmath.mpf(float(norm)) - exact) <= 4 * EPS * exact
        # The unit adds a division and a product; entries below the least normal number vanish.
        np.testing.assert_allclose(unit, exact_unit, rtol=6 * EPS, atol=np.finfo(np.float64).tiny)


@both_layouts
def test_in_the_ordinary_range_the_norm_is_bit_for_bit_the_naive_one(read):
    random = np.random.default_rng(8)
    w = random.standard_normal((4096, DIM)) * 10.0 ** random.integers(-3, 4, (4096, 1))
    norms, _ = read(jnp.asarray(w))

    @jax.jit
    @jax.vmap
    def naive(v: jax.Array) -> jax.Array:
        if read is scalars:
            return jnp.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
        return jnp.sqrt(jnp.sum(v[:-1] * v[:-1]) + v[-1] * v[-1])

    np.testing.assert_array_equal(np.asarray(norms), np.asarray(naive(jnp.asarray(w))))
    # … which is NumPy's up to a fused multiplication: three roundings.
    np.testing.assert_allclose(np.asarray(norms), np.linalg.norm(w, axis=1), rtol=3 * EPS)


@both_layouts
def test_the_unit_of_zero_is_zero(read):
    norms, units = read(jnp.asarray([[0.0, 0.0, 0.0], [-0.0, 0.0, -0.0]]))
    np.testing.assert_array_equal(np.asarray(norms), 0.0)
    np.testing.assert_array_equal(np.asarray(units), 0.0)


@both_layouts
def test_what_is_not_finite_stays_visible(read):
    norms, _ = read(jnp.asarray([[np.inf, 1.0, 2.0], [np.nan, 1.0, 2.0], [1.0, 2.0, np.nan]]))
    assert np.asarray(norms)[0] == np.inf
    assert np.isnan(np.asarray(norms)[1:]).all()


def test_float32_vectors_are_scaled_too():
    v = ArrayVector((jnp.float32(3e-30), jnp.float32(-4e-30)))
    assert v.norm().dtype == jnp.float32
    assert float(v.norm()) == pytest.approx(5e-30, rel=4 * 2.0**-23)
    assert float(v.unit().components[1]) == pytest.approx(-0.8, rel=4 * 2.0**-23)


def test_arithmetic_by_hand():
    a = ArrayVector((jnp.asarray([1.0, 2.0]), jnp.asarray(-3.0)))
    b = ArrayVector((jnp.asarray([0.5, -1.0]), jnp.asarray(4.0)))
    for found, expected in (
        (a + b, [1.5, 1.0, 1.0]),
        (a - b, [0.5, 3.0, -7.0]),
        (-a, [-1.0, -2.0, 3.0]),
        (np.float64(2.0) * a, [2.0, 4.0, -6.0]),
    ):
        block, scalar = found.components
        assert [*np.asarray(block), float(scalar)] == expected
    assert float(a.dot(b)) == 0.5 - 2.0 - 12.0
