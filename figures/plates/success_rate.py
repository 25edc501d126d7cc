r"""How often training succeeds on the toy loss of Tan et al. (2024), their figure 4, and why not.

(a) The loss $x^4/4 - xy + y^2/2$, with its two minima (+) and its saddle (×). (b)–(d) The share of
runs that are within 0.1 of a minimum after 1000 steps, for 100 learning rates and three radii
$\rho$; the same starts, uniform in the square of (a), serve every learning rate. Small pale points:
the same after ten times as many steps. Below: where the runs were after 1000 steps, whatever the
tolerance: within 0.75 of a minimum, otherwise within 0.6 of the saddle.

On the left 1000 steps are too few: many runs are still passing the saddle, with every algorithm,
and ten times the steps move the rise to a tenth of the learning rate. On the right GD succeeds from
everywhere, while SAM and StableSAM stay short of it by the runs that the saddle keeps, a share that
grows with $\rho$ and that no number of steps brings back. Where SAM falls to nothing, hardly a run
has left the minimum: SAM alternates between two points astride it, which outgrow the tolerance, the
farther one first. Dashed lines are predictions, solved for from the update rules, of the learning
rate at which this 2-cycle, of amplitude $\eta\rho\lambda/(2 - \eta\lambda)$, reaches the
tolerance, and of that at which the minimum repels USAM; those that are not drawn lie beyond the
axis. Both take the loss for the quadratic with the curvature $\lambda$ of the minimum, which is
good for small $\rho$; at $\rho = 0.5$ SAM has lost half of its success a third before its line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from dynamics import GD, SAM, USAM, Algorithm, Outcome, StableSAM, sweep, uniform_starts
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import CriticalKind, Saddle
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.predictions import edge_within_tolerance
from proofs_check.predictions import tolerance as within
from proofs_check.symbols import curvature, rho

_FATES = {
    "minimum": (style.OUTCOME_COLOURS[Outcome.CONVERGED], "around a minimum"),
    "elsewhere": (style.OUTCOME_COLOURS[Outcome.BUDGET], "elsewhere"),
    "saddle": (style.NEAR_SADDLE, "near the saddle"),
    "diverged": (style.OUTCOME_COLOURS[Outcome.DIVERGED], "diverged"),
}


def simulate(request: Request) -> xarray.Dataset:
    """Runs every algorithm for each number of steps and counts where the runs are then."""
    low, high = request["eta"]
    etas = np.geomspace(low, high, request["n_eta"])
    radii, side, budgets = request["rho"], request["side"], request["n_steps"]
    starts = uniform_starts(
        request["n_starts"], low=(-side, -side), high=(side, side), seed=request["seed"]
    )
    # What ignores ρ is run once and stands in every panel.
    cases = [(a, r) for a in request.algorithms for r in (radii if a.uses_rho else radii[:1])]
    jobs = [(*case, budget) for budget in budgets for case in cases]
    shares = {}
    for i, (algorithm, radius, budget) in enumerate(jobs):
        runs = sweep(
            Saddle(), algorithm, eta=etas, rho=radius, starts=starts, n_steps=budget,
            # Up to the first budget every run goes on, to be where it is then. A run that is
            # decided before the second is on its cycle, an even number of steps from its end.
            early_stop=budget != budgets[0], progress=request.part(i, len(jobs)),
        )  # fmt: skip
        shares[algorithm, radius, budget] = _shares(runs.isel(algorithm=0), request)

    def table(budget: int, which: int) -> Real:
        rows = [[(a, r if a.uses_rho else radii[0]) for r in radii] for a in request.algorithms]
        return np.array([[shares[*case, budget][which] for case in row] for row in rows])

    side_grid = np.linspace(-side, side, 161)
    return xarray.Dataset(
        {
            "success": (("n_steps", "algorithm", "rho", "eta"),
                        np.array([table(budget, 0) for budget in budgets]),
                        {"long_name": "success rate", "units": "1"}),
            "fate_share": (("algorithm", "rho", "fate", "eta"), table(budgets[0], 1),
                           {"long_name": "share of runs", "units": "1"}),
            "edge": (("algorithm", "rho"),
                     np.stack([edge(a, radii, request["tolerance"]) for a in request.algorithms]),
                     {"long_name": "predicted end of success in η", "units": "1"}),
            "loss": (("y", "x"), Saddle().loss(np.stack(np.meshgrid(side_grid, side_grid), -1)),
                     {"long_name": "loss", "units": "1"}),
            "critical": (("point", "dim"), np.concatenate([s.points for s in _critical()]),
                         {"long_name": "critical points", "units": "1"}),
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "uses_rho": ("algorithm", np.array([a.uses_rho for a in request.algorithms], np.int8),
                         {"long_name": "whether it uses ρ", "units": "1"}),
            "fate": list(_FATES),
            "n_steps": ("n_steps", np.array(budgets, np.int32),
                        {"long_name": "steps", "units": "1"}),
            "eta": ("eta", etas, {"long_name": style.ETA_LABEL, "units": "1"}),
            "rho": ("rho", radii, {"long_name": style.RHO_LABEL, "units": "1"}),
            "x": ("x", side_grid, {"long_name": "x", "units": "1"}),
            "y": ("y", side_grid, {"long_name": "y", "units": "1"}),
            "point": [s.kind.value for s in _critical()],
        },
    )  # fmt: skip


def _critical() -> Any:
    return Saddle().facts.critical_sets


def _shares(runs: xarray.Dataset, request: Request) -> tuple[Real, Real]:
    """The success rate, shape `(eta,)`, and the share of each fate, shape `(fate, eta)`."""
    final = runs.final.values
    diverged = runs.outcome.values == Outcome.DIVERGED
    to_minimum = np.min(
        [s.distance(final) for s in _critical() if s.kind is CriticalKind.MINIMUM], axis=0
    )
    (saddle,) = (s for s in _critical() if s.kind is CriticalKind.SADDLE)
    around = ~diverged & (to_minimum < request["basin"])
    held = ~diverged & ~around & (saddle.distance(final) < request["saddle"])
    member = {
        "minimum": around,
        "saddle": held,
        "diverged": diverged,
        "elsewhere": ~(around | held | diverged),
    }
    success = ~diverged & (to_minimum < request["tolerance"])
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


def layout(data: xarray.Dataset) -> Layout:
    """The loss and a panel for each radius; below each, the fates of every algorithm's runs."""
    with_rho, without = _by_rho(data)
    radii = [f"{radius:g}" for radius in data.rho.values]
    # The first column has the loss, as far as what ignores ρ leaves it room.
    free = ["loss"] * max(0, len(with_rho) - len(without)) + [f"fates {a}" for a in without]
    strips = [
        (first, *(f"fates {a} {r}" for r in radii))
        for first, a in zip(free[-len(with_rho) :], with_rho, strict=True)
    ]
    rows = (("loss", *(f"success {r}" for r in radii)), *strips)
    heights = (3.0, *(1.0 for _ in strips))
    return Layout(rows, (PAGE, 2.35 + 0.72 * len(strips)), heights=heights)


