"""The neuron's threshold: biases and errors on the quick data are those of the dossier."""

from __future__ import annotations

import numpy as np
import pytest

import figures
from tests.support.figure_cases import quick, smallest

pytestmark = pytest.mark.figures


def test_draws_the_biases_it_is_given():
    data = smallest("threshold_neuron").copy(deep=True)
    data["bias"][1, 0] = np.linspace(0, -2, data.sizes["time"])
    canvas = figures.threshold_neuron.draw(data)
    drawn = [np.asarray(line.get_ydata()) for line in canvas.axes[1].lines]
    assert sum(np.array_equal(line, data.bias[1, 0]) for line in drawn) == 1


@pytest.mark.parametrize(
    ("algorithm", "by_rate"),
    [
        ("GD", {0.004: -1.103, 0.012: -1.538}),
        ("SAM", {0.004: -2.024, 0.012: -2.084}),
        ("USAM", {0.004: -1.504, 0.012: -1.895}),
    ],
)
def test_the_biases_are_those_measured_elsewhere(algorithm: str, by_rate: dict[float, float]):
    one = quick("threshold_neuron").bias.sel(algorithm=algorithm).isel(time=-1)
    for rate, bias in by_rate.items():
        # One step more or less than 8/η changes the bias by 0.001 at most; three digits.
        assert one.sel(eta=rate).item() == pytest.approx(bias, abs=2e-3)


def test_sam_is_below_gd_and_depends_less_on_the_step():
    bias = quick("threshold_neuron").bias.isel(time=slice(1, None))
    assert (bias.sel(algorithm="SAM") < bias.sel(algorithm="USAM") + 0.2).all()
    last = bias.isel(time=-1)
    assert (last.sel(algorithm="SAM") < last.sel(algorithm="USAM")).all()
    assert (last.sel(algorithm="USAM") < last.sel(algorithm="GD")).all()
    spread = last.max("eta") - last.min("eta")
    assert spread.sel(algorithm="SAM") < 0.2 * spread.sel(algorithm="GD")


@pytest.mark.parametrize(
    ("algorithm", "by_radius"),
    [("SAM", {0.01: -1.735, 0.1: -2.084}), ("USAM", {0.01: -1.895, 1e-4: -1.54})],
)
def test_the_ends_are_those_measured_elsewhere(algorithm: str, by_radius: dict[float, float]):
    one = quick("threshold_neuron").end.sel(swept=algorithm)
    for radius, bias in by_radius.items():
        seen = one.sel(rho=radius, method="nearest").item()
        # "About that of GD" is what was written of 10⁻⁴.
        assert seen == pytest.approx(bias, abs=2e-3 if radius > 1e-3 else 0.01)


def test_errors():
    data = quick("threshold_neuron")
    of_sam = data.error.sel(swept="SAM")
    assert of_sam.sel(rho=0.1, method="nearest").item() == pytest.approx(0.249, abs=5e-4)
    assert of_sam.max() <= data.gd_error.sel(eta=0.012) + 0.005
    assert (data.gd_error.values[:-1] > data.gd_error.values[1:]).all()


def test_a_large_radius_switches_off_every_unit_for_usam_only():
    data = quick("threshold_neuron")
    off = data.end < data.off
    assert not off.sel(swept="SAM").any()
    assert off.sel(swept="USAM").values.tolist() == [False, False, False, True, True]
    assert (data.error.sel(swept="USAM").values[3:] == 1).all()


def test_each_climbs_to_its_edge_and_comes_down():
    ratio = quick("threshold_neuron").ratio
    around = ratio.sel(early=slice(0.55, 0.8))
    assert around.values == pytest.approx(0.93, abs=0.1)
    assert (ratio.isel(early=-1) < 0.25).all()
    assert (ratio.isel(early=0) < 0.8).all()
