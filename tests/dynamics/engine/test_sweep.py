"""A sweep: what is in it, that it runs what it must and no more, and that it keeps to itself."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

from dynamics import (
    GD,
    SAM,
    USAM,
    Algorithm,
    Criteria,
    Outcome,
    StableSAM,
    ensemble,
    grid_starts,
    line_starts,
    normal_starts,
    plain_descent,
    raw_ascent,
    sweep,
    uniform_starts,
)
from dynamics.engine import engine
from dynamics.engine.program import compilations
from landscapes import Quadratic, Saddle
from tests.support import oracle
from tests.support.cases import CORE

ETA, RHO = (0.05, 0.31), (0.04, 0.17, 0.4)
STARTS = uniform_starts(5, low=(-2.1, -1.4), high=(1.8, 2.2), seed=9)
SHORT = Criteria(max_period=2, check_every=10)


@pytest.fixture(scope="module")
def dataset() -> xarray.Dataset:
    return sweep(
        Saddle(), CORE, eta=ETA, rho=RHO, starts=STARTS, n_steps=120,
        criteria=SHORT,
    )  # fmt: skip


# -- what is in it ---------------------------------------------------------------------------


@pytest.mark.slow
def test_dims_coordinates_and_variables(dataset: xarray.Dataset):
    grid = ("algorithm", "rho", "eta", "start")
    assert dataset["outcome"].dims == grid
    assert dataset["outcome"].shape == (4, 3, 2, 5)
    expected = {
        "outcome": np.int8,
        "attractor": np.int16,
        "n_steps": np.int32,
        "period": np.int8,
        "amplitude": np.float64,
        "final": np.float64,
        "final_loss": np.float64,
        "starts": np.float64,
    }
    assert {name: dataset[name].dtype for name in dataset} == expected
    for name in expected:
        extra = {"final": (*grid, "dim"), "starts": ("start", "dim")}
        assert dataset[name].dims == extra.get(name, grid)
        assert isinstance(dataset[name].values, np.ndarray)
        assert not np.isnan(dataset[name]).any()
    assert dataset["algorithm"].values.tolist() == [a.name for a in CORE]
    np.testing.assert_array_equal(dataset["eta"], ETA)
    np.testing.assert_array_equal(dataset["rho"], RHO)
    np.testing.assert_array_equal(dataset["starts"], STARTS)


def test_flags_and_provenance(dataset: xarray.Dataset):
    flags = dataset["outcome"].attrs
    named = dict(zip(flags["flag_values"], flags["flag_meanings"].split(), strict=True))
    assert named == {int(o): o.name for o in Outcome}
    attractors = dataset["attractor"].attrs
    names = ["none", *(one.name for one in Saddle().facts.critical_sets)]
    assert attractors["flag_values"].tolist() == [-1, 0, 1, 2]
    assert attractors["flag_meanings"].split() == ["_".join(name.split()) for name in names]
    assert names[1].count(" ") == 2  # which no word of the flags may have
    attrs = dataset.attrs
    assert attrs["landscape"] == "Saddle()"
    assert attrs["precision"] == "float64"
    assert attrs["criteria"] == repr(SHORT)
    assert attrs["n_steps"] == 120
    assert attrs["jax_version"] == jax.__version__
    assert attrs["numpy_version"] == np.__version__


def test_everything_says_what_it_is_in_the_words_of_cf(dataset: xarray.Dataset):
    for name, variable in dataset.variables.items():
        assert variable.attrs["long_name"] and variable.attrs["units"] == "1", name
        if "flag_values" in variable.attrs:
            flags = variable.attrs["flag_values"]
            assert flags.dtype == variable.dtype
            assert len(variable.attrs["flag_meanings"].split()) == len(set(flags.tolist()))
            assert np.isin(variable.values, flags).all()
    assert sum("flag_values" in v.attrs for v in dataset.variables.values()) == 2


def test_an_algorithm_without_a_radius_runs_once(dataset: xarray.Dataset):
    gd = dataset.sel(algorithm="GD")
    for rho in RHO:
        xarray.testing.assert_identical(gd.sel(rho=rho, drop=True), gd.isel(rho=0, drop=True))
    seen: list[tuple[int, int]] = []
    sweep(
        Saddle(), (GD, SAM), eta=ETA, rho=RHO, starts=STARTS, n_steps=120, criteria=SHORT,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    # 2 η × 5 starts of GD, and 3 ρ as many of SAM. Runs are told of when they are decided.
    assert seen[-1] == (40, 40)
    assert seen == sorted(set(seen))
    assert (10, 40) in seen


GRID_DIMS = ("algorithm", "rho", "eta", "start")


@pytest.mark.parametrize("single", [("rho",), ("eta", "start"), ("rho", "eta", "start")])
def test_what_is_given_as_one_value_is_no_dim(dataset: xarray.Dataset, single):
    given: dict[str, Any] = {"eta": ETA, "rho": RHO, "start": STARTS}
    given |= {axis: given[axis][1] for axis in single}
    found = sweep(
        Saddle(), CORE, eta=given["eta"], rho=given["rho"], starts=given["start"], n_steps=120,
        criteria=SHORT,
    )  # fmt: skip
    kept = tuple(axis for axis in GRID_DIMS if axis not in single)
    assert found.outcome.dims == kept and found.final.dims == (*kept, "dim")
    assert set(found.coords) == {"algorithm", "rho", "eta"}
    # As if one value had been picked from the whole grid.
    picked = dataset.isel({axis: 1 for axis in single})
    for name in [*dataset, *dataset.coords]:
        xarray.testing.assert_identical(found[name].variable, picked[name].variable)


def test_a_number_without_a_dim_is_one_value_too():
    for number in (0.31, np.float64(0.31), np.array(0.31), 1):
        found = sweep(Saddle(), SAM, eta=number, rho=number, starts=STARTS[2], n_steps=2)
        assert found.outcome.shape == (1,) and found.eta == found.rho == number
        assert found.starts.dims == ("dim",) and found.eta.dims == ()
    one = sweep(Saddle(), SAM, eta=[0.31], rho=[0.1], starts=STARTS[2:3], n_steps=2)
    assert one.outcome.dims == GRID_DIMS and one.outcome.shape == (1, 1, 1, 1)


def test_a_bar_is_drawn_when_asked_for(capsys: pytest.CaptureFixture[str]):
    sweep(Saddle(), SAM, eta=0.31, starts=STARTS, n_steps=5, criteria=SHORT, progress=True)
    assert "runs" in capsys.readouterr().out


# -- the same runs, asked for otherwise ------------------------------------------------------


def test_an_ensemble_is_the_sweep_of_the_same_runs(dataset: xarray.Dataset):
    grid = dataset.sel(algorithm="StableSAM").stack(run=("rho", "eta", "start"))
    runs = ensemble(
        Saddle(), StableSAM, eta=grid["eta"].values, rho=grid["rho"].values,
        starts=grid["starts"].transpose("run", "dim").values, n_steps=120, criteria=SHORT,
    )  # fmt: skip
    assert runs["outcome"].dims == ("run",)
    assert runs.attrs["algorithm"] == "StableSAM"
    np.testing.assert_array_equal(runs["eta"], grid["eta"])
    np.testing.assert_array_equal(runs["rho"], grid["rho"])
    for name in ("outcome", "attractor", "n_steps", "period", "amplitude", "final", "final_loss"):
        expected = grid[name].transpose("run", ...).values
        np.testing.assert_array_equal(runs[name].values, expected)
    once = ensemble(
        Saddle(), StableSAM, eta=0.31, rho=0.17, starts=STARTS, n_steps=120, criteria=SHORT
    )
    np.testing.assert_array_equal(
        once["final"], dataset["final"].sel(algorithm="StableSAM", eta=0.31, rho=0.17)
    )


# -- what it leaves alone --------------------------------------------------------------------


def test_results_are_float64_and_settings_untouched_whatever_jax_is_set_to(dataset):
    before = dict(jax.config.values)
    with jax.enable_x64(False):
        found = sweep(Saddle(), SAM, eta=ETA, rho=RHO, starts=STARTS, n_steps=120, criteria=SHORT)
        assert jnp.asarray(1.0).dtype == jnp.float32
    assert dict(jax.config.values) == before
    np.testing.assert_array_equal(found["final"], dataset["final"].sel(algorithm=["SAM"]))


# Threads do not inherit a context such as the one above, only what the process is set to; so a
# process of the default setting, float32, is the other half of the question.
PROGRAM = """
import jax
from dynamics import SAM, Criteria, batched, one_step, sweep, trajectory
from landscapes import Saddle

