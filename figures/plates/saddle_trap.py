r"""Saddles that hold: SAM at any radius, USAM beyond a radius.

On quadratics with negative curvature, which GD leaves at once. (a) SAM near a saddle of curvatures
$\lambda = 1$ and $-m$: coloured where it
stays (paler: from some starts). It follows the 2-cycle along $\lambda$, which
attracts across it iff $\eta < 2m/(\lambda(\lambda + m))$ (line, for $m < \lambda$), at every
$\rho$. Beyond $m = \lambda$ nothing is predicted: what is held there moves about without coming to
rest. (b) USAM with $m = 1/2$: the saddle attracts iff $\rho > 1/m$ (as Kim et al. have it for the
flow) and $\eta(\lambda + \rho\lambda^2) < 2$ (lines). (c) The distance that is left of $0.01$ along
the negative curvature after 500 steps with $\eta = 0.01$ on $x^2 - y^2$, from $(-3, -0.01)$; lines
are predicted. It falls for USAM from $\rho = 1/2$ on, while SAM and StableSAM are held from far
smaller radii on. (d) The share of starts that SAM keeps, with $\eta = 0.002$ and curvatures 2, 0.7,
$-0.4$, $-1$, against $\|\nabla L\|$ at the start in units of $0.4\,\rho$. Along the curvature
$-0.4$ it ends at 1 (line), the point whose ascent ends on the saddle; in no direction before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import numpy as np
import xarray

from dynamics import GD, SAM, USAM, Algorithm, ArrayVector, StableSAM, step
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes.checks import Real
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.saddles import (
    capture_edge,
    capture_formula,
    radius_that_holds,
    resting_distance,
)
from proofs_check.predictions import multiplier
from proofs_check.symbols import curvature, eta, rho

_NEGATIVE = 0.5  # m of panel (b)
_SPECTRUM = (2.0, 0.7, -0.4, -1.0)  # of panel (d); −0.4 holds least
_BEAM = (2.0, -2.0)  # of panel (c): x² − y²


def run(
    algorithm: Algorithm, curvatures: Any, etas: Any, rhos: Any, starts: Any, n_steps: int
) -> Real:
    """Where runs on Σλᵢwᵢ²/2 end; all arrays go together, the last axis having the coordinates.

    A run is stopped where it is 10⁶ away.
    """
    shape = np.broadcast_shapes(
        np.shape(curvatures), np.shape(starts), (*np.shape(etas), 1), (*np.shape(rhos), 1)
    )
    flat = [np.broadcast_to(a, shape).reshape(-1, shape[-1]) for a in (curvatures, starts)]
    flat += [np.broadcast_to(a, shape[:-1]).ravel() for a in (etas, rhos)]
    with jax.enable_x64(True):
        return np.asarray(_ends(algorithm)(*flat, np.int32(n_steps))).reshape(shape)


@lru_cache
def _ends(algorithm: Algorithm) -> Any:
    def one(curvatures: Any, start: Any, rate: Any, radius: Any, n_steps: Any) -> Any:
        def gradient(v: Any) -> Any:
            pairs = zip(curvatures, v.components, strict=True)
            return ArrayVector(tuple(lam * c for lam, c in pairs))

        def body(_: Any, w: Any) -> Any:
            ahead, _ = step(gradient, algorithm, w, (), rate, radius)
            return jax.tree.map(lambda a, b: jax.numpy.where(w.norm() < 1e6, a, b), ahead, w)

        end = jax.lax.fori_loop(0, n_steps, body, ArrayVector(tuple(start)))
        return jax.numpy.stack(end.components)

    return jax.jit(jax.vmap(one, in_axes=(0, 0, 0, 0, None)))


def simulate(request: Request) -> xarray.Dataset:
    """Maps of what is held, what is left along the negative curvature, and shares that are held."""
    n, steps = request["n_map"], request["n_steps"]
    random = np.random.default_rng(request["seed"])
    etas = (np.arange(n) + 0.5) / n * 1.2
    negatives = (np.arange(n) + 0.5) / n * 2.0
    radii = (np.arange(n) + 0.5) / n * 6.0
    # Well within the radius 1, on no axis.
    starts = 0.01 * random.standard_normal((request["n_starts"], 2))
    saddles = np.stack([np.ones(n), -negatives], axis=-1)[:, None, None, :]
    ends = run(SAM, saddles, etas[:, None], 1.0, starts, steps)
    # SAM is held within some radii; USAM goes to the saddle, or away from it.
    held_sam = (np.abs(ends) < 5).all(axis=-1).mean(axis=-1)
    request.progress(0.4)
    ends = run(USAM, (1.0, -_NEGATIVE), etas[:, None], radii[:, None, None], starts, steps)
    nearer = np.linalg.norm(ends, axis=-1) < np.linalg.norm(starts, axis=-1)
    request.progress(0.6)
    reaches = np.linspace(0, 0.7, request["n_reach"])
    left = np.array([
        run(a, _BEAM, 0.01, reaches, np.array([-3.0, -0.01]), 500) for a in request.algorithms
    ])  # fmt: skip
    request.progress(0.7)
    levels = np.concatenate([[0.25, 0.5, 0.75, 0.98, 0.999, 1.001, 1.02], np.linspace(1.25, 5, 16)])
    share = [_kept(level, request["n_directions"], random) for level in levels]
    predicted = np.stack([_left(a, reaches) for a in request.algorithms if a in (GD, USAM)], axis=0)
    one = {"units": "1"}
    edges = [capture_edge(SAM, 1.0, -m, np.ones(1))[0] for m in negatives[negatives < 1]]
    usam = capture_edge(USAM, 1.0, -_NEGATIVE, radii)
    return xarray.Dataset(
        {
            "held_sam": (("m", "eta"), held_sam, {"long_name": "share held by SAM", **one}),
            "held_usam": (("radius", "eta"), nearer.mean(axis=-1),
                          {"long_name": "share attracted by USAM", **one}),
            "edge_sam": ("m_below", edges, {"long_name": "predicted last η of SAM", **one}),
            "edge_usam": ("radius", np.nan_to_num(usam),
                          {"long_name": "predicted last η of USAM, 0 for none", **one}),
            "onset_usam": ((), radius_that_holds(USAM, -_NEGATIVE),
                           {"long_name": "predicted least ρ of USAM", **one}),
            "left": (("algorithm", "rho", "dim"), left,
                     {"long_name": "point after 500 steps", **one}),
            "left_predicted": (("predictable", "rho"), predicted,
                               {"long_name": "predicted |y| after 500 steps", **one}),
            "kept": (("level", "direction"), np.array(share),
                     {"long_name": "share of starts that SAM keeps", **one}),
            "formula": ("panel", [capture_formula(SAM, 1.0, -_NEGATIVE, 1.0),
                                  capture_formula(USAM, 1.0, -_NEGATIVE, 6.0)]),
            "last_level": ((), resting_distance(SAM),
                           {"long_name": "predicted last level along the axis", **one}),
        },
        {
            "eta": ("eta", etas, {"long_name": style.ETA_LABEL, **one}),
            "m": ("m", negatives, {"long_name": "negative curvature m", **one}),
            "m_below": ("m_below", negatives[negatives < 1], {"long_name": "m < λ", **one}),
            "radius": ("radius", radii, {"long_name": style.RHO_LABEL, **one}),
            "rho": ("rho", reaches, {"long_name": style.RHO_LABEL, **one}),
            "algorithm": [a.name for a in request.algorithms],
            "predictable": [a.name for a in request.algorithms if a in (GD, USAM)],
            "level": ("level", levels, {"long_name": "‖∇L‖/0.4ρ at the start", **one}),
            "direction": ["any", "along the axis"],
            "panel": ["sam", "usam"],
        },
    )  # fmt: skip


def _kept(level: float, n: int, random: np.random.Generator) -> list[float]:
    """The share that SAM keeps of starts in random directions, and of those on the axis of −0.4.

    From there it must leave by itself: 0.4 · 0.002 · 40,000 steps take a start a thousandth beyond
    the edge out by a factor of e^32.
    """
    spectrum = np.array(_SPECTRUM)
    directions = random.standard_normal((n, 4))
    axis = np.array([[0.0, 0.0, sign, 0.0] for sign in (1, -1)])
    shares = []
    for points in (directions, axis):
        gradients = np.linalg.norm(spectrum * points, axis=-1, keepdims=True)
        ends = run(SAM, spectrum, 0.002, 1.0, points * level * 0.4 / gradients, 40_000)
        shares.append(float((np.abs(ends) < 5).all(axis=-1).mean()))
    return shares


def _left(algorithm: Algorithm, radii: Real) -> Real:
    at = {curvature: _BEAM[1], eta: 0.01, rho: radii}
    return 0.01 * np.abs(value(multiplier(algorithm), at) * np.ones_like(radii)) ** 500


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """Two maps over two curves."""
    return Layout((("sam", "usam"), ("left", "kept")), (PAGE, 4.9))


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """What is held as areas and points, edges as lines."""
    ground = ["#ffffff", style.NEAR_SADDLE]
    for name, field, y, label in (
        ("sam", data.held_sam, data.m, "negative curvature m, λ = 1"),
        ("usam", data.held_usam, data.radius, style.RHO_LABEL),
    ):
        rgb = style.tinted(ground, np.ones(field.shape, np.int64), 0.6 * field.values)
        panels[name].pcolormesh(data.eta, y, rgb, rasterized=True)
        panels[name].set(
            xlabel=style.ETA_LABEL, ylabel=label, xlim=(0, 1.2), ylim=(0, y.values[-1])
        )
        panels[name].text(
            0.97, 0.1, f"${data.formula.sel(panel=name).item()}$", transform=panels[name].transAxes,
            horizontalalignment="right", fontsize=8,
        )  # fmt: skip
    line = {"color": style.PREDICTION, "linewidth": 1.2}
    panels["sam"].plot(data.edge_sam, data.m_below, **line)
    some = data.edge_usam > 0
    panels["usam"].plot(data.edge_usam[some], data.radius[some], **line)
    end = float(data.edge_usam[some][0])
    panels["usam"].plot([0, end], [data.onset_usam.item()] * 2, **line)
    axes = panels["left"]
    for i, name in enumerate(data.algorithm.values):
        look, distance = style.look(name), np.abs(data.left.sel(algorithm=name).isel(dim=1))
        axes.plot(
            data.rho, distance, look.marker, color=look.colour, markersize=3, markevery=(i % 2, 2)
        )
        if name in data.predictable.values:
            axes.plot(
                data.rho, data.left_predicted.sel(predictable=name), color=look.colour,
                linewidth=0.9, zorder=1,
            )  # fmt: skip
    axes.axhline(0.01, color=style.FAINT, linestyle=":", linewidth=0.6)
    axes.set(xlabel=style.RHO_LABEL, ylabel="|y| after 500 steps", yscale="log", xlim=(0, 0.71))
    axes = panels["kept"]
    look = style.look("SAM")
    for direction, filled in (("any", True), ("along the axis", False)):
        axes.plot(
            data.level, data.kept.sel(direction=direction), look.marker, color=look.colour,
            markersize=3.5, markerfacecolor=look.colour if filled else "white",
        )  # fmt: skip
    axes.axvline(data.last_level.item(), color=style.PREDICTION, linewidth=1.0, zorder=1)
    axes.set(
        xlabel="‖∇L‖/0.4ρ at the start", ylabel="share that SAM keeps", ylim=(-0.05, 1.05),
        xlim=(0, None),
    )  # fmt: skip
    panels.name("sam", "SAM, any ρ")
    panels.name("usam", "USAM, λ = 1, m = ½")
    panels.name("left", "x² − y², η = 0.01")
    panels.name("kept", "where SAM is held")
    hollow = style.points("SAM", "(d) along the axis of −0.4")
    hollow.set(markerfacecolor="white")
    panels.legend(
        [
            style.swatch(tuple(style.tinted(ground, np.array(1), np.array(0.6))), "held"),
            style.line("predicted"),
            *(style.points(a) for a in data.algorithm.values),
            hollow,
        ],
        columns=7,
    )  # fmt: skip


saddle_trap = register(
    Figure(
        module=__name__,
        claims={
            "bartlett2023_bouncing_rate": Finding.HOLDS, "dai2023_usam_threshold": Finding.HOLDS,
        },
        algorithms=(GD, SAM, USAM, StableSAM),
        arguments={"seed": 23013, "n_steps": 4000, "n_starts": 2, "n_reach": 36},
        sizes={
            "tiny": {"n_map": 8, "n_directions": 4, "n_steps": 500},
            "quick": {"n_map": 48, "n_directions": 100},
            "full": {"n_map": 160, "n_directions": 1000, "n_steps": 8000},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
