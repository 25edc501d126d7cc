"""The critical radius: no start reaches the origin beyond it; how fast they do before."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures


def test_the_last_product_by_hand():
    data = quick("critical_radius")
    # φ^(−5/2), the largest value of c(1 − c)(2 − c)/(2 − 2c + c²).
    assert data.critical.item() == pytest.approx(((1 + 5**0.5) / 2) ** -2.5)
    assert data.curve_kappa.max().item() == pytest.approx(data.critical.item(), rel=1e-5)
    assert (1 - data.curve_factor[data.curve_kappa.values.argmax()]).item() == pytest.approx(
        0.51413, abs=2e-3
    )


@pytest.mark.parametrize("radius", [0.5, 1.0])
def test_no_start_arrives_beyond_it_and_some_do_before(radius: float):
    share = quick("critical_radius").share.sel(rho=radius)
    critical = quick("critical_radius").critical.item()
    assert (share.sel(kappa=slice(critical, None)) == 0).all()
    assert (share.sel(kappa=slice(0.05, 0.99 * critical)) > 0.1).all()


def test_the_share_just_before_it_is_that_measured_elsewhere():
    share = quick("critical_radius").share.interp(kappa=0.2985)
    # 500 starts at κ = 0.299: 0.090 and 0.694, standard errors of 0.013 and 0.021; ours are larger.
    assert share.values == pytest.approx([0.090, 0.694], abs=0.1)


@pytest.mark.parametrize("radius", [0.5, 1.0])
def test_the_factor_is_that_of_the_smaller_root(radius: float):
    data = quick("critical_radius").sel(rho=radius)
    seen = data.found.values.astype(bool)
    fold = int(data.curve_kappa.values.argmax())
    kappa, factor = data.curve_kappa.values[: fold + 1], data.curve_factor.values[: fold + 1]
    predicted = np.interp(data.kappa.values[seen], kappa, factor)
    # Where the start is a slow one, 3000 steps do not get far; near the fold the cycle is slow.
    settled = (data.kappa.values[seen] > 0.02) & (data.kappa.values[seen] < 0.29)
    assert settled.sum() > 20
    assert data.factor.values[seen][settled] == pytest.approx(predicted[settled], abs=2e-3)
