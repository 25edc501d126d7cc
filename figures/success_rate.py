"""How often training succeeds on the toy loss of Tan et al. (2024), their figure 4, and why not.

(a) The loss x⁴/4 − xy + y²/2, with its two minima (+) and its saddle (×). (b)–(d) The share of
runs that are within 0.1 of a minimum after 1000 steps, for 100 learning rates and three radii ρ;
the same starts, uniform in the square of (a), serve every learning rate. Below: where all those
runs were then, whatever the tolerance: within 0.75 of a minimum, otherwise within 0.6 of the
saddle. On the left 1000 steps are too few: many runs are still passing the saddle, with every
algorithm. On the right GD succeeds from everywhere, while SAM and StableSAM stay short of it by
the runs that the saddle keeps, a share that grows with ρ. Where SAM falls to nothing, hardly a
run has left the minimum: SAM alternates between two points astride it, which outgrow the
tolerance, the farther one first. Dashed lines are predictions, solved for from the update rules,
of the learning rate at which this 2-cycle reaches the tolerance, and of that at which the minimum
repels USAM; those that are not drawn lie beyond the axis. Both take the loss for the quadratic
with the curvature of the minimum, which is good for small ρ; at ρ = 0.5 SAM has lost half of its
success about a third before its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_lowercase
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from dynamics import ALGORITHMS, GD, SAM, USAM, Algorithm, Outcome, StableSAM, sweep, uniform_starts
from figures import style
from figures.figure import Figure, Progress, register
from landscapes import CriticalKind, Saddle
from landscapes.checks import Real
from proofs_check.evidence import value
from proofs_check.predictions import edge_within_tolerance
from proofs_check.predictions import tolerance as within
from proofs_check.symbols import curvature, rho

_ALGORITHMS = (GD, SAM, USAM, StableSAM)
_FATES = {
    "minimum": (style.OUTCOME_COLOURS[Outcome.CONVERGED], "around a minimum"),
    "elsewhere": (style.OUTCOME_COLOURS[Outcome.BUDGET], "elsewhere"),
    "saddle": (style.NEAR_SADDLE, "near the saddle"),
    "diverged": (style.OUTCOME_COLOURS[Outcome.DIVERGED], "diverged"),
}


def _arguments(n_eta: int, n_starts: int) -> dict[str, Any]:
    return {
        "n_eta": n_eta, "n_starts": n_starts, "seed": 20244,
        "eta": [1e-3, 0.3], "rho": [0.05, 0.2, 0.5], "side": 2.0, "n_steps": 1000,
        # Success, and two sets that tell apart where a run is: by the distance to a minimum.
        "tolerance": 0.1, "basin": 0.75, "saddle": 0.6,
    }  # fmt: skip


def simulate(arguments: Mapping[str, Any], progress: Progress) -> xarray.Dataset:
    """Runs every algorithm for exactly `n_steps` and counts where the runs are then."""
    low, high = arguments["eta"]
    etas = np.geomspace(low, high, arguments["n_eta"])
    radii, side = arguments["rho"], arguments["side"]
    starts = uniform_starts(
        arguments["n_starts"], low=(-side, -side), high=(side, side), seed=arguments["seed"]
    )
    cases = [(a, r) for a in _ALGORITHMS for r in (radii if a.uses_rho else radii[:1])]
    success, fate = {}, {}
    for i, (algorithm, radius) in enumerate(cases):
        runs = sweep(
            Saddle(), algorithm, eta=etas, rho=radius, starts=starts,
            n_steps=arguments["n_steps"], early_stop=False,
            progress=lambda done, total, i=i: progress((i + done / total) / len(cases)),
        )  # fmt: skip
        where = runs.isel(algorithm=0, rho=0)
        success[algorithm, radius], fate[algorithm, radius] = _shares(where, arguments)
    # What ignores ρ was run once and stands in every panel.
    pairs = [[(a, r if a.uses_rho else radii[0]) for r in radii] for a in _ALGORITHMS]
    side_grid = np.linspace(-side, side, 161)
    dims = ("algorithm", "rho", "eta")
    return xarray.Dataset(
        {
            "success": (dims, np.array([[success[p] for p in row] for row in pairs]),
                        {"long_name": "success rate", "units": "1"}),
            "fate_share": (("algorithm", "rho", "fate", "eta"),
                           np.array([[fate[p] for p in row] for row in pairs]),
                           {"long_name": "share of runs", "units": "1"}),
            "edge": (("algorithm", "rho"),
                     np.stack([edge(a, radii, arguments["tolerance"]) for a in _ALGORITHMS]),
                     {"long_name": "predicted end of success in η", "units": "1"}),
            "loss": (("y", "x"), Saddle().loss(np.stack(np.meshgrid(side_grid, side_grid), -1)),
                     {"long_name": "loss", "units": "1"}),
            "critical": (("point", "dim"), np.concatenate([s.points for s in _critical()]),
                         {"long_name": "critical points", "units": "1"}),
        },
        {
            "algorithm": [a.name for a in _ALGORITHMS],
            "fate": list(_FATES),
            "eta": ("eta", etas, {"long_name": style.ETA_LABEL, "units": "1"}),
            "rho": ("rho", radii, {"long_name": style.RHO_LABEL, "units": "1"}),
            "x": ("x", side_grid, {"long_name": "x", "units": "1"}),
            "y": ("y", side_grid, {"long_name": "y", "units": "1"}),
            "point": [s.kind.value for s in _critical()],
        },
    )  # fmt: skip


def _critical() -> Any:
    return Saddle().facts.critical_sets


def _shares(runs: xarray.Dataset, arguments: Mapping[str, Any]) -> tuple[Real, Real]:
    """The success rate, shape `(eta,)`, and the share of each fate, shape `(fate, eta)`."""
    final = runs.final.values
    diverged = runs.outcome.values == Outcome.DIVERGED
    to_minimum = np.min(
        [s.distance(final) for s in _critical() if s.kind is CriticalKind.MINIMUM], axis=0
    )
    (saddle,) = (s for s in _critical() if s.kind is CriticalKind.SADDLE)
    around = ~diverged & (to_minimum < arguments["basin"])
    held = ~diverged & ~around & (saddle.distance(final) < arguments["saddle"])
    member = {
        "minimum": around,
        "saddle": held,
        "diverged": diverged,
        "elsewhere": ~(around | held | diverged),
    }
    success = ~diverged & (to_minimum < arguments["tolerance"])
    return success.mean(axis=-1), np.stack([member[f].mean(axis=-1) for f in _FATES])


def edge(algorithm: Algorithm, radii: Any, tolerance: float) -> Real:
    """The η beyond which no run stays within `tolerance` of a minimum, shape `(rho,)`.

    That of a quadratic with the minimum's largest curvature.
    """
    formula = edge_within_tolerance(algorithm)
    minimum = next(s for s in _critical() if s.kind is CriticalKind.MINIMUM)
    at = {
        curvature: float(minimum.spectra[0, 0]), rho: np.asarray(radii), within: tolerance,
    }  # fmt: skip
    return np.broadcast_to(value(formula, at), np.shape(radii))


# -- the picture -------------------------------------------------------------------------------


def draw(data: xarray.Dataset, canvas: FigureBase) -> None:
    """The loss and a panel for each radius; below each, the fates of every algorithm's runs."""
    with_rho = [a for a in data.algorithm.values if ALGORITHMS[a].uses_rho]
    without = [a for a in data.algorithm.values if a not in with_rho]
    grid = canvas.subplots(
        1 + len(with_rho), 1 + data.sizes["rho"], squeeze=False,
        height_ratios=[3, *(1 for _ in with_rho)],
    )  # fmt: skip
    _draw_loss(data, grid[0, 0])
    style.panel(grid[0, 0], "a")
    handles = {}
    for column, radius in enumerate(data.rho.values, start=1):
        axes = grid[0, column]
        _draw_success(data.sel(rho=radius), axes)
        axes.tick_params(labelbottom=False, labelleft=column == 1)
        axes.set_ylabel("success rate" if column == 1 else "")
        style.panel(axes, ascii_lowercase[column], f"ρ = {radius:g}")
        handles |= {h.get_label(): h for h in axes.get_legend_handles_labels()[0]}
        for algorithm, strip in zip(with_rho, grid[1:, column], strict=True):
            one = data.sel(rho=radius, algorithm=algorithm)
            _draw_fates(one, strip, named=column == 1, last=algorithm == with_rho[-1])
    # The first column has room below the loss: for what ignores ρ, and for the legends.
    free = len(with_rho) - len(without)
    for algorithm, strip in zip(without, grid[1 + free :, 0], strict=True):
        one = data.isel(rho=0).sel(algorithm=algorithm)
        _draw_fates(one, strip, named=True, last=algorithm == without[-1])
    for strip in grid[1 : 1 + free, 0]:
        strip.axis("off")
    areas = [style.swatch(colour, label) for colour, label in _FATES.values()]
    above, below = grid[1, 0], grid[free, 0]
    above.legend(handles=list(handles.values()), loc="upper center", ncols=2, columnspacing=1)
    below.legend(handles=areas, loc="center")


