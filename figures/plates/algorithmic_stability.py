r"""Algorithmic stability on ridge regression: the bounds of Tan et al. (2024) and their order.

How far a run ends, on average, from a run on data that differ in one of $n$ examples: same start,
same order of the examples, one drawn at each step. $\mu$ is the ridge and $\mu + 1$ bounds the
smoothness $L$; a case is $n$, $\mu$, $\rho$, $\eta$. (a) $\mathbb{E}\,\delta_T$ with three standard
errors (points) and bounds, $2\gamma_1G(\mu + L)/(n\mu L(1 + \mu\rho/G))$, of theorems 8 (SAM, with
$\gamma_1 = 1$; for SGD $\rho = 0$ besides) and 15 (StableSAM), $\gamma_1$ being the largest factor
that was met. Bars: with the largest norm $G$ of all gradients that were taken, as the proofs need
it; dots: of those at the iterates only, with which StableSAM exceeds its bound where $\rho$ is
large. (b) The same over SGD's. By the bounds StableSAM is, for $\mu = 1$, more stable than SGD,
and with the smaller $G$ and small $\eta$ SAM is, too. In truth both are less stable in every case;
only the clipped variant can be more so. The hypotheses of theorem 15 contradict each other, so
that nothing is refuted here: no run meets them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import numpy as np
import xarray

from dynamics import (
    SAM,
    SGD,
    Algorithm,
    ArrayVector,
    ClippedStableSAM,
    SampleOrder,
    StableSAM,
    step,
)
from dynamics.algorithms.algorithm import gradient_of_examples
from figures import style
from figures.figure import Figure, Request, register
from figures.panels import PAGE, Layout, Panels
from landscapes import RidgeRegression
from proofs_check import Finding
from proofs_check.evidence import value
from proofs_check.laws.algorithmic_stability import BOUND, COUNT, LARGEST_FACTOR
from proofs_check.symbols import alpha, beta, gradient_norm, rho

_DIMENSION = 5
_ONE = SampleOrder(batch=1)
_WHOLE = (SAM, StableSAM, ClippedStableSAM(0.3))
# Drawn as what they are with all examples.
_LOOKS = {"SGD": "SGD"} | {a.with_order(_ONE).name: a.name for a in _WHOLE}


def simulate(request: Request) -> xarray.Dataset:
    """The mean distance of the two ends for each case and algorithm, and its bounds."""
    cases = request["cases"]
    most = int(max(case[0] for case in cases))
    shape = (len(cases), len(request.algorithms))
    mean, error, beyond = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    bound = np.zeros((*shape, 2))
    for i, (n, ridge, radius, rate, n_steps) in enumerate(cases):
        pairs = _pairs(int(n), most, ridge, request["n_pairs"], request["seed"])
        drawn = _drawn(int(n), request["most_steps"], request["n_pairs"])
        sgd = np.zeros(request["n_pairs"])
        for j, algorithm in enumerate(request.algorithms):
            steps = np.int32(min(n_steps, request["most_steps"]))
            ends, norms, factors = _run(algorithm)(pairs, drawn, steps, rate, radius)
            distance = np.linalg.norm(ends[0] - ends[1], axis=-1)
            mean[i, j] = distance.mean()
            error[i, j] = distance.std() / np.sqrt(len(distance))
            sgd = distance if j == 0 else sgd
            beyond[i, j] = (distance - sgd).std() / np.sqrt(len(distance))
            bound[i, j] = value(BOUND, {
                COUNT: n, alpha: ridge, beta: ridge + 1, LARGEST_FACTOR: factors.max(),
                gradient_norm: norms.reshape(-1, 2).max(axis=0),
                rho: radius if algorithm.uses_rho else 0.0,
            })  # fmt: skip
            request.progress((i * shape[1] + j + 1) / mean.size)
    one = {"units": "1"}
    dims = ("case", "algorithm")
    return xarray.Dataset(
        {
            "distance": (dims, mean, {"long_name": "mean distance of the ends E δ_T", **one}),
            "error": (dims, error, {"long_name": "its standard error", **one}),
            "difference_error": (dims, beyond,
                                 {"long_name": "standard error of the difference to the first",
                                  **one}),
            "bound": ((*dims, "where"), bound, {"long_name": "bound of E δ_T", **one}),
        },
        {
            "algorithm": [a.name for a in request.algorithms],
            "where": ["everywhere", "at the iterates"],
            **{
                name: ("case", np.array([c[k] for c in cases]), {"long_name": text, **one})
                for k, (name, text) in enumerate((
                    ("n", "examples n"), ("ridge", "ridge μ"), ("rho", style.RHO_LABEL),
                    ("eta", style.ETA_LABEL), ("n_steps", "steps T"),
                ))
            },
        },
    )  # fmt: skip


@lru_cache
def _pairs(n: int, most: int, ridge: float, count: int, seed: int) -> Any:
    """Data sets and their neighbours as one landscape, with axes (2, count) in front.

    With as many examples as the largest, for all to share compiled programs: those added are never
    drawn.
    """
    drawn = [
        RidgeRegression.drawn_pair(n, _DIMENSION, ridge=ridge, seed=seed + i) for i in range(count)
    ]

    def padded(*leaves: Any) -> Any:
        stacked = np.stack(leaves)
        of_examples = stacked.shape[1:2] == (n,)
        added = [(0, 0), (0, most - n if of_examples else 0), *[(0, 0)] * (stacked.ndim - 2)]
        return np.pad(stacked, added[: stacked.ndim])

    sides = [jax.tree.map(padded, *side) for side in zip(*drawn, strict=True)]
    return jax.tree.map(lambda *a: np.stack(a), *sides)


@lru_cache
def _drawn(n: int, n_steps: int, count: int) -> Any:
    """The examples that each pair's runs draw, shape (count, n_steps, 1).

    Beforehand, as many as any case needs: drawing them as one goes takes longer to compile.
    """
    return np.stack([_ONE.examples(n, n_steps, run=i) for i in range(count)])


@lru_cache
def _run(algorithm: Algorithm) -> Any:
    """A function of pairs, examples, steps, η and ρ: ends, largest gradient norms and factors."""

    def one(landscape: Any, examples: Any, n_steps: Any, rate: Any, radius: Any) -> Any:
        def body(t: Any, carry: Any) -> Any:
            w, largest, factor = carry
            visited: list[Any] = []
            drawn = gradient_of_examples(landscape, examples[t])

            def gradient(v: Any) -> Any:
                visited.append(drawn(v))
                return visited[-1]

            after, _ = step(gradient, algorithm, w, (), rate, radius)
            norms = jax.numpy.stack([g.norm() for g in visited])
            moved = (w - after).norm() / rate
            largest = jax.numpy.maximum(largest, jax.numpy.stack([norms.max(), norms[0]]))
            # Of the gradient that the descent is along; where it is 0 nothing moves.
            taken = jax.numpy.where(norms[-1] > 0, moved / norms[-1], 0.0)
            return after, largest, jax.numpy.maximum(factor, taken)

        origin = ArrayVector(landscape.split(jax.numpy.zeros(_DIMENSION)))
        none = jax.numpy.zeros(2)
        end, largest, factor = jax.lax.fori_loop(0, n_steps, body, (origin, none, 0.0))
        return landscape.join(end.components), largest, factor

    over_sets = jax.vmap(one, in_axes=(0, 0, None, None, None))
    both = jax.jit(jax.vmap(over_sets, in_axes=(0, None, None, None, None)))

    def run(pairs: Any, drawn: Any, n_steps: Any, rate: float, radius: float) -> Any:
        with jax.enable_x64(True):
            return tuple(np.asarray(a) for a in both(pairs, drawn, n_steps, rate, radius))

    return run


# -- the picture -------------------------------------------------------------------------------


def layout(data: xarray.Dataset) -> Layout:
    """Distances, and distances over SGD's."""
    return Layout((("distance", "ratio"),), (PAGE, 1.1 + 0.34 * data.sizes["case"]), share_y=True)


