r"""A ReLU neuron finds its threshold faster with SAM; USAM needs the right radius for it.

The neuron is to see a signal of size 3 in one of 200 noisy inputs, for which its bias $b$ has to
become clearly negative; 300 examples, logistic loss, one start with $b = 0$. (a)–(c) The bias
against $\eta t$ for several learning rates: equal times, as with small $\eta$ a run is also short.
Gradient descent needs a large $\eta$; SAM ($\rho = 0.1$) hardly depends on it, USAM ($\rho = 0.01$)
less than gradient descent. (d) The sharpness $\lambda_1$ at the iterate over the edge at which a
step would flip the gradient (solved for from the update rules; for USAM it depends on $\rho$, for
SAM on $\rho$ and the gradient too), $\eta = 0.004$: each climbs to its own edge (line), and comes
down while the bias falls. (e) The bias at $\eta t = 8$ against $\rho$, $\eta = 0.012$; GD, which
has no $\rho$, at the left. Below the line every unit is off for every example and nothing moves any
more: there USAM ends from $\rho = 0.1$ on. (f) The share of 2000 new examples that are then not
told right; with every unit off none is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.lines import Line2D

from dynamics import GD, SAM, USAM, Algorithm, trajectory
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import ThresholdNeuron
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.sharpness_edge import edge
from proofs_check.symbols import eta, gradient_norm, rho

_PART = 334  # a sixth of the steps at η = 0.004, half of those at 0.012, for a time of 8


def simulate(request: Request) -> xarray.Dataset:
    """Biases along runs of each algorithm and η, and where they end for each ρ."""
    loss = _neuron(request, request["n_examples"], request["data_seed"])
    unseen = _neuron(request, request["n_unseen"], request["data_seed"] + 1)
    random, width = np.random.default_rng(request["seed"]), loss.inputs.shape[1]
    start = np.array([*random.normal(size=2) / (2 * width) ** 0.5, 0.0])
    end, rates = request["time"], request["eta"]
    time, early = (
        np.linspace(0, end, request["n_times"]),
        np.geomspace(0.02, end, request["n_times"]),
    )
    least, most = request["swept_rho"]
    radii = np.geomspace(least, most, request["n_rho"]).round(12)
    shown = {GD: 0.0, SAM: request["rho_of_sam"], USAM: request["rho_of_usam"]}
    jobs, done = [(a, rate, radius) for a, radius in shown.items() for rate in rates], []
    jobs += [(a, request["swept_eta"], radius) for a in (SAM, USAM) for radius in radii]
    jobs = list(dict.fromkeys(jobs))  # some of the swept radii are shown as well
    for job in jobs:
        done.append(_path(loss, start, end, *job))
        request.progress(len(done) / len(jobs))
    found = dict(zip(jobs, done, strict=True))

    def sampled(algorithm: Algorithm, rate: float, times: Real) -> Real:
        path = found[algorithm, rate, shown[algorithm]]
        return path[np.round(times / rate).astype(int).clip(0, len(path) - 1)]

    paths = np.array([[sampled(a, rate, time) for rate in rates] for a in shown])
    ends = np.array([[found[a, request["swept_eta"], r][-1] for r in radii] for a in (SAM, USAM)])
    ratios, rate = [], request["edge_eta"]
    for algorithm, radius in shown.items():
        points = sampled(algorithm, rate, early)
        sharpness = np.linalg.eigvalsh(np.asarray(loss.hessian(points)))[:, -1]
        norm = np.linalg.norm(np.asarray(loss.gradient(points)), axis=-1)
        ratios.append(
            sharpness / value(edge(algorithm), {eta: rate, rho: radius, gradient_norm: norm})
        )
    errors = np.array([[_error(unseen, w) for w in row] for row in ends])
    return xarray.Dataset(
        {
            "bias": (("algorithm", "eta", "time"), paths[..., 2],
                     {"long_name": "bias b", "units": "1"}),
            "shown_rho": ("algorithm", list(shown.values()),
                          {"long_name": "ρ of the runs", "units": "1"}),
            "ratio": (("algorithm", "early"), np.array(ratios),
                      {"long_name": "sharpness over its edge", "units": "1"}),
            "edge_eta": ((), request["edge_eta"], {"long_name": "η of the edges", "units": "1"}),
            "end": (("swept", "rho"), ends[..., 2],
                    {"long_name": "bias at the end", "units": "1"}),
            "error": (("swept", "rho"), errors,
                      {"long_name": "share of new examples not told right", "units": "1"}),
            "gd_error": ("eta", [_error(unseen, w) for w in paths[0, :, -1]],
                         {"long_name": "the same of GD", "units": "1"}),
            "swept_eta": ((), request["swept_eta"], {"long_name": "η of the ends", "units": "1"}),
            "off": ((), -float(np.abs(loss.inputs).max()),
                    {"long_name": "bias below which every unit is off", "units": "1"}),
        },
        {
            "algorithm": [a.name for a in shown],
            "swept": ["SAM", "USAM"],
            "eta": ("eta", rates, {"long_name": style.ETA_LABEL, "units": "1"}),
            "rho": ("rho", radii, {"long_name": style.RHO_LABEL, "units": "1"}),
            "early": ("early", early, {"long_name": "ηt", "units": "1"}),
            "time": ("time", time, {"long_name": "ηt", "units": "1"}),
        },
    )  # fmt: skip


def _path(
    loss: ThresholdNeuron, start: Real, end: float, algorithm: Algorithm, rate: float, radius: float
) -> Real:
    """All iterates up to the time `end`, in parts of one length: one program for each algorithm."""
    n_steps, parts = round(end / rate), [start[None]]
    for _ in range(-(-n_steps // _PART)):
        more = trajectory(loss, algorithm, parts[-1][-1], eta=rate, rho=radius, n_steps=_PART)
        parts.append(more[1:])
    return np.concatenate(parts)[: n_steps + 1]


def _neuron(request: Request, n_examples: int, seed: int) -> ThresholdNeuron:
    return ThresholdNeuron(request["n_inputs"], n_examples, request["signal"], seed=seed)


def _error(unseen: ThresholdNeuron, w: Any) -> float:
    """The share of examples whose sign the neuron gets wrong; 0 is no sign."""
    minus, plus, b = w
    x = unseen.inputs
    outputs = (minus * np.maximum(b - x, 0) + plus * np.maximum(b + x, 0)).sum(axis=-1)
    return float(np.mean(np.sign(outputs) != unseen.labels))


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """The biases of each algorithm; below, sharpness, radii and errors."""
    return Layout((tuple(data.algorithm.values), ("edge", "end", "error")), (PAGE, 4.4))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Runs as points; the edge and the border of the plateau as lines."""
    for algorithm in data.algorithm.values:
        axes, one, look = panels[algorithm], data.sel(algorithm=algorithm), style.look(algorithm)
        for rate, kind in zip(data.eta.values, _kinds(look.colour, data.sizes["eta"]), strict=True):
            axes.plot(data.time, one.bias.sel(eta=rate), look.marker, **kind)
        axes.set(xlabel="time ηt", ylabel="bias b", ylim=(-2.3, 0.1))
        radius = one.shown_rho.item()
        panels.name(algorithm, f"{algorithm}, ρ = {radius:g}" if radius else algorithm)
        panels["edge"].plot(data.early, one.ratio, look.marker, color=look.colour, markersize=2.8)
    for algorithm in data.swept.values:
        one, look = data.sel(swept=algorithm), style.look(algorithm)
        for name in ("end", "error"):
            panels[name].plot(data.rho, one[name], look.marker, color=look.colour, markersize=3.5)
    gd = style.look("GD")
    at_rate = data.sel(eta=data.swept_eta.item())
    least = data.rho.values[0] / 4  # GD stands at the left: it has no radius
    for name, of_gd in (("end", at_rate.bias.sel(algorithm="GD")[-1]), ("error", at_rate.gd_error)):
        panels[name].plot(least, of_gd, gd.marker, color=gd.colour, markersize=3.5)
    panels["edge"].axhline(1, color=style.PREDICTION, linewidth=1.0, zorder=1)
    panels["end"].axhline(data.off.item(), color=style.PREDICTION, linewidth=1.0, zorder=1)
    panels["edge"].set(
        xlabel="time ηt", ylabel="sharpness λ₁ / edge", xscale="log", yscale="log", ylim=(0.05, 12)
    )
    panels["end"].set(
        xlabel=style.RHO_LABEL,
        ylabel="bias b at ηt = 8",
        xscale="log",
        yscale="symlog",
        ylim=(-300, 0),
    )
    panels["error"].set(
        xlabel=style.RHO_LABEL, ylabel="share not told right", xscale="log", ylim=(0, 1.05)
    )
    panels.name("edge", f"η = {data.edge_eta:g}")
    panels.name("end", f"η = {data.swept_eta:g}")
    panels.name("error", f"η = {data.swept_eta:g}")
    kinds = _kinds(style.FAINT, data.sizes["eta"])
    rates = [
        Line2D([], [], marker="o", label=f"(a)–(c): η = {rate:g}", **kind)
        for rate, kind in zip(data.eta.values, kinds, strict=True)
    ]
    lines = [style.line("edge; border beyond which every unit is off")]
    panels.legend([*(style.points(a) for a in data.algorithm.values), *rates, *lines], columns=4)


