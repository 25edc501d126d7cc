"""Results on disk: a Zarr group whose chunks are the blocks of a sweep.

A block is finished when its receipt is there, which is written last: it has the checksums of the
block's chunks, each tied to its place and to the experiment. A file appears whole or not at all (it
is written beside its place and renamed). So the store itself says what is done, and nothing else
is kept of it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dynamics.experiments import files, layout
from dynamics.experiments.contents import METADATA, Contents, check_name
from dynamics.experiments.experiment import Block, Experiment
from dynamics.experiments.files import DamagedError, StoreError
from dynamics.experiments.layout import IDENTITY, RECEIPTS, RECORD, Chunk
from dynamics.experiments.memory import in_words, memory_limit_in_bytes
from dynamics.experiments.provenance import differences
from dynamics.experiments.writing import draft_of, local_path, required, writing

if TYPE_CHECKING:
    import xarray

_LISTED = 10
# Reading waits for the disk, and digests are made outside the interpreter's lock.
_READERS = 4
# Blocks that are looked at together.
_AT_ONCE = 4096


def open_sweep(path: str | os.PathLike[str], *, verify: bool = True) -> xarray.Dataset:
    """Opens what `sweep` or `ensemble` wrote to `store=path`. Values are read when they are used.

    What is in the store is not trusted: descriptions are compared with what a sweep writes before
    anything is decoded, only regular files are read, and no chunk becomes larger than it should.
    Values that are used are compared with their checksums, whatever `verify` is.

    Args:
        path: the store.
        verify: compares all checksums at once. False only sees to it that all chunks are there; a
            damaged one is then found when its values are used.

    Raises:
        FileNotFoundError: if there is no store.
        FileExistsError: if something else is there.
        StoreError: if descriptions or chunks are missing, damaged or not those that were written
            there, with their names; or if the store was made by another version. A `ValueError`
            as well where values are used.
        MemoryError: if the labels of the runs do not fit what is free.
    """
    store = Store(local_path(path))
    if faults := store.contents.faults:
        raise StoreError(
            f"the descriptions in the store {store.path} are not what the sweep wrote: "
            f"{'; '.join(list(faults.values())[:_LISTED])}. {_REMEDY}"
        )
    if wrong := store.survey(verify=verify).in_words():
        raise StoreError(f"the store {store.path} is not whole, {wrong}. {_REMEDY}")
    return store.dataset()


_REMEDY = "Call the sweep that made it again, with resume=True, to make anew what is not right"


def listed(names: Iterable[object]) -> str:
    """The names of chunks, the first of them if they are many."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


class Survey(NamedTuple):
    """What is not right in a store: places of blocks, and chunks of finished blocks and labels."""

    unfinished: list[tuple[int, ...]]
    missing: list[Chunk]
    damaged: list[Chunk]

    def in_words(self) -> str:
        """One line, empty where all is right."""
        positions = ["/".join(map(str, position)) for position in self.unfinished]
        parts = [
            f"{len(names)} of its {what}: {listed(names)}"
            for names, what in (
                (positions, "blocks are not finished"),
                (self.missing, "chunks missing"),
                (self.damaged, "chunks damaged"),
            )
            if names
        ]
        return "; ".join(parts)


