r"""Where iterates are in the long run as the learning rate grows, and how stable they are there.

Upper rows: one coordinate of late iterates against $\eta$, at $\rho = 0.1$; below each, the two
Lyapunov exponents, the rates at which nearby runs part (negative: they meet). Lines: the
predicted edge at which the minimum repels, $\eta = 2/\lambda$ for GD and StableSAM and $\eta =
2/(\lambda + \rho\lambda^2)$ for USAM, and, for SAM, the branches of its 2-cycle
$\pm\eta\rho\lambda/(2 - \eta\lambda)$ along the stiff direction, as on a quadratic. On the saddle
loss ($\lambda = 2 + \sqrt2$) the period doubles at the edge, where the larger exponent touches
zero; the 2-cycle then attracts until it comes near to zero once more, and runs diverge. SAM
alternates at every $\eta$, and passes the edge of GD without noticing. On $\log\cosh(xy)$, from
beside the minimum (0, 2) of sharpness 4, nothing doubles. One exponent is zero, since minima form
a line; the other touches zero at the edge, beyond which runs slide down to where it is negative
again. SAM slides to the origin at every $\eta$.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray

from dynamics import GD, SAM, USAM, Algorithm, StableSAM, batched, one_step, sweep
from dynamics.engine.outcome import has_a_next_step
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import Landscape, LinearNeuron, Saddle
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.predictions import cycle_amplitudes, threshold
from proofs_check.symbols import curvature, eta, rho


class _Case(NamedTuple):
    """A landscape, where runs start, the minimum that edges are for, and what is shown of it."""

    landscape: Landscape
    label: str
    start: tuple[float, float]
    minimum: tuple[float, float]
    coordinate: int
    limits: tuple[float, float]
    etas: tuple[float, float]


_CASES = {
    "saddle": _Case(Saddle(), "saddle: x", (1.1, 0.95), (1.0, 1.0), 0, (-0.8, 1.8), (0.3, 1.05)),
    "neuron": _Case(
        LinearNeuron("logcosh"), "log cosh(xy): y", (0.05, 2.0), (0.0, 2.0), 1, (-0.2, 2.4),
        (0.3, 1.6),
    ),
}  # fmt: skip
_GONE = 1e6  # farther from the origin, a run is given up
_ORIGIN = 1e-6
_SMALL = 1e-7  # the length of a deviation: its growth is off by as much, and by rounding over it


def simulate(request: Request) -> xarray.Dataset:
    """Late iterates and Lyapunov exponents of every algorithm, and what is predicted."""
    pairs = [(case, a) for case in _CASES.values() for a in request.algorithms]
    rows: list[list[Any]] = []
    for i, (case, algorithm) in enumerate(pairs):
        etas = _etas(case, request["n_eta"])
        runs = sweep(
            case.landscape, algorithm, eta=etas, rho=request["rho"], starts=case.start,
            n_steps=request["n_steps"], early_stop=False, progress=request.part(i, len(pairs)),
        ).isel(algorithm=0)  # fmt: skip
        bounded = has_a_next_step(runs.outcome.values)
        late, exponent = _late(case, algorithm, runs.final.values, etas, request)
        lam = float(np.linalg.eigvalsh(case.landscape.hessian(np.array(case.minimum)))[-1])
        at = {curvature: lam, eta: etas, rho: request["rho"]}
        edge = float(value(threshold(algorithm), at))
        bounded &= np.isfinite(exponent).all(axis=0) & (np.abs(late).max(axis=0) < _GONE)
        rows.append([
            np.where(bounded, late, 0.0), np.where(bounded, exponent, 0.0), bounded, edge,
            _stiff(case) * _amplitude(algorithm, at),
        ])  # fmt: skip
    shape = (len(_CASES), len(request.algorithms))
    late, exponent, bounded, edge, branch = (
        np.array(column).reshape(*shape, *np.shape(column[0])) for column in zip(*rows, strict=True)
    )
    dims = ("landscape", "algorithm")
    rests = np.array([not cycle_amplitudes(a) for a in request.algorithms])
    return xarray.Dataset(
        {
            "late": ((*dims, "late_step", "grid"), late.astype(np.float32),
                     {"long_name": "coordinate of late iterates, 0 if diverged", "units": "1"}),
            "exponent": ((*dims, "rank", "grid"), exponent,
                         {"long_name": "Lyapunov exponents, 0 if diverged", "units": "1/step"}),
            "moving": ((*dims, "grid"), (np.abs(late).max(axis=2) > _ORIGIN).astype(np.int8),
                       {"long_name": "whether the run is away from 0", "units": "1"}),
            "bounded": ((*dims, "grid"), bounded.astype(np.int8),
                        {"long_name": "whether the run is bounded", "units": "1"}),
            "edge": (dims, edge, {"long_name": "predicted edge in η", "units": "1"}),
            "rests": ("algorithm", rests.astype(np.int8),
                      {"long_name": "whether it can rest at a minimum", "units": "1"}),
            "branch": ((*dims, "grid"), branch,
                       {"long_name": "predicted half width of the 2-cycle", "units": "1"}),
            "eta": (("landscape", "grid"),
                    np.array([_etas(case, request["n_eta"]) for case in _CASES.values()]),
                    {"long_name": style.ETA_LABEL, "units": "1"}),
        },
        {"landscape": list(_CASES), "algorithm": [a.name for a in request.algorithms]},
    )  # fmt: skip


def _etas(case: _Case, n: int) -> Real:
    low, high = case.etas
    return np.linspace(low, high, n)


def _late(
    case: _Case, algorithm: Algorithm, points: Real, etas: Real, request: Request
) -> tuple[Real, Real]:
    """One coordinate of late iterates, shape `(late_step, eta)`, and the exponents, `(2, eta)`.

    The exponents are the mean growths per step of two small deviations, which are made small again
    after each step, and the second orthogonal to the first.
    """
    step = batched(partial(one_step, case.landscape, algorithm))
    n, every = len(etas), np.tile(etas, 3)
    rhos = np.full(3 * n, request["rho"])
    axes = np.stack([np.tile(e, (n, 1)) for e in ([0.6, 0.8], [-0.8, 0.6])])
    late, growth = [], np.zeros((2, n))
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(request["n_measured"]):
            from_here = np.concatenate([points, *(points + _SMALL * axes)])
            points, *beside = np.split(step(from_here, every, rhos), 3)
            first, second = ((b - points) / _SMALL for b in beside)
            for i, grown in enumerate((first, second)):
                if i:
                    grown = grown - (grown * axes[0]).sum(-1, keepdims=True) * axes[0]
                length = np.maximum(np.linalg.norm(grown, axis=-1), _SMALL)
                growth[i] += np.log(length)
                # Of a deviation that is gone, whatever its rate, the direction is not known: kept.
                gone = (length <= _SMALL)[:, None]
                axes[i] = np.where(gone, axes[i], grown / length[:, None])
            axes[1] = axes[0][:, ::-1] * [-1.0, 1.0]
            late.append(points[:, case.coordinate])
    return np.array(late[-request["n_late"] :]), growth / request["n_measured"]


def _stiff(case: _Case) -> float:
    """By how much the shown coordinate changes along the stiff direction of the minimum."""
    stiff = np.linalg.eigh(case.landscape.hessian(np.array(case.minimum)))[1][:, -1]
    return float(abs(stiff[case.coordinate]))


def _amplitude(algorithm: Algorithm, at: Mapping[Any, Any]) -> Real:
    """Of the 2-cycle at each η; 0 where there is none."""
    amplitudes = cycle_amplitudes(algorithm)
    exists = bool(amplitudes) & (at[eta] < value(threshold(algorithm), at))
    return np.where(exists, value(amplitudes[0], at) if amplitudes else 0.0, 0.0)


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """For each landscape a row of iterates and a row of exponents, a column for each algorithm."""
    rows = tuple(
        tuple(f"{row} {what} {algorithm}" for algorithm in data.algorithm.values)
        for row in _CASES
        for what in ("iterates", "exponent")
    )
    return Layout(rows, (PAGE, 5.4), heights=(1.6, 1.0) * len(_CASES))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Iterates and exponents as points, predicted edges and branches as lines."""
    for row, case in _CASES.items():
        for algorithm in data.algorithm.values:
            one = data.sel(landscape=row, algorithm=algorithm)
            _draw(one, case, panels, f"{row} iterates {algorithm}", f"{row} exponent {algorithm}")
            panels.name(f"{row} iterates {algorithm}", algorithm)
            panels.name(f"{row} exponent {algorithm}")
    panels.legend([style.line("predicted edge", "--"), style.line("predicted 2-cycle of SAM")])


