"""SAM's drift along a valley: the quick data agree with the law for finite steps."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import figures
from dynamics import SAM
from proofs_check.evidence import value
from proofs_check.laws.valley_drift import curvature_slope, drift, small_step_drift, speed_up
from proofs_check.symbols import curvature, eta, h
from tests.support.figure_cases import quick, smallest

pytestmark = pytest.mark.figures


def test_draws_the_drifts_it_is_given():
    data = smallest("drift_law").copy(deep=True)
    data["over_small"][0, 0] = np.arange(data.sizes["h"]) + 2.5
    data["found"][0, 0] = 1
    canvas = figures.drift_law.draw(data)
    drawn = [np.asarray(line.get_ydata()) for line in canvas.axes[0].lines]
    assert sum(np.array_equal(line, data.over_small[0, 0]) for line in drawn) == 1


def test_laws_by_hand():
    at = {eta: 0.7, curvature: 1.9, curvature_slope: -0.8}
    assert value(drift(SAM), at) == pytest.approx(2 * 0.7 * 0.8 / (2 - 0.7 * 1.9) ** 2)
    assert value(small_step_drift(SAM), at) == pytest.approx(0.5 * 0.7 * 0.8)
    factors = value(speed_up(SAM), {h: np.array([0.05, 1.0, 1.7])})
    assert factors == pytest.approx([1.05194, 4.0, 44.4444], rel=1e-5)
    # 1 + h/(2 − h) = 2/(2 − h): the same law in another form.
    assert sympy.simplify(speed_up(SAM) - (1 + h / (2 - h)) ** 2) == 0


@pytest.mark.parametrize(
    ("valley", "by_step"),
    [
        ("ravine", {1.0: 1.0, 1.3: 1.00002, 1.7: 1.0011, 1.9: 1.007}),
        ("log cosh xy", {1.0: 1.0, 1.3: 1.00001, 1.7: 1.0014, 1.9: 1.005}),
        ("skewed ravine", {1.0: 0.99999, 1.3: 0.99998, 1.7: 1.0005, 1.9: 1.005}),
    ],
)
def test_the_law_holds_as_it_does_elsewhere(valley: str, by_step: dict[float, float]):
    one = quick("drift_law").over_finite.sel(valley=valley, rho=0.001)
    for step, ratio in by_step.items():
        # As many digits as were written down.
        unit = 1e-5 if step < 1.5 else 1e-4 if step < 1.8 else 1e-3
        assert one.sel(h=step, method="nearest").item() == pytest.approx(ratio, abs=0.6 * unit)


def test_the_law_for_small_steps_falls_short_by_the_predicted_factor():
    data = quick("drift_law").sel(rho=0.001)
    assert data.found.all()
    predicted = value(speed_up(SAM), {h: data.here.values})
    assert data.over_small.values == pytest.approx(predicted, rel=8e-3)
    assert data.over_small.max() > 60


def test_a_large_radius_in_a_skewed_ravine():
    one = quick("drift_law").sel(valley="skewed ravine", rho=0.1)
    assert one.over_finite.sel(h=1.3, method="nearest").item() == pytest.approx(0.91, abs=0.005)
    assert not one.found.sel(h=slice(1.71, None)).any()
    assert not quick("drift_law").sel(valley="ravine", rho=0.1).found.values[-1]


def test_what_it_leaves_out_is_of_second_order():
    worst = quick("drift_law").worst
    orders = np.log(worst.sel(rho=0.002) / worst.sel(rho=0.001)) / np.log(2)
    assert orders.values == pytest.approx(2.0, abs=0.2)


def test_the_ways_are_those_measured_elsewhere():
    data = quick("drift_law").isel(time=-1)
    # Runs end within a step of the time 1: at ηλ = 1.2 there are 667, of 0.4 % in y each.
    runs = {0.1: (0.34149, 0.36793), 0.6: (0.21301, 0.36797), 1.2: (0.08804, 0.36825)}
    for step, (height, small) in (runs | {1.6: (0.03550, 0.36800)}).items():
        one = data.sel(way_h=step)
        assert one.way.item() == pytest.approx(height, rel=5e-3)
        assert one.law.sel(which="small steps").item() == pytest.approx(small, rel=2e-3)
    # The law is of leading order in ρ, which is 0.05 and 0.02.
    assert data.law.sel(which="finite steps").values == pytest.approx(data.way.values, rel=0.015)
