"""Where a figure is drawn: on panels of its own, or on axes that somebody else made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

#: The width of a page's text, in inches.
PAGE = 7.2


@dataclass(frozen=True)
class Layout:
    """The places of the panels.

    Attributes:
        rows: the names of the panels, row by row; a name that stands in several neighbouring
            places spans them, and "." leaves a place free.
        inches: width and height of a canvas of its own.
        heights, widths: of rows and columns, relative to each other.
        share_x, share_y: whether all panels have the same axis, labelled at the border only.
    """

    rows: tuple[tuple[str, ...], ...]
    inches: tuple[float, float]
    heights: tuple[float, ...] | None = None
    widths: tuple[float, ...] | None = None
    share_x: bool = False
    share_y: bool = False

    @property
    def names(self) -> list[str]:
        """The panels in reading order."""
        return [n for n in dict.fromkeys(n for row in self.rows for n in row) if n != "."]


class Panels(Mapping[str, Axes]):
    """Axes by the names of the panels.

    Attributes:
        canvas: the Matplotlib figure that they are on.
        own: whether it was made for them, and may get a legend beside its panels.
    """

    def __init__(self, axes: Mapping[str, Axes], canvas: Canvas, own: bool) -> None:
        self._axes, self.canvas, self.own = dict(axes), canvas, own

    @classmethod
    def new(cls, layout: Layout) -> Panels:
        """Panels on a canvas of their own."""
        canvas = Canvas(figsize=layout.inches, layout="constrained")
        mosaic: Any = [list(row) for row in layout.rows]
        axes = canvas.subplot_mosaic(
            mosaic, height_ratios=layout.heights, width_ratios=layout.widths,
            sharex=layout.share_x, sharey=layout.share_y, empty_sentinel=".",
        )  # fmt: skip
        return cls({name: axes[name] for name in layout.names}, canvas, own=True)

    @classmethod
    def on(cls, layout: Layout, axes: Any) -> Panels:
        """Panels on given axes. Raises `ValueError` if they are no axes, or not as many."""
        names = layout.names
        if isinstance(axes, Mapping):
            if set(axes) != set(names):
                raise ValueError(f"axes must be named {', '.join(names)}; got {', '.join(axes)}")
            given = [axes[name] for name in names]
        else:
            given = [axes] if isinstance(axes, Axes) else list(np.ravel(axes))
        if bad := [a for a in given if not isinstance(a, Axes)]:
            raise ValueError(f"axes must be Matplotlib axes; got {type(bad[0]).__name__}")
        if len(given) != len(names):
            raise ValueError(
                f"axes must be {len(names)}, in the order {', '.join(names)}; got {len(given)}"
            )
        canvas: Any = given[0].get_figure(root=True)
        return cls(dict(zip(names, given, strict=True)), canvas, own=False)

    def __getitem__(self, name: str) -> Axes:
        return self._axes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._axes)

    def __len__(self) -> int:
        return len(self._axes)

    def name(self, panel: str, text: str = "") -> None:
        """Writes a letter, if there are several panels, and a text above a panel."""
        letter = ascii_lowercase[list(self).index(panel) % 26]
        lettered = self.own and len(self) > 1
        self[panel].set_title(rf"$\bf{{({letter})}}$ {text}" if lettered else text, loc="left")

    def legend(self, handles: Iterable[Artist], columns: int = 4) -> None:
        """One legend for all panels: below them, or in the last of somebody else's axes."""
        listed = list(handles)
        if self.own:
            self.canvas.legend(handles=listed, loc="outside lower center", ncols=columns)
        else:
            self[list(self)[-1]].legend(handles=listed, fontsize="xx-small")

    def edges(self, panel: str) -> tuple[bool, bool]:
        """Whether a panel is the lowest of its column, and the leftmost of its row.

        On axes that somebody else made, every panel labels its own axis.
        """
        place = self[panel].get_subplotspec()
        if not self.own or place is None:
            return True, True
        return place.is_last_row(), place.is_first_col()
