"""The contract of a figure: data that can be made again, and a drawing that computes nothing."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import xarray
from matplotlib.figure import FigureBase

#: Told which share of the simulation is done, from 0 to 1.
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Figure:
    """One figure. Its module's docstring is the caption.

    Attributes:
        module: the module that defines it (`__name__`); its last part is the figure's name.
        claims: ids of the claims that it illustrates.
        sizes: for each size ("tiny" is for tests), the arguments of `simulate`: everything the
            data depend on, JSON-compatible, the seed included.
        simulate: `simulate(arguments, progress)` makes the data: pure, and the same every time.
        draw: `draw(data, canvas)` draws them on an empty Matplotlib figure without computing.
        inches: width and height of the canvas; 7.2 is the width of a page's text.
    """

    module: str
    claims: tuple[str, ...]
    sizes: Mapping[str, Mapping[str, Any]]
    simulate: Callable[[Mapping[str, Any], Progress], xarray.Dataset]
    draw: Callable[[xarray.Dataset, FigureBase], None]
    inches: tuple[float, float]

    @property
    def name(self) -> str:
        return self.module.rpartition(".")[2]

    @property
    def caption(self) -> str:
        return inspect.cleandoc(sys.modules[self.module].__doc__ or "")

    def arguments(self, size: str) -> dict[str, Any]:
        """What the data of this size are made from."""
        if size not in self.sizes:
            raise ValueError(f"size must be one of {', '.join(self.sizes)}; got {size!r}")
        return dict(self.sizes[size])

    def data(self, size: str = "full", progress: Progress = lambda _: None) -> xarray.Dataset:
        """The data, which carry the arguments they were made from in their attributes."""
        arguments = self.arguments(size)
        data = self.simulate(arguments, progress)
        return data.assign_attrs(figure=self.name, size=size, arguments=json.dumps(arguments))

    def disagreement(self, data: xarray.Dataset, size: str) -> str:
        """Why these data are not those of `data(size)`; empty if they are."""
        if (made_for := data.attrs.get("figure")) != self.name:
            return f"they were made for the figure {made_for!r}"
        if (made_at := data.attrs.get("size")) != size:
            return f"they were made with --size {made_at}, not {size}"
        made_with = json.loads(data.attrs["arguments"])
        wanted = json.loads(json.dumps(self.arguments(size)))
        changed = [k for k in made_with | wanted if made_with.get(k) != wanted.get(k)]
        shown = (f"{k}={made_with.get(k)!r}, not {wanted.get(k)!r}" for k in changed)
        return f"they were made with {'; '.join(shown)}" if changed else ""


FIGURES: dict[str, Figure] = {}


def register(figure: Figure) -> Figure:
    """Adds a figure to those that the command draws and the tests cover."""
    if figure.name in FIGURES:
        raise ValueError(f"a figure named {figure.name} is registered already")
    if not figure.caption:
        raise ValueError(f"{figure.module} needs a docstring: it is the caption")
    FIGURES[figure.name] = figure
    return figure
