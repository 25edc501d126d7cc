r"""SAM loses the way to the origin of log cosh(xy) all at once, where ηρ² passes a critical value.

(a) The share of the starts, uniform in $[-1, 1]^2$, that SAM brings to the flat origin of the
valley of minima, against $\kappa = \eta\rho^2$. Beyond $\kappa_c = 0.300283$ (line) none gets
there: they end on a 2-cycle on the diagonal instead. (b) What $y$ is multiplied by at each step on
the way to the origin, the median of the starts. It slides on a 2-cycle astride the valley, on
which it is multiplied by $1 - c$ (line), $c$ being the smaller root of
$\kappa = c(1 - c)(2 - c)/(2 - 2c + c^2)$. At $\kappa_c$ this root meets the larger one (dashed)
and both are gone: the cycle vanishes in a fold, and so does the way. (For $\kappa$ between 0.155
and 0.17 up to four starts in a hundred slide faster, on a longer cycle.)
"""

from __future__ import annotations

import numpy as np
import xarray

from dynamics import SAM, Outcome, sweep, uniform_starts
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import LinearNeuron
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws import drift_to_origin
from proofs_check.laws.drift_to_origin import CRITERIA, DENOMINATOR, KAPPA, two_steps
from proofs_check.predictions import last_drifting_product

_ORIGIN = 0.05  # nearer than this to the origin is on the way there: the diagonal cycle is beyond
_PADDED = 1024
_MARKERS = ("^", "v", "<", ">")


def simulate(request: Request) -> xarray.Dataset:
    """Where all starts end for each κ and ρ, and the factor per step of those near the origin."""
    low, high = request["kappa"]
    kappas = np.linspace(low, high, request["n_kappa"])
    starts = uniform_starts(request["n_starts"], low=(-1, -1), high=(1, 1), seed=request["seed"])
    share = np.zeros((len(request["rho"]), len(kappas)))
    factor, found = np.zeros_like(share), np.zeros(share.shape, np.int8)
    for i, radius in enumerate(request["rho"]):
        etas = kappas / radius**2
        runs = sweep(
            LinearNeuron("logcosh"), SAM, eta=etas, rho=radius, starts=starts,
            n_steps=request["n_steps"], criteria=CRITERIA,
            progress=request.part(i, len(request["rho"])),
        ).isel(algorithm=0)  # fmt: skip
        height = np.abs(runs.final.values).max(axis=-1)
        there = (height < _ORIGIN) & (runs.outcome.values != Outcome.CYCLE)
        share[i] = there.mean(axis=-1)
        found[i] = there.any(axis=-1)
        factor[i] = [
            np.median(_factors(final[mine], eta, radius)) if mine.any() else 0.0
            for final, mine, eta in zip(runs.final.values, there, etas, strict=True)
        ]
    critical = float(last_drifting_product(SAM))
    lost = np.linspace(0, 1, 401)
    product = value(KAPPA / DENOMINATOR, {drift_to_origin.lost: lost})
    return xarray.Dataset(
        {
            "share": (("rho", "kappa"), share,
                      {"long_name": "share of starts that reach the origin", "units": "1"}),
            "factor": (("rho", "kappa"), factor,
                       {"long_name": "y⁺/y near the origin, 0 where none is", "units": "1"}),
            "found": (("rho", "kappa"), found,
                      {"long_name": "whether some start reaches the origin", "units": "1"}),
            "critical": ((), critical, {"long_name": "predicted last κ", "units": "1"}),
            "curve_kappa": ("curve", product,
                            {"long_name": "κ of the sliding 2-cycle", "units": "1"}),
            "curve_factor": ("curve", 1 - lost,
                             {"long_name": "predicted y⁺/y on it", "units": "1"}),
        },
        {
            "rho": ("rho", request["rho"], {"long_name": style.RHO_LABEL, "units": "1"}),
            "kappa": ("kappa", kappas, {"long_name": "κ = ηρ²", "units": "1"}),
        },
    )  # fmt: skip


def _factors(points: Real, rate: float, radius: float) -> Real:
    """What the height is multiplied by at each step, over the two steps of a bounce."""
    n = _PADDED * -(-len(points) // _PADDED)  # few shapes, so that little is compiled
    padded = np.resize(points, (n, 2))
    after = two_steps(SAM, "logcosh")(padded, np.full(n, rate), np.full(n, radius))
    return np.sqrt(np.abs(after).max(axis=-1) / np.abs(padded).max(axis=-1))[: len(points)]


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """The share, and the factor."""
    return Layout((("share", "factor"),), (PAGE, 3.0))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Shares and factors as points, the predicted end and the predicted factor as lines."""
    colour = style.look("SAM").colour
    handles = []
    for radius, marker in zip(data.rho.values, _MARKERS, strict=False):
        one, filled = data.sel(rho=radius), len(handles) % 2 == 0
        kind = {
            "color": colour, "marker": marker, "linestyle": "none", "markersize": 3.2,
            "markerfacecolor": colour if filled else "white", "markeredgewidth": 0.7,
        }  # fmt: skip
        panels["share"].plot(data.kappa, one.share, **kind)
        seen = one.found.values.astype(bool)
        handles += panels["factor"].plot(
            data.kappa[seen], one.factor[seen], label=f"SAM, ρ = {radius:g}", **kind
        )
    fold = int(data.curve_kappa.values.argmax())
    for part, look in ((slice(0, fold + 1), "-"), (slice(fold, None), "--")):
        panels["factor"].plot(
            data.curve_kappa[part], data.curve_factor[part], look, color=style.PREDICTION,
            zorder=1, linewidth=1.0,
        )  # fmt: skip
    for name, label in (("share", "share that reaches the origin"), ("factor", "y⁺/y per step")):
        panels[name].axvline(data.critical.item(), color=style.PREDICTION, linewidth=0.9, zorder=1)
        panels[name].set(xlabel="κ = ηρ²", ylabel=label, xlim=(0, data.kappa.values[-1]))
    panels["share"].set(ylim=(-0.03, 1.05))
    panels["factor"].set(ylim=(0, 1.05))
    panels.name("share", "which starts arrive")
    panels.name("factor", "how fast they do")
    handles += [style.line("predicted end, and factor"), style.line("second root", "--")]
    panels.legend(handles, columns=4)


critical_radius = register(
    Figure(
        module=__name__,
        claims={"dai2023_sam_drift": Finding.HOLDS},
        landscapes=(LinearNeuron("logcosh"),),
        algorithms=(SAM,),
        arguments={"seed": 1, "kappa": [0.01, 0.4], "rho": [0.5, 1.0], "n_steps": 3000},
        sizes={
            "tiny": {"n_kappa": 8, "n_starts": 20},
            "quick": {"n_kappa": 79, "n_starts": 300},
            "full": {"n_kappa": 391, "n_starts": 4000},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
