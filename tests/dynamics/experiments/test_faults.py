"""Whatever ends a sweep, what it finished is kept, and nothing that is kept is wrong."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from zarr.storage import LocalStore

from dynamics import SAM, Criteria, StoreError, open_sweep, sweep, uniform_starts
from dynamics.experiments import files
from landscapes import Saddle
from tests.support.paths import ROOT

GRID: dict[str, Any] = {
    "eta": np.linspace(0.05, 0.3, 10),
    "rho": 0.1,
    "starts": uniform_starts(40, low=(-2, -2), high=(2, 2), seed=5),
    "n_steps": 40,
    "criteria": Criteria(max_period=2, check_every=20),
    "block_size": 40,
}
LANDSCAPE = Saddle()
RUNS = 400


def run(**other: Any) -> xarray.Dataset:
    return sweep(LANDSCAPE, SAM, **(GRID | other))


@pytest.fixture(scope="module")
def expected() -> xarray.Dataset:
    return run()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.zarr"


def finished(path: Path) -> dict[str, tuple[int, int]]:
    """The blocks that a store has a receipt for: by name, when their files were written."""
    found: dict[str, tuple[int, int]] = {}
    for receipt in path.glob("receipts/sha256/c/0/*/*/0/0"):
        key = "/".join(receipt.relative_to(path).parts[3:6])
        chunks = [one / "0" if one.is_dir() else one for one in path.glob(f"*/c/{key}")]
        assert len(chunks) == 7
        stats = [one.stat() for one in (*chunks, receipt)]
        assert max(s.st_mtime_ns for s in stats) == stats[-1].st_mtime_ns
        found[key] = (stats[-1].st_mtime_ns, sum(s.st_ino for s in stats))
    return found


# -- killed ----------------------------------------------------------------------------------

# Processes are made by forking one that has imported everything and not used JAX yet. Each runs
# the sweep, and is killed at a moment that is spread over what a sweep does: making the store,
# checking it, computing and writing.
KILLS = """
import json, os, random, signal, sys, time
from pathlib import Path
import dynamics.experiments.store, filelock, xarray, zarr
from tests.dynamics.experiments.test_faults import GRID, finished, run

path, log = Path(sys.argv[1]), Path(sys.argv[2])
chance = random.Random(7)
kept, told, kills, ended = {}, [], 0, 0


def sweep_in_child():
    def progress(done, total):
        if not calls:
            log.write_text(str(done))
        calls.append(done)
        if len(calls) == blocks:
            moment.touch()
        time.sleep(0.02)

    calls = []
    run(store=path, resume=True, block_size=5, progress=progress)


while kills < 12:
    log.unlink(missing_ok=True)
    moment = log.with_name("begun")
    moment.unlink(missing_ok=True)
    blocks = chance.choice([4, 5, 6])
    child = os.fork()
    if not child:
        try:
            sweep_in_child()
        finally:
            os._exit(0)
    # Every third while it begins; the others some blocks later.
    early = kills % 3 == 0
    until = time.monotonic() + (chance.uniform(0, 0.4) if early else 30)
    while time.monotonic() < until and not moment.exists():
        time.sleep(0.001)
    if not early:
        time.sleep(chance.uniform(0, 0.04))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    kills += os.WIFSIGNALED(status)
    ended += not os.WIFSIGNALED(status)
    assert ended < 5, "the sweep ends before it is killed"
    if kept and log.exists() and log.read_text():
        told.append((int(log.read_text()), 5 * len(kept)))
    now = finished(path)
    assert all(now.get(block) == when for block, when in kept.items()), "written twice"
    kept = now
