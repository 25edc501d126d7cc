r"""The published bound on SAM's loss fails for large steps, and the corrected one is attained.

(a), (b) The excess loss $E_t$ of SAM on a quadratic with curvatures $\beta$ and $\beta/1.5$, with
$h = \eta\beta$ below and above 1. With $\alpha$ for the least curvature, the bound in circulation
is $(1 - \alpha\eta(2 - h))^t E_0 + \eta\beta^3\rho^2/(2\alpha(2 - h))$ (dashed; the wording of the
theorem was not at hand), and true for $h \leq 1$. Beyond, SAM exceeds it, and the bound that is
true (solid) tends to $E^* = h^2\beta^2\rho^2/(2\alpha(2 - h)^2)$. (c) By what factor $E_t$ exceeds
the published bound at worst, over $t \geq 1$ and the starts, on quadratics of condition number
$\kappa = \beta/\alpha$; white where no run did. Solid line: $h = 2\kappa/(1 + \kappa)$, beyond
which SAM's 2-cycle lies above the bound's floor; dotted: $h = 1$, up to where the bound is proved.
Between the two it was never seen to fail on quadratics; what other losses do there is open. (d) For
$\alpha = \beta$ the published bound is exceeded by up to $2/(2 - h)$ (line), twofold as soon as
$h > 1$; the corrected one never, and its floor is attained.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from dynamics import SAM, batched, one_step, trajectory
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import Quadratic
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import ROUNDING, value
from proofs_check.laws.bound_excess import condition as condition_number
from proofs_check.laws.bound_excess import exceeded_from, largest_ratio, long_run_ratio
from proofs_check.laws.sam_bounds import BOUND, corrected_bound
from proofs_check.symbols import alpha, beta, first_excess, h, rho, t

#: Lengths are in units of ρ and curvatures in units of β: quadratics have no other scale.
_RADIUS = 1.0
CORRECTED = corrected_bound()


def simulate(request: Request) -> xarray.Dataset:
    """Two runs beside the bounds, and the worst runs for each h and κ."""
    low, high = request["map_h"]
    steps, kappas = np.linspace(low, high, request["n_h"]), np.array(_conditions(request))
    fine = np.linspace(low, high, request["n_fine"])
    worst, late = _ratios(request, kappas, steps, BOUND, 0)
    published, _ = _ratios(request, np.ones(1), fine, BOUND, 1)
    right, _ = _ratios(request, np.ones(1), fine[fine >= 1], CORRECTED, 2)
    curve_h = np.linspace(1, high, 200)[1:]
    curve_kappa = np.geomspace(kappas[0], kappas[-1], 200)
    return _along(request).assign(
        worst=(("kappa", "map_h"), worst,
               {"long_name": "largest E_t over the published bound", "units": "1"}),
        late=(("kappa", "map_h"), late,
              {"long_name": "E_t over the published bound at the end", "units": "1"}),
        late_predicted=(("kappa", "map_h"),
                        value(long_run_ratio(), {h: steps, condition_number: kappas[:, None]}),
                        {"long_name": "predicted E_t over the bound as t → ∞", "units": "1"}),
        edge=("curve_kappa", value(exceeded_from(), {condition_number: curve_kappa}),
              {"long_name": "predicted first ηβ at which the bound fails", "units": "1"}),
        ratio=("fine_h", published[0],
               {"long_name": "largest E_t over the published bound, κ = 1", "units": "1"}),
        right=("large_h", right[0],
               {"long_name": "largest E_t over the corrected bound, κ = 1", "units": "1"}),
        largest=("curve_h", value(largest_ratio(), {h: curve_h}),
                 {"long_name": "predicted largest E_t over the published bound", "units": "1"}),
    ).assign_coords(
        map_h=("map_h", steps, {"long_name": "h = ηβ", "units": "1"}),
        kappa=("kappa", kappas, {"long_name": "κ = β/α", "units": "1"}),
        fine_h=("fine_h", fine, {"long_name": "h = ηβ", "units": "1"}),
        large_h=("large_h", fine[fine >= 1], {"long_name": "h = ηβ", "units": "1"}),
        curve_h=("curve_h", curve_h, {"long_name": "h = ηβ", "units": "1"}),
        curve_kappa=("curve_kappa", curve_kappa, {"long_name": "κ = β/α", "units": "1"}),
        bound=["published", "corrected"],
    )  # fmt: skip


def _conditions(request: Request) -> Real:
    low, high = request["kappa"]
    return np.geomspace(low, high, request["n_kappa"])


def _along(request: Request) -> xarray.Dataset:
    """E_t of one start for each h, and the bounds of it."""
    kappa, time = request["example_kappa"], np.arange(request["example_steps"] + 1)
    loss, start = Quadratic((1.0, 1 / kappa)), request["example_start"]
    rates = np.array(request["example_h"])
    paths = [
        trajectory(loss, SAM, start, eta=rate, rho=_RADIUS, n_steps=int(time[-1])) for rate in rates
    ]
    excess = np.array([loss.loss(path) for path in paths])
    at = {alpha: 1 / kappa, beta: 1.0, rho: _RADIUS, first_excess: excess[0, 0], t: time}
    bounds = [[value(b, at | {h: rate}) for b in (BOUND, CORRECTED)] for rate in rates]
    return xarray.Dataset(
        {
            "example_kappa": ((), kappa, {"long_name": "κ of the runs shown", "units": "1"}),
            "excess": (("h", "t"), excess, {"long_name": "E_t/(βρ²)", "units": "1"}),
            "bounds": (("h", "bound", "t"), np.array(bounds),
                       {"long_name": "bounds of E_t/(βρ²)", "units": "1"}),
        },
        {
            "h": ("h", rates, {"long_name": "h = ηβ", "units": "1"}),
            "t": ("t", time.astype(np.int32), {"long_name": "t", "units": "1"}),
        },
    )  # fmt: skip


def _ratios(request: Request, kappas: Real, steps: Real, bound: Any, part: int) -> Real:
    """E_t over a bound, the largest over t ≥ 1 and the starts, and the last over the starts.

    Shape `(2, kappa, h)`. Two starts in three lie on the axis of β, where SAM ends.
    """
    random = np.random.default_rng(request["seed"])
    n, n_steps, shape = request["n_starts"], request["n_steps"], (len(kappas), len(steps))
    angle = np.where(np.arange(n) % 3, 0.0, random.uniform(0, np.pi / 2, n))
    starts = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    near, far = request["distance"]
    starts *= np.geomspace(near, far, n)[:, None]
    kappa, rate, which = map(
        np.ravel, np.meshgrid(kappas, steps, np.arange(n, dtype=int), indexing="ij")
    )
    spectra, w = np.stack([np.ones_like(kappa), 1 / kappa], axis=-1), starts[which]
    quadratics, radii = Quadratic.batch(spectra), np.full(len(w), _RADIUS)
    at = {alpha: 1 / kappa, beta: 1.0, rho: _RADIUS, h: rate}
    at[first_excess] = (spectra * w**2).sum(axis=-1) / 2
    largest, last = np.zeros((2, len(w)))
    for step in range(1, n_steps + 1):
        w = _after(quadratics, w, rate, radii)
        last = (spectra * w**2).sum(axis=-1) / 2 / value(bound, at | {t: step})
        largest = np.maximum(largest, last)
        request.progress((part + step / n_steps) / 3)
    return np.stack([largest, last]).reshape(2, *shape, n).max(axis=-1)


@batched
def _after(loss: Quadratic, w: Any, eta: Any, rho: Any) -> Any:
    return one_step(loss, SAM, w, eta, rho)


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """Runs beside the bounds above, where and by how much they fail below."""
    return Layout((("below", "above"), ("map", "worst")), (PAGE, 5.0))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Runs as points, where the bound fails as an area, bounds and predictions as lines."""
    for name, rate in zip(("below", "above"), data.h.values, strict=True):
        _draw_run(data.sel(h=rate), panels[name], known=rate >= 1)
        panels.name(name, f"ηβ = {rate:g}, β/α = {data.example_kappa.item():g}")
    _draw_map(data, panels)
    _draw_worst(data, panels["worst"])
    panels.name("map", "where the published bound fails")
    panels.name("worst", "by how much, α = β")
    hollow = style.points("SAM", "SAM / corrected bound")
    hollow.set_markerfacecolor("white")
    panels.legend(
        [
            style.points("SAM", "SAM, and SAM / published bound"), hollow,
            style.line("published bound", "--"),
            style.line("corrected bound, other predictions"),
        ],
        columns=4,
    )  # fmt: skip


