"""Quantities along a run, asked for by name and reduced while the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine.lanes import Lanes, OfRuns
from dynamics.engine.stepper import Stepper
from landscapes import CriticalKind, Landscape
from landscapes.checks import shown

Observable = Callable[[Landscape, Any], Any]
OBSERVABLES: dict[str, Observable] = {}
# A Hessian a run and a few traces of them: memory, not speed, decides how many go together.
_RUNS_AT_ONCE = 16_384
# They go in tiles of one size, padded: to a compiler another size is another program, whose
# rounding may be another, and a run's result would depend on how many were asked for with it.
_TILE_RUNS = 256
# Bytes of the traces of a tile, at most, as long as it has eight runs.
_TILE_TRACES = 2**26
REDUCTIONS = ("last", "max", "mean_last", "trace")


def register(function: Observable) -> Observable:
    """Adds an observable: a pure JAX function of a landscape and one point `(dim,)`."""
    if function.__name__ in OBSERVABLES:
        raise ValueError(f"an observable named {function.__name__} is registered already")
    OBSERVABLES[function.__name__] = function
    return function


@register
def loss(landscape: Landscape, w: Any) -> Any:
    """L(w)."""
    return landscape.loss(w)


@register
def gradient_norm(landscape: Landscape, w: Any) -> Any:
    """‖∇L(w)‖."""
    return ArrayVector(landscape.split(landscape.gradient(w))).norm()


@register
def point_norm(landscape: Landscape, w: Any) -> Any:
    """‖w‖."""
    return ArrayVector(landscape.split(w)).norm()


@register
def sharpness(landscape: Landscape, w: Any) -> Any:
    """λ₁, the largest eigenvalue of ∇²L(w)."""
    return jnp.linalg.eigvalsh(landscape.hessian(w))[-1]


@register
def alignment(landscape: Landscape, w: Any) -> Any:
    """|cos| of the angle between ∇L(w) and the top eigenvector of ∇²L(w); 0 where ∇L(w) = 0."""
    top = jnp.linalg.eigh(landscape.hessian(w))[1][:, -1]
    g = ArrayVector(landscape.split(landscape.gradient(w))).unit()
    return jnp.abs(jnp.dot(landscape.join(g.components), top))


@register
def distance_to_minima(landscape: Landscape, w: Any) -> Any:
    """Euclidean distance of w to the nearest set of minima."""
    sets = [s for s in landscape.facts.critical_sets if s.kind is CriticalKind.MINIMUM]
    return jnp.min(jnp.stack([s.distance(w) for s in sets]))


def parse(requested: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """The (observable, reduction) pairs asked for, or a `ValueError` that lists what there is."""
    if requested is not None and not isinstance(requested, Mapping):
        raise ValueError(
            f"observables must be a mapping from names to reductions such as "
            f'{{"loss": "last"}}; got {shown(requested)}'
        )
    pairs = []
    for name, reductions in (requested or {}).items():
        if name not in OBSERVABLES:
            raise ValueError(
                f"observables must be among {', '.join(OBSERVABLES)}; got {shown(name)}"
            )
        several = isinstance(reductions, (tuple, list))
        for reduction in reductions if several else (reductions,):
            if reduction not in REDUCTIONS:
                raise ValueError(
                    f"observables: the reduction of {name} must be among {', '.join(REDUCTIONS)}; "
                    f"got {shown(reduction)}"
                )
            pairs.append((name, reduction))
    return tuple(pairs)


def observe(
    landscape: Landscape,
    algorithm: Algorithm,
    lanes: Lanes,
    pairs: tuple[tuple[str, str], ...],
    *,
    n_steps: int,
    last: int,
    every: int,
    divergence_radius: float,
) -> dict[str, np.ndarray]:
    """The reductions over the steps 0 … `n_steps` of every run, keyed `observable_reduction`.

    A run that leaves the ball of the divergence radius is held at its last iterate inside.
    `mean_last` is over the last `last` iterates, `trace` has steps 0, `every`, 2·`every`, ….
    """
    last = min(last, n_steps + 1)
    tile = _tile_runs(pairs, n_steps // every + 1)
    at_once = tile * (_RUNS_AT_ONCE // _TILE_RUNS)
    parts = []
    for begin in range(0, len(lanes), at_once):
        which = np.arange(begin, min(begin + at_once, len(lanes)))
        # Those that fill the last tile repeat its last run.
        padded = np.resize(which, -(-len(which) // tile) * tile)
        padded[len(which) :] = which[-1]
        of_runs = lanes.take(padded)
        with jax.enable_x64(True):
            values = _compiled()(
                of_runs, np.float64(divergence_radius), np.int32(last),
                landscape=landscape, algorithm=algorithm, pairs=pairs, n_steps=n_steps, every=every,
                tile=tile,
            )  # fmt: skip
            parts.append([np.asarray(v)[: len(which)] for v in values])
    joined = (np.concatenate(values) for values in zip(*parts, strict=True))
    return {f"{o}_{r}": v for (o, r), v in zip(pairs, joined, strict=True)}


def _tile_runs(pairs: tuple[tuple[str, str], ...], steps: int) -> int:
    """Runs per tile: a function of what is asked of each, not of how many they are."""
    traces = 8 * steps * sum(reduction == "trace" for _, reduction in pairs)
    fitting = _TILE_TRACES // max(1, traces)
    return max(8, min(_TILE_RUNS, 2 ** (max(1, fitting).bit_length() - 1)))


@lru_cache
def _compiled() -> Any:
    # The landscape itself is static, since its facts are known of the object, not of its leaves.
    static = ("landscape", "algorithm", "pairs", "n_steps", "every", "tile")
    return jax.jit(_observe, static_argnames=static)


def _observe(
    of_runs: OfRuns,
    radius: Any,
    last: Any,
    *,
    landscape: Landscape,
    algorithm: Algorithm,
    pairs: tuple[tuple[str, str], ...],
    n_steps: int,
    every: int,
    tile: int,
) -> list[Any]:
    def one_run(run: OfRuns) -> list[Any]:
        stepper = Stepper(landscape, algorithm, run.eta, run.rho, run.order)

        def read(w: ArrayVector) -> dict[str, Any]:
            point = landscape.join(w.components)
            return {name: OBSERVABLES[name](landscape, point) for name, _ in pairs}

        def reduce(reduction: str, so_far: Any, value: Any, t: Any) -> Any:
            if reduction == "last":
                return value
            if reduction == "max":
                return jnp.maximum(so_far, value)
            if reduction == "mean_last":
                return so_far + jnp.where(t > n_steps - last, value, 0.0) / last
            return jnp.where(t % every == 0, so_far.at[t // every].set(value), so_far)

        def body(t: Any, carry: tuple) -> tuple:
            w, memory, within, reduced = carry
            ahead, memory = stepper.step(w, memory, t + 1)
            within = within & (ahead.norm() <= radius)
            w = jax.tree.map(lambda a, b: jnp.where(within, a, b), ahead, w)
            values = read(w)
            reduced = [
                reduce(r, so_far, values[o], t + 1)
                for (o, r), so_far in zip(pairs, reduced, strict=True)
            ]
            return w, memory, within, reduced

        w = ArrayVector(landscape.split(run.starts))
        values = read(w)
        empty = {"max": -jnp.inf, "trace": jnp.zeros(n_steps // every + 1)}
        first = [
            reduce(r, jnp.asarray(empty.get(r, 0.0)), values[o], jnp.int32(0)) for o, r in pairs
        ]
        carry = (w, initial_memory(algorithm, w), jnp.bool_(True), first)
        return lax.fori_loop(0, n_steps, body, carry)[-1]

    tiles = jax.tree.map(lambda a: a.reshape(-1, tile, *a.shape[1:]), of_runs)
    found = lax.map(jax.vmap(one_run), tiles)
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), found)
