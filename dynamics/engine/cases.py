"""A function of one case over many cases at once, compiled as the runs are."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.custom_batching import custom_vmap

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine import native
from dynamics.engine.lanes import OfRuns
from dynamics.engine.programs import program
from dynamics.engine.stepper import Stepper
from landscapes import Landscape

# How many shapes of cases a function is kept compiled for.
_MOST_SHAPES = 16
# Radius of a ball that every point is in whose norm is a number.
FARTHEST = np.finfo(np.float64).max


def steps(landscape: Landscape, algorithm: Algorithm, of_runs: OfRuns) -> np.ndarray:
    """The first step of each run, shape `(n, dim)`, by the program that runs go through."""
    device = jax.local_devices()[0]
    compiled = program(landscape, algorithm, device.platform)
    placed = compiled.on_device(landscape, device)
    found = np.empty_like(of_runs.starts)
    for begin in range(0, len(found), compiled.tile):
        which = slice(begin, begin + compiled.tile)
        some = OfRuns(*(values[which] for values in of_runs))
        for window in compiled.windows(placed, FARTHEST, some, 1, device=device):
            found[which] = window[0]
    return found


# -- one step, where it is traced ----------------------------------------------------------------


class _Tracing:
    """What a function does while it is traced."""

    def __init__(self, *, by_program: bool) -> None:
        self.by_program = by_program
        self.takes_steps = False


_tracing: ContextVar[_Tracing | None] = ContextVar("tracing", default=None)


def traced_step(landscape: Landscape, algorithm: Algorithm, w: Any, eta: Any, rho: Any) -> Any:
    """`one_step` of arguments some of which JAX traces."""
    tracing = _tracing.get()
    if tracing is not None:
        tracing.takes_steps = True
    leaves, tree = jax.tree.flatten(landscape)
    given = (leaves, *map(jnp.asarray, (w, eta, rho)))

    def inline(leaves: Any, w: Any, eta: Any, rho: Any) -> Any:
        landscape = jax.tree.unflatten(tree, leaves)
        point = ArrayVector(landscape.split(w))
        stepper = Stepper(landscape, algorithm, eta, rho, jnp.int32(0))
        ahead, _ = stepper.step(point, initial_memory(algorithm, point), jnp.int32(1))
        return landscape.join(ahead.components)

    if tracing is None or not tracing.by_program:
        return inline(*given)
    over = custom_vmap(inline)

    @over.def_vmap
    def of_all(n: int, is_batched: Any, *given: Any) -> tuple[Any, bool]:
        flat, axes = jax.tree.leaves(given), jax.tree.map(lambda b: 0 if b else None, is_batched)
        if any(isinstance(a, Tracer) for a in flat):
            return jax.vmap(inline, tuple(axes))(*given), True
        leaves, *others = jax.tree.map(
            lambda a, b: np.asarray(a) if b else np.broadcast_to(a, (n, *np.shape(a))),
            given, tuple(is_batched),
        )  # fmt: skip
        w, eta, rho = (np.asarray(a, np.float64) for a in others)
        # One landscape for all cases, or one for each.
        alike = not any(jax.tree.leaves(is_batched[0]))
        groups = [slice(0, n)] if alike else [slice(i, i + 1) for i in range(n)]
        found = [
            steps(
                jax.tree.unflatten(tree, [leaf[group.start] for leaf in leaves]),
                algorithm,
                OfRuns(eta[group], rho[group], w[group], np.zeros(len(eta[group]), np.int32)),
            )
            for group in groups
        ]
        return jnp.asarray(np.concatenate(found)), True

    return over(*given)


# -- over cases ------------------------------------------------------------------------------------


class Cases:
    """`function` over arrays of cases: float64, NumPy out.

    In native code its arithmetic is that of the runs. What is left to XLA is compiled as a whole,
    unless it takes steps of runs: then it is computed operation by operation, and each step by
    the program of the runs.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._over = jax.vmap(function)
        self._jitted = jax.jit(self._over)
        self._natively: dict[Any, Callable[..., Any] | None] = {}
        self._takes_steps = False

    def __call__(self, *arguments: Any) -> Any:
        leaves, tree = jax.tree.flatten(arguments)
        arrays = [np.asarray(leaf) for leaf in leaves]
        kinds = [(a.dtype, a.shape[1:]) for a in arrays]
        lengths = {a.shape[:1] for a in arrays}
        if len(lengths) == 1 and lengths.isdisjoint({(), (0,)}):
            key = tree, *((dtype.name, shape) for dtype, shape in kinds)
            if key not in self._natively:
                if len(self._natively) == _MOST_SHAPES:
                    self._natively.clear()
                self._natively[key] = self._compiled(tree, kinds)
            if (compiled := self._natively[key]) is not None:
                return compiled(arrays)
        with jax.enable_x64(True):
            if not self._takes_steps:
                return jax.tree.map(np.asarray, self._jitted(*arguments))
            token = _tracing.set(_Tracing(by_program=True))
            try:
                return jax.tree.map(np.asarray, self._over(*arguments))
            finally:
                _tracing.reset(token)

    def _compiled(self, tree: Any, kinds: Any) -> Callable[..., Any] | None:
        """Of arrays of these kinds; None where it is left to XLA."""
        if jax.local_devices()[0].platform != "cpu":
            return None
        tracing, trees = _Tracing(by_program=False), []

        def over_runs(*arrays: Any) -> Any:
            found = self._over(*jax.tree.unflatten(tree, arrays))
            trees.append(jax.tree.structure(found))
            return found

        token = _tracing.set(tracing)
        try:
            compiled = native.compile_runs(over_runs, (), kinds)
        except native.NotElementwise:
            return None
        finally:
            _tracing.reset(token)
            self._takes_steps |= tracing.takes_steps

        def call(arrays: list[np.ndarray]) -> Any:
            n = len(arrays[0])
            more = -n % native.HOST.width
            whole = [np.concatenate([a, np.repeat(a[-1:], more, 0)]) for a in arrays]
            found = compiled((), [np.moveaxis(a, 0, -1) for a in whole])
            outputs = [np.ascontiguousarray(np.moveaxis(a, -1, 0)[:n]) for a in found]
            return jax.tree.unflatten(trees[-1], outputs)

        return call
