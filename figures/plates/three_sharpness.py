r"""Three methods, three notions of sharpness: each ends where its own is smallest.

After Wen, Ma and Li (2023), on $F_1u^2 + F_2v^2$ with $F_1 = 6 + (a - 1)^2 + b^2$ and
$F_2 = 1 + \frac12(a + 1)^2 + \frac12b^2$, whose minima $u = v = 0$ have the curvatures
$\lambda_1 = 2F_1 > \lambda_2 = 2F_2$. (a), (b) From one start, slowly along the plane of minima:
SAM to the least $\lambda_1$ (+ at $a = 1$), GD on the loss at the ascent point,
$L(w + \rho g/\|g\|)$, to the least $\lambda_2$ ($a = -1$), and 1-SAM, which draws one of the
examples $2F_1u^2$ and $2F_2v^2$ at each step, to where their sum is least, $a = 1/3$, while GD goes
nowhere. Dashed: the flows of $-\frac12\nabla$ of these (half of it for the sum) in the time
$\tau = \eta\rho^2t$, which are the
paper's (recalled), for $\eta \to 0$. Solid: with each $\nabla\lambda$ multiplied by
$(2/(2 - \eta\lambda))^2$, which follows from the 2-cycle. (c) Where they end, 1-SAM as the mean of
many runs with three standard errors: only for small $\eta$ it is the trace that 1-SAM minimises,
and GD on the ascent loss, for which there is no prediction at $\eta > 0$, needs far smaller ones
to get there at all. (d) How far SAM is from either flow after $\tau = 0.3$, at $\rho = 0.02$: from
that for $\eta \to 0$ by the order of $\eta$, and by as much as the flows differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray

from dynamics import GD, SAM, Algorithm, OneSAM, Place, ensemble, trajectory, unit_ascent
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import CrossedValleys, ThreeSharpness
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.sharpness_flow import EXAMPLES, LEAST, NONE, TOP, curvatures, flow, limit
from proofs_check.predictions import cycle_amplitude
from proofs_check.symbols import curvature, eta, rho


def ascent_loss_descent(here: Place[Any], ascended: Place[Any], rho: Any) -> Any:
    """The gradient of L(w + ρg/‖g‖): g_asc + (ρ/‖g‖)∇²L(w)(g_asc, its part along g left out)."""
    along = here.g.unit()
    across = ascended.g - along.dot(ascended.g) * along
    return ascended.g + here.g.ratio(rho, here.g.norm()) * here.hessian_times(across)


AscentLossGD = Algorithm(
    "GD on the ascent loss", unit_ascent, ascent_loss_descent, "Wen et al. 2023, definition 4.1"
)
_LOWERED = {"GD": NONE, "SAM": TOP, "1-SAM": EXAMPLES, AscentLossGD.name: LEAST}
_START = (-0.2, 0.8, 0.05, 0.05)


def simulate(request: Request) -> xarray.Dataset:
    """Paths on the plane of minima, ends for several η, errors of the flows; and predictions."""
    names, times = [a.name for a in request.algorithms], np.linspace(0, request["longest"], 41)
    paths, finite, small = [], [], []
    for i, algorithm in enumerate(request.algorithms):
        rate, radius = request["path"][algorithm.name]
        steps = np.round(times / (rate * radius**2)).astype(int)
        path = trajectory(
            _landscape(algorithm), algorithm, _START, eta=rate, rho=radius, n_steps=steps[-1]
        )  # fmt: skip
        paths.append(path[steps, :2])
        finite.append(flow(_LOWERED[algorithm.name], _START[:2], times, rate))
        small.append(flow(_LOWERED[algorithm.name], _START[:2], times, 0.0))
        request.progress((i + 1) / (4 * len(names)))
    listed = [(a, r) for a in request.algorithms for r in request["ends"].get(a.name, ())]
    ends = []
    for i, algorithm in enumerate(request.algorithms):
        ends += _ends(algorithm, request["ends"].get(algorithm.name, []), request)
        request.progress(0.25 + 0.65 * (i + 1) / len(names))
    curves = np.geomspace(1e-5, 0.06, 121)
    # Who does not move stays where it starts.
    limits = [
        [_START[0] if lowered == NONE else limit(lowered, r) for r in curves]
        for lowered in (_LOWERED[name] for name in names)
    ]
    rates = np.array(request["rates"])
    errors = [_errors(r, request) for r in rates]
    one = {"units": "1"}
    return xarray.Dataset(
        {
            "path": (("algorithm", "time", "dim"), np.array(paths), {"long_name": "a, b", **one}),
            "flow": (("algorithm", "time", "dim"), np.array(finite),
                     {"long_name": "predicted a, b for this η", **one}),
            "flow_small": (("algorithm", "time", "dim"), np.array(small),
                           {"long_name": "predicted a, b for η → 0", **one}),
            "end": ("run", [e for e, _ in ends], {"long_name": "a in the end", **one}),
            "end_error": ("run", [s for _, s in ends],
                          {"long_name": "standard error of that mean, 0 for one run", **one}),
            "limit": (("algorithm", "curve"), np.array(limits),
                      {"long_name": "predicted a in the end", **one}),
            "error": (("rate", "which"), np.array(errors),
                      {"long_name": "difference of a at τ = 0.3", **one}),
        },
        {
            "algorithm": names,
            "time": ("time", times, {"long_name": "τ = ηρ²t", **one}),
            "run_algorithm": ("run", [a.name for a, _ in listed]),
            "run_eta": ("run", [r for _, r in listed], {"long_name": style.ETA_LABEL, **one}),
            "curve": ("curve", curves, {"long_name": style.ETA_LABEL, **one}),
            "rate": ("rate", rates, {"long_name": style.ETA_LABEL, **one}),
            "only_small": [name for name in names if _LOWERED[name] in (NONE, LEAST)],
            "which": ["small", "finite", "between"],
            "flattest": (("notion", "dim"), [p[:2] for p in ThreeSharpness.flattest.values()],
                         {"long_name": "a, b of least sharpness", **one}),
            "notion": list(ThreeSharpness.flattest),
        },
    )  # fmt: skip


def _landscape(algorithm: Algorithm) -> ThreeSharpness:
    return CrossedValleys() if algorithm.order else ThreeSharpness()


def _ends(algorithm: Algorithm, rates: list[float], request: Request) -> list[tuple[float, float]]:
    """For each η the mean of a in the end, and its standard error, 0 for a single run."""
    if not rates:
        return []
    radius, until = request["radius_of_ends"][algorithm.name], request["until"][algorithm.name]
    steps = [min(request["most_steps"], int(until / (rate * radius**2))) for rate in rates]
    if not algorithm.order:
        start = (-0.2, 0.3, 0.3, 0.4)
        both = zip(rates, steps, strict=True)
        return [(_alone(algorithm, start, r, radius, n), 0.0) for r, n in both]
    # Random runs start near where they are to end, and have to forget the start. All together:
    # drawing examples takes most of the time, whoever uses them.
    n = request["n_runs"]
    runs = ensemble(
        CrossedValleys(), algorithm, eta=np.repeat(rates, n), rho=radius,
        starts=np.tile((0.33, 0.3, 0.05, 0.05), (n * len(rates), 1)), n_steps=max(steps),
        early_stop=False,
    )  # fmt: skip
    a = runs.final.values[:, 0].reshape(-1, n)
    return list(zip(a.mean(axis=1).tolist(), (a.std(axis=1) / n**0.5).tolist(), strict=True))


def _errors(rate: float, request: Request) -> list[float]:
    """What SAM's a differs by, after τ = 0.3, from the flows for η → 0 and for this η; and they."""
    radius, at = request["small_radius"], (-0.2, 0.0)
    ((top, _),) = curvatures(TOP)
    amplitude = value(cycle_amplitude(SAM), {curvature: top(*at), eta: rate, rho: radius})
    start = (*at, float(amplitude), 1e-5)
    found = _alone(SAM, start, rate, radius, int(0.3 / (rate * radius**2)))
    small, finite = (flow(TOP, at, np.array([0.0, 0.3]), r)[-1, 0] for r in (0.0, rate))
    return [abs(found - small), abs(found - finite), abs(finite - small)]