def _draw_loss(data: xarray.Dataset, axes: Axes) -> None:
    levels = np.concatenate([np.linspace(-0.24, 0, 5), np.geomspace(0.12, 8, 8)])
    axes.contour(data.x, data.y, data.loss, levels=levels, cmap="viridis", linewidths=0.7)
    for kind, (x, y) in zip(data.point.values, data.critical.values, strict=True):
        marker = "+" if kind == CriticalKind.MINIMUM.value else "x"
        axes.plot(x, y, marker, color="black", markersize=5, path_effects=style.halo())
    axes.set(xlabel="x", ylabel="y", xticks=(-2, 0, 2), yticks=(-2, 0, 2))


def _draw_success(data: xarray.Dataset, axes: Axes) -> None:
    for i, one in enumerate(data.success):
        algorithm = one.algorithm.item()
        look = style.look(algorithm)
        axes.plot(data.eta, one, ".", color=look.colour, markersize=1.4)
        axes.plot(
            data.eta, one, look.marker, color=look.colour, markersize=2.8, linestyle="none",
            markevery=(2 * i, 8), label=algorithm,
        )  # fmt: skip
        predicted = data.edge.sel(algorithm=algorithm).item()
        if predicted <= data.eta[-1]:
            axes.axvline(predicted, color=look.colour, linestyle="--", linewidth=0.9, zorder=1)
    axes.plot([], [], color="#555555", linestyle="--", linewidth=0.9, label="predicted edge")
    axes.set(xscale="log", xlim=data.eta.values[[0, -1]], ylim=(-0.03, 1.05))


def _draw_fates(data: xarray.Dataset, axes: Axes, named: bool, last: bool) -> None:
    colours = [colour for colour, _ in _FATES.values()]
    axes.stackplot(data.eta, data.fate_share, colors=colours, linewidth=0)
    axes.set(xscale="log", xlim=data.eta.values[[0, -1]], ylim=(0, 1), yticks=(0, 1))
    axes.tick_params(labelbottom=last, labelleft=named)
    axes.set_xlabel(style.ETA_LABEL if last else "")
    if named:
        axes.set_ylabel(data.algorithm.item())


figure = register(
    Figure(
        module=__name__,
        claims=(
            "bartlett2023_bouncing",
            "bartlett2023_sam_never_settles",
            "dai2023_usam_threshold",
        ),
        sizes={
            "tiny": _arguments(n_eta=16, n_starts=64),
            "quick": _arguments(n_eta=100, n_starts=1000),
            "full": _arguments(n_eta=100, n_starts=10_000),
        },
        simulate=simulate,
        draw=draw,
        inches=(7.2, 4.6),
    )
)
