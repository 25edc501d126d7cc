"""Every figure: its data can be made again, it cites what is on record, and draws what it has."""

from __future__ import annotations

import ast
import json
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
import pytest
import xarray
from matplotlib.axes import Axes

import figures
from dynamics.engine import engine
from figures import FIGURES, Figure, provenance, style
from figures.figure import register
from figures.panels import PAGE, Panels
from figures.rendering import render
from proofs_check import CLAIMS, Finding
from tests.support.figure_cases import each_figure, refuse, smallest, stub
from tests.support.paths import ROOT

pytestmark = pytest.mark.figures


def test_every_module_with_something_to_draw_is_registered(run_python):
    def is_figure(path: Path) -> bool:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        return "paint" in {node.name for node in body if isinstance(node, ast.FunctionDef)}

    on_disk = {path.stem for path in (ROOT / "figures" / "plates").glob("*.py") if is_figure(path)}
    assert len(on_disk) >= 2
    # In a process of its own: this file imports figures by name, which would register them.
    program = "import runpy, sys; sys.argv = ['figures', '--list']; "
    listed = run_python(program + "runpy.run_module('figures', run_name='__main__')")
    names = {line for line in listed.splitlines() if not line.startswith(" ")}
    assert names == on_disk == set(FIGURES)
    for figure in FIGURES.values():
        assert figure.title in listed
        assert all(claim in listed for claim in figure.claims)


@each_figure
def test_is_an_attribute_of_the_package(name: str):
    assert getattr(figures, name) is FIGURES[name]
    assert isinstance(getattr(figures, name), Figure)


def contradicted(figure: Figure) -> dict[str, str]:
    """The cited claims that the ledger does not have, or has with another finding."""
    on_record = {claim: CLAIMS[claim].recorded for claim in figure.claims if claim in CLAIMS}
    return {
        claim: on_record[claim].value if claim in on_record else "no such claim"
        for claim, stated in figure.claims.items()
        if on_record.get(claim) is not stated
    }


@each_figure
def test_cites_claims_with_the_finding_on_record(name: str):
    assert FIGURES[name].claims
    assert contradicted(FIGURES[name]) == {}


def test_a_claim_whose_finding_changed_is_seen(monkeypatch: pytest.MonkeyPatch):
    claims = {"dai2023_gd_threshold": Finding.FAILS, "dai2023_other": Finding.HOLDS}
    cites = stub("cites", monkeypatch, claims=claims)
    assert contradicted(cites) == {
        "dai2023_gd_threshold": "holds",
        "dai2023_other": "no such claim",
    }


@each_figure
def test_has_a_title_and_a_caption(name: str):
    figure = FIGURES[name]
    assert 10 < len(figure.title) < 100
    assert figure.caption.startswith(figure.title)
    assert len(figure.caption) > 2 * len(figure.title)
    assert set(figure.sizes) >= {"quick", "full"}
    # A Greek letter beside a formula of the same is a leftover; a title has no formulas.
    body = figure.caption.partition("\n")[2]
    outside = re.sub(r"\$[^$]*\$", "", body)
    assert not re.search("[ηρλβκ]", outside), "write symbols in the caption as $…$"


@each_figure
def test_data_are_finite_and_labelled(name: str):
    data = smallest(name)
    assert data.attrs["figure"] == name
    assert json.loads(data.attrs["arguments"])["seed"] >= 0
    for variable in data.variables.values():
        if variable.dtype.kind in "fi":
            assert np.isfinite(variable.values).all()
            assert variable.attrs["long_name"]
            assert variable.attrs["units"]
        else:
            assert (variable.values != "").all()


@each_figure
def test_second_run_is_identical(name: str, tmp_path: Path):
    told: list[float] = []
    figure = FIGURES[name]
    again = figure.data(figure.smallest, progress=told.append)
    xarray.testing.assert_identical(again, smallest(name))
    assert told == sorted(told)
    assert told[-1] == 1.0
    provenance.write_data(again, tmp_path / "again.nc")
    provenance.write_data(smallest(name), tmp_path / "first.nc")
    assert (tmp_path / "again.nc").read_bytes() == (tmp_path / "first.nc").read_bytes()


