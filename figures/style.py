"""The look that all figures share: who is drawn how, and the settings of Matplotlib.

The colours are Okabe and Ito's and Paul Tol's "muted" set: told apart by colour-blind readers,
and different enough in lightness for a grey print.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from dynamics import ALGORITHMS, Outcome
from landscapes.checks import Real

ETA_LABEL, RHO_LABEL = "learning rate η", "ascent radius ρ"
PREDICTION = "black"  #: lines that come from theory; simulated areas and points are coloured

OUTCOME_COLOURS = {
    Outcome.CONVERGED: "#88ccee",
    Outcome.CYCLE: "#ddcc77",
    Outcome.DIVERGED: "#882255",
    Outcome.BUDGET: "#d0d0d0",
}
#: Where a run is besides: at rest at another minimum than its start's; near a saddle.
OTHER_MINIMUM, NEAR_SADDLE = "#44aa99", "#aa4499"


@dataclass(frozen=True)
class Look:
    """How an algorithm is drawn."""

    colour: str
    marker: str


_LOOKS = (
    Look("#000000", "o"),
    Look("#d55e00", "^"),
    Look("#0072b2", "s"),
    Look("#009e73", "D"),
    Look("#cc79a7", "v"),
    Look("#e69f00", "P"),
    Look("#56b4e9", "X"),
)


def look(algorithm: str) -> Look:
    """The look of an algorithm: the same in every figure, and given to new ones as they come."""
    return _LOOKS[list(ALGORITHMS).index(algorithm) % len(_LOOKS)]


def applied() -> AbstractContextManager[None]:
    """Matplotlib set to this style inside the context, and as it was outside."""
    with as_file(files("figures") / "ravine.mplstyle") as path:
        return matplotlib.rc_context(fname=path)


def halo(colour: str = "white", width: float = 1.6) -> list[Any]:
    """Path effects that keep a line or a word legible on any ground."""
    return [withStroke(linewidth=width, foreground=colour)]


def tinted(colours: list[str], index: np.ndarray, strength: Real) -> Real:
    """`colours[index]`, mixed with white where `strength` is below 1; shape `(..., 3)`."""
    full = np.array([to_rgb(c) for c in colours])[index]
    return 1 - np.asarray(strength)[..., None] * (1 - full)


def pale(colour: str) -> Any:
    """The colour as `tinted` makes it for half the strength."""
    return tuple(tinted([colour], np.array(0), np.array(0.5)))


def swatch(colour: Any, label: str) -> Patch:
    """A legend's entry for an area."""
    return Patch(facecolor=colour, edgecolor="#555555", linewidth=0.4, label=label)


def panel(axes: Axes, letter: str, text: str = "") -> None:
    """Names a panel, above its upper left corner."""
    axes.set_title(rf"$\bf{{({letter})}}$ {text}", loc="left")
