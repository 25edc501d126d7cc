"""Basins on the saddle: what is held, and its predicted borders."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import figures
from dynamics import GD, SAM, USAM, Outcome, StableSAM, ensemble
from figures import style
from landscapes import Quadratic, Saddle
from proofs_check.laws.saddle_flow import (
    has_orbits_of_sam,
    held_borders,
    saddle_of,
    stable_manifold,
)
from tests.support.figure_cases import quick, smallest

pytestmark = pytest.mark.figures

HOLDING = ("SAM", "StableSAM")


def test_draws_the_fates_it_is_given():
    data = smallest("basins").copy(deep=True)
    data["fate"][:] = 3
    canvas = figures.basins.draw(data)
    images = [axes.images[0] for axes in canvas.axes if axes.images]
    assert len(images) == 4
    expected = to_rgb(style.OUTCOME_COLOURS[Outcome.DIVERGED])
    assert all(np.allclose(np.asarray(image.get_array()), expected) for image in images)


@pytest.mark.parametrize("algorithm", HOLDING)
def test_the_share_that_is_held_is_that_between_the_borders(algorithm: str):
    data = quick("basins")
    # 60 × 60 cells, the borders 12 long or less: each cell that they cut may fall to either side,
    # which is a random error of a few cells' share; η = 0.02 adds to it.
    assert data.share.sel(algorithm=algorithm).values == pytest.approx(data.predicted, abs=0.01)


def test_the_shares_are_those_measured_elsewhere():
    data = quick("basins")
    measured = {0.05: (0.020, 0.026), 0.1: (0.055, 0.055), 0.2: (0.136, 0.136), 0.5: (0.38, 0.38)}
    for radius, (low, high) in measured.items():
        share = data.predicted.sel(rho=radius, method="nearest").item()
        # 4,000 starts: standard errors of 0.002, 0.004, 0.005 and 0.008.
        assert low - 0.016 < share < high + 0.016


@pytest.mark.parametrize("algorithm", ["GD", "USAM"])
def test_who_has_no_fixed_ascent_is_not_held(algorithm: str):
    one = quick("basins").sel(algorithm=algorithm)
    assert (one.share == 0).all()
    assert set(np.unique(one.fate)) <= {0, 1, 3}  # a minimum, or diverged
    assert not one.holds


def test_the_map_is_symmetric_and_parted_by_the_manifold():
    data = quick("basins")
    flipped = {0: 1, 1: 0, 2: 2, 3: 3}
    for fate in data.fate.values:
        turned = fate[::-1, ::-1]
        assert all((turned[fate == k] == v).all() for k, v in flipped.items())
    x, y = data.manifold.values.T
    inside = (np.abs(x) < 1.5) & (np.abs(y) < 1.8)
    of_gd = data.fate.sel(algorithm="GD")
    above = of_gd.interp(x=("p", x[inside]), y=("p", y[inside] + 0.1), method="nearest")
    below = of_gd.interp(x=("p", x[inside]), y=("p", y[inside] - 0.1), method="nearest")
    assert (above == 0).all()
    assert (below == 1).all()


def test_small_shares_fall_faster_than_the_radius():
    radii = np.array([0.01, 0.02])
    border = held_borders(Saddle(), radii, 4.0)
    # The width far from the saddle: across the line x = −1.
    widths = []
    for first, second in border:
        heights = [np.interp(-1.0, *line[np.argsort(line[:, 0])].T) for line in (first, second)]
        widths.append(abs(heights[0] - heights[1]))
    # 1 + m/λ with m = λ − 1 and λ = (1 + √5)/2, to relative order ρ.
    assert np.log2(widths[1] / widths[0]) == pytest.approx(
        1 + (5**0.5 - 1) / (5**0.5 + 1), abs=0.02
    )


def test_manifolds_lead_to_the_saddle_and_to_the_points_of_rest():
    starts = stable_manifold(Saddle(), 2.0)[::20]
    runs = ensemble(Saddle(), GD, eta=1e-3, starts=starts, n_steps=6000, early_stop=False)
    # After 6 units of time a deviation has grown by e^{3.7} = 41: of the curve, 1e-4 or less, and
    # of steps of η, 1e-3.
    assert np.abs(runs.final.values).max() < 0.05
    rest = held_borders(Saddle(), np.array([0.3]), 1.0)[0]
    middle = rest[:, rest.shape[1] // 2]
    assert np.linalg.norm(middle, axis=-1) == pytest.approx(0.3)
    ascended = middle + 0.3 * (g := Saddle().gradient(middle)) / np.linalg.norm(
        g, axis=-1, keepdims=True
    )
    assert ascended == pytest.approx(0.0, abs=1e-12)


def test_who_has_the_orbits_of_sam():
    answers = [has_orbits_of_sam(a, Saddle(), 0.3) for a in (GD, SAM, USAM, StableSAM)]
    assert answers == [False, True, False, True]
    with pytest.raises(ValueError, match="one saddle point"):
        saddle_of(Quadratic((2.0, 1.0)))
