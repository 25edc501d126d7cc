"""Lyapunov exponents: how fast runs from neighbouring starts separate, in e-folds a step.

The state x of a run is its point and what the base step remembers, and a step is a map F_t. Of a
small difference v the run makes DF_t(x)·v, which is carried along with the run: `jax.jvp` of the
very step that runs take, once for each of k directions. After each step the directions are made
orthonormal again by Gram–Schmidt, which divides the i-th by its length r_i. The i-th exponent is
the mean of log r_i, and the first of them the largest (Benettin, Galgani, Giorgilli and Strelcyn,
1980, Meccanica 15, 9–20).

The first fifth of the steps is not counted, for the directions have to turn to where they grow.
The others are cut into `_BATCHES` windows of equal length (what is left over goes to the first
fifth), and the standard error is that of the mean of their means, s/√n: it is right where a window
is long enough that the next knows nothing of it. On a fixed point it is rounding. With fewer than
two windows it is inf.

A step that forgets a direction altogether, r = 0, has the exponent −inf, and its error is inf. A
run that left the ball or became undefined has no exponent: NaN, and so has one that is at a point
where a rule has no derivative in float64, such as a length at a gradient that is exactly 0.

The directions are carried by code of their own. What XLA compiles may round otherwise than the
code of the runs: a chaotic run is then another one, of the same exponents.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine import native
from dynamics.engine.lanes import Lanes, OfRuns
from dynamics.engine.program import KEPT, count_compilation, memory_of_one
from dynamics.engine.programs import Structure, kept_until_cleared, structure_of
from dynamics.engine.stepper import Stepper
from landscapes import Landscape
from landscapes.domain import undefined_at

#: The most dimensions of which the whole spectrum is found.
MOST_EXPONENTS = 4
_BATCHES = 20
_UNCOUNTED = 5  # one step of so many
_WINDOW_STEPS = 512


class Exponents(NamedTuple):
    """Exponents of runs, the largest first, with their standard errors. Units: one a step."""

    values: Float[np.ndarray, "n k"]
    errors: Float[np.ndarray, "n k"]


def exponents(
    landscape: Landscape,
    algorithm: Algorithm,
    lanes: Lanes,
    n_steps: int,
    radius: float,
    k: int,
    device: Any,
) -> Exponents:
    """The k largest exponents of every run over `n_steps` steps from its start."""
    compiled = _tangents(structure_of(landscape), algorithm, k, device.platform)
    length, n_windows = _windows_of(n_steps)
    means = np.zeros((n_windows, len(lanes), k))

    def tile(begin: int) -> None:
        which = slice(begin, min(begin + native.HOST.width, len(lanes)))
        logarithms = np.empty((n_steps, which.stop - which.start, k))
        step = 0
        for window in compiled.growths(landscape, radius, lanes.take(which), n_steps, device):
            with np.errstate(divide="ignore"):
                logarithms[step : step + len(window)] = np.log(window)
            step += len(window)
        counted = logarithms[n_steps - n_windows * length :]
        means[:, which] = counted.reshape(n_windows, length, *counted.shape[1:]).mean(axis=1)
        # Who left earlier has no exponent, though a window may not show it.
        means[:, which][:, np.isnan(logarithms[-1]).any(axis=-1)] = np.nan

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in pool.map(tile, range(0, len(lanes), native.HOST.width)):
            pass
    values = means.mean(axis=0)
    with np.errstate(invalid="ignore"):
        spread = np.std(means, axis=0, ddof=1) if n_windows > 1 else np.full(values.shape, np.inf)
    errors = np.where(np.isneginf(values), np.inf, spread / np.sqrt(n_windows))
    return Exponents(values, np.where(np.isnan(values), np.nan, errors))


def _windows_of(n_steps: int) -> tuple[int, int]:
    """The length of the windows that are counted, and how many there are."""
    counted = max(1, n_steps - max(1, n_steps // _UNCOUNTED))
    n_windows = min(_BATCHES, counted)
    return counted // n_windows, n_windows


class _Tangents:
    """Steps with k directions carried along: by `native`, or by XLA where that cannot."""

    def __init__(self, structure: Structure, algorithm: Algorithm, k: int, platform: str) -> None:
        landscape = structure.instance()
        leaves, self._memory = memory_of_one(landscape.component_shapes, algorithm)
        points = [(np.dtype(np.float64), shape) for shape in landscape.component_shapes]
        self._n, self._k, self._algorithm = len(points), k, algorithm
        self._state = [*points, *((leaf.dtype, leaf.shape) for leaf in leaves)]
        # Integers, such as a count of steps, have no derivative.
        self._smooth = [i for i, (t, _) in enumerate(self._state) if np.issubdtype(t, np.floating)]
        self._differences = [self._state[i] for i in self._smooth] * k
        # A growth goes in only so that what is carried is what is made.
        growths = [(np.dtype(np.float64), ())] * k
        self._carried = [*self._state, *self._differences, *growths, (np.dtype(np.bool_), ())]
        self._draws = algorithm.order is not None
        names = ("float64", "float64", "int32", *["int32"] * self._draws)
        given = [(np.dtype(name), ()) for name in names]
        self._native = None
        if platform == "cpu":
            with suppress(native.NotElementwise):
                self._native = native.compile_runs(
                    self._over_runs, (landscape, np.zeros(())), [*self._carried, *given]
                )
        self._by_xla = jax.jit(self._many, static_argnums=0)

    def _of_one(self, landscape: Landscape, radius: Any, *arrays: Any) -> tuple[Any, ...]:
        n, k, smooth = self._n, self._k, self._smooth
        m, s = len(self._state), len(self._smooth)
        state, carried = list(arrays[:m]), arrays[m : m + k * s]
        within, eta, rho, t, *order = arrays[m + k * s + k :]
        fresh = jax.tree.leaves(initial_memory(self._algorithm, ArrayVector(tuple(state[:n]))))
        state[n:] = [jnp.where(t == 1, a, b) for a, b in zip(fresh, state[n:], strict=True)]
        stepper = Stepper(landscape, self._algorithm, eta, rho, order[0] if order else ())

        def step(*parts: Any) -> tuple[Any, ...]:
            whole = list(state)
            for i, part in zip(smooth, parts, strict=True):
                whole[i] = part
            memory = jax.tree.unflatten(self._memory, whole[n:])
            w, memory = stepper.step(ArrayVector(tuple(whole[:n])), memory, t)
            return *w.components, *jax.tree.leaves(memory)

        at = tuple(state[i] for i in smooth)
        ahead = step(*at)
        for point in (state[:n], ahead[:n]):
            within = within & (ArrayVector(tuple(point)).norm() <= radius)
            if (undefined := undefined_at(landscape, tuple(point))) is not None:
                within = within & ~undefined
        growths, orthonormal = [], []
        for i in range(k):
            _, moved = jax.jvp(step, at, tuple(carried[i * s : (i + 1) * s]))
            v = ArrayVector(tuple(moved[j] for j in smooth))
            for other in orthonormal:
                v = v - v.dot(other) * other
            growths.append(jnp.where(within, v.norm(), jnp.nan))
            orthonormal.append(v.unit())
        ahead = [jnp.where(within, a, b) for a, b in zip(ahead, state, strict=True)]
        return *ahead, *(c for v in orthonormal for c in v.components), *growths, within

    def _over_runs(self, landscape: Landscape, radius: Any, *arrays: Any) -> tuple[Any, ...]:
        count_compilation()
        return jax.vmap(self._of_one, (None, None, *[0] * len(arrays)))(landscape, radius, *arrays)

    def _many(
        self, steps: int, landscape: Landscape, radius: Any, carried: Any, *given: Any
    ) -> Any:
        eta, rho, first, *order = given
        m = len(self._state) + len(self._differences)

        def one(carried: Any, i: Any) -> Any:
            t = jnp.full_like(first, i) + first
            made = self._over_runs(landscape, radius, *carried, eta, rho, t, *order)
            return made, jnp.stack(made[m : m + self._k], -1)

        return lax.scan(one, carried, jnp.arange(steps, dtype=jnp.int32))

    def growths(
        self, landscape: Landscape, radius: float, of_runs: OfRuns, n_steps: int, device: Any
    ) -> Iterator[np.ndarray]:
        """The r of all steps of at most `native.HOST.width` runs, `(steps, runs, k)`, in windows.

        NaN of runs that have left.
        """
        width, runs = native.HOST.width, len(of_runs.eta)
        filled = np.minimum(np.arange(width), runs - 1)
        eta, rho, starts, order = (np.asarray(a)[filled] for a in of_runs)
        # The same for every run; no axis, which a separable loss would never leave.
        total = sum(int(np.prod(self._state[i][1])) for i in self._smooth)
        generic = np.random.default_rng(0).normal(size=(total, self._k))
        directions = np.linalg.qr(generic)[0].T
        first: list[np.ndarray] = [
            np.moveaxis(np.asarray(c), 0, -1) for c in landscape.split(starts)
        ]
        first += [np.zeros((*shape, width), t) for t, shape in self._state[self._n :]]
        for direction in directions:
            offset = 0
            for i in self._smooth:
                shape = self._state[i][1]
                part = direction[offset : offset + int(np.prod(shape))].reshape(*shape, 1)
                first.append(np.repeat(part, width, axis=-1))
                offset += part.size
        first += [*np.ones((self._k, width)), np.ones(width, np.bool_)]
        drawn = [order] * self._draws
        if self._native is None:
            yield from self._windows_by_xla(
                landscape, radius, first, [eta, rho], drawn, n_steps, runs, device
            )
            return
        steps = min(n_steps, _WINDOW_STEPS)
        carried = [np.zeros((*a.shape[:-1], (steps + 1) * width), a.dtype) for a in first]
        for array, begin in zip(carried, first, strict=True):
            array[..., :width] = begin
        t = np.repeat(np.arange(1, steps + 2, dtype=np.int32), width)
        given = [np.tile(a, steps + 1) for a in (eta, rho)]
        drawn = [np.tile(a, steps + 1) for a in drawn]
        fixed = [*jax.tree.leaves(landscape), np.float64(radius)]
        for begin in range(0, n_steps, steps):
            taken = min(steps, n_steps - begin)
            self._native.again(fixed, carried, [*given, t, *drawn], taken)
            of_steps = [a.reshape(steps + 1, width) for a in carried[-1 - self._k : -1]]
            yield np.stack([a[1 : taken + 1, :runs] for a in of_steps], axis=-1)
            for array in carried:
                array[..., :width] = array[..., taken * width : (taken + 1) * width]
            t += np.int32(steps)

    def _windows_by_xla(
        self, landscape: Landscape, radius: float, first: Any, given: Any, drawn: Any,
        n_steps: int, runs: int, device: Any,
    ) -> Iterator[np.ndarray]:  # fmt: skip
        with jax.enable_x64(True), jax.default_device(device):
            carried = tuple(jnp.asarray(np.moveaxis(a, -1, 0)) for a in first)
            for begin in range(0, n_steps, _WINDOW_STEPS):
                steps = min(_WINDOW_STEPS, n_steps - begin)
                t = np.full(native.HOST.width, begin + 1, np.int32)
                carried, window = self._by_xla(
                    steps, landscape, np.float64(radius), carried, *given, t, *drawn
                )
                yield np.asarray(window)[:, :runs]


_tangents = lru_cache(maxsize=KEPT)(_Tangents)
kept_until_cleared(_tangents.cache_clear)
