"""The command `python -m figures`: what it writes, reuses, refuses and keeps."""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
import signal
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import xarray

from figures import FIGURES, provenance, rendering
from figures.__main__ import main
from figures.rendering import FORMATS
from landscapes.console import DONE, INTERRUPTED, WRONG_USAGE
from tests.support.figure_cases import moving, refuse, stub

pytestmark = pytest.mark.figures


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two figures that take no time, in place of the registered ones."""
    for existing in list(FIGURES):
        monkeypatch.delitem(FIGURES, existing)
    for name in ("first_stub", "second_stub"):
        stub(name, monkeypatch)
    return monkeypatch


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says when it refuses the arguments."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == WRONG_USAGE
    return capsys.readouterr().err


def test_files_and_sidecar(stubs, tmp_path: Path, capsys):
    out = tmp_path / "new" / "folder"
    assert main(["--size", "quick", "--out", str(out), "--formats", "svg,png"]) == DONE
    kinds = ("nc", "svg", "png", "json")
    written = [f"{name}.{kind}" for name in FIGURES for kind in kinds]
    assert sorted(p.name for p in out.iterdir()) == sorted(written)
    printed = capsys.readouterr().out.split()
    assert {Path(p).name for p in printed} == {p.name for p in out.iterdir()}
    record = json.loads((out / "first_stub.json").read_text(encoding="utf-8"))
    assert record["figure"] == "first_stub"
    assert record["title"] == "The title of first_stub"
    assert record["caption"] == "The title of first_stub.\n\nMore, $x^2$."
    assert record["claims"] == {"some_claim": "holds"}
    assert record["command"] == "python -m figures first_stub --size quick"
    assert (record["size"], record["seed"]) == ("quick", 7)
    assert record["arguments"] == {"n": 3, "seed": 7}
    assert record["data"] == "first_stub.nc"
    assert record["images"] == ["first_stub.svg", "first_stub.png"]
    assert record["simulation"]["seconds"] >= 0
    for stage in ("simulation", "drawing"):
        assert record[stage]["device"]
        assert record[stage]["time"].endswith("+00:00")
        assert record[stage]["versions"]["matplotlib"] == matplotlib.__version__
        assert record[stage]["git"] is None or len(record[stage]["git"]["commit"]) == 40


def test_the_recorded_command_makes_it_again(stubs, tmp_path: Path, capsys):
    stub("takes_all", stubs, takes=("landscapes", "algorithms"))
    given = ["--landscape", "x^2 + y^2/3", "--landscape", "Saddle", "--algorithms", "SAM,GD"]
    command = ["takes_all", "--size", "quick", *given, "--formats", "png"]
    assert main([*command, "--out", str(tmp_path / "first")]) == DONE
    record = json.loads((tmp_path / "first" / "takes_all.json").read_text(encoding="utf-8"))
    python, _, package, *again = shlex.split(record["command"])
    assert (python, package) == ("python", "figures")
    assert main([*again, "--formats", "png", "--out", str(tmp_path / "second")]) == DONE
    data = [(tmp_path / folder / "takes_all.nc").read_bytes() for folder in ("first", "second")]
    assert data[0] == data[1]


def test_choices_without_names_go_to_the_figures_that_take_them(stubs, tmp_path: Path, capsys):
    out = ["--size", "quick", "--out", str(tmp_path), "--formats", "png"]
    assert "no figure takes another landscape" in refused([*out, "--landscape", "Saddle"], capsys)
    stub("takes_one", stubs, takes=("landscape",))
    assert main([*out, "--landscape", "Saddle"]) == DONE
    assert [p.stem for p in tmp_path.glob("*.nc")] == ["takes_one"]
    named = ["first_stub", *out, "--landscape", "Saddle"]
    assert "first_stub is about losses of its own alone" in refused(named, capsys)


def test_reuse_draws_again_without_simulating(stubs, tmp_path: Path, capsys):
    command = ["first_stub", "--size", "quick", "--out", str(tmp_path), "--formats"]
    assert main([*command, "png"]) == DONE
    sidecar = tmp_path / "first_stub.json"
    simulation = json.loads(sidecar.read_text(encoding="utf-8"))["simulation"]
    data = (tmp_path / "first_stub.nc").read_bytes()
    stub("first_stub", stubs, simulate=refuse)
    assert main([*command, "svg", "--reuse-data"]) == DONE
    record = json.loads(sidecar.read_text(encoding="utf-8"))
    assert record["simulation"] == simulation
    assert record["images"] == ["first_stub.svg"]
    assert (tmp_path / "first_stub.nc").read_bytes() == data
    with pytest.raises(AssertionError, match="simulated"):
        main([*command, "svg"])


def test_reuse_wants_data_of_the_same_making(stubs, tmp_path: Path, capsys):
    stub("first_stub", stubs, takes=("landscape",))
    command = ["first_stub", "--out", str(tmp_path), "--formats", "png"]
    missing = refused([*command, "--size", "quick", "--reuse-data"], capsys)
    assert "first_stub.nc" in missing
    assert "run without --reuse-data first" in missing
    assert main([*command, "--size", "quick"]) == DONE
    assert "made with --size quick, not full" in refused([*command, "--reuse-data"], capsys)
    command += ["--size", "quick", "--reuse-data"]
    other = refused([*command, "--landscape", "Saddle"], capsys)
    assert "made with landscapes=None, not ['Saddle()']" in other
    stub("first_stub", stubs, sizes={"quick": {"n": 4}})
    assert "made with n=3, not 4" in refused(command, capsys)
    (tmp_path / "first_stub.nc").write_bytes(b"CDF\x01 and then nothing")
    assert "not a readable netCDF file" in refused(command, capsys)
    data = FIGURES["second_stub"].data("quick")
    provenance.write_data(data, tmp_path / "first_stub.nc")
    assert "made for the figure 'second_stub'" in refused(command, capsys)


def test_wrong_usage_is_noticed_before_anything_runs(stubs, tmp_path: Path, capsys):
    for name in list(FIGURES):
        stub(name, stubs, simulate=refuse, takes=("landscape", "algorithms"))
    assert "did you mean first_stub" in refused(["frist_stub"], capsys)
    assert "there are first_stub, second_stub" in refused(["zzz"], capsys)
    formats = refused(["--formats", "png,jpg"], capsys)
    assert "'jpg'" in formats
    assert all(kind in formats for kind in FORMATS)
    assert "names no format" in refused(["--formats", ","], capsys)
    assert "--size" in refused(["--size", "huge"], capsys)
    assert "unknown landscape 'Sadle'" in refused(["--landscape", "Sadle"], capsys)
    assert "unknown algorithm 'SAN'" in refused(["--algorithms", "SAN"], capsys)
    assert "leave out --out" in refused(["--gallery", "a", "--out", "b"], capsys)
    (tmp_path / "file").touch()
    for option in ("--out", "--gallery"):
        unwritable = refused([option, str(tmp_path / "file" / "folder")], capsys)
        assert "cannot write into" in unwritable
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_cannot_be_encoded_is_noticed_before_anything_runs(stubs, tmp_path: Path, capsys):
    stub("first_stub", stubs, simulate=refuse)
    out = ["first_stub", "--out", str(tmp_path)]
    still = refused([*out, "--formats", "gif"], capsys)
    assert "first_stub is a still figure" in still
    stubs.setattr(rendering.shutil, "which", lambda _: None)
    missing = refused([*out, "--formats", "png,mp4"], capsys)
    assert "--formats mp4 needs the program ffmpeg" in missing
    stubs.setattr(importlib.util, "find_spec", lambda _: None)
    assert "ravine[gallery]" in refused(["--gallery", str(tmp_path)], capsys)


def test_animations_are_made_of_their_frames(stubs, tmp_path: Path, capsys):
    from PIL import Image

    stub("first_stub", stubs, animate=moving)
    out = ["--size", "quick", "--out", str(tmp_path), "--formats", "png,gif"]
    assert main(out) == DONE
    made = {p.name for p in tmp_path.iterdir()}
    assert {"first_stub.gif", "first_stub.png", "second_stub.png"} <= made
    assert "second_stub.gif" not in made
    with Image.open(tmp_path / "first_stub.gif") as film:
        assert getattr(film, "n_frames", 1) == 3
    assert not [name for name in made if "partial" in name]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_films_where_there_is_an_encoder(stubs, tmp_path: Path, capsys):
    stub("first_stub", stubs, animate=moving)
    out = ["first_stub", "--size", "quick", "--out", str(tmp_path), "--formats", "mp4"]
    assert main(out) == DONE
    assert (tmp_path / "first_stub.mp4").stat().st_size > 1000


def test_an_interruption_keeps_what_is_done(stubs, tmp_path: Path, capsys, interruptible):
    def interrupt(request: Any) -> xarray.Dataset:
        # As Ctrl-C does. What catches it inside is made up for at the next telling of progress.
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            request.progress(0.5)
        raise AssertionError("went on")

    stub("second_stub", stubs, simulate=interrupt)
    stub("third_stub", stubs)
    assert main(["--out", str(tmp_path), "--formats", "png"]) == INTERRUPTED
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["first_stub.json", "first_stub.nc", "first_stub.png"]
    assert "1 of 3 figures done" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_progress_is_shown(stubs, tmp_path: Path, capsys):
    assert main(["--size", "quick", "--out", str(tmp_path), "--formats", "png"]) == DONE
    told = capsys.readouterr().err
    assert "2 figures at size quick on" in told
    assert "[1/2] first_stub" in told
    assert "100%" in told
