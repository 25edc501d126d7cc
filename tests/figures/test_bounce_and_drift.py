"""The animation of a ravine: what it shows at each frame, and the predictions beside it."""

from __future__ import annotations

import numpy as np
import pytest

import figures
from figures.panels import Panels
from figures.plates.bounce_and_drift import animate, layout
from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures


def offsets(panels: Panels, name: str) -> list[np.ndarray]:
    """The points of each artist without a line on a panel."""
    drawn = [line for line in panels[name].lines if line.get_marker() != "None"]
    return [np.array(line.get_data()) for line in drawn]


def test_each_frame_shows_its_step():
    data = quick("bounce_and_drift")
    panels, titles = Panels.new(layout(data)), []
    for step, half, _ in zip(
        data.shown_step, data.shows_ascent, animate(data, panels), strict=True
    ):
        titles.append(panels["plane"].get_title(loc="left"))
        *runs, ascent = offsets(panels, "plane")
        heads = [points[:, -1] for points in runs]
        expected = data.path.isel(step=step.item())
        for i in range(3):
            assert heads[2 * i] == pytest.approx(expected[i].values)
            assert heads[2 * i + 1] == pytest.approx(expected[i].values)
            assert runs[2 * i].shape == (2, step + 1)
            assert runs[2 * i + 1].shape == (2, 1)
        assert ascent.shape == (2, 2 * int(half))
    assert len(titles) == data.sizes["frame"]
    assert titles[0].endswith("step 0")
    assert titles[-1].endswith("step 180")


def test_the_still_figure_is_the_end():
    data = quick("bounce_and_drift").copy(deep=True)
    data["path"][1, -1] = np.array([0.123, 0.456])
    canvas = figures.bounce_and_drift.draw(data)
    drawn = [np.array(line.get_data()) for line in canvas.axes[0].lines]
    assert any(d.shape == (2, 1) and d[:, 0].tolist() == [0.123, 0.456] for d in drawn)


def test_both_sides_of_a_bounce_are_seen():
    data = quick("bounce_and_drift")
    fast = data.shown_step.values[data.shows_ascent.values == 0]
    assert set(np.diff(np.unique(fast)[:-1]) % 2) == {1}
    assert data.shown_step.values.tolist() == sorted(data.shown_step.values)


def test_gd_and_usam_rest_and_sam_does_not():
    path = quick("bounce_and_drift").path
    moved = np.linalg.norm(path.diff("step"), axis=-1)[:, -1]
    by_name = dict(zip(path.algorithm.values, moved, strict=True))
    # Long ago GD shrank x by |1 − ηλ| = 0.55 per step, USAM by 0.22; SAM moves by 2A.
    assert by_name["GD"] < 1e-12
    assert by_name["USAM"] < 1e-12
    assert by_name["SAM"] > 0.04
    end = path.isel(step=-1, dim=1)
    assert end.sel(algorithm="GD") > 1.8
    border = quick("bounce_and_drift").border.item()
    assert 0.35 * (1 + border**2) * (1 + 0.12 * (1 + border**2)) == pytest.approx(2)
    assert 0.5 < end.sel(algorithm="USAM") < border < path.values[1, 0, 1]
    assert end.sel(algorithm="SAM") < 0.3


def test_sam_follows_both_predictions():
    data = quick("bounce_and_drift")
    x, along = data.path.sel(algorithm="SAM", step=data.later).values.T
    # Both laws are of leading order in ρ = 0.12; at the first steps it still nears its cycle.
    assert along == pytest.approx(data.height.values, rel=0.03)
    assert np.abs(x)[4:] == pytest.approx(data.amplitude.values[4:], rel=0.035)
    assert (np.sign(x[1:]) == -np.sign(x[:-1])).all()
    ascent = data.ascended.sel(step=data.later).values - data.path.sel(
        algorithm="SAM", step=data.later
    )
    assert np.linalg.norm(ascent, axis=-1) == pytest.approx(0.12)
