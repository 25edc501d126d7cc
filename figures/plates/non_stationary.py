r"""At a fixed radius SAM need not become stationary; on convex losses it is bound to a rate.

After Si and Yun (2023), whose formula of the loss in (a) is recalled, and verified here. (a)
$\frac{9\beta\rho^2}{25\pi^2}\sin\frac{5\pi w}{3\rho}$ with $\beta = 2$, $\rho = 0.3$: from
every start SAM ends at predicted points (lines) that are not critical, but whose ascent (dotted)
leads to a minimum. (b) The slope there in units of $\beta\rho$, for all runs, against
$\eta\beta$: on the predicted $3\sqrt3/10\pi = 0.165$. For $\eta\beta \le 1$ and any
$\beta$-smooth loss the mean over the steps of its square is bounded by 1 in the end, so that this
is no slip of a proof; GD ends at slope 0. (c), (d) The loss after $T$ steps on quadratics of
curvatures $\beta = 10$ or $100$ and $\mu = 1$ from 20 starts, with $\rho = 1$ and $\eta$ the
smaller of $2\log(T\beta/\mu)/\mu T$ and $1/2\beta$. It is that of the 2-cycle, which falls as
$\log^2 T/T^2$, between the loss $\eta^2\beta^3\rho^2/8$ that SAM keeps in one dimension and
$\max\{(1 - \eta\mu)^T\Delta, \frac12\eta^2\beta^3\rho^2(1 + \beta/\mu)\}$, a bound for all
$\mu$-strongly convex $\beta$-smooth losses; both are derived here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from dynamics import GD, SAM, Algorithm, batched, one_step, sweep, uniform_starts
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import BoundedSine, Quadratic
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.strongly_convex import LOWER, UPPER
from proofs_check.predictions import cycle_amplitude
from proofs_check.symbols import alpha, beta, curvature, eta, first_excess, rho, t

_SINE = BoundedSine(beta=2.0, radius=0.3)


def simulate(request: Request) -> xarray.Dataset:
    """Where runs on the sine end, and the losses after T steps on quadratics."""
    radius, smoothness = float(_SINE.radius), float(_SINE.beta)
    rates = np.array(request["rates"])
    starts = uniform_starts(
        request["n_starts"], low=(0,), high=(1.2 * radius,), seed=request["seed"]
    )
    ends = sweep(
        _SINE, request.algorithms, eta=rates / smoothness, rho=radius, starts=starts,
        n_steps=request["n_steps"], early_stop=False, progress=request.part(0, 2),
    ).final.values[..., 0]  # fmt: skip
    slopes = np.abs(_SINE.gradient(ends[..., None])[..., 0]) / (smoothness * radius)
    rest = resting_points(SAM, radius)
    w = np.linspace(-radius, 2.2 * radius, 321)
    budgets = np.unique(
        np.geomspace(100, request["longest"], request["n_budgets"]).astype(np.int64)
    )
    tables = [_losses(k, budgets, request, 1 + i) for i, k in enumerate(request["conditions"])]
    one = {"units": "1"}
    return xarray.Dataset(
        {
            "loss": ("w", _SINE.loss(w[:, None]), {"long_name": "loss", **one}),
            "end": (("algorithm", "rate", "start"), ends, {"long_name": "last iterate", **one}),
            "slope": (("algorithm", "rate", "start"), slopes,
                      {"long_name": "‖∇L‖/βρ at the last iterate", **one}),
            "rest": ("resting", rest, {"long_name": "predicted points of rest", **one}),
            "rest_loss": ("resting", _SINE.loss(rest[:, None]),
                          {"long_name": "loss there", **one}),
            "rest_slope": ((), _rest_slope(rest, smoothness * radius),
                           {"long_name": "predicted ‖∇L‖/βρ", **one}),
            **{
                name: (dims, np.stack([table[name] for table in tables]),
                       {"long_name": long_name, **one})
                for name, dims, long_name in (
                    ("reached", ("condition", "budget", "run"), "loss after T steps"),
                    ("cycle", ("condition", "budget"), "predicted loss on the 2-cycle"),
                    ("upper", ("condition", "budget"), "upper bound"),
                    ("lower", ("condition", "budget"), "lower bound at worst"),
                    ("eta", ("condition", "budget"), style.ETA_LABEL),
                )
            },
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "rate": ("rate", rates, {"long_name": "ηβ", **one}),
            "w": ("w", w, {"long_name": "w", **one}),
            "condition": ("condition", np.array(request["conditions"]),
                          {"long_name": "β/μ", **one}),
            "budget": ("budget", budgets, {"long_name": "steps T", **one}),
        },
    )  # fmt: skip


def resting_points(algorithm: Algorithm, radius: float) -> Real:
    """Where a step leads back to and the gradient is not 0: a radius away from critical points."""
    critical = np.concatenate([s.points for s in _SINE.facts.critical_sets])
    around = np.unique(np.concatenate([critical - radius, critical + radius]).round(12))
    candidates = around[(around > -1.001 * radius) & (around < 2.201 * radius)][:, None]
    after = batched(lambda w: one_step(_SINE, algorithm, w, 1.0, radius))(candidates)
    # The candidates are rounded to 12 digits.
    return candidates[np.abs(after - candidates) < 1e-10]


def _rest_slope(rest: Real, unit: float) -> float:
    slopes = np.abs(_SINE.gradient(rest[:, None])[:, 0]) / unit
    if np.ptp(slopes) > 1e-9:
        raise ValueError(f"the points of rest differ in slope: {slopes}")
    return float(slopes[0])


def _losses(condition: float, budgets: Any, request: Request, part: int) -> dict[str, Real]:
    """The loss after each number of steps, and what is predicted, for μ = 1 and β = `condition`."""
    landscape = Quadratic((condition, 1.0))
    starts = uniform_starts(request["n_runs"], low=(-1, -1), high=(1, 1), seed=request["seed"])
    rates = np.minimum(2 * np.log(condition * budgets) / budgets, 1 / (2 * condition))
    reached = []
    for i, (n_steps, rate) in enumerate(zip(budgets, rates, strict=True)):
        ends = sweep(
            landscape, SAM, eta=rate, rho=1.0, starts=starts, n_steps=int(n_steps), early_stop=False
        ).final_loss.values.ravel()  # fmt: skip
        reached.append(ends)
        request.progress((1 + (part - 1 + i / len(budgets)) / len(request["conditions"])) / 2)
    at = {
        alpha: 1.0, beta: condition, curvature: condition, eta: rates, rho: 1.0, t: budgets,
        first_excess: float(np.max(landscape.loss(starts))),
    }  # fmt: skip
    on_cycle = curvature * cycle_amplitude(SAM) ** 2 / 2
    formulas = {"cycle": on_cycle, "upper": UPPER, "lower": LOWER}
    return {"reached": np.array(reached), "eta": rates} | {
        k: value(f, at) for k, f in formulas.items()
    }


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """The sine above, the quadratics below."""
    below = tuple(f"{k:g}" for k in data.condition.values)
    return Layout((("sine", "slope"), below), (PAGE, 4.6))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Ends and losses as points, predictions and bounds as lines."""
    _draw_sine(data, panels["sine"])
    axes, unit = panels["slope"], {"color": style.PREDICTION, "linewidth": 1.0, "zorder": 1}
    for name in data.algorithm.values:
        look, one = style.look(name), data.slope.sel(algorithm=name)
        axes.plot(
            np.broadcast_to(data.rate.values[:, None], one.shape), one, look.marker,
            color=look.colour, markersize=4,
        )  # fmt: skip
    axes.axhline(data.rest_slope.item(), **unit)
    axes.plot([0, 1], [1, 1], "-.", **unit)
    axes.set(xlabel="ηβ", ylabel="‖∇L‖/βρ at the end", xlim=(0, 2), ylim=(-0.05, 1.1))
    for k in data.condition.values:
        axes, one = panels[f"{k:g}"], data.sel(condition=k)
        look = style.look("SAM")
        axes.plot(
            np.broadcast_to(data.budget.values[:, None], one.reached.shape), one.reached,
            look.marker, color=look.colour, markersize=3.5, markeredgewidth=0,
        )  # fmt: skip
        axes.plot(data.budget, one.upper, "-.", **unit)
        axes.plot(data.budget, one.lower, "--", **unit)
        axes.plot(data.budget, one.cycle, "-", **unit)
        axes.set(xlabel="steps T", ylabel="loss after T steps", xscale="log", yscale="log")
        panels.name(f"{k:g}", f"quadratic, β/μ = {k:g}")
    panels.name("sine", "sine, η = 1/β")
    panels.name("slope", "slope at the end")
    panels.legend(
        [
            *(style.points(a) for a in data.algorithm.values),
            style.line("predicted"),
            style.line("upper bound", "-."),
            style.line("lower bound", "--"),
        ],
        columns=5,
    )


