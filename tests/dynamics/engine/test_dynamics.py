"""Every algorithm: the step is the oracle's, and the conventions are those of the rules."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dynamics import (
    ALGORITHMS,
    GD,
    SAM,
    USAM,
    Algorithm,
    Criteria,
    HeavyBall,
    Nesterov,
    Outcome,
    StableSAM,
    plain_descent,
    sweep,
    trajectory,
)
from dynamics.algorithms.algorithm import register
from dynamics.algorithms.rules import (
    hessian_ascent,
    normalised_descent,
    scaled_ascent,
    sign_ascent,
    unit_ascent,
)
from landscapes import (
    LANDSCAPES,
    CrossedValleys,
    Landscape,
    LinearNeuron,
    MatrixSensing,
    Quadratic,
    Ravine,
    Saddle,
)
from tests.support import oracle
from tests.support.cases import CORE, each_landscape, each_pair, instances, probes, runs_on

EPS = np.finfo(np.float64).eps
FIRST = [cls.examples()[0] for cls in LANDSCAPES.values()]
each_algorithm = pytest.mark.parametrize("algorithm", CORE, ids=str)


def scaled(landscape: Landscape, algorithm: Algorithm, w: np.ndarray) -> tuple[float, float]:
    """η and ρ at which a step from w moves it by about a tenth, ρ well inside ‖w‖."""
    curvature = float(np.abs(np.linalg.eigvalsh(landscape.hessian(w))).max())
    eta = 0.1 / curvature
    if algorithm.descent is normalised_descent:
        eta *= float(np.linalg.norm(landscape.gradient(w)))
    if isinstance(algorithm.base, HeavyBall | Nesterov):
        eta *= 1 - algorithm.base.momentum
    return eta, 0.07 / _ascent_per_radius(landscape, algorithm, w, curvature)


def _ascent_per_radius(
    landscape: Landscape, algorithm: Algorithm, w: np.ndarray, curvature: float
) -> float:
    """About how much of the gradient's size is in the length of the ascent."""
    if algorithm.ascent is None or algorithm.ascent in (unit_ascent, sign_ascent, scaled_ascent):
        return 1.0
    if algorithm.ascent is hessian_ascent:
        return curvature**2
    return max(1.0, curvature)


def test_every_algorithm_has_an_oracle():
    assert len(ALGORITHMS) >= 4
    assert set(oracle.DIRECTIONS) == set(ALGORITHMS)
    assert all(name == algorithm.name for name, algorithm in ALGORITHMS.items())
    assert all(algorithm.source for algorithm in ALGORITHMS.values())


# -- against the oracle ----------------------------------------------------------------------


@pytest.mark.breadth
@each_pair()
def test_a_trajectory_is_the_oracles(landscape: Landscape, algorithm: Algorithm):
    n_steps = 30
    for w in probes(landscape.dim, 3):
        eta, rho = scaled(landscape, algorithm, w)
        path = trajectory(landscape, algorithm, w, eta=eta, rho=rho, n_steps=n_steps)
        expected = oracle.path(landscape, algorithm.name, w, eta, rho, n_steps)
        assert path.dtype == np.float64
        assert path.shape == (n_steps + 1, landscape.dim)
        assert np.abs(np.diff(path, axis=0)).max() > 1e-4  # it does move
        # The two gradients differ by the rounding of a few dim² products and the unit vector by
        # that over ‖g‖; a step enters with η‖H‖ = 0.1, and by at most (1 + 0.1·(1 + ρ‖H‖/‖g‖))
        # an error grows per step: 30 steps leave less than 10 of each. 2,000 bounds the product
        # of these factors over the examples; a wrong sign of ρ is off by 1e-2.
        tolerance = 2000 * EPS * n_steps * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(path, expected, rtol=0, atol=tolerance)


def test_published_limits_on_the_cross():
    # y² at which each comes to rest on log cosh(xy) from (2, √40), to the printed digits.
    landscape, start = LinearNeuron("logcosh"), (2.0, np.sqrt(40.0))
    for algorithm, expected in ((GD, 4.361), (USAM, 3.033), (StableSAM, 4.078)):
        x, y = trajectory(landscape, algorithm, start, eta=0.4, rho=0.1, n_steps=1000)[-1]
        assert abs(y**2 - expected) <= 0.5e-3
        assert abs(x) < 1e-9
    path = trajectory(landscape, SAM, start, eta=0.4, rho=0.1, n_steps=1000)
    for step, expected, digit in (
        (10, 5.79, 1e-2),
        (100, 0.727, 1e-3),
        (500, 0.0223, 1e-4),
        (1000, 3.98e-4, 1e-6),
    ):
        assert abs(path[step, 1] ** 2 - expected) <= digit / 2