def _by_rho(data: xarray.Dataset) -> tuple[list[str], list[str]]:
    uses = data.uses_rho.values.astype(bool)
    return list(data.algorithm.values[uses]), list(data.algorithm.values[~uses])


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Contours, success and fates, each on its panel."""
    with_rho, without = _by_rho(data)
    _draw_loss(data, panels["loss"])
    panels.name("loss")
    for column, radius in enumerate(data.rho.values):
        panel = f"success {radius:g}"
        axes, leftmost = panels[panel], column == 0 or not panels.own
        _draw_success(data.sel(rho=radius), axes, alone=not panels.own)
        axes.tick_params(labelbottom=not panels.own, labelleft=leftmost)
        axes.set_ylabel("success rate")
        axes.yaxis.label.set_visible(leftmost)
        panels.name(panel, f"ρ = {radius:g}")
        for algorithm in with_rho:
            strip = panels[f"fates {algorithm} {radius:g}"]
            last = algorithm == with_rho[-1] or not panels.own
            _draw_fates(data.sel(rho=radius, algorithm=algorithm), strip, leftmost, last)
    for algorithm in without:
        one = data.isel(rho=0).sel(algorithm=algorithm)
        last = algorithm == without[-1] or not panels.own
        _draw_fates(one, panels[f"fates {algorithm}"], True, last)
    few, many = data.n_steps.values
    pale = style.points(data.algorithm.values[0], f"{many:,} steps")
    pale.set(marker=".", alpha=0.45)
    panels.legend(
        [
            *(style.points(algorithm, f"{algorithm}, {few:,} steps")
              for algorithm in data.algorithm.values),
            pale,
            style.line("predicted edge of success", "--", style.FAINT),
            *(style.swatch(colour, label) for colour, label in _FATES.values()),
        ],
        columns=4,
    )  # fmt: skip


def _draw_loss(data: xarray.Dataset, axes: Axes) -> None:
    levels = np.concatenate([np.linspace(-0.24, 0, 5), np.geomspace(0.12, 8, 8)])
    axes.contour(data.x, data.y, data.loss, levels=levels, cmap="viridis", linewidths=0.7)
    for kind, (x, y) in zip(data.point.values, data.critical.values, strict=True):
        marker = "+" if kind == CriticalKind.MINIMUM.value else "x"
        axes.plot(x, y, marker, color="black", markersize=5, path_effects=style.halo())
    axes.set(xlabel="x", ylabel="y", xticks=(-2, 0, 2), yticks=(-2, 0, 2))


def _draw_success(data: xarray.Dataset, axes: Axes, alone: bool) -> None:
    few, many = data.success
    for i, algorithm in enumerate(data.algorithm.values):
        look = style.look(algorithm)
        later, now = many.sel(algorithm=algorithm), few.sel(algorithm=algorithm)
        axes.plot(data.eta, later, ".", color=look.colour, markersize=1.6, alpha=0.45)
        axes.plot(data.eta, now, ".", color=look.colour, markersize=1.4)
        axes.plot(
            data.eta, now, look.marker, color=look.colour, markersize=2.8, linestyle="none",
            markevery=(2 * i, 8),
        )  # fmt: skip
        predicted = data.edge.sel(algorithm=algorithm).item()
        if predicted <= data.eta[-1]:
            axes.axvline(predicted, color=look.colour, linestyle="--", linewidth=0.9, zorder=1)
    axes.set(xscale="log", xlim=data.eta.values[[0, -1]], ylim=(-0.03, 1.05))
    axes.set_xlabel(style.ETA_LABEL)
    axes.xaxis.label.set_visible(alone)


def _draw_fates(data: xarray.Dataset, axes: Axes, named: bool, last: bool) -> None:
    colours = [colour for colour, _ in _FATES.values()]
    axes.stackplot(data.eta, data.fate_share, colors=colours, linewidth=0)
    axes.set(xscale="log", xlim=data.eta.values[[0, -1]], ylim=(0, 1), yticks=(0, 1))
    axes.tick_params(labelbottom=last, labelleft=named)
    axes.set_xlabel(style.ETA_LABEL)
    axes.xaxis.label.set_visible(last)
    axes.set_ylabel(data.algorithm.item(), fontsize=6)
    axes.yaxis.label.set_visible(named)


success_rate = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            ("bartlett2023_bouncing", "bartlett2023_sam_never_settles", "dai2023_usam_threshold"),
            Finding.HOLDS,
        ),
        landscapes=(Saddle(),),
        algorithms=(GD, SAM, USAM, StableSAM),
        takes=("algorithms",),
        arguments={
            "seed": 20244, "eta": [1e-3, 0.3], "rho": [0.05, 0.2, 0.5], "side": 2.0,
            "n_steps": [1000, 10_000],
            # Success, and two sets that tell apart where a run is: by the distance to a minimum.
            "tolerance": 0.1, "basin": 0.75, "saddle": 0.6,
        },
        sizes={
            "tiny": {"n_eta": 16, "n_starts": 64},
            "quick": {"n_eta": 100, "n_starts": 500},
            "full": {"n_eta": 100, "n_starts": 10_000},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
