"""Sharpness along training: on the quick data it is at the edge that the dossier gives."""

from __future__ import annotations

import numpy as np
import pytest

import figures
from dynamics import GD, SAM, USAM, StableSAM
from proofs_check.evidence import value
from proofs_check.laws.sharpness_edge import edge
from proofs_check.predictions import cycle_amplitude
from proofs_check.symbols import curvature, eta, gradient_norm, rho
from tests.support.figure_cases import quick, smallest

pytestmark = pytest.mark.figures


def test_draws_the_sharpness_it_is_given():
    data = smallest("sam_edge").copy(deep=True)
    data["sharpness"][1] = np.linspace(1, 4.5, data.sizes["step"])
    canvas = figures.sam_edge.draw(data)
    drawn = [np.asarray(line.get_ydata()) for line in canvas.axes[1].lines]
    assert sum(np.array_equal(line, data.sharpness[1]) for line in drawn) == 1


def test_edges_by_hand():
    at = {eta: 0.1, rho: np.array([0.01, 0.1, 1.0])}
    assert value(edge(USAM), at) == pytest.approx([17.08, 10.0, 4.0], abs=0.005)
    assert value(edge(USAM), {eta: 0.2, rho: 0.1}) == pytest.approx(6.180, abs=5e-4)
    assert value(edge(GD), {eta: 0.1}) == pytest.approx(20.0)
    for algorithm, norm in ((USAM, 1.0), (SAM, 0.7)):
        published = norm / (2 * 0.3) * (np.sqrt(1 + 8 * 0.3 / (0.1 * norm)) - 1)
        ours = value(edge(algorithm), {eta: 0.1, rho: 0.3, gradient_norm: norm})
        assert ours == pytest.approx(published)
    assert edge(StableSAM) == edge(GD)


def test_the_edge_is_computed_without_cancellation():
    rates, radii = np.array([0.4, 3e-3]), np.array([1e-14, 0.2])
    norms = np.array([50.0, 1e-7])
    lam = value(edge(SAM), {eta: rates, rho: radii, gradient_norm: norms})
    assert rates * lam * (1 + radii * lam / norms) == pytest.approx(2, rel=1e-14)


def test_the_cycle_of_a_quadratic_is_at_the_edge():
    on_cycle = edge(SAM).subs(gradient_norm, curvature * cycle_amplitude(SAM))
    cases = ({eta: 0.3, rho: 0.2, curvature: 4.1}, {eta: 1.1, rho: 0.7, curvature: 1.2})
    for at in cases:
        assert value(on_cycle, at) == pytest.approx(at[curvature], rel=1e-12)
    assert value(edge(SAM), {eta: 0.3, rho: 0.0, gradient_norm: 0.7}) == pytest.approx(2 / 0.3)


def test_gd_and_usam_rest_below_their_edges():
    last = quick("sam_edge").isel(step=-1)
    assert last.sharpness.sel(algorithm="GD").item() == pytest.approx(4.361, abs=5e-4)
    assert last.sharpness.sel(algorithm="USAM").item() == pytest.approx(3.033, abs=5e-4)
    assert last.edge.sel(algorithm="GD").item() == last.edge_of_gd.item() == 5.0
    assert last.edge.sel(algorithm="USAM").item() == pytest.approx(3.660, abs=5e-4)


def test_sam_follows_its_edge_down():
    data = quick("sam_edge").sel(algorithm="SAM")
    late = data.sel(step=slice(25, None))
    assert late.sharpness.values == pytest.approx(late.edge.values, rel=6e-3)
    assert (data.edge < data.edge_of_gd).all()
    assert late.edge[-1] < 1e-3
    early = data.sel(step=slice(None, 9))
    assert (early.sharpness < 0.8 * early.edge).all()


@pytest.mark.parametrize(
    ("run", "by_step"),
    [(0, {30: 0.9974, 100: 0.9972, 1000: 0.9960}), (1, {300: 1.0103, 1000: 1.0005, 19999: 0.9990})],
)
def test_the_quotients_are_those_measured_elsewhere(run: int, by_step: dict[int, float]):
    one = quick("sam_edge").ratio.isel(product=run)
    for step, ratio in by_step.items():
        # Steps are 13 % apart: interpolated; four digits were written down.
        assert one.interp(late=step).item() == pytest.approx(ratio, abs=1.5e-4)


def test_the_quotient_tends_to_the_prediction():
    data = quick("sam_edge")
    product = (data.tail_eta * data.tail_rho**2).values
    assert data.limit.values == pytest.approx(1 - product, abs=2 * product.max() ** 2)
    assert data.ratio.isel(late=-1).values == pytest.approx(data.limit.values, rel=1e-8)
