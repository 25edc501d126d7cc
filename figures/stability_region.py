"""Where each algorithm is stable, in the plane of learning rate η and ascent radius ρ.

Colours: what became of runs from 32 starts, simulated, for each cell of the grid; a cell has the
colour of the largest group, and is the paler the smaller that group. Lines: predictions, solved
for from the update rule that the simulation itself runs. Upper row: a quadratic with curvatures
16 and 5. The line is where the multiplier of its stiff mode is −1. GD, USAM and StableSAM
converge left of it and diverge right of it; SAM never converges, but settles on a cycle. GD does
not depend on ρ; USAM loses learning rate as ρ grows. Lower row: log cosh(xy), whose minima form a
ravine along x = 0, started within 0.1 of the minimum (0, 4), of the same sharpness 16. The same
line now separates runs that come to rest where they started from runs that slide down to a
flatter minimum. SAM rests at neither: on either side it slides down the ravine, the more slowly
the smaller ηρ², to the flat origin. Its line is where the 2-cycle on which it slides ceases to
exist; beyond, it ends on a 2-cycle astride the diagonal. All lines know the loss near its minima
only. So the border of diverging runs in the lower row, where steps reach past the quadratic part
of the loss, has none, and StableSAM with ρ near 1 and more, whose ascent reaches past it too,
leaves some starts left of its line. Around such borders starts disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase
from typing import Any

import numpy as np
import xarray
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from dynamics import GD, SAM, USAM, Algorithm, Outcome, StableSAM, sweep, uniform_starts
from figures import style
from figures.figure import Figure, Progress, register
from landscapes import Landscape, LinearNeuron, Quadratic
from landscapes.checks import Real
from proofs_check.evidence import value
from proofs_check.predictions import equation_in_latex, last_drifting_product, threshold
from proofs_check.symbols import curvature, eta, rho

_ALGORITHMS = (GD, SAM, USAM, StableSAM)
_SHARPNESS, _OTHER_CURVATURE = 16.0, 5.0
_HEIGHT = _SHARPNESS**0.5  # of the minimum (0, y) of ℓ(xy) that has this sharpness
# A run stayed where it started if the sharpness there is at least this share of the start's.
# Right of the line the sharpness at rest falls as fast as η grows, thus by this much within one
# cell of the full grid; left of it runs lose less than 1 % on their way in.
_STAYED = 0.97
#: The classes that are drawn: the outcomes, convergence split by where it happened.
_CLASSES = {
    "CONVERGED": (style.OUTCOME_COLOURS[Outcome.CONVERGED], "converged where it started"),
    "CONVERGED_FLATTER": (style.OTHER_MINIMUM, "converged at a flatter minimum"),
    "CYCLE": (style.OUTCOME_COLOURS[Outcome.CYCLE], "on a cycle"),
    "DIVERGED": (style.OUTCOME_COLOURS[Outcome.DIVERGED], "diverged"),
    "BUDGET": (style.OUTCOME_COLOURS[Outcome.BUDGET], "still moving when steps ran out"),
}


@dataclass(frozen=True)
class _Row:
    """A landscape, the box its runs start in, and the argument that says how long they are."""

    label: str
    landscape: Landscape
    box: tuple[tuple[float, float], tuple[float, float]]
    n_steps: str


_ROWS = {
    "quadratic": _Row(
        "quadratic", Quadratic((_SHARPNESS, _OTHER_CURVATURE)), ((-1, -1), (1, 1)),
        "n_steps_quadratic",
    ),
    "ravine": _Row(
        "log cosh(xy)", LinearNeuron("logcosh"), ((0.01, _HEIGHT - 0.01), (0.1, _HEIGHT + 0.01)),
        "n_steps_ravine",
    ),
}  # fmt: skip


def _arguments(n_eta: int, n_rho: int, n_starts: int) -> dict[str, Any]:
    return {
        "n_eta": n_eta, "n_rho": n_rho, "n_starts": n_starts, "seed": 20230,
        "eta": [2e-3, 4.0], "rho": [1e-2, 3.0],
        "n_steps_quadratic": 4000, "n_steps_ravine": 8000,
    }  # fmt: skip


def simulate(arguments: Mapping[str, Any], progress: Progress) -> xarray.Dataset:
    """Runs every algorithm on both landscapes and counts, in each cell, what became of the runs."""
    eta_edges, etas = _cells(arguments["eta"], arguments["n_eta"])
    rho_edges, rhos = _cells(arguments["rho"], arguments["n_rho"])
    cases = list(product(_ROWS.values(), _ALGORITHMS))
    counts = []
    for i, (row, algorithm) in enumerate(cases):
        low, high = row.box
        starts = uniform_starts(arguments["n_starts"], low=low, high=high, seed=arguments["seed"])
        runs = sweep(
            row.landscape, algorithm, eta=etas, rho=rhos, starts=starts,
            n_steps=arguments[row.n_steps],
            progress=lambda done, total, i=i: progress((i + done / total) / len(cases)),
        )  # fmt: skip
        counts.append(_counts(row.landscape, runs.isel(algorithm=0)))
    shape = (len(_ROWS), len(_ALGORITHMS), *counts[0].shape)
    count = np.stack(counts).reshape(shape).astype(np.int16)
    curves = [_edge(row, a, rho_edges) for row, a in product(_ROWS, _ALGORITHMS)]
    cell = ("landscape", "algorithm", "rho", "eta")
    return xarray.Dataset(
        {
            "count": (("landscape", "algorithm", "class", "rho", "eta"), count,
                      {"long_name": "starts that ended so", "units": "1"}),
            "largest": (cell, count.argmax(2).astype(np.int8),
                        {"long_name": "class with most starts", "units": "1",
                         "flag_meanings": " ".join(_CLASSES)}),
            "agreement": (cell, count.max(2) / arguments["n_starts"],
                          {"long_name": "share of the starts in that class", "units": "1"}),
            "edge": (("landscape", "algorithm", "rho_edge"),
                     np.stack([c[0] for c in curves]).reshape(*shape[:2], -1),
                     {"long_name": "predicted edge of the learning rate", "units": "1"}),
            "edge_formula": (("landscape", "algorithm"),
                             np.array([c[1] for c in curves]).reshape(shape[:2]),
                             {"long_name": "formula of the predicted edge, in LaTeX"}),
        },
        {
            "landscape": list(_ROWS), "algorithm": [a.name for a in _ALGORITHMS],
            "class": list(_CLASSES),
            "eta": ("eta", etas, {"long_name": style.ETA_LABEL, "units": "1"}),
            "rho": ("rho", rhos, {"long_name": style.RHO_LABEL, "units": "1"}),
            "eta_edge": ("eta_edge", eta_edges, {"long_name": "borders of cells", "units": "1"}),
            "rho_edge": ("rho_edge", rho_edges, {"long_name": "borders of cells", "units": "1"}),
        },
    )  # fmt: skip


def _cells(limits: list[float], n: int) -> tuple[Real, Real]:
    """The borders of n cells that are equally wide on a logarithmic axis, and their centres."""
    low, high = limits
    edges = np.geomspace(low, high, n + 1)
    return edges, np.sqrt(edges[:-1] * edges[1:])


def _counts(landscape: Landscape, runs: xarray.Dataset) -> np.ndarray:
    """How many starts ended in each class, shape `(class, rho, eta)`."""
    outcome = runs.outcome.values
    converged = outcome == Outcome.CONVERGED
    at_rest = np.where(converged[..., None], runs.final.values, 0.0)
    sharpness = np.linalg.eigvalsh(landscape.hessian(at_rest))[..., -1]
    stayed = sharpness >= _STAYED * _SHARPNESS
    member = {o.name: outcome == o for o in Outcome}
    member |= {"CONVERGED": converged & stayed, "CONVERGED_FLATTER": converged & ~stayed}
    return np.stack([member[name].sum(axis=-1) for name in _CLASSES])


# -- what is predicted -------------------------------------------------------------------------


def _edge(row: str, algorithm: Algorithm, rhos: Real) -> tuple[Real, str]:
    """The predicted η for each ρ, and its formula in LaTeX."""
    if row == "ravine" and algorithm is SAM:
        product_at_edge = last_drifting_product(SAM)
        latex = equation_in_latex(eta * rho**2, product_at_edge.n(4))
        return value(product_at_edge / rho**2, {rho: rhos}), latex
    formula = threshold(algorithm)
    at = value(formula, {curvature: _SHARPNESS, rho: rhos})
    latex = equation_in_latex(eta, formula, {curvature: r"\lambda_1"})
    return np.broadcast_to(at, rhos.shape), latex.replace(r"\frac", r"\dfrac")


# -- the picture -------------------------------------------------------------------------------


def draw(data: xarray.Dataset, canvas: FigureBase) -> None:
    """One panel for each landscape and algorithm, and a legend below them."""
    grid = canvas.subplots(
        data.sizes["landscape"], data.sizes["algorithm"], sharex=True, sharey=True, squeeze=False
    )
    colours = [colour for colour, _ in _CLASSES.values()]
    panels = product(data.landscape.values, data.algorithm.values)
    for axes, letter, (row, algorithm) in zip(grid.flat, ascii_lowercase, panels, strict=False):
        one = data.sel(landscape=row, algorithm=algorithm)
        rgb = style.tinted(colours, one.largest.values, one.agreement.values)
        axes.pcolormesh(data.eta_edge, data.rho_edge, rgb, rasterized=True)
        axes.plot(one.edge, data.rho_edge, color=style.PREDICTION, path_effects=style.halo())
        axes.set(
            xscale="log", yscale="log",
            xlim=data.eta_edge.values[[0, -1]], ylim=data.rho_edge.values[[0, -1]],
        )  # fmt: skip
        axes.text(
            0.03, 0.04, f"${one.edge_formula.item()}$", transform=axes.transAxes,
            verticalalignment="bottom", path_effects=style.halo(),
        )  # fmt: skip
        style.panel(axes, letter, algorithm)
    for row, axes in zip(data.landscape.values, grid[:, 0], strict=True):
        axes.set_ylabel(f"{_ROWS[row].label}\n{style.RHO_LABEL}")
    for axes in grid[-1]:
        axes.set_xlabel(style.ETA_LABEL)
    handles = [style.swatch(colour, label) for colour, label in _CLASSES.values()]
    line = Line2D([], [], color=style.PREDICTION, label="predicted edge")
    pale = style.swatch(style.pale(style.OTHER_MINIMUM), "paler: starts disagree")
    canvas.legend(handles=[*handles, line, pale], loc="outside lower center", ncols=4)


figure = register(
    Figure(
        module=__name__,
        claims=(
            "dai2023_gd_threshold", "dai2023_usam_threshold", "tan2024_stablesam_threshold",
            "bartlett2023_sam_never_settles", "dai2023_usam_trap", "dai2023_sam_drift",
        ),
        sizes={
            "tiny": _arguments(n_eta=24, n_rho=8, n_starts=4),
            "quick": _arguments(n_eta=100, n_rho=75, n_starts=32),
            "full": _arguments(n_eta=200, n_rho=150, n_starts=32),
        },
        simulate=simulate,
        draw=draw,
        inches=(7.2, 4.4),
    )
)  # fmt: skip
