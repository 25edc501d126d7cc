r"""Which curvatures an algorithm can rest at: its filter, after Bolte, Le and Pauwels (2025).

Where the step is differentiable, a limit of its runs has, for almost every start, no mode that
repels (their theorem, as its abstract has it). (a) The curvatures $\lambda$ that pass, for
$\eta = 0.1$ and $\rho = 0.5$: areas are simulated, from a deviation that did not grow on
$\lambda w^2/2$ in 400 steps, brackets and dots are predicted from the update rules. The ascent of
USAM turns against curvatures below $-1/\rho = -2$, so that it rests where GD cannot, at saddles and
maxima: down to $\lambda = -7.40$. Two steps of ascent, or one along $\nabla^2 L\,\nabla L$, shut
this window, or leave the one point $-1/\rho$ of it. (b) On $(1 - xy)^2/2$, whose minima have the
curvatures $x^2 + y^2$ and 0, at $\eta = 0.2$ and $\rho = 0.1$: the sharpness of all minima reached
from the square $[-4, 4]^2$, as a distribution with
logarithmic heights, the sharpest (marker) and the upper edge of the
filter (line), which none exceeds. (c) There, at $\eta = 0.05$, where USAM leads: beyond the
predicted $\rho = 1$ (line) the saddle at the origin, of curvatures $\pm 1$, attracts. The updates
of TwoStepUSAM and HessianUSAM are inferred from what is said of them in public. Normalised ascents
have no filter: their steps are not differentiable where the gradient vanishes.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import xarray
from matplotlib.axes import Axes

from dynamics import (
    ALGORITHMS,
    USAM,
    Algorithm,
    ArrayVector,
    Outcome,
    initial_memory,
    step,
    sweep,
    uniform_starts,
)
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import CriticalKind, ScalarFactorisation
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.local_theory.filters import CurvatureFilter, curvature_filter, first_radius

_WITH_A_FILTER = (
    "GD", "HeavyBallGD", "NesterovGD", "USAM", "HeavyBallUSAM", "PenalisedUSAM", "TwoStepUSAM",
    "RepeatedUSAM", "HessianUSAM", "ExactGradientUSAM",
)  # fmt: skip
_LANDSCAPE = ScalarFactorisation(1.0)
_FATES = {
    "minimum": (style.OUTCOME_COLOURS[Outcome.CONVERGED], "(c) at a minimum"),
    "saddle": (style.NEAR_SADDLE, "at the saddle"),
    "undecided": (style.OUTCOME_COLOURS[Outcome.BUDGET], "still moving"),
    "diverged": (style.OUTCOME_COLOURS[Outcome.DIVERGED], "diverged"),
}
_AT_REST = 1e-9  # the farthest from a minimum that is at rest there
_PARTS = 3  # intervals of a filter, at most


def simulate(request: Request) -> xarray.Dataset:
    """The filters, simulated and predicted, and where runs on the landscape come to rest."""
    low, high = request["curvatures"]
    # Centres of equal parts: none of them is the edge of a filter.
    curvatures = (
        low + (high - low) * (np.arange(request["n_curvatures"]) + 0.5) / (request["n_curvatures"])
    )
    of_filter, of_runs = request["filter"], request["runs"]
    bins = np.linspace(0, request["sharpest"], request["n_bins"] + 1)
    starts = _starts(request, "n_starts")
    passes, intervals, edges, counts, sharpest = [], [], [], [], []
    for i, algorithm in enumerate(request.algorithms):
        passes.append(_passes(algorithm, curvatures, *of_filter))
        found = _filter(algorithm).intervals(*of_filter)
        intervals.append((found + found[-1:] * _PARTS)[:_PARTS])
        edges.append(_filter(algorithm).intervals(*of_runs)[-1][1])
        runs = sweep(
            _LANDSCAPE, algorithm, eta=of_runs[0], rho=of_runs[1], starts=starts,
            n_steps=request["n_steps"], progress=request.part(i, len(request.algorithms) + 1),
            # Just beyond its edge a minimum may be met to ten digits and left again slowly.
            early_stop=False,
        ).squeeze()  # fmt: skip
        sharp = np.linalg.eigvalsh(_LANDSCAPE.hessian(runs.final.values))[:, -1]
        minima = _LANDSCAPE.facts.critical_sets[0]
        at_rest = sharp[
            (runs.outcome == Outcome.CONVERGED) & (minima.distance(runs.final.values) < _AT_REST)
        ]
        counts.append(np.histogram(at_rest, bins)[0].astype(float))
        sharpest.append(at_rest.max())
    first, last = request["radii"]
    radii = np.linspace(first, last, request["n_rho"])
    fates = sweep(
        _LANDSCAPE, USAM, eta=request["saddle_eta"], rho=radii, starts=_starts(request, "n_fates"),
        n_steps=request["n_steps"],
        progress=request.part(len(request.algorithms), len(request.algorithms) + 1),
    ).squeeze()  # fmt: skip
    kinds = _kind(fates)
    (saddle,) = (s for s in _LANDSCAPE.facts.critical_sets if s.kind is CriticalKind.SADDLE)
    onset_of_saddle = first_radius(
        USAM, float(np.asarray(saddle.spectra).min()), request["saddle_eta"]
    )
    one = {"units": "1"}
    return xarray.Dataset(
        {
            "passes": (("algorithm", "curvature"), np.array(passes, np.int8),
                       {"long_name": "whether a deviation did not grow", **one}),
            "interval": (("algorithm", "part", "end"), np.array(intervals),
                         {"long_name": "predicted filter, the last part repeated", **one}),
            "edge": ("algorithm", np.array(edges),
                     {"long_name": "predicted upper edge for the runs", **one}),
            "count": (("algorithm", "bin"), np.array(counts),
                      {"long_name": "runs that came to rest there", **one}),
            "sharpest": ("algorithm", np.array(sharpest),
                         {"long_name": "largest sharpness that was reached", **one}),
            "fate": (("kind", "rho"), np.array([(kinds == k).mean(axis=-1) for k in _FATES]),
                     {"long_name": "share of runs of USAM", **one}),
            "onset": ((), onset_of_saddle, {"long_name": "ρ from which it attracts", **one}),
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "curvature": ("curvature", curvatures, {"long_name": "curvature λ", **one}),
            "bin": ("bin", (bins[1:] + bins[:-1]) / 2, {"long_name": "sharpness λ₁", **one}),
            "rho": ("rho", radii, {"long_name": style.RHO_LABEL, **one}),
            "kind": list(_FATES),
        },
    )  # fmt: skip


def _filter(algorithm: Algorithm) -> CurvatureFilter:
    found = curvature_filter(algorithm)
    if not isinstance(found, CurvatureFilter):
        raise ValueError(f"{algorithm} has no filter: {found.reason}")
    return found


def _passes(algorithm: Algorithm, curvatures: Real, rate: float, radius: float) -> np.ndarray:
    """Whether a deviation did not grow, on all curvatures at once: the coordinates are apart."""
    with jax.enable_x64(True), np.errstate(all="ignore"):
        w = start = ArrayVector((jax.numpy.ones(len(curvatures)),))
        memory = initial_memory(algorithm, w)
        advance = jax.jit(
            lambda w, m: step(
                lambda v: v.times(ArrayVector((curvatures,))), algorithm, w, m, rate, radius
            )
        )
        for _ in range(400):
            w, memory = advance(w, memory)
        return np.asarray(abs(w.components[0]) <= start.components[0])


def _starts(request: Request, number: str) -> Any:
    side = request["side"]
    return uniform_starts(request[number], low=(-side,) * 2, high=(side,) * 2, seed=request["seed"])


def _kind(runs: xarray.Dataset) -> np.ndarray:
    """What became of each run, as keys of `_FATES`."""
    sets = _LANDSCAPE.facts.critical_sets
    distance = np.array([s.distance(runs.final.values) for s in sets])
    nearest = np.array([s.kind.value for s in sets])[distance.argmin(axis=0)]
    kind = np.where(runs.outcome == Outcome.CONVERGED, nearest, "undecided")
    return np.where(runs.outcome == Outcome.DIVERGED, "diverged", kind)


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """Filters and what is reached, in rows of algorithms, and the saddle."""
    height = 1.1 + 0.24 * data.sizes["algorithm"]
    return Layout((("filter", "reached", "saddle"),), (PAGE, height), widths=(1.35, 1.1, 1.0))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """A row for each algorithm in the first two panels; shares as areas in the third."""
    rows = np.arange(data.sizes["algorithm"])[::-1]
    for row, name in zip(rows, data.algorithm.values, strict=True):
        _draw_filter(data.sel(algorithm=name), panels["filter"], row)
        _draw_reached(data.sel(algorithm=name), panels["reached"], row)
    for name in ("filter", "reached"):
        panels[name].set(ylim=(-0.6, len(rows) - 0.4), ylabel="algorithm")
        panels[name].set_yticks(
            rows, data.algorithm.values if name == "filter" else [""] * len(rows)
        )
        panels[name].tick_params(axis="y", length=0)
    panels["reached"].yaxis.label.set_visible(not panels.own)
    panels["filter"].yaxis.label.set_visible(not panels.own)
    panels["filter"].axvline(0, color=style.FAINT, linewidth=0.5, linestyle=":")
    panels["filter"].set(xlabel="curvature λ", xlim=data.curvature.values[[0, -1]])
    panels["reached"].set(xlabel="sharpness λ₁ where runs rest", xlim=(0, data.bin.values[-1]))
    axes = panels["saddle"]
    colours = [colour for colour, _ in _FATES.values()]
    axes.stackplot(data.rho, data.fate, colors=colours, linewidth=0)
    axes.axvline(data.onset.item(), color=style.PREDICTION, path_effects=style.halo())
    axes.set(xlabel=style.RHO_LABEL, ylabel="share of starts", ylim=(0, 1), xlim=data.rho[[0, -1]])
    panels.name("filter", "filters, η = 0.1, ρ = 0.5")
    panels.name("reached", "reached, η = 0.2, ρ = 0.1")
    panels.name("saddle", "USAM, η = 0.05")
    panels.legend(
        [
            style.line("predicted edges"),
            style.swatch(style.FAINT, "simulated, in the algorithm's colour"),
            *(style.swatch(colour, label) for colour, label in _FATES.values()),
        ],
        columns=3,
    )  # fmt: skip


def _draw_filter(one: xarray.Dataset, axes: Axes, row: float) -> None:
    colour = style.look(one.algorithm.item()).colour
    axes.fill_between(
        one.curvature, row - 0.3, row + 0.3, where=one.passes.values.astype(bool), step="mid",
        color=style.pale(colour), linewidth=0,
    )  # fmt: skip
    for low, high in one.interval.values:
        if low == high:
            axes.plot(low, row, ".", color=style.PREDICTION, markersize=4)
        else:
            axes.plot([low, high], [row, row], "-|", color=style.PREDICTION, linewidth=0.8,
                      markersize=6)  # fmt: skip


def _draw_reached(one: xarray.Dataset, axes: Axes, row: float) -> None:
    look = style.look(one.algorithm.item())
    height = 0.7 * np.log1p(one["count"]) / np.log1p(one["count"].max())
    axes.fill_between(
        one.bin, row - 0.35, row - 0.35 + height, step="mid", color=style.pale(look.colour),
        linewidth=0,
    )  # fmt: skip
    axes.plot([one.edge] * 2, [row - 0.42, row + 0.42], color=style.PREDICTION, linewidth=1.0)
    axes.plot(one.sharpest, row - 0.2, look.marker, color=look.colour, markersize=3.2)
    axes.text(
        0.98, row, f"{one.sharpest:.2f} of {one.edge:.2f}", fontsize=6, verticalalignment="center",
        horizontalalignment="right", transform=axes.get_yaxis_transform(),
    )  # fmt: skip


eigenvalue_filter = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(("dai2023_gd_threshold", "dai2023_usam_threshold"), Finding.HOLDS),
        landscapes=(_LANDSCAPE,),
        algorithms=tuple(ALGORITHMS[name] for name in _WITH_A_FILTER),
        # The pairs are of η and ρ.
        arguments={
            "seed": 25109, "curvatures": [-11.0, 40.0], "filter": [0.1, 0.5], "runs": [0.2, 0.1],
            "sharpest": 32.0, "side": 4.0, "radii": [0.0, 2.0], "saddle_eta": 0.05,
            "n_steps": 5000, "n_curvatures": 1020, "n_bins": 128, "n_rho": 40,
        },
        sizes={
            "tiny": {"n_starts": 200, "n_fates": 20, "n_rho": 5},
            "quick": {"n_starts": 10_000, "n_fates": 2000},
            "full": {"n_starts": 100_000, "n_fates": 20_000},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
