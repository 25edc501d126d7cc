r"""SAM drifts along the minima of log cosh(xy), where GD, USAM and StableSAM come to rest.

(a) Iterates from the start (2, 6.3), at $\eta = 0.4$, $\rho = 0.1$, over contours of the loss; the
minima are the axes (black). (b), (c) The sharpness $y_t^2$ of the valley where the iterate is,
against $t$. GD cannot rest where it exceeds $2/\eta$, nor can USAM where it exceeds
$\tilde y^2 = (\sqrt{1 + 8\rho/\eta} - 1)/(2\rho)$: predicted, solved for from the update rules, and
drawn in the colour of the algorithm. Each stops a little below its line. SAM never stops: bouncing
across the valley it slides to the origin, and near it $y$ is multiplied by one and the same factor
at each step (dash-dotted: the predicted slope, about $e^{-2\eta\rho^2 t}$).
"""

from __future__ import annotations

import numpy as np
import xarray
from matplotlib.axes import Axes

from dynamics import GD, SAM, USAM, StableSAM, trajectory
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import LinearNeuron
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.drift_to_origin import kept_per_step
from proofs_check.predictions import cycle_amplitudes, resting_heights_squared
from proofs_check.symbols import eta, rho

_FIRST = 40  #: steps of the second panel


def simulate(request: Request) -> xarray.Dataset:
    """One path of each algorithm, and the heights beyond which it cannot rest."""
    (landscape,) = request.landscapes
    rate, radius, n = request["eta"], request["rho"], request["n_steps"]
    paths = []
    for i, algorithm in enumerate(request.algorithms):
        paths.append(
            trajectory(landscape, algorithm, request["start"], eta=rate, rho=radius, n_steps=n)
        )
        request.progress((i + 1) / len(request.algorithms))
    rests = np.array([not cycle_amplitudes(a) for a in request.algorithms])
    heights = [
        float(value(resting_heights_squared(a), {eta: rate, rho: radius}))
        for a in request.algorithms
    ]
    x, y = np.linspace(-2.6, 2.6, 131), np.linspace(0, 6.6, 166)
    return xarray.Dataset(
        {
            "path": (("algorithm", "step", "dim"), np.array(paths),
                     {"long_name": "iterates (x, y)", "units": "1"}),
            "highest": ("algorithm", heights,
                        {"long_name": "predicted largest y² at rest", "units": "1"}),
            "rests": ("algorithm", rests.astype(np.int8),
                      {"long_name": "whether it can rest at a minimum", "units": "1"}),
            "factor": ((), kept_per_step(rate * radius**2),
                       {"long_name": "predicted y⁺/y of SAM near the origin", "units": "1"}),
            "loss": (("y", "x"), landscape.loss(np.stack(np.meshgrid(x, y), -1)),
                     {"long_name": "loss", "units": "1"}),
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "step": ("step", np.arange(n + 1, dtype=np.int32), {"long_name": "t", "units": "1"}),
            "x": ("x", x, {"long_name": "x", "units": "1"}),
            "y": ("y", y, {"long_name": "y", "units": "1"}),
        },
    )  # fmt: skip


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """The plane, and the height against time, first and in the long run."""
    return Layout((("plane", "first", "long"),), (PAGE, 3.0))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Paths and heights as points, predictions as lines."""
    plane, first, long = (panels[name] for name in ("plane", "first", "long"))
    levels = np.geomspace(0.003, 12, 10)
    plane.contour(data.x, data.y, data.loss, levels, cmap="Greys", linewidths=0.6, vmin=-3)
    for line in (plane.axvline, plane.axhline):
        line(0, color=style.PREDICTION, linewidth=1.0)
    for algorithm in reversed(data.algorithm.values):
        one, look = data.sel(algorithm=algorithm), style.look(algorithm)
        x, y = one.path.values.T
        plane.plot(x, y, look.marker, color=look.colour, markersize=2.4, linestyle="none")
        for axes, shown in ((first, slice(0, _FIRST + 1)), (long, slice(0, None, 20))):
            axes.plot(
                one.step[shown], y[shown] ** 2, look.marker, color=look.colour, markersize=2.6,
                linestyle="none",
            )  # fmt: skip
            if one.rests:
                axes.axhline(one.highest.item(), color=look.colour, linestyle="--", linewidth=0.9)
    _draw_law(data, long)
    plane.set(xlabel="x", ylabel="y", xlim=(-2.6, 2.6), ylim=(-0.3, 6.6))
    first.set(xlim=(0, _FIRST), ylim=(0, 9))
    long.set(yscale="log", xlim=(0, data.step[-1]), ylim=(1e-4, 100))
    for axes in (first, long):
        axes.set(xlabel="step t", ylabel="sharpness of the valley, y²")
    panels.name("plane", "iterates")
    panels.name("first", "sharpness, at first")
    panels.name("long", "sharpness, in the long run")
    handles = [style.points(algorithm) for algorithm in data.algorithm.values]
    handles += [
        style.line("minima"),
        style.line("predicted bound of rest", "--", style.FAINT),
        style.line("predicted slope of SAM", "-."),
    ]
    panels.legend(handles, columns=4)


def _draw_law(data: xarray.Dataset, axes: Axes) -> None:
    """The slope near the origin, from where y² is 0.1 of what it would be at rest."""
    for algorithm in data.algorithm.values[data.rests.values == 0]:
        y = data.path.sel(algorithm=algorithm).values[:, 1]
        begin = int(np.argmax(y**2 < 0.1))
        if y[begin] ** 2 < 0.1:
            t = np.arange(begin, len(y))
            # Beside the points, not on them: at half their height.
            slope = 0.5 * y[begin] ** 2 * data.factor.item() ** (2 * (t - begin))
            axes.plot(t, slope, "-.", color=style.PREDICTION, linewidth=0.9)


drift = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            ("dai2023_conservation", "dai2023_sam_drift", "dai2023_usam_trap"), Finding.HOLDS
        ),
        landscapes=(LinearNeuron("logcosh"),),
        algorithms=(GD, SAM, USAM, StableSAM),
        # Nothing is random; the seed is there because every figure has one.
        arguments={"seed": 0, "eta": 0.4, "rho": 0.1, "start": [2.0, 40**0.5]},
        sizes={"quick": {"n_steps": 1000}, "full": {"n_steps": 1000}},
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
