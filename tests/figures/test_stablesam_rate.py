"""StableSAM's rate near a minimum: the plateau, its ends, and the curvature that counts."""

from __future__ import annotations

import numpy as np
import pytest

from dynamics import GD, StableSAM
from figures.plates.stablesam_rate import measured, predicted
from proofs_check.laws.local_rate import flat_factor
from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures

START = np.array([1.1e-9, -0.6e-9])


def test_factors_are_those_predicted():
    data = quick("stablesam_rate")
    # At an end of the plateau, or where GD's modes are multiplied alike, the direction settles
    # only as 1/t, or not at all.
    error = np.abs(np.log(data.factor / data.factor_predicted))
    assert error.max() < 1e-3
    assert float((error < 1e-6).mean()) > 0.97
    assert np.abs(data.effective - data.effective_predicted).max() < 1e-3


def test_the_rates_are_those_measured_elsewhere():
    rates = np.log(quick("stablesam_rate").factor.sel(eta=0.8))
    table = {
        ("StableSAM", 5): -0.08004,
        ("StableSAM", 10): -0.02000,
        ("GD", 5): -0.174,
        ("GD", 10): -0.0834,
    }
    for (algorithm, kappa), rate in table.items():
        # To the digits that are given.
        assert rates.sel(algorithm=algorithm, kappa=kappa).item() == pytest.approx(rate, abs=5e-4)
    assert rates.sel(algorithm="StableSAM", kappa=5).item() == pytest.approx(-0.08004, abs=5e-6)
    factor, _ = measured(StableSAM, (1.0, 0.01), 0.8, 0.1, START, 8000)
    assert np.log(factor) == pytest.approx(-2.0e-4, abs=5e-6)


@pytest.mark.parametrize("low", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_plateau_by_hand(low: float, share: float):
    first, last = 2 * low / (1 + low**2), 2 / (1 + low**2)
    rate = first + share * (last - first)
    # 8000 steps are enough for the slowest of the nine.
    factor, effective = measured(StableSAM, (1.0, low), rate, 0.1, START, 8000)
    assert factor == pytest.approx((1 - low**2) / (1 + low**2), rel=1e-5)
    assert effective == pytest.approx(rate * (1 + low**2) / 2, rel=1e-5)


def test_the_ends_of_the_plateau_by_hand():
    low = 0.2
    ends = np.array([2 * low, 2.0]) / (1 + low**2)
    around = np.array([0.999, 1.001])
    _, first = predicted(StableSAM, (1.0, low), ends[0] * around, 0.1)
    _, last = predicted(StableSAM, (1.0, low), ends[1] * around, 0.1)
    assert first[0] == low
    assert low < first[1] < 1.01 * low
    assert 0.99 < last[0] < 1
    assert last[1] == 1.0


def test_both_converge_up_to_the_same_edge():
    data = quick("stablesam_rate")
    assert (data.edge == 2.0).all()
    assert (data.factor.sel(eta=slice(None, 1.99)) < 1).all()
    assert (data.factor.sel(eta=slice(2.01, None)) > 1).all()


def test_gd_is_faster_by_about_the_condition_number():
    data = quick("stablesam_rate")
    best = np.log(data.factor).min("eta")
    ratio = (best.sel(algorithm="GD") / best.sel(algorithm="StableSAM")).values
    kappa = data.kappa.values
    by_hand = np.log((kappa - 1) / (kappa + 1)) / np.log((kappa**2 - 1) / (kappa**2 + 1))
    # The grid of η misses GD's best rate by up to a hundredth of η.
    assert ratio == pytest.approx(by_hand, rel=0.06)


def test_factors_on_a_cycle_of_directions():
    assert flat_factor(StableSAM, (1.0, 0.2)) == pytest.approx(24 / 26)
    # GD's factors are opposite at one η only; there they are those of its best rate.
    assert flat_factor(GD, (1.0, 0.2)) == pytest.approx(4 / 6)
