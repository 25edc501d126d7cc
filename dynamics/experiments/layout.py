"""How results are laid out in a Zarr group: its arrays, and what ties each chunk to its place.

`identity` is of one experiment, cut into its blocks: it stands for all that the descriptions in the
store say. A chunk of results is known by the digest of the identity, its place and its bytes, which
stands in the receipt of its block; so a chunk that is whole but not in its place is found, too. A
label is known by the digests of its chunks, which are part of what the identity stands for.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from dynamics.experiments import dataset
from dynamics.experiments.experiment import Experiment
from landscapes.checks import shown

#: Of this module. Others are refused: layout 1 did not say where a chunk belongs.
LAYOUT = 2
#: A block has a file for each variable, and one for its receipt.
MOST_BLOCKS = 2**20
#: A codec holds less than 2 GiB at a time.
MOST_CHUNK_BYTES = 2**30
#: The array of receipts, beside those of the results.
RECEIPTS = "receipts/sha256"
#: The attributes of the group that are not the result's.
RECORD, IDENTITY = "store_record", "store_identity"

#: Of what stands in a receipt for a chunk.
DIGEST_BYTES = hashlib.sha256().digest_size
#: Labels are read in parts of so many bytes.
LABEL_CHUNK_BYTES = 2**26
_TYPES = ("int8", "int16", "int32", "int64", "uint8", "bool", "float64", "string")


class Chunk(NamedTuple):
    """One chunk of one array; as a text, the file that holds it."""

    name: str
    position: tuple[int, ...]

    def __str__(self) -> str:
        return "/".join([self.name, "c", *map(str, self.position)])


class Array(NamedTuple):
    """One array of a store.

    Attributes:
        kind: "result", "label" or "receipt".
        dtype: as Zarr names it.
        dims, shape, chunk: one entry for each axis.
        attributes: what its numbers stand for, as JSON has it.
    """

    kind: str
    dtype: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    attributes: dict[str, Any]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many chunks there are along each axis."""
        return tuple(-(-n // step) for n, step in zip(self.shape, self.chunk, strict=True))

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a chunk as it is in memory. Not of texts."""
        return np.dtype(self.dtype).itemsize * math.prod(self.chunk)

    def positions(self) -> Iterator[tuple[int, ...]]:
        return product(*map(range, self.counts))

    def metadata(self) -> dict[str, Any]:
        """The description of the array, in the words of Zarr's format 3."""
        is_result = self.kind == "result"
        fill: Any = {"string": "", "bool": False, "float64": 0.0}.get(self.dtype, 0)
        if is_result and self.dtype != "bool":
            # What no run ever ends with, should somebody read what is not there.
            fill = "NaN" if self.dtype == "float64" else -2
        codecs: list[dict[str, Any]] = [
            {"name": "vlen-utf8", "configuration": {}}
            if self.dtype == "string"
            else {"name": "bytes", "configuration": {"endian": "little"}}
        ]
        if is_result:
            compressed = {"typesize": np.dtype(self.dtype).itemsize, "cname": "zstd", "clevel": 1,
                          "shuffle": "shuffle", "blocksize": 0}  # fmt: skip
            # The checksum comes last, so that it is over what is on the disk.
            codecs += [{"name": "blosc", "configuration": compressed}, {"name": "crc32c"}]
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": self.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(self.chunk)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": fill,
            "codecs": codecs,
            "attributes": self.attributes,
            "dimension_names": list(self.dims),
            "storage_transformers": [],
        }

    @staticmethod
    def described(kind: str, metadata: Any) -> Array:
        """The array that a description is of, or a `ValueError` if this module makes no such."""
        try:
            found = Array(
                kind,
                metadata["data_type"],
                tuple(metadata["dimension_names"]),
                tuple(metadata["shape"]),
                tuple(metadata["chunk_grid"]["configuration"]["chunk_shape"]),
                dict(metadata["attributes"]),
            )
        except (KeyError, TypeError, ValueError):
            raise ValueError("a field is missing, or is of another type") from None
        sizes = (*found.shape, *found.chunk)
        if found.dtype not in _TYPES or (found.dtype == "string" and kind != "label"):
            raise ValueError(f"its data_type is {shown(found.dtype)}")
        if not all(type(n) is int and 1 <= n < 2**48 for n in sizes):
            raise ValueError(f"its shape or chunk_shape is {shown(sizes)}")
        if not len(found.dims) == len(found.shape) == len(found.chunk) <= 8:
            raise ValueError("its shape, chunk_shape and dimension_names differ in length")
        if not all(isinstance(dim, str) for dim in found.dims) or any(
            step > n for step, n in zip(found.chunk, found.shape, strict=True)
        ):
            raise ValueError("its chunks are larger than itself")
        expected = found.metadata()
        for field in (*expected, *metadata):
            if canonical(metadata.get(field)) != canonical(expected.get(field)):
                raise ValueError(f"its {field} is {shown(metadata.get(field))}")
        if found.dtype != "string" and found.chunk_bytes > MOST_CHUNK_BYTES:
            raise ValueError("its chunks are too large")
        return found


def arrays(experiment: Experiment, chunk: tuple[int, ...]) -> dict[str, Array]:
    """All arrays of a store in blocks of these extents, by name."""
    kept = experiment.kept(chunk)
    found: dict[str, Array] = {}
    for name, variable in experiment.variables().items():
        found[name] = Array(
            "result",
            variable.dtype.name,
            experiment.dims + variable.dims,
            experiment.shape + variable.shape,
            kept + variable.shape,
            _plain(dataset.attributes(name, experiment)),
        )
    counts = found["outcome"].counts
    receipt = (len(found), DIGEST_BYTES)
    receipts = Array(
        "receipt",
        "uint8",
        (*experiment.dims, "variable", "byte"),
        counts + receipt,
        (1,) * len(counts) + receipt,
        {"variables": list(found)},
    )
    for name, (dims, values) in labels(experiment).items():
        is_text = values.dtype.kind == "U"
        row = 1 if is_text else max(1, values[:1].nbytes if values.ndim else values.nbytes)
        rows = (min(len(values), max(1, LABEL_CHUNK_BYTES // row)),) if values.ndim else ()
        found[name] = Array(
            "label",
            "string" if is_text else values.dtype.name,
            dims,
            values.shape,
            rows + values.shape[1:],
            _plain(dataset.attributes(name, experiment)),
        )
    return found | {RECEIPTS: receipts}


def labels(experiment: Experiment) -> dict[str, dataset.Labelled]:
    """The coordinates and the starts, by name."""
    return dataset.coordinates(experiment) | {"starts": dataset.starts(experiment)}


def label_chunks(array: Array, values: np.ndarray) -> Iterator[bytes]:
    """The files of a label, in the order of their places."""
    if array.dtype == "string":
        texts = [text.encode() for text in values.tolist()]
        lengths = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        yield struct.pack("<I", len(texts)) + lengths
        return
    plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    step = array.chunk[0] if array.chunk else 1
    for i in range(0, len(plain) if array.chunk else 1, step):
        data = (plain[i : i + step] if array.chunk else plain).tobytes()
        yield data.ljust(array.chunk_bytes, b"\0")


def label_values(array: Array, chunks: list[bytes]) -> np.ndarray:
    """The values of a label, from its files. `ValueError` for what is none of a text."""
    data = b"".join(chunks)
    if array.dtype != "string":
        dtype = np.dtype(array.dtype).newbyteorder("<")
        values = np.frombuffer(data, dtype, count=math.prod(array.shape)).reshape(array.shape)
        return values.astype(array.dtype)
    texts, at = [], 4
    for _ in range(array.shape[0]):
        if at >= len(data):
            raise ValueError("fewer texts than said")
        size = int.from_bytes(data[at : at + 4], "little")
        texts.append(data[at + 4 : at + 4 + size].decode())
        at += 4 + size
    if at != len(data) or data[:4] != struct.pack("<I", len(texts)):
        raise ValueError("texts that are longer or more than said")
    return np.array(texts)


def digests(array: Array, values: np.ndarray) -> list[str]:
    """What tells a label from another: a digest for each of its files."""
    return [hashlib.sha256(data).hexdigest() for data in label_chunks(array, values)]


def receipt(identity: str, chunk: Chunk, data: bytes) -> bytes:
    """What stands in the receipt of a block for a file of its results."""
    return hashlib.sha256(f"{identity}\n{chunk}\n".encode() + data).digest()


def record(found: Mapping[str, Array], chunk: tuple[int, ...], experiment: Experiment) -> str:
    """What the group says of its arrays, as a text."""
    marks = {name: digests(found[name], values) for name, (_, values) in labels(experiment).items()}
    descriptions = {name: mark(array) for name, array in found.items()}
    return json.dumps(
        {"layout": LAYOUT, "chunk": chunk, "labels": marks, "descriptions": descriptions}
    )


def mark(array: Array) -> str:
    """What tells the description of an array from another."""
    return hashlib.sha256(in_bytes(array.metadata())).hexdigest()


def identity(attributes: Mapping[str, Any]) -> str:
    """What stands for all that the attributes of the group say, and so for all descriptions."""
    said = {name: value for name, value in attributes.items() if name != IDENTITY}
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def group(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def in_bytes(metadata: Mapping[str, Any]) -> bytes:
    """A description as it is on the disk."""
    return json.dumps(metadata, indent=1, ensure_ascii=False, allow_nan=False).encode()


def canonical(value: Any) -> str:
    """A text that two JSON values share only if they are the same."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes as JSON has them."""
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in attributes.items()}


def in_words(values: np.ndarray) -> str:
    """The values, or if they are many, how many they are and where they begin and end."""
    if values.ndim == 0 or len(values) <= 4:
        return shown(values.tolist())
    return f"{len(values)} from {shown(values[0].tolist())} to {shown(values[-1].tolist())}"