def test_a_step_by_hand():
    # L = (1.7 w²)/2 from w = 0.4 with η = 0.3, ρ = 0.25: g = 0.68.
    def after_one_step(algorithm: Algorithm) -> float:
        quadratic = Quadratic((1.7,))
        return float(trajectory(quadratic, algorithm, [0.4], eta=0.3, rho=0.25, n_steps=1)[1, 0])

    expected = {
        GD: 0.4 - 0.3 * 0.68,
        SAM: 0.4 - 0.3 * 1.7 * (0.4 + 0.25),
        USAM: 0.4 - 0.3 * 1.7 * (0.4 + 0.25 * 0.68),
        StableSAM: 0.4 - 0.3 * 0.68,  # in one dimension renormalising undoes the ascent
    }
    for algorithm, value in expected.items():
        assert after_one_step(algorithm) == pytest.approx(value, rel=4 * EPS)


# -- what holds of the rules -----------------------------------------------------------------


@pytest.mark.slow
@each_algorithm
@each_landscape(FIRST)
def test_without_a_radius_every_algorithm_is_gd(landscape: Landscape, algorithm: Algorithm):
    w = probes(landscape.dim)[0]
    eta, _ = scaled(landscape, algorithm, w)
    path = trajectory(landscape, algorithm, w, eta=eta, rho=0.0, n_steps=20)
    expected = trajectory(landscape, GD, w, eta=eta, n_steps=20)
    # ‖g‖(g/‖g‖) differs from g by rounding, three units of it a step.
    tolerance = 100 * EPS * 20 * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(path, expected, rtol=0, atol=tolerance)


@pytest.mark.slow
@each_landscape([Ravine.examples()[-1], CrossedValleys.examples()[0]])
def test_no_two_algorithms_are_the_same(landscape: Landscape):
    w = probes(landscape.dim)[0]
    eta, _ = scaled(landscape, SAM, w)
    ends = {
        a: trajectory(landscape, a, w, eta=eta, rho=0.23, n_steps=16)[-1]
        for a in runs_on(landscape)
    }
    for a, b in combinations(ends, 2):
        assert np.abs(ends[a] - ends[b]).max() > 1e-5, f"{a} and {b} agree"


@each_landscape(FIRST)
def test_stable_sam_moves_as_far_as_gd(landscape: Landscape):
    w = probes(landscape.dim)[1]
    eta, rho = scaled(landscape, StableSAM, w)
    path = trajectory(landscape, StableSAM, w, eta=eta, rho=rho, n_steps=16)
    moved = np.linalg.norm(np.diff(path, axis=0), axis=1)
    gradients = np.array([landscape.reference_gradient(w) for w in path[:-1]])
    expected = eta * np.linalg.norm(gradients, axis=1)
    # A difference of iterates is rounded at the size of the iterates.
    tolerance = 8 * landscape.dim * EPS * np.abs(path).max()
    np.testing.assert_allclose(moved, expected, rtol=1e-12, atol=tolerance)


def test_the_ascent_of_sam_does_not_see_the_scale_of_the_loss_and_that_of_usam_does():
    spectrum, start = np.array([0.4, 1.9]), (1.3, -0.7)

    def path(algorithm: Algorithm, c: float) -> np.ndarray:
        return trajectory(
            Quadratic(c * spectrum), algorithm, start, eta=0.2 / c, rho=0.3, n_steps=12
        )

    # c·L with η/c: the same path, to rounding, wherever the ascent has a length of its own.
    for algorithm in (GD, SAM, StableSAM):
        np.testing.assert_allclose(path(algorithm, 5.0), path(algorithm, 1.0), rtol=1e-12)
    assert np.abs(path(USAM, 5.0) - path(USAM, 1.0)).max() > 1e-2


@each_algorithm
def test_turning_the_landscape_turns_the_path(algorithm: Algorithm):
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])  # orthogonal; H = RᵀΛR, so w of Λ is Rw here
    spectrum, w = np.array([1.9, 0.4]), np.array([1.3, -0.7])
    plain = trajectory(Quadratic(spectrum), algorithm, turn @ w, eta=0.2, rho=0.3, n_steps=12)
    turned = trajectory(
        Quadratic(spectrum, rotation=turn), algorithm, w, eta=0.2, rho=0.3, n_steps=12
    )
    np.testing.assert_allclose(turned @ turn.T, plain, rtol=0, atol=12 * 64 * EPS)


# -- singular points -------------------------------------------------------------------------


def exact_critical_points(landscape: Landscape) -> list[tuple[int, np.ndarray]]:
    """Those with a gradient of 0 to the last bit; others, being irrational, have it to rounding."""
    return [
        (index, w)
        for index, one in enumerate(landscape.facts.critical_sets)
        for w in one.points
        if not landscape.gradient(w).any() and not landscape.reference_gradient(w).any()
    ]


@pytest.mark.slow
def test_most_landscapes_have_exact_critical_points():
    exact = [one for one in instances() if exact_critical_points(one)]
    assert 2 * len(exact) > len(instances())


@pytest.mark.slow
@each_pair(drawing=False)
def test_a_path_from_a_critical_point_stays_there(landscape: Landscape, algorithm: Algorithm):
    points = exact_critical_points(landscape)
    if not points:  # of most it has some, see above
        pytest.skip("its critical points are no floating-point numbers")
    for _, w in points:
        path = trajectory(landscape, algorithm, w, eta=0.3, rho=0.2, n_steps=3)
        np.testing.assert_array_equal(path, np.tile(w, (4, 1)))


