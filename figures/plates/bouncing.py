r"""SAM bounces: on a quadratic it ends on a 2-cycle along the stiffest direction, and on no other.

(a) The energy $\lambda_i w_i^2/2$ in each eigendirection against $t$, at $\eta\lambda_1 = 0.6$.
The first mode goes to the predicted level (line), that of a 2-cycle of amplitude
$A_1 = \eta\rho\lambda_1/(2 - \eta\lambda_1)$; the others die out, each at its predicted rate
(dashed slopes). (b) The amplitude in units of $\rho$, measured for many $\eta$ and three radii: it
depends on $\eta\lambda_1$ alone, and grows without bound towards 2. (c) What one step multiplies
a deviation along $e_j$ by, beside the cycle along $e_i$, for several $r = \lambda_j/\lambda_i$:
measured and predicted, $1 - hr - (2 - h)r^2$ with $h = \eta\lambda_i$. In the grey band it shrinks:
for all $r < 1$, and for no $r > 1$. So the cycles along all directions but the first repel.
"""

from __future__ import annotations

import numpy as np
import xarray
from matplotlib.axes import Axes

from dynamics import SAM, batched, one_step, sweep, trajectory, uniform_starts
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import Quadratic
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.predictions import cycle_amplitude, transversal_multiplier
from proofs_check.symbols import curvature, eta, ratio, rho

_COLOURS = ("#d55e00", "#cc79a7", "#0072b2", "#009e73", "#e69f00", "#56b4e9")
_MARKERS = ("^", "v", "s", "D", "o", "P")
_DEVIATION = 1e-6  # of a start beside a cycle, relative to its amplitude


def simulate(request: Request) -> xarray.Dataset:
    """A path, amplitudes over a grid of η, and one step from beside each of many cycles."""
    spectrum, radius, h = np.array(request["spectrum"]), request["rho"], request["h"]
    landscape, steps = Quadratic(spectrum), np.arange(request["n_steps"] + 1)
    start = uniform_starts(1, low=[-1] * len(spectrum), high=[1] * len(spectrum),
                           seed=request["seed"])[0]  # fmt: skip
    path = trajectory(
        landscape, SAM, start, eta=h / spectrum[0], rho=radius, n_steps=int(steps[-1])
    )
    edges = np.linspace(0, 2, request["n_h"] + 2)[1:-1]
    radii = request["radii"]
    runs = sweep(
        landscape, SAM, eta=edges / spectrum[0], rho=radii, starts=start[None],
        n_steps=request["n_cycle"], early_stop=False, progress=request.part(0, 2),
    ).isel(algorithm=0, start=0)  # fmt: skip
    amplitude = np.abs(runs.final.values[..., 0]) / np.array(radii)[:, None]
    h_grid, r_grid = np.meshgrid(edges, request["ratios"])
    at_cycle = _amplitude(1.0, h_grid, 1.0)
    measured = _one_step(at_cycle, h_grid, r_grid)
    rates = [_transversal(h, r) for r in spectrum[1:] / spectrum[0]]
    level = spectrum[0] * _amplitude(spectrum[0], h / spectrum[0], radius) ** 2 / 2
    return xarray.Dataset(
        {
            "energy": (("mode", "step"), spectrum[:, None] * path.T**2 / 2,
                       {"long_name": "energy in an eigendirection", "units": "1"}),
            "level": ((), float(level),
                      {"long_name": "predicted energy on the cycle", "units": "1"}),
            "rate": ("other", np.abs(rates),
                     {"long_name": "predicted multiplier of the other modes", "units": "1"}),
            "amplitude": (("radius", "h"), amplitude,
                          {"long_name": "amplitude over ρ", "units": "1"}),
            "predicted_amplitude": ("h", _amplitude(1.0, edges, 1.0),
                                    {"long_name": "predicted amplitude over ρ", "units": "1"}),
            "multiplier": (("ratio", "h"), measured,
                           {"long_name": "multiplier beside the cycle", "units": "1"}),
            "predicted_multiplier": (("ratio", "h"), _transversal(h_grid, r_grid),
                                     {"long_name": "predicted multiplier", "units": "1"}),
        },
        {
            "step": ("step", steps.astype(np.int32), {"long_name": "t", "units": "1"}),
            "mode": ("mode", spectrum, {"long_name": "λᵢ", "units": "1"}),
            "other": ("other", spectrum[1:], {"long_name": "λⱼ", "units": "1"}),
            "h": ("h", edges, {"long_name": "ηλ₁", "units": "1"}),
            "radius": ("radius", radii, {"long_name": style.RHO_LABEL, "units": "1"}),
            "ratio": ("ratio", request["ratios"], {"long_name": "λⱼ/λᵢ", "units": "1"}),
        },
    )  # fmt: skip


