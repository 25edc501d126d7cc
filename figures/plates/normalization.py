r"""What normalising the ascent is good for: loss against steps, after Dai et al. (2023).

Upper row: a strongly convex quadratic with $\beta = 10$ and $\alpha = 1$, at $\eta = 0.1$, half of
what GD bears. Lines are predictions: GD and USAM multiply each mode by a constant at every step, so
that their loss is known for ever; SAM comes to rest on a 2-cycle whose loss is the dashed floor.
USAM converges as long as $\eta < 2/(\beta + \rho\beta^2)$, which for this $\eta$ is $\rho < 0.1$,
and diverges beyond, while the ascent of SAM, being of length $\rho$ whatever the gradient, costs
no more than the floor. Lower row: recovery of a matrix of rank 3 from random measurements, at a
seventh of GD's limit. Its loss is a quartic, and USAM with $\rho = 0.1$ diverges within three
steps (×): far out its map grows as the ninth power, that of SAM as the third, as GD's does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from dynamics import GD, SAM, USAM, Algorithm, normal_starts, trajectory
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import Landscape, MatrixSensing, Quadratic
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.predictions import cycle_amplitudes, multiplier, threshold
from proofs_check.symbols import curvature, eta, rho

_ROWS = {"quadratic": "quadratic", "sensing": "matrix sensing"}
_TOP = 1e30  # a loss beyond is drawn nowhere, and ends the path
_START = (0.9, 0.7)  # on the quadratic; on no axis


def simulate(request: Request) -> xarray.Dataset:
    """The loss of each algorithm for each radius on both landscapes, and what is predicted."""
    n, rank, measurements = request["size"]
    problems: dict[str, tuple[Landscape, Any]] = {
        "quadratic": (Quadratic((request["beta"], 1.0)), np.array(_START)),
        "sensing": (
            MatrixSensing(n, rank, measurements, seed=request["seed"]),
            normal_starts(1, n * n, scale=n**-0.5, seed=3)[0],
        ),
    }
    radii = {name: request[f"rho_{name}"] for name in problems}
    steps = np.arange(request["n_steps"] + 1)
    loss, done, parts = [], 0, 2 * len(radii["quadratic"])
    for name, (landscape, start) in problems.items():
        for radius in radii[name]:
            for algorithm in request.algorithms:
                path = trajectory(
                    landscape, algorithm, start, eta=request[f"eta_{name}"], rho=radius,
                    n_steps=len(steps) - 1,
                )  # fmt: skip
                with np.errstate(over="ignore"):
                    loss.append(np.asarray(landscape.loss(path)))
            done += 1
            request.progress(done / parts)
    shape = (2, len(radii["quadratic"]), len(request.algorithms), len(steps))
    every = np.nan_to_num(np.array(loss), nan=np.inf).reshape(shape)
    # From the first loss beyond the top on, there is none.
    alive = np.logical_and.accumulate(every < _TOP, axis=-1)
    spectrum = problems["quadratic"][0].spectrum  # pyright: ignore[reportAttributeAccessIssue]
    predicted = np.array([
        [_predicted(a, spectrum, request["eta_quadratic"], r, steps) for a in request.algorithms]
        for r in radii["quadratic"]
    ])  # fmt: skip
    edge = [
        _edge(a, request["beta"], radii["quadratic"], request["eta_quadratic"])
        for a in request.algorithms
    ]
    return xarray.Dataset(
        {
            "loss": (("landscape", "column", "algorithm", "step"), np.where(alive, every, 0.0),
                     {"long_name": "loss, 0 once it is gone", "units": "1"}),
            "alive": (("landscape", "column", "algorithm", "step"), alive.astype(np.int8),
                      {"long_name": "whether the loss is still there", "units": "1"}),
            "predicted": (("column", "algorithm", "step"), predicted,
                          {"long_name": "predicted loss on the quadratic", "units": "1"}),
            "diverges": (("algorithm", "column"), np.array(edge, np.int8),
                         {"long_name": "whether divergence is predicted there", "units": "1"}),
        },
        {
            "landscape": list(_ROWS), "algorithm": [a.name for a in request.algorithms],
            "step": ("step", steps.astype(np.int32), {"long_name": "step t", "units": "1"}),
            "radius": (("landscape", "column"), np.array(list(radii.values())),
                       {"long_name": style.RHO_LABEL, "units": "1"}),
            "eta": ("landscape", [request[f"eta_{name}"] for name in problems],
                    {"long_name": style.ETA_LABEL, "units": "1"}),
        },
    )  # fmt: skip


def _predicted(algorithm: Algorithm, spectrum: Real, rate: float, radius: float, t: Any) -> Real:
    """The loss of a method that multiplies each mode, or the floor of one that ends on a cycle."""
    start = np.array(_START)
    if amplitudes := cycle_amplitudes(algorithm):
        at = {curvature: spectrum[0], eta: rate, rho: radius}
        return np.full(len(t), spectrum[0] * float(value(amplitudes[0], at)) ** 2 / 2)
    factor = value(multiplier(algorithm), {curvature: spectrum, eta: rate, rho: radius})
    modes = spectrum * (factor ** t[:, None] * start) ** 2 / 2
    return np.minimum(modes.sum(axis=-1), _TOP)


def _edge(algorithm: Algorithm, beta: float, radii: Any, rate: float) -> Any:
    at = {curvature: beta, rho: np.asarray(radii)}
    return rate > value(threshold(algorithm), at) * np.ones(len(radii))


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """A row for each landscape, a column for each radius."""
    rows = tuple(tuple(f"{row} {i}" for i in range(data.sizes["column"])) for row in _ROWS)
    return Layout(rows, (PAGE, 4.3))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """The losses as points, and on the quadratic the predicted ones as lines."""
    for row, label in _ROWS.items():
        for i in range(data.sizes["column"]):
            one, axes = data.sel(landscape=row).isel(column=i), panels[f"{row} {i}"]
            low, high = (1e-7, 1e6) if row == "quadratic" else (1e-2, 1e8)
            for j, algorithm in enumerate(data.algorithm.values):
                _draw(one.sel(algorithm=algorithm), axes, row == "quadratic", j, high)
            axes.set(xlabel="step t", ylabel=f"{label}: loss", yscale="log", ylim=(low, high))
            axes.yaxis.label.set_visible(panels.edges(f"{row} {i}")[1])
            panels.name(f"{row} {i}", f"η = {float(one.eta):g}, ρ = {float(one.radius):g}")
            if row == "quadratic" and (bad := _diverging(one)):
                axes.text(
                    0.97, 0.82, f"predicted: {bad} diverges", transform=axes.transAxes,
                    horizontalalignment="right", path_effects=style.halo(),
                )  # fmt: skip
    panels.legend(
        [
            *(style.points(a) for a in data.algorithm.values),
            style.line("predicted loss", "-", style.FAINT),
            style.line("predicted floor", "--", style.FAINT),
        ],
        columns=6,
    )


def _diverging(one: xarray.Dataset) -> str:
    return ", ".join(one.algorithm.values[one.diverges.values.astype(bool)])


def _draw(one: xarray.Dataset, axes: Axes, with_theory: bool, order: int, top: float) -> None:
    look = style.look(one.algorithm.item())
    alive = one.alive.values.astype(bool)
    axes.plot(
        one.step[alive], one.loss[alive], look.marker, color=look.colour, markersize=2.6,
        linestyle="none", markevery=(order % 3, 3) if alive.all() else None,
    )  # fmt: skip
    if not alive.all():  # where it has left the panel
        left = int(np.argmax(~alive | (one.loss.values > top)))
        axes.plot(one.step[left], 0.95, "x", color=look.colour, markersize=5,
                  transform=axes.get_xaxis_transform())  # fmt: skip
    if with_theory:
        flat = bool((one.predicted == one.predicted[0]).all())
        axes.plot(
            one.step, one.predicted, "--" if flat else "-", color=look.colour, linewidth=0.8,
            zorder=1,
        )  # fmt: skip


normalization = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            (
                "dai2023_gd_threshold", "dai2023_usam_threshold", "dai2023_usam_diverges",
                "bartlett2023_bouncing", "dai2023_matrix_sensing",
            ),
            Finding.HOLDS,
        ),
        algorithms=(GD, SAM, USAM),
        arguments={
            "seed": 0, "beta": 10.0, "eta_quadratic": 0.1, "rho_quadratic": [0.03, 0.09, 0.3],
            "eta_sensing": 0.05, "rho_sensing": [0.01, 0.1, 0.3], "n_steps": 60,
        },
        # The matrix' size, its rank, and the number of measurements.
        sizes={
            "tiny": {"size": [8, 2, 60], "n_steps": 12},
            "quick": {"size": [30, 3, 450]},
            "full": {"size": [30, 3, 450]},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
