"""Blocks computed by other processes are the blocks computed here, and lost ones are not missed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray

from dynamics import (
    GD,
    OBSERVABLES,
    SAM,
    Algorithm,
    Criteria,
    ensemble,
    open_sweep,
    plain_descent,
    sweep,
    uniform_starts,
)
from dynamics.experiments import provenance
from landscapes import LANDSCAPES, Landscape, Saddle

LANDSCAPE = Saddle()
GRID: dict[str, Any] = {
    "eta": (0.05, 0.31),
    "rho": (0.04, 0.17, 0.4),
    "starts": uniform_starts(20, low=(-2.1, -1.4), high=(1.8, 2.2), seed=9),
    "n_steps": 60,
    "criteria": Criteria(max_period=2, check_every=20),
    "observables": {"loss": "mean_last"},
}
RUNS = 2 * 20 + 3 * 2 * 20


def run(**other: Any) -> xarray.Dataset:
    return sweep(LANDSCAPE, (GD, SAM), **(GRID | other))


@pytest.fixture(scope="module")
def expected() -> xarray.Dataset:
    return run()


class Copying(Executor):
    """Runs in this process, at once, what went through a pickle, as a worker's does."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    def submit(self, fn: Any, /, *arguments: Any, **settings: Any) -> Future:
        future: Future = Future()
        try:
            sent = pickle.dumps((fn, arguments, settings))
            self.sent.append(len(sent))
            copy, arguments, settings = pickle.loads(sent)
            future.set_result(pickle.loads(pickle.dumps(copy(*arguments, **settings))))
        except BaseException as error:
            future.set_exception(error)
        return future


