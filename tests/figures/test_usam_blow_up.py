"""USAM on matrix sensing: its losses on the quick data are those of the dossier's instance."""

from __future__ import annotations

import numpy as np
import pytest

import figures
from figures.plates.usam_blow_up import REPORT
from tests.support.figure_cases import quick, smallest

pytestmark = pytest.mark.figures


def test_draws_the_losses_it_is_given():
    data = smallest("usam_blow_up").copy(deep=True)
    data["loss"][1, 2] = np.linspace(7, 8, data.sizes["step"])
    canvas = figures.usam_blow_up.draw(data)
    drawn = [np.asarray(line.get_ydata()) for line in canvas.axes[2].lines]
    assert sum(np.array_equal(line, data.loss[1, 2]) for line in drawn) == 1


def test_what_the_report_has_is_what_is_drawn():
    assert quick("usam_blow_up").report.sel(compared="USAM").values == pytest.approx(REPORT["USAM"])
    # Its quotients of logarithms, as they are computed elsewhere.
    logs = np.log(REPORT["USAM"][1:])
    assert logs[1:] / logs[:-1] == pytest.approx([5.77, 8.31], abs=0.006)


@pytest.mark.parametrize(
    ("algorithm", "losses"),
    [("SAM", (5.98, 3.69, 2.67, 2.07)), ("USAM", (24.5, 4.3e4, 9.1e32))],
)
def test_the_first_steps_are_those_measured_elsewhere(algorithm: str, losses: tuple[float, ...]):
    one = quick("usam_blow_up").loss.sel(algorithm=algorithm, rho=0.1)
    # Written with two or three digits.
    assert one[1 : len(losses) + 1].values == pytest.approx(losses, rel=0.012)


def test_small_radii_harm_nobody_and_larger_ones_usam_only():
    loss = quick("usam_blow_up").loss
    last = loss.isel(step=-1)
    assert (last.sel(algorithm="GD") < 1).all()
    assert (last.sel(rho=slice(None, 0.01)) < 1).all()
    assert (last.sel(algorithm="USAM", rho=slice(0.1, None)) > 1e100).all()
    assert (last.sel(algorithm="SAM", rho=slice(0.1, 1.0)) < 1).all()
    # "SAM is stable for every ρ" is false on a loss that is not globally smooth.
    assert last.sel(algorithm="SAM", rho=3.0) > 1e100


def test_the_course_of_the_table_is_reproduced_and_its_numbers_are_not():
    data = quick("usam_blow_up")
    lines = data.theirs.isel(start_and_line=slice(0, 4))
    of_sam, of_usam = lines.sel(compared="SAM").values, lines.sel(compared="USAM").values
    assert (np.diff(of_sam) < 0).all()
    assert of_sam == pytest.approx(REPORT["SAM"], rel=0.5)
    assert of_sam != pytest.approx(REPORT["SAM"], rel=0.1)
    assert np.log10(of_usam) == pytest.approx(np.log10(REPORT["USAM"]), rel=0.25)
    assert of_usam != pytest.approx(REPORT["USAM"], rel=0.1)
    assert of_usam[0] == of_sam[0]


def test_the_growth_nears_the_degree_of_the_map():
    data = quick("usam_blow_up")
    assert dict(zip(data.algorithm.values, data.degree.values, strict=True)) == {
        "GD": 3, "SAM": 3, "USAM": 9,
    }  # fmt: skip
    for algorithm in ("SAM", "USAM"):
        one = data.loss.sel(algorithm=algorithm).values
        now, then = one[:, :-1], one[:, 1:]
        seen = (now > 1e10) & (then < 1e149)
        assert seen.any()
        degree = data.degree.sel(algorithm=algorithm).item()
        # ln L⁺ = degree · ln L + c, where c is not known: within a tenth beyond 10¹⁰.
        assert np.log(then[seen]) / np.log(now[seen]) == pytest.approx(degree, rel=0.1)
