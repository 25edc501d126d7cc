"""What is special about single landscapes: the property for which each of them is there."""

from __future__ import annotations

from typing import Any

import jax
import mpmath
import numpy as np
import pytest

from dynamics import GD, SAM, USAM, Algorithm, Outcome, StableSAM, sweep, trajectory
from landscapes import (
    Beale,
    BoundedSine,
    Constant,
    CriticalKind,
    LinearNeuron,
    LogCoshRidge,
    MatrixFactorisation,
    MatrixSensing,
    Ravine,
    RippledBowl,
    ScalarFactorisation,
    ThreeSharpness,
    ThresholdNeuron,
)
from tests.support.cases import probes

EPS = np.finfo(np.float64).eps


# -- Ravine ------------------------------------------------------------------------------------


@pytest.mark.parametrize("landscape", Ravine.examples(), ids=repr)
def test_sam_slides_along_a_ravine_at_the_rate_of_its_sharpness(landscape: Ravine):
    # Bouncing at the amplitude A = ηρλ/(2 − ηλ), two steps move y by −8ηρ²y/(2 − ηλ)², λ = 1 + y²,
    # with an error of relative order ρ; the skew does not enter.
    eta, rho, y = 0.4, 1e-3, 0.7
    sharpness = 1 + y**2
    amplitude = eta * rho * sharpness / (2 - eta * sharpness)
    path = trajectory(landscape, SAM, (amplitude, y), eta=eta, rho=rho, n_steps=402)
    here = path[400, 1]
    moved = path[402, 1] - here
    expected = -8 * eta * rho**2 * here / (2 - eta * (1 + here**2)) ** 2
    assert moved == pytest.approx(expected, rel=10 * rho)
    # GD, on the other hand, stays where it came down.
    path = trajectory(landscape, GD, (amplitude, y), eta=eta, n_steps=402)
    assert abs(path[402, 1] - path[400, 1]) < 1e-6 * abs(moved)


def test_the_walls_of_a_skewed_ravine_differ():
    plain, skewed = Ravine(), Ravine(skew=0.4, tilt=0.3)
    w = np.array([0.3, -0.7])
    mirrored = w * [-1, 1]
    assert plain.loss(w) == plain.loss(mirrored)
    assert skewed.loss(w) - skewed.loss(mirrored) == pytest.approx(
        2 * 0.4 * 0.027 * 0.79, rel=1e-12
    )


# -- ScalarFactorisation -----------------------------------------------------------------------


def test_without_a_target_it_is_the_neuron_with_the_square_link():
    points = probes(2)
    for quantity in ("loss", "gradient", "hessian"):
        ours, other = (
            getattr(one, quantity)(points)
            for one in (ScalarFactorisation(0.0), LinearNeuron("square"))
        )
        np.testing.assert_allclose(ours, other, rtol=8 * EPS)


