"""Pairs of runs on one quadratic whose gradients are equally long at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynamics import Algorithm, ArrayVector, Place, batched, direction
from landscapes import Quadratic
from landscapes.checks import Real
from proofs_check.evidence import Exhibit, Size
from proofs_check.sampling.cases import Cases, quadratic_cases

N_STEPS = 4


@dataclass(frozen=True)
class Pairs:
    """What was measured of two runs of the running code.

    Attributes:
        cases: the quadratics, starts, learning rates and radii of the first run of each pair.
        gradient, ascended: ‖∇L‖ at iterates and at their ascent points, `(n, N_STEPS, 2)`.
        factor: ‖descent direction‖/‖∇L at the ascent point‖, `(n, N_STEPS, 2)`.
        distance: ‖v − w‖ before and after each step, `(n, N_STEPS, 2)`.
    """

    cases: Cases
    gradient: Real
    ascended: Real
    factor: Real
    distance: Real

    def witness(self, i: int) -> Exhibit:
        """The first run of a pair, with the lengths at its first step."""
        lengths = (a[i, 0, 0] for a in (self.gradient, self.ascended, self.factor))
        shows = "‖∇L(w)‖ = {}, ‖∇L(w_asc)‖ = {}, γ = {}".format(*lengths)
        return self.cases.witness(lambda _: shows, np.full(i + 1, N_STEPS))(i)


def reflected_pairs(
    algorithm: Algorithm, size: Size, cap: Callable[[Cases], Real], *, dim: int, seed: int
) -> Pairs:
    """Random pairs: v₀ is w₀ with the signs of some coordinates flipped, at least of one.

    Reflections leave a diagonal quadratic and ‖∇L‖ as they are, so that ξ = ρ/‖∇L‖ is the same
    for both runs at every step although ρ is constant. η is a random part, up to half, of `cap`.
    """
    cases = quadratic_cases(algorithm, size, h=(1.0, 1.0), dim=dim, seed=seed)
    n, random = len(cases.rho), np.random.default_rng(seed)
    flip = random.random((n, dim)) < 0.5
    flip[np.arange(n), random.integers(dim, size=n)] = True
    cases = replace(cases, h=random.uniform(0.01, 0.5, n) * cap(cases) * cases.beta)
    lengths, distance = _measured(algorithm)(
        Quadratic.batch(cases.spectra), cases.start, np.where(flip, -1, 1) * cases.start,
        cases.eta, cases.rho,
    )  # fmt: skip
    gradient, ascended, factor = (lengths[..., k] for k in range(3))
    return Pairs(cases, gradient, ascended, factor, distance)


@lru_cache
def _measured(algorithm: Algorithm) -> Callable[..., Any]:
    def measure(landscape: Quadratic, w: Any, v: Any, eta: Any, rho: Any) -> Any:
        def gradient(at: ArrayVector) -> ArrayVector:
            return ArrayVector(landscape.gradient_of(at.components))

        def lengths(point: ArrayVector, d: ArrayVector) -> tuple[Any, Any, Any]:
            g = gradient(point)
            assert algorithm.ascent is not None
            here = Place(point, gradient, gradient, lambda: 1)
            ascended = gradient(point + algorithm.ascent(here, rho)).norm()
            return g.norm(), ascended, d.norm() / ascended

        def advance(pair: tuple, _: None) -> tuple[tuple, Any]:
            directions = [direction(gradient, algorithm, p, rho) for p in pair]
            following = tuple(p - eta * d for p, d in zip(pair, directions, strict=True))
            seen = [lengths(p, d) for p, d in zip(pair, directions, strict=True)]
            apart = [(b - a).norm() for a, b in (pair, following)]
            return following, (jnp.array(seen), jnp.array(apart))

        pair = tuple(ArrayVector(landscape.split(p)) for p in (w, v))
        return jax.lax.scan(advance, pair, length=N_STEPS)[1]

    return batched(measure)
