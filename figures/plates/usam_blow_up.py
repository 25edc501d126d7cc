r"""USAM blows up on matrix sensing within four steps, where SAM and gradient descent do not.

(a)–(f) The loss at each step, for six radii $\rho$, on our instance: a $30 \times 30$ matrix of
rank 3, 450 measurements, $\eta = 0.05$, all from one start. Up to $\rho = 0.01$ all methods agree;
at 0.1 USAM leaves the picture, SAM does so only where $\rho$ is thirty times larger. (g) Table III
of the report "Investigations on Sharpness-Aware Minimization" (Wong, Yao, Huang) beside runs of
ours with its $\eta$ and $\rho$, from the start on. Its numbers could not be reproduced: it states
neither the start nor the normalisation of the loss. Ours are $1/(2m)$, the best of four tried, and
Gaussian entries, of the deviation $0.52/\sqrt d$ with which USAM's third loss is nearest; at size
quick, $0.55/\sqrt d$ for a matrix of 70 rows in place of 100. Its two methods also differ from the
first line on, where ours have taken no step. What is reproduced is the course: SAM falls, and USAM
is lost at the fourth line. (h) How fast it is lost: $\ln L_{t+1} / \ln L_t$ along the runs that
diverge, and from the report's table (hollow). Far out a step of USAM grows like the 9th power of
the matrix, one of SAM like the 3rd (lines, derived from the update rules): so do the losses, and a
loss of $10^7$ becomes one of $10^{65}$ in a single step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from dynamics import GD, SAM, USAM, Algorithm, batched, normal_starts, one_step
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import MatrixSensing
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.laws.growth_far_out import far_out

#: Wong, Yao & Huang, table III: losses of SAM and of USAM at steps 1 to 4, ρ = 0.1.
REPORT = {"SAM": (4.714, 2.81, 1.748, 1.199), "USAM": (4.872, 22.873, 70595465.0, 1.545e65)}
_LOST = 1e150  # a loss beyond this is kept as this: what follows overflows
_GROWING = 100.0  # losses above this are on the way out


def simulate(request: Request) -> xarray.Dataset:
    """The losses along runs with every radius, on our instance and on the report's sizes."""
    radii, n = np.array(request["rho"]), request["n_steps"]
    ours = _instance(request, "ours")
    losses = []
    for algorithm in request.algorithms:
        losses.append(_losses(ours, algorithm, request["ours"], radii, n, request["seed"]))
        request.progress(len(losses) / 6)
    theirs, compared = _instance(request, "theirs"), []
    radius, lines = np.array([request["report_rho"]]), len(REPORT["SAM"])
    for algorithm in (SAM, USAM):
        compared.append(
            _losses(theirs, algorithm, request["theirs"], radius, lines, request["seed"])[0]
        )
        request.progress((3 + len(compared)) / 6)
    return xarray.Dataset(
        {
            "loss": (("algorithm", "rho", "step"), np.array(losses),
                     {"long_name": "loss, at most 1e150", "units": "1"}),
            "report": (("compared", "line"), np.array([REPORT[a] for a in ("SAM", "USAM")]),
                       {"long_name": "losses in the report's table III", "units": "1"}),
            "theirs": (("compared", "start_and_line"), np.array(compared),
                       {"long_name": "losses of ours with the report's η and ρ", "units": "1"}),
            "report_rho": ((), radius[0], {"long_name": "ρ of the table", "units": "1"}),
            "report_eta": ((), request["theirs"]["eta"],
                           {"long_name": "η of the table", "units": "1"}),
            "degree": ("algorithm", [_degree(a) for a in request.algorithms],
                       {"long_name": "predicted limit of ln L⁺/ln L far out", "units": "1"}),
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "compared": ["SAM", "USAM"],
            "rho": ("rho", radii, {"long_name": style.RHO_LABEL, "units": "1"}),
            "step": ("step", np.arange(n + 1, dtype=np.int32), {"long_name": "t", "units": "1"}),
        },
    )  # fmt: skip


def _instance(request: Request, which: str) -> MatrixSensing:
    size = request[which]
    return MatrixSensing(size["dim"], size["rank"], 5 * size["dim"] * size["rank"], seed=0)


def _losses(
    loss: MatrixSensing, algorithm: Algorithm, size: Any, radii: Real, n: int, seed: int
) -> Real:
    """The losses along a run with each radius from the same start, shape `(rho, step)`."""
    step = batched(lambda w, rho: one_step(loss, algorithm, w, size["eta"], rho))
    scale = size["scale"] / size["dim"] ** 0.5
    w = np.repeat(normal_starts(1, loss.dim, scale=scale, seed=seed), len(radii), axis=0)
    found = [np.asarray(loss.loss(w))]
    for _ in range(n):
        # A run that is lost stays where it was: its next step might overflow.
        w = np.where(found[-1][:, None] < _LOST, np.asarray(step(w, radii)), w)
        now = np.asarray(loss.loss(np.where(np.abs(w) < _LOST, w, 1.0)))
        out = (found[-1] >= _LOST) | (now >= _LOST) | (np.abs(w) >= _LOST).any(axis=-1)
        found.append(np.where(out | ~np.isfinite(now), _LOST, now))
    return np.stack(found, axis=-1)


