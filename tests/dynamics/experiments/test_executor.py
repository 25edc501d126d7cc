"""Blocks computed by other processes are the blocks computed here, and lost ones are not missed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
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
    StoreError,
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    # Besides, both here and there the shape of a value is asked for once.
    assert 0 < once <= len(traced) - once + 2


@pytest.mark.slow
def test_a_block_sends_its_own_starts_only():
    starts = uniform_starts(4000, low=(-2, -2), high=(2, 2))
    executor = Copying()
    options = {"starts": starts, "n_steps": 2, "observables": None}
    run(**options, executor=executor, block_size=100)
    assert max(executor.sent) < 16 * 100 + 4000 < starts.nbytes / 8


@pytest.mark.slow
def test_only_so_many_blocks_are_on_their_way():
    few, many = Waiting(), Waiting()
    options = {"n_steps": 2, "observables": None, "block_size": 1}
    run(**options, executor=few, memory_limit=12_000)
    run(**options, executor=many)
    assert few.most < many.most and few.most <= 12_000 // 2 // (35 + 32) + 1


def test_an_interrupt_keeps_all_that_has_come_back(expected, tmp_path):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "runs.zarr"
    with pytest.raises(KeyboardInterrupt, match=f"{RUNS} of {RUNS} runs are finished and kept"):
        run(executor=Copying(), store=path, block_size=20, progress=interrupt)
    xarray.testing.assert_identical(open_sweep(path), expected)


# What may become of results on their way: of the first block that is returned.
TAMPERED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nothing": (lambda one: None, "it is None"),
    "values alone": (lambda one: one.values, "it is {"),
    "another sweep's": (lambda one: one._replace(token="other"), "of another block"),
    "another block's": (
        lambda one: one._replace(block=one.block._replace(algorithm=1)), "of another block"),
    "a list": (lambda one: one._replace(values=[]), r"it has \[\], not final"),
    "one missing": (lambda one: without(one, "period"), "it has .*, not final"),
    "one too many": (lambda one: changed(one, extra=np.zeros(20)), "it has .*, not final"),
    "another type": (
        lambda one: changed(one, final=one.values["final"].astype(np.float32)),
        r"final is float32 of shape \(20, 2\), not float64"),
    "another shape": (
        lambda one: changed(one, final_loss=one.values["final_loss"][:1]), r"of shape \(1,\), not"),
    "no array": (
        lambda one: changed(one, outcome=one.values["outcome"].tolist()), "outcome is .*not an"),
    "a masked array": (
        lambda one: changed(one, final=np.ma.array(one.values["final"])), "final is .*not an arr"),
    "an outcome that is none": (
        lambda one: changed(one, outcome=np.full(20, 77, np.int8)), "outcome has 77, outside"),
    "a set that is none": (
        lambda one: changed(one, attractor=np.full(20, 3, np.int16)), "attractor has 3, outside"),
    "more steps than asked for": (
        lambda one: changed(one, n_steps=np.full(20, 61, np.int32)), "n_steps has 61, outside"),
    "a loss that is NaN": (
        lambda one: changed(one, final_loss=np.full(20, np.nan)), "final_loss has nan, outside"),
    "a point at infinity": (
        lambda one: changed(one, final=np.full((20, 2), np.inf)), "final has inf, outside"),
}  # fmt: skip


def changed(returned: Any, **values: Any) -> Any:
    return returned._replace(values=returned.values | values)


def without(returned: Any, name: str) -> Any:
    return returned._replace(values={k: v for k, v in returned.values.items() if k != name})


class Tampering(Copying):
    """Changes the first results that it returns."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        super().__init__()
        self._change: Callable[[Any], Any] | None = change

    def submit(self, fn: Any, /, *arguments: Any, **settings: Any) -> Future:
        future = super().submit(fn, *arguments, **settings)
        if isinstance(future.result(), dict) or self._change is None:  # of what it computes with
            return future
        tampered: Future = Future()
        tampered.set_result(self._change(future.result()))
        self._change = None
        return tampered


@pytest.mark.parametrize("case", TAMPERED)
def test_results_that_are_none_are_not_kept(tmp_path, case):
    change, message = TAMPERED[case]
    path = tmp_path / "runs.zarr"
    with pytest.raises(RuntimeError, match=rf"no results of its block: .*{message}"):
        run(executor=Tampering(change), store=path, block_size=20)
    with pytest.raises(StoreError, match=r"8 of its blocks|blocks are not finished"):
        open_sweep(path)


def test_results_that_are_exchanged_are_found():
    class Exchanging(Copying):
        last: Future | None = None

        def submit(self, fn: Any, /, *arguments: Any, **settings: Any) -> Future:
            future = super().submit(fn, *arguments, **settings)
            if isinstance(future.result(), dict):
                return future
            before, self.last = self.last, future
            return before or future

    with pytest.raises(RuntimeError, match="of another block"):
        run(executor=Exchanging(), block_size=20)


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
        def submit(self, fn: Any, /, job: Any, *arguments: Any, **settings: Any) -> Future:
            sent = pickle.dumps(job)
            monkeypatch.delitem(OBSERVABLES, "extra")
            return super().submit(fn, pickle.loads(sent), *arguments, **settings)

    monkeypatch.setitem(OBSERVABLES, "extra", OBSERVABLES["loss"])
    with pytest.raises(RuntimeError, match="observable extra is registered here but not in the"):
        run(executor=Bare(), observables={"extra": "last"})


# -- real workers ----------------------------------------------------------------------------


@pytest.mark.slow
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


# How long an event may take on a machine that is busy: nothing is waited for that long otherwise.
LONGEST = 300


class Seen:
    """What a scheduler says of its workers: one is gone, and then another has come."""

    def __init__(self) -> None:
        self.gone, self.back = threading.Event(), threading.Event()

    def watch(self, plugin: type) -> Any:
        seen = self

        class Watch(plugin):
            def remove_worker(self, *_: Any, **__: Any) -> None:
                seen.gone.set()

            def add_worker(self, *_: Any, **__: Any) -> None:
                if seen.gone.is_set():
                    seen.back.set()

        return Watch()


@pytest.fixture
def cluster() -> Iterator[Any]:
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    patient = dict.fromkeys(
        ("distributed.comm.timeouts.connect", "distributed.comm.timeouts.tcp"), f"{LONGEST}s"
    )
    with (
        dask.config.set(patient),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as here,
        distributed.Client(here, timeout=f"{LONGEST}s") as client,
    ):
        yield client


@pytest.mark.slow
def test_a_dask_cluster_that_loses_a_worker(expected, cluster, tmp_path: Path):
    path, killed, seen = tmp_path / "runs.zarr", [], Seen()
    workers = cluster.run(os.getpid)
    scheduler = cluster.cluster.scheduler
    scheduler.add_plugin(seen.watch(pytest.importorskip("distributed").SchedulerPlugin))

    def kill(done: int, total: int) -> None:
        if done >= 20 and not killed:
            killed.append(done)
            os.kill(next(iter(workers.values())), signal.SIGKILL)
            assert seen.gone.wait(LONGEST)

    found = run(executor=cluster.get_executor(), store=path, block_size=4, progress=kill)
    assert killed == [20] and seen.gone.is_set()
    # A cluster that is closed while a worker is on its way leaves a socket open.
    assert seen.back.wait(LONGEST)
    xarray.testing.assert_identical(found, expected)
    xarray.testing.assert_identical(open_sweep(path), expected)
    assert provenance.environment().items() <= found.attrs.items()
