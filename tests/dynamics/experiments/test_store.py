"""Results on disk: the same as in memory, refused where they are others, and found when damaged."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from dynamics import (
    GD,
    OBSERVABLES,
    SAM,
    Criteria,
    StableSAM,
    StoreError,
    ensemble,
    open_sweep,
    sweep,
    uniform_starts,
)
from dynamics.engine import engine
from dynamics.experiments import provenance
from dynamics.experiments.experiment import Experiment, Settings
from dynamics.experiments.memory import free_memory, memory_limit_in_bytes
from landscapes import Quadratic, Saddle

LANDSCAPE = Saddle()
STARTS = uniform_starts(7, low=(-2.1, -1.4), high=(1.8, 2.2), seed=9)
GRID: dict[str, Any] = {
    "eta": (0.05, 0.31),
    "rho": (0.04, 0.17, 0.4),
    "starts": STARTS,
    "n_steps": 60,
    "criteria": Criteria(max_period=2, check_every=20),
    "observables": {"loss": ("mean_last", "trace")},
    "trace_every": 25,
}
RUNS = 2 * 7 + 3 * 2 * 7  # of GD, which ignores ρ, and of SAM


def run(**other: Any) -> xarray.Dataset:
    return sweep(LANDSCAPE, (GD, SAM), **(GRID | other))


@pytest.fixture(scope="module")
def expected() -> xarray.Dataset:
    return run()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.zarr"


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the blocks that are computed from here on."""
    sizes: list[int] = []
    real = engine.run

    def counted(landscape: Any, algorithm: Any, lanes: Any, **settings: Any) -> Any:
        sizes.append(len(lanes))
        return real(landscape, algorithm, lanes, **settings)

    monkeypatch.setattr(engine, "run", counted)
    return sizes


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "runs.zarr"
    run(store=path, block_size=7)
    return path


@pytest.fixture
def stored(path: Path, made_once: Path) -> Path:
    """A store of its own, with a block for every ρ and η."""
    shutil.copytree(made_once, path)
    return path


# -- the same results ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("block_size", [None, 5, 1])
def test_stored_results_are_those_in_memory(expected, path, computed, block_size):
    found = run(store=path, block_size=block_size)
    xarray.testing.assert_identical(found, expected)
    assert list(found) == list(expected)
    xarray.testing.assert_identical(open_sweep(path), expected)
    assert sum(computed) == RUNS
    assert max(computed) <= (block_size or RUNS)


@pytest.mark.slow
def test_blocks_in_memory_change_nothing(expected, computed):
    xarray.testing.assert_identical(run(block_size=4), expected)
    assert sum(computed) == RUNS and max(computed) == 4


@pytest.mark.slow
def test_an_ensemble_is_stored_too(path):
    runs: dict[str, Any] = {
        "eta": np.linspace(0.05, 0.3, 11), "rho": 0.2, "starts": STARTS[3], "n_steps": 40,
    }  # fmt: skip
    expected = ensemble(LANDSCAPE, StableSAM, **runs)
    found = ensemble(LANDSCAPE, StableSAM, **runs, store=path, block_size=4)
    xarray.testing.assert_identical(found, expected)
    xarray.testing.assert_identical(
        ensemble(LANDSCAPE, StableSAM, **runs, store=path, resume=True), expected
    )


def test_what_is_nothing_but_zeros_or_nan_is_written_too(path, monkeypatch):
    # Zarr leaves out chunks that hold only what a missing chunk would be read as.
    monkeypatch.setitem(OBSERVABLES, "nothing", lambda landscape, w: w[0] * np.nan)
    runs: dict[str, Any] = {"eta": 0.1, "rho": 0.0, "starts": (0.0, 0.0), "n_steps": 3}
    runs |= {"observables": {"nothing": "last"}}
    expected = sweep(LANDSCAPE, SAM, **runs)
    assert np.isnan(expected["nothing_last"]).all()
    xarray.testing.assert_identical(sweep(LANDSCAPE, SAM, **runs, store=path), expected)
    xarray.testing.assert_identical(open_sweep(path), expected)


def test_results_say_where_they_come_from(expected):
    attrs = expected.attrs
    assert attrs["algorithms"] == "GD: no ascent, plain_descent; SAM: unit_ascent, plain_descent"
    assert attrs["starts"] == ("uniform_starts(7, low=[-2.1, -1.4], high=[1.8, 2.2], seed=9)")
    assert run(starts=STARTS[:3]).attrs["starts"] == "given as an array"
    changed = uniform_starts(3, low=(-1, -1), high=(1, 1))
    changed[1] *= 2
    assert run(starts=changed).attrs["starts"] == "given as an array"
    assert {f"{p}_version" for p in ("ravine", "jax", "jaxlib", "numpy")} <= set(attrs)


