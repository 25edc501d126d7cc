"""The atlas of stability: what its quick data show is what theory says."""

from __future__ import annotations

import numpy as np
import pytest
import xarray
from matplotlib.colors import to_rgb

import figures
from dynamics import ASAM, GD, SAM, USAM, HeavyBallUSAM, Outcome, SignSAM, StableSAM
from dynamics.algorithms.algorithm import Algorithm
from figures import style
from figures.atlas import case_of, curves
from landscapes import Saddle
from proofs_check.laws.saddles import capture_edge, capture_formula
from tests.support.figure_cases import quick, smallest

pytestmark = pytest.mark.figures

RAVINES = {"ravine": 1.0, "½(1 − xy)²": 2.0, "log cosh(xy)": None}
QUADRATICS = ["quadratic, κ = 1", "quadratic, κ = 10"]


def panel(landscape: str, algorithm: str) -> xarray.Dataset:
    return quick("stability_region").sel(landscape=landscape, algorithm=algorithm)


def curve(landscape: str, algorithm: str, kind: str) -> np.ndarray:
    """η of a predicted curve at each of `rho_edge`."""
    data = quick("stability_region")
    (i,) = np.flatnonzero(
        (data.curve_landscape == landscape)
        & (data.curve_algorithm == algorithm)
        & (data.curve_kind == kind)
    )
    return data.curve_eta.values[i]


