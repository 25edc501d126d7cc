"""Every fact that a landscape states about itself is true, and tight where it says so."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscapes import (
    EVERYWHERE,
    Box,
    Constant,
    CriticalKind,
    CriticalSet,
    DoesNotExist,
    Landscape,
    Unknown,
)
from tests.support.cases import each_landscape, instances, probes

EPS = np.finfo(np.float64).eps
# A distance may be the root of a difference of squares of size 1 (matrix sensing), so that
# rounding 8ε of the square leaves √(8ε) of the distance.
NO_DISTANCE = float(np.sqrt(8 * EPS))


def sets(landscape: Landscape) -> tuple[CriticalSet, ...]:
    return landscape.facts.critical_sets


def stated(name: str, finite: bool = True) -> list[Landscape]:
    """The examples that state the constant of this name."""

    def states(landscape: Landscape) -> bool:
        constant = getattr(landscape.facts, name)
        return isinstance(constant, Constant) and np.isfinite(constant.value) == finite

    return [landscape for landscape in instances() if states(landscape)]


def without(name: str) -> list[Landscape]:
    """The examples that have no constant of this name."""
    return [one for one in instances() if isinstance(getattr(one.facts, name), DoesNotExist)]


def constant(landscape: Landscape, name: str) -> Constant:
    found = getattr(landscape.facts, name)
    assert isinstance(found, Constant)
    return found


def sample(landscape: Landscape, domain: Box) -> np.ndarray:
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
    for one in sets(landscape):
        for w in one.points:
            vectors = np.linalg.eigh(landscape.hessian(w))[1].T
            points += [w[None], w + 0.3 * vectors, w - 0.3 * vectors]
    every = np.concatenate(points)
    return every[(np.abs(every) <= radius).all(axis=1)]


def curvatures(landscape: Landscape, points: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(landscape.hessian(points))


def least(of: Callable[[Any], Any], landscape: Landscape, domain: Box = EVERYWHERE) -> float:
    """The smallest value of a function on the domain, as far as a search finds it.

    From the best point of the sample the search goes on among random points around the best one so
    far, ever closer: where the function is smooth, 45 rounds of factor 0.6, down to 1e-10, leave
    1e-20 of its curvature.
    """
    points = sample(landscape, domain)
    random = np.random.default_rng(31)
    best, size = points[np.argmin(of(points))], 1.0
    for _ in range(45 if landscape.dim <= 4 else 3):
        around = best + size * random.standard_normal((128, landscape.dim))
        around = np.clip(around, -domain.radius, domain.radius)
        around[0] = best
        best, size = around[np.argmin(of(around))], 0.6 * size
    return float(of(best[None])[0])


def slope_ratio(landscape: Landscape, points: np.ndarray, rounding: float) -> np.ndarray:
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


def test_there_are_facts_to_test():
    assert all(sets(landscape) for landscape in instances())
    assert sum(len(landscape.facts.symmetries) for landscape in instances()) >= len(instances())
    for name in ("smoothness", "strong_convexity", "polyak_lojasiewicz"):
        assert stated(name)
    assert stated("smoothness", finite=False)


# -- critical sets ---------------------------------------------------------------------------


@each_landscape()
def test_critical_points_are_critical_and_lie_in_their_set(landscape: Landscape):
    elsewhere = probes(landscape.dim)
    for one in sets(landscape):
        assert one.points.shape == (len(one.points), landscape.dim)
        assert len(one.points) > 0
        # Terms of the size of the curvature cancel to zero.
        size = np.abs(landscape.hessian(one.points)).max() + 1
        assert np.abs(landscape.gradient(one.points)).max() <= 100 * EPS * size
        assert one.distance(one.points).max() <= NO_DISTANCE
        assert one.distance(elsewhere).shape == (len(elsewhere),)
        assert one.distance(elsewhere).min() > 0.1  # probes keep 0.15 from 0 and from ±1
    names = [one.name for one in sets(landscape)]
    assert len(set(names)) == len(names)


@each_landscape()
def test_distance_is_a_distance(landscape: Landscape):
    points = probes(landscape.dim, 9)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    for one in sets(landscape):
        distance = one.distance(points)
        # At most as far as any member, and 1-Lipschitz: so it is never too large …
        to_members = np.linalg.norm(points[:, None] - one.points[None], axis=-1).min(axis=1)
        assert (distance <= to_members * (1 + 4 * EPS) + NO_DISTANCE).all()
        assert (np.abs(distance[:, None] - distance[None]) <= gaps + NO_DISTANCE).all()
        # … and its slope is 1 off the set, so it is never too small.
        slopes = np.asarray(jax.jit(jax.vmap(jax.grad(one.distance)))(jnp.asarray(points)))
        np.testing.assert_allclose(np.linalg.norm(slopes, axis=-1), 1.0, rtol=1e-9)
        on_jax = np.asarray(jax.vmap(one.distance)(jnp.asarray(points)))
        np.testing.assert_allclose(on_jax, distance, rtol=1e-12)


@each_landscape()
def test_spectra_and_kinds_are_those_of_the_hessian(landscape: Landscape):
    for one in sets(landscape):
        found = curvatures(landscape, one.points)[:, ::-1]
        zero = 1e-12 * (1 + np.abs(found).max())  # eigenvalues are exact to a few ε‖H‖
        if isinstance(one.spectra, Unknown):
            assert one.spectra.reason
        else:
            np.testing.assert_allclose(one.spectra, found, rtol=0, atol=zero)
        if one.kind is CriticalKind.MINIMUM:
            assert (found >= -zero).all()
            assert found[:, 0].min() > zero
        elif one.kind is CriticalKind.SADDLE:
            assert (found[:, -1] < -zero).all()
            flat = one.points[found[:, 0] <= zero]
            assert all(rises_where_it_is_flat(landscape, w, zero) for w in flat)
        elif one.kind is CriticalKind.MAXIMUM:
            assert (found < -zero).all()
        else:
            assert one.kind is CriticalKind.DEGENERATE
            assert (np.abs(found) <= zero).all()


def rises_where_it_is_flat(landscape: Landscape, w: np.ndarray, zero: float) -> bool:
    """Whether the loss rises along a direction without curvature, as it does if it is quartic."""
    values, vectors = np.linalg.eigh(landscape.hessian(w))
    along = vectors.T[np.abs(values) <= zero]
    return bool((landscape.loss(w + 0.3 * along) > landscape.loss(w) + 1e-4).any())


@each_landscape()
def test_a_complete_list_misses_no_critical_point(landscape: Landscape):
    if not landscape.facts.complete:
        assert len(sets(landscape)) > 0  # nothing is claimed; asserted below to be the exception
        return
    # Newton's method from many points ends at critical points, of all kinds. What runs away starts
    # again: one shape of array, compiled once.
    random = np.random.default_rng(5)
    points = random.uniform(-2, 2, (300, landscape.dim))
    for _ in range(60):
        hessian, gradient = landscape.hessian(points), landscape.gradient(points)
        points = points - np.einsum("nij,nj->ni", np.linalg.pinv(hessian), gradient)
        away = (np.abs(points) >= 10).any(axis=1)
        points[away] = random.uniform(-2, 2, (away.sum(), landscape.dim))
    ended = points[np.linalg.norm(landscape.gradient(points), axis=1) < 1e-13]
    assert len(ended) > 20
    nearest = np.min([one.distance(ended) for one in sets(landscape)], axis=0)
    # At the degenerate origin Newton's method is only linear: gradient 1e-13 is |w|³ there.
    assert nearest.max() <= 1e-4


def test_only_losses_of_drawn_data_list_their_critical_points_in_part():
    incomplete = {type(one).__name__ for one in instances() if not one.facts.complete}
    assert incomplete == {"MatrixSensing", "ThresholdNeuron"}


def with_minimum_loss(finite: bool) -> list[Landscape]:
    def states(landscape: Landscape) -> bool:
        infimum = landscape.facts.minimum_loss
        return isinstance(infimum, float) and np.isfinite(infimum) == finite

    return [landscape for landscape in instances() if states(landscape)]


@each_landscape(with_minimum_loss(finite=True))
def test_minimum_loss_is_attained_and_never_undercut(landscape: Landscape):
    infimum = landscape.facts.minimum_loss
    assert isinstance(infimum, float)
    minima = [one for one in sets(landscape) if one.kind is CriticalKind.MINIMUM]
    assert minima
    attained = min(landscape.loss(one.points).min() for one in minima)
    assert abs(attained - infimum) <= 1e-15
    assert least(landscape.loss, landscape, Box(2.5)) >= infimum - 1e-15
    for one in sets(landscape):
        if one.kind is CriticalKind.SADDLE:
            assert landscape.loss(one.points).min() > infimum + 1e-3


@each_landscape(with_minimum_loss(finite=False))
def test_a_loss_without_a_lower_bound_falls_below_every_one(landscape: Landscape):
    assert landscape.facts.minimum_loss == -np.inf
    lowest = [landscape.loss(sample(landscape, Box(radius))).min() for radius in (1e2, 1e4)]
    assert lowest[0] < 0
    assert lowest[1] < 1e2 * lowest[0]


# -- constants -------------------------------------------------------------------------------


@each_landscape(stated("smoothness"))
def test_smoothness_bounds_the_curvature(landscape: Landscape):
    beta = constant(landscape, "smoothness")
    largest = -least(
        lambda points: -np.abs(curvatures(landscape, points)).max(axis=-1), landscape, beta.domain
    )
    assert largest <= beta.value * (1 + 1e-12)
    # Attained at one of the special points; where it is only a bound, within a factor of 3.
    assert largest >= beta.value * (1 - 1e-12 if beta.attained else 1 / 3)


@each_landscape(stated("smoothness", finite=False))
def test_infinite_smoothness_is_unbounded_curvature(landscape: Landscape):
    at = [
        np.abs(curvatures(landscape, probes(landscape.dim, 1, scale))).max() for scale in (1, 1e4)
    ]
    assert at[1] > 1e4 * at[0]


@each_landscape(stated("strong_convexity"))
def test_strong_convexity_bounds_the_curvature_from_below(landscape: Landscape):
    mu = constant(landscape, "strong_convexity")
    smallest = least(lambda points: curvatures(landscape, points)[:, 0], landscape, mu.domain)
    size = 1e-12 * (1 + abs(mu.value))
    assert smallest >= mu.value - size
    if mu.attained:
        assert smallest <= mu.value + size


@each_landscape(stated("polyak_lojasiewicz"))
def test_polyak_lojasiewicz_bounds_the_loss_by_the_gradient(landscape: Landscape):
    alpha = constant(landscape, "polyak_lojasiewicz")
    ratio = least(lambda points: slope_ratio(landscape, points, 1e-7), landscape, alpha.domain)
    # The terms of the loss are of size 1 and rounded by 1e-16, 1e-9 of what is divided by at least.
    assert ratio >= alpha.value * (1 - 1e-9)
    if alpha.attained:
        assert ratio <= alpha.value * (1 + 1e-9)


# -- what does not exist ---------------------------------------------------------------------


@each_landscape(without("strong_convexity"))
def test_where_there_is_no_smallest_curvature_it_falls_without_bound(landscape: Landscape):
    at = [curvatures(landscape, sample(landscape, Box(radius))).min() for radius in (1e2, 1e4)]
    assert at[0] < 0
    assert at[1] < 1e2 * at[0]


@each_landscape(without("polyak_lojasiewicz"))
def test_where_there_is_no_pl_constant_some_slopes_are_too_small(landscape: Landscape):
    # Near a critical point above the infimum, or one where the loss is flat, every α fails.
    at = np.concatenate([one.points for one in sets(landscape)])
    random = np.random.default_rng(8).standard_normal((32, 1, landscape.dim))
    ratios = slope_ratio(landscape, (at + 1e-4 * random).reshape(-1, landscape.dim), 1e-30)
    assert ratios.min() < 1e-5


@each_landscape()
def test_what_is_unknown_has_a_reason(landscape: Landscape):
    for name in ("smoothness", "strong_convexity", "polyak_lojasiewicz"):
        fact = getattr(landscape.facts, name)
        assert isinstance(fact, Constant) or len(fact.reason) > 10
    infimum = landscape.facts.minimum_loss
    assert not isinstance(infimum, Unknown) or len(infimum.reason) > 10


# -- symmetries ------------------------------------------------------------------------------


@each_landscape()
def test_symmetries_leave_the_loss_alone_and_carry_the_gradient(landscape: Landscape):
    points = probes(landscape.dim)
    tolerance = 1e-12 * (1 + np.abs(landscape.gradient(points)).max())
    for symmetry in landscape.facts.symmetries:
        moved = symmetry.map(points)
        assert np.abs(moved - points).max() > 0.1, f"{symmetry.name} does nothing"
        np.testing.assert_allclose(
            landscape.loss(moved), landscape.loss(points), rtol=1e-13, atol=tolerance
        )
        # L(Sw) = L(w) gives ∇L(w) = Sᵀ∇L(Sw).
        for w, image in zip(points, moved, strict=True):
            _, pull_back = jax.vjp(symmetry.map, jnp.asarray(w))
            (pulled,) = pull_back(jnp.asarray(landscape.gradient(image)))
            np.testing.assert_allclose(
                np.asarray(pulled), landscape.gradient(w), rtol=0, atol=tolerance
            )
