"""Every figure: its data can be made again, agree with theory, and are what is drawn."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import types
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.figure
import numpy as np
import pytest
import xarray
from conftest import ROOT
from matplotlib.colors import to_rgb

from dynamics import ALGORITHMS, SAM, USAM, Outcome, engine
from figures import FIGURES, Figure, provenance, stability_region, style, success_rate
from figures.__main__ import DONE, FORMATS, INTERRUPTED, WRONG_USAGE, main, render
from proofs_check import CLAIMS, Finding
from proofs_check.evidence import value
from proofs_check.predictions import cycle_amplitudes
from proofs_check.symbols import curvature, eta, rho

each_figure = pytest.mark.parametrize("name", FIGURES)


@lru_cache
def tiny(name: str) -> xarray.Dataset:
    return FIGURES[name].data("tiny")


def canvas() -> matplotlib.figure.Figure:
    return matplotlib.figure.Figure(figsize=(7.2, 4.5), layout="constrained")


# -- the contract ------------------------------------------------------------------------------


def test_every_module_with_something_to_draw_is_registered(run_python):
    def is_figure(path: Path) -> bool:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        return "draw" in {node.name for node in body if isinstance(node, ast.FunctionDef)}

    on_disk = {path.stem for path in (ROOT / "figures").glob("*.py") if is_figure(path)}
    assert len(on_disk) >= 2
    # In a process of its own: this file imports figures by name, which would register them.
    program = "import runpy, sys; sys.argv = ['figures', '--list']; "
    listed = run_python(program + "runpy.run_module('figures', run_name='__main__')")
    names = {line for line in listed.splitlines() if not line.startswith(" ")}
    assert names == on_disk == set(FIGURES)
    for figure in FIGURES.values():
        assert figure.caption.splitlines()[0] in listed
        assert all(claim in listed for claim in figure.claims)


@each_figure
def test_cites_claims_that_hold(name: str):
    assert FIGURES[name].claims
    missing = [c for c in FIGURES[name].claims if c not in CLAIMS]
    assert not missing, f"{name} cites claims that do not exist"
    failing = [c for c in FIGURES[name].claims if CLAIMS[c].recorded is Finding.FAILS]
    assert not failing, f"{name} illustrates claims that are refuted"


@each_figure
def test_data_are_finite_and_labelled(name: str):
    data = tiny(name)
    assert data.attrs["figure"] == name
    assert json.loads(data.attrs["arguments"])["seed"] >= 0
    for variable in data.variables.values():
        if variable.dtype.kind in "fi":
            assert np.isfinite(variable.values).all()
            assert variable.attrs["long_name"]
            assert variable.attrs["units"]
        else:
            assert (variable.values != "").all()
    assert all(str(dim) in data.coords or dim == "dim" for dim in data.dims)


@each_figure
def test_second_run_is_identical(name: str):
    told: list[float] = []
    xarray.testing.assert_identical(FIGURES[name].data("tiny", told.append), tiny(name))
    assert told == sorted(told)
    assert told[-1] == 1.0


@each_figure
def test_data_survive_a_file(name: str, tmp_path: Path):
    path = tmp_path / "data.nc"
    provenance.write_data(tiny(name), path)
    read = provenance.read_data(path)
    xarray.testing.assert_equal(read, tiny(name))
    assert read.attrs == tiny(name).attrs
    assert FIGURES[name].disagreement(read, "tiny") == ""
    assert list(tmp_path.iterdir()) == [path]


@each_figure
def test_drawing_computes_nothing(name: str, monkeypatch: pytest.MonkeyPatch):
    data = tiny(name)
    before = data.copy(deep=True)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the drawing simulates or derives something")

    theory = {stability_region: "threshold", success_rate: "edge_within_tolerance"}
    for module, derive in theory.items():
        for function in ("sweep", "value", derive, "uniform_starts"):
            monkeypatch.setattr(module, function, refuse)
    monkeypatch.setattr(engine, "run", refuse)
    with style.applied():
        figure = canvas()
        FIGURES[name].draw(data, figure)
    xarray.testing.assert_identical(data, before)
    labels = {axes.get_xlabel() for axes in figure.axes}
    assert style.ETA_LABEL in labels


@each_figure
def test_images_repeat_and_their_text_is_text(name: str, tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, kinds in ((first, ["pdf", "svg"]), (second, ["svg"])):
        folder.mkdir()
        render(FIGURES[name], tiny(name), folder, kinds)
    image = f"{name}.svg"
    assert (first / image).read_bytes() == (second / image).read_bytes()
    assert f">{style.ETA_LABEL}</text>" in (first / image).read_text(encoding="utf-8")
    assert b"/Type3" not in (first / f"{name}.pdf").read_bytes()


def test_style_is_left_behind_and_tells_algorithms_apart():
    before = dict(matplotlib.rcParams)
    with style.applied():
        assert matplotlib.rcParams["svg.fonttype"] == "none"
        assert matplotlib.rcParams["pdf.fonttype"] == 42
    assert dict(matplotlib.rcParams) == before
    looks = [style.look(name) for name in ALGORITHMS]
    assert len({look.colour for look in looks}) == len({look.marker for look in looks}) == 4
    assert set(style.OUTCOME_COLOURS) == set(Outcome)
    # Half strength of (136, 204, 238)/255: half way to white, e.g. (1 + 136/255)/2 = 0.7667.
    assert style.pale("#88ccee") == pytest.approx((0.7667, 0.9, 0.9667), abs=1e-4)


def test_the_stability_region_draws_the_classes_it_is_given():
    data = tiny("stability_region").copy(deep=True)
    data["largest"][:] = list(data["class"].values).index("DIVERGED")
    data["agreement"][:] = 1.0
    figure = canvas()
    stability_region.draw(data, figure)
    meshes = [axes.collections[0] for axes in figure.axes]
    assert len(meshes) == 8
    expected = to_rgb(style.OUTCOME_COLOURS[Outcome.DIVERGED])
    for mesh in meshes:
        assert np.allclose(np.asarray(mesh.get_array()), expected)


def test_the_success_rate_draws_the_shares_it_is_given():
    data = tiny("success_rate").copy(deep=True)
    data["success"][:] = np.linspace(0, 1, data.sizes["eta"])
    figure = canvas()
    success_rate.draw(data, figure)
    (panel,) = (a for a in figure.axes if "0.2" in a.get_title(loc="left"))
    heights = [np.asarray(line.get_ydata()) for line in panel.lines]
    points = [h for h in heights if len(h) == data.sizes["eta"]]
    assert len(points) == 8
    assert all(np.array_equal(p, data.success[0, 0]) for p in points)


# -- physics: the stability region -------------------------------------------------------------


def beside_the_line(one: xarray.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Where a cell's centre is more than a cell's width left, and right, of the line at its ρ."""
    width = float(one.eta[1] / one.eta[0])
    # The lines are smooth and the rows of cells narrow: the line at a row's centre is taken from
    # those at its borders, in logarithms as the grid is.
    edge = np.sqrt(one.edge.values[:-1] * one.edge.values[1:])[:, None]
    return one.eta.values < edge / width, one.eta.values > edge * width