class Waiting(Executor):
    """Hands out futures, and ends the oldest when asked for a result; counts those that are out."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self.out: set[Future] = set()
        self.most = 0

    def submit(self, fn: Any, /, *arguments: Any, **settings: Any) -> Future:
        future = self._pool.submit(fn, *arguments, **settings)
        self.out = {one for one in self.out if not one.done()} | {future}
        self.most = max(self.most, len(self.out))
        return future


# -- the same results ------------------------------------------------------------------------


def test_a_landscape_is_made_again_from_a_pickle():
    for kind in LANDSCAPES.values():
        for one in kind.examples():
            assert one.facts  # which hold functions
            copy: Landscape = pickle.loads(pickle.dumps(one))
            assert repr(copy) == repr(one) and type(copy) is kind
            w = np.random.default_rng(1).standard_normal((4, one.dim))
            np.testing.assert_array_equal(copy.gradient(w), one.gradient(w))
            assert [s.name for s in copy.facts.critical_sets] == [
                s.name for s in one.facts.critical_sets
            ]


@pytest.mark.parametrize("block_size", [None, 7])
def test_copies_give_the_same_results(expected, tmp_path, block_size):
    executor = Copying()
    xarray.testing.assert_identical(run(executor=executor, block_size=block_size), expected)
    found = run(executor=executor, block_size=block_size, store=tmp_path / "runs.zarr")
    xarray.testing.assert_identical(found, expected)


def test_an_ensemble_is_computed_by_workers_too():
    runs: dict[str, Any] = {"eta": np.linspace(0.1, 0.3, 9), "starts": (1.2, -0.7), "n_steps": 30}
    xarray.testing.assert_identical(
        ensemble(LANDSCAPE, SAM, **runs, executor=Copying(), block_size=4),
        ensemble(LANDSCAPE, SAM, **runs),
    )


def test_a_worker_compiles_a_job_once(monkeypatch):
    # Every copy of a landscape is another one to the compiler.
    traced: list[int] = []

    def counted(landscape: Landscape, w: Any) -> Any:
        traced.append(1)
        return landscape.loss(w)

    monkeypatch.setitem(OBSERVABLES, "counted", counted)
    options = {"observables": {"counted": "last"}, "block_size": 10}
    run(executor=Copying(), **options)
    once = len(traced)
    run(**options)
    assert 0 < once <= 2 * (len(traced) - once)


def test_a_block_sends_its_own_starts_only():
    starts = uniform_starts(4000, low=(-2, -2), high=(2, 2))
    executor = Copying()
    options = {"starts": starts, "n_steps": 2, "observables": None}
    run(**options, executor=executor, block_size=100)
    assert max(executor.sent) < 16 * 100 + 4000 < starts.nbytes / 8


def test_only_so_many_blocks_are_on_their_way():
    few, many = Waiting(), Waiting()
    options = {"n_steps": 2, "observables": None, "block_size": 1}
    run(**options, executor=few, memory_limit=12_000)
    run(**options, executor=many)
    assert few.most < many.most and few.most <= 12_000 // 2 // (35 + 32) + 1


def test_progress_is_told_of_whole_blocks():
    seen: list[tuple[int, int]] = []
    run(executor=Copying(), block_size=20, progress=lambda *n: seen.append(n))
    assert seen == [(done, RUNS) for done in range(20, RUNS + 1, 20)]


# -- what is refused -------------------------------------------------------------------------


def test_what_cannot_be_pickled_is_refused_before_work_begins(tmp_path):
    mine = Algorithm("mine", lambda here, rho: rho * here.g, plain_descent, "a test")
    with pytest.raises(RuntimeError, match=r"cannot run this sweep .*pickle.*top level of a mod"):
        sweep(LANDSCAPE, mine, **GRID, executor=Copying(), store=tmp_path / "runs.zarr")
    assert list(tmp_path.iterdir()) == []


def test_workers_with_other_versions_are_refused(monkeypatch):
    class Elsewhere(Copying):
        def submit(self, fn: Any, /, *arguments: Any, **settings: Any) -> Future:
            future = super().submit(fn, *arguments, **settings)
            if isinstance(future.result(), dict) and "jax_version" in future.result():
                future.result()["jax_version"] = "0.0.1"
            return future

    with pytest.raises(RuntimeError, match=r"jax_version: 0.0.1 with the workers, \S+ here"):
        run(executor=Elsewhere())


def test_a_pool_that_forks_is_refused():
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool,
        pytest.raises(ValueError, match=r"executor must not fork.*get_context\(\"spawn\"\)"),
    ):
        run(executor=pool)


def test_devices_are_the_workers_own():
    with pytest.raises(ValueError, match=r"devices must be None with an executor.*; got"):
        run(executor=Copying(), devices=jax.local_devices())


def test_an_observable_that_workers_do_not_have_is_named(monkeypatch):
    class Bare(Copying):
        def submit(self, fn: Any, /, *arguments: Any, **settings: Any) -> Future:
            monkeypatch.delitem(OBSERVABLES, "extra")
            return super().submit(fn, *arguments, **settings)

    monkeypatch.setitem(OBSERVABLES, "extra", OBSERVABLES["loss"])
    with pytest.raises(RuntimeError, match="observable extra is registered here but not in the"):
        run(executor=Bare(), observables={"extra": "last"})


# -- real workers ----------------------------------------------------------------------------


def test_a_pool_of_processes_and_one_that_dies(expected, tmp_path):
    path, killed = tmp_path / "runs.zarr", []
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        xarray.testing.assert_identical(run(executor=pool), expected)
        worker = pool.submit(os.getpid).result()

        def kill(done: int, total: int) -> None:
            if not killed:
                killed.append(done)
                os.kill(worker, signal.SIGKILL)

        # Long enough that the pool is at work when its worker goes.
        with pytest.raises(RuntimeError, match=r"BrokenProcessPool.* finished and kept in .*resum"):
            run(executor=pool, store=path, block_size=1, progress=kill)
    done: list[tuple[int, int]] = []
    found = run(store=path, resume=True, progress=lambda *n: done.append(n))
    assert 0 < done[0][0] < RUNS
    xarray.testing.assert_identical(found, expected)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as here,
        distributed.Client(here) as client,
    ):
        yield client


def test_a_dask_cluster_that_loses_a_worker(expected, client, tmp_path: Path):
    path, killed = tmp_path / "runs.zarr", []
    workers = client.run(os.getpid)

    def kill(done: int, total: int) -> None:
        if done >= 20 and not killed:
            killed.append(done)
            os.kill(next(iter(workers.values())), signal.SIGKILL)

    found = run(executor=client.get_executor(), store=path, block_size=4, progress=kill)
    assert killed and killed[0] < RUNS / 2
    xarray.testing.assert_identical(found, expected)
    xarray.testing.assert_identical(open_sweep(path), expected)
    assert provenance.environment().items() <= found.attrs.items()
