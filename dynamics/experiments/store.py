"""Results on disk: a Zarr group whose chunks are the blocks of a sweep.

A block is finished when a chunk of each variable is there: a chunk appears whole or not at all
(Zarr writes it beside its place and renames it), and it carries a checksum. So the store itself
says what is done, and nothing else is kept of it.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dynamics.engine.kernel import Result
from dynamics.experiments import layout
from dynamics.experiments.experiment import Block, Experiment
from dynamics.experiments.provenance import differences
from dynamics.experiments.writing import (
    PARTIAL,
    StoreError,
    draft_of,
    local_path,
    required,
    writing,
)

if TYPE_CHECKING:
    import xarray

_LISTED = 10
# Reading waits for the disk and unpacks outside the interpreter's lock.
_READERS = 4
_METADATA = "zarr.json"


class Chunk(NamedTuple):
    """One chunk of one array; as a text, the file that holds it."""

    name: str
    place: tuple[int, ...]

    def __str__(self) -> str:
        return "/".join([self.name, "c", *map(str, self.place)])


def open_sweep(path: str | os.PathLike[str], *, verify: bool = True) -> xarray.Dataset:
    """Opens what `sweep` or `ensemble` wrote to `store=path`. Values are read when they are used.

    Args:
        path: the store.
        verify: reads every chunk and compares its checksum. False only sees to it that all are
            there; a damaged one is then found when its values are used, by a `ValueError`.

    Raises:
        FileNotFoundError: if there is no store.
        StoreError: if chunks are missing or damaged, with their names.
    """
    store = Store(local_path(path))
    missing, damaged = store.survey(store.chunks(), verify=verify)
    wrong = [
        f"{len(chunks)} of its chunks {state}: {listed(chunks)}"
        for chunks, state in ((missing, "missing"), (damaged, "damaged"))
        if chunks
    ]
    if wrong:
        raise StoreError(
            f"the store {store.path} is not whole, {'; '.join(wrong)}. "
            "Call the sweep that made it again, with resume=True, to compute what they hold"
        )
    return store.dataset()


def listed(chunks: Iterable[Chunk]) -> str:
    """The names of chunks, the first of them if they are many."""
    names = [str(chunk) for chunk in chunks]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


class Store:
    """An existing store.

    Raises `FileNotFoundError` if nothing is there, `FileExistsError` if it is something else, and
    `StoreError` if its description cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        zarr = required("zarr")
        if not path.exists():
            raise FileNotFoundError(f"there is no store at {path}; sweep(…, store=…) makes one")
        if not (path / _METADATA).is_file():
            raise _foreign(path)
        try:
            group = zarr.open_group(path, mode="r+" if os.access(path, os.W_OK) else "r")
            arrays = {
                name: array.with_config({"write_empty_chunks": True})
                for name, array in group.arrays()
            }
        except (ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise StoreError(
                f"the description of the store {path} (the files {_METADATA} in it) cannot be "
                f"read: {error}. Restore them from a copy, or give another path"
            ) from error
        if not {"outcome", "starts"} <= set(arrays):
            raise _foreign(path)
        first = [name for name in (*Result._fields, "attractor") if name in arrays]
        self._arrays = {name: arrays[name] for name in [*first, *sorted(set(arrays) - set(first))]}
        self.attrs: dict[str, Any] = dict(group.attrs)

    @staticmethod
    def create(
        path: Path, experiment: Experiment, chunk: tuple[int, ...], attrs: Mapping[str, Any]
    ) -> Store:
        """A store for the experiment, without results yet. It appears whole or not at all."""
        zarr = required("zarr")
        draft = draft_of(path, uuid.uuid4().hex)
        with writing(path):
            try:
                group = zarr.create_group(draft, zarr_format=3, attributes=dict(attrs))
                labels = layout.labels(experiment)
                for name, arguments in layout.arrays(experiment, chunk).items():
                    array = group.create_array(name, **arguments)
                    if name in labels:
                        array[...] = labels[name][1]
                if path.exists():  # an empty folder, which not every system replaces
                    path.rmdir()
                os.replace(draft, path)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
        return Store(path)

    def chunk(self, experiment: Experiment) -> tuple[int, ...]:
        """The extent of a block along each axis of the runs."""
        of_dims = dict(zip(experiment.dims, self._arrays["outcome"].chunks, strict=True))
        return tuple(of_dims.get(axis, 1) for axis in experiment.axes)

    def differences(self, experiment: Experiment, attrs: Mapping[str, Any]) -> list[str]:
        """One line for each argument that the store was made with and that is now another."""
        labels = layout.labels(experiment)
        # Of the starts the values decide, not the words for them.
        stored, asked = (
            {field: value for field, value in record.items() if field != "starts"}
            for record in (self.attrs, attrs)
        )
        lines = differences(stored, asked)
        for name, (_, values) in labels.items():
            array = self._arrays.get(name)
            same = array is not None and array.attrs.get(layout.DIGEST) == layout.digest(values)
            if same or name == "algorithm":  # whose names are among the attributes
                continue
            have = "nothing" if array is None else self._in_words(name)
            want = layout.in_words(values)
            if name == "starts":
                have += f" ({self.attrs.get('starts')})"
                want += f" ({attrs['starts']})"
            lines.append(f"{name}: {have} in the store, {want} asked for")
        return lines

    def _in_words(self, name: str) -> str:
        try:
            return layout.in_words(self._arrays[name][...])
        except (ValueError, RuntimeError):
            return "other values (damaged)"

    # -- chunks --------------------------------------------------------------------------------

    def chunks(self) -> Iterator[Chunk]:
        """All chunks that a whole store has."""
        for name, array in self._arrays.items():
            counts = [-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True)]
            for place in product(*map(range, counts)):
                yield Chunk(name, place)

    def chunks_of(self, block: Block, experiment: Experiment) -> list[Chunk]:
        """Those that hold the results of a block."""
        spans = [
            range(part.start // step, -(-part.stop // step))
            for part, step in zip(block.region, self.chunk(experiment), strict=True)
        ]
        kept = experiment.kept(spans)
        return [
            Chunk(name, place + (0,) * len(variable.shape))
            for name, variable in experiment.variables().items()
            for place in product(*kept)
        ]

    def survey(
        self, chunks: Iterable[Chunk], *, verify: bool = True
    ) -> tuple[list[Chunk], list[Chunk]]:
        """Which of the chunks are missing, and which are damaged."""
        missing, damaged, present = [], [], []
        for chunk in chunks:
            (present if self._file(chunk).exists() else missing).append(chunk)
        if verify:
            with ThreadPoolExecutor(_READERS) as readers:
                whole = readers.map(self._is_whole, present)
                damaged = [chunk for chunk, ok in zip(present, whole, strict=True) if not ok]
        return missing, damaged

    def _file(self, chunk: Chunk) -> Path:
        key = self._arrays[chunk.name].metadata.encode_chunk_key(chunk.place)
        return self.path / chunk.name / key

    def _is_whole(self, chunk: Chunk) -> bool:
        try:
            self._arrays[chunk.name].blocks[chunk.place]
        except (ValueError, RuntimeError):  # the checksum; what the codecs make of the rest
            return False
        return True

    # -- writing: for the sole writer --------------------------------------------------------

    def write(self, block: Block, values: Mapping[str, np.ndarray], experiment: Experiment) -> None:
        """Keeps the results of a block."""
        extents = tuple(part.stop - part.start for part in block.region)
        with writing(self.path):
            for name, array in values.items():
                shaped = array.reshape(block.shape + array.shape[1:])
                whole = np.broadcast_to(shaped, extents + array.shape[1:])
                kept = whole.reshape(experiment.kept(extents) + array.shape[1:])
                self._arrays[name][experiment.kept(block.region)] = kept

    def mend_labels(self, experiment: Experiment, unusable: Iterable[Chunk]) -> None:
        """Writes the labels anew that have one of these chunks."""
        labels = layout.labels(experiment)
        with writing(self.path):
            for name in {chunk.name for chunk in unusable} & set(labels):
                self._arrays[name][...] = labels[name][1]

    def tidy(self) -> None:
        """Removes what a writer that was killed has left."""
        with writing(self.path):
            for leftover in self.path.rglob("*" + PARTIAL):
                leftover.unlink(missing_ok=True)

    # -- reading -----------------------------------------------------------------------------

    def dataset(self) -> xarray.Dataset:
        """The results, with values that are read when they are used."""
        import xarray

        found = xarray.open_zarr(self.path, consolidated=False, chunks=None, decode_cf=False)
        found = found[[name for name in self._arrays if name in found]]
        labels = [name for name in ("algorithm", "rho", "eta", "step") if name in found.variables]
        for name in labels:
            values = found[name].values
            if name == "algorithm":
                values = np.array(values.tolist())
            found[name] = (found[name].dims, values, found[name].attrs)
        for variable in found.variables.values():
            variable.attrs.pop(layout.DIGEST, None)
            if "flag_values" in variable.attrs:
                flags = np.array(variable.attrs["flag_values"], variable.dtype)
                variable.attrs["flag_values"] = flags
        return found.set_coords(labels)


def _foreign(path: Path) -> FileExistsError:
    return FileExistsError(f"what is at {path} is no store of a sweep; give another path")
