"""How a sweep is carried out: what cannot be meant is refused in words, before work begins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import xarray

from dynamics import OBSERVABLES, SAM, normal_starts, sweep, uniform_starts
from dynamics.engine import engine
from landscapes import MatrixSensing
from tests.support.stores import run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.zarr"


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "run", lambda *_, **__: pytest.fail("work began"))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"store": 3}, "store must be a path .*; got 3"),
        ({"store": "s3://bucket/runs"}, "store must be a path in a file system"),
        ({"resume": True}, "store must be the path that resume=True is to go on with; got None"),
        ({"resume": 1}, "resume must be True or False; got 1"),
        ({"block_size": 0}, "block_size must be a whole number >= 1; got 0"),
        ({"executor": 4}, "executor must be a concurrent.futures.Executor .*; got 4"),
        ({"memory_limit": 0}, "memory_limit must be a number of bytes > 0.*; got 0"),
        ({"memory_limit": "2 lots"}, "memory_limit must be .*'2GiB'.*; got '2 lots'"),
        ({"store": "a\0b"}, "store must be a path .*with a zero character"),
        ({"store": "\ud800"}, "store must be a path in a file system"),
        ({"store": b"runs.zarr"}, "store must be a path in a file system"),
        ({"store": "x" * 230}, "the name of a store may have 212 bytes; got one of 230"),
        ({"store": "x/" * 2500 + "runs"}, "the path of a store may have 3500 bytes"),
        ({"store": "x" * 300 + "/runs"}, "the path of a store may have .* 255 in each name"),
        ({"store": "/"}, "store must end in the name of a folder; got '/'"),
        ({"store": ".."}, r"store must end in the name of a folder; got '\.\.'"),
        ({"memory_limit": float("nan")}, "memory_limit must be a number of bytes > 0.*; got nan"),
        ({"memory_limit": float("inf")}, "memory_limit must be a number of bytes > 0.*; got inf"),
        ({"memory_limit": True}, "memory_limit must be a number of bytes > 0.*; got True"),
        ({"memory_limit": -(10**5000)}, "memory_limit must be a number of bytes > 0"),
        ({"memory_limit": "9" * 400 + "GiB"}, "memory_limit must be a number of bytes > 0"),
        ({"memory_limit": "-1GiB"}, "memory_limit must be a number of bytes > 0"),
        ({"block_size": True}, "block_size must be a whole number >= 1; got True"),
        ({"block_size": float("nan")}, "block_size must be a whole number >= 1; got nan"),
        ({"block_size": -(10**5000)}, "block_size must be a whole number >= 1"),
        ({"trace_every": 2**31}, "trace_every must be a whole number >= 1 and <= 2147483647"),
        ({"mean_last": 10**5000}, "mean_last must be a whole number >= 1 and <= 2147483647"),
        ({"chunk_size": -1}, "chunk_size must be a whole number >= 1; got -1"),
        ({"chunk_size": float("inf")}, "chunk_size must be a whole number >= 1; got inf"),
        ({"progress": 3}, "progress must be True, False or a function; got 3"),
    ],
)
def test_bad_means_are_refused(nothing_runs, bad, message):
    call: Any = run
    with pytest.raises(ValueError, match=message):
        call(**bad)


@pytest.mark.slow
def test_limits_that_are_large_beyond_reason_limit_nothing(path):
    expected = run()
    # Compiled by XLA, a chunk has room for as many runs as it is said to have.
    sensing = MatrixSensing.examples()[1]
    runs: dict[str, Any] = {
        "eta": 0.01,
        "rho": 0.1,
        "starts": normal_starts(3, sensing.dim),
        "n_steps": 3,
    }
    whole = sweep(sensing, SAM, **runs)
    xarray.testing.assert_identical(sweep(sensing, SAM, **runs, chunk_size=2**62), whole)
    for huge in (2**62, 10**5000):
        found = run(block_size=huge, chunk_size=huge, memory_limit=huge)
        xarray.testing.assert_identical(found, expected)
    xarray.testing.assert_identical(run(block_size=10**5000, store=path), expected)


def test_a_store_in_more_blocks_than_a_file_system_likes_is_refused(nothing_runs, path):
    starts = uniform_starts(2**20, low=(-1, -1), high=(1, 1))
    with pytest.raises(ValueError, match=r"blocks of 1 runs .* at most 1048576; give a larger bl"):
        run(store=path, block_size=1, starts=starts)
    assert not path.exists()


def test_an_observable_whose_name_is_no_file_name_is_refused(path, monkeypatch):
    for name in ("a/b", "..", "x" * 300, "__x", "a\0b"):
        monkeypatch.setitem(OBSERVABLES, name, OBSERVABLES["loss"])
        with pytest.raises(ValueError, match="cannot be the name of an array of a store"):
            run(store=path, observables={name: "last"})
    assert not path.exists()


@pytest.mark.parametrize("module", ["zarr", "filelock"])
def test_a_missing_extra_is_named(path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'needs? {module}.*pip install "ravine\[store\]"'):
        run(store=path)
