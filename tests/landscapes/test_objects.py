"""Landscapes as objects: made, refused, printed, frozen, carried as pytrees."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import landscapes
from dynamics import GD, SAM, Outcome, sweep, trajectory
from landscapes import (
    LANDSCAPES,
    BoundedSine,
    Landscape,
    LinearNeuron,
    LogCoshRidge,
    MatrixFactorisation,
    MatrixSensing,
    Quadratic,
    QuadraticSum,
    Ravine,
    RidgeRegression,
    Saddle,
    ScalarFactorisation,
    SymbolicLandscape,
    ThresholdNeuron,
    Unknown,
    page,
)
from tests.support.cases import each_landscape, instances, probes


@each_landscape()
def test_a_landscape_is_a_pytree(landscape: Landscape):
    leaves, structure = jax.tree.flatten(landscape)
    again = jax.tree.unflatten(structure, leaves)
    assert type(again) is type(landscape)
    assert repr(again) == repr(landscape)
    assert jax.tree.structure(again) == structure
    assert all(a is b for a, b in zip(jax.tree.leaves(again), leaves, strict=True))
    w = probes(landscape.dim)[0]
    np.testing.assert_array_equal(again.gradient(w), landscape.gradient(w))
    # The leaves are the parameters: scaled by 2 inside jit, they give another landscape.
    traced = jax.jit(lambda one, v: one.loss(v))(landscape, jnp.asarray(w))
    np.testing.assert_allclose(np.asarray(traced), landscape.loss(w), rtol=1e-13)


@each_landscape()
def test_the_repr_makes_the_landscape_again(landscape: Landscape):
    again = eval(repr(landscape), vars(landscapes).copy())
    assert repr(again) == repr(landscape)
    assert again.dim == landscape.dim
    assert again.arguments().keys() == landscape.arguments().keys()
    for name, value in landscape.arguments().items():
        np.testing.assert_array_equal(again.arguments()[name], value)
    points = probes(landscape.dim)
    np.testing.assert_array_equal(again.loss(points), landscape.loss(points))
    np.testing.assert_array_equal(again.gradient(points), landscape.gradient(points))


@each_landscape()
def test_a_landscape_is_immutable(landscape: Landscape):
    for name in ("dim", "facts", "anything"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(landscape, name, 3)


@each_landscape()
def test_a_landscape_says_what_it_is_and_where_it_is_from(landscape: Landscape):
    for text in (landscape.formula, landscape.source, type(landscape).__doc__):
        assert text


def test_the_callers_array_is_not_kept():
    spectrum = np.array([0.4, 1.9])
    landscape = Quadratic(spectrum)
    spectrum[0] = 5.0
    np.testing.assert_array_equal(landscape.spectrum, [0.4, 1.9])


def test_a_name_is_taken_once():
    count = len(LANDSCAPES)
    with pytest.raises(ValueError, match="Saddle is registered already"):
        type("Saddle", (SymbolicLandscape,), {})
    assert len(LANDSCAPES) == count
    assert LANDSCAPES["Saddle"] is Saddle


# The least that a loss of one's own takes.
OWN = """
import sympy
from landscapes import SymbolicLandscape, SymbolicLoss

class Own(SymbolicLandscape):
    def symbolic(self):
        x, y = sympy.symbols("x y", real=True)
        return SymbolicLoss((x, y), (x**2 - 1)**2 + x*y + y**2)
"""


def defined(text: str) -> dict[str, Any]:
    """What a cell of a notebook leaves behind."""
    names: dict[str, Any] = {"__name__": "a_notebook"}
    exec(text, names)
    return names


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What is registered in a test is forgotten afterwards."""
    known = dict(LANDSCAPES)
    yield
    LANDSCAPES.clear()
    LANDSCAPES.update(known)


@pytest.mark.slow
@pytest.mark.usefixtures("forgotten")
def test_a_loss_of_ones_own_takes_five_lines_and_runs():
    own = defined(OWN)["Own"]()
    assert (repr(own), own.dim, type(own).examples()[0].dim) == ("Own()", 2, 2)
    assert jax.tree.structure(own) == jax.tree.structure(copy.copy(own))
    w = probes(2, 5)
    by_sympy = [own.reference_gradient(v) for v in w]
    np.testing.assert_allclose(own.gradient(w), by_sympy, rtol=1e-13)
    assert isinstance(own.facts.minimum_loss, Unknown) and not own.facts.complete
    runs = sweep(own, [GD, SAM], eta=0.05, rho=0.1, starts=w, n_steps=500)
    assert (runs.outcome.sel(algorithm="GD") == Outcome.CONVERGED).all()
    assert (runs.attractor == -1).all()
    assert trajectory(own, SAM, w[0], eta=0.05, rho=0.1, n_steps=3).shape == (4, 2)
    assert "no fact is stated" in page.page(type(own))
    assert [row[0] for row in page.rows()].count("Own") == 1


