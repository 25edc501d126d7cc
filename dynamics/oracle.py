"""The reference: one run at a time, in plain NumPy, with gradients written by hand.

Slow and obvious on purpose, and independent of everything else in this package: it shares no
line with the rules, the kernel or the printed gradients that it is there to check.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from landscapes import Landscape
from landscapes.checks import Real


def _norm(v: Real) -> float:
    largest = np.abs(v).max()
    return 0.0 if largest == 0 else float(largest * np.sqrt(np.sum((v / largest) ** 2)))


def _unit(v: Real) -> Real:
    largest = np.abs(v).max()
    if largest == 0:
        return v
    v = v / largest
    return v / np.sqrt(np.sum(v * v))


def _gd(g: Callable[[Real], Real], w: Real, rho: float) -> Real:
    return g(w)


def _sam(g: Callable[[Real], Real], w: Real, rho: float) -> Real:
    return g(w + rho * _unit(g(w)))


def _usam(g: Callable[[Real], Real], w: Real, rho: float) -> Real:
    return g(w + rho * g(w))


def _stable_sam(g: Callable[[Real], Real], w: Real, rho: float) -> Real:
    return _norm(g(w)) * _unit(g(w + rho * _unit(g(w))))


# What is subtracted, before η, by each registered algorithm.
DIRECTIONS = {"GD": _gd, "SAM": _sam, "USAM": _usam, "StableSAM": _stable_sam}


def path(
    landscape: Landscape, algorithm: str, start: Real, eta: float, rho: float, n_steps: int
) -> Real:
    """All iterates of one run, shape `(n_steps + 1, dim)`, inf and NaN included."""
    w = np.array(start, dtype=np.float64)
    iterates = [w]
    with np.errstate(all="ignore"):
        for _ in range(n_steps):
            w = w - eta * DIRECTIONS[algorithm](landscape.reference_gradient, w, rho)
            iterates.append(w)
    return np.array(iterates)
