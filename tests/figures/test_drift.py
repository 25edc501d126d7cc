"""The drift on log cosh(xy): where each algorithm ends, and how fast SAM slides."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures


def height_squared(algorithm: str, step: int) -> float:
    return quick("drift").path.sel(algorithm=algorithm, step=step).values[1] ** 2


@pytest.mark.parametrize(
    ("algorithm", "resting", "bound"),
    # 2/η at η = 0.4; (√(1 + 8ρ/η) − 1)/(2ρ) = (√3 − 1)/0.2.
    [("GD", 4.361, 5.0), ("USAM", 3.033, (3**0.5 - 1) / 0.2), ("StableSAM", 4.078, 5.0)],
)
def test_who_rests_does_so_below_the_line(algorithm: str, resting: float, bound: float):
    one = quick("drift").sel(algorithm=algorithm)
    assert height_squared(algorithm, 1000) == pytest.approx(resting, abs=5e-4)
    assert one.rests
    assert one.highest.item() == pytest.approx(bound)
    assert resting < bound


def test_sam_never_rests():
    for step, expected in {10: 5.79, 100: 0.727, 500: 0.0223, 1000: 3.98e-4}.items():
        assert height_squared("SAM", step) == pytest.approx(expected, rel=2e-3)
    assert not quick("drift").sel(algorithm="SAM").rests


def test_the_slope_is_that_of_the_tail():
    data = quick("drift")
    # κ = ηρ² = 0.004: c = κ(1 + ζ), 1 − c = 0.995992.
    assert data.factor.item() == pytest.approx(0.995992, abs=1e-6)
    y = data.path.sel(algorithm="SAM").values[:, 1]
    # y² is below 2e-3 there, and the slope off by as much relative to c = 0.004.
    assert y[-1] / y[-101] == pytest.approx(data.factor.item() ** 100, rel=1e-3)


def test_all_start_together_and_imbalance_never_grows():
    path = quick("drift").path.values
    assert (path[:, 0] == path[0, 0]).all()
    imbalance = path[..., 1] ** 2 - path[..., 0] ** 2
    assert (np.diff(imbalance, axis=1) <= 1e-12).all()
