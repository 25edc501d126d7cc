r"""Basins of attraction on the toy loss of Tan et al. (2024), and what the saddle keeps of them.

Each start in the square has the colour of where it leads, on $x^4/4 - xy + y^2/2$ with
$\eta = 0.02$, $\rho = 0.5$. GD reaches one minimum or the other from everywhere but a line: the
stable manifold of the saddle (drawn for $\eta \to 0$). So does USAM, which bends the line, from
wherever it does not diverge. SAM and StableSAM are
held by the saddle from a whole strip. Its borders (dashed) are predicted: they are the stable
manifolds of the two points, at the distance $\rho$ from the saddle, whose ascent ends on it; with
small steps both algorithms follow the same orbits, so they have them in common. On the right the
share of the square that is held, against $\rho$, beside the area between the borders. At the small
end it falls as $\rho^{1 + m/\lambda}$, here $\rho^{1.38}$, where $\lambda$ and $-m$ are the
curvatures of the saddle: faster than $\rho$, since who comes from afar has time to leave the strip.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.path import Path as Polygon

from dynamics import GD, SAM, USAM, Outcome, StableSAM, grid_starts, sweep
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import CriticalKind, Saddle
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.laws.saddle_flow import has_orbits_of_sam, held_borders, stable_manifold

_FATES = {
    "first": (style.OUTCOME_COLOURS[Outcome.CONVERGED], "minimum (1, 1)"),
    "second": (style.OTHER_MINIMUM, "minimum (−1, −1)"),
    "saddle": (style.NEAR_SADDLE, "held by the saddle"),
    "diverged": (style.OUTCOME_COLOURS[Outcome.DIVERGED], "diverged"),
    "elsewhere": (style.OUTCOME_COLOURS[Outcome.BUDGET], "still moving when steps ran out"),
}
# Starts a side by which the share between predicted borders is measured.
_FINE = 400


def simulate(request: Request) -> xarray.Dataset:
    """Where every start of a grid leads, and the share that the saddle keeps for many radii."""
    side, eta, algorithms = request["side"], request["eta"], request.algorithms
    lowest, highest = request["radii"]
    radii = np.linspace(lowest, highest, request["n_rho"])
    maps, kept = [], []
    for i, algorithm in enumerate(algorithms):
        # Fewer starts for the shares: their error is that of the boundary's length.
        for j, (n, rhos) in enumerate(((request["n_map"], [request["rho"]]),
                                       (request["n_share"], radii))):  # fmt: skip
            runs = sweep(
                Saddle(), algorithm, eta=eta, rho=rhos, starts=_square(side, n),
                n_steps=request["n_steps"],
                progress=request.part(2 * i + j, 2 * len(algorithms)),
            )  # fmt: skip
            fates = _fates(runs.isel(algorithm=0))
            if j == 0:
                maps.append(fates[0].reshape(n, n).T)
            else:
                held = (fates == list(_FATES).index("saddle")).mean(axis=-1)
                kept.append(np.broadcast_to(held, radii.shape))
    saddle = Saddle()
    borders = held_borders(saddle, np.array([request["rho"], *radii]), 2 * side)
    holds = [has_orbits_of_sam(a, saddle, request["rho"]) for a in algorithms]
    centres = _centres(side, request["n_map"])
    return xarray.Dataset(
        {
            "fate": (("algorithm", "y", "x"), np.array(maps, np.int8),
                     {"long_name": "where the start leads", "units": "1",
                      "flag_meanings": " ".join(_FATES)}),
            "share": (("algorithm", "rho"), np.array(kept),
                      {"long_name": "share of starts that the saddle keeps", "units": "1"}),
            "predicted": ("rho", np.array([_share(b, side, _FINE) for b in borders[1:]]),
                          {"long_name": "share between the predicted borders", "units": "1"}),
            "manifold": (("point", "dim"), stable_manifold(saddle, 2 * side),
                         {"long_name": "stable manifold of the saddle, η → 0", "units": "1"}),
            "border": (("which", "border_point", "dim"), borders[0],
                       {"long_name": "predicted borders of what is held, η → 0", "units": "1"}),
            "holds": ("algorithm", np.array(holds, np.int8),
                      {"long_name": "whether it has the orbits of SAM", "units": "1"}),
        },
        {
            "algorithm": [a.name for a in algorithms],
            "rho": ("rho", radii, {"long_name": style.RHO_LABEL, "units": "1"}),
            "x": ("x", centres, {"long_name": "x", "units": "1"}),
            "y": ("y", centres, {"long_name": "y", "units": "1"}),
            "critical": (("critical_point", "dim"), np.concatenate([s.points for s in _critical()]),
                         {"long_name": "critical points", "units": "1"}),
            "kind": ("critical_point", [s.kind.value for s in _critical()]),
        },
    )  # fmt: skip


def _critical() -> Any:
    return Saddle().facts.critical_sets


def _centres(side: float, n: int) -> Real:
    """The centres of n equal parts of (−side, side)."""
    return side * (2 * np.arange(n) + 1 - n) / n


def _square(side: float, n: int) -> Any:
    low, *_, high = _centres(side, n)
    return grid_starts(n, low=(low, low), high=(high, high))


def _fates(runs: xarray.Dataset) -> np.ndarray:
    """Index of each run's fate, shape `(rho, start)`."""
    final = runs.final.values
    distance = np.array([one.distance(final) for one in _critical()])
    (saddle,) = (i for i, s in enumerate(_critical()) if s.kind is CriticalKind.SADDLE)
    nearest = distance.argmin(axis=0)
    # A minimum's neighbourhood has three quarters of the way to the saddle, √2 long, the rest
    # being the saddle's: cycles are wider around a minimum than around the saddle.
    fate = np.where(distance[:saddle].min(axis=0) < 0.75, distance[:saddle].argmin(axis=0), 4)
    fate = np.where((fate == 4) & (nearest == saddle), 2, fate)
    return np.where(runs.outcome.values == Outcome.DIVERGED, 3, fate)