def _alone(algorithm: Algorithm, start: Any, rate: float, radius: float, n_steps: int) -> float:
    path = trajectory(ThreeSharpness(), algorithm, start, eta=rate, rho=radius, n_steps=n_steps)
    return float(path[-1, 0])


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """The plane and the time, where they end and how far from the flow."""
    return Layout((("plane", "time"), ("ends", "error")), (PAGE, 5.0))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Runs as points, flows as lines."""
    for name in data.algorithm.values:
        one, look = data.sel(algorithm=name), style.look(name)
        lines = {"--": one.flow_small} if name in data.only_small.values else {
            "--": one.flow_small, "-": one.flow
        }  # fmt: skip
        for dashes, curve in lines.items():
            kind = {"color": look.colour, "linewidth": 0.9, "zorder": 1}
            panels["plane"].plot(*curve.values.T, dashes, **kind)
            panels["time"].plot(data.time, curve[:, 0], dashes, **kind)
        kind = {"color": look.colour, "markersize": 2.8}
        panels["plane"].plot(*one.path.values.T, look.marker, **kind)
        panels["time"].plot(data.time, one.path[:, 0], look.marker, **kind)
        ends = data.isel(run=np.flatnonzero(data.run_algorithm == name))
        axes = panels["ends"]
        axes.errorbar(
            ends.run_eta, ends.end, 3 * ends.end_error, fmt=look.marker, color=look.colour,
            markersize=3.5, linewidth=0.8,
        )  # fmt: skip
        if ends.sizes["run"]:
            dashed = "--" if name in data.only_small.values else "-"
            axes.plot(data.curve, one.limit, dashed, color=look.colour, linewidth=0.9, zorder=1)
    panels["plane"].plot(*data.flattest.values.T, "+", color=style.PREDICTION, markersize=7)
    for label, (a, b) in zip(("λ₁", "λ₂", "trace"), data.flattest.values, strict=True):
        panels["plane"].annotate(
            f"least {label}", (a, b), (0, -11), textcoords="offset points",
            horizontalalignment="center",
        )  # fmt: skip
    panels["plane"].set(xlabel="a", ylabel="b", xlim=(-1.25, 1.25), ylim=(-0.25, 0.95))
    panels["time"].set(xlabel="τ = ηρ²t", ylabel="a", ylim=(-1.1, 1.1))
    panels["ends"].set(
        xlabel=style.ETA_LABEL, ylabel="a in the end", xscale="log", ylim=(-1.1, 1.1),
        xlim=data.curve.values[[0, -1]],
    )  # fmt: skip
    look, axes = style.look("SAM"), panels["error"]
    for which, filled in (("small", True), ("finite", False)):
        axes.plot(
            data.rate, data.error.sel(which=which), look.marker, color=look.colour, markersize=4,
            markerfacecolor=look.colour if filled else "white",
        )  # fmt: skip
    axes.plot(data.rate, data.error.sel(which="between"), color=style.PREDICTION, zorder=1)
    axes.set(
        xlabel=style.ETA_LABEL, ylabel="|difference of a| at τ = 0.3", xscale="log", yscale="log"
    )
    axes.set_xticks(data.rate.values, [f"{r:g}" for r in data.rate.values])
    axes.minorticks_off()
    panels.name("plane", "on the plane of minima")
    panels.name("time", "in time")
    panels.name("ends", "where they end")
    panels.name("error", "SAM, distance to the flow")
    hollow = style.points("SAM", "(d) from the flow for this η")
    hollow.set(markerfacecolor="white")
    panels.legend(
        [
            *(style.points(a) for a in data.algorithm.values),
            style.line("predicted, η → 0", "--", style.FAINT),
            style.line("predicted for this η", "-", style.FAINT), hollow,
            style.line("(d) predicted: of the two flows"),
        ],
        columns=4,
    )  # fmt: skip


three_sharpness = register(
    Figure(
        module=__name__,
        claims={"bartlett2023_bouncing": Finding.HOLDS},
        landscapes=(ThreeSharpness(), CrossedValleys()),
        algorithms=(GD, SAM, OneSAM, AscentLossGD),
        # By names: η and ρ of the path; η of the runs to the end, and their τ and ρ.
        # The examples that are drawn are those of 1-SAM's own seed.
        arguments={
            "seed": 0, "longest": 2.5, "small_radius": 0.02, "rates": [0.02, 0.01, 0.005, 0.0025],
            "path": {"GD": [0.02, 0.1], "SAM": [0.02, 0.1], "1-SAM": [0.02, 0.1],
                     "GD on the ascent loss": [2e-5, 0.5]},
            "ends": {"SAM": [0.0025, 0.005, 0.01, 0.02, 0.04], "1-SAM": [0.005, 0.01, 0.02, 0.04],
                     "GD on the ascent loss": [1e-4, 3e-4, 1e-3]},
            "until": {"SAM": 5.0, "1-SAM": 1.6, "GD on the ascent loss": 11.0},
            "radius_of_ends": {"SAM": 0.1, "1-SAM": 0.1, "GD on the ascent loss": 0.5},
        },
        sizes={
            "tiny": {"n_runs": 4, "most_steps": 500, "longest": 0.1},
            "quick": {"n_runs": 64, "most_steps": 450_000},
            "full": {"n_runs": 1000, "most_steps": 2_500_000},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
