"""What the suites of figures share: their data, and figures that take no time."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import xarray

from figures import FIGURES, Figure
from figures.panels import Layout
from proofs_check import Finding

each_figure = pytest.mark.parametrize("name", FIGURES)


@lru_cache
def smallest(name: str) -> xarray.Dataset:
    """The data at the size that is for tests of the contract."""
    return FIGURES[name].data(FIGURES[name].smallest)


@lru_cache
def quick(name: str) -> xarray.Dataset:
    """The data at size quick, whose numbers are to be those of theory."""
    return FIGURES[name].data("quick")


def stub(name: str, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> Figure:
    """A figure that takes no time, in the registry."""

    def simulate(request: Any) -> xarray.Dataset:
        request.progress(1.0)
        return xarray.Dataset({"v": ("x", np.arange(request["n"]) + 0.5)})

    def paint(data: xarray.Dataset, panels: Any) -> None:
        panels["left"].plot(data.v)
        panels.name("left", "a name")

    module = types.ModuleType(f"figures.{name}", f"The title of {name}.\n\nMore, $x^2$.")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    given: dict[str, Any] = {
        "module": module.__name__,
        "claims": {"some_claim": Finding.HOLDS},
        "arguments": {"seed": 7},
        "sizes": {"quick": {"n": 3}, "full": {"n": 5}},
        "simulate": simulate,
        "layout": lambda _: Layout((("left", "right"),), (3, 2)),
        "paint": paint,
    }
    figure = Figure(**(given | fields))
    monkeypatch.setitem(FIGURES, name, figure)
    return figure


def refuse(*_: Any, **__: Any) -> Any:
    """Stands in for what must not be called."""
    raise AssertionError("simulated or derived")


def moving(data: xarray.Dataset, panels: Any) -> Iterator[None]:
    """An animation of three frames."""
    for i in range(3):
        panels["left"].plot([0, i])
        yield
