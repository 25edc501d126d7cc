"""Evidence for statements about one step or a few: many random cases in one compiled call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy

from dynamics import Algorithm, ArrayVector, batched, initial_memory, one_step, step
from landscapes import EVERYWHERE, Constant, Landscape, Quadratic
from landscapes.checks import Real
from proofs_check import symbols
from proofs_check.evidence import (
    ROUNDING,
    Evidence,
    Exhibit,
    Size,
    call,
    join,
    upper_bound,
    value,
)


@dataclass(frozen=True)
class Cases:
    """Runs of a few steps from random points of random quadratics.

    Attributes:
        spectra: eigenvalues, shape `(n, dim)`, the first being β, the last α.
        h: ηβ, shape `(n,)`.
        rho: radii, shape `(n,)`.
        start, after: w and w⁺, shape `(n, dim)`.
        excesses: L − inf L at the start and after each step, shape `(n, n_steps + 1)`.
        gradient_norm: ‖∇L(w)‖, shape `(n,)`.
    """

    algorithm: Algorithm
    spectra: Real
    h: Real
    rho: Real
    start: Real
    after: Real
    excesses: Real
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

    @property
    def excess(self) -> Real:
        return self.excesses[:, 0]

    @property
    def next_excess(self) -> Real:
        return self.excesses[:, 1]

    def witness(self, shows: Callable[[int], str], n_steps: Any = None) -> Callable[[int], Exhibit]:
        """Each case as a witness, with a sentence on what it shows after `n_steps[i]` steps."""

        def witness(i: int) -> Exhibit:
            landscape = Quadratic(spectrum=self.spectra[i])
            length = 1 if n_steps is None else n_steps[i]
            pasted = call(
                landscape, self.algorithm, self.start[i], self.eta[i], self.rho[i], length
            )
            return Exhibit(pasted, shows(i))

        return witness


@dataclass(frozen=True)
class LandscapeCases:
    """One step from random points of one landscape: columns as in `Cases`, shape `(n,)`."""

    algorithm: Algorithm
    landscape: Landscape
    beta: Real
    alpha: Real
    h: Real
    rho: Real
    start: Real
    excess: Real
    next_excess: Real

    def witness(self, shows: Callable[[int], str]) -> Callable[[int], Exhibit]:
        """Each case as a witness, with a sentence on what it shows."""

        def witness(i: int) -> Exhibit:
            eta = self.h[i] / self.beta[i]
            pasted = call(self.landscape, self.algorithm, self.start[i], eta, self.rho[i], 1)
            return Exhibit(pasted, shows(i))

        return witness


def quadratic_cases(
    algorithm: Algorithm, size: Size, *, h: tuple[float, float], dim: int, seed: int,
    rho: tuple[float, float] = (1e-3, 1e1), unit: Any = 1, n_steps: int = 1,
) -> Cases:  # fmt: skip
    """Cases with ηβ uniform in the interval `h`, a tenth of them on its ends, ρ log-uniform.

    Condition numbers, curvatures and starts are log-uniform over four, two and five decades; a
    tenth of the cases have κ = 1, where the bounds of the field are attained. `unit`, a formula
    in β and ρ, multiplies ηβ: the edge of an algorithm that is stable below 2/β only.
    """
    n = size.runs(2000)
    random = np.random.default_rng(seed)
    top = 10 ** random.uniform(-1, 1, (n, 1))
    condition = 10 ** random.uniform(0, 4, (n, 1)) ** (random.random((n, 1)) > 0.1)
    between = random.uniform(0, 1, (n, dim))
    between[:, 0], between[:, -1] = 0, 1
    spectra = top * condition ** -np.sort(between, axis=1)
    steps, radii, start = _steps_radii_starts(random, n, dim, h, rho)
    steps = steps * value(unit, {symbols.beta: spectra[:, 0], symbols.rho: radii})
    after, excesses, norm = _measured(algorithm, n_steps)(
        Quadratic.batch(spectra), start, steps / spectra[:, 0], radii
    )
    return Cases(algorithm, spectra, steps, radii, start, after, excesses, norm)


def landscape_cases(
    algorithm: Algorithm, landscape: Landscape, size: Size, *, h: tuple[float, float],
    reach: float, seed: int, rho: tuple[float, float] = (1e-3, 1e1),
) -> LandscapeCases:  # fmt: skip
    """One step from random points of one landscape, uniform within `reach`; ηβ, ρ as above.

    β and α are the smoothness and the Polyak–Łojasiewicz constant of its facts, which are to hold
    everywhere.
    """
    n, dim = size.runs(2000), landscape.dim
    random = np.random.default_rng(seed)
    steps, radii, _ = _steps_radii_starts(random, n, dim, h, rho)
    start = random.uniform(-reach, reach, (n, dim))
    beta, alpha = (
        np.full(n, constant_of(landscape, name)) for name in ("smoothness", "polyak_lojasiewicz")
    )
    after = batched(lambda *run: one_step(landscape, algorithm, *run))(start, steps / beta, radii)
    least: Any = landscape.facts.minimum_loss
    excess, later = (np.asarray(landscape.loss(w)) - least for w in (start, after))
    return LandscapeCases(algorithm, landscape, beta, alpha, steps, radii, start, excess, later)


def constant_of(landscape: Landscape, name: str) -> float:
    """A constant of the landscape's facts. Raises `ValueError` unless it is known everywhere."""
    fact = getattr(landscape.facts, name)
    if not (isinstance(fact, Constant) and fact.domain == EVERYWHERE):
        raise ValueError(f"{landscape!r} states no {name} that holds everywhere; got {fact}")
    return fact.value


