"""Late iterates: one before the edge, two beyond it, and the exponents of the minimum."""

from __future__ import annotations

import numpy as np
import pytest
import xarray

from tests.support.figure_cases import quick

pytestmark = pytest.mark.figures

LAMBDA = 2 + 2**0.5
EDGES = {"GD": 2 / LAMBDA, "USAM": 2 / (LAMBDA + 0.1 * LAMBDA**2), "StableSAM": 2 / LAMBDA}


def of(landscape: str, algorithm: str) -> xarray.Dataset:
    return quick("bifurcation").sel(landscape=landscape, algorithm=algorithm)


@pytest.mark.parametrize("algorithm", EDGES)
def test_the_period_doubles_at_the_edge(algorithm: str):
    one, edge = of("saddle", algorithm), EDGES[algorithm]
    assert one.edge.item() == pytest.approx(edge)
    eta, bounded = one.eta.values, one.bounded.values.astype(bool)
    spread = np.ptp(one.late.values, axis=0)
    before, after = eta < 0.98 * edge, bounded & (eta > 1.02 * edge)
    assert before.sum() > 30 and after.sum() > 30
    assert (spread[before] < 1e-6).all()
    # At the very end, next to divergence, a run may be held by the saddle.
    assert (spread[after] > 0.1).mean() > 0.97
    # Of the period 2: every second iterate is the same.
    apart = np.abs(one.late.values[2:] - one.late.values[:-2]).max(axis=0)
    assert np.median(apart[after]) < 1e-6


@pytest.mark.parametrize("algorithm", ["GD", "USAM"])
def test_before_the_edge_the_exponents_are_those_of_the_modes(algorithm: str):
    one = of("saddle", algorithm)
    eta = one.eta.values
    modes = np.array([LAMBDA, 4 - LAMBDA])[:, None]
    stretched = modes * (1 + 0.1 * modes * (algorithm == "USAM"))
    expected = np.sort(np.log(np.abs(1 - eta * stretched)), axis=0)[::-1]
    # Where one mode dies in a few steps, or both do alike, 256 steps from one direction to the
    # other leave a hundredth.
    here = (eta < 0.97 * EDGES[algorithm]) & (expected[1] > -1.5)
    assert here.sum() > 20
    assert one.exponent.values[:, here] == pytest.approx(expected[:, here], abs=0.02)


def test_sam_alternates_at_every_learning_rate_and_never_doubles():
    one = of("saddle", "SAM")
    bounded = one.bounded.values.astype(bool)
    assert (np.ptp(one.late.values[:, bounded], axis=0) > 0.05).all()
    assert (one.exponent.values[:, bounded] < 0).all()
    assert one.eta.values[bounded].max() > 1.2 * one.edge.item()
    assert not one.rests
    # Of ((3, −1), (−1, 1)) the first eigenvector has the cosine √((2 + √2)/4) with the x axis.
    at = np.searchsorted(one.eta.values, 0.4)
    amplitude = one.eta.values[at] * 0.1 * LAMBDA / (2 - one.eta.values[at] * LAMBDA)
    assert one.branch.values[at] == pytest.approx(amplitude * ((2 + 2**0.5) / 4) ** 0.5)


@pytest.mark.parametrize("algorithm", ["GD", "USAM", "StableSAM"])
def test_on_the_neuron_runs_slide_below_the_edge(algorithm: str):
    one = of("neuron", algorithm)
    eta, height = one.eta.values, one.late.values[-1]
    edge = 0.5 if algorithm != "USAM" else 2 / (4 + 1.6)
    assert one.edge.item() == pytest.approx(edge)
    here = (eta > 1.02 * edge) & (eta < 0.9)
    squared = height[here] ** 2
    raised = squared * (1 + 0.1 * squared * (algorithm == "USAM"))
    assert (raised < 2 / eta[here]).all()
    assert (height[eta < 0.9 * edge] > 1.95).all()
    largest, second = one.exponent.values[:, here]
    assert np.abs(largest).max() < 5e-3  # along the line of minima
    assert (second < 0).all()


def test_sam_slides_to_the_origin():
    one = of("neuron", "SAM")
    assert (np.abs(one.late.values[:, one.bounded.values.astype(bool)]) < 0.1).mean() > 0.95
