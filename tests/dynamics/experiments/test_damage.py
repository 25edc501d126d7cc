"""A store that is not what was written is found out, whatever was done to it, and mended.

Each case is one thing done to a whole store. Opening it names what is wrong; calling the sweep
again makes it anew.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray

from dynamics import StoreError, open_sweep
from dynamics.experiments.layout import IDENTITY, RECEIPTS, RECORD
from tests.support.stores import ONE, OTHER, file, run


@pytest.fixture(scope="module")
def expected() -> xarray.Dataset:
    return run()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "runs.zarr"
    run(store=path, block_size=3)
    return path


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("foreign") / "runs.zarr"
    run(store=path, block_size=3, eta=(0.06, 0.31))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "runs.zarr")
    return tmp_path / "runs.zarr"


# -- what is done to a store -----------------------------------------------------------------

Damage = Callable[[Path, Path], Any]


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    assert first != second
    one.write_bytes(second)
    other.write_bytes(first)


def replace(one: Path, other: Path) -> None:
    assert one.read_bytes() != other.read_bytes()
    shutil.copyfile(other, one)


def edit(name: str, change: Callable[[dict[str, Any]], Any]) -> Damage:
    """Changes the description of an array, or of the whole."""

    def damage(path: Path, _: Path) -> None:
        described = path / name / "zarr.json"
        value = json.loads(described.read_text())
        change(value)
        described.write_text(json.dumps(value))

    return damage


def linked(name: str) -> Damage:
    """The same content behind a link."""

    def damage(path: Path, _: Path) -> None:
        away = path.with_name("away")
        shutil.move(path / name, away)
        (path / name).symlink_to(away)

    return damage


def instead(name: str, make: Callable[[Path], Any]) -> Damage:
    def damage(path: Path, _: Path) -> None:
        (path / name).unlink()
        make(path / name)

    return damage


def listening(path: Path) -> None:
    # The name of a socket is short.
    here = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)


def whole_blocks(path: Path, _: Path) -> None:
    for name in [*(n for n in os.listdir(path) if (path / n / "c" / "1").exists()), RECEIPTS]:
        one, other = file(path, name, ONE), file(path, name, OTHER)
        if one.read_bytes() != other.read_bytes():
            swap(one, other)


def from_elsewhere(path: Path, foreign: Path) -> None:
    for name in ("final", "outcome", "final_loss", RECEIPTS):
        shutil.copyfile(file(foreign, name), file(path, name))


LOSS, FINAL = "final_loss/c/1/0/0/0", "final/c/1/0/0/0/0"
DAMAGES: dict[str, tuple[Damage, str]] = {
    "two chunks exchanged": (
        lambda p, _: swap(file(p, "final"), file(p, "final", OTHER)), "2 of its chunks damaged"),
    "two blocks exchanged": (whole_blocks, "chunks damaged: .*final/c/1/0/0/0"),
    "two receipts exchanged": (
        lambda p, _: swap(file(p, RECEIPTS), file(p, RECEIPTS, OTHER)), "damaged: .*outcome/c"),
    "a chunk copied over another": (
        lambda p, _: replace(file(p, "final"), file(p, "final", OTHER)), f"damaged: {FINAL}"),
    "a chunk of another variable": (
        lambda p, _: replace(file(p, "final_loss"), file(p, "amplitude")), f"damaged: {LOSS}"),
    "a chunk of another experiment": (
        lambda p, f: replace(file(p, "final"), file(f, "final")), f"damaged: {FINAL}"),
    "chunks of another experiment with their receipt": (from_elsewhere, f"damaged: .*{FINAL}"),
    "a label of another experiment": (
        lambda p, f: replace(p / "eta/c/0", f / "eta/c/0"), "damaged: eta/c/0"),
    "the description of another experiment": (
        lambda p, f: replace(p / "zarr.json", f / "zarr.json"), "damaged: .*eta/c/0"),
    "no label array": (lambda p, _: shutil.rmtree(p / "eta"), "eta/zarr.json is missing"),
    "no label chunk": (lambda p, _: (p / "eta/c/0").unlink(), "missing: eta/c/0"),
    "no result array": (lambda p, _: shutil.rmtree(p / "period"), "period/zarr.json is missing"),
    "no receipts": (lambda p, _: shutil.rmtree(p / RECEIPTS), f"{RECEIPTS}/zarr.json is missing"),
    "no receipt": (lambda p, _: file(p, RECEIPTS).unlink(), "blocks are not finished: 1/0/0/0"),
    "half a receipt": (
        lambda p, _: file(p, RECEIPTS).write_bytes(b"x" * 100), f"damaged: .*{RECEIPTS}/c/1/0/0/0"),
    "a folder in place of a chunk": (instead(FINAL, os.mkdir), f"damaged: {FINAL}"),
    "a folder in place of a label": (instead("eta/c/0", os.mkdir), "damaged: eta/c/0"),
    "a folder in place of a description": (
        instead("eta/zarr.json", os.mkdir), "eta/zarr.json is a folder, not a regular file"),
    "a pipe in place of a chunk": (instead(FINAL, os.mkfifo), f"damaged: {FINAL}"),
    "a pipe in place of a description": (
        instead("final/zarr.json", os.mkfifo), "final/zarr.json is a pipe, not a regular file"),
    "a socket in place of a chunk": (instead(FINAL, listening), f"damaged: {FINAL}"),
    "a link in place of a chunk": (linked(FINAL), f"damaged: {FINAL}"),
    "a link on the way to a chunk": (linked("final/c/1"), "damaged: final/c/1"),
    "a link in place of an array": (linked("final"), "final is a link, not a folder"),
    "a file in place of an array": (
        lambda p, _: (shutil.rmtree(p / "rho"), (p / "rho").touch())[1], "rho is a regular file"),
    "other meanings of flags": (
        edit("attractor", lambda d: d["attributes"].update(flag_meanings="none a b c")),
        "attractor/zarr.json was changed"),
    "other values of flags": (
        edit("outcome", lambda d: d["attributes"].update(flag_values=[3, 2, 1, 0])),
        "outcome/zarr.json was changed"),
    "another unit": (
        edit("eta", lambda d: d["attributes"].update(units="s")), "eta/zarr.json was changed"),
    "another type": (edit("n_steps", lambda d: d.update(data_type="float32")), "n_steps/zarr.json"),
    "other dims": (
        edit("final_loss", lambda d: d["dimension_names"].reverse()), "final_loss/zarr.json"),
    "another fill value": (
        edit("outcome", lambda d: d.update(fill_value=1)), "outcome/zarr.json was changed"),
    "another shape": (edit("rho", lambda d: d.update(shape=[3])), "rho/zarr.json was changed"),
    "a description in a heap of brackets": (
        lambda p, _: (p / "final/zarr.json").write_text("[" * 10**6) and None, "final/zarr.json"),
    "a description without end": (
        lambda p, _: os.truncate(p / "final/zarr.json", 2**40), "bytes, more than 16777216"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", DAMAGES)
def test_what_is_not_as_it_was_written_is_named_and_made_again(case, path, foreign, expected):
    damage, message = DAMAGES[case]
    damage(path, foreign)
    with pytest.raises(StoreError, match=message):
        open_sweep(path)
    if case == "the description of another experiment":
        with pytest.raises(ValueError, match="made with other arguments"):
            run(store=path, resume=True)
        return
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = run(store=path, resume=True)
    assert bool(told) == (case not in ("no label chunk", "no receipt"))
    xarray.testing.assert_identical(found, expected)
    xarray.testing.assert_identical(open_sweep(path), expected)


@pytest.mark.slow
def test_an_argument_in_the_description_of_the_whole_cannot_be_another(path):
    for field, value in (("n_steps", 41), ("landscape", "Beale()"), ("starts", "others")):
        described = json.loads((path / "zarr.json").read_text())
        described["attributes"][field] = value
        (path / "zarr.json").write_text(json.dumps(described))
        for call in (lambda: open_sweep(path), lambda: run(store=path, resume=True)):
            with pytest.raises(StoreError, match=r"zarr\.json was changed"):
                call()


def test_what_others_put_into_a_full_folder_is_not_removed(path):
    (path / FINAL).unlink()
    (path / FINAL).mkdir()
    (path / FINAL / "notes.txt").write_text("mine")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(StoreError, match="Move it els"):
        run(store=path, resume=True)
    assert (path / FINAL / "notes.txt").read_text() == "mine"


def test_what_else_is_in_the_folder_is_neither_read_nor_removed(path, expected):
    (path / "notes.txt").write_text("mine")
    shutil.copytree(path / "final", path / "mine")
    (path / "mine" / "zarr.json").write_text("{")
    xarray.testing.assert_identical(open_sweep(path), expected)
    xarray.testing.assert_identical(run(store=path, resume=True), expected)
    assert (path / "notes.txt").exists() and (path / "mine").exists()


def test_a_store_behind_a_link_is_a_store(path, expected):
    link = path.with_name("latest.zarr")
    link.symlink_to(path)
    xarray.testing.assert_identical(open_sweep(link), expected)


def test_what_is_used_is_compared_though_it_was_not_verified(path):
    found = open_sweep(path, verify=False)
    swap(file(path, "final"), file(path, "final", OTHER))
    # Both are read at once, and either may be looked at first.
    either = "|".join(str(file(path, "final", one).relative_to(path)) for one in (ONE, OTHER))
    for error in (StoreError, ValueError):
        with pytest.raises(error, match=f"the checksum of ({either}) is another"):
            found["final"].load()
    found["final_loss"].load()


def test_a_store_of_an_earlier_layout_is_refused_in_words(path):
    described = json.loads((path / "zarr.json").read_text())
    for name in (RECORD, IDENTITY):
        del described["attributes"][name]
    (path / "zarr.json").write_text(json.dumps(described))
    for call in (lambda: open_sweep(path), lambda: run(store=path, resume=True)):
        with pytest.raises(StoreError, match=r"by an earlier version of Ravine.*xarray.open_zarr"):
            call()
