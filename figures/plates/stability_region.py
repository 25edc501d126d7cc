r"""The atlas of stability: each algorithm in the plane of learning rate η and radius ρ.

Colours: what became of the runs of each cell of the grid, simulated. A cell has the colour of the
largest group, and is the paler the smaller that group; dots, where some of its runs are held by a
saddle, are the larger the more these are. Lines: predictions, solved for from the update rule that
the simulation itself runs.

All minima where runs start have the sharpness $\beta = 10$, except those of the saddle, which
have $\beta = 2 + \sqrt2$. GD and StableSAM are stable up to $\eta = 2/\beta$ and USAM up to
$\eta = 2/(\beta + \rho\beta^2)$, whatever the other curvatures are (quadratics, $\kappa = 1$ and
10); SAM settles on a 2-cycle, up to $2/\beta$. Where minima form a ravine, runs beyond this line
slide to flatter ones, as long as there are any (dashed: the edge of the flattest). SAM rests at
none: it slides down the ravine, the more slowly the smaller $\eta\rho^2$, to the flattest minimum
or, on $\log\cosh(xy)$, to the origin, as long as the 2-cycle on which it slides exists (dotted).
Left of the dash-dotted line, $\eta = 2m/(\lambda(\lambda + m))$ for SAM, a saddle with curvatures
$\lambda$ and $-m$ keeps whoever comes near it; USAM is kept only if $\rho > 1/m$, and GD never is.

All lines know the loss near its critical points only. So the border of divergence has none where
steps reach past the quadratic part of the loss, and StableSAM with large $\rho$, whose ascent
reaches past it too, leaves some starts left of its line.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from dynamics import GD, SAM, USAM, Outcome, StableSAM, sweep, uniform_starts
from figures import style
from figures.atlas import KINDS, RAVINES, Case, case_of, curves
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import CriticalKind, Landscape, Quadratic, Saddle
from landscapes.checks import Real
from proofs_check import Finding

# A run stayed where it started if the sharpness there is at least this share of the start's.
# Right of the line the sharpness at rest falls as fast as η grows, thus by this much within one
# cell of the full grid; left of it runs lose less than 1 % on their way in.
_STAYED = 0.97
#: The classes that are drawn: the outcomes, convergence split by where it happened.
_CLASSES = {
    "CONVERGED": (style.OUTCOME_COLOURS[Outcome.CONVERGED], "converged at the sharpest minima"),
    "CONVERGED_FLATTER": (style.OTHER_MINIMUM, "converged at a flatter minimum"),
    "CYCLE": (style.OUTCOME_COLOURS[Outcome.CYCLE], "on a cycle"),
    "SADDLE": (style.NEAR_SADDLE, "at a saddle, or on a cycle about it"),
    "DIVERGED": (style.OUTCOME_COLOURS[Outcome.DIVERGED], "diverged"),
    "BUDGET": (style.OUTCOME_COLOURS[Outcome.BUDGET], "still moving when steps ran out"),
    "UNDEFINED": (style.OUTCOME_COLOURS[Outcome.UNDEFINED], "where the loss is undefined"),
}
_ON_SADDLE = [CriticalKind.SADDLE, CriticalKind.MAXIMUM]
# Dots stand on every so many-th part of the plane, so that they do not touch.
_DOTS = 16
_BLOCK = 1 << 14  # points whose Hessians are computed together


def simulate(request: Request) -> xarray.Dataset:
    """Runs every algorithm on every landscape and counts, in each cell, what became of the runs."""
    cases = [case_of(landscape) for landscape in request.landscapes]
    eta_limits = request["eta"] or _eta_limits(cases)
    eta_edges, etas = _cells(eta_limits, request["n_eta"])
    rho_edges, rhos = _cells(request["rho"], request["n_rho"])
    pairs = list(product(cases, request.algorithms))
    counts = []
    for i, (case, algorithm) in enumerate(pairs):
        low, high = request["low"] or case.low, request["high"] or case.high
        starts = uniform_starts(request["n_starts"], low=low, high=high, seed=request["seed"])
        runs = sweep(
            case.landscape, algorithm, eta=etas, rho=rhos, starts=starts,
            n_steps=request["n_steps"], progress=request.part(i, len(pairs)),
        )  # fmt: skip
        counts.append(_counts(case, runs.isel(algorithm=0)))
    shape = (len(cases), len(request.algorithms), *counts[0].shape)
    count = np.stack(counts).reshape(shape).astype(np.int16)
    cell = ("landscape", "algorithm", "rho", "eta")
    return xarray.Dataset(
        {
            "count": (("landscape", "algorithm", "class", "rho", "eta"), count,
                      {"long_name": "starts that ended so", "units": "1"}),
            "largest": (cell, count.argmax(2).astype(np.int8),
                        {"long_name": "class with most starts", "units": "1",
                         "flag_meanings": " ".join(_CLASSES)}),
            "agreement": (cell, count.max(2) / request["n_starts"],
                          {"long_name": "share of the starts in that class", "units": "1"}),
            **curves(cases, request.algorithms, eta_edges, rho_edges),
        },
        {
            "landscape": [case.label for case in cases],
            "algorithm": [a.name for a in request.algorithms],
            "class": list(_CLASSES),
            "eta": ("eta", etas, {"long_name": style.ETA_LABEL, "units": "1"}),
            "rho": ("rho", rhos, {"long_name": style.RHO_LABEL, "units": "1"}),
            "eta_edge": ("eta_edge", eta_edges, {"long_name": "borders of cells", "units": "1"}),
            "rho_edge": ("rho_edge", rho_edges, {"long_name": "borders of cells", "units": "1"}),
        },
    )  # fmt: skip


def _eta_limits(cases: list[Case]) -> list[float]:
    """Learning rates that reach a good decade to either side of all edges of stability."""
    sharpest = [max(case.curvatures.values()) for case in cases if case.curvatures] or [10.0]
    return [0.03 / max(sharpest), max(30.0 / max(sharpest), 10.0 / min(sharpest))]


def _cells(limits: list[float], n: int) -> tuple[Real, Real]:
    """The borders of n cells that are equally wide on a logarithmic axis, and their centres."""
    low, high = limits
    edges = np.geomspace(low, high, n + 1)
    return edges, np.sqrt(edges[:-1] * edges[1:])


def _counts(case: Case, runs: xarray.Dataset) -> np.ndarray:
    """How many starts ended in each class, shape `(class, rho, eta)`."""
    outcome, attractor = runs.outcome.values, runs.attractor.values
    converged = outcome == Outcome.CONVERGED
    critical = case.landscape.facts.critical_sets
    kinds = [one.kind in _ON_SADDLE for one in critical]
    # The attractor −1, none, finds the last entry.
    on_saddle = np.array([*kinds, False])[attractor] & (converged | (outcome == Outcome.CYCLE))
    if on_saddle.any():
        # Wide cycles reach past a saddle without being held by it. Held is whoever is less than
        # half as far from it as from anything else.
        away = np.array([one.distance(runs.final.values[on_saddle]) for one in critical])
        weight = np.where(kinds, 2.0, 1.0)[:, None]
        on_saddle[on_saddle] = np.array(kinds)[(weight * away).argmin(axis=0)]
    home = case.curvatures.get("home")
    stayed = converged if home is None else converged & _as_sharp(case.landscape, runs, home)
    member = {
        "CONVERGED": stayed & ~on_saddle,
        "CONVERGED_FLATTER": converged & ~stayed & ~on_saddle,
        "CYCLE": (outcome == Outcome.CYCLE) & ~on_saddle,
        "SADDLE": on_saddle,
        "DIVERGED": outcome == Outcome.DIVERGED,
        "BUDGET": outcome == Outcome.BUDGET,
        "UNDEFINED": outcome == Outcome.UNDEFINED,
    }
    return np.stack([member[name].sum(axis=-1) for name in _CLASSES])


def _as_sharp(landscape: Landscape, runs: xarray.Dataset, home: float) -> np.ndarray:
    converged = runs.outcome.values == Outcome.CONVERGED
    at_rest = runs.final.values[converged]
    # In blocks of one shape, so that the Hessian is compiled once.
    blocks = np.resize(at_rest, (-(-len(at_rest) // _BLOCK), _BLOCK, landscape.dim))
    sharpness = [np.linalg.eigvalsh(landscape.hessian(block))[..., -1] for block in blocks]
    sharp = np.zeros(converged.shape, dtype=bool)
    if sharpness:
        sharp[converged] = np.concatenate(sharpness)[: len(at_rest)] >= _STAYED * home
    return sharp


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """A row for each landscape, a column for each algorithm."""
    rows = tuple(
        tuple(f"{one}/{algorithm}" for algorithm in data.algorithm.values)
        for one in data.landscape.values
    )
    height = 0.95 + (1.35 if len(rows) > 1 else 1.75) * len(rows)
    return Layout(rows, (PAGE, height), share_x=True, share_y=True)


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """One panel for each landscape and algorithm, and a legend below them."""
    shown: set[str] = set()
    for panel, (row, algorithm) in zip(
        panels, product(data.landscape.values, data.algorithm.values), strict=True
    ):
        axes = panels[panel]
        one = data.sel(landscape=row, algorithm=algorithm)
        rgb = style.tinted(
            [colour for colour, _ in _CLASSES.values()], one.largest.values, one.agreement.values
        )
        axes.pcolormesh(data.eta_edge, data.rho_edge, rgb, rasterized=True)
        _dots(one, axes)
        of_panel = (data.curve_landscape == row) & (data.curve_algorithm == algorithm)
        _lines(data.isel(curve=np.flatnonzero(of_panel)), axes, shown, algorithm)
        axes.set(
            xscale="log", yscale="log",
            xlim=data.eta_edge.values[[0, -1]], ylim=data.rho_edge.values[[0, -1]],
        )  # fmt: skip
        lowest, leftmost = panels.edges(panel)
        axes.set_xlabel(style.ETA_LABEL if lowest else "")
        axes.set_ylabel(f"{row}\n{style.RHO_LABEL}" if leftmost else "")
        panels.name(panel, algorithm if row == data.landscape.values[0] else "")
    _legend(data, panels)


def _dots(one: xarray.Dataset, axes: Axes) -> None:
    """Where some runs, but not most, are held by a saddle."""
    every = [max(1, one.sizes[dim] // _DOTS) for dim in ("rho", "eta")]
    some = one.isel(
        rho=slice(every[0] // 2, None, every[0]), eta=slice(every[1] // 2, None, every[1])
    )
    held = some["count"].sel({"class": "SADDLE"}).values / some["count"].sum("class").values
    held = np.where(some.largest.values == list(_CLASSES).index("SADDLE"), 0.0, held)
    eta, rho = np.meshgrid(some.eta, some.rho)
    there = held > 0
    axes.scatter(
        eta[there], rho[there], s=1 + 12 * held[there], color=style.NEAR_SADDLE, linewidths=0
    )


def _lines(of_panel: xarray.Dataset, axes: Axes, shown: set[str], algorithm: str) -> None:
    """The predicted curves, each formula written where it first occurs in a column."""
    texts = []
    for i in range(of_panel.sizes["curve"]):
        curve = of_panel.isel(curve=i)
        axes.plot(
            curve.curve_eta, curve.curve_rho, linestyle=KINDS[curve.curve_kind.item()][0],
            color=style.PREDICTION, path_effects=style.halo(),
        )  # fmt: skip
        formula = curve.curve_formula.item()
        if f"{algorithm}/{formula}" not in shown:
            shown.add(f"{algorithm}/{formula}")
            texts.append(f"${formula}$")
    axes.text(
        0.03, 0.04, "\n".join(texts), transform=axes.transAxes, verticalalignment="bottom",
        fontsize="small", path_effects=style.halo(),
    )  # fmt: skip


def _legend(data: xarray.Dataset, panels: Panels) -> None:
    present = set(data["class"].values[data["count"].values.any(axis=(0, 1, 3, 4))])
    handles: list[Any] = [style.swatch(*_CLASSES[name]) for name in _CLASSES if name in present]
    handles.append(style.swatch(style.pale(style.OTHER_MINIMUM), "paler: starts disagree"))
    kinds = dict.fromkeys(data.curve_kind.values)
    handles += [style.line(KINDS[kind][1], KINDS[kind][0]) for kind in KINDS if kind in kinds]
    panels.legend(handles, columns=3)


stability_region = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            (
                "dai2023_gd_threshold", "dai2023_usam_threshold", "tan2024_stablesam_threshold",
                "bartlett2023_sam_never_settles", "dai2023_usam_trap", "dai2023_sam_drift",
            ),
            Finding.HOLDS,
        ),
        landscapes=(
            Quadratic((10.0, 10.0)), Quadratic((10.0, 1.0)), Saddle(), *RAVINES,
        ),
        algorithms=(GD, SAM, USAM, StableSAM),
        takes=("landscapes", "algorithms"),
        # None: limits of η and the box of the starts follow from the facts about the landscape.
        arguments={
            "seed": 20230, "eta": None, "rho": [1e-2, 3.0], "low": None, "high": None,
            "n_steps": 8000,
        },
        sizes={
            "tiny": {"n_eta": 24, "n_rho": 8, "n_starts": 4},
            "quick": {"n_eta": 60, "n_rho": 40, "n_starts": 8},
            "full": {"n_eta": 300, "n_rho": 200, "n_starts": 32},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
