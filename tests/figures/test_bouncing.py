"""SAM's 2-cycles on a quadratic: level, amplitude and multipliers are the predicted ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures


def test_the_first_mode_goes_to_its_level_and_the_others_die_out():
    data = quick("bouncing")
    # ½λA² with λ = 2, ηλ = 0.6 and A = ηρλ/(2 − ηλ) = 0.06/1.4.
    assert data.level.item() == pytest.approx((0.06 / 1.4) ** 2)
    last = data.energy.isel(step=-1)
    # What is left of the slowest mode, 0.824 per step over 80 steps, in both.
    assert last[0].item() == pytest.approx(data.level.item(), rel=1e-6)
    assert (last[1:] < 1e-12).all()


def test_the_slopes_are_the_multipliers():
    data = quick("bouncing")
    for i in range(data.sizes["other"]):
        r, h = data.other.values[i] / data.mode.values[0], 0.6
        assert data.rate[i].item() == pytest.approx(abs(1 - h * r - (2 - h) * r**2))
    slowest = data.energy.isel(mode=-1).values
    assert slowest[60] / slowest[50] == pytest.approx(data.rate[-1].item() ** 20, rel=1e-3)


def test_the_amplitude_depends_on_the_product_alone():
    data = quick("bouncing")
    h = data.h.values
    assert data.predicted_amplitude.values == pytest.approx(h / (2 - h))
    settled = (h > 0.1) & (h < 1.9)  # elsewhere 3000 steps leave something
    for amplitude in data.amplitude.values:
        assert amplitude[settled] == pytest.approx(h[settled] / (2 - h[settled]), rel=1e-6)


def test_only_the_cycle_of_the_first_direction_attracts():
    data = quick("bouncing")
    h, r = np.meshgrid(data.h, data.ratio)
    assert data.predicted_multiplier.values == pytest.approx(1 - h * r - (2 - h) * r**2)
    # A deviation of 1e-6 is felt in the length to its square.
    assert data.multiplier.values == pytest.approx(data.predicted_multiplier.values, rel=1e-8)
    assert (np.abs(data.multiplier.sel(ratio=data.ratio < 1)) < 1).all()
    assert (data.multiplier.sel(ratio=data.ratio > 1) < -1).all()
