r"""How fast StableSAM nears a minimum: not better than a rate that no learning rate improves.

On quadratics of curvatures $\lambda_1 = 1$ and $\lambda_2 = 1/\kappa$, from starts much nearer to
the minimum than $\rho = 0.1$. Above: what $\|w\|$ is multiplied by per step, measured (points) and
predicted from the update rules (lines). Both algorithms converge up to $\eta = 2/\lambda_1$. But
StableSAM multiplies mode $i$ by $1 - \eta\lambda_i^2/\lambda$, with one $\lambda$, between the
curvatures, that depends on its direction (below). For
$\eta \le 2\lambda_2/(\lambda_1^2 + \lambda_2^2)$ it turns to the low mode, from
$2\lambda_1/(\lambda_1^2 + \lambda_2^2)$ on to the top one, and in between to a 2-cycle of
directions, on which $\lambda = \eta(\lambda_1^2 + \lambda_2^2)/2$ makes up for every $\eta$: the
factor is $(\kappa^2 - 1)/(\kappa^2 + 1)$, and for large $\kappa$ StableSAM is thus about $\kappa$
times slower than GD at its best, $(\kappa - 1)/(\kappa + 1)$.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray

from dynamics import GD, Algorithm, StableSAM, trajectory
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import Quadratic
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.local_rate import flat_factor
from proofs_check.predictions import multiplier, threshold, transversal_multiplier
from proofs_check.symbols import curvature, eta, ratio, rho

# A run is measured while it is nearer than the first and its norm's square above underflow.
_NEAR, _FAR = 1e-5, 1e-140


def simulate(request: Request) -> xarray.Dataset:
    """Factors per step and effective curvatures for each η, κ and algorithm, and predictions."""
    low, high = request["etas"]
    etas = np.round(np.linspace(low, high, request["n_eta"]), 12)
    random = np.random.default_rng(request["seed"])
    start = 1e-9 * random.standard_normal(2)
    shape = (len(request.algorithms), len(request["conditions"]), len(etas))
    factor, effective = np.zeros(shape), np.zeros(shape)
    wanted, expected = np.zeros(shape), np.zeros(shape)
    for j, condition in enumerate(request["conditions"]):
        spectrum = (1.0, 1 / condition)
        for i, algorithm in enumerate(request.algorithms):
            for k, rate in enumerate(etas):
                factor[i, j, k], effective[i, j, k] = measured(
                    algorithm, spectrum, rate, request["rho"], start, request["n_steps"]
                )
            wanted[i, j], expected[i, j] = predicted(algorithm, spectrum, etas, request["rho"])
            request.progress((j * shape[0] + i + 1) / (shape[0] * shape[1]))
    dims = ("algorithm", "kappa", "eta")
    one = {"units": "1"}
    return xarray.Dataset(
        {
            "factor": (dims, factor, {"long_name": "what ‖w‖ is multiplied by per step", **one}),
            "effective": (dims, effective, {"long_name": "‖∇²L g‖/‖g‖", **one}),
            "factor_predicted": (dims, wanted, {"long_name": "predicted factor", **one}),
            "effective_predicted": (dims, expected, {"long_name": "predicted ‖∇²L g‖/‖g‖", **one}),
            "edge": ("algorithm", [float(value(threshold(a), {curvature: 1.0, rho: 0.1}))
                                   for a in request.algorithms],
                     {"long_name": "predicted end of convergence in η", **one}),
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "kappa": ("kappa", np.array(request["conditions"]), {"long_name": "κ = λ₁/λ₂", **one}),
            "eta": ("eta", etas, {"long_name": style.ETA_LABEL, **one}),
        },
    )  # fmt: skip


def measured(
    algorithm: Algorithm, spectrum: Any, rate: float, radius: float, start: Real, n_steps: int
) -> tuple[float, float]:
    """The factor per step and ‖Hg‖/‖g‖ of a run, over the second half of what counts of it."""
    path = trajectory(
        Quadratic(spectrum), algorithm, start, eta=rate, rho=radius, n_steps=n_steps
    )  # fmt: skip
    with np.errstate(over="ignore"):  # beyond the edge
        norms = np.linalg.norm(path, axis=-1)
    outside = np.flatnonzero((norms > _NEAR) | (norms < _FAR))
    last = int(outside[0]) - 1 if len(outside) else n_steps
    first = last - 2 * max(1, last // 4)  # an even number of steps, for 2-cycles
    factor = (norms[last] / norms[first]) ** (1 / (last - first))
    gradient = np.asarray(spectrum) * path[last]
    ahead = np.asarray(spectrum) * gradient
    return float(factor), float(np.linalg.norm(ahead) / np.linalg.norm(gradient))


def predicted(algorithm: Algorithm, spectrum: Any, etas: Real, radius: float) -> tuple[Real, Real]:
    """The factor per step and ‖Hg‖/‖g‖ in the long run, for each η."""
    first, second = spectrum
    along, across = multiplier(algorithm), transversal_multiplier(algorithm)
    stays = {}
    for one, other in ((first, second), (second, first)):
        at = {curvature: one, ratio: other / one, eta: etas, rho: radius}
        # The direction of the mode `one` attracts if the other mode is multiplied by less.
        own = np.abs(value(along, at))
        stays[one] = own, np.abs(value(across, at)) <= own
    (top, at_top), (low, at_low) = stays[first], stays[second]
    flat = flat_factor(algorithm, spectrum)
    between = np.full(len(etas), flat)
    factor = np.select([at_top, at_low], [top, low], between)
    # 1 − ηλ₁²/λ is minus the factor between the two.
    effective = np.select([at_top, at_low], [first, second], etas * first**2 / (1 + between))
    return factor, effective


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """Factors over effective curvatures, a column for each κ."""
    rows = tuple(
        tuple(f"{row} {k:g}" for k in data.kappa.values) for row in ("factor", "effective")
    )
    return Layout(rows, (PAGE, 4.4), heights=(1.5, 1.0))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Measured factors as points, predicted ones as lines."""
    for condition in data.kappa.values:
        one, few = data.sel(kappa=condition), -(-data.sizes["eta"] // 105)
        for row, label, limits in (
            ("factor", "factor of ‖w‖ per step", (0.25, 1.15)),
            ("effective", "λ = ‖∇²L g‖/‖g‖", (0, 1.1)),
        ):
            axes = panels[f"{row} {condition:g}"]
            for i, name in enumerate(data.algorithm.values):
                look = style.look(name)
                axes.plot(
                    data.eta, one[row].sel(algorithm=name), look.marker, color=look.colour,
                    markersize=2.8, markevery=(2 * i * few, 4 * few),
                )  # fmt: skip
                axes.plot(
                    data.eta, one[f"{row}_predicted"].sel(algorithm=name), color=look.colour,
                    linewidth=0.9, zorder=1,
                )  # fmt: skip
            for edge in np.unique(data.edge.values):
                axes.axvline(edge, color=style.PREDICTION, linewidth=0.6, linestyle=":")
            axes.set(xlabel="ηλ₁", ylabel=label, ylim=limits, xlim=(0, data.eta.values[-1]))
            axes.yaxis.label.set_visible(panels.edges(f"{row} {condition:g}")[1])
        panels.name(f"factor {condition:g}", f"κ = {condition:g}")
        panels.name(f"effective {condition:g}", "the curvature that counts")
    panels.legend(
        [
            *(style.points(a, f"{a}, measured") for a in data.algorithm.values),
            style.line("predicted", "-", style.FAINT),
            style.line("predicted end of convergence", ":"),
        ]
    )


stablesam_rate = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            ("tan2024_stablesam_threshold", "dai2023_gd_threshold"), Finding.HOLDS
        ),
        algorithms=(GD, StableSAM),
        arguments={"seed": 5, "etas": [0.02, 2.1], "rho": 0.1, "conditions": [2.0, 5.0, 10.0]},
        sizes={
            "tiny": {"n_eta": 5, "n_steps": 100},
            "quick": {"n_eta": 105, "n_steps": 2000},
            "full": {"n_eta": 417, "n_steps": 8000},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