def counted(one: xarray.Dataset, kind: str) -> np.ndarray:
    return one["count"].sel({"class": kind}).values


@pytest.mark.parametrize("algorithm", ["GD", "USAM", "StableSAM", "SAM"])
def test_on_the_quadratic_the_line_parts_rest_from_divergence(algorithm: str):
    one = tiny("stability_region").sel(landscape="quadratic", algorithm=algorithm)
    left, right = beside_the_line(one)
    assert left.sum() > 10
    assert right.sum() > 10
    n = counted(one, "DIVERGED").max()
    stable = "CYCLE" if algorithm == "SAM" else "CONVERGED"
    assert (counted(one, stable)[left] == n).all()
    assert (counted(one, "DIVERGED")[right] == n).all()


def test_sam_never_converges_on_the_quadratic():
    one = tiny("stability_region").sel(landscape="quadratic", algorithm="SAM")
    assert counted(one, "CYCLE").sum() > 0
    assert counted(one, "CONVERGED").sum() + counted(one, "CONVERGED_FLATTER").sum() == 0


# Below this learning rate every run on log cosh(xy) is bounded: D = y² − x² is multiplied by
# 1 − η²b² or less, |b| < 1, and the diagonal contracts for η < 2/(1 + ρ), which is 0.5 at ρ = 3.
BOUNDED = 0.4