@pytest.mark.slow
@each_landscape([Saddle(), MatrixSensing.examples()[0]])
def test_a_start_at_a_critical_point_has_converged_there(landscape: Landscape):
    # In machine code every algorithm; by XLA, which takes longer to compile, those of the claims.
    every = [a for a in runs_on(landscape) if a.order is None]
    together = every if isinstance(landscape, Saddle) else list(CORE)
    indices, points = zip(*exact_critical_points(landscape), strict=True)
    found = sweep(
        landscape,
        together,
        eta=0.3,
        rho=0.2,
        starts=points,
        n_steps=3,
        criteria=Criteria(max_period=1),
    )
    assert (found.outcome == Outcome.CONVERGED).all()
    assert (found.n_steps == 0).all()
    assert (found.period == 1).all()
    assert (found.amplitude == 0).all()
    for algorithm in found.algorithm:
        np.testing.assert_array_equal(found.attractor.sel(algorithm=algorithm), indices)
        np.testing.assert_array_equal(found.final.sel(algorithm=algorithm), points)


def second_singular_set() -> tuple[MatrixSensing, np.ndarray]:
    """A point with g ≠ 0 whose ascent point, half a unit further, is the saddle at the origin.

    In one dimension matrix sensing is c(u² − 1)²; at u = 1/2 the gradient points to the origin.
    """
    landscape, w = MatrixSensing(1, 1, 3, seed=1), np.array([0.5])
    assert landscape.gradient(w)[0] < -1e-3
    return landscape, w


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [SAM, StableSAM], ids=str)
def test_where_only_the_perturbed_gradient_vanishes_the_iterate_stays(algorithm: Algorithm):
    landscape, w = second_singular_set()
    path = trajectory(landscape, algorithm, w, eta=0.3, rho=0.5, n_steps=5)
    np.testing.assert_array_equal(path, np.full((6, 1), 0.5))
    # A fixed point of the map that is no critical point of the loss.
    found = sweep(landscape, algorithm, eta=0.3, rho=0.5, starts=w, n_steps=5).squeeze()
    assert Outcome(int(found.outcome)) is Outcome.CONVERGED
    assert int(found.attractor) == -1


def test_beside_that_set_the_renormalised_step_has_its_full_length():
    landscape, w = second_singular_set()
    for beside in (w - 1e-9, w + 1e-9):
        path = trajectory(landscape, StableSAM, beside, eta=0.3, rho=0.5, n_steps=1)
        expected = 0.3 * abs(landscape.gradient(beside)[0])
        assert abs(path[1] - path[0])[0] == pytest.approx(expected, rel=1e-12)


@each_algorithm
@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_steps_are_right_at_extreme_sizes(algorithm: Algorithm, size: float):
    # Every map here is homogeneous on a quadratic when ρ scales with w (or not at all for USAM).
    landscape, w = Quadratic((0.4, 1.9)), np.array([1.3, -0.7])
    rho = 0.3 if algorithm is USAM else 0.3 * size
    path = trajectory(landscape, algorithm, size * w, eta=0.2, rho=rho, n_steps=8)
    expected = trajectory(landscape, algorithm, w, eta=0.2, rho=0.3, n_steps=8)
    # Eight steps of some eight roundings each, of terms as large as w; a coordinate that nearly
    # cancels keeps the error of the terms that it is the difference of.
    error = 8 * 8 * EPS * np.abs(w).max()
    np.testing.assert_allclose(path / size, expected, rtol=0, atol=error)


def test_a_path_that_overflows_stays_at_its_last_finite_point():
    path = trajectory(Saddle(), GD, (3.0, -1.0), eta=0.9, n_steps=40)
    assert np.isfinite(path).all()
    expected = oracle.path(Saddle(), "GD", np.array([3.0, -1.0]), 0.9, 0.0, 40)
    finite = np.isfinite(expected).all(axis=1)
    last = int(finite.argmin()) - 1
    assert 1 < last < 39
    np.testing.assert_allclose(path[: last + 1], expected[: last + 1], rtol=1e-10)
    np.testing.assert_array_equal(path[last:], np.tile(path[last], (41 - last, 1)))


# -- algorithms as data ----------------------------------------------------------------------


def test_algorithms_are_checked_when_made():
    for arguments, message in (
        (("", None, plain_descent), "must be a non-empty string"),
        (("A", "unit", plain_descent), "ascent must be a rule or None; got 'unit'"),
        (("A", None, "plain"), "descent must be a rule; got 'plain'"),
    ):
        with pytest.raises(ValueError, match=message):
            Algorithm(*arguments, source="nowhere")  # pyright: ignore[reportArgumentType]
    with pytest.warns(UserWarning, match="the algorithm SAM is replaced"):
        register(SAM)
    assert str(SAM) == "SAM"
    without_rho = [a.name for a in ALGORITHMS.values() if not a.uses_rho]
    assert without_rho == ["GD", "NormalisedGD", "HeavyBallGD", "NesterovGD", "SGD"]
