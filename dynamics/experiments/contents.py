"""What is in a store: its descriptions, checked before anything is decoded, and its chunks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.experiments import files, layout
from dynamics.experiments.experiment import of_every_run
from dynamics.experiments.files import DamagedError, StoreError
from dynamics.experiments.layout import IDENTITY, RECEIPTS, RECORD, Array, Chunk

METADATA = "zarr.json"
# Names of arrays are names of folders; those that begin with __ are Zarr's.
_LONGEST_NAME = 200
_MOST_ARRAYS = 1000
_LABELS = ("algorithm", "rho", "eta", "step", "starts")
# What Blosc adds to data that it cannot make smaller, and the checksum behind it.
_BLOSC_HEADER, _CHECKSUM = 16, 4
# Of texts, which have no size that is known before.
_MOST_TEXT = 2**24


class Contents:
    """The descriptions of a store, and its files.

    `arrays` are those whose description is sound; `faults` says of the others what is wrong.

    Raises `StoreError` if the description of the whole is unsound, or of another layout.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            data = files.read(path, METADATA, files.MOST_METADATA)
            if data is None:
                raise DamagedError(f"{METADATA} is missing")
            attributes = files.read_json(data, METADATA).get("attributes")
            if not isinstance(attributes, dict):
                raise DamagedError(f"{METADATA} has no attributes")
        except DamagedError as error:
            raise self._unreadable(error) from error
        self.attributes: dict[str, Any] = attributes
        if RECORD not in attributes:
            return
        try:
            self._read(attributes)
        except DamagedError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: DamagedError) -> StoreError:
        return StoreError(
            f"the description of the store {self.path} (the files {METADATA} in it) cannot be "
            f"read, or is not what the sweep wrote: {error}. Restore it from a copy, or give "
            "another path"
        )

    @property
    def group_in_bytes(self) -> bytes:
        """The description of the whole."""
        return layout.canonical(layout.group(self.attributes)).encode()

    @property
    def is_ours(self) -> bool:
        """Whether a sweep made this, and keeps the record of `layout`."""
        return RECORD in self.attributes

    @property
    def is_older(self) -> bool:
        """Whether a sweep made this before there was such a record."""
        return not self.is_ours and {"landscape", "algorithms", "n_steps"} <= set(self.attributes)

    def _read(self, attributes: Mapping[str, Any]) -> None:
        text = attributes[RECORD]
        record = (
            files.read_json(text.encode(errors="replace"), RECORD) if isinstance(text, str) else {}
        )
        if record.get("layout") != layout.LAYOUT:
            raise StoreError(
                f"the store {self.path} has layout {record.get('layout')}, and this version of "
                f"Ravine reads layout {layout.LAYOUT}. Use the version that made it"
            )
        self.identity = layout.identity(attributes)
        if attributes.get(IDENTITY) != self.identity:
            raise DamagedError(
                f"{METADATA} was changed: its attributes are not those of its {IDENTITY}"
            )
        marks, said, chunk = (record.get(k) for k in ("labels", "descriptions", "chunk"))
        if not (isinstance(marks, dict) and isinstance(said, dict) and isinstance(chunk, list)):
            raise DamagedError(f"{METADATA} has no whole {RECORD}")
        if not all(isinstance(mark, list) for mark in marks.values()):
            raise DamagedError(f"its {RECORD} has a label without digests")
        if len(said) > _MOST_ARRAYS or not set(marks) <= set(_LABELS) & set(said):
            raise DamagedError(f"its {RECORD} names arrays that no sweep has")
        if len(chunk) not in (1, 4) or not all(type(n) is int and n >= 1 for n in chunk):
            raise DamagedError(f"its {RECORD} has no chunk")
        for name in said:
            if name != RECEIPTS:
                check_name(name)
        self.chunk: tuple[int, ...] = tuple(chunk)
        self.marks: dict[str, list[str]] = marks
        self.descriptions: dict[str, Any] = said
        self.names: tuple[str, ...] = tuple(said)
        self.arrays: dict[str, Array] = {}
        self.metadata: dict[str, bytes] = {}
        self.faults: dict[str, str] = {}
        for name, mark in said.items():
            self._read_array(name, mark)
        self._check_whole()

    def _read_array(self, name: str, mark: Any) -> None:
        file = f"{name}/{METADATA}"
        kind = "receipt" if name == RECEIPTS else "label" if name in self.marks else "result"
        try:
            data = files.read(self.path, file, files.MOST_METADATA)
            if data is None:
                raise DamagedError(f"{file} is missing")
            if hashlib.sha256(data).hexdigest() != mark:
                raise DamagedError(f"{file} was changed")
            try:
                self.arrays[name] = Array.described(kind, files.read_json(data, file))
            except ValueError as error:
                raise DamagedError(f"{file} describes no array of a sweep: {error}") from None
            self.metadata[name] = data
        except DamagedError as error:
            self.faults[name] = str(error)

    def _check_whole(self) -> None:
        """`DamagedError` if the arrays that are described are not those of one experiment."""
        missing = {"outcome", "starts", RECEIPTS} - set(self.names)
        if missing:
            raise DamagedError(f"it has no {', '.join(sorted(missing))}")
        if (outcome := self.arrays.get("outcome")) is None:
            return
        dims, n = outcome.dims, len(outcome.dims)
        sizes = dict(zip(dims, outcome.shape, strict=True))
        axes = ("algorithm", "rho", "eta", "start") if len(self.chunk) == 4 else ("run",)
        kept = tuple(axis for axis in axes if axis in dims)
        of_axes: dict[str, int] = dict(zip(axes, self.chunk, strict=True))
        if dims != kept or not dims or outcome.chunk != tuple(of_axes[axis] for axis in kept):
            raise DamagedError("outcome has other dims or chunks than the runs")
        if np.prod(outcome.counts, dtype=float) > layout.MOST_BLOCKS:
            raise DamagedError(f"it has more than {layout.MOST_BLOCKS} blocks")
        starts = self.arrays.get("starts")
        dim = starts.shape[-1] if starts and starts.dims[-1:] == ("dim",) else None
        results = [name for name in self.names if name != RECEIPTS and name not in self.marks]
        for name, array in self.arrays.items():
            ok = True
            if array.kind == "result":
                parts = (array.dims, array.shape, array.chunk)
                own = (outcome.dims, outcome.shape, outcome.chunk)
                ok = all(part[:n] == of_runs for part, of_runs in zip(parts, own, strict=True))
                ok = ok and array.shape[n:] == array.chunk[n:]
                known = of_every_run(dim or 1).get(name)
                if known is not None and ok:
                    ok = (known.dtype.name, known.dims) == (array.dtype, array.dims[n:])
                    ok = ok and (dim is None or known.shape == array.shape[n:])
            elif array.kind == "label":
                here = dict(zip(array.dims, array.shape, strict=True))
                ok = all(sizes.get(axis, size) == size for axis, size in here.items())
                ok = ok and array.chunk[1:] == array.shape[1:]
                ok = ok and len(self.marks[name]) == math.prod(array.counts)
                texts = array.dtype == "string"
                ok = ok and texts == (name == "algorithm") and not (texts and len(array.dims) != 1)
                ok = ok and (texts or array.chunk_bytes <= 2 * layout.LABEL_CHUNK_BYTES)
            else:
                receipt = (len(results), layout.DIGEST_BYTES)
                ok = array.shape == outcome.counts + receipt
                ok = ok and array.chunk == (1,) * n + receipt
                ok = ok and array.attributes.get("variables") == results
            if not ok:
                raise DamagedError(f"{name}/{METADATA} does not fit the runs that outcome has")
        if absent := set(of_every_run(1)) - set(results):
            raise DamagedError(f"it has no {', '.join(sorted(absent))}")
        said = str(self.attributes.get("observables", ""))
        for name in set(results) - set(of_every_run(1)):
            splits = (i for i, letter in enumerate(name) if letter == "_")
            if not any(f"{name[:i]}:{name[i + 1 :]}" in said for i in splits):
                raise DamagedError(f"{name} is no observable that was asked for")

    # -- files ---------------------------------------------------------------------------------

    def data(self, chunk: Chunk) -> bytes | None:
        """The file of a chunk, or None where nothing is; of results, not compared yet.

        Raises `DamagedError` if it cannot be one, by its size or by what it would become.
        """
        array = self.arrays[chunk.name]
        if array.dtype == "string":
            return files.read(self.path, str(chunk), _MOST_TEXT)
        size = array.chunk_bytes
        if array.kind != "result":
            data = files.read(self.path, str(chunk), size)
            if data is not None and len(data) != size:
                raise DamagedError(f"{chunk} has {len(data)} bytes, not {size}")
            return data
        data = files.read(self.path, str(chunk), size + _BLOSC_HEADER + _CHECKSUM)
        if data is not None:
            # Blosc would make room for what its header says.
            becomes, whole = (int.from_bytes(data[i : i + 4], "little") for i in (4, 12))
            if (becomes, whole) != (size, len(data) - _CHECKSUM):
                raise DamagedError(f"{chunk} does not become a chunk of {size} bytes")
        return data

    def label(self, name: str) -> np.ndarray:
        """The values of a label. `DamagedError` if a file of it is missing or another."""
        array = self.arrays[name]
        chunks = []
        for position in array.positions():
            data = self.checked(Chunk(name, position))
            if data is None:
                raise DamagedError(f"{Chunk(name, position)} is missing")
            chunks.append(data)
        try:
            return layout.label_values(array, chunks)
        except ValueError as error:
            raise DamagedError(f"{name} cannot be read: {error}") from None

    def checked(self, chunk: Chunk) -> bytes | None:
        """The file of a chunk of results or of a label, or None where nothing is.

        Raises `DamagedError` if it is not what was written there.
        """
        if (data := self.data(chunk)) is None:
            return None
        if chunk.name in self.marks:
            mark = self.marks[chunk.name][chunk.position[0] if chunk.position else 0]
            same = hashlib.sha256(data).hexdigest() == mark
        elif chunk.name == RECEIPTS:
            return data
        else:
            same = self.receipt(self.runs_position(chunk)).get(chunk.name) == layout.receipt(
                self.identity, chunk, data
            )
        if not same:
            raise DamagedError(
                f"the checksum of {chunk} is another: its content was changed, or belongs elsewhere"
            )
        return data

    def runs_position(self, chunk: Chunk) -> tuple[int, ...]:
        """The place of a chunk along the axes of the runs."""
        return chunk.position[: len(self.arrays["outcome"].dims)]

    def receipt(self, position: tuple[int, ...]) -> dict[str, bytes]:
        """What the chunks of results in a place are known by; {} where it is not finished."""
        data = self.data(Chunk(RECEIPTS, (*position, 0, 0)))
        if data is None:
            return {}
        array, size = self.arrays[RECEIPTS], layout.DIGEST_BYTES
        names = array.attributes["variables"]
        return {name: data[i * size : (i + 1) * size] for i, name in enumerate(names)}


def check_name(name: Any) -> None:
    """`DamagedError` for what cannot be the name of an array."""
    if not (
        isinstance(name, str)
        and 0 < len(name.encode(errors="replace")) <= _LONGEST_NAME
        and name.isprintable()
        and not set(name) & set("/\\:")
        and not name.startswith((".", "__"))
        and name not in ("c", METADATA, RECEIPTS.split("/")[0])
    ):
        raise DamagedError(f"{name!r:.80} cannot be the name of an array")
