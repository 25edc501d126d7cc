"""Paths of any algorithm from many points at once, without compiling: for the algebra of rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynamics import Algorithm, ArrayVector, Place, initial_memory, step
from tests.support.cases import probes

DIM = 3
ETA, RHO = 0.11, 0.23
POINTS = probes(DIM, 16)
EPS = np.finfo(np.float64).eps
# Paths of three steps, some hundred roundings each, that a step enlarges by at most 1 + ηL < 2
# (L < 6 at the points): 3 · 100 · 2³ units. Whatever is asked to differ differs a million times
# more, so no tolerance decides anything.
SAME, OTHER = 3 * 100 * 2**3 * EPS, 1e-5

Gradient = Callable[[Any], Any]


def _example(hessian: Sequence[Sequence[float]], cubic: Sequence[float], along: Sequence[float]):
    """∇ of ½wᵀHw + Σ kᵢwᵢ⁴/4 + log cosh(b·w − 0.3): no symmetry, minimum away from the origin."""
    h, k, b = np.array(hessian), np.array(cubic), np.array(along)
    assert (h == h.T).all()
    return lambda w: h @ w + k * w**3 + b * jnp.tanh(b @ w - 0.3)


# Three examples; the loss of an algorithm that draws nothing is their mean.
EXAMPLES: tuple[Gradient, ...] = (
    _example([[1.7, 0.3, 0], [0.3, 0.9, -0.2], [0, -0.2, 0.4]], [0.1, 0.3, 0.2], [0.5, -0.8, 0.3]),
    _example([[0.4, 0, 0.1], [0, 1.9, 0.4], [0.1, 0.4, 1.1]], [0.2, 0, 0.1], [-0.7, 0.2, 0.9]),
    _example([[1.1, -0.4, 0], [-0.4, 0.6, 0.2], [0, 0.2, 2.1]], [0, 0.2, 0.1], [0.4, 0.6, -0.2]),
)


def mean(examples: Sequence[Gradient]) -> Gradient:
    return lambda w: reduce(lambda a, b: a + b, (e(w) for e in examples)) / len(examples)


def on_vectors(gradient: Gradient) -> Gradient:
    return lambda v: type(v)((gradient(v.components[0]),))


def drawn_at(t: int, examples: Sequence[Gradient]) -> Gradient:
    """Which example step t draws: never the same one twice running."""
    return examples[2 * t % len(examples)]


def path(
    algorithm: Algorithm,
    examples: Sequence[Gradient] = EXAMPLES,
    w: np.ndarray = POINTS,
    *,
    eta: float = ETA,
    rho: float = RHO,
    n_steps: int = 3,
) -> np.ndarray:
    """The paths from the points w, `(n, dim)`, starts included: `(n, n_steps + 1, dim)`."""
    whole = mean(examples)

    def of_one(start: Any) -> Any:
        point = ArrayVector((start,))
        memory = initial_memory(algorithm, point)
        visited = [start]
        for t in range(1, n_steps + 1):
            drawn = drawn_at(t, examples) if algorithm.order else whole
            point, memory = step(
                on_vectors(drawn), algorithm, point, memory, eta, rho,
                t=float(t), whole_gradient=on_vectors(whole),
            )  # fmt: skip
            visited.append(point.components[0])
        return jnp.stack(visited)

    return np.asarray(jax.vmap(of_one)(jnp.asarray(w)))


def of_places(
    function: Callable[[Place], Any], examples: Sequence[Gradient] = EXAMPLES,
    w: np.ndarray = POINTS, *, draws: bool = False, t: int = 1,
) -> np.ndarray:  # fmt: skip
    """A rule, or another function of a place, at the points w."""
    whole = mean(examples)
    drawn = drawn_at(t, examples) if draws else whole

    def of_one(start: Any) -> Any:
        place = Place(ArrayVector((start,)), on_vectors(drawn), on_vectors(whole), lambda: float(t))
        found = function(place)
        return found.components[0] if isinstance(found, ArrayVector) else found

    return np.asarray(jax.vmap(of_one)(jnp.asarray(w)))


def ascent_of(algorithm: Algorithm, rho: Any = RHO) -> Callable[[Place], Any]:
    """Its ascent of this radius, to be looked at by `of_places`."""
    ascent = algorithm.ascent
    assert ascent is not None
    return lambda here: ascent(here, rho)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest distance, relative to the larger of 1 and the values."""
    return float(np.abs(one - other).max() / max(1.0, np.abs(other).max()))