assert not jax.config.jax_enable_x64
before = dict(jax.config.values)
options = dict(eta=0.31, rho=0.17, n_steps=12)
found = sweep(
    Saddle(), SAM, starts=(1.3, -0.7), criteria=Criteria(max_period=2),
    observables={"point_norm": "max"}, **options,
)
path = trajectory(Saddle(), SAM, (1.3, -0.7), **options)
step = batched(lambda w: one_step(Saddle(), SAM, w, 0.31, 0.17))(path[:1])
for array in (found.final, found.final_loss, found.point_norm_max, path, step):
    assert array.dtype.name == "float64"
assert dict(jax.config.values) == before
numbers = [*found.final.values.ravel(), *path[-1], *step[0], float(found.point_norm_max.squeeze())]
print(*(float(n).hex() for n in numbers))
"""


@pytest.mark.slow
def test_float64_is_entered_in_a_process_that_is_set_to_float32(run_python):
    printed = run_python(PROGRAM, JAX_ENABLE_X64="0").split()
    numbers = np.array([float.fromhex(n) for n in printed])
    path = oracle.path(Saddle(), "SAM", np.array([1.3, -0.7]), 0.31, 0.17, 12)
    expected = [*path[-1], *path[-1], *path[1], np.linalg.norm(path, axis=1).max()]
    # Twelve steps of rounding in float64; float32 would be off by 1e-7.
    np.testing.assert_allclose(numbers, expected, rtol=1e-13)


@pytest.mark.slow
def test_another_experiment_of_the_same_kind_compiles_nothing():
    def run(seed: int, n: int, n_steps: int, **other: Any) -> int:
        landscape = Quadratic(np.random.default_rng(seed).uniform(0.2, 2.0, 3))
        criteria = Criteria(max_period=2, check_every=7 + seed, gradient_tolerance=1e-9 * seed)
        starts = normal_starts(n, 3, seed=seed)
        sweep(
            landscape, USAM, eta=0.1 * seed, starts=starts, n_steps=n_steps, criteria=criteria,
            **other,
        )  # fmt: skip
        return compilations()

    once = run(1, 4, 10, rho=0.2)
    assert once > 0
    assert run(2, 900, 33, rho=[0.1, 0.3, 0.9]) == once
    with jax.enable_x64(False):
        assert run(3, 17, 5, rho=0.5) == once
    # The counter does count: another algorithm is another compilation, of its step and its runs.
    another = Algorithm("another", raw_ascent, plain_descent, "a test")
    sweep(Quadratic((0.3, 1.2, 0.5)), another, eta=0.1, starts=(1, 2, 3), n_steps=2)
    assert compilations() == once + 2


def test_an_interrupt_stops_the_sweep_at_once_and_harms_nothing(monkeypatch, dataset):
    started = []
    real = engine.program

    def counted(*arguments: Any, **settings: Any) -> Any:
        program = real(*arguments, **settings)

        class Counted:
            tile, chunk, cost = program.tile, program.chunk, program.cost
            on_device = program.on_device

            def __call__(self, *arguments: Any, **settings: Any) -> Any:
                started.append(time.monotonic())
                return program(*arguments, **settings)

        return Counted()

    monkeypatch.setattr(engine, "program", counted)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    starts = uniform_starts(60 * 1024, low=(-2, -2), high=(2, 2))
    with pytest.raises(KeyboardInterrupt):
        sweep(
            Saddle(), SAM, eta=0.1, rho=0.1, starts=starts, n_steps=30_000, criteria=SHORT,
            chunk_size=1024, early_stop=False, progress=interrupt,
        )  # fmt: skip
    # Of 60 chunks only those had begun that were in flight, and the few begun meanwhile.
    assert 1 <= len(started) <= 20
    monkeypatch.undo()
    again = sweep(Saddle(), SAM, eta=ETA, rho=RHO, starts=STARTS, n_steps=120, criteria=SHORT)
    np.testing.assert_array_equal(again["final"], dataset["final"].sel(algorithm=["SAM"]))


# -- starts ----------------------------------------------------------------------------------


def test_starts_are_what_they_say_and_repeat():
    box = uniform_starts(500, low=(-1.0, 2.0), high=(0.5, 2.5), seed=4)
    assert box.shape == (500, 2)
    assert (box.min(axis=0) >= (-1.0, 2.0)).all()
    assert (box.max(axis=0) <= (0.5, 2.5)).all()
    # Spread over the box: the extremes of 500 are within 5% of the corners (0.95^500 = 7e-12).
    assert (np.ptp(box, axis=0) > 0.9 * np.array([1.5, 0.5])).all()
    np.testing.assert_array_equal(
        box, uniform_starts(500, low=(-1.0, 2.0), high=(0.5, 2.5), seed=4)
    )
    assert not np.array_equal(box, uniform_starts(500, low=(-1.0, 2.0), high=(0.5, 2.5), seed=5))
    normal = normal_starts(4000, 3, scale=0.7, seed=2)
    assert normal.shape == (4000, 3)
    # Five standard errors of a standard deviation: 5·0.7/√(2·4000) = 0.04.
    np.testing.assert_allclose(normal.std(axis=0), 0.7, rtol=0, atol=0.04)


def test_grids_and_lines_hold_their_ends():
    grid = grid_starts(3, low=(-1.0, 2.0), high=(1.0, 4.0))
    np.testing.assert_array_equal(grid[:4], [[-1, 2], [-1, 3], [-1, 4], [0, 2]])
    assert len(grid) == 9
    np.testing.assert_array_equal(
        line_starts(3, begin=(0.0, 1.0), end=(1.0, -1.0)), [[0, 1], [0.5, 0], [1, -1]]
    )
