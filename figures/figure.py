"""The contract of a figure: data that can be made again, and a drawing that computes nothing."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray
from matplotlib.figure import Figure as Canvas

from dynamics import Algorithm
from figures import style
from figures.choosing import chosen_algorithms, chosen_landscapes, plain
from figures.panels import Layout, Panels
from landscapes import Landscape
from landscapes.console import nearest
from proofs_check import Finding

#: Told which share of the simulation is done, from 0 to 1.
Told = Callable[[float], None]
SIZES = ("quick", "full")
#: The choices that a figure may leave to who asks for its data.
CHOICES = ("landscape", "landscapes", "algorithms")


@dataclass(frozen=True)
class Request:
    """What the data are to be made from; `request["n_eta"]` is one of the arguments."""

    landscapes: tuple[Landscape, ...]
    algorithms: tuple[Algorithm, ...]
    arguments: Mapping[str, Any]
    progress: Told

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def part(self, index: int, parts: int) -> Callable[[int, int], None]:
        """The progress of the index-th of so many equal parts, as `sweep` tells it."""
        return lambda done, total: self.progress((index + done / total) / parts)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure. Its module's docstring is the caption, whose first line is the title.

    Attributes:
        module: the module that defines it (`__name__`); its last part is the figure's name.
        claims: ids of the claims that it illustrates, each with the finding that it shows.
        arguments: everything the data depend on besides landscapes and algorithms, JSON-compatible,
            the seed included.
        sizes: what differs from `arguments` at size quick and at size full. A size "tiny" is for
            tests, where quick takes more than a moment.
        simulate: makes the data of a `Request`: pure, and the same every time.
        layout: where the panels for these data go.
        paint: draws the data on panels without computing.
        landscapes, algorithms: those it is about.
        takes: which of `CHOICES` are free: "landscape" for one, "landscapes" for several.
        animate: draws frame by frame instead, yielding after each; None for a still figure.
    """

    module: str
    claims: Mapping[str, Finding]
    arguments: Mapping[str, Any]
    sizes: Mapping[str, Mapping[str, Any]]
    simulate: Callable[[Request], xarray.Dataset]
    layout: Callable[[xarray.Dataset], Layout]
    paint: Callable[[xarray.Dataset, Panels], None]
    landscapes: tuple[Landscape, ...] = ()
    algorithms: tuple[Algorithm, ...] = ()
    takes: tuple[str, ...] = ()
    animate: Callable[[xarray.Dataset, Panels], Iterator[None]] | None = field(default=None)

    @property
    def name(self) -> str:
        return self.module.rpartition(".")[2]

    @property
    def caption(self) -> str:
        return inspect.cleandoc(sys.modules[self.module].__doc__ or "")

    @property
    def title(self) -> str:
        return self.caption.partition("\n")[0].rstrip(".")

    @property
    def smallest(self) -> str:
        """The size that tests of the contract use."""
        return "tiny" if "tiny" in self.sizes else "quick"

    def arguments_of(
        self,
        size: str,
        landscape: Landscape | str | Iterable[Landscape | str] | None = None,
        algorithms: Algorithm | str | Iterable[Algorithm | str] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """What the data are made from, JSON-compatible. Raises as `data` does."""
        landscapes, chosen = self._chosen(landscape, algorithms)
        return self._arguments(size, landscapes, chosen, changes)

    def data(
        self,
        size: str = "quick",
        *,
        landscape: Landscape | str | Iterable[Landscape | str] | None = None,
        algorithms: Algorithm | str | Iterable[Algorithm | str] | None = None,
        progress: Told = lambda _: None,
        **changes: Any,
    ) -> xarray.Dataset:
        """Everything that is drawn, predictions included; attributes say what it was made from.

        Args:
            size: how much is simulated, one of `sizes`.
            landscape: another loss than the figure's own: a landscape, its name or a formula; or
                several, for a figure that takes `landscapes`.
            algorithms: other algorithms than the figure's own, or their names.
            progress: told the share that is done.
            changes: other values of the figure's `arguments`, such as `seed=1`.

        Raises `ValueError` for what this figure cannot use, before anything is simulated.
        """
        landscapes, chosen = self._chosen(landscape, algorithms)
        arguments = self._arguments(size, landscapes, chosen, changes)
        data = self.simulate(Request(landscapes, chosen, arguments, progress))
        progress(1.0)
        return data.assign_attrs(figure=self.name, size=size, arguments=json.dumps(arguments))

    def draw(self, data: xarray.Dataset, axes: Any = None) -> Canvas:
        """Draws the data and returns the Matplotlib figure they are on.

        `axes` are yours to draw into: one `Axes`, several in reading order, or a mapping from the
        names of the panels. Without them a new figure is made in the common style.

        Raises `ValueError` if the data are not this figure's, or for another number of axes.
        """
        self._check(data)
        layout = self.layout(data)
        if axes is not None:
            panels = Panels.on(layout, axes)
            self.paint(data, panels)
            return panels.canvas
        with style.applied():
            panels = Panels.new(layout)
            self.paint(data, panels)
        return panels.canvas

    def disagreement(self, data: xarray.Dataset, size: str, arguments: Mapping[str, Any]) -> str:
        """Why these data are not those made with these arguments; empty if they are."""
        if (made_for := data.attrs.get("figure")) != self.name:
            return f"they were made for the figure {made_for!r}"
        if (made_at := data.attrs.get("size")) != size:
            return f"they were made with --size {made_at}, not {size}"
        made_with, wanted = json.loads(data.attrs["arguments"]), json.loads(json.dumps(arguments))
        changed = [k for k in made_with | wanted if made_with.get(k) != wanted.get(k)]
        shown = (f"{k}={made_with.get(k)!r}, not {wanted.get(k)!r}" for k in changed)
        return f"they were made with {'; '.join(shown)}" if changed else ""

    # -- the parts -------------------------------------------------------------------------

    def _chosen(
        self, landscape: Any, algorithms: Any
    ) -> tuple[tuple[Landscape, ...], tuple[Algorithm, ...]]:
        several = "landscapes" in self.takes
        if landscape is not None and not several and "landscape" not in self.takes:
            own = ", ".join(map(repr, self.landscapes)) or "losses of its own"
            raise ValueError(f"{self.name} is about {own} alone, and takes no other landscape")
        if algorithms is not None and "algorithms" not in self.takes:
            own = ", ".join(map(str, self.algorithms)) or "algorithms of its own"
            raise ValueError(f"{self.name} is about {own} alone, and takes no other algorithms")
        given = self.landscapes if landscape is None else chosen_landscapes(landscape)
        if landscape is not None and len(given) > 1 and not several:
            raise ValueError(f"{self.name} takes one landscape; got {len(given)}")
        return given, self.algorithms if algorithms is None else chosen_algorithms(algorithms)

    def _arguments(
        self, size: str, landscapes: Any, algorithms: Any, changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        if size not in self.sizes:
            raise ValueError(f"size must be one of {', '.join(self.sizes)}; got {size!r}")
        arguments = {**self.arguments, **self.sizes[size]}
        for name, value in changes.items():
            if name not in arguments:
                raise ValueError(f"{self.name} has no argument {name}{nearest(name, arguments)}")
            arguments[name] = plain(name, value, arguments[name])
        names = {"landscapes": [*map(repr, landscapes)], "algorithms": [*map(str, algorithms)]}
        return arguments | {name: given for name, given in names.items() if given}

    def _check(self, data: Any) -> None:
        made_for = data.attrs.get("figure") if isinstance(data, xarray.Dataset) else None
        if made_for != self.name:
            said = f"those of {made_for!r}" if made_for else repr(type(data).__name__)
            raise ValueError(f"data must be what figures.{self.name}.data(…) returns; got {said}")


FIGURES: dict[str, Figure] = {}


def register(figure: Figure) -> Figure:
    """Adds a figure to those that the command draws and the tests cover."""
    if figure.name in FIGURES:
        raise ValueError(f"a figure named {figure.name} is registered already")
    if not figure.caption:
        raise ValueError(f"{figure.module} needs a docstring: it is the caption")
    if len(re.findall(r"(?<!\\)\$", figure.caption)) % 2 or "$" in figure.title:
        raise ValueError(
            f"{figure.module}: mathematics in the caption must end, and none be in its title"
        )
    if missing := {*SIZES, *figure.takes} - {*figure.sizes, *CHOICES}:
        raise ValueError(f"{figure.module}: {', '.join(sorted(missing))} is missing or not known")
    if "seed" not in figure.arguments:
        raise ValueError(f"{figure.module} needs a seed among its arguments")
    FIGURES[figure.name] = figure
    return figure
