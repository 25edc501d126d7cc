"""How long ascents and steps are, and that an ascent is the steepest in its ball."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dynamics import (
    ALGORITHMS,
    ASAM,
    DNSAM,
    GD,
    NSAM,
    SAM,
    Algorithm,
    ClippedStableSAM,
    LpSAM,
    ScaledSAM,
    SignSAM,
)
from dynamics.algorithms import rules
from dynamics.algorithms.rules import Bound, plain_descent
from tests.support.algorithm_cases import (
    EPS,
    ETA,
    EXAMPLES,
    OTHER,
    POINTS,
    RHO,
    SAME,
    apart,
    ascent_of,
    mean,
    of_places,
    path,
)

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=str)


# -- the ball of an ascent ---------------------------------------------------------------------


def rule(of: Any) -> Any:
    return of.function if isinstance(of, Bound) else of


# Of ε and g at w: the length that is ρ, and the dual length of g that ⟨g, ε⟩/ρ is.
Length = Callable[[np.ndarray, np.ndarray], np.ndarray]


def power_length(p: float) -> Length:
    return lambda v, w: np.linalg.norm(v, p, axis=1)


def adaptive_ball(shift: float) -> tuple[Length, Length]:
    euclidean = power_length(2)
    return (
        lambda v, w: euclidean(v / (np.abs(w) + shift), w),
        lambda v, w: euclidean(v * (np.abs(w) + shift), w),
    )


BALLS: list[tuple[Algorithm, tuple[Length, Length]]] = [
    (SAM, (power_length(2), power_length(2))),
    (SignSAM, (power_length(np.inf), power_length(1))),
    *((LpSAM(p), (power_length(p), power_length(p / (p - 1)))) for p in (1.1, 1.5, 2, 3, 20)),
    *((ASAM(shift), adaptive_ball(shift)) for shift in (0, 0.01, 0.6)),
]
each_ball = pytest.mark.parametrize(
    ("algorithm", "ball"), BALLS, ids=lambda x: getattr(x, "name", "")
)


def gradient_at_points() -> np.ndarray:
    return of_places(lambda here: here.g)


@pytest.mark.slow
@each_ball
def test_an_ascent_is_the_steepest_in_its_ball(algorithm: Algorithm, ball: tuple[Length, Length]):
    length, dual = ball
    g, ascent = gradient_at_points(), of_places(ascent_of(algorithm))
    # A sum of three powers, a root and a quotient: a few roundings, twenty times as many in |g|^q.
    np.testing.assert_allclose(length(ascent, POINTS), RHO, rtol=400 * EPS)
    gain = (g * ascent).sum(axis=1)
    np.testing.assert_allclose(gain, RHO * dual(g, POINTS), rtol=400 * EPS)
    random = np.random.default_rng(12)
    best = np.zeros(len(POINTS))
    for _ in range(500):
        other = random.standard_normal(POINTS.shape)
        other *= (RHO / length(other, POINTS))[:, None]
        best = np.maximum(best, (g * other).sum(axis=1))
    assert (best <= gain * (1 + 400 * EPS)).all()
    assert (best > 0.8 * gain).all()  # so that the maximum was in sight


@pytest.mark.slow
def test_every_ascent_that_has_a_length_of_its_own_is_looked_at():
    smaller = tuple(lambda w, e=e: 0.3 * e(w) for e in EXAMPLES)
    free = {
        rule(a.ascent)
        for a in ALGORITHMS.values()
        if a.uses_rho
        and apart(of_places(ascent_of(a), smaller, t=3), of_places(ascent_of(a), t=3)) <= SAME
    }
    of_all_examples = {rules.whole_unit_ascent, rules.deterministically_normalised_ascent}
    assert free == {rule(a.ascent) for a, _ in BALLS} | {rules.scaled_ascent} | of_all_examples


def test_the_scaled_ascent_reaches_the_surface_but_not_the_top():
    g, ascent = gradient_at_points(), of_places(ascent_of(ScaledSAM))
    np.testing.assert_allclose(np.abs(ascent).max(axis=1), RHO, rtol=4 * EPS)
    gain, most = (g * ascent).sum(axis=1), RHO * np.abs(g).sum(axis=1)
    np.testing.assert_allclose(
        gain, RHO * (g**2).sum(axis=1) / np.abs(g).max(axis=1), rtol=16 * EPS
    )
    assert (gain < 0.99 * most).all()


def test_ascents_by_all_examples_have_the_direction_or_the_length_of_all():
    whole = gradient_at_points()
    drawn = of_places(lambda here: here.g, draws=True)
    size = np.linalg.norm(whole, axis=1, keepdims=True)
    assert apart(drawn, whole) > 0.1
    found = of_places(ascent_of(NSAM), draws=True)
    np.testing.assert_allclose(found, RHO * whole / size, rtol=16 * EPS)
    found = of_places(ascent_of(DNSAM), draws=True)
    np.testing.assert_allclose(found, RHO * drawn / size, rtol=16 * EPS)


# -- the length of a step ------------------------------------------------------------------------


def lengths(algorithm: Algorithm) -> tuple[np.ndarray, np.ndarray]:
    """‖w⁺ − w‖/η without a base step, and ‖g‖."""
    plain = replace(algorithm, base=None, order=None)
    moved = np.diff(path(plain, n_steps=1), axis=1)[:, 0]
    return np.linalg.norm(moved, axis=1) / ETA, np.linalg.norm(gradient_at_points(), axis=1)


def step_length(algorithm: Algorithm) -> str:
    """What the descent declares."""
    declared = rules.DECLARED.get(rule(algorithm.descent))
    return declared.step_length if declared else ""


@each_algorithm
def test_who_moves_by_the_length_of_the_gradient(algorithm: Algorithm):
    found, g = lengths(algorithm)
    gap = np.abs(found / g - 1).max()
    descent, ascent = algorithm.descent, algorithm.ascent
    renormalised = step_length(algorithm) == "gradient"
    if renormalised or (descent is plain_descent and ascent is None):
        # A difference of iterates of size ≤ 3 over ηg > 0.02.
        assert gap <= 200 * EPS
    else:
        assert gap > OTHER


def test_normalised_descent_moves_by_eta():
    found = {a.name: lengths(a)[0] for a in ALGORITHMS.values()}
    for name, moved in found.items():
        gap = np.abs(moved - 1).max()
        assert (gap <= 200 * EPS) == (step_length(ALGORITHMS[name]) == "one")


def test_the_adaptive_norm_of_a_step_is_that_of_the_gradient():
    algorithm = ALGORITHMS["StableASAMAdaptiveNorm"]
    g, ascended = gradient_at_points(), POINTS + of_places(ascent_of(algorithm))
    moved = np.diff(path(algorithm, n_steps=1), axis=1)[:, 0] / ETA
    np.testing.assert_allclose(
        np.linalg.norm(ascended * moved, axis=1), np.linalg.norm(POINTS * g, axis=1),
        rtol=400 * EPS,
    )  # fmt: skip


@pytest.mark.parametrize("floor", [0.2, 0.5, 0.8])
def test_a_clipped_factor_is_within_its_bounds_and_reaches_them(floor: float):
    # Towards an edge of a steep valley ‖g_asc‖ is many ‖g‖, away from a maximum it is less.
    slopes = np.array([0.05, 0.3, 9.0])
    losses = (lambda w: slopes * w - 0.9 * np.array([1.0, 0, 0]) * w,)
    radii = (0.01, 0.3, 2.0)
    factors = []
    for rho in radii:
        for examples in (losses, (mean(EXAMPLES),)):
            moved = np.diff(path(ClippedStableSAM(floor), examples, rho=rho, n_steps=1), axis=1)
            plain = np.diff(path(SAM, examples, rho=rho, n_steps=1), axis=1)
            size = np.linalg.norm(plain, axis=2)
            factors.append(np.linalg.norm(moved, axis=2) / size)
            ratio = np.linalg.norm(np.diff(path(GD, examples, n_steps=1), axis=1), axis=2) / size
            expected = np.minimum(np.maximum(ratio, floor), np.sqrt(floor))
            np.testing.assert_allclose(factors[-1], expected, rtol=2000 * EPS)
    every = np.concatenate([f.ravel() for f in factors])
    assert every.min() >= floor * (1 - 2000 * EPS)
    assert every.max() <= np.sqrt(floor) * (1 + 2000 * EPS)
    at_floor, at_root = (
        np.isclose(every, floor, rtol=1e-9),
        np.isclose(every, floor**0.5, rtol=1e-9),
    )
    assert at_floor.any() and at_root.any() and not (at_floor | at_root).all()