def _amplitude(lam: float, rate: Real, radius: float) -> Real:
    return value(cycle_amplitude(SAM), {curvature: lam, eta: rate, rho: radius})


def _transversal(h: Real, r: Real) -> Real:
    # With λ = 1, η is h; the multiplier does not depend on ρ.
    return value(transversal_multiplier(SAM), {curvature: 1.0, eta: h, ratio: r, rho: 1.0})


def _one_step(amplitude: Real, h: Real, r: Real) -> Real:
    """w₂⁺/w₂ from beside the cycle along e₁, curvatures 1 and r, ρ = 1; all of one shape."""
    a, rate, second = amplitude.ravel(), h.ravel(), _DEVIATION * amplitude.ravel()
    spectra = np.stack([np.ones_like(a), r.ravel()], axis=-1)
    after = batched(lambda loss, w, e: one_step(loss, SAM, w, e, 1.0))(
        Quadratic.batch(spectra), np.stack([a, second], axis=-1), rate
    )
    return (after[:, 1] / second).reshape(amplitude.shape)


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """Energies, amplitudes, multipliers."""
    return Layout((("energy", "amplitude", "multiplier"),), (PAGE, 2.9))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """Simulated points and predicted lines."""
    _draw_energy(data, panels["energy"])
    axes = panels["amplitude"]
    axes.plot(data.h, data.predicted_amplitude, color=style.PREDICTION, linewidth=1.0, zorder=1)
    for i, radius in enumerate(data.radius.values):
        axes.plot(
            data.h, data.amplitude.sel(radius=radius), _MARKERS[i], color=_COLOURS[i],
            markersize=3, linestyle="none", markevery=(i, 3), label=f"ρ = {radius:g}",
        )  # fmt: skip
    axes.set(xlabel="ηλ₁", ylabel="amplitude / ρ", yscale="log", xlim=(0, 2))
    axes.legend(loc="upper left")
    axes = panels["multiplier"]
    axes.axhspan(-1, 1, color="#eeeeee", linewidth=0)
    for i, r in enumerate(data.ratio.values):
        one = data.sel(ratio=r)
        axes.plot(data.h, one.predicted_multiplier, color=style.PREDICTION, linewidth=0.8, zorder=1)
        axes.plot(
            data.h, one.multiplier, _MARKERS[i], color=_COLOURS[i], markersize=3,
            linestyle="none", markevery=3, label=f"r = {r:g}",
        )  # fmt: skip
    axes.set(xlabel="h = ηλᵢ", ylabel="multiplier along eⱼ", xlim=(0, 2), ylim=(-5.4, 1.3))
    axes.legend(loc="lower right", fontsize="small", ncols=2, columnspacing=0.8, handlelength=1)
    panels.name("energy", "energies")
    panels.name("amplitude", "amplitude of the 2-cycle")
    panels.name("multiplier", "beside the cycles")
    modes = zip(_COLOURS, data.mode.values, strict=False)
    handles = [style.line("predicted"), style.line("predicted slope", "--")]
    panels.legend([*handles, *(style.swatch(c, f"λ = {lam:g}") for c, lam in modes)], columns=6)


def _draw_energy(data: xarray.Dataset, axes: Axes) -> None:
    for i, lam in enumerate(data.mode.values):
        energy = data.energy.sel(mode=lam)
        axes.plot(
            data.step, energy, _MARKERS[i], color=_COLOURS[i], markersize=2.4, linestyle="none"
        )
    axes.axhline(data.level.item(), color=style.PREDICTION, linewidth=1.0, zorder=1)
    # Each slope through the last point of its mode that is shown, and above rounding.
    for i, lam in enumerate(data.other.values):
        energy = data.energy.sel(mode=lam).values
        last = int(np.flatnonzero(energy > 1e-18)[-1])
        t = np.arange(last // 3, last + 1)
        slope = energy[last] * float(data.rate[i]) ** (2.0 * (t - last))
        axes.plot(t, slope, "--", color=style.PREDICTION, linewidth=0.8)
    axes.set(xlabel="step t", ylabel="energy", yscale="log", ylim=(1e-18, 3))


bouncing = register(
    Figure(
        module=__name__,
        claims=dict.fromkeys(
            (
                "bartlett2023_bouncing", "bartlett2023_bouncing_rate",
                "bartlett2023_sam_never_settles",
            ),
            Finding.HOLDS,
        ),
        algorithms=(SAM,),
        arguments={
            "seed": 5, "spectrum": [2.0, 1.8, 0.8, 0.4], "rho": 0.1, "h": 0.6,
            "radii": [0.01, 0.1, 1.0], "ratios": [0.3, 0.6, 0.9, 1.2, 1.5], "n_steps": 80,
        },
        sizes={
            "quick": {"n_h": 59, "n_cycle": 3000},
            "full": {"n_h": 199, "n_cycle": 10_000},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
