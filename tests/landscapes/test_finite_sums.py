"""Means over examples: the contract of the examples, and what each landscape is there for."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscapes import CrossedValleys, FiniteSum, QuadraticSum, RidgeRegression, ThreeSharpness
from tests.landscapes.test_landscapes import rounding
from tests.support.cases import each_landscape, instances, probes

EPS = np.finfo(np.float64).eps
SUMS: list[Any] = [one for one in instances() if isinstance(one, FiniteSum)]
each_sum = each_landscape(SUMS)


def example_gradients(landscape: FiniteSum, w: np.ndarray) -> np.ndarray:
    return np.array([landscape.example_gradient(w, i) for i in range(landscape.n_examples)])


def example_size(landscape: FiniteSum, w: np.ndarray) -> float:
    """What two ways of computing the gradient of one example may differ by at the point w.

    As in `rounding`, which is about the mean; an example may be n times as curved.
    """
    return landscape.n_examples * rounding(landscape, w)


# -- the contract ----------------------------------------------------------------------------


def test_there_are_sums_of_several_kinds_and_sizes():
    assert len({type(one) for one in SUMS}) >= 3
    assert len({one.n_examples for one in SUMS}) >= 3
    assert all(type(one.n_examples) is int and one.n_examples > 0 for one in SUMS)


@pytest.mark.slow
@each_sum
def test_the_loss_is_the_mean_over_the_examples(landscape: FiniteSum):
    for w in probes(landscape.dim, 3):
        parts = landscape.split(jnp.asarray(w))
        singly = [float(landscape.example_loss(parts, i)) for i in range(landscape.n_examples)]
        tolerance = example_size(landscape, w)
        np.testing.assert_allclose(landscape.loss(w), np.mean(singly), rtol=0, atol=tolerance)
        by_default = FiniteSum.loss_of(landscape, parts)
        np.testing.assert_allclose(float(by_default), np.mean(singly), rtol=0, atol=tolerance)


@each_sum
def test_the_gradient_is_the_mean_over_the_examples(landscape: FiniteSum):
    for w in probes(landscape.dim, 3):
        each = example_gradients(landscape, w)
        tolerance = example_size(landscape, w)
        np.testing.assert_allclose(landscape.gradient(w), each.mean(axis=0), atol=tolerance, rtol=0)
        by_default = FiniteSum.reference_gradient(landscape, w)
        np.testing.assert_allclose(landscape.gradient(w), by_default, atol=tolerance, rtol=0)


@each_sum
def test_an_examples_gradient_is_the_derivative_of_its_loss(landscape: FiniteSum):
    slope = jax.jit(jax.grad(lambda w, i: landscape.example_loss(landscape.split(w), i)))
    for w in probes(landscape.dim, 3):
        for i in range(landscape.n_examples):
            expected = np.asarray(slope(jnp.asarray(w), i))
            found = landscape.example_gradient(w, i)
            np.testing.assert_allclose(found, expected, rtol=0, atol=example_size(landscape, w))


@each_sum
def test_an_examples_gradient_is_its_reference_gradient(landscape: FiniteSum):
    for w in probes(landscape.dim, 3):
        for i in range(landscape.n_examples):
            np.testing.assert_allclose(
                landscape.example_gradient(w, i),
                landscape.reference_example_gradient(w, i),
                rtol=0,
                atol=example_size(landscape, w),
            )


@each_sum
def test_the_examples_differ(landscape: FiniteSum):
    # … or the suites above would not see that one is taken for another. Two may be alike.
    each = example_gradients(landscape, probes(landscape.dim)[0])
    assert len(np.unique(each.round(4), axis=0)) >= max(2, len(each) - 1)


@each_sum
def test_compiled_code_takes_the_example_as_a_number(landscape: FiniteSum):
    w = probes(landscape.dim)[0]

    def traced(landscape: Any, w: Any, example: Any) -> Any:
        parts = landscape.split(w)
        found = landscape.example_gradient_of(parts, example)
        assert [part.shape for part in found] == [part.shape for part in parts]
        return landscape.join(found)

    every = jnp.arange(landscape.n_examples)
    mapped = jax.jit(jax.vmap(traced, (None, None, 0)))(landscape, jnp.asarray(w), every)
    # As an argument of compiled code its data are traced; as a constant of it, they are NumPy's.
    closed = jax.jit(jax.vmap(lambda i: traced(landscape, jnp.asarray(w), i)))(every)
    for found in (mapped, closed):
        np.testing.assert_allclose(
            np.asarray(found),
            example_gradients(landscape, w),
            rtol=0,
            atol=example_size(landscape, w),
        )


@each_sum
def test_points_of_one_example_come_in_batches_and_in_float64(landscape: FiniteSum):
    last = landscape.n_examples - 1
    points = probes(landscape.dim, 6).reshape(2, 3, landscape.dim)
    with jax.enable_x64(False):
        together = landscape.example_gradient(points, last)
    assert isinstance(together, np.ndarray)
    assert together.dtype == np.float64
    singly = [[landscape.example_gradient(w, last) for w in row] for row in points]
    tolerance = example_size(landscape, points[0, 0])
    np.testing.assert_allclose(together, singly, rtol=0, atol=tolerance)
    inside = jax.jit(lambda w: landscape.example_gradient(w, last))(jnp.asarray(points))
    assert isinstance(inside, jax.Array)
    np.testing.assert_allclose(np.asarray(inside), singly, rtol=0, atol=tolerance)


@each_sum
@pytest.mark.parametrize("example", [-1, "n", 1.0, True, None, "0"])
def test_what_is_no_example_is_refused(landscape: FiniteSum, example: Any):
    n = landscape.n_examples
    given = n if example == "n" else example
    asked: Any = inspect.unwrap(type(landscape).example_gradient)
    with pytest.raises(ValueError, match=rf"example must be a whole number >= 0 and <= {n - 1}"):
        asked(landscape, probes(landscape.dim)[0], given)


@each_sum
def test_a_point_of_another_dimension_is_refused(landscape: FiniteSum):
    with pytest.raises(ValueError, match=r"w must be a point of .*shape"):
        landscape.example_gradient(np.full(landscape.dim + 1, 0.3), 0)


@pytest.mark.slow
@each_landscape([one for one in SUMS if jax.tree.leaves(one)])
def test_sums_of_one_structure_may_be_stacked(landscape: FiniteSum):
    # Along a leading axis of their data, as `dynamics.batched` has them: n is that of each.
    other = jax.tree.map(lambda leaf: 1.1 * leaf, landscape)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), landscape, other)
    points, last = jnp.asarray(probes(landscape.dim, 2)), landscape.n_examples - 1

    def at(one: Any, w: Any) -> Any:
        assert one.n_examples == landscape.n_examples
        return one.join(one.example_gradient_of(one.split(w), last))

    found = np.asarray(jax.vmap(at)(stacked, points))
    singly = [np.asarray(at(one, w)) for one, w in zip((landscape, other), points, strict=True)]
    tolerance = 4 * example_size(landscape, np.asarray(points[1]))
    np.testing.assert_allclose(found, singly, rtol=0, atol=tolerance)


# -- QuadraticSum ------------------------------------------------------------------------------


def above_least(landscape: QuadraticSum, w: float) -> float:
    """The loss at w above the least."""
    least = landscape.facts.minimum_loss
    assert isinstance(least, float)
    return float(landscape.loss(np.array([w]))) - least


def settled(landscape: FiniteSum, w: float, rho: float, unit: bool) -> float:
    """The mean, over the examples, of the gradient at the ascent point of each: SAM's or USAM's."""
    slopes = example_gradients(landscape, np.array([w]))
    ascents = w + rho * (np.sign(slopes) if unit else slopes)
    return float(np.mean([landscape.example_gradient(at, i) for i, at in enumerate(ascents)]))


def test_sam_on_one_example_at_a_time_settles_off_the_minimum():
    landscape = QuadraticSum.around((1, 1, -2))
    for rho in (0.3, 1.1, 2.9):
        assert landscape.gradient(np.zeros(1)) == 0
        # ρ/3 balances two examples that push down by 1 and are pushed by ρ, and one by −2 and −ρ.
        assert settled(landscape, rho / 3, rho, unit=True) == pytest.approx(0, abs=4 * EPS)
        gap = above_least(landscape, rho / 3)
        assert gap == pytest.approx(rho**2 / 18, rel=8 * EPS)
    assert abs(settled(landscape, 3.1 / 3, 3.1, unit=True)) > 0.1


def test_usam_on_one_example_at_a_time_settles_off_the_minimum():
    landscape = QuadraticSum.around((1, -0.1), curvatures=(1, 10))
    rho = 0.2
    assert landscape.gradient(np.zeros(1)) == 0
    # Its ascent multiplies the slope aᵢ(w − bᵢ) by 1 + ρaᵢ: 1.2(w − 1) + 30(w + 0.1) = 0.
    at = -1.8 / 31.2
    assert settled(landscape, at, rho, unit=False) == pytest.approx(0, abs=16 * EPS)
    gap = above_least(landscape, at)
    assert gap == pytest.approx(5.5 * at**2 / 2, rel=8 * EPS)


@pytest.mark.parametrize(("mu", "beta"), [(1.0, 4.0), (0.5, 2.0), (0.01, 1.5)])
def test_no_convexity_of_the_mean_keeps_sam_near_the_minimum(mu: float, beta: float):
    rho = 0.1
    off = (beta / mu - 1) * rho
    landscape = QuadraticSum.opposed(mu, beta, slope=4 * beta * off)
    assert landscape.facts.minimum_loss == 0
    assert landscape.facts.critical_sets[0].points[0, 0] == 0
    np.testing.assert_allclose(landscape.mean.spectrum, [mu], rtol=4 * EPS * beta / mu)
    assert settled(landscape, off, rho, unit=True) == pytest.approx(0, abs=32 * EPS * beta * off)
    gap = above_least(landscape, off)
    assert gap == pytest.approx((beta - mu) ** 2 * rho**2 / (2 * mu), rel=16 * EPS * beta / mu)
    # It is one example that is not convex: both curvatures are as stated, and their mean is μ.
    assert landscape.curvatures.ravel().tolist() == [2 * mu - beta, beta]


def test_the_centre_of_an_example_is_where_its_gradient_is_zero():
    random = np.random.default_rng(4)
    centres, matrices = random.standard_normal((3, 2)), random.standard_normal((3, 2, 2))
    whole = matrices @ matrices.transpose(0, 2, 1)
    for curvatures in (None, random.uniform(0.3, 2, (3, 2)), whole):
        landscape = QuadraticSum.around(centres, curvatures)
        for i, centre in enumerate(centres):
            assert np.abs(landscape.example_gradient(centre, i)).max() <= 16 * EPS
            assert np.abs(landscape.example_gradient(centre, (i + 1) % 3)).max() > 0.1


# -- RidgeRegression ---------------------------------------------------------------------------


@pytest.mark.parametrize("landscape", RidgeRegression.examples(), ids=lambda one: one.n_examples)
def test_the_minimum_of_a_ridge_regression_is_that_of_least_squares(landscape: RidgeRegression):
    # The penalty is one more input for each coordinate, of target 0.
    n, ridge = landscape.n_examples, float(landscape.ridge)
    rows = np.concatenate([landscape.inputs, np.sqrt(n * ridge) * np.eye(landscape.dim)])
    targets = np.concatenate([landscape.targets, np.zeros(landscape.dim)])
    minimiser, rest, *_ = np.linalg.lstsq(rows, targets)
    np.testing.assert_allclose(landscape.minimiser, minimiser, rtol=0, atol=64 * EPS)
    assert landscape.facts.minimum_loss == pytest.approx(float(rest[0]) / (2 * n), rel=64 * EPS)


def test_each_example_is_as_convex_as_the_ridge_and_as_smooth_as_its_input_says():
    landscape = RidgeRegression.drawn(6, 3, ridge=0.4, seed=1)
    for i, x in enumerate(landscape.inputs):
        zero = np.zeros(3)
        columns = [
            landscape.example_gradient(v, i) - landscape.example_gradient(zero, i)
            for v in np.eye(3)
        ]
        found = np.linalg.eigvalsh(np.array(columns))
        np.testing.assert_allclose(found, [0.4, 0.4, 0.4 + x @ x], rtol=0, atol=32 * EPS)


def test_drawn_data_lie_in_the_unit_ball_and_are_decided_by_the_seed():
    landscape = RidgeRegression.drawn(400, ridge=0.1, seed=3)
    lengths = np.linalg.norm(landscape.inputs, axis=1)
    assert landscape.inputs.shape == (400, 5)
    assert lengths.max() <= 1 + 2 * EPS
    assert lengths.min() < 0.9  # not all of them are shortened
    assert np.abs(landscape.targets).max() == 1
    assert 0.2 < (np.abs(landscape.targets) < 1).mean() < 0.95
    again, other = (RidgeRegression.drawn(400, ridge=0.1, seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(landscape.inputs, again.inputs)
    assert not np.array_equal(landscape.inputs, other.inputs)
    # Without noise the targets are on a plane, but for those that are clipped.
    plain = RidgeRegression.drawn(50, 2, ridge=0.1, noise=0.0, seed=3)
    inside = np.abs(plain.targets) < 1
    fitted, *_ = np.linalg.lstsq(plain.inputs[inside], plain.targets[inside])
    np.testing.assert_allclose((plain.inputs @ fitted)[inside], plain.targets[inside], atol=1e-14)


def test_a_neighbour_differs_in_one_example_only():
    landscape = RidgeRegression.drawn(9, ridge=0.3, seed=6)
    other = landscape.neighbour(4, (0.3, -0.2, 0.1, 0.4, -0.6), 0.7)
    w = probes(5)[0]
    before, after = (example_gradients(one, w) for one in (landscape, other))
    differ = (before != after).any(axis=1)
    assert differ.tolist() == [i == 4 for i in range(9)]
    by_hand = (np.dot((0.3, -0.2, 0.1, 0.4, -0.6), w) - 0.7) * np.array((0.3, -0.2, 0.1, 0.4, -0.6))
    np.testing.assert_allclose(after[4], by_hand + 0.3 * w, rtol=0, atol=8 * EPS)
    # The one that it was made from is as it was.
    fresh = RidgeRegression.drawn(9, ridge=0.3, seed=6)
    np.testing.assert_array_equal(landscape.inputs, fresh.inputs)
    np.testing.assert_array_equal(landscape.targets, fresh.targets)


def test_neighbours_share_what_is_compiled():
    one, other = RidgeRegression.drawn_pair(9, ridge=0.3, seed=6)
    same = (one.inputs == other.inputs).all(axis=1) & (one.targets == other.targets)
    assert same.tolist() == [True] * 8 + [False]
    assert jax.tree.structure(one) == jax.tree.structure(other)
    traces = []

    @jax.jit
    def counted(landscape: Any, w: Any) -> Any:
        traces.append(1)
        return landscape.example_gradient_of(landscape.split(w), 2)

    for landscape in (one, other, one.neighbour(0, np.ones(5), 1.0)):
        counted(landscape, jnp.asarray(probes(5)[0]))
    assert len(traces) == 1


# -- CrossedValleys ----------------------------------------------------------------------------


def test_the_mean_of_crossed_valleys_is_the_loss_of_three_sharpnesses():
    ours, other = CrossedValleys(), ThreeSharpness()
    np.testing.assert_array_equal(ours.loss(probes(4)), other.loss(probes(4)))
    assert ours.symbolic() == other.symbolic()


def test_at_the_minima_each_example_is_curved_in_one_direction():
    landscape = CrossedValleys()
    sharp = [4 * landscape.sharpnesses(w)["worst"] for w in minima(landscape)]
    flat = [4 * landscape.sharpnesses(w)["ascent"] for w in minima(landscape)]
    for example, expected, axis in ((0, sharp, 2), (1, flat, 3)):
        slope = jax.jit(jax.jacfwd(lambda w, i=example: landscape.example_gradient(w, i)))
        for w, curvature in zip(minima(landscape), expected, strict=True):
            only = np.zeros((4, 4))
            only[axis, axis] = curvature
            np.testing.assert_allclose(np.asarray(slope(jnp.asarray(w))), only, rtol=4 * EPS)


def minima(landscape: CrossedValleys) -> np.ndarray:
    return landscape.facts.critical_sets[0].points


@pytest.mark.slow
def test_sam_on_one_example_at_a_time_goes_where_the_trace_is_smallest_as_the_step_vanishes():
    # Bouncing at the amplitude ηρΛ/(2 − ηΛ) of its curvature Λ, an example moves a by
    # −2ηρ²/(2 − ηΛ)² · ∂Λ/∂a each time that it is drawn: at rest these balance, 2u₁(a − 1) +
    # u₂(a + 1) = 0 with u = (2 − ηΛ)⁻², so that a = ⅓ only as η → 0.
    landscape, eta, rho, n_runs, n_steps = CrossedValleys(), 0.02, 0.1, 200, 15_000
    a = 1 / 3
    for _ in range(50):
        at = np.array([a, 0.0, 0.0, 0.0])
        sharpnesses = landscape.sharpnesses(at)
        first, second = ((2 - eta * 4 * sharpnesses[k]) ** -2 for k in ("worst", "ascent"))
        a = (2 * first - second) / (2 * first + second)

    def step(points: Any, key: Any) -> tuple[Any, Any]:
        drawn = jax.random.randint(key, (n_runs,), 0, 2)
        gradient = jax.vmap(landscape.example_gradient_of)
        slopes = gradient(landscape.split(points), drawn)
        norm = jnp.sqrt(sum(g * g for g in slopes))
        scale = rho / jnp.where(norm == 0, 1.0, norm)
        ascent = tuple(w + scale * g for w, g in zip(landscape.split(points), slopes, strict=True))
        return points - eta * landscape.join(gradient(ascent, drawn)), points[:, 0].mean()

    start = jnp.tile(jnp.array([0.33, 0.3, 0.05, 0.05]), (n_runs, 1))
    keys = jax.random.split(jax.random.key(9), n_steps)
    ends, means = jax.jit(lambda: jax.lax.scan(step, start, keys))()
    # The last third is 5,000 steps of 200 runs; the runs alone would leave this standard error.
    error = float(ends[:, 0].std()) / np.sqrt(n_runs)
    found = float(means[2 * n_steps // 3 :].mean())
    assert found == pytest.approx(a, abs=3 * error)
    assert error < 0.005 and a - 1 / 3 > 0.15
