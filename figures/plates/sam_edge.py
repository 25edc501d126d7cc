r"""SAM trains at an edge of stability of its own, which falls with the gradient, far below 2/η.

(a)–(c) The sharpness $\lambda_1$ of the loss $\log\cosh(xy)$ where the iterate is, along a run from
(2, 6.3) at $\eta = 0.4$, $\rho = 0.1$. Lines: where a step of each algorithm would flip a gradient
of norm $G$ that lies along the steepest direction, solved for from the update rules: $2/\eta$ for
GD (in all panels, dashed), $(\sqrt{1 + 8\rho/\eta} - 1)/(2\rho)$ for USAM, and for SAM the edge of
Long and Bartlett, $(G/2\rho)(\sqrt{1 + 8\rho/(\eta G)} - 1)$, with the gradient that the iterate
has. GD and USAM come to rest below their edges, which stay where they are. SAM cannot: on its
2-cycle across the valley the sharpness is at the edge, the gradient falls with it, and so the edge
sinks and takes the sharpness along. (d) The quotient of the two for SAM, from when it has reached
the cycle; lines: what it tends to on the way to the origin, $1 - \eta\rho^2$ for small
$\eta\rho^2$.
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
from landscapes import LinearNeuron
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.drift_to_origin import kept_per_step, zeta
from proofs_check.laws.sharpness_edge import edge, kappa, ratio_in_the_tail
from proofs_check.symbols import eta, gradient_norm, rho

LOSS = LinearNeuron("logcosh")


def simulate(request: Request) -> xarray.Dataset:
    """Sharpness and edge along one run of each algorithm, and along longer ones of SAM."""
    rate, radius = request["eta"], request["rho"]
    shown = _times(request["n_steps"], request["n_shown"])
    runs = []
    for algorithm in request.algorithms:
        runs.append(_along(algorithm, request["start"], rate, radius, shown))
        request.progress(len(runs) / 5)
    rates, radii = request["tail_eta"], request["tail_rho"]
    late = _times(request["tail_steps"], request["n_shown"])
    tails, limits = [], []
    for one, other in zip(rates, radii, strict=True):
        sharpness, at_edge = _along(SAM, request["start"], one, other, late)
        tails.append(sharpness / at_edge)
        product = one * other**2
        lost = 1 - kept_per_step(product)
        limits.append(value(ratio_in_the_tail(SAM), {kappa: product, zeta: lost / product - 1}))
        request.progress((3 + len(tails)) / (3 + len(rates)))
    return xarray.Dataset(
        {
            "sharpness": (("algorithm", "step"), np.array([s for s, _ in runs]),
                          {"long_name": "sharpness λ₁", "units": "1"}),
            "edge": (("algorithm", "step"), np.array([e for _, e in runs]),
                     {"long_name": "predicted edge of λ₁", "units": "1"}),
            "edge_of_gd": ((), value(edge(GD), {eta: rate}),
                           {"long_name": "2/η", "units": "1"}),
            "ratio": (("product", "late"), np.array(tails),
                      {"long_name": "λ₁ of SAM over its edge", "units": "1"}),
            "limit": ("product", np.array(limits, dtype=float),
                      {"long_name": "predicted limit of λ₁ over the edge", "units": "1"}),
            "tail_eta": ("product", rates, {"long_name": style.ETA_LABEL, "units": "1"}),
            "tail_rho": ("product", radii, {"long_name": style.RHO_LABEL, "units": "1"}),
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "step": ("step", shown, {"long_name": "t", "units": "1"}),
            "late": ("late", late, {"long_name": "t", "units": "1"}),
        },
    )  # fmt: skip


def _times(n_steps: int, n_shown: int) -> Any:
    """Steps that are about evenly spaced on a logarithmic axis, the first ones all there."""
    return np.unique(np.round(np.geomspace(1, n_steps, n_shown)).astype(np.int32))


def _along(
    algorithm: Algorithm, start: Any, rate: float, radius: float, steps: Any
) -> tuple[Real, Real]:
    """The sharpness at these steps, and the edge for the gradient there."""
    path = trajectory(LOSS, algorithm, start, eta=rate, rho=radius, n_steps=int(steps[-1]))
    points = path[steps]
    sharpness = np.linalg.eigvalsh(np.asarray(LOSS.hessian(points)))[:, -1]
    norm = np.linalg.norm(np.asarray(LOSS.gradient(points)), axis=-1)
    at = {eta: rate, rho: radius, gradient_norm: norm}
    return sharpness, np.broadcast_to(value(edge(algorithm), at), sharpness.shape)


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """A panel for each algorithm, and the quotient for SAM."""
    return Layout((("GD", "USAM"), ("SAM", "ratio")), (PAGE, 4.4))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Sharpness as points, edges as lines."""
    for algorithm in data.algorithm.values:
        axes, one, look = panels[algorithm], data.sel(algorithm=algorithm), style.look(algorithm)
        axes.plot(data.step, one.sharpness, look.marker, color=look.colour, markersize=3)
        axes.plot(data.step, one.edge, color=style.PREDICTION, linewidth=1.0)
        axes.axhline(data.edge_of_gd.item(), color=style.PREDICTION, linestyle="--", linewidth=0.9)
        axes.set(
            xlabel="step t", ylabel="sharpness λ₁", xscale="log",
            xlim=(0.9, 1.1 * data.step.values[-1]),
        )  # fmt: skip
        panels.name(algorithm, algorithm)
    panels["GD"].set_ylim(0, 8)
    panels["USAM"].set_ylim(0, 8)
    panels["SAM"].set(yscale="log")
    axes, look, handles = panels["ratio"], style.look("SAM"), []
    for i, face in zip(range(data.sizes["product"]), (look.colour, "white"), strict=True):
        one = data.isel(product=i)
        axes.plot(
            data.late, one.ratio, look.marker, color=look.colour, markersize=3,
            markerfacecolor=face, markeredgewidth=0.7,
        )  # fmt: skip
        axes.axhline(one.limit.item(), color=style.PREDICTION, linewidth=0.9, zorder=1)
        handles.append(
            Line2D([], [], color=look.colour, marker=look.marker, linestyle="none",
                   markersize=3.5, markerfacecolor=face,
                   label=f"SAM, η = {one.tail_eta:g}, ρ = {one.tail_rho:g}")
        )  # fmt: skip
    axes.set(
        xlabel="step t", ylabel="sharpness / edge", xscale="log",
        xlim=(9, 1.1 * data.late.values[-1]), ylim=(0.985, 1.02),
    )  # fmt: skip
    panels.name("ratio", "SAM's sharpness over its edge")
    others = [style.points(a) for a in data.algorithm.values if a != "SAM"]
    lines = [style.line("edge of the algorithm, limit in (d)"), style.line("2/η", "--")]
    panels.legend([*others, *handles, *lines], columns=3)


sam_edge = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            ("bartlett2023_bouncing", "dai2023_gd_threshold", "dai2023_sam_drift",
             "dai2023_usam_trap"), Finding.HOLDS,
        ),
        landscapes=(LOSS,),
        algorithms=(GD, USAM, SAM),
        # Nothing is random; the seed is there because every figure has one.
        arguments={
            "seed": 0, "eta": 0.4, "rho": 0.1, "start": [2.0, 40**0.5], "n_steps": 1000,
            "tail_eta": [0.4, 0.1], "tail_rho": [0.1, 0.1], "tail_steps": 20_000,
        },
        sizes={"quick": {"n_shown": 80}, "full": {"n_shown": 120}},
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
