"""A store may come from anywhere: what was crafted is refused before it costs time or memory.

Each case changes a whole store and makes all of its own digests agree again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from numcodecs.blosc import Blosc

from dynamics import StoreError, open_sweep
from dynamics.experiments import layout
from dynamics.experiments.contents import Contents
from dynamics.experiments.layout import IDENTITY, RECEIPTS, RECORD
from tests.support.stores import chunk, file, run

FINAL = "final/c/1/0/0/0/0"


@pytest.fixture(scope="module")
def expected() -> xarray.Dataset:
    return run()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "runs.zarr"
    run(store=path, block_size=3)
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "runs.zarr")
    return tmp_path / "runs.zarr"


def forge(path: Path, change: Callable[[dict[str, dict[str, Any]], dict[str, Any]], Any]) -> None:
    """Changes descriptions, and makes all digests agree with what is there then."""
    described = json.loads((path / "zarr.json").read_text())
    attributes = described["attributes"]
    record = json.loads(attributes[RECORD])
    arrays = {name: json.loads((path / name / "zarr.json").read_text())
              for name in record["descriptions"]}  # fmt: skip
    change(arrays, record)
    for name, metadata in arrays.items():
        data = layout.in_bytes(metadata)
        record["descriptions"][name] = hashlib.sha256(data).hexdigest()
        if os.path.isdir(path / name):
            (path / name / "zarr.json").write_bytes(data)
    for name, marks in record["labels"].items():
        for i in range(len(marks)):
            data = (path / name / "c" / str(i)).read_bytes() if name != "starts" else None
            marks[i] = hashlib.sha256(data).hexdigest() if data is not None else marks[i]
    attributes[RECORD] = json.dumps(record)
    attributes[IDENTITY] = layout.identity(attributes)
    (path / "zarr.json").write_bytes(layout.in_bytes(described))
    receive(path)


def receive(path: Path) -> None:
    """Writes receipts for the chunks that are there."""
    identity = json.loads((path / "zarr.json").read_text())["attributes"][IDENTITY]
    names = json.loads((path / RECEIPTS / "zarr.json").read_text())["attributes"]["variables"]
    for position in np.ndindex(2, 2, 2, 1):
        digests = []
        for name in names:
            one = chunk(name, position)
            data = b""
            if os.path.isfile(path / str(one)):
                data = (path / str(one)).read_bytes()
            digests.append(layout.receipt(identity, one, data))
        file(path, RECEIPTS, position).write_bytes(b"".join(digests))


def larger(*names: str, size: int) -> Callable[..., None]:
    """A shape along starts, of chunks that are as large."""

    def change(arrays: dict[str, dict[str, Any]], record: dict[str, Any]) -> None:
        for name in names or list(arrays):
            dims = arrays[name]["dimension_names"]
            if "start" in dims and name != RECEIPTS:
                arrays[name]["shape"][dims.index("start")] = size
                arrays[name]["chunk_grid"]["configuration"]["chunk_shape"][dims.index("start")] = (
                    size
                )
        record["chunk"][3] = size

    return change


def of(name: str, **fields: Any) -> Callable[..., None]:
    return lambda arrays, record: arrays[name].update(fields)


def many_blocks(arrays: dict[str, dict[str, Any]], record: dict[str, Any]) -> None:
    for metadata in arrays.values():
        dims = metadata["dimension_names"]
        if "start" in dims:
            metadata["shape"][dims.index("start")] = 2**40


def renamed(name: str) -> Callable[..., None]:
    def change(arrays: dict[str, dict[str, Any]], record: dict[str, Any]) -> None:
        arrays[name] = arrays.pop("loss_last")
        record["descriptions"] = {
            (name if key == "loss_last" else key): value
            for key, value in record["descriptions"].items()
        }
        names = arrays[RECEIPTS]["attributes"]["variables"]
        names[names.index("loss_last")] = name

    return change


def gzip(arrays: dict[str, dict[str, Any]], record: dict[str, Any]) -> None:
    arrays["final"]["codecs"][1] = {"name": "gzip", "configuration": {"level": 1}}


def sharded(arrays: dict[str, dict[str, Any]], record: dict[str, Any]) -> None:
    codecs = arrays["final"]["codecs"]
    arrays["final"]["codecs"] = [{"name": "sharding_indexed", "configuration": {
        "chunk_shape": [1, 1, 1, 1, 1], "codecs": codecs, "index_codecs": codecs[:1]}}]  # fmt: skip


CRAFTED: dict[str, tuple[Callable[..., None], str]] = {
    "another codec": (gzip, "final/zarr.json describes no array of a sweep: its codecs"),
    "a codec in a codec": (sharded, "final/zarr.json describes no array of a sweep: its codecs"),
    "another type": (of("n_steps", data_type="int64"), "n_steps/zarr.json"),
    "a type that is none": (of("n_steps", data_type={"name": "object"}), "n_steps/zarr.json"),
    "texts in place of numbers": (of("eta", data_type="string"), "eta/zarr.json"),
    "another fill value": (of("period", fill_value=0), "period/zarr.json.*fill_value"),
    "a field of its own": (of("period", must_understand=True), "period/zarr.json"),
    "chunks of 2^40 starts": (larger(size=2**40), "zarr.json"),
    "chunks of 2^27 starts": (larger(size=2**27), "zarr.json|damaged"),
    "2^40 blocks": (many_blocks, "more than 1048576 blocks|zarr.json"),
    "a shape that is no number": (of("rho", shape=[True]), "rho/zarr.json"),
    "a negative shape": (of("rho", shape=[-1]), "rho/zarr.json"),
    "a shape of 10^30": (of("rho", shape=[10**30]), "rho/zarr.json"),
    "no shape": (of("rho", shape=[]), "rho/zarr.json"),
    "other dims": (of("eta", dimension_names=["start"]), "eta/zarr.json"),
    "a name that leads out": (renamed("../outside"), "cannot be the name of an array"),
    "an absolute name": (renamed("/etc"), "cannot be the name of an array"),
    "a long name": (renamed("x" * 300), "cannot be the name of an array"),
    "a name with a zero": (renamed("a\0b"), "cannot be the name of an array"),
    "another observable": (renamed("other_last"), "other_last"),
    "another layout": (lambda arrays, record: record.update(layout=3), "has layout 3"),
    "no chunk": (lambda arrays, record: record.update(chunk=[0, 1, 1, 1]), "has no chunk"),
    "marks that are none": (
        lambda arrays, record: record["labels"].update(starts=[]), "starts/zarr.json does not fit"),
}  # fmt: skip


def refused_cheaply(path: Path, message: str) -> None:
    tracemalloc.start()
    begin = time.process_time()
    try:
        with pytest.raises(StoreError, match=message):
            open_sweep(path)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    # The store itself is read in milliseconds; what is crafted would take hours, or all memory.
    assert time.process_time() - begin < 5


@pytest.mark.slow
@pytest.mark.parametrize("case", CRAFTED)
def test_a_crafted_description_is_refused_before_it_costs_anything(case, path):
    change, message = CRAFTED[case]
    forge(path, change)
    refused_cheaply(path, message)


def recorded(value: Any) -> Callable[[Path], Any]:
    def change(described: Path) -> None:
        content = json.loads(described.read_text())
        content["attributes"][RECORD] = value
        described.write_text(json.dumps(content))

    return change


# What is done to the description of the whole, on which all others hang.
WHOLE: dict[str, Callable[[Path], Any]] = {
    "none": lambda one: one.unlink(),
    "a folder": lambda one: (one.unlink(), one.mkdir()),
    "a pipe": lambda one: (one.unlink(), os.mkfifo(one)),
    "a link": lambda one: (one.rename(one.with_name("away")), one.symlink_to("away")),
    "empty": lambda one: one.write_text(""),
    "no JSON": lambda one: one.write_text("{"),
    "no text": lambda one: one.write_bytes(b'{"\xff": 1}'),
    "no object": lambda one: one.write_text("[]"),
    "no attributes": lambda one: one.write_text('{"attributes": 3}'),
    "deep": lambda one: one.write_text('{"attributes": ' * 10**5),
    "without end": lambda one: os.truncate(one, 2**40),
    "NaN": lambda one: one.write_text('{"attributes": {"n_steps": NaN}}'),
    "twice": lambda one: one.write_text('{"attributes": {}, "attributes": {}}'),
    "many digits": lambda one: one.write_text('{"attributes": ' + "9" * 5000 + "}"),
    "a record that is none": recorded("{"),
    "a deep record": recorded("[" * 10**5),
    "a record of no text": recorded("\ud800"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_description_of_the_whole_that_is_none_is_refused(case, path):
    WHOLE[case](path / "zarr.json")
    refused_cheaply(path, r"description of the store .*zarr\.json.* Restore it from a copy")


def test_a_forged_store_that_is_sound_is_read(path, expected):
    # So the cases above are refused for what they are.
    forge(path, lambda arrays, record: None)
    xarray.testing.assert_identical(open_sweep(path), expected)


def test_a_chunk_that_becomes_too_much_is_refused(path):
    bomb = Blosc(cname="zstd").encode(bytes(2**27)) + b"0000"
    assert len(bomb) < 2**16
    for content in (
        bomb,
        b"",
        b"x" * 3,
        b"\xff" * 40,
        struct.pack("<4B3I", 2, 1, 33, 8, 48, 48, 36),
    ):
        file(path, "final").write_bytes(content)
        receive(path)
        refused_cheaply(path, f"damaged: {FINAL}")


def test_texts_that_are_said_to_be_many_are_refused(path):
    for content in (b"\xff" * 4, b"\xff" * 8, struct.pack("<2I", 2, 2**31) + b"GD", b""):
        (path / "algorithm/c/0").write_bytes(content)
        forge(path, lambda arrays, record: None)
        refused_cheaply(path, "algorithm")


def test_a_sparse_chunk_is_not_read(path):
    with open(file(path, "final"), "r+b") as one:
        one.truncate(2**40)
    refused_cheaply(path, f"damaged: {FINAL}")
    assert Contents(path).faults == {}