class Store:
    """An existing store.

    Raises `FileNotFoundError` if nothing is there, `FileExistsError` if it is something else, and
    `StoreError` if the description of the whole cannot be used. What is wrong with those of single
    arrays stands in `contents.faults`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        required("zarr")
        if not path.exists():
            raise FileNotFoundError(f"there is no store at {path}; sweep(…, store=…) makes one")
        if not any(os.path.lexists(path / name / METADATA) for name in ("", "outcome", "starts")):
            raise _foreign(path)
        self.contents = Contents(path)
        if self.contents.is_older:
            raise StoreError(
                f"the store {path} was made by an earlier version of Ravine, whose checksums do "
                "not say where a chunk belongs. Read it with xarray.open_zarr(…, "
                "consolidated=False), or give another path to compute it again"
            )
        if not self.contents.is_ours:
            raise _foreign(path)
        self._writable: dict[str, Any] = {}

    @staticmethod
    def create(
        path: Path, experiment: Experiment, chunk: tuple[int, ...], attrs: Mapping[str, Any]
    ) -> Store:
        """A store for the experiment, without results yet. It appears whole or not at all."""
        arrays = layout.arrays(experiment, chunk)
        for name in arrays:
            if name != RECEIPTS:
                _check_name(name)
        attributes = dict(attrs) | {RECORD: layout.record(arrays, chunk, experiment)}
        attributes[IDENTITY] = layout.identity(attributes)
        draft = draft_of(path, uuid.uuid4().hex)
        with writing(path):
            try:
                receipts = RECEIPTS.split("/")[0]
                files.write(draft / receipts / METADATA, layout.in_bytes(layout.group({})))
                for name, array in arrays.items():
                    files.write(draft / name / METADATA, layout.in_bytes(array.metadata()))
                for name, (_, values) in layout.labels(experiment).items():
                    _write_label(draft, name, arrays[name], values)
                files.write(draft / METADATA, layout.in_bytes(layout.group(attributes)))
                if path.exists():  # an empty folder, which not every system replaces
                    path.rmdir()
                os.replace(draft, path)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
        return Store(path)

    @property
    def chunk(self) -> tuple[int, ...]:
        """The extent of a block along each axis of the runs."""
        return self.contents.chunk

    def differences(self, experiment: Experiment, attrs: Mapping[str, Any]) -> list[str]:
        """One line for each argument that the store was made with and that is now another."""
        # Of the starts the values decide, not the words for them.
        apart = {"starts", RECORD, IDENTITY}
        stored, asked = (
            {field: value for field, value in record.items() if field not in apart}
            for record in (self.contents.attributes, attrs)
        )
        lines = differences(stored, asked)
        if len(self.chunk) != len(experiment.axes):
            return [*lines, "the store is of another kind: a sweep's in place of an ensemble's"]
        expected = layout.arrays(experiment, self.chunk)
        for name, (_, values) in layout.labels(experiment).items():
            there = self.contents.arrays.get(name)
            same = self.contents.marks.get(name) == layout.digests(expected[name], values)
            same = same and (there is None or there.dims == expected[name].dims)
            if same or name == "algorithm":  # whose names are among the attributes
                continue
            have, want = self._in_words(name), layout.in_words(values)
            if name == "starts":
                have += f" ({self.contents.attributes.get('starts')})"
                want += f" ({attrs['starts']})"
            lines.append(f"{name}: {have} in the store, {want} asked for")
        if not lines and list(expected) != list(self.contents.names):
            lines.append(f"variables: {' '.join(self.contents.names)} in the store, "
                         f"{' '.join(expected)} asked for")  # fmt: skip
        for name, array in expected.items():
            there = self.contents.arrays.get(name, array)
            if not lines and there._replace(attributes={}) != array._replace(attributes={}):
                lines.append(f"{name}: {there.dtype} of shape {there.shape} in the store, "
                             f"{array.dtype} of shape {array.shape} asked for")  # fmt: skip
        return lines

    def _in_words(self, name: str) -> str:
        if name not in self.contents.marks:
            return "nothing"
        try:
            return layout.in_words(self.contents.label(name))
        except (DamagedError, KeyError):
            return "other values (damaged)"

    # -- chunks --------------------------------------------------------------------------------

    def survey(self, *, verify: bool = True) -> Survey:
        """What is missing or damaged, of the arrays that are described."""
        found = Survey([], [], [])
        together = self._together()
        with ThreadPoolExecutor(_READERS) as readers:
            while some := list(islice(together, _AT_ONCE)):
                for part in readers.map(partial(self._state, verify=verify), some):
                    found.unfinished.extend(part.unfinished)
                    found.missing.extend(part.missing)
                    found.damaged.extend(part.damaged)
        return found

    def _together(self) -> Iterator[list[Chunk]]:
        """All chunks: those of a label, and those of a block with its receipt."""
        arrays = self.contents.arrays
        for name in self.contents.marks:
            if name in arrays:
                yield [Chunk(name, position) for position in arrays[name].positions()]
        if "outcome" in arrays:
            for position in arrays["outcome"].positions():
                yield self._of_position(position)

    def _of_position(self, position: tuple[int, ...]) -> list[Chunk]:
        """The chunks of results in a place, and its receipt at the end."""
        arrays, n = self.contents.arrays, len(position)
        chunks = [
            Chunk(name, position + (0,) * len(array.shape[n:]))
            for name, array in arrays.items()
            if array.kind == "result"
        ]
        return chunks + ([Chunk(RECEIPTS, (*position, 0, 0))] if RECEIPTS in arrays else [])

    def _state(self, chunks: list[Chunk], *, verify: bool) -> Survey:
        state = Survey([], [], [])
        last = chunks[-1]
        if last.name == RECEIPTS:
            try:
                if files.found(self.path, str(last)) is None:
                    return Survey([last.position[:-2]], [], [])
            except DamagedError:
                return Survey([], [], [last])
        for chunk in chunks:
            try:
                if verify or chunk.name in self.contents.marks:
                    there: Any = self.contents.checked(chunk)
                else:
                    there = files.found(self.path, str(chunk))
            except DamagedError:
                state.damaged.append(chunk)
            else:
                if there is None:
                    state.missing.append(chunk)
        return state

    def positions_in(self, chunks: Iterable[Chunk]) -> set[tuple[int, ...]]:
        """The places of blocks that have one of these chunks."""
        return {self.contents.runs_position(c) for c in chunks if c.name not in self.contents.marks}

    def positions_of(self, block: Block, experiment: Experiment) -> Iterator[tuple[int, ...]]:
        """The places that hold the results of a block."""
        spans = (
            range(part.start // step, -(-part.stop // step))
            for part, step in zip(block.region, self.chunk, strict=True)
        )
        return product(*experiment.kept(tuple(spans)))

    # -- writing: for the sole writer ----------------------------------------------------------

    def write(self, block: Block, values: Mapping[str, np.ndarray], experiment: Experiment) -> None:
        """Keeps the results of a block."""
        extents = tuple(part.stop - part.start for part in block.region)
        positions = list(self.positions_of(block, experiment))
        with writing(self.path):
            for position in positions:
                for chunk in self._of_position(position):
                    files.make_way(self.path, str(chunk))
            for name, array in values.items():
                shaped = array.reshape(block.shape + array.shape[1:])
                whole = np.broadcast_to(shaped, extents + array.shape[1:])
                kept = whole.reshape(experiment.kept(extents) + array.shape[1:])
                self._array(name)[experiment.kept(block.region)] = kept
            for position in positions:
                *chunks, last = self._of_position(position)
                receipt = b"".join(self._receipt(chunk) for chunk in chunks)
                files.write(self.path / str(last), receipt)

    def _receipt(self, chunk: Chunk) -> bytes:
        data = self.contents.data(chunk)
        if data is None:
            raise StoreError(f"{chunk} vanished from the store while it was written")
        return layout.receipt(self.contents.identity, chunk, data)

    def _array(self, name: str) -> Any:
        """An array of results, to be written to."""
        if name not in self._writable:
            zarr = required("zarr")
            array = zarr.open_array(self.path / name, mode="r+", zarr_format=3)
            # Else a chunk that holds nothing but the fill value would never be written.
            self._writable[name] = array.with_config({"write_empty_chunks": True})
        return self._writable[name]

    def mend_descriptions(self, experiment: Experiment) -> None:
        """Writes those anew that are not what they should be. The store is of this experiment.

        Raises `StoreError` if this version would write another.
        """
        expected = layout.arrays(experiment, self.chunk)
        with writing(self.path):
            for name in self.contents.faults:
                file = f"{name}/{METADATA}"
                if layout.mark(expected[name]) != self.contents.descriptions[name]:
                    raise StoreError(
                        f"the description {file} of the store {self.path} is lost, and this "
                        "version of Ravine would write another. Restore it from a copy"
                    )
                files.make_way(self.path, file)
                files.write(self.path / file, layout.in_bytes(expected[name].metadata()))
        self.contents = Contents(self.path)

    def mend_labels(self, experiment: Experiment, unusable: Iterable[Chunk]) -> None:
        """Writes the labels anew that have one of these chunks."""
        values = layout.labels(experiment)
        with writing(self.path):
            for name in {chunk.name for chunk in unusable} & set(values):
                array = self.contents.arrays[name]
                for position in array.positions():
                    files.make_way(self.path, str(Chunk(name, position)))
                _write_label(self.path, name, array, values[name][1])

    def tidy(self) -> None:
        """Removes what a writer that was killed has left."""
        with writing(self.path):
            for folder, _, names in os.walk(self.path):
                for name in names:
                    if name.endswith(files.PARTIAL):
                        Path(folder, name).unlink(missing_ok=True)

    # -- reading -----------------------------------------------------------------------------

    def dataset(self) -> xarray.Dataset:
        """The results, with values that are read when they are used."""
        import xarray

        from dynamics.experiments.guarded import Guarded

        contents = self.contents
        labels = [name for name in ("algorithm", "rho", "eta", "step") if name in contents.marks]
        size = sum(
            array.chunk_bytes * len(contents.marks[name])
            for name in labels
            if (array := contents.arrays[name]).dtype != "string"
        )
        if size > (most := memory_limit_in_bytes(None)):
            raise MemoryError(
                f"the labels of the runs in {self.path} take {in_words(size)}, more than the "
                f"{in_words(most)} that are free for them"
            )
        found = xarray.open_zarr(
            Guarded(contents), consolidated=False, chunks=None, decode_cf=False
        )  # fmt: skip
        found = found[[name for name in contents.names if name in found.data_vars]]
        for name in labels:
            array = contents.arrays[name]
            found[name] = (array.dims, contents.label(name), dict(array.attributes))
        for name in (RECORD, IDENTITY):
            found.attrs.pop(name, None)
        for variable in found.variables.values():
            if "flag_values" in variable.attrs:
                flags = np.array(variable.attrs["flag_values"], variable.dtype)
                variable.attrs["flag_values"] = flags
        return found.set_coords(labels)


def _write_label(folder: Path, name: str, array: layout.Array, values: np.ndarray) -> None:
    for position, data in zip(array.positions(), layout.label_chunks(array, values), strict=True):
        files.write(folder / str(Chunk(name, position)), data)


def _check_name(name: str) -> None:
    try:
        check_name(name)
    except DamagedError as error:
        raise ValueError(f"{error} of a store; give the observable another name") from None


def _foreign(path: Path) -> FileExistsError:
    return FileExistsError(f"what is at {path} is no store of a sweep; give another path")