def beside(landscape: str, algorithm: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Where a cell's centre is more than a cell's width left, and right, of the line at its ρ."""
    one = panel(landscape, algorithm)
    width = float(one.eta[1] / one.eta[0])
    # The lines are smooth and the rows of cells narrow: the line at a row's centre is taken from
    # those at its borders, in logarithms as the grid is.
    at = curve(landscape, algorithm, kind)
    edge = np.sqrt(at[:-1] * at[1:])[:, None]
    return one.eta.values < edge / width, one.eta.values > edge * width


def counted(one: xarray.Dataset, kind: str) -> np.ndarray:
    return one["count"].sel({"class": kind}).values


def test_draws_the_classes_it_is_given():
    data = smallest("stability_region").copy(deep=True)
    data["largest"][:] = list(data["class"].values).index("DIVERGED")
    data["agreement"][:] = 1.0
    canvas = figures.stability_region.draw(data)
    meshes = [axes.collections[0] for axes in canvas.axes]
    assert len(meshes) == 24
    expected = to_rgb(style.OUTCOME_COLOURS[Outcome.DIVERGED])
    for mesh in meshes:
        assert np.allclose(np.asarray(mesh.get_array()), expected)


@pytest.mark.parametrize("landscape", QUADRATICS)
@pytest.mark.parametrize("algorithm", ["GD", "USAM", "StableSAM", "SAM"])
def test_on_quadratics_the_line_parts_rest_from_divergence(landscape: str, algorithm: str):
    one = panel(landscape, algorithm)
    left, right = beside(landscape, algorithm, "home")
    assert left.sum() > 10
    assert right.sum() > 10
    n = counted(one, "DIVERGED").max()
    stable = "CYCLE" if algorithm == "SAM" else "CONVERGED"
    assert (counted(one, stable)[left] == n).all()
    assert (counted(one, "DIVERGED")[right] == n).all()


@pytest.mark.parametrize("landscape", [*QUADRATICS, *RAVINES])
def test_sam_rests_at_no_sharp_minimum(landscape: str):
    one = panel(landscape, "SAM")
    assert counted(one, "CYCLE").sum() > 0
    assert counted(one, "CONVERGED").sum() == 0


# Below this learning rate every run on log cosh(xy) is bounded: D = y² − x² is multiplied by
# 1 − η²b² or less, |b| < 1, and the diagonal contracts for η < 2/(1 + ρ), which is 0.5 at ρ = 3.
BOUNDED = 0.4


@pytest.mark.parametrize("landscape", RAVINES)
@pytest.mark.parametrize("algorithm", ["GD", "USAM", "StableSAM"])
def test_in_a_ravine_the_line_parts_those_who_stay_from_those_who_leave(
    landscape: str, algorithm: str
):
    one = panel(landscape, algorithm)
    left, right = beside(landscape, algorithm, "home")
    n = one["count"].sum("class").values.max()
    # Long ascents, of StableSAM and of USAM from the start, leave the quadratic part of the loss.
    if algorithm != "GD":
        left &= one.rho.values[:, None] < 0.4
        right &= one.rho.values[:, None] < 0.4
    assert (counted(one, "CONVERGED")[left] == n).all()
    assert (counted(one, "CONVERGED")[right] == 0).all()
    assert counted(one, "CONVERGED_FLATTER").sum() > 0
    assert counted(one, "DIVERGED").sum() > 0
    if landscape == "log cosh(xy)":
        assert (counted(one, "DIVERGED")[:, one.eta.values < BOUNDED] == 0).all()
    else:
        past = beside(landscape, algorithm, "flattest")[1]
        assert past.any()
        assert (counted(one, "CONVERGED_FLATTER")[past] == 0).all()


def test_sam_slides_down_the_ravine_up_to_its_line_and_cycles_beyond():
    one = panel("log cosh(xy)", "SAM")
    left, right = beside("log cosh(xy)", "SAM", "sliding")
    bounded = one.eta.values < BOUNDED
    n = one["count"].sum("class").values.max()
    assert (right & bounded).any()
    assert (counted(one, "CYCLE")[right & bounded] == n).all()
    assert (counted(one, "CYCLE")[left & bounded] == 0).all()
    assert counted(one, "CONVERGED_FLATTER")[left & bounded].sum() > 0


def test_the_saddle_captures_sam_up_to_its_line_and_gd_never():
    one = panel("saddle", "SAM")
    left, right = beside("saddle", "SAM", "capture")
    held = counted(one, "SADDLE")
    # Where the share, about 0.7ρ, is one start of eight or more; beyond the line, where the cycle
    # stays in the quadratic part of the loss.
    some = (one.rho.values > 0.3) & (one.rho.values < 0.8)
    assert (held[some][:, (one.eta.values > 0.02) & left[0]] > 0).mean() > 0.9
    assert (held[right & (one.rho.values < 0.5)[:, None]] == 0).all()
    assert counted(panel("saddle", "GD"), "SADDLE").sum() == 0
    of_usam = counted(panel("saddle", "USAM"), "SADDLE")
    assert of_usam[one.rho.values < 1.6].sum() == 0


def test_beyond_the_line_of_the_saddles_minima_nothing_rests():
    for algorithm in ("GD", "USAM", "StableSAM"):
        right = beside("saddle", algorithm, "home")[1]
        assert (counted(panel("saddle", algorithm), "CONVERGED")[right] == 0).all()


def test_gd_knows_no_radius():
    of_gd = quick("stability_region").sel(algorithm="GD")
    assert (of_gd["count"] == of_gd["count"].isel(rho=0)).all()


def test_lines_by_hand():
    rhos = quick("stability_region").rho_edge.values
    for row in (*QUADRATICS, *RAVINES):
        assert curve(row, "GD", "home") == pytest.approx(0.2)
        # 2/(10(1 + 10ρ)) at ρ = 0.01 and 3.
        assert curve(row, "USAM", "home")[[0, -1]] == pytest.approx([0.2 / 1.1, 0.2 / 31])
    assert curve("saddle", "StableSAM", "home") == pytest.approx(2 / (2 + 2**0.5))
    for row, flattest in RAVINES.items():
        if flattest:
            assert curve(row, "SAM", "flattest") == pytest.approx(2 / flattest)
    # The equation for the cycle, κ(1+ζ)² = ζ[1 + (1−κ(1+ζ))²], has its double root where
    # κ⁴ + 11κ² = 1, that is at κ² = (5√5 − 11)/2 = 0.0901699.
    last = curve("log cosh(xy)", "SAM", "sliding") * rhos**2
    assert last == pytest.approx(0.0901699**0.5, rel=1e-6)
    # 2m/(λ(λ + m)) with λ = 1.618 and m = 0.618, thus λ + m = √5 and λ − m = 1: 0.3416.
    assert curve("saddle", "SAM", "capture") == pytest.approx(0.3416408, rel=1e-6)


@pytest.mark.parametrize(("top", "m"), [(1.618, 0.618), (1.0, 0.3), (3.0, 2.9)])
def test_capture_by_hand(top: float, m: float):
    rhos = np.array([0.1, 0.9, 1.1]) / m
    assert capture_edge(SAM, top, -m, rhos) == pytest.approx(2 * m / (top * (top + m)))
    assert np.isnan(capture_edge(GD, top, -m, rhos)).all()
    of_usam = capture_edge(USAM, top, -m, rhos)
    assert np.isnan(of_usam).tolist() == [True, True, False]  # it wants ρ > 1/m
    # Then the top mode is multiplied by −1 at 2/(λ(1 + ρλ)), the other at 2/(m(ρm − 1)) only.
    assert of_usam[2] == pytest.approx(2 / (top * (1 + rhos[2] * top)))
    assert capture_edge(StableSAM, top, -m, rhos) == pytest.approx(2 / top)
    assert (
        capture_formula(SAM, top, -m, 1.0) == r"\eta = \frac{2 m}{\lambda \left(\lambda + m\right)}"
    )
    with pytest.raises(ValueError, match="top > 0 > negative"):
        capture_edge(SAM, top, m, rhos)


def test_starts_and_curvatures_follow_from_the_facts():
    case = case_of(Saddle())
    assert (case.low, case.high) == ((-2.0, -2.0), (2.0, 2.0))
    assert case.curvatures == {"home": pytest.approx(2 + 2**0.5)}
    assert case.saddles == [pytest.approx(((1 + 5**0.5) / 2, (1 - 5**0.5) / 2))]
    everyone = figures.stability_region
    assert everyone.arguments_of("full")["n_eta"] >= 300
    assert everyone.arguments_of("full")["n_rho"] >= 200
    assert everyone.arguments_of("full")["n_starts"] >= 32


@pytest.mark.parametrize(
    ("algorithm", "n_curves"),
    [(SAM, 2), (USAM, 2), (SignSAM, 0), (ASAM(0.01), 0), (HeavyBallUSAM, 0)], ids=str,
)  # fmt: skip
def test_no_line_is_drawn_that_is_not_derived(algorithm: Algorithm, n_curves: int):
    # A step by signs, one that depends on where the minimum lies, one that remembers.
    rhos = np.geomspace(0.5, 3, 7)
    found = curves([case_of(Saddle())], [algorithm], np.array([0.01, 1.0]), rhos)
    assert len(found["curve_kind"][1]) == n_curves