def _steps_radii_starts(
    random: np.random.Generator, n: int, dim: int, h: tuple[float, float], rho: tuple[float, float]
) -> tuple[Real, Real, Real]:
    steps = random.uniform(*h, n)
    edge = random.random(n)
    steps = np.where(edge < 0.05, h[0], np.where(edge > 0.95, h[1], steps))
    start = random.standard_normal((n, dim)) * 10 ** random.uniform(-3, 2, (n, 1))
    return steps, 10 ** random.uniform(np.log10(rho[0]), np.log10(rho[1]), n), start


@lru_cache
def _measured(algorithm: Algorithm, n_steps: int) -> Callable[..., Any]:
    """w⁺, L − inf L along the run, ‖∇L(w)‖; compiled once for each shape."""

    def measure(landscape: Quadratic, w: Any, eta: Any, rho: Any) -> tuple[Any, ...]:
        def advance(w: Any, _: None) -> tuple[Any, Any]:
            w = one_step(landscape, algorithm, w, eta, rho)
            return w, (w, landscape.loss(w))

        g = landscape.gradient(w)
        _, (path, losses) = jax.lax.scan(advance, w, length=n_steps)
        return path[0], jnp.append(landscape.loss(w), losses), (g * g).sum() ** 0.5

    return batched(measure)


def bound_along_runs(
    cases: Cases, bounds: Real, *, quantities: Mapping[sympy.Symbol, Any]
) -> Evidence:
    """L − inf L along each run against bounds of shape `(n, n_steps + 1)`.

    Each run is judged at its worst time. As a witness it ends at its first violation, which is the
    shortest there is.
    """
    # w_t is rounded relative to w₀, which E_t sees to first order: δE ≤ 2δ√(E_t E_0).
    scales = np.abs(bounds) + np.sqrt(cases.excesses * cases.excesses[:, :1])
    slack = (bounds - cases.excesses) / scales
    violated = slack < -ROUNDING
    worst = slack.argmin(axis=1)
    when = np.where(violated.any(axis=1), violated.argmax(axis=1), worst)
    seen, bound, scale = (a[np.arange(len(worst)), worst] for a in (cases.excesses, bounds, scales))

    def shows(i: int) -> str:
        return f"E_{when[i]} = {cases.excesses[i, when[i]]} > {bounds[i, when[i]]}"

    witness = cases.witness(shows, np.maximum(when, 1))
    cost = cases.start.shape[1] * when.astype(np.float64)
    return upper_bound(seen, bound, witness, quantities=quantities, scale=scale, cost=cost)