def _draw_run(data: xarray.Dataset, axes: Axes, known: bool) -> None:
    look = style.look("SAM")
    axes.plot(data.t, data.excess, look.marker, color=look.colour, markersize=3)
    published, right = data.bounds
    axes.plot(data.t, published, "--", color=style.PREDICTION, linewidth=1.0)
    if known:
        axes.plot(data.t, right, color=style.PREDICTION, linewidth=1.0)
    axes.set(
        xlabel="step t", ylabel="excess loss $E_t/(\\beta\\rho^2)$", yscale="log",
        xlim=(-0.5, data.t.values[-1] + 0.5),
    )  # fmt: skip


def _draw_map(data: xarray.Dataset, panels: Panels) -> None:
    axes = panels["map"]
    failing = data.worst.where(data.worst > 1 + ROUNDING)
    mesh = axes.pcolormesh(
        data.map_h, data.kappa, failing, norm=LogNorm(1, 100), cmap="plasma_r", shading="nearest",
        rasterized=True,
    )  # fmt: skip
    axes.plot(data.edge, data.curve_kappa, color=style.PREDICTION, linewidth=1.0)
    axes.axvline(1, color=style.PREDICTION, linestyle=":", linewidth=1.0)
    axes.set(
        xlabel="h = ηβ", ylabel="condition number κ = β/α", yscale="log",
        xlim=data.map_h.values[[0, -1]], ylim=data.kappa.values[[0, -1]],
    )  # fmt: skip
    axes.text(0.75, 10, "proved", ha="center")
    axes.text(1.3, 10, "no run fails", ha="center")
    axes.text(1.8, 1.6, "fails", ha="center")
    bar = panels.canvas.colorbar(mesh, ax=axes)
    bar.ax.set(xlabel="factor", ylabel="largest $E_t$ over the published bound")