@pytest.mark.usefixtures("forgotten")
def test_a_class_that_is_defined_again_takes_the_place_of_the_first_with_a_warning():
    first = defined(OWN)["Own"]
    with pytest.warns(UserWarning, match="Own is defined a second time"):
        second = defined(OWN.replace("+ x*y", "+ 3*x*y"))["Own"]
    assert LANDSCAPES["Own"] is second is not first
    w = np.array([0.5, 2.0])
    assert float(second().loss(w) - first().loss(w)) == 2.0


def test_a_landscape_need_not_be_registered():
    count = len(LANDSCAPES)
    own = defined(OWN.replace("Landscape)", "Landscape, registered=False)"))["Own"]
    assert len(LANDSCAPES) == count
    runs = sweep(own(), GD, eta=0.05, starts=[(1.1, -0.4)], n_steps=300)
    assert runs.outcome.item() == Outcome.CONVERGED


@pytest.mark.parametrize("name", [type(one).__name__ for one in instances()])
def test_the_registry_holds_public_classes(name: str):
    assert getattr(landscapes, name) is LANDSCAPES[name]


# -- particular landscapes -------------------------------------------------------------------


def test_a_rotated_quadratic_has_the_given_spectrum_and_rotation():
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    landscape = Quadratic((3.0, 0.5), rotation=turn)
    # H = RᵀΛR has the rows of R as eigenvectors: HRᵀ = RᵀΛ.
    hessian = landscape.hessian(np.array([0.3, -0.7]))
    np.testing.assert_allclose(hessian @ turn.T, turn.T * [3.0, 0.5], rtol=0, atol=1e-15)


def test_the_eigenvalues_of_a_given_hessian_descend():
    landscape = Quadratic(hessian=[[2.0, -0.5], [-0.5, 0.7]])
    # Trace 2.7 and determinant 1.15: (2.7 ± √(2.7² − 4.6))/2.
    root = np.sqrt(2.7**2 - 4.6)
    np.testing.assert_allclose(landscape.spectrum, [(2.7 + root) / 2, (2.7 - root) / 2], rtol=1e-14)


