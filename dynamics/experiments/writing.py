"""Who may write to a store, and what is said when writing fails."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from landscapes.checks import shown

#: How the name ends of what is being written and does not count yet; Zarr's own ending too.
PARTIAL = ".partial"


class StoreError(RuntimeError):
    """A store that cannot be used as it is: damaged, incomplete, or in use."""


def required(module: str) -> Any:
    """A module of the extra that stores need, or an `ImportError` that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"store= and open_sweep need {module}, which is not installed; "
            'run: pip install "ravine[store]"'
        ) from error


def local_path(path: Any) -> Path:
    """`store` as a path, or a `ValueError`."""
    if not isinstance(path, (str, os.PathLike)) or not str(path) or "://" in str(path):
        raise ValueError(
            f"store must be a path in a file system, such as 'runs.zarr', or None; "
            f"got {shown(path)}"
        )
    return Path(path).absolute()


def draft_of(path: Path, unique: str) -> Path:
    """Where a store is made before it is moved to its place."""
    return path.with_name(f".{path.name}.{unique}{PARTIAL}")


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """A context that one process at a time can be in, until it leaves it or dies.

    Raises `StoreError` if another one is, and `OSError` where nothing can be written.
    """
    filelock = required("filelock")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist; make it first")
    file = path.with_name(path.name + ".lock")
    with writing(path):
        # The library takes some failures to make this file for a lock that is held.
        file.touch()
    # The system frees this lock when its holder dies, however that happens.
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise StoreError(
            f"another sweep is writing to {path} (it holds {file.name} beside it). "
            "Wait for it to end, or give another path"
        ) from None
    try:
        for leftover in path.parent.glob(draft_of(path, "*").name):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        lock.release()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says of a failed write what it means for the store."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot write the store ({error.strerror or error}). What is finished is kept. Make "
            "room, or make it writable, and call again with resume=True",
            str(error.filename or path),
        ) from error
