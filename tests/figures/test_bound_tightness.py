"""The published bound on SAM's loss: where it fails on the quick data, and by how much."""

from __future__ import annotations

import numpy as np
import pytest

import figures
from proofs_check.evidence import ROUNDING, value
from proofs_check.laws.bound_excess import condition, exceeded_from, largest_ratio, long_run_ratio
from proofs_check.symbols import h
from tests.support.figure_cases import quick, smallest

pytestmark = pytest.mark.figures


def test_draws_the_runs_it_is_given():
    data = smallest("bound_tightness").copy(deep=True)
    data["excess"][1] = np.geomspace(7, 70, data.sizes["t"])
    canvas = figures.bound_tightness.draw(data)
    drawn = [np.asarray(line.get_ydata()) for line in canvas.axes[1].lines]
    assert sum(np.array_equal(line, data.excess[1]) for line in drawn) == 1


def test_formulas_by_hand():
    steps = np.array([1.1, 1.5, 1.9])
    assert value(long_run_ratio(), {h: 1.5, condition: 4.0}) == pytest.approx(1.5 / (4 * 0.5))
    assert value(exceeded_from(), {condition: 4.0}) == pytest.approx(8 / 5)
    assert value(largest_ratio(), {h: steps}) == pytest.approx(2 / (2 - steps))


def test_up_to_one_the_bound_holds_and_is_attained_for_equal_curvatures():
    data = quick("bound_tightness").sel(map_h=slice(None, 1))
    assert data.worst.max() <= 1 + ROUNDING
    # From w_0 = 10⁴ ρ away E_1 is short of the bound by the fraction 2hρ/((1 − h)w_0), about.
    assert data.worst.sel(kappa=1, map_h=slice(None, 0.8)).min() > 1 - 8e-4 - 1e-6


def test_it_fails_where_predicted_and_nowhere_else():
    data = quick("bound_tightness")
    kappas = data.kappa.values[1:]
    edge = value(exceeded_from(), {condition: kappas})[:, None]
    failing = data.worst.sel(kappa=kappas).values > 1 + ROUNDING
    step = data.map_h.values
    assert not failing[step < edge].any()
    # Nearer to the edge, and to h = 2, 400 steps need not reach the cycle.
    far = (step > 1.02 * edge) & (step < 1.97)
    assert failing[far].all()
    assert far.sum() > 300


@pytest.mark.parametrize(
    ("kappa", "before", "after"), [(1.5, 0.95, 1.05), (4.0, 0.91, 1.11), (10.0, 0.82, 1.28)]
)
def test_excess_at_the_edge_is_that_measured_elsewhere(kappa: float, before: float, after: float):
    edge = 2 * kappa / (1 + kappa)
    for factor, ratio in ((0.98, before), (1.02, after)):
        late = quick("bound_tightness").late.interp(kappa=kappa, map_h=factor * edge)
        # Interpolated linearly between κ 16 % and h 0.02 apart.
        assert late.item() == pytest.approx(ratio, abs=0.02)


def test_the_end_of_the_runs_is_the_predicted_cycle():
    data = quick("bound_tightness").sel(map_h=slice(0.6, 1.9))
    assert data.late.values == pytest.approx(data.late_predicted.values, rel=1e-6)


def test_for_equal_curvatures_it_jumps_to_two_and_grows():
    data = quick("bound_tightness").ratio
    beyond = data.sel(fine_h=slice(1.01, 1.97))
    predicted = value(largest_ratio(), {h: beyond.fine_h.values})
    assert (beyond <= predicted * (1 + ROUNDING)).all()
    # Starts are 30 % apart in distance, the maximum over which is flat.
    assert beyond.values == pytest.approx(predicted, rel=0.03)
    # From another set of starts, so lower bounds.
    for step, seen in {1.1: 1.9855, 1.5: 3.8089, 1.9: 19.81}.items():
        assert data.interp(fine_h=step) > 0.98 * seen


def test_the_corrected_bound_holds_and_is_attained():
    data = quick("bound_tightness").right
    assert data.max() <= 1 + ROUNDING
    assert data.min() > 0.999


def test_the_runs_that_are_shown():
    data = quick("bound_tightness")
    published, right = data.bounds.sel(bound="published"), data.bounds.sel(bound="corrected")
    assert (data.excess.sel(h=0.8) <= published.sel(h=0.8) * (1 + ROUNDING)).all()
    crossed = data.excess.sel(h=1.7) > published.sel(h=1.7)
    assert not crossed[:8].any()
    assert crossed[10:].all()
    assert (data.excess.sel(h=1.7) <= right.sel(h=1.7) * (1 + ROUNDING)).all()
