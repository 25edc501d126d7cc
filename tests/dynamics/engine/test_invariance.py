"""A run's result is its own: not its neighbours', its chunk's, its device's or its place's."""

from __future__ import annotations

import hashlib
import json

import jax
import numpy as np
import pytest
import xarray

from dynamics import ALGORITHMS, SAM, Algorithm, Criteria, Outcome, StableSAM, sweep
from landscapes import CrossedValleys, Landscape, LinearNeuron, MatrixSensing, Quadratic, Saddle

VARIABLES = ("outcome", "attractor", "n_steps", "period", "amplitude", "final", "final_loss")
CRITERIA = Criteria(max_period=2, check_every=20)
# Scalar components; a dense matrix; matrix products inside.
LANDSCAPES = [Saddle(), Quadratic.examples()[2], MatrixSensing.examples()[1]]
each = pytest.mark.parametrize("landscape", LANDSCAPES, ids=lambda one: type(one).__name__)


def run(landscape: Landscape, starts: np.ndarray, algorithm: Algorithm = SAM, **other):
    arguments = {"eta": (0.03, 0.4), "rho": (0.05, 0.2), "n_steps": 90, "criteria": CRITERIA}
    return sweep(landscape, algorithm, starts=starts, **(arguments | other))


def mixed_starts(landscape: Landscape, n: int = 700) -> np.ndarray:
    """Ordinary points, some that diverge, some far too large or small, and critical points."""
    random = np.random.default_rng(3)
    starts = random.standard_normal((n, landscape.dim)) * random.choice([0.3, 1, 9, 300], (n, 1))
    starts[5] *= 1e200 / np.abs(starts[5]).max()
    starts[11] *= 1e-200
    starts[17] *= 1e-320 / np.abs(starts[17]).max()
    for i, one in enumerate(landscape.facts.critical_sets):
        starts[40 + i] = one.points[0]
    return starts


def assert_same(one: xarray.Dataset, other: xarray.Dataset) -> None:
    """Bit for bit, and no NaN."""
    for name in VARIABLES:
        assert not np.isnan(one[name]).any()
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


@pytest.mark.slow
@each
def test_chunk_size_changes_nothing(landscape: Landscape):
    starts = mixed_starts(landscape)
    expected = run(landscape, starts)
    assert len(np.unique(expected["outcome"])) >= 3  # ordinary runs and divergences side by side
    for chunk_size in (1, 1000, 3000):
        assert_same(run(landscape, starts, chunk_size=chunk_size), expected)


@each
def test_a_permutation_of_starts_permutes_the_results(landscape: Landscape):
    starts = mixed_starts(landscape)
    order = np.random.default_rng(1).permutation(len(starts))
    assert_same(run(landscape, starts[order]), run(landscape, starts).isel(start=order))


@each
def test_a_part_of_the_runs_gives_that_part_of_the_results(landscape: Landscape):
    starts = mixed_starts(landscape)
    expected = run(landscape, starts)
    for window in (slice(0, 300), slice(300, 700), slice(5, 6), slice(17, 18)):
        assert_same(run(landscape, starts[window]), expected.isel(start=window))
    one = run(landscape, starts[40], eta=0.4, rho=0.2)
    assert_same(one, expected.sel(eta=0.4, rho=0.2).isel(start=40))


@pytest.mark.slow
def test_neighbours_of_every_kind_are_ignored():
    landscape = LinearNeuron("logcosh")
    ordinary = np.random.default_rng(6).uniform(-2, 2, (50, 2))
    strange = np.array(
        [[1e200, -1e200], [1e-200, 2e-200], [0.0, 0.0], [0.0, 1.3], [1e11, 1e11], [3e-320, 1.0]]
    )
    expected = run(landscape, ordinary, StableSAM)
    for odd in strange:
        together = run(landscape, np.insert(ordinary, 25, odd, axis=0), StableSAM)
        assert_same(together.isel(start=np.delete(np.arange(51), 25)), expected)
        assert not np.isnan(together["final"]).any()


def test_stopping_early_changes_no_verdict():
    starts = mixed_starts(Saddle())
    options = {"n_steps": 600, "criteria": Criteria(max_period=4, check_every=50)}
    early, late = (run(Saddle(), starts, early_stop=stop, **options) for stop in (True, False))
    for name in ("outcome", "n_steps", "period", "amplitude"):
        np.testing.assert_array_equal(early[name].values, late[name].values, err_msg=name)
    for outcome in (Outcome.CONVERGED, Outcome.CYCLE, Outcome.DIVERGED):
        assert (early["outcome"] == outcome).sum() > 10
    # Without stopping, what came to rest goes on resting, to the tolerance it rests with.
    at_rest = (early["outcome"] == Outcome.CONVERGED).values
    gap = np.abs(early["final"].values - late["final"].values)[at_rest]
    assert gap.max() < 1e-8


def digest(dataset: xarray.Dataset) -> dict[str, str]:
    return {
        name: hashlib.sha256(np.ascontiguousarray(dataset[name].values).tobytes()).hexdigest()
        for name in VARIABLES
    }


SHORT = Criteria(max_period=1, check_every=20)
PROGRAM = """
import json, sys
import jax
from tests.dynamics.engine.test_invariance import LANDSCAPES, SHORT, digest, mixed_starts, run

devices = jax.local_devices()
assert len(devices) == 4, devices
found = []
for landscape in LANDSCAPES[::2]:
    starts = mixed_starts(landscape)
    found.append(digest(run(landscape, starts, criteria=SHORT, chunk_size=1000)))
    one = run(landscape, starts, criteria=SHORT, chunk_size=1000, devices=devices[-1:])
    assert digest(one) == found[-1], landscape
print(json.dumps(found))
"""


@pytest.mark.slow
def test_the_number_of_devices_changes_nothing(run_python):
    flags = "--xla_force_host_platform_device_count=4"
    four = json.loads(run_python(PROGRAM, XLA_FLAGS=flags, JAX_PLATFORMS="cpu"))
    one = jax.local_devices(backend="cpu")[:1]
    here = [
        digest(run(landscape, mixed_starts(landscape), criteria=SHORT, devices=one))
        for landscape in LANDSCAPES[::2]
    ]
    assert four == here


# -- all that is registered --------------------------------------------------------------------


# Landscapes: `tests/dynamics/test_one_truth.py`.


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=str)
def test_every_algorithm_computes_each_run_by_itself(algorithm: Algorithm):
    landscape = CrossedValleys()
    starts = np.random.default_rng(4).standard_normal((70, landscape.dim))
    options = {"eta": (0.02, 0.3), "rho": 0.1, "n_steps": 60}
    expected = run(landscape, starts, algorithm, **options)
    assert_same(run(landscape, starts, algorithm, **options, chunk_size=1), expected)
    part = run(landscape, starts[:9], algorithm, **options)
    assert_same(part, expected.isel(start=slice(9)))
    # Starts that change places keep their results, but for the draws, which go with the place.
    turned = run(landscape, starts[::-1], algorithm, **options).isel(start=slice(None, None, -1))
    if algorithm.order is None:
        assert_same(turned, expected)
    else:
        assert (turned.final != expected.final).any()