print(json.dumps({"kept": len(kept), "told": told}))
"""


@pytest.mark.slow
def test_killed_twelve_times_it_is_as_if_it_had_not_been(run_python, path, tmp_path, expected):
    program = KILLS.replace("sys.argv[1]", repr(str(path))).replace(
        "sys.argv[2]", repr(str(tmp_path / "log"))
    )
    # Compiled once for all of them.
    cache = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled")}
    cache |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    report = json.loads(run_python(program, JAX_PLATFORMS="cpu", **cache))
    assert 6 <= report["kept"] < 80  # the kills met a sweep that was under way
    # What was finished is not among what the next call computes: it is told of at once as done.
    assert len(report["told"]) > 4
    assert all(told == before for told, before in report["told"])
    kept = finished(path)
    found = run(store=path, resume=True)
    xarray.testing.assert_identical(found, expected)
    xarray.testing.assert_identical(open_sweep(path), expected)
    after = finished(path)
    assert len(after) == 80 and kept.items() <= after.items()
    assert not list(tmp_path.rglob("*.partial"))


# -- interrupted -----------------------------------------------------------------------------


def after(runs: int, act: Callable[[], None]) -> Callable[[int, int], None]:
    """A progress function that acts once so many runs are done."""

    def progress(done: int, total: int) -> None:
        if done >= runs:
            act()

    return progress


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_keeps_what_is_finished_and_says_how_to_go_on(path, expected):
    with pytest.raises(KeyboardInterrupt, match=r"of 400 runs are finished and kept in .*resume=T"):
        run(store=path, progress=after(150, interrupt))
    assert 2 <= len(finished(path)) <= 4
    with pytest.raises(StoreError, match=r"blocks are not finished: .*0/9/0"):
        open_sweep(path)
    xarray.testing.assert_identical(run(store=path, resume=True), expected)


CTRL_C = """
import os, signal, sys
from tests.dynamics.experiments.test_faults import after, run
run(store={path!r}, progress=after(150, lambda: os.kill(os.getpid(), signal.SIGINT)))
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_script_with_130(path, expected, interruptible):
    done = subprocess.run(
        ["sh", "-c", '"$@"; echo status $?', "sh", sys.executable, "-W", "error", "-c",
         CTRL_C.format(path=str(path))],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == "status 130"
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("KeyboardInterrupt: interrupted; ") and "resume=True" in last
    xarray.testing.assert_identical(run(store=path, resume=True), expected)


# -- cannot be written -----------------------------------------------------------------------


def test_a_full_disk_is_an_error_that_says_how_to_go_on(path, expected, monkeypatch):
    real, left = LocalStore.set, [60]

    async def full(self: LocalStore, key: str, value: Any, *rest: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        await real(self, key, value, *rest)

    monkeypatch.setattr(LocalStore, "set", full)
    with pytest.raises(OSError, match=r"No space left.*What is finished is kept.*resume=True") as e:
        run(store=path)
    assert e.value.errno == errno.ENOSPC and str(path) in str(e.value)
    monkeypatch.undo()
    kept = finished(path)
    assert 1 <= len(kept) < 10
    xarray.testing.assert_identical(run(store=path, resume=True), expected)
    assert kept.items() <= finished(path).items()


def test_a_file_that_cannot_be_written_whole_is_not_there(path, expected):
    # The system refuses to let a file grow beyond this, as a full disk does in its midst. The
    # store's own description is shorter than that, a chunk of 400 final points is not.
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(OSError, match="What is finished is kept") as e:
            run(store=path, block_size=RUNS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert e.value.errno == errno.EFBIG
    assert not list(path.rglob("*.partial"))
    assert finished(path) == {}
    xarray.testing.assert_identical(run(store=path, resume=True), expected)


def test_a_disk_that_is_full_from_the_start_leaves_nothing(path, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(OSError, match="No space left"):
        run(store=path)
    assert [file.name for file in path.parent.iterdir()] == ["runs.zarr.lock"]


def test_where_nothing_can_be_written_is_said_before_work_begins(tmp_path, monkeypatch):
    seen: list[tuple[int, int]] = []
    (tmp_path / "file").write_text("")
    for where, message in (
        (tmp_path / "file" / "runs", "the folder .*file does not exist; make it first"),
        (tmp_path / "nowhere" / "runs", "the folder .*nowhere does not exist; make it first"),
    ):
        with pytest.raises(FileNotFoundError, match=message):
            run(store=where, progress=lambda *n: seen.append(n))

    def refuse(self: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied.*make it writable.*runs.zarr"):
        run(store=tmp_path / "runs.zarr", progress=lambda *n: seen.append(n))
    assert seen == []


# -- two at once -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_second_writer_is_refused_and_the_first_goes_on(path, expected):
    refused: list[str] = []

    def second() -> None:
        if not refused:
            with pytest.raises(StoreError) as error:
                run(store=path, resume=True)
            refused.append(str(error.value))

    found = run(store=path, progress=after(100, second))
    assert "another sweep is writing to" in refused[0] and "another path" in refused[0]
    xarray.testing.assert_identical(found, expected)
    xarray.testing.assert_identical(run(store=path, resume=True), expected)
