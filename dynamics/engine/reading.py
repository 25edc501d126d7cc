"""Functions of a landscape and one point, read off at many: the same function, the same value.

Each function is compiled on its own, natively or by XLA on arrays of one size, so that its value
at a point depends on that point alone: not on what else is asked for, on how many points there
are, or on whether it is a final loss or an observable.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynamics.engine import native
from dynamics.engine.program import KEPT
from dynamics.engine.programs import Structure, kept_until_cleared, structure_of
from landscapes import Landscape

# (landscape, w of shape (dim,)) → a number or an array.
Function = Callable[[Landscape, Any], Any]
# Numbers in the Hessians of a tile, and points in one at most and at least.
_TILE_NUMBERS, _MOST_TILE_POINTS, _LEAST_TILE_POINTS = 2**20, 1024, 8
# Of points that are read natively in one call: so many stay in cache.
_POINTS_AT_ONCE = 2**15

#: The functions that read nothing of a landscape but its loss and its derivatives: compiled once
#: for all landscapes of a class and structure. Others may read its facts, which one landscape has.
_OF_STRUCTURE: set[Function] = set()


def of_structure(function: Function) -> Function:
    """Says of a function that it reads no facts."""
    _OF_STRUCTURE.add(function)
    return function


@of_structure
def loss(landscape: Landscape, w: Any) -> Any:
    """L(w); inf where it is not finite."""
    value = landscape.loss_of(landscape.split(w))
    return jnp.where(jnp.isfinite(value), value, jnp.inf)


def final_losses(landscape: Landscape, points: np.ndarray, device: Any) -> np.ndarray:
    """The losses at the points `(n, dim)`; inf where that overflows."""
    return reader(loss, landscape, device.platform)(landscape, points, device)


@lru_cache(maxsize=KEPT)
def shape_of(function: Function, landscape: Landscape) -> tuple[int, ...]:
    """The shape of a value of the function, found without computing one."""
    with jax.enable_x64(True):
        point = jax.ShapeDtypeStruct((landscape.dim,), np.float64)
        return jax.eval_shape(
            lambda w: jnp.asarray(function(landscape, w)).astype(np.float64), point
        ).shape


class Reader:
    """A function compiled for landscapes of one structure, or for one landscape."""

    def __init__(self, function: Function, landscape: Landscape, platform: str, fixed: bool):
        self._own = landscape if fixed else None
        #: The shape of a value.
        self.shape = shape_of(function, landscape)
        shapes, n_leaves = landscape.component_shapes, len(jax.tree.leaves(landscape))
        tree = jax.tree.structure(landscape)

        def given(leaves: Any) -> Landscape:
            return landscape if fixed else jax.tree.unflatten(tree, leaves)

        def one(leaves: Any, w: Any) -> Any:
            return jnp.asarray(function(given(leaves), w)).astype(np.float64)

        def of_components(*arrays: Any) -> Any:
            leaves, components = arrays[:n_leaves], arrays[n_leaves:]
            each = jax.vmap(lambda *c: one(leaves, landscape.join(c)))
            return (each(*components),)

        self._native = None
        if platform == "cpu":
            with contextlib.suppress(native.NotElementwise):
                self._native = native.compile_runs(
                    of_components,
                    jax.tree.leaves(landscape),
                    [(np.dtype(np.float64), shape) for shape in shapes],
                )
        fitting = np.clip(_TILE_NUMBERS / landscape.dim**2, _LEAST_TILE_POINTS, _MOST_TILE_POINTS)
        self._tile = int(2 ** np.floor(np.log2(fitting)))
        self._xla = jax.jit(lambda leaves, points: jax.vmap(lambda w: one(leaves, w))(points))

    def __call__(self, landscape: Landscape, points: np.ndarray, device: Any) -> np.ndarray:
        """The values at points `(..., dim)`, shape `(..., *shape)`."""
        batch = points.shape[:-1]
        n = int(np.prod(batch))
        values = np.empty((n, *self.shape))
        leaves = jax.tree.leaves(landscape)
        if self._native is None:
            self._by_xla(leaves, points.reshape(n, landscape.dim), values, device)
        else:
            parts = [
                np.moveaxis(c.reshape(n, *shape), 0, -1)
                for c, shape in zip(
                    landscape.split(points), landscape.component_shapes, strict=True
                )
            ]
            self._natively(self._native, leaves, parts, values)
        return values.reshape(*batch, *self.shape)

    def _natively(self, compiled: Any, leaves: Any, parts: Any, values: np.ndarray) -> None:
        n = len(values)
        for begin in range(0, n, _POINTS_AT_ONCE):
            end = min(begin + _POINTS_AT_ONCE, n)
            width = -(end - begin) % native.HOST.width
            some = [_longer(part[..., begin:end], width) for part in parts]
            (found,) = compiled(leaves, some)
            values[begin:end] = np.moveaxis(found, -1, 0)[: end - begin]

    def _by_xla(self, leaves: Any, points: np.ndarray, values: np.ndarray, device: Any) -> None:
        with jax.enable_x64(True), jax.default_device(device):
            for begin in range(0, len(points), self._tile):
                some = points[begin : begin + self._tile]
                whole = np.concatenate([some, np.repeat(some[-1:], self._tile - len(some), 0)])
                values[begin : begin + len(some)] = self._xla(leaves, whole)[: len(some)]


def _longer(part: np.ndarray, by: int) -> np.ndarray:
    return np.concatenate([part, np.repeat(part[..., -1:], by, -1)], -1) if by else part


def reader(function: Function, landscape: Landscape, platform: str) -> Reader:
    """The function, compiled at most once for all landscapes that it can be compiled for."""
    if function in _OF_STRUCTURE:
        return _of_structure(function, structure_of(landscape), platform)
    return _of_landscape(function, landscape, platform)


@lru_cache(maxsize=KEPT)
def _of_structure(function: Function, structure: Structure, platform: str) -> Reader:
    return Reader(function, structure.instance(), platform, fixed=False)


# A function of one's own may be made anew each time, and then is another.
@lru_cache(maxsize=32)
def _of_landscape(function: Function, landscape: Landscape, platform: str) -> Reader:
    return Reader(function, landscape, platform, fixed=True)


kept_until_cleared(shape_of.cache_clear)
kept_until_cleared(_of_structure.cache_clear)
kept_until_cleared(_of_landscape.cache_clear)