def _draw_sine(data: xarray.Dataset, axes: Axes) -> None:
    axes.plot(data.w, data.loss, color=style.FAINT, linewidth=1.0)
    low, high = data.w.values[[0, -1]]
    radius = (high - low) / 3.2
    for w, loss in zip(data.rest.values, data.rest_loss.values, strict=True):
        axes.axvline(w, color=style.PREDICTION, linewidth=0.8, zorder=1)
        for aim in (w - radius, w + radius):
            near = float(np.interp(aim, data.w, data.loss, left=np.nan, right=np.nan))
            if abs(near) > 0.999 * float(np.abs(data.loss).max()):
                axes.plot([w, aim], [loss, near], ":", color=style.FAINT, linewidth=0.8)
    for name in data.algorithm.values:
        look = style.look(name)
        ends = data.end.sel(algorithm=name, rate=1.0)
        axes.plot(
            ends, np.interp(ends, data.w, data.loss), look.marker, color=look.colour, markersize=4
        )
    axes.set(xlabel="w", ylabel="loss", xlim=(low, high))


non_stationary = register(
    Figure(
        module=__name__,
        claims={"bartlett2023_bouncing": Finding.HOLDS, "dai2023_gd_threshold": Finding.HOLDS},
        landscapes=(_SINE,),
        algorithms=(GD, SAM),
        arguments={
            "seed": 23068, "rates": [0.1, 0.5, 1.0, 1.9], "n_steps": 4000,
            "conditions": [10.0, 100.0], "n_runs": 20,
        },
        sizes={
            "tiny": {"n_starts": 10, "longest": 300, "n_budgets": 2},
            "quick": {"n_starts": 200, "longest": 100_000, "n_budgets": 16},
            "full": {"n_starts": 2000, "longest": 1_000_000, "n_budgets": 33},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
