"""The cases that the suites are parametrized over, taken from the registries."""

from __future__ import annotations

import numpy as np
import pytest

from landscapes import LANDSCAPES, Landscape


def instances() -> list[Landscape]:
    """Every example of every registered landscape."""
    return [example for cls in LANDSCAPES.values() for example in cls.examples()]


def each_landscape(chosen: list[Landscape] | None = None) -> pytest.MarkDecorator:
    """Parametrizes a test over the given landscapes (all of them) as `landscape`."""
    chosen = instances() if chosen is None else chosen
    names = [f"{i}-{type(one).__name__}-{one.dim}" for i, one in enumerate(chosen)]
    return pytest.mark.parametrize("landscape", chosen, ids=names)


def probes(dim: int, n: int = 7, scale: float = 1.0) -> np.ndarray:
    """n points with no coordinate near 0 or ±1 and none like another: `(n, dim)`.

    Absolute values are drawn from [0.15, 0.85] and [1.15, 1.85], signs at random, by a fixed seed.
    """
    random = np.random.default_rng(20240 + dim)
    size = random.uniform(0.15, 0.85, (n, dim)) + random.integers(0, 2, (n, dim))
    return scale * size * random.choice([-1.0, 1.0], (n, dim))