def test_a_batch_of_quadratics_is_a_pytree_with_a_leading_axis():
    spectra = np.array([[0.3, 1.2], [0.8, 2.0], [1.1, 0.4]])
    losses = jax.vmap(lambda one, w: one.loss(w))(
        Quadratic.batch(spectra), jnp.asarray(probes(2, 3))
    )
    expected = (spectra * probes(2, 3) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(np.asarray(losses), expected, rtol=1e-15)


def test_matrix_sensing_measures_the_truth_with_symmetric_normalised_data():
    landscape = MatrixSensing(4, 2, 9, seed=7, width=3)
    np.testing.assert_allclose(np.linalg.norm(landscape.truth_factor, axis=0), 1.0, rtol=1e-15)
    matrices = landscape.sensing.reshape(9, 4, 4)
    np.testing.assert_array_equal(matrices, matrices.transpose(0, 2, 1))
    truth = landscape.truth_factor @ landscape.truth_factor.T
    np.testing.assert_allclose(
        landscape.targets, (matrices * truth).sum(axis=(1, 2)), rtol=0, atol=1e-14
    )
    u = probes(12)[0].reshape(4, 3)
    residuals = (matrices * (u @ u.T)).sum(axis=(1, 2)) - landscape.targets
    np.testing.assert_allclose(landscape.loss(u.ravel()), (residuals**2).sum() / 18, rtol=1e-13)


def test_the_seed_decides_the_data():
    one, other, again = (MatrixSensing(3, 1, 5, seed=seed) for seed in (1, 2, 1))
    assert not np.array_equal(one.sensing, other.sensing)
    np.testing.assert_array_equal(one.sensing, again.sensing)


# -- refused ---------------------------------------------------------------------------------

RIDGE = RidgeRegression.drawn(3, 2, ridge=0.4)
REFUSED: list[tuple[Any, str]] = [
    (lambda: Quadratic(), "exactly one of spectrum and hessian"),
    (lambda: Quadratic((1.0,), hessian=[[1.0]]), "exactly one of spectrum and hessian"),
    (lambda: Quadratic((1.0, 0.0)), r"spectrum must be positive; got \[1.0, 0.0\]"),
    (lambda: Quadratic((1.0, -0.3)), r"spectrum must be positive; got \[1.0, -0.3\]"),
    (lambda: Quadratic((1.0, np.nan)), "spectrum must be finite; got nan"),
    (lambda: Quadratic((np.inf, 1.0)), "spectrum must be finite; got inf"),
    (lambda: Quadratic(()), "spectrum must be positive eigenvalues.* got an empty array"),
    (lambda: Quadratic(2.0), "spectrum must be positive eigenvalues.* got 2.0, a single number"),
    (lambda: Quadratic(((1.0, 2.0),)), r"spectrum must be positive eigenvalues.* shape \(1, 2\)"),
    (lambda: Quadratic("ab"), "spectrum must be positive eigenvalues.* got 'ab'"),
    (lambda: Quadratic((1 + 2j,)), "spectrum must be positive eigenvalues.* got"),
    (lambda: Quadratic(hessian=[[1.0, 0.5], [0.4, 1.0]]), "hessian must be symmetric.* 0.1"),
    (lambda: Quadratic(hessian=[[1.0, 2.0], [2.0, 1.0]]), "hessian must be positive definite.* -1"),
    (lambda: Quadratic(hessian=np.zeros((2, 2))), "hessian must be positive definite"),
    (lambda: Quadratic(hessian=[[1.0, np.nan], [0.0, 1.0]]), "hessian must be finite; got nan"),
    (lambda: Quadratic(hessian=np.ones((2, 3))), r"hessian must be .*shape \(2, 3\)"),
    (lambda: Quadratic(hessian=[1.0]), r"hessian must be a symmetric.* shape \(1,\)"),
    (lambda: Quadratic(hessian=np.eye(2), rotation=np.eye(2)), "rotation goes with spectrum"),
    (lambda: Quadratic((1.0, 2.0), rotation=[[1, 1], [0, 1]]), "rotation must be an orthogonal"),
    (lambda: Quadratic((1.0, 2.0), rotation=np.eye(3)), r"rotation must be .*\(2, 2\)"),
    (lambda: Quadratic.batch([1.0]), r"spectra must be .*shape \(1,\)"),
    (lambda: Quadratic.batch([[1.0, -1.0]]), r"spectra must be positive; got \[1.0, -1.0\]"),
    (lambda: QuadraticSum((1.0, -2.0), (0.1, 0.2)), r"mean of the curvatures .* \[-0.5\]"),
    (lambda: QuadraticSum((1.0, 2.0), (0.1,)), r"\(1, 1\) or .* numbers, as there are 1 examples"),
    (lambda: QuadraticSum(((1.0, 2.0),), ((0.1, 0.2, 0.3),)), r"curvatures must be .*\(1, 2\)"),
    (
        lambda: QuadraticSum([[[1.0, 0.5], [0.4, 1.0]]], [[0.0, 1.0]]),
        "curvatures .*symmetric.* 0.1",
    ),
    (
        lambda: QuadraticSum((1.0,), 0.1),
        "slopes must be the slope of each example.*got 0.1, a single number",
    ),
    (lambda: QuadraticSum((np.nan,), (0.1,)), "curvatures must be finite; got nan"),
    (lambda: QuadraticSum.around((1.0, "b")), "centres must be the centre of each example"),
    (lambda: QuadraticSum.around((1.0, 2.0), (1.0,)), r"curvatures must be .*shape \(1,\)"),
    (lambda: QuadraticSum.opposed(0.0, 1.0, 1.0), "strong_convexity must be a positive.* 0.0"),
    (lambda: QuadraticSum.opposed(2.0, 1.0, 1.0), "smoothness must be at least .*2.0; got 1.0"),
    (lambda: QuadraticSum.opposed(0.5, 1.0, -1.0), "slope must be a positive number; got -1.0"),
    (lambda: RidgeRegression((0.1, 0.2), (0.1,), 0.3), r"inputs must be .*shape \(2,\)"),
    (lambda: RidgeRegression(((0.1, 0.2),), (0.1, 0.2), 0.3), "targets must be .*got 2 of them"),
    (lambda: RidgeRegression(((0.1,),), (0.1,), 0.0), "ridge must be a positive number; got 0.0"),
    (lambda: RidgeRegression.drawn(0, ridge=0.1), "n_examples must be a whole number >= 1; got 0"),
    (lambda: RidgeRegression.drawn(3, 0, ridge=0.1), "dim must be a whole number >= 1; got 0"),
    (lambda: RidgeRegression.drawn(3, ridge=0.1, noise=-1.0), "noise must be .*; got -1.0"),
    (lambda: RidgeRegression.drawn(3, ridge=0.1, seed=-1), "seed must be .*; got -1"),
    (lambda: RIDGE.neighbour(3, (0.1, 0.2), 0.5), "example must be .* <= 2; got 3"),
    (lambda: RIDGE.neighbour(-1, (0.1, 0.2), 0.5), "example must be a whole number >= 0.*got -1"),
    (lambda: RIDGE.neighbour(0, (0.1,), 0.5), r"input must be .*\(2,\); got .*\(1,\)"),
    (lambda: RIDGE.neighbour(0, (0.1, 0.2), np.nan), "target must be finite; got nan"),
    (lambda: LinearNeuron("tanh"), "link must be one of logcosh, sqrt, square, power; got 'tanh'"),
    (lambda: LinearNeuron(3), "link must be one of logcosh, sqrt, square, power; got 3"),  # pyright: ignore
    (lambda: LinearNeuron("power"), "exponent must be a number >= 1.2; got None"),
    (lambda: LinearNeuron("power", exponent=1.1), "exponent must be a number >= 1.2; got 1.1"),
    (lambda: LinearNeuron("power", exponent=[2.0]), r"exponent must be .*shape \(1,\)"),  # pyright: ignore
    (lambda: LinearNeuron("sqrt", exponent=2.5), "exponent goes with the link power only; got 2.5"),
    (lambda: Ravine(tilt=0.3), "tilt acts through skew, which is 0; got tilt = 0.3"),
    (lambda: Ravine(skew=np.nan), "skew must be finite; got nan"),
    (lambda: ScalarFactorisation("a"), "target must be a number; got 'a'"),  # pyright: ignore
    (lambda: ScalarFactorisation([1.0]), r"target must be a number; .*shape \(1,\)"),  # pyright: ignore
    (lambda: LogCoshRidge((0.0, 0.0), 0.3, 0.2), r"direction must not be 0; got \[0.0, 0.0\]"),
    (
        lambda: LogCoshRidge(1.0, 0.3, 0.2),
        "direction must be a direction, .*got 1.0, a single number",
    ),
    (lambda: LogCoshRidge((1.0,), 0.0, 0.2), "ridge must be a positive number; got 0.0"),
    (lambda: LogCoshRidge((1.0,), 0.3, np.inf), "offset must be finite; got inf"),
    (lambda: ThresholdNeuron(0, 3), "n_inputs must be a whole number >= 1; got 0"),
    (lambda: ThresholdNeuron(2, 0), "n_examples must be a whole number >= 1; got 0"),
    (lambda: ThresholdNeuron(2, 3, np.nan), "signal must be finite; got nan"),
    (lambda: ThresholdNeuron(2, 3, seed=-1), "seed must be a whole number >= 0; got -1"),
    (lambda: BoundedSine(0.0, 1.5), "beta must be a positive number; got 0.0"),
    (lambda: BoundedSine(2.0, -1.5), "radius must be a positive number; got -1.5"),
    (lambda: MatrixFactorisation((1.0,)), r"truth_factor must be a matrix .*shape \(1,\)"),
    (lambda: MatrixFactorisation(((1.0, 2.0),)), r"full rank.*; got shape \(1, 2\) and rank 1"),
    (lambda: MatrixFactorisation(((1, 2), (2, 4))), r"full rank.*; got shape \(2, 2\) and rank 1"),
    (lambda: MatrixFactorisation(np.eye(2), width=1), "width must be at least rank = 2; got 1"),
    (lambda: MatrixFactorisation(np.eye(2), width=0), "width must be a whole number >= 1; got 0"),
    (lambda: MatrixSensing(0, 1, 3), "dim must be a whole number >= 1; got 0"),
    (lambda: MatrixSensing(2.0, 1, 3), "dim must be a whole number >= 1; got 2.0"),  # pyright: ignore
    (lambda: MatrixSensing(True, 1, 3), "dim must be a whole number >= 1; got True"),
    (lambda: MatrixSensing(2, 0, 3), "rank must be a whole number >= 1; got 0"),
    (lambda: MatrixSensing(2, 3, 3), "rank must be at most dim = 2; got 3"),
    (lambda: MatrixSensing(2, 1, 0), "n_measurements must be a whole number >= 1; got 0"),
    (lambda: MatrixSensing(2, 1, "x"), "n_measurements must be a whole number >= 1; got 'x'"),  # pyright: ignore
    (lambda: MatrixSensing(3, 2, 3, width=1), "width must be at least rank = 2; got 1"),
    (lambda: MatrixSensing(3, 2, 3, width=0), "width must be a whole number >= 1; got 0"),
    (lambda: MatrixSensing(3, 2, 3, seed=-1), "seed must be a whole number >= 0; got -1"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_what_is_refused_is_named_with_what_is_accepted(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()
