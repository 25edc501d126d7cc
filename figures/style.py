"""The look that all figures share: who is drawn how, and the settings of Matplotlib.

The colours are Okabe and Ito's and Paul Tol's "muted" set: told apart by colour-blind readers,
and different enough in lightness for a grey print.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any
from zlib import crc32

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from dynamics import Outcome
from landscapes.checks import Real

ETA_LABEL, RHO_LABEL = "learning rate η", "ascent radius ρ"
PREDICTION = "black"  #: lines that come from theory; simulated areas and points are coloured
FAINT = "#555555"  #: for what only helps to read: outlines, entries of legends

OUTCOME_COLOURS = {
    Outcome.CONVERGED: "#88ccee",
    Outcome.CYCLE: "#ddcc77",
    Outcome.DIVERGED: "#882255",
    Outcome.BUDGET: "#d0d0d0",
    Outcome.UNDEFINED: "#332288",
}
#: Where a run is besides: at rest at another minimum than its start's; near a saddle.
OTHER_MINIMUM, NEAR_SADDLE = "#44aa99", "#aa4499"


@dataclass(frozen=True)
class Look:
    """How an algorithm is drawn."""

    colour: str
    marker: str


_KNOWN = {
    "GD": Look("#000000", "o"),
    "SAM": Look("#d55e00", "^"),
    "USAM": Look("#0072b2", "s"),
    "StableSAM": Look("#009e73", "D"),
    "StableUSAM": Look("#cc79a7", "v"),
    "NormalisedGD": Look("#e69f00", "P"),
    "ClippedStableSAM(0.3)": Look("#56b4e9", "X"),
    "SignSAM": Look("#332288", "<"),
    "ScaledSAM": Look("#999933", ">"),
    "LpSAM(3)": Look("#882255", "p"),
    "ASAM(0.01)": Look("#117733", "h"),
    "StableASAM": Look("#cc79a7", "d"),
    "StableASAMAdaptiveNorm": Look("#e69f00", "v"),
    "UnifiedSAM(0.5)": Look("#56b4e9", "P"),
    "UnifiedSAM(1/t)": Look("#332288", "X"),
    "UnifiedSAM(1-1/t)": Look("#999933", "<"),
    "TwoStepUSAM": Look("#882255", ">"),
    "RepeatedUSAM": Look("#117733", "p"),
    "HessianUSAM": Look("#cc79a7", "h"),
    "ExactGradientUSAM": Look("#e69f00", "d"),
    "PenalisedUSAM": Look("#56b4e9", "v"),
    "HeavyBallGD": Look("#332288", "P"),
    "NesterovGD": Look("#999933", "X"),
    "HeavyBallSAM": Look("#882255", "<"),
    "HeavyBallUSAM": Look("#117733", ">"),
    "NesterovStableSAM": Look("#cc79a7", "p"),
    "SGD": Look("#e69f00", "h"),
    "1-SAM": Look("#56b4e9", "d"),
    "n-SAM": Look("#332288", "v"),
    "DNSAM": Look("#999933", "P"),
}
_COLOURS = ("#cc79a7", "#e69f00", "#56b4e9", "#332288", "#999933", "#882255", "#117733")
# Of algorithms that are not known: other markers, so that they are taken for no other.
_FREE_MARKERS = ("*", "8", "H", "1", "2", "3", "4", "+", "x")


def look(algorithm: str) -> Look:
    """The look of an algorithm, the same in every figure.

    Those that are known have fixed ones, whatever else is registered. Anything else has one that
    follows from its name alone, with markers of its own, so that it is taken for none of them.
    """
    if algorithm in _KNOWN:
        return _KNOWN[algorithm]
    colour, marker = divmod(crc32(algorithm.encode()), len(_FREE_MARKERS))
    return Look(_COLOURS[colour % len(_COLOURS)], _FREE_MARKERS[marker])


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
    return Patch(facecolor=colour, edgecolor=FAINT, linewidth=0.4, label=label)


def line(label: str, linestyle: Any = "-", colour: str = PREDICTION) -> Line2D:
    """A legend's entry for a predicted line."""
    return Line2D([], [], color=colour, linestyle=linestyle, label=label)


def points(algorithm: str, label: str | None = None) -> Line2D:
    """A legend's entry for simulated points of an algorithm."""
    of = look(algorithm)
    return Line2D(
        [], [], color=of.colour, marker=of.marker, linestyle="none", markersize=3.5,
        label=algorithm if label is None else label,
    )  # fmt: skip