@pytest.mark.parametrize("algorithm", ["GD", "USAM", "StableSAM"])
def test_in_the_ravine_the_line_parts_those_who_stay_from_those_who_leave(algorithm: str):
    one = tiny("stability_region").sel(landscape="ravine", algorithm=algorithm)
    left, right = beside_the_line(one)
    n = one["count"].sum("class").values.max()
    assert (counted(one, "CONVERGED")[right] == 0).all()
    if algorithm == "StableSAM":  # its ascent of length ρ leaves the quadratic part of the loss
        left &= one.rho.values[:, None] < 0.5
    assert (counted(one, "CONVERGED")[left] == n).all()
    assert (counted(one, "DIVERGED")[:, one.eta.values < BOUNDED] == 0).all()
    assert counted(one, "DIVERGED").sum() > 0


def test_sam_slides_down_the_ravine_up_to_its_line_and_cycles_beyond():
    one = tiny("stability_region").sel(landscape="ravine", algorithm="SAM")
    left, right = beside_the_line(one)
    assert counted(one, "CONVERGED").sum() == 0
    bounded = one.eta.values < BOUNDED
    n = one["count"].sum("class").values.max()
    assert (right & bounded).any()
    assert (counted(one, "CYCLE")[right & bounded] == n).all()
    assert (counted(one, "CYCLE")[left & bounded] == 0).all()
    assert counted(one, "CONVERGED_FLATTER")[left & bounded].sum() > 0


def test_gd_knows_no_radius():
    of_gd = tiny("stability_region").sel(algorithm="GD")
    for variable, dim in (("count", "rho"), ("edge", "rho_edge")):
        assert (of_gd[variable] == of_gd[variable].isel({dim: 0})).all()


def test_lines_of_the_stability_region_by_hand():
    data = tiny("stability_region")
    ends = data.edge.sel(landscape="quadratic").isel(rho_edge=[0, -1])
    # 2/16, and 2/(16(1 + 16ρ)) at ρ = 0.01 and 3.
    assert ends.sel(algorithm="SAM").values == pytest.approx(0.125)
    assert ends.sel(algorithm="USAM").values == pytest.approx([0.125 / 1.16, 0.125 / 49])
    # The equation for the cycle, κ(1+ζ)² = ζ[1 + (1−κ(1+ζ))²], has its double root where
    # κ⁴ + 11κ² = 1, that is at κ² = (5√5 − 11)/2 = 0.0901699.
    last = data.edge.sel(landscape="ravine", algorithm="SAM") * data.rho_edge**2
    assert last.values == pytest.approx(0.0901699**0.5, rel=1e-6)


# -- physics: the success rate -----------------------------------------------------------------


def test_fates_are_all_there_is_and_success_is_around_a_minimum():
    data = tiny("success_rate")
    assert data.fate_share.sum("fate").values == pytest.approx(1.0)
    assert (data.success <= data.fate_share.sel(fate="minimum")).all()


def test_gd_succeeds_from_everywhere_once_the_steps_suffice():
    of_gd = tiny("success_rate").success.sel(algorithm="GD")
    # The saddle is left at rate 0.618: from within 1e-3 of its stable manifold, which few of the
    # starts are, in 7/(0.618 η) steps, 600 at η = 0.02.
    assert (of_gd.sel(eta=slice(0.02, None)) == 1.0).all()
    assert (of_gd.isel(eta=0) < 0.5).all()


@pytest.mark.parametrize("algorithm", ["SAM", "StableSAM"])
def test_the_saddle_keeps_more_runs_the_larger_the_radius(algorithm: str):
    data = tiny("success_rate").sel(algorithm=algorithm)
    kept = data.fate_share.sel(fate="saddle", eta=slice(0.02, 0.1)).mean("eta").values
    # 0.59ρ to first order: 0.03, 0.12 and 0.3; 64 starts have a standard error of up to 0.06.
    assert (np.diff(kept) > 0).all()
    assert kept == pytest.approx(0.59 * data.rho.values, abs=0.15)
    assert kept[-1] > 0.2


def test_sam_stays_around_the_minimum_where_it_leaves_the_tolerance():
    one = tiny("success_rate").sel(algorithm="SAM", rho=0.2)
    line = one.edge.item()
    before, after = one.sel(eta=slice(0.02, 0.6 * line)), one.sel(eta=slice(1.2 * line, None))
    assert (before.success > 0.75).all()
    assert after.sizes["eta"] > 0
    assert (after.success == 0).all()
    assert (after.fate_share.sel(fate="minimum") > 0.75).all()
    assert (tiny("success_rate").success.sel(algorithm="StableSAM", rho=0.2)[-1] > 0.75).all()


