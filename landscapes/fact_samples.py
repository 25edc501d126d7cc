"""Points at which stated facts are tried, and what is looked at there."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from landscapes.checks import Real
from landscapes.facts import EVERYWHERE, Box, CriticalKind, CriticalSet, Unknown
from landscapes.landscape import Landscape


def probes(dim: int, n: int = 7, scale: float = 1.0) -> Real:
    """n points with no coordinate near 0 or ±1 and none like another: `(n, dim)`.

    Absolute values are drawn from [0.15, 0.85] and [1.15, 1.85], signs at random, by a fixed seed.
    """
    random = np.random.default_rng(20240 + dim)
    size = random.uniform(0.15, 0.85, (n, dim)) + random.integers(0, 2, (n, dim))
    return scale * size * random.choice([-1.0, 1.0], (n, dim))


def sample(landscape: Landscape, domain: Box) -> Real:
    """Points of the domain: random ones, corners, the axes, and critical points with what is near.

    The extremes of a curvature are at such special points, if anywhere, so they decide whether a
    constant is attained.
    """
    radius = domain.radius if np.isfinite(domain.radius) else 3.0
    random = np.random.default_rng(11)
    points = [random.uniform(-radius, radius, (200, landscape.dim))]
    points += [radius * np.eye(landscape.dim), np.zeros((1, landscape.dim))]
    if landscape.dim <= 4:
        points.append(radius * np.array(list(product((-1.0, 1.0), repeat=landscape.dim))))
    for one in smooth_sets(landscape):
        for w in one.points:
            vectors = np.linalg.eigh(landscape.hessian(w))[1].T
            points += [w[None], w + 0.3 * vectors, w - 0.3 * vectors]
    every = np.concatenate(points)
    return every[(np.abs(every) <= radius).all(axis=1)]


def curvatures(landscape: Landscape, points: Real) -> Real:
    """The Hessian's eigenvalues, ascending, shape `(n, dim)`."""
    return np.linalg.eigvalsh(landscape.hessian(points))


def lowest(of: Callable[[Any], Any], landscape: Landscape, domain: Box = EVERYWHERE) -> Real:
    """Where a function is smallest on the domain, `(dim,)`, as far as a search finds it.

    From the best point of the sample the search goes on among random points around the best one so
    far, ever closer: where the function is smooth, 45 rounds of factor 0.6, down to 1e-10, leave
    1e-20 of its curvature.
    """
    points = sample(landscape, domain)
    random = np.random.default_rng(31)
    best, size = points[np.nanargmin(of(points))], 1.0
    for _ in range(45 if landscape.dim <= 4 else 3):
        around = best + size * random.standard_normal((128, landscape.dim))
        around = np.clip(around, -domain.radius, domain.radius)
        around[0] = best
        best, size = around[np.nanargmin(of(around))], 0.6 * size
    return best


def slope_ratio(landscape: Landscape, points: Real, rounding: float) -> Real:
    """½‖∇L‖²/(L − inf L); infinite where no more is left of the divisor than `rounding`.

    Where the infimum is not known, the least loss of the sample stands for it: the ratio comes out
    too large, never too small.
    """
    infimum = landscape.facts.minimum_loss
    if isinstance(infimum, Unknown):
        infimum = float(landscape.loss(sample(landscape, EVERYWHERE)).min())
    excess = landscape.loss(points) - infimum
    squares = (landscape.gradient(points) ** 2).sum(axis=-1) / 2
    return np.where(excess > rounding, squares / np.maximum(excess, rounding), np.inf)


def smooth_sets(landscape: Landscape) -> list[CriticalSet]:
    every = landscape.facts.critical_sets
    return [one for one in every if one.kind is not CriticalKind.NOT_SMOOTH]


def numbers(w: Any) -> str:
    return "(" + ", ".join(f"{x:.6g}" for x in w) + ")"