def _kinds(colour: str, n: int) -> list[dict[str, Any]]:
    """How the learning rates are told apart: ever larger, the first hollow."""
    return [
        {"color": colour, "linestyle": "none", "markersize": size, "markeredgewidth": 0.6,
         "markerfacecolor": colour if i else "white"}
        for i, size in enumerate(np.linspace(2.2, 3.6, n))
    ]  # fmt: skip


threshold_neuron = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(("dai2023_gd_threshold", "dai2023_usam_threshold"), Finding.HOLDS),
        algorithms=(GD, SAM, USAM),
        arguments={
            "seed": 5, "data_seed": 0, "n_inputs": 200, "signal": 3.0, "n_examples": 300,
            "n_unseen": 2000, "time": 8.0, "eta": [0.001, 0.004, 0.012], "rho_of_sam": 0.1,
            "rho_of_usam": 0.01, "edge_eta": 0.004, "swept_eta": 0.012, "swept_rho": [1e-4, 1.0],
        },
        sizes={
            "tiny": {"n_inputs": 12, "n_examples": 20, "n_unseen": 50, "n_times": 9, "n_rho": 3},
            "quick": {"eta": [0.004, 0.012], "n_times": 41, "n_rho": 5},
            "full": {"n_times": 41, "n_rho": 17},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
