"""Who may write to a store, and what is said when writing fails."""

from __future__ import annotations

import importlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dynamics.experiments.files import PARTIAL, StoreError
from landscapes.checks import shown

# Of file systems; a file of a store has a path that is longer than the store's own by less than
# what is left to the 4,096 bytes that systems allow.
_LONGEST_NAME, _LONGEST_PATH = 255, 3500


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
    accepted = "store must be a path in a file system, such as 'runs.zarr', or None"
    try:
        text = os.fspath(path)
        encoded = os.fsencode(text)
    except (TypeError, ValueError):
        text, encoded = "", b""
    if not isinstance(text, str) or not text or "://" in text:
        raise ValueError(f"{accepted}; got {shown(path)}")
    if b"\0" in encoded:
        raise ValueError(f"{accepted}; got one with a zero character: {shown(path)}")
    found = Path(text).absolute()
    if found.name in ("", ".."):
        raise ValueError(f"store must end in the name of a folder; got {shown(path)}")
    longest = _LONGEST_NAME - len(os.fsencode(draft_of(Path("x"), "0" * 32).name))
    lengths = [len(os.fsencode(part)) for part in found.parts]
    if lengths[-1] > longest:
        raise ValueError(
            f"the name of a store may have {longest} bytes; got one of {lengths[-1]}: {shown(path)}"
        )
    if max(lengths) > _LONGEST_NAME or len(os.fsencode(found)) > _LONGEST_PATH:
        raise ValueError(
            f"the path of a store may have {_LONGEST_PATH} bytes, and {_LONGEST_NAME} in each "
            f"name; got one of {len(os.fsencode(found))}: {shown(path)}"
        )
    return found


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
        if os.path.lexists(file) and not stat.S_ISREG(file.lstat().st_mode):
            raise StoreError(f"{file} is no regular file; remove it, or give another path")
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