def bound_on_quadratics(
    algorithm: Algorithm, size: Size, bound: Any, *, h: tuple[float, float], n_steps: int = 30
) -> Evidence:
    """E_t along runs on quadratics against a bound in β, α, ρ, h, E_0 and t."""
    parts = []
    for dim in (1, 2, 5):
        cases = quadratic_cases(algorithm, size, h=h, dim=dim, seed=dim, n_steps=n_steps)
        at: dict[Any, Any] = {
            symbols.h: cases.h, symbols.rho: cases.rho,
            symbols.alpha: cases.alpha, symbols.beta: cases.beta,
        }  # fmt: skip
        along = {s: v[:, None] for s, v in (at | {symbols.first_excess: cases.excess}).items()}
        bounds = value(bound, along | {symbols.t: np.arange(n_steps + 1)[None] * 1.0})
        parts.append(bound_along_runs(cases, bounds, quantities=at))
    return join(parts)


# -- beyond quadratics -------------------------------------------------------------------------


@dataclass(frozen=True)
class ConvexCases:
    """One step from random points of random losses (β − α)·log cosh(⟨v, w⟩ − c) + α‖w‖²/2.

    With ‖v‖ = 1 such a loss is β-smooth and α-strongly convex, its curvature along v changes
    from β to α, and nothing about it is symmetric.

    Attributes:
        v, start: shape `(n, dim)`.
        c, alpha, beta, h, rho: shape `(n,)`, h being ηβ.
        loss, next_loss, gradient_norm: L(w), L(w⁺), ‖∇L(w)‖, shape `(n,)`.
    """

    algorithm: Algorithm
    v: Real
    c: Real
    alpha: Real
    beta: Real
    h: Real
    rho: Real
    start: Real
    loss: Real
    next_loss: Real
    gradient_norm: Real

    @property
    def eta(self) -> Real:
        return self.h / self.beta

    def witness(self, shows: Callable[[int], str]) -> Callable[[int], Exhibit]:
        """Each case as a witness, with a sentence on what it shows."""

        def witness(i: int) -> Exhibit:
            columns = (self.v, self.c, self.alpha, self.beta, self.start, self.eta, self.rho)
            arguments = ", ".join(repr(c[i : i + 1].tolist()) for c in columns)
            return Exhibit(f"log_cosh_step({self.algorithm.name}, {arguments})", shows(i))

        return witness


def convex_cases(
    algorithm: Algorithm, size: Size, *, h: tuple[float, float], dim: int, seed: int,
    rho: tuple[float, float] = (1e-3, 1e1), unit: Any = 1,
) -> ConvexCases:  # fmt: skip
    """Cases drawn as in `quadratic_cases`, with log-cosh losses of random direction and offset."""
    n = size.runs(2000)
    random = np.random.default_rng(seed)
    smooth = 10 ** random.uniform(-1, 1, n)
    convex = smooth * 10 ** random.uniform(-4, 0, n)
    v = random.standard_normal((n, dim))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    c = random.standard_normal(n)
    steps, radii, start = _steps_radii_starts(random, n, dim, h, rho)
    steps = steps * value(unit, {symbols.beta: smooth, symbols.rho: radii})
    measured = log_cosh_step(algorithm, v, c, convex, smooth, start, steps / smooth, radii)
    return ConvexCases(algorithm, v, c, convex, smooth, steps, radii, start, *measured)


def log_cosh_step(algorithm: Algorithm, *columns: Any) -> tuple[Real, Real, Real]:
    """L(w), L(w⁺) and ‖∇L(w)‖ for columns v, c, α, β, w, η, ρ, each with one entry per case."""
    return _log_cosh_measured(algorithm)(*(np.asarray(c, dtype=np.float64) for c in columns))


@lru_cache
def _log_cosh_measured(algorithm: Algorithm) -> Callable[..., Any]:
    def loss(v: Any, c: Any, alpha: Any, beta: Any, w: Any) -> Any:
        s = jnp.dot(v, w) - c
        log_cosh = jnp.logaddexp(s, -s) - jnp.log(2.0)
        return (beta - alpha) * log_cosh + alpha * jnp.dot(w, w) / 2

    def measure(v: Any, c: Any, alpha: Any, beta: Any, w: Any, eta: Any, rho: Any) -> Any:
        here = partial(loss, v, c, alpha, beta)

        def gradient(at: ArrayVector) -> ArrayVector:
            return ArrayVector((jax.grad(here)(at.components[0]),))

        point = ArrayVector((w,))
        memory = initial_memory(algorithm, point)
        after, _ = step(gradient, algorithm, point, memory, eta, rho)
        return here(w), here(after.components[0]), gradient(point).norm()

    return batched(measure)
