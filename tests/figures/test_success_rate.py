"""The success rate on the saddle: what its quick data show is what theory and the dossier say."""

from __future__ import annotations

import numpy as np
import pytest

import figures
from dynamics import SAM, USAM
from figures.plates.success_rate import edge
from proofs_check.evidence import value
from proofs_check.predictions import cycle_amplitudes
from proofs_check.symbols import curvature, eta, rho
from tests.support.figure_cases import quick, smallest

pytestmark = pytest.mark.figures


def test_draws_the_shares_it_is_given():
    data = smallest("success_rate").copy(deep=True)
    data["success"][0] = np.linspace(0, 1, data.sizes["eta"])
    data["success"][1] = 0.5
    canvas = figures.success_rate.draw(data)
    (panel,) = (a for a in canvas.axes if "0.2" in a.get_title(loc="left"))
    heights = [np.asarray(line.get_ydata()) for line in panel.lines]
    points = [h for h in heights if len(h) == data.sizes["eta"]]
    assert sum(np.array_equal(p, data.success[0, 0, 0]) for p in points) == 8
    assert sum(np.array_equal(p, data.success[1, 0, 0]) for p in points) == 4
    assert len(points) == 12


def test_fates_are_all_there_is_and_success_is_around_a_minimum():
    data = quick("success_rate")
    assert data.fate_share.sum("fate").values == pytest.approx(1.0)
    assert (data.success[0] <= data.fate_share.sel(fate="minimum")).all()


def test_gd_succeeds_from_everywhere_once_the_steps_suffice():
    of_gd = quick("success_rate").success.sel(algorithm="GD")
    # The saddle is left at rate 0.618: from within 1e-3 of its stable manifold, which few of the
    # starts are, in 7/(0.618 η) steps, 600 at η = 0.02.
    assert (of_gd.sel(eta=slice(0.02, None)) == 1.0).all()
    few, many = of_gd.isel(eta=0)
    assert (few < 0.2).all()
    assert (many > 0.95).all()


@pytest.mark.parametrize("algorithm", ["SAM", "StableSAM"])
def test_the_saddle_keeps_more_runs_the_larger_the_radius(algorithm: str):
    data = quick("success_rate").sel(algorithm=algorithm)
    kept = data.fate_share.sel(fate="saddle", eta=slice(0.02, 0.1)).mean("eta").values
    # The standard errors of 500 starts are 0.007, 0.015 and 0.022; shares of
    # 4,000 starts after 20,000 steps were 0.020 to 0.026, 0.136 and 0.38.
    assert kept == pytest.approx([0.023, 0.136, 0.38], abs=0.05)


# Shares of 1,000 starts, another sample than ours: both have standard errors of up to 0.022.
MEASURED = {
    ("GD", 0.2): {0.001: 0.081, 0.0022: 0.189, 0.0048: 0.595, 0.0071: 0.854, 0.0345: 1.0},
    ("SAM", 0.05): {0.001: 0.100, 0.0022: 0.241, 0.0048: 0.659, 0.0345: 0.972, 0.2464: 0.972},
    ("SAM", 0.2): {0.001: 0.144, 0.0022: 0.386, 0.0106: 0.839, 0.0757: 0.846, 0.2464: 0.0},
    ("SAM", 0.5): {0.001: 0.219, 0.0022: 0.407, 0.0345: 0.605, 0.0757: 0.131, 0.1122: 0.010},
    ("StableSAM", 0.2): {0.001: 0.052, 0.0048: 0.527, 0.0345: 0.846, 0.2464: 0.840},
    ("StableSAM", 0.5): {0.001: 0.047, 0.0048: 0.463, 0.0345: 0.607, 0.2464: 0.628},
    ("USAM", 0.2): {0.001: 0.092, 0.0106: 0.977, 0.0757: 0.994, 0.1663: 0.845, 0.2464: 0.771},
}


@pytest.mark.parametrize(("algorithm", "radius"), MEASURED)
def test_the_rates_are_those_measured_elsewhere(algorithm: str, radius: float):
    one = quick("success_rate").success[0].sel(algorithm=algorithm, rho=radius)
    for rate, share in MEASURED[algorithm, radius].items():
        # Our learning rates are 6 % apart: interpolated between neighbours.
        assert np.interp(rate, one.eta, one) == pytest.approx(share, abs=0.09)


def test_ten_times_the_steps_move_the_rise_to_a_tenth_of_the_learning_rate():
    data = quick("success_rate").success.sel(algorithm="GD").isel(rho=0)
    slow, fast = data.interp(eta=0.01), data.interp(eta=0.001)
    assert fast.sel(n_steps=10_000).item() == pytest.approx(slow.sel(n_steps=1000).item(), abs=0.02)


def test_no_number_of_steps_brings_back_what_the_saddle_keeps():
    data = quick("success_rate").success.sel(eta=slice(0.02, 0.04))
    for algorithm in ("SAM", "StableSAM"):
        few, many = data.sel(algorithm=algorithm)
        assert np.abs(many - few).max() < 0.02


def test_sam_stays_around_the_minimum_where_it_leaves_the_tolerance():
    one = quick("success_rate").sel(algorithm="SAM", rho=0.2)
    line = one.edge.item()
    before, after = one.sel(eta=slice(0.02, 0.6 * line)), one.sel(eta=slice(1.2 * line, None))
    assert (before.success > 0.75).all()
    assert after.sizes["eta"] > 0
    assert (after.success == 0).all()
    assert (after.fate_share.sel(fate="minimum") > 0.75).all()
    assert (quick("success_rate").success.sel(algorithm="StableSAM", rho=0.2)[-1] > 0.75).all()


def test_usam_is_repelled_beyond_its_line():
    one = quick("success_rate").sel(algorithm="USAM", rho=0.5)
    beyond = one.sel(eta=slice(1.2 * one.edge.item(), None))
    assert beyond.sizes["eta"] > 0
    assert (beyond.success == 0).all()
    assert (one.success.sel(eta=slice(0.01, 0.05)) > 0.75).all()


def test_lines_by_hand():
    radii = np.array([0.05, 0.2, 0.5])
    curved = 2 + 2**0.5
    line = edge(SAM, radii, 0.1)
    # ηρλ/(2 − ηλ) = 0.1 at η = 0.2/(λ(ρ + 0.1)).
    assert line == pytest.approx(0.2 / (curved * (radii + 0.1)))
    amplitude = value(cycle_amplitudes(SAM)[0], {curvature: curved, rho: radii, eta: line})
    assert amplitude == pytest.approx(0.1)
    assert edge(USAM, radii, 0.1) == pytest.approx(2 / curved / (1 + curved * radii))
