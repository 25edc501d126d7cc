"""Every landscape: its derivatives, read four ways, and the contract of its public methods."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscapes import LANDSCAPES, Landscape
from landscapes.expressions.expression import evaluate
from tests.support.cases import each_landscape, instances, probes

EPS = np.finfo(np.float64).eps


def rounding(landscape: Landscape, w: np.ndarray) -> float:
    """What two ways of computing a derivative may differ by at the point w.

    A derivative here is a sum of at most dim³ products (matrix sensing: rows² per measurement),
    each rounded a few times, of terms no larger than those of its largest entry's curvature.
    """
    curvature = np.abs(landscape.hessian(w)).max() * (1 + np.abs(w).max()) ** 2
    return 8 * landscape.dim**3 * EPS * max(curvature, 1.0) + 1e-14


def test_there_are_cases():
    # Every suite is parametrized over the registry: an empty one must be red, not green.
    assert len(LANDSCAPES) >= 4
    assert all(len(cls.examples()) > 0 for cls in LANDSCAPES.values())
    assert len(instances()) >= len(LANDSCAPES)


def small() -> list[Landscape]:
    """The examples that can be written out in symbols."""

    def is_small(landscape: Landscape) -> bool:
        try:
            landscape.symbolic()
        except ValueError:
            return False
        return True

    return [landscape for landscape in instances() if is_small(landscape)]


def test_every_landscape_has_a_symbolic_example():
    assert {type(landscape).__name__ for landscape in small()} == set(LANDSCAPES)


def test_too_large_for_symbols_says_so():
    written = {repr(landscape) for landscape in small()}
    large = [landscape for landscape in instances() if repr(landscape) not in written]
    assert large
    for landscape in large:
        with pytest.raises(ValueError, match=rf"{landscape.dim} coordinates.*at most"):
            landscape.symbolic()


# -- derivatives -----------------------------------------------------------------------------


@each_landscape()
def test_gradient_is_the_derivative_of_the_loss(landscape: Landscape):
    points = probes(landscape.dim)
    automatic = jax.jit(jax.vmap(jax.grad(landscape.loss)))(jnp.asarray(points))
    for w, expected in zip(points, np.asarray(automatic), strict=True):
        np.testing.assert_allclose(
            landscape.gradient(w), expected, rtol=0, atol=rounding(landscape, w)
        )


@each_landscape()
def test_gradient_is_the_reference_gradient(landscape: Landscape):
    for w in probes(landscape.dim):
        np.testing.assert_allclose(
            landscape.gradient(w),
            landscape.reference_gradient(w),
            rtol=0,
            atol=rounding(landscape, w),
        )


@pytest.mark.slow
@each_landscape()
def test_hessian_is_the_second_derivative_and_symmetric(landscape: Landscape):
    points = probes(landscape.dim)
    automatic = jax.jit(jax.vmap(jax.hessian(landscape.loss)))(jnp.asarray(points))
    for w, second in zip(points, np.asarray(automatic), strict=True):
        hessian = landscape.hessian(w)
        np.testing.assert_allclose(hessian, second, rtol=0, atol=rounding(landscape, w))
        np.testing.assert_allclose(hessian, hessian.T, rtol=0, atol=rounding(landscape, w))


@pytest.mark.slow
@each_landscape(small())
def test_derivatives_are_those_of_the_symbols(landscape: Landscape):
    symbolic = landscape.symbolic()
    hessian = [entry for row in symbolic.hessian() for entry in row]
    for w in probes(landscape.dim):
        values = dict(zip(symbolic.point, w, strict=True)) | symbolic.parameters
        tolerance = rounding(landscape, w)
        for found, expressions in (
            (landscape.loss(w), [symbolic.expression]),
            (landscape.gradient(w), symbolic.gradient()),
            (landscape.hessian(w), hessian),
        ):
            expected = np.array(evaluate(expressions, values, np)).reshape(found.shape)
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@each_landscape()
def test_derivatives_are_finite_differences(landscape: Landscape):
    # (f(w+h) − f(w−h))/2h is off by h²f‴/6 and by rounding ε|f|/h. At h = ε^(1/3) both are
    # ε^(2/3) = 3.7e-11 times a derivative; 200 covers f‴/6 of the quartics at the probes, in
    # units of the largest entry that is compared.
    h = EPS ** (1 / 3)
    for w in probes(landscape.dim, 3):
        ends = (w + h * np.eye(landscape.dim), w - h * np.eye(landscape.dim))
        for lower, upper in (("loss", "gradient"), ("gradient", "hessian")):
            ahead, behind = (getattr(landscape, lower)(end) for end in ends)
            expected = (ahead - behind) / (2 * h)
            found = getattr(landscape, upper)(w)
            scale = max(1.0, np.abs(found).max(), float(landscape.loss(w)))
            np.testing.assert_allclose(found, expected, rtol=0, atol=200 * h**2 * scale)


@each_landscape()
def test_loss_and_gradient_are_not_symmetric_by_accident(landscape: Landscape):
    # The probes must tell coordinates and signs apart, or the suites above are blind.
    gradients = np.abs(landscape.gradient(probes(landscape.dim)))
    assert len(np.unique(gradients.round(9))) >= gradients.size - 2
    assert (gradients > 1e-6).all()


# -- the contract ----------------------------------------------------------------------------


@pytest.mark.slow
@each_landscape([cls.examples()[0] for cls in LANDSCAPES.values()])
def test_a_batch_is_a_loop(landscape: Landscape):
    points = probes(landscape.dim, 6).reshape(2, 3, landscape.dim)
    for quantity, axes in (("loss", 0), ("gradient", 1), ("hessian", 2)):
        together = getattr(landscape, quantity)(points)
        assert together.shape == (2, 3) + (landscape.dim,) * axes
        singly = np.array([[getattr(landscape, quantity)(w) for w in row] for row in points])
        mapped = jax.jit(jax.vmap(jax.vmap(getattr(landscape, quantity))))(jnp.asarray(points))
        tolerance = rounding(landscape, points[0, 0])  # matrix products sum in another order
        np.testing.assert_allclose(together, singly, rtol=0, atol=tolerance)
        np.testing.assert_allclose(np.asarray(mapped), singly, rtol=0, atol=tolerance)


@each_landscape()
def test_numpy_points_are_computed_in_float64_whatever_jax_is_set_to(landscape: Landscape):
    w = probes(landscape.dim)[0]
    with jax.enable_x64(False):
        loss, gradient, hessian = (
            getattr(landscape, quantity)(w) for quantity in ("loss", "gradient", "hessian")
        )
        assert jnp.asarray(1.0).dtype == jnp.float32  # the caller's setting is still the caller's
    for value in (loss, gradient, hessian):
        assert isinstance(value, np.ndarray)
        assert value.dtype == np.float64
    # float32 would be off by 1e-7 of the largest entry.
    expected = landscape.reference_gradient(w)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=rounding(landscape, w))


@each_landscape()
def test_jax_points_follow_jax(landscape: Landscape):
    w = jnp.asarray(probes(landscape.dim)[0])
    inside = jax.jit(landscape.gradient)(w)
    assert isinstance(inside, jax.Array)
    assert inside.dtype == jnp.float64
    np.testing.assert_allclose(
        np.asarray(inside),
        landscape.gradient(np.asarray(w)),
        rtol=0,
        atol=rounding(landscape, np.asarray(w)),
    )


@each_landscape()
def test_split_and_join_are_inverse(landscape: Landscape):
    points = probes(landscape.dim, 6).reshape(2, 3, landscape.dim)
    for given in (points, jnp.asarray(points), points[0, 0]):
        parts = landscape.split(given)
        assert [p.shape for p in parts] == [
            given.shape[:-1] + shape for shape in landscape.component_shapes
        ]
        assert isinstance(landscape.join(parts), type(given))
        np.testing.assert_array_equal(np.asarray(landscape.join(parts)), np.asarray(given))


@pytest.mark.slow
@each_landscape()
def test_a_point_of_another_dimension_is_refused(landscape: Landscape):
    for shape in ((landscape.dim + 1,), (3, landscape.dim + 1), ()):
        for w in (np.full(shape, 0.3), jnp.full(shape, 0.3)):
            for method in (Landscape.loss, Landscape.gradient, Landscape.hessian):
                with pytest.raises(ValueError, match=r"w must be a point of .*shape") as caught:
                    inspect.unwrap(method)(landscape, w)  # without the checker of annotations
                assert f"(..., {landscape.dim})" in str(caught.value)
                assert str(shape) in str(caught.value)


@pytest.mark.slow
def test_importing_changes_no_setting_of_jax(run_python):
    program = """
import jax
before = dict(jax.config.values)
import landscapes, dynamics
assert dict(jax.config.values) == before
print(len(before), jax.numpy.asarray(1.0).dtype)
"""
    count, dtype = run_python(program, JAX_ENABLE_X64="0").split()
    assert int(count) > 0
    assert dtype == "float32"