@each_figure
def test_another_seed_is_another_sample(name: str):
    other = FIGURES[name].arguments["seed"] + 1
    arguments = FIGURES[name].arguments_of(FIGURES[name].smallest, seed=other)
    assert arguments["seed"] == other
    assert FIGURES[name].disagreement(smallest(name), FIGURES[name].smallest, arguments)


@each_figure
def test_data_survive_a_file(name: str, tmp_path: Path):
    path = tmp_path / "data.nc"
    provenance.write_data(smallest(name), path)
    read = provenance.read_data(path)
    xarray.testing.assert_equal(read, smallest(name))
    assert read.attrs == smallest(name).attrs
    figure = FIGURES[name]
    size = figure.smallest
    assert figure.disagreement(read, size, figure.arguments_of(size)) == ""
    assert list(tmp_path.iterdir()) == [path]


@each_figure
def test_drawing_computes_nothing(name: str, monkeypatch: pytest.MonkeyPatch):
    data = smallest(name)
    before = data.copy(deep=True)
    module = sys.modules[FIGURES[name].module]
    for attribute, value in list(vars(module).items()):
        home = getattr(value, "__module__", "") or ""
        if home.startswith(("dynamics.", "proofs_check.")) and not isinstance(value, type):
            monkeypatch.setattr(module, attribute, refuse)
    monkeypatch.setattr(engine, "run", refuse)
    canvas = FIGURES[name].draw(data)
    xarray.testing.assert_identical(data, before)
    assert canvas.axes
    for axes in canvas.axes:
        if axes.get_visible() and axes.axison:
            labels = [axes.get_xlabel(), axes.get_ylabel()]
            shared = [axes.get_shared_x_axes(), axes.get_shared_y_axes()]
            of_others = [len(group.get_siblings(axes)) > 1 for group in shared]
            assert all(label or other for label, other in zip(labels, of_others, strict=True))


@lru_cache(maxsize=1)  # the tests of one figure follow each other
def drawn(name: str) -> matplotlib.figure.Figure:
    with style.applied():
        canvas = FIGURES[name].draw(smallest(name))
        canvas.draw_without_rendering()
    return canvas


@each_figure
def test_nothing_sticks_out_of_the_page(name: str):
    canvas = drawn(name)
    width, height = canvas.get_size_inches()
    assert width <= PAGE
    tight = canvas.get_tightbbox()
    # A sixtieth of an inch is a fifth of a letter.
    assert tight.x0 > -1 / 60 and tight.y0 > -1 / 60
    assert tight.x1 < width + 1 / 60 and tight.y1 < height + 1 / 60


@each_figure
def test_draws_on_the_axes_it_is_given(name: str):
    figure, data = FIGURES[name], smallest(name)
    names = figure.layout(data).names
    canvas = matplotlib.figure.Figure(figsize=(12, 12))
    others = canvas.subplots(1, len(names) + 1, squeeze=False)[0]
    drawn = figure.draw(data, others[:-1])
    assert drawn is canvas
    assert all(axes.has_data() or not axes.axison for axes in others[:-1])
    assert not others[-1].has_data()
    with pytest.raises(ValueError, match=f"axes must be {len(names)}, in the order"):
        figure.draw(data, others)
    by_name = dict(zip(names, canvas.subplots(1, len(names), squeeze=False)[0], strict=True))
    assert figure.draw(data, by_name) is canvas


@each_figure
def test_refuses_the_data_of_another(name: str):
    other = smallest(name).assign_attrs(figure="another")
    with pytest.raises(ValueError, match=rf"figures.{name}.data\(…\) returns; got those of 'anoth"):
        FIGURES[name].draw(other)
    wrong: Any = {"v": 1}
    with pytest.raises(ValueError, match="got 'dict'"):
        FIGURES[name].draw(wrong)


