"""What the suites share: strict numerics, one Hypothesis profile, a fresh interpreter."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import hypothesis
import jax
import psutil
import pytest
from jaxtyping import install_import_hook

from tests.support.paths import ROOT

# Where the tests call JAX themselves, they do so in float64 and without silent broadcasting over
# axes. What the library does under a user's own settings is tested in processes of their own.
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

# A first example may compile; a failing one must fail again, and say how.
hypothesis.settings.register_profile(
    "ravine", deadline=None, derandomize=True, print_blob=True, database=None
)
hypothesis.settings.load_profile("ravine")

# The array annotations of the contract are checked on every call. Only there: elsewhere a wrong
# type is to meet the library's own message, not the checker's.
install_import_hook("landscapes.landscape", "beartype.beartype")

# A worker that holds more than this drops what has been compiled, once the tests that share it have
# been run.
MOST_MEMORY = 2**30
# What is kept by others (SymPy, JAX itself) cannot be dropped: only what came since is worth it.
LEAST_GROWTH = 2**28
_kept = 0

# What `make check` leaves out.
NOT_IN_CHECK = ("slow", "figures", "ledger", "fuzz")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects by the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as `check` what `make check` runs, and groups a file's cases by landscape or figure.

    Checked is the first case of every test that takes little. Of a test marked `breadth` it is
    the first case of each landscape and of each algorithm, or every case if it has neither.

    The tests of a file compile the same programs. One landscape after the other they find them
    compiled; one test after the other, of so many landscapes, most have been dropped again.
    """
    _mark(items)
    at: dict[object, int] = {}
    items.sort(key=lambda item: at.setdefault(_file_and_subject(item), len(at)))


def _file_and_subject(item: pytest.Item) -> object:
    given = getattr(getattr(item, "callspec", None), "params", {})
    subject = given.get("landscape", given.get("name") if "figures" in item.path.parts else None)
    return item.path, repr(subject)


def _mark(items: list[pytest.Item]) -> None:
    seen = set()
    for item in items:
        if any(item.get_closest_marker(name) for name in NOT_IN_CHECK):
            continue
        function = item.nodeid.partition("[")[0]
        kinds = {"any"}
        if item.get_closest_marker("breadth"):
            kinds |= _kinds(item) or {item.nodeid}
        new = {(function, kind) for kind in kinds} - seen
        if new:
            item.add_marker("check")
            seen |= new


def _kinds(item: pytest.Item) -> set[str]:
    """The landscape and the algorithm that a case is about."""
    given = getattr(getattr(item, "callspec", None), "params", {})
    kinds = {type(given["landscape"]).__name__} if "landscape" in given else set()
    return kinds | ({str(given["algorithm"])} if "algorithm" in given else set())


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Drops what has been compiled if it is much and the next test is about something else."""
    if nextitem is not None and _file_and_subject(item) == _file_and_subject(nextitem):
        return
    global _kept
    if _memory() > max(MOST_MEMORY, _kept + LEAST_GROWTH):
        # Not at the top: the annotations of what is imported before the hook are not checked.
        from dynamics.engine.programs import forget_programs

        forget_programs()
        gc.collect()
        if sys.platform == "linux":  # what is free is given back only when it is asked for
            ctypes.CDLL(None).malloc_trim(0)
        _kept = _memory()


def _memory() -> int:
    return psutil.Process().memory_info().rss


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C arrives here, and in processes started here, though the tests run in the background.

    A shell has its background processes ignore it, and processes inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Runs a program in a fresh interpreter with the given environment; returns what it prints."""

    def run(program: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