def test_values_are_read_when_they_are_used(stored):
    found = open_sweep(stored)
    damage(stored / "final", flip)
    for error in (ValueError, StoreError):
        with pytest.raises(error, match="checksum"):
            found["final"].load()
    with pytest.raises(ValueError, match="checksum"):
        open_sweep(stored, verify=False)["final"].load()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (3, 4, 7), (2, 1, 30)])
def test_blocks_cover_every_result_once(shape):
    n_rho, n_eta, n_starts = shape
    settings = Settings(1, None, True, None, 1, 1, None, None)
    experiment = Experiment(
        Saddle(), (GD, SAM), np.ones(n_eta), np.ones(n_rho), np.ones((n_starts, 2)), "", settings,
        is_grid=True,
    )  # fmt: skip
    for most in (1, 2, 3, 6, 7, 8, 20, 21, 1000):
        chunk = experiment.chunk(most)
        covered = np.zeros(experiment.shape, dtype=int)
        runs = 0
        for block in experiment.blocks(chunk):
            assert block.runs <= most
            assert len(experiment.lanes(block)) == block.runs
            covered[block.region] += 1
            runs += block.runs
            if block.algorithm == 1:  # a block is no more than a chunk of the store
                starts = [part.start for part in block.region]
                assert all(s % c == 0 for s, c in zip(starts, chunk, strict=True))
        assert (covered == 1).all()
        assert runs == n_eta * n_starts * (1 + n_rho)


# -- resuming --------------------------------------------------------------------------------


def test_a_whole_store_is_resumed_without_computing(expected, stored, computed):
    seen: list[tuple[int, int]] = []
    found = run(store=stored, resume=True, progress=lambda *n: seen.append(n))
    xarray.testing.assert_identical(found, expected)
    assert computed == [] and seen == [(RUNS, RUNS)]


def test_resuming_where_there_is_nothing_begins(expected, path):
    path.mkdir()  # an empty folder is nothing
    xarray.testing.assert_identical(run(store=path, resume=True), expected)


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :]


def damage(folder: Path, change: Any, which: int = -1) -> str:
    """Changes one of the chunks of an array; returns its name."""
    file = sorted(file for file in (folder / "c").rglob("*") if file.is_file())[which]
    if change is None:
        file.unlink()
    else:
        file.write_bytes(change(file.read_bytes()))
    return str(file.relative_to(folder.parent))


def cut(data: bytes) -> bytes:
    return data[:-2]


def halve(data: bytes) -> bytes:
    return data[: len(data) // 2]


def empty(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("array", "change"),
    [(name, flip) for name in ("outcome", "final", "loss_trace", "eta", "starts", "algorithm")]
    + [("final", change) for change in (cut, halve, empty, None)]
    + [("starts", None)],
)
def test_a_bad_chunk_is_named_and_made_again(stored, expected, computed, array, change):
    name = damage(stored / array, change)
    with pytest.raises(StoreError, match=f"{name}.*resume=True"):
        open_sweep(stored)
    if change is None:
        found = run(store=stored, resume=True)
    else:
        with pytest.warns(UserWarning, match=f"damaged.*{name}"):
            found = run(store=stored, resume=True)
    xarray.testing.assert_identical(found, expected)
    xarray.testing.assert_identical(open_sweep(stored), expected)
    assert computed == ([7] if array in expected.data_vars and array != "starts" else [])


def test_a_result_for_every_radius_is_computed_once_if_one_is_bad(stored, expected, computed):
    name = damage(stored / "final", flip, 2)
    assert name.startswith("final/c/0/1")  # of GD, and of its second ρ
    with pytest.warns(UserWarning, match=name):
        xarray.testing.assert_identical(run(store=stored, resume=True), expected)
    assert computed == [7]


def test_a_broken_description_is_an_error_that_says_so(stored):
    (stored / "zarr.json").write_text("{")
    for call in (lambda: open_sweep(stored), lambda: run(store=stored, resume=True)):
        with pytest.raises(StoreError, match=r"description of the store .* cannot be read"):
            call()


# -- what is refused -------------------------------------------------------------------------


def test_a_store_is_not_written_over(stored, expected):
    with pytest.raises(FileExistsError, match="resume=True completes it, or give another path"):
        run(store=stored)
    xarray.testing.assert_identical(open_sweep(stored), expected)


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"n_steps": 61}, "n_steps: 60 in the store, 61 asked for"),
    ({"eta": (0.05, 0.32)}, r"eta: \[0.05, 0.31\] in the store, \[0.05, 0.32\] asked for"),
    ({"rho": [0.04]}, r"rho: \[0.04, 0.17, 0.4\] in the store, \[0.04\] asked for"),
    ({"rho": 0.04}, r"rho: \[0.04, 0.17, 0.4\] in the store, 0.04 asked for"),
    ({"starts": STARTS[::-1]}, r"starts: 7 from .*seed=9\)\) in the store, .*given as an array"),
    ({"criteria": Criteria()}, "criteria: .*max_period=2.*check_every=20.* in the store"),
    ({"observables": None}, "observables: loss:mean_last loss:trace in the store, none asked for"),
    ({"mean_last": 7}, "mean_last: 100 in the store, 7 asked for"),
    ({"early_stop": False}, "early_stop: True in the store, False asked for"),
]


