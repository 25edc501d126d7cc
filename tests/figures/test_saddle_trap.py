"""Saddles that hold: the edges for SAM and USAM, and how far out SAM is held."""

from __future__ import annotations

import numpy as np
import pytest

from dynamics import GD, SAM, USAM
from figures.plates.saddle_trap import run
from proofs_check.laws.saddles import capture_edge, radius_that_holds, resting_distance
from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures

STARTS = np.array([[0.013, -0.007], [-0.004, 0.011]])


def held(curvatures: tuple[float, float], eta: float, rho: float) -> bool:
    ends = run(SAM, curvatures, eta, rho, rho * STARTS, 4000)
    return bool((np.abs(ends) < 5 * rho).all())


def test_sam_is_held_below_its_edge_and_escapes_beyond():
    data = quick("saddle_trap")
    share = data.held_sam.isel(m=slice(0, data.sizes["m_below"])).values
    # m = 0.02 and less moves by less than e in the steps there are.
    slow = data.m_below.values < 0.1
    ratio = data.eta.values / data.edge_sam.values[:, None]
    assert (share[(ratio < 0.93) & ~slow[:, None]] == 1).all()
    assert (share[(ratio > 1.07) & ~slow[:, None]] == 0).all()


def test_the_edges_by_hand():
    data = quick("saddle_trap")
    m = data.m_below.values
    assert data.edge_sam.values == pytest.approx(2 * m / (1 + m))
    golden = (1 + 5**0.5) / 2
    assert capture_edge(SAM, golden, 1 - golden, np.array([0.3])) == pytest.approx(0.3416, abs=5e-5)
    assert data.onset_usam.item() == 2.0
    some = data.edge_usam.values > 0
    assert (some == (data.radius.values > 2)).all()
    assert data.edge_usam.values[some] == pytest.approx(2 / (1 + data.radius.values[some]))
    assert resting_distance(SAM) == 1.0
    # A threshold for −27.75, the saddle of Beale's function.
    assert radius_that_holds(USAM, -27.75) == pytest.approx(0.0360, abs=5e-5)


@pytest.mark.parametrize("rho", [1e-3, 0.1, 10.0])
def test_the_edge_does_not_depend_on_the_radius(rho: float):
    # 2 · 0.3/1.3 = 0.4615.
    assert held((1.0, -0.3), 0.44, rho)
    assert not held((1.0, -0.3), 0.48, rho)


def test_beyond_equal_curvatures_sam_is_held_at_small_rates_only():
    assert held((1.0, -2.0), 0.5, 1.0)
    assert not held((1.0, -2.0), 0.9, 1.0)


def test_usam_is_attracted_where_its_multipliers_say():
    data = quick("saddle_trap")
    predicted = data.eta.values < data.edge_usam.values[:, None]
    # |multiplier| within 1 % of 1 takes more steps than there are.
    negative = 1 + data.eta.values * 0.5 * (1 - 0.5 * data.radius.values[:, None])
    top = 1 - data.eta.values * (1 + data.radius.values[:, None])
    decided = np.abs(np.maximum(np.abs(negative), np.abs(top)) - 1) > 0.01
    assert decided.mean() > 0.9
    assert (data.held_usam.values[decided] == predicted[decided]).all()


def test_the_beam_of_the_authors_is_caught_by_sam_and_left_by_gd():
    data = quick("saddle_trap")
    at = data.left.sel(rho=0.5)
    assert at.sel(algorithm="GD").values[1] == pytest.approx(-200, abs=1)
    assert at.sel(algorithm="SAM").values == pytest.approx([-0.0051, -7e-11], rel=0.05)
    assert at.sel(algorithm="USAM").values[1] == pytest.approx(-0.01)
    assert data.left.sel(rho=0.6, algorithm="USAM").values[1] == pytest.approx(-0.00135, abs=5e-6)


@pytest.mark.parametrize("algorithm", [GD, USAM])
def test_what_is_left_is_what_is_predicted(algorithm):
    data = quick("saddle_trap")
    left = np.abs(data.left.sel(algorithm=algorithm.name).isel(dim=1))
    # 500 multiplications.
    assert left.values == pytest.approx(
        data.left_predicted.sel(predictable=algorithm.name).values, rel=1e-12
    )


def test_sam_keeps_all_within_the_level_and_along_the_axis_none_beyond():
    kept = quick("saddle_trap").kept
    assert (kept.sel(level=slice(None, 0.999)) == 1).all()
    assert (kept.sel(level=slice(1.001, None), direction="along the axis") == 0).all()
    # 500 starts elsewhere, with the flow itself; ours are 100: standard errors of 0.02 and 0.05.
    assert kept.sel(level=3, direction="any").item() == pytest.approx(0.64, abs=0.16)
