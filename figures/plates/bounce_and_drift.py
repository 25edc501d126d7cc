r"""In a ravine gradient descent stays where it falls, USAM leaps down, SAM bounces and drifts.

The loss $\frac12(1 + y^2)x^2$, whose minima are the line $x = 0$, at $\eta = 0.35$, $\rho = 0.12$;
an animation, of which the still figure is the end. (a) Iterates from (0.3, 1.95) over contours of
the loss, and where SAM looks at the gradient (open triangle). (b) Height along the ravine. GD rests
where it comes down. Above the upper line the walls are too steep for USAM (predicted), which leaps
until it is below, and then rests too. SAM drifts on, as predicted (lower line, from where it has
reached its cycle). (c) Position across the ravine: SAM does not come to rest but bounces between
two points, predicted as $\pm\eta\rho\lambda/(2 - \eta\lambda)$; the curvature of the ravine where
it is is $\lambda = 1 + y^2$.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray

from dynamics import GD, SAM, USAM, trajectory
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import Ravine
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.sharpness_edge import edge
from proofs_check.laws.valley_drift import RAVINE, drift, followed
from proofs_check.predictions import cycle_amplitude
from proofs_check.symbols import curvature, eta, rho, y


def simulate(request: Request) -> xarray.Dataset:
    """One path of each algorithm, SAM's ascents, and what is predicted of SAM and of USAM."""
    loss, rate, radius, n = Ravine(), request["eta"], request["rho"], request["n_steps"]
    paths = []
    for algorithm in request.algorithms:
        paths.append(trajectory(loss, algorithm, request["start"], eta=rate, rho=radius, n_steps=n))
        request.progress(len(paths) / len(request.algorithms))
    of_sam = paths[[a.name for a in request.algorithms].index("SAM")]
    gradient = np.asarray(loss.gradient(of_sam))
    ascended = of_sam + radius * gradient / np.linalg.norm(gradient, axis=-1, keepdims=True)
    # From here on it is on its cycle, which it nears at the rate |1 − ηλ|.
    later = np.arange(request["settled"], n + 1)
    time = (later - later[0]) * rate * radius**2
    height = followed(drift(SAM), RAVINE, y, float(of_sam[later[0], 1]), rate, time)
    at: dict[Any, Any] = {eta: rate, rho: radius}
    amplitude = value(cycle_amplitude(SAM), at | {curvature: value(RAVINE, {y: height})})
    # The height at which 1 + y² is at the edge.
    border = np.sqrt(value(edge(USAM), at) - 1)
    side, along = np.linspace(-0.8, 0.8, 121), np.linspace(-0.1, 2.2, 121)
    steps, halves = _frames(request)
    return xarray.Dataset(
        {
            "path": (("algorithm", "step", "dim"), np.array(paths),
                     {"long_name": "iterates (x, y)", "units": "1"}),
            "ascended": (("step", "dim"), ascended,
                         {"long_name": "where SAM takes the gradient", "units": "1"}),
            "height": ("later", height, {"long_name": "predicted y of SAM", "units": "1"}),
            "amplitude": ("later", amplitude,
                          {"long_name": "predicted |x| of SAM", "units": "1"}),
            "border": ((), border, {"long_name": "predicted largest y of USAM", "units": "1"}),
            "loss": (("y", "x"), loss.loss(np.stack(np.meshgrid(side, along), -1)),
                     {"long_name": "loss", "units": "1"}),
            "shown_step": ("frame", steps, {"long_name": "step of a frame", "units": "1"}),
            "shows_ascent": ("frame", halves,
                             {"long_name": "whether a frame shows the ascent", "units": "1"}),
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "step": ("step", np.arange(n + 1, dtype=np.int32), {"long_name": "t", "units": "1"}),
            "later": ("later", later.astype(np.int32), {"long_name": "t", "units": "1"}),
            "x": ("x", side, {"long_name": "x", "units": "1"}),
            "y": ("y", along, {"long_name": "y", "units": "1"}),
        },
    )  # fmt: skip


def _frames(request: Request) -> tuple[np.ndarray, np.ndarray]:
    """Which step each frame shows, and whether the ascent from it too, as for the first steps.

    Later by several steps at a time, an odd number, so that both sides of a bounce are seen.
    """
    n, slow, (stride, long_stride) = request["n_steps"], request["slow"], request["strides"]
    first = np.repeat(np.arange(slow + 1), 2)
    short = np.arange(slow + 1, 5 * slow, stride)
    long = np.arange(short[-1] + long_stride, n, long_stride)
    rest = np.concatenate([short, long, np.full(request["hold"], n)])
    halves = np.concatenate([np.arange(len(first)) % 2, np.zeros(len(rest))])
    return np.concatenate([first, rest]).astype(np.int32), halves.astype(np.int8)


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """The plane, and its two coordinates against time."""
    return Layout((("plane", "height"), ("plane", "across")), (PAGE, 4.0), widths=(1, 1.25))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """The last frame."""
    _ground(data, panels)
    _show(data, panels, _runs(data, panels), int(data.step[-1]), ascent=True)


