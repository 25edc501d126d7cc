"""The edge of a renormalised step at a finite radius, from the running step itself.

Near a critical point the step of StableSAM and its like is homogeneous, δ⁺ = F(δ), but where the
loss is no quadratic F depends on the gradients at the distance ρ: the eigenvalues of the Hessian
give the edge to leading order in ρ only. So the running step is taken from points very close to the
critical point, and the deviation is brought back to its length after each: the mean logarithm of
what it was multiplied by is the rate at which runs leave or come nearer. The edge is the least η at
which they leave from some direction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynamics import Algorithm, batched, one_step
from landscapes import Landscape
from landscapes.checks import Real

# The deviation is s = 1e-8·√ρ: F is met up to s/ρ, and the roundings of the point, some 1e-16, are
# 1e-16/s of it; this s makes the two equal, 1e-8/√ρ.
_DEVIATION = 1e-8
# Steps that are not counted, and those that are. At the edge the direction alternates between two,
# so that the mean over an even number of steps carries no more than what is left of the approach.
_APPROACH, _COUNTED = 800, 800
_DIRECTIONS = 8
# Where the edge is looked for, over the edge to leading order, and halvings of the cell it is in.
_GRID, _HALVINGS = np.linspace(1 / 16, 2, 32), 24


def edge_at_radius(
    landscape: Landscape, algorithm: Algorithm, point: tuple[float, ...], leading: Real, rhos: Real
) -> Real:
    """The η from which on runs leave the critical point, for each ρ; shapes of `leading`, `rhos`.

    NaN where they do not leave at twice the edge to leading order. The algorithm is to be without
    memory, its step homogeneous near the point.
    """
    radii, first = np.ravel(rhos), np.ravel(leading)
    leaves = _leaving(landscape, algorithm, point)
    gone = np.stack([leaves(f * first, radii) for f in _GRID])
    at = gone.argmax(axis=0)
    high = _GRID[at] * first
    low = np.where(at > 0, _GRID[at - 1], 0.0) * first
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        out = leaves(middle, radii)
        low, high = np.where(out, low, middle), np.where(out, middle, high)
    edge = np.where(gone.any(axis=0), (low + high) / 2, np.nan)
    # At ρ = 0 the gradient is taken at the point alone, and the leading order is all there is.
    return np.where(radii > 0, edge, first).reshape(np.shape(rhos))


@lru_cache(maxsize=16)
def _leaving(
    landscape: Landscape, algorithm: Algorithm, point: tuple[float, ...]
) -> Callable[[Real, Real], Any]:
    """Whether runs leave the point in some direction, for arrays of η and ρ."""
    centre = np.array(point)
    directions = np.random.default_rng(0).standard_normal((_DIRECTIONS, len(point)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)

    def rate(direction: Any, eta: Any, rho: Any) -> Any:
        small = _DEVIATION * jnp.sqrt(rho)

        def advance(carry: Any) -> Any:
            t, u, total = carry
            after = one_step(landscape, algorithm, centre + small * u, eta, rho) - centre
            length = jnp.sqrt((after * after).sum())
            total = total + jnp.where(t < _APPROACH, 0.0, jnp.log(length / small))
            return t + 1, after / length, total

        # A `while_loop`, which is compiled to machine code with the step, as a `scan` is not.
        begin = jnp.int32(0), direction, jnp.zeros_like(eta)
        steps = _APPROACH + _COUNTED
        *_, total = jax.lax.while_loop(lambda carry: carry[0] < steps, advance, begin)
        return total / _COUNTED

    rates = batched(rate)

    def leaves(etas: Real, rhos: Real) -> Any:
        n = len(etas)
        every = rates(
            np.tile(directions, (n, 1)),
            np.repeat(etas, _DIRECTIONS),
            np.repeat(rhos, _DIRECTIONS),
        )
        return (np.asarray(every).reshape(n, _DIRECTIONS) > 0).any(axis=1)

    return leaves
