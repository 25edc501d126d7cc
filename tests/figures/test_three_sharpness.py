"""Three notions of sharpness: where each method ends, how fast, and what finite steps change."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dynamics import SAM, Place, trajectory
from dynamics.algorithms.vector import ArrayVector
from figures.plates.three_sharpness import ascent_loss_descent
from landscapes import ThreeSharpness
from proofs_check.laws.sharpness_flow import TOP, velocity
from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures


def ends(algorithm: str) -> dict[float, tuple[float, float]]:
    data = quick("three_sharpness")
    mine = data.isel(run=np.flatnonzero(data.run_algorithm == algorithm))
    columns = (mine.run_eta.values, mine.end.values, mine.end_error.values)
    return {eta: (a, error) for eta, a, error in zip(*columns, strict=True)}


def test_sam_ends_where_the_top_curvature_is_least():
    assert all(a == pytest.approx(1.0, abs=5e-4) for a, _ in ends("SAM").values())


def test_one_sam_ends_where_its_finite_step_law_says():
    data, found = quick("three_sharpness"), ends("1-SAM")
    limits = data.limit.sel(algorithm="1-SAM")
    # Stationary points of the law with its gains, found elsewhere to four digits.
    for eta, limit in {0.02: 0.4973, 0.01: 0.4148, 0.005: 0.3739}.items():
        assert np.interp(eta, data.curve, limits) == pytest.approx(limit, abs=2e-4)
        a, error = found[eta]
        assert abs(a - limit) < 3.5 * error + 5e-4
        assert a - 1 / 3 > 5 * error
    # 200 runs of another sample, averaged over time: standard errors of 0.0006 to 0.0011.
    for eta, mean in {0.02: 0.4979, 0.01: 0.4149, 0.005: 0.3741}.items():
        assert abs(found[eta][0] - mean) < 4 * found[eta][1]
    assert limits.values[0] == pytest.approx(1 / 3, abs=1e-3)


def test_gd_on_the_ascent_loss_needs_small_steps():
    found = ends("GD on the ascent loss")
    assert found[1e-4][0] == pytest.approx(-1.0, abs=5e-5)
    assert found[1e-3][0] == pytest.approx(-0.079, abs=5e-4)


def test_the_error_of_the_first_order_flow_is_of_the_order_of_the_step():
    data = quick("three_sharpness")
    per_eta = (data.error.sel(which="small") / data.rate).values
    assert per_eta == pytest.approx([5.99, 5.70, 5.55, 5.48], abs=0.005)
    assert (data.error.sel(which="finite") < 1.7e-5).all()
    assert data.error.sel(which="small").values == pytest.approx(
        data.error.sel(which="between").values, rel=1e-3
    )


def test_paths_follow_the_flows():
    data = quick("three_sharpness")
    away = np.abs(data.path - data.flow).max(("time", "dim"))
    # A single run of 1-SAM: its a has a standard deviation of 0.01 to 0.02.
    bounds = {"GD": 0.01, "SAM": 0.01, "1-SAM": 0.08, "GD on the ascent loss": 0.01}
    for algorithm, bound in bounds.items():
        assert away.sel(algorithm=algorithm) < bound
    # Without the gains SAM would be as far off as the flows are from each other.
    assert np.abs(data.path - data.flow_small).sel(algorithm="SAM").max() > 0.05


def test_the_gains_by_hand():
    # At a = −0.2, b = 0: λ₁ = 14.88, ∂λ₁/∂a = −4.8; 2/(2 − 0.05 · 14.88) = 1.5924.
    drift = velocity(TOP, (-0.2, 0.0), 0.05)
    assert drift == pytest.approx([2.4 * (2 / (2 - 0.05 * 14.88)) ** 2, 0.0])
    assert velocity(TOP, (-0.2, 0.0), 0.0) == pytest.approx([2.4, 0.0])


def test_sam_is_on_its_cycle_and_aligned():
    eta, rho = 0.02, 0.1
    start = (-0.2, 0.8, 0.3, 0.4)
    path = trajectory(ThreeSharpness(), SAM, start, eta=eta, rho=rho, n_steps=30_000)
    a, b, u, _ = path[-1]
    curvature = 2 * (6 + (a - 1) ** 2 + b * b)
    assert abs(u) == pytest.approx(eta * rho * curvature / (2 - eta * curvature), rel=1e-5)
    # The angle between g and the top mode, 0.90 to 0.92 of ηρ on the way at b = 0 …
    eta, rho, start = 0.01, 0.02, (-0.2, 0.0, 0.01, 1e-5)
    on_way = trajectory(ThreeSharpness(), SAM, start, eta=eta, rho=rho, n_steps=75_000)
    g = np.asarray(ThreeSharpness().gradient(on_way[-2000:]))
    sines = np.linalg.norm(g[:, [0, 1, 3]], axis=-1) / np.linalg.norm(g, axis=-1)
    assert sines.max() < 0.92 * eta * rho


def test_the_ascent_losss_gradient_is_its_gradient():
    landscape, rho = ThreeSharpness(), 0.05
    at = np.array([0.2, 0.5, 0.3, 0.4])

    def ascent_loss(w: np.ndarray) -> float:
        g = np.asarray(landscape.gradient(w))
        return float(landscape.loss(w + rho * g / np.linalg.norm(g)))

    def gradient(v: ArrayVector) -> ArrayVector:
        return ArrayVector(landscape.gradient_of(v.components))

    with jax.enable_x64(True):
        here = Place(ArrayVector(tuple(map(jax.numpy.asarray, at))), gradient, gradient, lambda: 1)
        ascended = Place(here.w + rho * here.g.unit(), gradient, gradient, lambda: 1)
        found = np.array([float(c) for c in ascent_loss_descent(here, ascended, rho).components])
    steps = 1e-6 * np.eye(4)
    expected = [(ascent_loss(at + e) - ascent_loss(at - e)) / 2e-6 for e in steps]
    # Central differences of losses of about 1: rounding 1e-10, truncation 1e-12 times a constant.
    assert found == pytest.approx(np.array(expected), abs=2e-9)