def animate(data: xarray.Dataset, panels: Panels) -> Iterator[None]:
    """Step by step, each of the first ones with the ascent before it."""
    _ground(data, panels)
    artists = _runs(data, panels)
    for step, half in zip(data.shown_step.values, data.shows_ascent.values, strict=True):
        _show(data, panels, artists, int(step), ascent=bool(half))
        yield


def _ground(data: xarray.Dataset, panels: Panels) -> None:
    """All that does not move: contours, predictions, labels."""
    plane, height, across = (panels[name] for name in ("plane", "height", "across"))
    plane.contour(
        data.x, data.y, data.loss, np.geomspace(2e-3, 2, 10), cmap="Greys", linewidths=0.6, vmin=-1
    )
    plane.axvline(0, color=style.PREDICTION, linewidth=1.0, zorder=1)
    kind = {"color": style.PREDICTION, "linewidth": 1.0, "zorder": 6}
    height.plot(data.later, data.height, **kind)
    height.axhline(data.border.item(), linestyle="--", **kind)
    for sign in (-1, 1):
        across.plot(data.later, sign * data.amplitude, **kind)
    times = {"xlabel": "step t", "xscale": "symlog", "xlim": (-0.3, 1.25 * data.step.values[-1])}
    plane.set(xlabel="x, across", ylabel="y, along", xlim=(-0.8, 0.8), ylim=(-0.1, 2.2))
    height.set(ylabel="y, along", ylim=(0, 2.2), **times)
    across.set(ylabel="x, across", ylim=(-0.75, 0.75), **times)
    panels.name("height", "drifting")
    panels.name("across", "bouncing")
    hollow = style.points("SAM", "where SAM looks")
    hollow.set_markerfacecolor("white")
    panels.legend(
        [
            *(style.points(a) for a in data.algorithm.values), hollow,
            style.line("predicted for SAM; the minima in (a)"),
            style.line("USAM cannot rest above", "--"),
        ],
        columns=3,
    )  # fmt: skip


def _runs(data: xarray.Dataset, panels: Panels) -> dict[str, Any]:
    """The artists that move, by algorithm and panel, without points yet."""
    artists: dict[str, Any] = {}
    for order, algorithm in enumerate(data.algorithm.values):
        look = style.look(algorithm)
        kind: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": "none"}
        for name, axes in panels.items():
            (trail,) = axes.plot([], [], markersize=2.4, alpha=0.55, zorder=3 + order, **kind)
            (head,) = axes.plot([], [], markersize=5, zorder=7 + order, **kind)
            artists[f"{algorithm} {name}"] = trail, head
    look = style.look("SAM")
    (artists["ascent"],) = panels["plane"].plot(
        [], [], ":", color=look.colour, marker=look.marker, markerfacecolor="white", markersize=5,
        linewidth=1.0, markevery=[-1], zorder=10,
    )  # fmt: skip
    return artists


def _show(
    data: xarray.Dataset, panels: Panels, artists: dict[str, Any], step: int, ascent: bool
) -> None:
    """Moves the artists to a step."""
    times = data.step.values[: step + 1]
    for algorithm in data.algorithm.values:
        x, along = data.path.sel(algorithm=algorithm).values[: step + 1].T
        for name, (one, other) in {
            "plane": (x, along), "height": (times, along), "across": (times, x)
        }.items():  # fmt: skip
            trail, head = artists[f"{algorithm} {name}"]
            trail.set_data(one, other)
            head.set_data(one[-1:], other[-1:])
    here, there = data.path.sel(algorithm="SAM").values[step], data.ascended.values[step]
    shown = np.array([here, there]).T if ascent else np.empty((2, 0))
    artists["ascent"].set_data(*shown)
    panels.name("plane", f"step {step}")


bounce_and_drift = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(("bartlett2023_bouncing", "dai2023_usam_threshold"), Finding.HOLDS),
        landscapes=(Ravine(),),
        algorithms=(GD, USAM, SAM),
        # Nothing is random; the seed is there because every figure has one.
        arguments={
            "seed": 0, "eta": 0.35, "rho": 0.12, "start": [0.3, 1.95], "settled": 6,
            "n_steps": 180,
        },
        sizes={
            "quick": {"slow": 6, "strides": [3, 11], "hold": 6},
            "full": {"slow": 14, "strides": [1, 3], "hold": 20},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
        animate=animate,
    )
)  # fmt: skip
