"""Losses with and without a normalised ascent: the predicted ones are the simulated ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures


def loss(landscape: str, column: int, algorithm: str) -> np.ndarray:
    return quick("normalization").loss.sel(landscape=landscape, algorithm=algorithm)[column].values


@pytest.mark.parametrize("algorithm", ["GD", "USAM"])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_on_the_quadratic_the_loss_is_the_predicted_one(algorithm: str, column: int):
    data = quick("normalization")
    predicted = data.predicted.sel(algorithm=algorithm)[column].values
    # One rounding of each of 60 steps, and of what the loss adds up.
    seen = data.alive.sel(landscape="quadratic", algorithm=algorithm)[column].values.astype(bool)
    assert loss("quadratic", column, algorithm)[seen] == pytest.approx(predicted[seen], rel=1e-11)
    assert (predicted[~seen] >= 1e29).all()


@pytest.mark.parametrize("column", [0, 1, 2])
def test_sam_ends_on_its_floor(column: int):
    data = quick("normalization")
    floor = data.predicted.sel(algorithm="SAM")[column].values
    # ½βA² with A = ηρβ/(2 − ηβ) = ρ: 5ρ².
    assert floor == pytest.approx(5 * float(data.radius.sel(landscape="quadratic")[column]) ** 2)
    # What is left of the slow mode falls as 0.81^t at first: little after 60 steps.
    assert loss("quadratic", column, "SAM")[-1] == pytest.approx(floor[0], rel=1e-2)


def test_usam_diverges_where_that_is_predicted():
    data = quick("normalization")
    # 2/(β + ρβ²) = 0.1 at ρ = 0.1.
    assert data.diverges.sel(algorithm="USAM").values.tolist() == [0, 0, 1]
    assert data.diverges.sel(algorithm=["GD", "SAM"]).sum() == 0
    usam = [loss("quadratic", column, "USAM") for column in range(3)]
    assert usam[1][-1] < 1e-4 and usam[0][-1] < 1e-5
    assert usam[2].max() > 1e6


def test_on_matrix_sensing_usam_is_gone_in_three_steps():
    data = quick("normalization")
    assert loss("sensing", 1, "SAM")[1:5] == pytest.approx([5.98, 3.69, 2.67, 2.07], rel=3e-3)
    assert loss("sensing", 1, "USAM")[1:3] == pytest.approx([24.5, 4.3e4], rel=1e-2)
    alive = data.alive.sel(landscape="sensing").sum("step")
    assert alive.sel(algorithm="USAM").values.tolist() == [61, 3, 2]
    assert (alive.sel(algorithm=["GD", "SAM"]) == 61).all()