def _draw(one: xarray.Dataset, case: _Case, panels: Panels, above: str, below: str) -> None:
    colour, ends = style.look(one.algorithm.item()).colour, one.bounded.values.astype(bool)
    etas, late = one.eta.values[ends], one.late.values[:, ends]
    panels[above].plot(
        np.tile(etas, len(late)),
        late.ravel(),
        ".",
        color=colour,
        markersize=0.9,
        markeredgewidth=0,
        rasterized=True,
    )
    # At a degenerate origin, where SAM is not smooth, deviations say nothing.
    shown = ends & one.moving.values.astype(bool)
    for exponent, size in zip(one.exponent.values, (1.8, 0.7), strict=True):
        panels[below].plot(
            one.eta.values[shown], exponent[shown], ".", color=colour, markersize=size
        )
    panels[below].axhline(0, color=style.FAINT, linewidth=0.5)
    cycles = one.branch.values > 0
    for sign in (1, -1) if cycles.any() else ():
        at = case.minimum[case.coordinate] + sign * one.branch.values[cycles]
        panels[above].plot(
            one.eta.values[cycles], at, color=style.PREDICTION, linewidth=0.8,
            path_effects=style.halo(),
        )  # fmt: skip
    for panel, label in ((above, case.label), (below, "exponent")):
        if one.rests:
            panels[panel].axvline(
                one.edge.item(), color=style.PREDICTION, linestyle="--", linewidth=0.9
            )
        panels[panel].set(xlabel=style.ETA_LABEL, ylabel=label, xlim=case.etas)
        leftmost = panels.edges(panel)[1]
        panels[panel].yaxis.label.set_visible(leftmost)
        panels[panel].tick_params(labelleft=leftmost)
    panels[above].set(ylim=case.limits)
    panels[above].xaxis.label.set_visible(not panels.own)
    panels[above].tick_params(labelbottom=not panels.own)
    panels[below].set(ylim=(-1.2, 0.6))


bifurcation = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            (
                "dai2023_gd_threshold", "dai2023_usam_threshold", "tan2024_stablesam_threshold",
                "bartlett2023_bouncing",
            ),
            Finding.HOLDS,
        ),
        landscapes=(Saddle(), LinearNeuron("logcosh")),
        algorithms=(GD, SAM, USAM, StableSAM),
        takes=("algorithms",),
        # Nothing is random; the seed is there because every figure has one.
        arguments={"seed": 0, "rho": 0.1, "n_steps": 20_000, "n_measured": 256, "n_late": 64},
        sizes={
            "tiny": {"n_eta": 20, "n_steps": 2000, "n_measured": 64},
            "quick": {"n_eta": 240},
            "full": {"n_eta": 1200, "n_measured": 2000, "n_late": 128},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
