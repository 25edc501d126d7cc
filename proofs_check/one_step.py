"""Evidence for statements about one step: many random cases in one compiled call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynamics import Algorithm, batched, one_step
from landscapes import Quadratic
from landscapes.checks import Real
from proofs_check.evidence import Size, Witness, call


@dataclass(frozen=True)
class Cases:
    """One step from random points of random quadratics.

    Attributes:
        spectra: eigenvalues, shape `(n, dim)`, the first being β, the last α.
        h: ηβ, shape `(n,)`.
        rho: radii, shape `(n,)`.
        start, after: w and w⁺, shape `(n, dim)`.
        excess, next_excess: L − inf L at both, shape `(n,)`.
        gradient_norm: ‖∇L(w)‖, shape `(n,)`.
    """

    algorithm: Algorithm
    spectra: Real
    h: Real
    rho: Real
    start: Real
    after: Real
    excess: Real
    next_excess: Real
    gradient_norm: Real

    @property
    def beta(self) -> Real:
        return self.spectra[:, 0]

    @property
    def alpha(self) -> Real:
        return self.spectra[:, -1]

    @property
    def eta(self) -> Real:
        return self.h / self.beta

    def witness(self, shows: Callable[[int], str]) -> Callable[[int], Witness]:
        """Each case as a witness, with a sentence on what it shows."""

        def witness(i: int) -> Witness:
            landscape = Quadratic(spectrum=self.spectra[i])
            pasted = call(
                landscape, self.algorithm, self.start[i], self.eta[i], self.rho[i], n_steps=1
            )
            return Witness(pasted, shows(i))

        return witness


def quadratic_cases(
    algorithm: Algorithm, size: Size, *, h: tuple[float, float], dim: int, seed: int,
    rho: tuple[float, float] = (1e-3, 1e1),
) -> Cases:  # fmt: skip
    """Cases with ηβ uniform in the interval `h`, a tenth of them on its ends, ρ log-uniform.

    Condition numbers, curvatures and starts are log-uniform over four, two and five decades; a
    tenth of the cases have κ = 1, where the bounds of the field are attained.
    """
    n = size.runs(2000)
    random = np.random.default_rng(seed)
    top = 10 ** random.uniform(-1, 1, (n, 1))
    condition = 10 ** random.uniform(0, 4, (n, 1)) ** (random.random((n, 1)) > 0.1)
    between = random.uniform(0, 1, (n, dim))
    between[:, 0], between[:, -1] = 0, 1
    spectra = top * condition ** -np.sort(between, axis=1)
    steps = random.uniform(*h, n)
    edge = random.random(n)
    steps = np.where(edge < 0.05, h[0], np.where(edge > 0.95, h[1], steps))
    start = random.standard_normal((n, dim)) * 10 ** random.uniform(-3, 2, (n, 1))
    radii = 10 ** random.uniform(*np.log10(rho), n)
    landscapes = Quadratic.batch(spectra)

    def measure(landscape: Quadratic, w: Any, eta: Any, rho: Any) -> tuple[Any, ...]:
        after = one_step(landscape, algorithm, w, eta, rho)
        g = landscape.gradient(w)
        return after, landscape.loss(w), landscape.loss(after), (g * g).sum() ** 0.5

    after, excess, next_excess, norm = batched(measure)(
        landscapes, start, steps / spectra[:, 0], radii
    )
    return Cases(algorithm, spectra, steps, radii, start, after, excess, next_excess, norm)