def test_usam_is_repelled_beyond_its_line():
    one = tiny("success_rate").sel(algorithm="USAM", rho=0.5)
    beyond = one.sel(eta=slice(1.2 * one.edge.item(), None))
    assert beyond.sizes["eta"] > 0
    assert (beyond.success == 0).all()
    assert (one.success.sel(eta=slice(0.01, 0.05)) > 0.75).all()


def test_lines_of_the_success_rate_by_hand():
    radii = np.array([0.05, 0.2, 0.5])
    curved = 2 + 2**0.5
    line = success_rate.edge(SAM, radii, 0.1)
    # ηρλ/(2 − ηλ) = 0.1 at η = 0.2/(λ(ρ + 0.1)).
    assert line == pytest.approx(0.2 / (curved * (radii + 0.1)))
    amplitude = value(cycle_amplitudes(SAM)[0], {curvature: curved, rho: radii, eta: line})
    assert amplitude == pytest.approx(0.1)
    assert success_rate.edge(USAM, radii, 0.1) == pytest.approx(2 / curved / (1 + curved * radii))


# -- where a figure comes from -----------------------------------------------------------------


def test_git_state_is_of_the_source_or_none(tmp_path: Path):
    (tmp_path / "__init__.py").touch()
    assert provenance.git_state(tmp_path) is None


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_state_sees_changes(tmp_path: Path):
    def git(*arguments: str) -> None:
        name = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", str(tmp_path), *name, *arguments], check=True)

    (tmp_path / "other").touch()
    git("init", "-q")
    git("add", "other")
    git("commit", "-q", "-m", "first")
    (tmp_path / "__init__.py").touch()
    assert provenance.git_state(tmp_path) is None  # inside a checkout, but not part of it
    git("add", "__init__.py")
    git("commit", "-q", "-m", "second")
    state = provenance.git_state(tmp_path)
    assert state is not None
    assert len(state["commit"]) == 40
    assert state["changed"] is False
    (tmp_path / "__init__.py").write_text("1\n")
    assert provenance.git_state(tmp_path) == state | {"changed": True}