def paint(data: xarray.Dataset, panels: Panels) -> None:
    """A row for each case: points for what was measured, bars and dots for the bounds."""
    rows = np.arange(data.sizes["case"])[::-1]
    first = data.isel(algorithm=0)
    for k, name in enumerate(data.algorithm.values):
        one, look = data.sel(algorithm=name), style.look(_LOOKS[name])
        heights = rows + 0.27 - 0.18 * k
        for panel, unit, error, of_bound in (
            ("distance", 1.0, one.error, first.bound / first.bound),
            ("ratio", first.distance, one.difference_error, first.bound),
        ):
            axes = panels[panel]
            axes.errorbar(
                one.distance / unit, heights, xerr=3 * error / unit, fmt=look.marker,
                color=look.colour, markersize=3, linewidth=0.7,
            )  # fmt: skip
            for where, mark in (("everywhere", "|"), ("at the iterates", ".")):
                bounds = one.bound.sel(where=where) / of_bound.sel(where=where)
                axes.plot(bounds, heights, mark, color=look.colour, markersize=6,
                          markeredgewidth=1.4 if mark == "|" else 0)  # fmt: skip
    columns = (data.n, data.ridge, data.rho, data.eta)
    labels = [f"{n:g}, {m:g}, {r:g}, {e:g}" for n, m, r, e in zip(*columns, strict=True)]
    for name in ("distance", "ratio"):
        panels[name].set_yticks(rows, labels)
        panels[name].set(xscale="log", ylim=(-0.6, len(rows) - 0.4), ylabel="n, μ, ρ, η")
        for row in rows[:-1]:
            panels[name].axhline(row - 0.5, color=style.FAINT, linewidth=0.3)
    panels["ratio"].yaxis.label.set_visible(not panels.own)
    panels["ratio"].axvline(1, color=style.FAINT, linewidth=0.6, linestyle=":")
    panels["distance"].set_xlabel("mean distance, and bounds of it")
    panels["ratio"].set_xlabel("mean distance over SGD's, and bounds over SGD's")
    ticks = (0.1, 0.2, 0.5, 1, 2, 5)
    panels["ratio"].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panels["ratio"].minorticks_off()
    panels.name("distance", "distance from the neighbour's end")
    panels.name("ratio", "compared with SGD")
    bar = style.line("bound, G of all gradients", "none", style.FAINT)
    bar.set(marker="|", markeredgewidth=1.4, markersize=6)
    dot = style.line("bound, G at the iterates only", "none", style.FAINT)
    dot.set(marker=".", markersize=6)
    panels.legend(
        [*(style.points(_LOOKS[a], a) for a in data.algorithm.values), bar, dot], columns=3
    )


algorithmic_stability = register(
    Figure(
        module=__name__,
        claims={"tan2024_assumptions": Finding.VACUOUS},
        algorithms=(SGD, *(a.with_order(_ONE) for a in _WHOLE)),
        # A case is n, μ, ρ, η and the number of steps.
        arguments={
            "seed": 0, "most_steps": 3000,
            "cases": [
                [20, 1.0, 0.5, 0.4375, 400], [20, 1.0, 0.5, 0.02, 400], [100, 1.0, 0.5, 0.02, 400],
                [20, 1.0, 2.0, 0.2041, 400], [20, 0.1, 0.5, 0.02, 3000],
                [100, 0.1, 0.5, 1.21, 400], [20, 0.1, 0.5, 1.6667, 400],
                [20, 1.0, 2.0, 0.02, 800], [100, 1.0, 2.0, 0.02, 800],
            ],
        },
        sizes={
            "tiny": {"n_pairs": 4, "most_steps": 20},
            "quick": {"n_pairs": 120},
            "full": {"n_pairs": 2000},
        },
        simulate=simulate,
        layout=layout,
        paint=paint,
    )
)  # fmt: skip