@pytest.mark.parametrize("target", [1.6, -1.7])
def test_the_distance_to_a_hyperbola_is_that_to_its_nearest_point(target: float):
    landscape = ScalarFactorisation(target)
    hyperbola = landscape.facts.critical_sets[0]
    at = np.concatenate([probes(2), [(0.0, 0.0), (1.3, 1.3), (-4.0, 4.0), (0.0, 2.5)]])
    x = np.linspace(0.05, 40, 400_001)
    branch = np.stack([x, target / x], axis=-1)
    nearest = [
        min(np.linalg.norm(w - s * branch, axis=-1).min() for s in (1, -1)) for w in at
    ]  # a point off the nearest by at most half the spacing, of up to 1e-4 · |c|/x² along it
    found = hyperbola.distance(at)
    assert (found <= np.array(nearest) + 1e-12).all()
    np.testing.assert_allclose(found, nearest, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_which_sharpness_a_method_can_rest_at():
    # At a minimum with x² + y² = λ the multiplier is 1 − ηλ for GD and 1 − ηλ(1 + ρλ) for USAM.
    eta, rho = 0.2, 0.1
    starts = np.random.default_rng(3).uniform(-4, 4, (300, 2))
    runs = sweep(
        ScalarFactorisation(1.0), [GD, USAM], eta=eta, rho=rho, starts=starts, n_steps=5000
    )
    edges = {"GD": 2 / eta, "USAM": (np.sqrt(1 + 8 * rho / eta) - 1) / (2 * rho)}
    for name, edge in edges.items():
        one = runs.sel(algorithm=name)
        rest = one.final.values[(one.outcome == Outcome.CONVERGED) & (one.attractor == 0)]
        assert len(rest) > 100
        sharpness = (rest**2).sum(axis=-1)
        assert 0.8 * edge < sharpness.max() <= edge * (1 + 1e-6)


# -- ThreeSharpness ----------------------------------------------------------------------------


def test_the_three_sharpnesses_are_what_their_definitions_tend_to():
    landscape = ThreeSharpness()
    at = np.array([0.3, 0.2, 0.0, 0.0])
    stated = landscape.sharpnesses(at)
    rho = 1e-3
    random = np.random.default_rng(6)
    sphere = random.standard_normal((400_000, 4))
    sphere /= np.linalg.norm(sphere, axis=-1, keepdims=True)
    rise = landscape.loss(at + rho * sphere) / rho**2
    # The sphere is 3-dimensional: of 400,000 points the best is within some 2e-2 of the worst
    # direction, and the loss there within its square; a mean of them is off by 1/√400,000 · 1.5.
    assert rise.max() == pytest.approx(stated["worst"], rel=3e-3)
    assert rise.mean() == pytest.approx(stated["average"], rel=5 * 1.5 / np.sqrt(400_000))
    # Along the gradient: the least over the points nearby, which is where only v is off.
    beside = at + 1e-7 * np.array([0.0, 0.0, 0.0, 1.0])
    g = landscape.gradient(beside)
    rise_along = landscape.loss(beside + rho * g / np.linalg.norm(g)) / rho**2
    assert rise_along == pytest.approx(stated["ascent"], rel=1e-3)
    near = at + 1e-7 * random.standard_normal((500, 4))
    g = landscape.gradient(near)
    along = landscape.loss(near + rho * g / np.linalg.norm(g, axis=-1, keepdims=True)) / rho**2
    assert along.min() >= stated["ascent"] * (1 - 1e-2)


def test_each_sharpness_is_smallest_where_it_says():
    landscape = ThreeSharpness()
    grid = np.stack(np.meshgrid(np.linspace(-3, 3, 121), np.linspace(-1, 1, 41)), axis=-1)
    plane = np.concatenate([grid, np.zeros_like(grid)], axis=-1).reshape(-1, 4)
    everywhere = landscape.sharpnesses(plane)
    places = list(landscape.flattest.values())
    assert set(landscape.flattest) == set(everywhere)
    for name, place in landscape.flattest.items():
        here = {p: landscape.sharpnesses(np.array(p))[name] for p in places}
        assert min(here, key=lambda p: here[p]) == place
        # On the grid only its own points can be as low: at most half a spacing away.
        lowest = plane[np.argmin(everywhere[name])]
        assert np.abs(lowest - place).max() <= 0.025 + 1e-12
        assert here[place] <= everywhere[name].min()


def test_sam_ends_where_the_worst_sharpness_is_smallest():
    start = (-0.2, 0.3, 0.03, 0.04)
    path = trajectory(ThreeSharpness(), SAM, start, eta=0.02, rho=0.05, n_steps=200_000)
    a, b, _, v = path[-1]
    assert abs(a - 1) < 1e-2 and abs(b) < 1e-2 and abs(v) < 1e-9


# -- RippledBowl -------------------------------------------------------------------------------


# Its numbers are typed as if they were whole.
IV: Any = mpmath.iv


def slack(w: Any, alpha: Any) -> tuple[Any, Any]:
    """½L′² − αL and its derivative, in whatever arithmetic `w` is of, with its sine and cosine."""
    sin, cos = (IV.sin, IV.cos) if hasattr(w, "delta") else (mpmath.sin, mpmath.cos)
    slope, curvature = 2 * w + 3 * sin(2 * w), 2 + 6 * cos(2 * w)
    return slope**2 / 2 - alpha * (w**2 + 3 * sin(w) ** 2), slope * (curvature - alpha)


def is_proved_positive(alpha: Any, low: float, high: float, deepest: int = 40) -> bool:
    """Whether interval arithmetic shows ½L′² > αL on [low, high], which it halves as need be.

    On an interval of midpoint m the slack is in S(m) + S′(interval)·(interval − m), by the mean
    value theorem: mpmath's intervals are rounded outwards, so that this holds of the exact one.
    """
    box = IV.mpf([low, high])
    middle = (low + high) / 2
    at_middle, _ = slack(IV.mpf(middle), alpha)
    _, slope = slack(box, alpha)
    if (at_middle + slope * (box - middle)).a > 0:
        return True
    return deepest > 0 and (
        is_proved_positive(alpha, low, middle, deepest - 1)
        and is_proved_positive(alpha, middle, high, deepest - 1)
    )


def test_the_pl_constant_of_the_rippled_bowl_is_proved():
    # By symmetry only w > 0 matters. Up to π/2 the sine of 2w is not negative, hence L′ ≥ 2w, and
    # L ≤ 4w²: ½L′² ≥ 2w² ≥ ½L. From 2.7 on ½L′² ≥ ½(2w − 3)², which exceeds α(w² + 3) as
    # (2w − 3)² − 0.36(w² + 3) has the roots 0.93… and 2.36…. Between, intervals.
    stated = RippledBowl().facts.polyak_lojasiewicz
    assert isinstance(stated, Constant)
    alpha = stated.value
    assert alpha <= 0.18 < 0.5
    roots = np.roots([4 - 0.36, -12, 9 - 3 * 0.36])
    assert roots.max() < 2.7
    assert is_proved_positive(IV.mpf(alpha), 1.57, 2.7)
    # 1e-12 more is too much, which the same intervals do not let through.
    with mpmath.workdps(40):
        assert (
            slack(mpmath.mpf("2.2017091764358485"), mpmath.mpf(alpha) + mpmath.mpf("1e-12"))[0] < 0
        )
    assert not is_proved_positive(IV.mpf(alpha) + 1e-12, 2.2, 2.21, deepest=12)


# -- BoundedSine -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("landscape", BoundedSine.examples(), ids=repr)
def test_sam_rests_where_the_gradient_is_not_zero(landscape: BoundedSine):
    beta, radius = float(landscape.beta), float(landscape.radius)
    starts = np.random.default_rng(4).uniform(-2 * radius, 2 * radius, (200, 1))
    runs = sweep(
        landscape, SAM, eta=[0.1 / beta, 1.0 / beta], rho=radius, starts=starts, n_steps=4000
    )
    assert (runs.outcome == Outcome.CONVERGED).all()
    assert (runs.attractor == -1).all()
    slopes = np.abs(landscape.gradient(runs.final.values)).ravel()
    expected = 3 * np.sqrt(3) / (10 * np.pi) * beta * radius
    np.testing.assert_allclose(slopes, expected, rtol=1e-6)
    # Critical is where the ascent leads.
    ascended = runs.final.values + radius * np.sign(landscape.gradient(runs.final.values))
    assert np.abs(landscape.gradient(ascended)).max() < 1e-6 * expected


# -- Beale -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_the_saddle_of_beale_attracts():
    landscape = Beale()
    threshold = 1 / 27.75
    runs = sweep(
        landscape, USAM, eta=1e-3, rho=[0.9 * threshold, 1.1 * threshold],
        starts=[(1e-3, 1 - 2e-3)], n_steps=60_000,
    ).squeeze()  # fmt: skip
    below, above = runs.final.values
    # Repelled, the run comes down the valley to the minimum, slowly: the curvature along it is 0.3.
    assert np.linalg.norm(below - (3, 0.5)) < 1e-3
    assert np.linalg.norm(above - (0, 1)) < 1e-6
    assert runs.attractor.values[1] == 1


@pytest.mark.slow
def test_stable_sam_is_gd_in_one_dimension_where_the_ascent_keeps_the_side():
    path, expected = (
        trajectory(RippledBowl(), a, [0.9], eta=0.05, rho=0.2, n_steps=30) for a in (StableSAM, GD)
    )
    np.testing.assert_allclose(path, expected, rtol=0, atol=30 * 8 * EPS)


# -- LogCoshRidge ------------------------------------------------------------------------------


def test_the_curvature_of_log_cosh_ridge_is_largest_on_its_kink():
    landscape = LogCoshRidge(direction=(1.4, -0.6), ridge=0.3, offset=0.7)
    v = landscape.direction
    kink = 0.7 * v / (v @ v)
    at = np.linalg.eigvalsh(landscape.hessian(np.stack([kink, -kink, np.zeros(2)])))
    assert at[0, 1] == pytest.approx(0.3 + v @ v, rel=1e-14)
    # The minimum lies on a slope of the curvature, so that its two sides differ.
    assert at[1, 1] < at[2, 1] < at[0, 1]
    np.testing.assert_allclose(at[:, 0], 0.3, rtol=1e-14)


# -- LinearNeuron, by its exponent -----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
def test_how_far_below_two_over_eta_gd_rests_depends_on_the_exponent(exponent: float):
    # 2/η − y² falls as η^{1/(b−1)}; halving η once tells the power from its neighbours.
    gaps = []
    for eta in (0.2, 0.1):
        landscape = LinearNeuron("power", exponent=exponent)
        start = (0.5, np.sqrt(3.0 / eta))
        run = sweep(landscape, GD, eta=eta, starts=[start], n_steps=int(400 / eta**2)).squeeze()
        gaps.append(2 / eta - float(run.final[1]) ** 2)
    assert min(gaps) > 0
    power = np.log2(gaps[0] / gaps[1])
    assert power == pytest.approx(1 / (exponent - 1), rel=0.1)


# -- ThresholdNeuron ---------------------------------------------------------------------------


def test_the_data_of_a_neuron_are_a_signal_on_one_input_each():
    landscape = ThresholdNeuron(n_inputs=40, n_examples=300, signal=50.0, seed=2)
    # Noise of 12,000 Gaussian numbers stays below 5, and the signal of 50 stands out.
    signed = landscape.inputs * landscape.labels[:, None]
    assert ((np.abs(landscape.inputs) > 25).sum(axis=1) == 1).all()
    assert (signed.max(axis=1) > 25).all()
    assert abs(landscape.labels.mean()) < 4 / np.sqrt(300)


def test_at_a_kink_the_unit_is_off():
    landscape = ThresholdNeuron(n_inputs=4, n_examples=5, signal=2.3, seed=3)
    k, i = 1, 2
    kink = -float(landscape.inputs[k, i])
    at = np.array([0.7, -0.4, kink])
    step = 1e-9
    below, here, above = landscape.gradient(
        at + step * np.array([[0, 0, -1], [0, 0, 0], [0, 0, 1]])
    )
    # From below the gradient is continuous; above, the unit of a⁺ has joined.
    np.testing.assert_allclose(here, below, rtol=0, atol=1e-7)
    assert abs(above[2] - here[2]) > 1e-3
    np.testing.assert_array_equal(landscape.reference_gradient(at)[2], pytest.approx(here[2]))
    losses = landscape.loss(at + step * np.array([[0, 0, -1], [0, 0, 0], [0, 0, 1]]))
    np.testing.assert_allclose(losses, losses[1], rtol=0, atol=1e-7)


@pytest.mark.slow
def test_a_neuron_learns_a_threshold_with_large_steps_and_with_sam():
    landscape = ThresholdNeuron(n_inputs=200, n_examples=300, signal=3.0)
    random = np.random.default_rng(5)
    start = (*random.standard_normal(2) / np.sqrt(400), 0.0)

    def threshold(algorithm: Algorithm, eta: float) -> float:
        path = trajectory(landscape, algorithm, start, eta=eta, rho=0.1, n_steps=int(8 / eta))
        return float(path[-1, 2])

    # After the same time ηt = 8: the larger the step, the lower the threshold; SAM needs none.
    assert threshold(GD, 0.012) < threshold(GD, 0.001) - 0.5
    assert threshold(SAM, 0.004) < threshold(GD, 0.004) - 0.5


# -- MatrixFactorisation -----------------------------------------------------------------------


def with_measurements(like: MatrixSensing, matrices: np.ndarray) -> MatrixSensing:
    """The same problem with other measurements, shape (m, rows, rows), symmetric."""
    i, j = np.triu_indices(like.rows)
    truth = like.truth_factor @ like.truth_factor.T
    targets = (matrices * truth).sum(axis=(1, 2))
    structure = jax.tree.structure(like)
    return jax.tree.unflatten(structure, (matrices[:, i, j], targets, like.truth_factor))


@pytest.mark.slow
@pytest.mark.parametrize("landscape", MatrixSensing.examples(), ids=repr)
def test_matrix_sensing_is_factorisation_on_average(landscape: MatrixSensing):
    # The loss is of second degree in A, so that its mean is that over any matrices with the second
    # moments of a symmetrised Gaussian: n eᵢeⱼᵀ, symmetrised, for all i and j of n rows.
    n = landscape.rows
    units = n * np.eye(n * n).reshape(n * n, n, n)
    units = (units + units.transpose(0, 2, 1)) / 2
    # E AᵢⱼAₖₗ, A = (G + Gᵀ)/2, is ½ where {i, j} = {k, l} as pairs, once for each way.
    moments = np.einsum("mij,mkl->ijkl", units, units) / n**2
    one = np.eye(n)
    ways = np.einsum("ik,jl->ijkl", one, one) + np.einsum("il,jk->ijkl", one, one)
    np.testing.assert_allclose(moments, ways / 2, rtol=0, atol=4 * EPS)
    average, population = with_measurements(landscape, units), landscape.population()
    points = probes(landscape.dim)
    assert (population.rows, population.width) == (landscape.rows, landscape.width)
    for quantity in ("loss", "gradient", "hessian"):
        found, expected = (getattr(one, quantity)(points) for one in (population, average))
        # Sums of n⁴ products at most, of the size of the largest.
        tolerance = 64 * n * EPS * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_the_more_measurements_the_nearer_matrix_sensing_is_to_its_average():
    # ⟨A, M⟩²/2 is Gaussian squared: mean ½‖M‖² and standard deviation ‖M‖²/√2, so that the loss of
    # m measurements is off by √(2/m) of itself, once in 400 by more than three times that.
    for m in (300, 30_000):
        landscape = MatrixSensing(4, 2, m, seed=8, width=3)
        points = probes(12, 3)
        ratio = landscape.loss(points) / landscape.population().loss(points)
        assert np.abs(ratio - 1).max() < 3 * np.sqrt(2 / m)
        assert np.abs(ratio - 1).max() > 0.03 * np.sqrt(2 / m)


def test_the_sharpest_direction_at_the_truth_is_four_times_its_eigenvalue():
    landscape = MatrixFactorisation(((0.9, 0.2), (-0.5, 0.6), (0.3, 1.2)), width=3)
    truth = landscape.truth_factor @ landscape.truth_factor.T
    at = np.pad(landscape.truth_factor, ((0, 0), (0, 1))).ravel()
    top = np.linalg.eigvalsh(truth)[-1]
    assert np.linalg.eigvalsh(landscape.hessian(at))[-1] == pytest.approx(4 * top, rel=32 * EPS)


@pytest.mark.parametrize(
    "factor", [np.eye(3)[:, :2], np.diag([0.9, 1.0, 1.1, 1.2])], ids=["same", "many"]
)
def test_where_not_all_critical_points_are_listed_it_says_so(factor: np.ndarray):
    facts = MatrixFactorisation(factor).facts
    assert not facts.complete
    assert [one.name for one in facts.critical_sets] == ["recovery UUᵀ = X*", "origin"]


@pytest.mark.slow
def test_from_beside_each_of_its_saddles_gd_goes_down_to_the_truth():
    landscape = MatrixFactorisation(((0.9, 0.2), (-0.5, 0.6), (0.3, 1.2)), width=2)
    saddles = [one for one in landscape.facts.critical_sets if one.kind is not CriticalKind.MINIMUM]
    starts = np.concatenate([one.points for one in saddles]) + 1e-3 * probes(6, len(saddles))
    runs = sweep(landscape, GD, eta=0.05, starts=starts, n_steps=3000)
    assert len(saddles) == 3
    assert (runs.attractor == 0).all()
