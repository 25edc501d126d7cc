"""Other landscapes, algorithms and arguments than a figure's own, as text and as objects."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import figures
from dynamics import ALGORITHMS, GD, SAM, USAM, LpSAM
from figures import FIGURES
from figures.choosing import chosen_algorithms, chosen_landscapes
from landscapes import Quadratic, Saddle
from tests.support.figure_cases import refuse, stub

pytestmark = pytest.mark.figures


def test_several_are_chosen_and_must_differ():
    assert [repr(one) for one in chosen_landscapes(["Saddle", Quadratic((2.0, 1.0))])] == [
        repr(Saddle()),
        repr(Quadratic((2.0, 1.0))),
    ]
    assert chosen_algorithms(["SAM", GD]) == (SAM, GD)
    assert chosen_algorithms("USAM") == (USAM,)
    assert chosen_algorithms("USAM, LpSAM(4)") == (USAM, LpSAM(4))
    mine = replace(SAM, name="mine")
    assert chosen_algorithms(mine) == (mine,)
    wrong: list[tuple[Any, str]] = [
        (["Saddle", Saddle()], "landscapes must differ"),
        ([], "landscape must be"),
        (3, "landscape must be"),
        ([3], "landscape must be"),
    ]
    for given, says in wrong:
        with pytest.raises(ValueError, match=says):
            chosen_landscapes(given)
    wrong = [
        ("SAN", "unknown algorithm 'SAN'; did you mean SAM"),
        ([SAM, "SAM"], "distinct names"),
        ([], "algorithms must be"),
        (3, "algorithms must be"),
        ([3], "algorithms must be"),
    ]
    for given, says in wrong:
        with pytest.raises(ValueError, match=says):
            chosen_algorithms(given)


def test_arguments_are_recorded_and_refused_by_kind(monkeypatch: pytest.MonkeyPatch):
    one = stub(
        "first_stub", monkeypatch, takes=("landscape", "algorithms"), landscapes=(Saddle(),),
        arguments={"seed": 7, "rho": [0.1, 0.2], "side": 2.0, "eta": None, "long": False},
    )  # fmt: skip
    changed = {"rho": np.array([0.3]), "side": 3, "eta": (0.1, 0.2), "seed": np.int64(3)}
    data = one.data("quick", landscape="Quadratic((3, 1))", algorithms=[SAM], **changed)
    assert json.loads(data.attrs["arguments"]) == {
        "seed": 3, "rho": [0.3], "side": 3, "eta": [0.1, 0.2], "long": False, "n": 3,
        "landscapes": [repr(Quadratic((3, 1)))], "algorithms": ["SAM"],
    }  # fmt: skip
    bad: list[dict[str, Any]] = [
        {"rho": 0.3}, {"side": "3"}, {"side": True}, {"seed": 1.5}, {"eta": {}}, {"long": 1},
    ]  # fmt: skip
    for change in bad:
        with pytest.raises(ValueError, match="must be of the kind of"):
            one.data("quick", **change)
    with pytest.raises(ValueError, match="takes one landscape; got 2"):
        one.data("quick", landscape=["Saddle", "Ravine"])


def test_refusals_come_before_any_work(monkeypatch: pytest.MonkeyPatch):
    one = stub("first_stub", monkeypatch, simulate=refuse)
    with pytest.raises(ValueError, match="losses of its own alone"):
        one.data("quick", landscape="Saddle")
    with pytest.raises(ValueError, match="algorithms of its own alone"):
        one.data("quick", algorithms="SAM")
    with pytest.raises(AssertionError):
        one.data("quick")


def test_a_users_landscape_and_algorithm():
    mine = replace(SAM, name="mine")
    data = figures.stability_region.data(
        "tiny", landscape="a*x^4/4 - x*y + y^2/2".replace("a", "1.2"), algorithms=["GD", mine],
        n_eta=6, n_rho=4,
    )  # fmt: skip
    assert list(data.algorithm.values) == ["GD", "mine"]
    assert data.sizes["eta"] == 6
    # 1.2x³ = y = x: the minima are at x² = 1/1.2, where the Hessian is ((3, −1), (−1, 1)).
    first = data.isel(curve=0)
    assert first.curve_kind.item() == "home"
    assert first.curve_eta.values == pytest.approx(2 / (2 + 2**0.5))
    canvas = figures.stability_region.draw(data)
    assert len(canvas.axes) == 2
    assert set(FIGURES) >= {"stability_region"} and "mine" not in ALGORITHMS