@each_figure
def test_images_repeat_and_their_text_is_text(name: str, tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        render(FIGURES[name], smallest(name), folder, ["svg"])
    image = f"{name}.svg"
    assert (first / image).read_bytes() == (second / image).read_bytes()
    written = (first / image).read_text(encoding="utf-8")
    label = next(a.get_xlabel() for a in drawn(name).axes if a.get_xlabel())
    assert f">{label}</text>" in written or "$" in label
    assert "<text" in written


def test_the_letters_of_a_pdf_are_outlines_that_journals_take(tmp_path: Path):
    name = next(iter(FIGURES))
    render(FIGURES[name], smallest(name), tmp_path, ["pdf"])
    assert b"/Type3" not in (tmp_path / f"{name}.pdf").read_bytes()


@each_figure
def test_what_a_figure_cannot_use_is_refused(name: str):
    figure = FIGURES[name]
    if not {"landscape", "landscapes"} & set(figure.takes):
        with pytest.raises(ValueError, match="alone, and takes no other landscape"):
            figure.data("quick", landscape="Saddle")
    if "algorithms" not in figure.takes:
        with pytest.raises(ValueError, match="alone, and takes no other algorithms"):
            figure.data("quick", algorithms="SAM")
    with pytest.raises(ValueError, match=f"{name} has no argument sede; did you mean .*seed"):
        figure.data("quick", sede=1)
    with pytest.raises(ValueError, match="seed must be of the kind of"):
        figure.data("quick", seed="1")
    with pytest.raises(ValueError, match=r"size must be one of .*quick, full; got 'huge'"):
        figure.data("huge")


# -- registration ------------------------------------------------------------------------------


def test_a_figure_is_registered_once_and_whole(monkeypatch: pytest.MonkeyPatch):
    one = stub("first_stub", monkeypatch)
    with pytest.raises(ValueError, match="first_stub is registered already"):
        register(one)

    def fails(match: str, caption: str = "A title.\n\nMore.", **fields: Any) -> None:
        made = stub("bad_stub", monkeypatch, **fields)
        sys.modules["figures.bad_stub"].__doc__ = caption
        monkeypatch.delitem(FIGURES, "bad_stub")
        with pytest.raises(ValueError, match=match):
            register(made)
        assert "bad_stub" not in FIGURES

    fails("needs a docstring", caption="")
    fails("mathematics in the caption must end", caption="A title.\n\n$x and no end.")
    fails("mathematics in the caption must end", caption="A title with $x$.\n\nMore.")
    fails("full is missing or not known", sizes={"quick": {}})
    fails("colours is missing or not known", takes=("colours",))
    fails("needs a seed", arguments={})
    assert register(stub_of("good_stub", monkeypatch)).title == "The title of good_stub"


def stub_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Figure:
    made = stub(name, monkeypatch)
    monkeypatch.delitem(FIGURES, name)
    return made


def test_panels_are_named_and_lettered(monkeypatch: pytest.MonkeyPatch):
    figure = stub("first_stub", monkeypatch)
    data = figure.data("quick")
    own = figure.draw(data)
    assert [a.get_title(loc="left") for a in own.axes] == [r"$\bf{(a)}$ a name", ""]
    pair = matplotlib.figure.Figure().subplots(1, 2)
    figure.draw(data, pair)
    assert pair[0].get_title(loc="left") == "a name"
    layout = figure.layout(data)
    with pytest.raises(ValueError, match="axes must be Matplotlib axes; got int"):
        Panels.on(layout, [1, 2])
    with pytest.raises(ValueError, match="axes must be 2, in the order left, right; got 1"):
        Panels.on(layout, pair[0])
    with pytest.raises(ValueError, match="axes must be named left, right; got up"):
        Panels.on(layout, {"up": pair[0]})
    panels = Panels.on(layout, pair)
    assert isinstance(panels["left"], Axes)
    assert panels.edges("right") == (True, True)
    panels.legend([style.line("predicted")])
    assert pair[1].get_legend() is not None
