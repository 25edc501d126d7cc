"""Where SAM ends on the sine, and its losses on quadratics between two bounds."""

from __future__ import annotations

import numpy as np
import pytest

from dynamics import GD, SAM
from figures.plates.non_stationary import resting_points
from proofs_check.predictions import cycle_amplitude
from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures


def test_sam_ends_at_points_that_are_not_stationary_from_everywhere():
    data = quick("non_stationary")
    slopes = data.slope.sel(algorithm="SAM").values
    assert data.rest_slope.item() == pytest.approx(3 * 3**0.5 / (10 * np.pi), rel=1e-12)
    assert data.rest_slope.item() == pytest.approx(0.16540, abs=5e-6)
    assert slopes == pytest.approx(data.rest_slope.item(), rel=1e-9)
    # Of βρ = 0.6 that is what was measured elsewhere.
    assert 0.6 * slopes == pytest.approx(0.09924, abs=5e-6)
    ends = data.end.sel(algorithm="SAM").values[..., None]
    assert np.abs(ends - data.rest.values).min(axis=-1).max() < 1e-9


def test_gd_does_become_stationary():
    assert quick("non_stationary").slope.sel(algorithm="GD").max() < 1e-9


def test_points_of_rest_are_those_of_sam_alone():
    # cos(5π(w ± ρ)/3ρ) = 0 and sin > 0 after an ascent up the slope.
    assert len(resting_points(SAM, 0.3)) == 5
    at = 5 * np.pi * (resting_points(SAM, 0.3)) / 0.9
    assert np.abs(np.cos(at)) == pytest.approx(3**0.5 / 2)
    assert len(resting_points(GD, 0.3)) == 0


def test_the_losses_are_between_the_bounds_and_those_of_the_cycle():
    data = quick("non_stationary")
    assert (data.reached <= data.upper).all()
    assert (data.reached >= data.lower).all()
    ratio = data.reached / data.cycle
    # A hundred steps are few for curvatures of 100 : 1.
    assert np.abs(ratio - 1).max() < 0.03
    assert np.abs(ratio.sel(budget=slice(1000, None)) - 1).max() < 1e-3


def test_the_rate_is_that_measured_elsewhere():
    data = quick("non_stationary")
    steps = data.budget.values.astype(float)
    measured = {10.0: {1e3: 0.61, 1e4: 0.51, 1e5: 0.50}, 100.0: {1e4: 0.67, 1e5: 0.52}}
    for k, table in measured.items():
        worst = data.reached.sel(condition=k).max("run").values
        scaled = worst * steps**2 / (k**3 * np.log(k * steps) ** 2)
        for n_steps, number in table.items():
            at = np.argmin(np.abs(np.log(steps / n_steps)))
            assert steps[at] == pytest.approx(n_steps, rel=0.01)
            # It falls by 0.08 over a tenth of the logarithm, hence by 0.001 over a hundredth.
            assert scaled[at] == pytest.approx(number, abs=0.0065)


def test_the_step_size_is_within_the_hypothesis_of_the_bound():
    data = quick("non_stationary")
    assert (data.eta * data.condition <= 0.5).all()
    assert cycle_amplitude(SAM) != 0