# -- the command line --------------------------------------------------------------------------


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Two figures that take no time, in place of the registered ones."""
    made: dict[str, Figure] = {}

    def simulate(arguments: Any, progress: Any) -> xarray.Dataset:
        progress(1.0)
        return xarray.Dataset({"v": ("x", np.arange(arguments["n"]) + 0.5)})

    def draw(data: xarray.Dataset, figure: Any) -> None:
        figure.subplots().plot(data.v)

    for existing in list(FIGURES):
        monkeypatch.delitem(FIGURES, existing)
    for name in ("first_stub", "second_stub"):
        module = types.ModuleType(f"figures.{name}", f"The caption of {name}.\n\nMore.")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        sizes = {"quick": {"n": 3, "seed": 7}, "full": {"n": 5, "seed": 7}}
        made[name] = Figure(module.__name__, ("some_claim",), sizes, simulate, draw, (2, 2))
        monkeypatch.setitem(FIGURES, name, made[name])
    return made


def change(monkeypatch: pytest.MonkeyPatch, stub: Figure, **fields: Any) -> None:
    changed = {n: getattr(stub, n) for n in stub.__dataclass_fields__} | fields
    monkeypatch.setitem(FIGURES, stub.name, Figure(**changed))


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
    assert sorted(p.name for p in out.iterdir()) == sorted(f"{n}.{k}" for n in stubs for k in kinds)
    printed = capsys.readouterr().out.split()
    assert {Path(p).name for p in printed} == {p.name for p in out.iterdir()}
    record = json.loads((out / "first_stub.json").read_text(encoding="utf-8"))
    assert record["figure"] == "first_stub"
    assert record["caption"] == "The caption of first_stub.\n\nMore."
    assert record["claims"] == ["some_claim"]
    assert (record["size"], record["seed"]) == ("quick", 7)
    assert record["arguments"] == {"n": 3, "seed": 7}
    assert record["data"] == "first_stub.nc"
    assert record["images"] == ["first_stub.svg", "first_stub.png"]
    assert record["simulation"]["seconds"] >= 0
    assert record["simulation"]["device"]
    assert record["simulation"]["versions"]["jax"]
    assert record["drawing"]["versions"]["matplotlib"] == matplotlib.__version__
    assert record["drawing"]["git"] is None or len(record["drawing"]["git"]["commit"]) == 40


def test_reuse_draws_again_without_simulating(stubs, tmp_path: Path, monkeypatch, capsys):
    command = ["first_stub", "--size", "quick", "--out", str(tmp_path), "--formats"]
    assert main([*command, "png"]) == DONE
    sidecar = tmp_path / "first_stub.json"
    simulation = json.loads(sidecar.read_text(encoding="utf-8"))["simulation"]
    data = (tmp_path / "first_stub.nc").read_bytes()

    def refuse(*_: Any) -> xarray.Dataset:
        raise AssertionError("simulated")

    change(monkeypatch, stubs["first_stub"], simulate=refuse)
    assert main([*command, "svg", "--reuse-data"]) == DONE
    record = json.loads(sidecar.read_text(encoding="utf-8"))
    assert record["simulation"] == simulation
    assert record["images"] == ["first_stub.svg"]
    assert (tmp_path / "first_stub.nc").read_bytes() == data
    with pytest.raises(AssertionError, match="simulated"):
        main([*command, "svg"])


def test_reuse_wants_data_of_the_same_making(stubs, tmp_path: Path, monkeypatch, capsys):
    command = ["first_stub", "--out", str(tmp_path), "--formats", "png"]
    missing = refused([*command, "--size", "quick", "--reuse-data"], capsys)
    assert "first_stub.nc" in missing
    assert "run without --reuse-data first" in missing
    assert main([*command, "--size", "quick"]) == DONE
    assert "made with --size quick, not full" in refused([*command, "--reuse-data"], capsys)
    command += ["--size", "quick", "--reuse-data"]
    change(monkeypatch, stubs["first_stub"], sizes={"quick": {"n": 4, "seed": 7}})
    assert "made with n=3, not 4" in refused(command, capsys)
    (tmp_path / "first_stub.nc").write_bytes(b"CDF\x01 and then nothing")
    assert "not a readable netCDF file" in refused(command, capsys)
    other = FIGURES["second_stub"].data("quick")
    provenance.write_data(other, tmp_path / "first_stub.nc")
    assert "made for the figure 'second_stub'" in refused(command, capsys)


def test_wrong_usage_is_noticed_before_anything_runs(stubs, tmp_path: Path, monkeypatch, capsys):
    def refuse(*_: Any) -> xarray.Dataset:
        raise AssertionError("simulated")

    for stub in stubs.values():
        change(monkeypatch, stub, simulate=refuse)
    assert "did you mean first_stub" in refused(["frist_stub"], capsys)
    assert "see --list" in refused(["zzz"], capsys)
    formats = refused(["--formats", "png,jpg"], capsys)
    assert "'jpg'" in formats
    assert all(kind in formats for kind in FORMATS)
    assert "names no format" in refused(["--formats", ","], capsys)
    assert "--size" in refused(["--size", "huge"], capsys)
    (tmp_path / "file").touch()
    unwritable = refused(["--out", str(tmp_path / "file" / "folder")], capsys)
    assert "cannot write into --out" in unwritable
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_interruption_keeps_what_is_done(stubs, tmp_path: Path, monkeypatch, capsys):
    def interrupt(*_: Any) -> xarray.Dataset:
        raise KeyboardInterrupt

    change(monkeypatch, stubs["second_stub"], simulate=interrupt)
    assert main(["--out", str(tmp_path), "--formats", "png"]) == INTERRUPTED
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["first_stub.json", "first_stub.nc", "first_stub.png"]
    assert "1 of 2 figures done" in capsys.readouterr().err


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "image"
    path.write_text("old")

    def write(partial: Path) -> None:
        partial.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provenance.replacing(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_is_taken_once_and_a_caption_is_needed(stubs):
    from figures.figure import register

    with pytest.raises(ValueError, match="first_stub is registered already"):
        register(stubs["first_stub"])
    with pytest.raises(ValueError, match=r"size must be one of quick, full; got 'tiny'"):
        stubs["first_stub"].data("tiny")
