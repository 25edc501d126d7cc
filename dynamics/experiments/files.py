"""The files of a store: regular ones only, read up to a bound, written whole or not at all.

A store may come from anywhere. Nothing in it is followed elsewhere, waited for, or read without
knowing how much there is.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import uuid
from pathlib import Path
from typing import Any

import numpy as np

#: How the name ends of what is being written and does not count yet; Zarr's own ending too.
PARTIAL = ".partial"
#: Bytes of a description, and how deep its values may lie in one another.
MOST_METADATA, DEEPEST = 2**24, 32

# How much deeper each byte of JSON leads.
_DEEPER = np.zeros(256, np.int8)
_DEEPER[[*b"{["]], _DEEPER[[*b"}]"]] = 1, -1
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class StoreError(RuntimeError):
    """A store that cannot be used as it is: damaged, incomplete, or in use."""


class DamagedError(StoreError, ValueError):
    """A file of a store that is not what was written there."""


def found(root: Path, name: str) -> Path | None:
    """The regular file of this name below `root`, or None where nothing is.

    Raises `DamagedError` if something else is there, or on the way to it.
    """
    path = root
    parts = name.split("/")
    for i, part in enumerate(parts):
        path = path / part
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        wanted = stat.S_IFREG if i == len(parts) - 1 else stat.S_IFDIR
        if stat.S_IFMT(mode) != wanted:
            what = "/".join(parts[: i + 1])
            raise DamagedError(f"{what} is {_in_words(mode)}, not {_in_words(wanted)}")
    return path


def read(root: Path, name: str, most: int) -> bytes | None:
    """What is in a regular file below `root`, or None where nothing is.

    Raises `DamagedError` if it is no regular file, or one of more than `most` bytes.
    """
    if (path := found(root, name)) is None:
        return None
    # Neither followed nor waited for, should it have been exchanged meanwhile.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise DamagedError(f"{name} is {_in_words(about.st_mode)}")
        if about.st_size > most:
            raise DamagedError(f"{name} has {about.st_size} bytes, more than {most}")
        return file.read(about.st_size)


def read_json(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in the bytes of a file. `DamagedError` if it is none, or a deep one."""
    steps = _DEEPER[np.frombuffer(_TEXTS.sub(b"", data), np.uint8)]
    if np.max(np.cumsum(steps, dtype=np.int32), initial=0) > DEEPEST:
        raise DamagedError(f"{name} cannot be read: its values lie too deep in one another")
    try:
        value = json.loads(data, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{name} cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise DamagedError(f"{name} cannot be read: it is no JSON object")
    return value


def write(path: Path, data: bytes) -> None:
    """Writes a file beside its place and moves it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def make_way(root: Path, name: str) -> None:
    """Removes what is in place of a file below `root`, or on the way to it, and is none.

    Raises `StoreError` for a folder that is not empty: it holds what nobody here has made.
    """
    path, parts = root, name.split("/")
    for i, part in enumerate(parts):
        path = path / part
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        if i < len(parts) - 1 and stat.S_ISDIR(mode):
            continue
        if not stat.S_ISDIR(mode):
            if i < len(parts) - 1 or not stat.S_ISREG(mode):
                path.unlink()
            return
        try:
            path.rmdir()
        except OSError as error:
            raise StoreError(
                f"a folder lies where a file of the store belongs, and is not empty: {path}. "
                "Move it elsewhere, and call again with resume=True"
            ) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _in_words(mode: int) -> str:
    kinds = {
        stat.S_IFREG: "a regular file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link",
        stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "a device")