def _draw_worst(data: xarray.Dataset, axes: Axes) -> None:
    look = style.look("SAM")
    kind = {"color": look.colour, "markersize": 3, "markeredgewidth": 0.7}
    axes.plot(data.fine_h, data.ratio, look.marker, **kind)
    axes.plot(data.large_h, data.right, look.marker, markerfacecolor="white", **kind)
    axes.plot(data.curve_h, data.largest, color=style.PREDICTION, linewidth=1.0, zorder=1)
    axes.axhline(1, color=style.PREDICTION, linewidth=0.6, zorder=1)
    axes.axvline(1, color=style.PREDICTION, linestyle=":", linewidth=1.0)
    axes.set(
        xlabel="h = ηβ", ylabel="largest $E_t$ / bound", yscale="log", ylim=(0.5, 300),
        xlim=data.fine_h.values[[0, -1]],
    )  # fmt: skip


bound_tightness = register(
    Figure(
        module=__name__,
        claims={
            "dai2023_sam_bound": Finding.HOLDS,
            "dai2023_sam_bound_corrected": Finding.HOLDS,
            "dai2023_sam_bound_full_range": Finding.FAILS,
        },
        landscapes=(),
        algorithms=(SAM,),
        arguments={
            "seed": 15, "example_h": [0.8, 1.7], "example_kappa": 1.5, "example_steps": 30,
            "example_start": [30.0, 20.0], "map_h": [0.5, 1.99], "kappa": [1.0, 30.0],
            "distance": [0.1, 1e4], "n_steps": 400,
        },
        sizes={
            "tiny": {"n_h": 6, "n_kappa": 3, "n_fine": 6, "n_starts": 6},
            "quick": {"n_h": 75, "n_kappa": 24, "n_fine": 38, "n_starts": 18},
            "full": {"n_h": 150, "n_kappa": 60, "n_fine": 75, "n_starts": 48},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