@pytest.mark.parametrize(("other", "message"), OTHERS, ids=[str(o)[:20] for o, _ in OTHERS])
def test_other_arguments_are_refused_by_name(stored, expected, computed, other, message):
    with pytest.raises(ValueError, match=f"other arguments:\n  {message}"):
        run(store=stored, resume=True, **other)
    assert computed == []
    xarray.testing.assert_identical(open_sweep(stored), expected)


def test_every_difference_is_listed(stored, monkeypatch):
    versions = provenance.versions(*provenance._PACKAGES) | {"jax": "0.0.1"}
    monkeypatch.setattr(provenance, "versions", lambda *_: versions)
    with pytest.raises(ValueError) as refused:
        sweep(Quadratic((1.0, 2.0)), SAM, **GRID, store=stored, resume=True)
    lines = [line.split(":")[0].strip() for line in str(refused.value).splitlines()[1:-1]]
    assert lines == ["landscape", "algorithms", "jax_version"]


def test_the_same_starts_by_another_name_are_the_same(stored, expected):
    found = run(store=stored, resume=True, starts=np.array(STARTS).tolist())
    xarray.testing.assert_identical(found, expected)


def test_more_devices_of_the_kind_are_the_same(stored, monkeypatch):
    monkeypatch.setattr(engine, "device_name", lambda: "1 × cpu, 96 threads")
    run(store=stored, resume=True)
    monkeypatch.setattr(engine, "device_name", lambda: "1 × NVIDIA H200")
    with pytest.raises(ValueError, match="device: cpu in the store, NVIDIA H200 asked for"):
        run(store=stored, resume=True)


def test_what_is_no_store_is_left_alone(tmp_path):
    file, folder = tmp_path / "notes.txt", tmp_path / "folder"
    file.write_text("mine")
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    for what in (file, folder):
        for resume in (False, True):
            with pytest.raises(FileExistsError, match="no store of a sweep; give another path"):
                run(store=what, resume=resume)
        with pytest.raises(FileExistsError, match="no store of a sweep"):
            open_sweep(what)
    assert file.read_text() == (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(FileNotFoundError, match="there is no store at"):
        open_sweep(tmp_path / "nothing")


# -- memory ----------------------------------------------------------------------------------


def test_sizes_are_read_as_they_are_written():
    for text, size in (
        ("2GiB", 2**31), ("500 MB", 500_000_000), ("1.5kib", 1536), ("7 B", 7), (12, 12),
    ):  # fmt: skip
        assert memory_limit_in_bytes(text) == size
    # A share of what is free, which other processes change meanwhile.
    assert 0 < memory_limit_in_bytes(None) < 2 * free_memory()


def test_results_that_do_not_fit_are_refused_before_work_begins(computed, path):
    with pytest.raises(MemoryError, match=r"KiB, more than the memory_limit of 2.93 KiB; give sto"):
        run(memory_limit=3000)
    assert computed == []
    run(memory_limit=3000, store=path)
    assert len(computed) > 5


def test_blocks_that_do_not_fit_are_refused(computed, stored, path):
    with pytest.raises(MemoryError, match=r"blocks of 7 runs take .* a smaller block_size"):
        run(memory_limit=2000, store=stored, resume=True)
    with pytest.raises(MemoryError, match=r"blocks of 42 runs take"):
        run(memory_limit=10_000, store=path.with_name("new"), block_size=1000)
    assert computed == []


@pytest.mark.slow
def test_a_store_needs_memory_for_its_blocks_only(path):
    # 2,400,000 results of 35 bytes, and a limit that they exceed two and a half times.
    grid = GRID | {
        "starts": uniform_starts(50_000, low=(-2, -2), high=(2, 2)),
        "eta": np.linspace(0.1, 0.3, 8),
        "n_steps": 1,
        "observables": None,
    }
    limit = 32_000_000

    def peak(**means: Any) -> int:
        tracemalloc.start()
        sweep(LANDSCAPE, (GD, SAM), **grid, **means)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(store=path.with_name("warm"), memory_limit=limit)  # what is imported and compiled, once
    assert peak(store=path, memory_limit=limit) < limit
    assert peak() > 2.5 * limit