# -- what is predicted -------------------------------------------------------------------------


def _share(borders: Real, side: float, n: int) -> float:
    """The share of the square between two borders, given as points `(2, point, 2)`."""
    first, second = borders
    # They run opposite ways, since the flow turns with the point: one after the other, a polygon.
    aligned = second if np.linalg.norm(first[-1] - second[0]) < side else second[::-1]
    return float(Polygon(np.concatenate([first, aligned])).contains_points(_square(side, n)).mean())


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """Maps two by two, and the shares beside them."""
    names = [*data.algorithm.values, "."][: 2 * -(-data.sizes["algorithm"] // 2)]
    rows = tuple((a, b, "share") for a, b in zip(names[::2], names[1::2], strict=True))
    return Layout(rows, (PAGE, 0.6 + 2.25 * len(rows)), widths=(1.0, 1.0, 1.15))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """A map for each algorithm, and the shares of all."""
    for algorithm in data.algorithm.values:
        _draw_map(data.sel(algorithm=algorithm), panels[algorithm])
        panels.name(algorithm, algorithm)
    axes = panels["share"]
    for i, algorithm in enumerate(data.algorithm.values):
        look, one = style.look(algorithm), data.sel(algorithm=algorithm)
        axes.plot(
            data.rho, one.share, look.marker, color=look.colour, markersize=3.5, alpha=0.8,
            markevery=(i // 2 % 2, 2), linestyle="none",  # who coincides takes turns
        )  # fmt: skip
    axes.plot(data.rho, data.predicted, "--", color=style.PREDICTION)
    axes.set(
        xlabel=style.RHO_LABEL, ylabel="share that the saddle keeps",
        xlim=(0, data.rho.values[-1] * 1.03), ylim=(-0.02, None),
    )  # fmt: skip
    panels.name("share", "held by the saddle")
    present = np.unique(data.fate.values)
    panels.legend(
        [
            *(style.swatch(*f) for i, f in enumerate(_FATES.values()) if i in present),
            style.line("stable manifold, η → 0"),
            style.line("border of what is held, η → 0", "--"),
            *(style.points(algorithm) for algorithm in data.algorithm.values),
        ],
        columns=5,
    )  # fmt: skip


def _draw_map(one: xarray.Dataset, axes: Axes) -> None:
    colours = [colour for colour, _ in _FATES.values()]
    rgb = style.tinted(colours, one.fate.values, np.ones(one.fate.shape))
    half = float(one.x[1] - one.x[0]) / 2
    low, high = float(one.x[0]) - half, float(one.x[-1]) + half
    axes.imshow(rgb, origin="lower", extent=(low, high, low, high), interpolation="nearest")
    axes.plot(*one.manifold.values.T, color=style.PREDICTION, path_effects=style.halo())
    for border in one.border.values if one.holds else ():
        axes.plot(*border.T, "--", color=style.PREDICTION, linewidth=0.9)
    for name, (x, y) in zip(one.kind.values, one.critical.values, strict=True):
        marker = "+" if name == CriticalKind.MINIMUM.value else "x"
        axes.plot(x, y, marker, color=style.PREDICTION, markersize=5, path_effects=style.halo())
    ticks = (-2, 0, 2)
    axes.set(xlabel="x", ylabel="y", xlim=(low, high), ylim=(low, high), xticks=ticks, yticks=ticks)


basins = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            ("bartlett2023_bouncing_rate", "bartlett2023_sam_never_settles"), Finding.HOLDS
        ),
        landscapes=(Saddle(),),
        algorithms=(GD, SAM, USAM, StableSAM),
        takes=("algorithms",),
        # Nothing is random; the seed is there because every figure has one.
        arguments={
            "seed": 0, "eta": 0.02, "rho": 0.5, "side": 2.0, "radii": [0.05, 1.0],
            "n_steps": 5000,
        },
        sizes={
            "tiny": {"n_map": 20, "n_share": 20, "n_rho": 4},
            "quick": {"n_map": 200, "n_share": 60, "n_rho": 20},
            "full": {"n_map": 600, "n_share": 200, "n_rho": 39},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