def _degree(algorithm: Algorithm) -> int:
    """The least power of u that bounds u⁺ for one measurement of one number u: the map's degree."""
    return next(power for power in range(1, 20) if far_out(algorithm, power).is_finite)


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """A panel for each radius; below, the table and the growth."""
    radii = [f"{radius:g}" for radius in data.rho.values]
    half = len(radii) // 2
    below = ("table",) * half + ("growth",) * (len(radii) - half)
    return Layout((tuple(radii), below), (PAGE, 4.4), heights=(1, 1.15))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Losses as points, the report's table beside ours, growth as points between lines."""
    for i, radius in enumerate(data.rho.values):
        axes, name = panels[f"{radius:g}"], f"{radius:g}"
        _draw_losses(data.sel(rho=radius), axes)
        alone = i == 0 or not panels.own
        axes.tick_params(labelleft=alone)
        axes.yaxis.label.set_visible(alone)
        panels.name(name, f"ρ = {name}")
    _draw_table(data, panels["table"])
    _draw_growth(data, panels["growth"])
    panels.name(
        "table", f"a report's table, and ours: ρ = {data.report_rho:g}, η = {data.report_eta:g}"
    )
    panels.name("growth", "how fast a loss is lost")
    hollow = style.points("USAM", "from the report's table")
    hollow.set(markerfacecolor="white")
    panels.legend(
        [*(style.points(a) for a in data.algorithm.values), hollow, style.line("predicted degree")],
        columns=5,
    )  # fmt: skip


def _draw_losses(data: xarray.Dataset, axes: Axes) -> None:
    top = 3e9
    # Where they agree, the smaller ones lie on the larger.
    for algorithm, size in zip(reversed(data.algorithm.values), (4.6, 3.2, 1.8), strict=True):
        look, losses = style.look(algorithm), data.loss.sel(algorithm=algorithm)
        seen = losses.values < top
        axes.plot(data.step[seen], losses[seen], look.marker, color=look.colour, markersize=size)
        if not seen.all():
            lost = int(np.argmin(seen))
            axes.annotate(
                "", (lost, top), (lost - 0.25, top / 300), color=look.colour,
                arrowprops={"arrowstyle": "->", "color": look.colour, "linewidth": 0.9},
            )  # fmt: skip
    axes.set(
        yscale="log", ylim=(0.1, top), xlim=(-0.6, data.step.values[-1] + 0.6), xlabel="step t",
        ylabel="loss", xticks=(0, 5, 10),
    )  # fmt: skip


def _draw_table(data: xarray.Dataset, axes: Axes) -> None:
    axes.axis("off")
    first = data.theirs.values[:, : data.sizes["line"]]
    rows = [
        [f"{line + 1}", *(_shown(v) for v in (*data.report.values[:, line], *first[:, line]))]
        for line in range(data.sizes["line"])
    ]
    table = axes.table(
        rows, colLabels=["line", "SAM,\nreport", "USAM,\nreport", "SAM,\nours", "USAM,\nours"],
        cellLoc="right", colWidths=[0.11, *[0.22] * 4], bbox=Bbox.from_bounds(0, 0.05, 1, 0.95),
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(6.5)
    for (_, column), cell in table.get_celld().items():
        cell.set_linewidth(0.4)
        if column:
            cell.get_text().set_color(style.look(("SAM", "USAM")[(column - 1) % 2]).colour)


def _shown(loss: float) -> str:
    if loss < 1e4:
        return f"{loss:.3f}"
    power = int(np.floor(np.log10(loss)))
    return f"{loss / 10.0**power:.2f}·$10^{{{power}}}$"


def _draw_growth(data: xarray.Dataset, axes: Axes) -> None:
    for algorithm in data.algorithm.values:
        if algorithm == "GD":
            continue
        look, one = style.look(algorithm), data.sel(algorithm=algorithm)
        runs = [*one.loss.values, data.theirs.sel(compared=algorithm).values]
        for losses in runs:
            axes.plot(*_growth(losses), look.marker, color=look.colour, markersize=3.5)
        axes.plot(
            *_growth(data.report.sel(compared=algorithm).values), look.marker, color=look.colour,
            markerfacecolor="white", markersize=5,
        )  # fmt: skip
        degree = one.degree.item()
        axes.axhline(degree, color=style.PREDICTION, linewidth=0.9, zorder=1)
        axes.text(
            7e17,
            degree + 0.15,
            f"{algorithm}: {degree}",
            color=look.colour,
            ha="right",
            va="bottom",
        )
    axes.set(
        xscale="log", xlim=(10, 1e18), ylim=(1, 13), xlabel="loss $L_t$",
        ylabel="$\\ln L_{t+1}\\,/\\,\\ln L_t$",
    )  # fmt: skip


def _growth(losses: Real) -> tuple[Real, Real]:
    now, then = losses[:-1], losses[1:]
    out = (now > 10) & (then > _GROWING) & (then < _LOST)
    return now[out], np.log(then[out]) / np.log(now[out])


usam_blow_up = register(
    Figure(
        module=__name__,
        claims={"dai2023_matrix_sensing": Finding.HOLDS},
        algorithms=(GD, SAM, USAM),
        arguments={
            "seed": 3, "rho": [0.001, 0.005, 0.01, 0.1, 1.0, 3.0], "n_steps": 10, "report_rho": 0.1,
            "ours": {"dim": 30, "rank": 3, "eta": 0.05, "scale": 1.0},
        },
        sizes={
            "tiny": {"theirs": {"dim": 12, "rank": 2, "eta": 0.5, "scale": 0.55}},
            "quick": {"theirs": {"dim": 70, "rank": 5, "eta": 0.5, "scale": 0.55}},
            "full": {"theirs": {"dim": 100, "rank": 5, "eta": 0.5, "scale": 0.52}},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
