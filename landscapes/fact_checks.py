"""Whether the facts that a landscape states about itself are true, and tight where it says so.

`check_landscape` looks for a point at which a stated fact is false. It proves nothing: a fact that
passes has been tried at some thousand points. The project's own landscapes are tested by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from landscapes.checks import Real, shown
from landscapes.fact_samples import (
    curvatures,
    lowest,
    numbers,
    probes,
    sample,
    slope_ratio,
    smooth_sets,
)
from landscapes.facts import (
    Box,
    Constant,
    CriticalKind,
    DoesNotExist,
    Unknown,
)
from landscapes.landscape import Landscape, a_landscape

EPS = float(np.finfo(np.float64).eps)
# A distance may be the root of a difference of squares of size 1 (matrix sensing), so that
# rounding 8ε of the square leaves √(8ε) of the distance.
NO_DISTANCE = float(np.sqrt(8 * EPS))


@dataclass(frozen=True)
class FalseFact:
    """A stated fact that is false: what was found instead, and at which point, `(dim,)`."""

    fact: str
    problem: str
    point: Real | None = None

    def __str__(self) -> str:
        at = "" if self.point is None else f" at {numbers(self.point)}"
        return f"{self.fact}: {self.problem}{at}"


@dataclass(frozen=True)
class LandscapeReport:
    """What `check_landscape` has found; printed, it reads as a page.

    Attributes:
        landscape: what was checked.
        checked: the facts that are stated and were tried.
        unknown: those that are not stated.
        false: what is false, with the points that show it.
    """

    landscape: Landscape
    checked: tuple[str, ...]
    unknown: tuple[str, ...]
    false: tuple[FalseFact, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing that is stated was found to be false."""
        return not self.false

    def __str__(self) -> str:
        verdict = f"{len(self.false)} FALSE" if self.false else "nothing is found to be false"
        lines = [f"{shown(self.landscape, 80)}: {verdict}"]
        lines += [f"  FALSE    {one}" for one in self.false]
        lines += [f"  tried    {', '.join(self.checked) or 'nothing, for nothing is stated'}"]
        if self.unknown:
            lines.append(f"  unknown  {', '.join(self.unknown)}")
        return "\n".join(lines)


def check_landscape(landscape: Landscape) -> LandscapeReport:
    """Tries every fact that the landscape states, as the suite tries those of the project's own.

    Returns a report; print it. Raises `ValueError` for anything that is no landscape, and whatever
    `facts` itself raises.
    """
    a_landscape(landscape)
    stated = landscape.facts
    false = [one for check in CHECKS for one in check(landscape)]
    named = {
        "critical sets": bool(stated.critical_sets),
        "completeness of the list": stated.complete,
        "infimum of the loss": not isinstance(stated.minimum_loss, Unknown),
        "smoothness": not isinstance(stated.smoothness, Unknown),
        "strong convexity": not isinstance(stated.strong_convexity, Unknown),
        "Polyak–Łojasiewicz": not isinstance(stated.polyak_lojasiewicz, Unknown),
        "symmetries": bool(stated.symmetries),
    }
    return LandscapeReport(
        landscape,
        ("gradient", *(name for name, is_stated in named.items() if is_stated)),
        tuple(name for name, is_stated in named.items() if not is_stated),
        tuple(false),
    )


# -- what is tried -------------------------------------------------------------------------------


def gradient_is_the_reference(landscape: Landscape) -> Iterator[FalseFact]:
    """The gradient that is compiled is the one that is written by hand."""
    points = probes(landscape.dim)
    found = landscape.gradient(points)
    for w, one in zip(points, found, strict=True):
        by_hand = landscape.reference_gradient(w)
        # Terms of the size of the curvature, some dozen roundings each.
        size = 1 + np.abs(by_hand).max() + np.abs(landscape.hessian(w)).max()
        if not (np.abs(one - by_hand) <= 1e-12 * size).all():
            problem = f"{numbers(one)}, but by hand {numbers(by_hand)}"
            yield FalseFact("gradient", problem, w)


def critical_points_are_critical(landscape: Landscape) -> Iterator[FalseFact]:
    """The gradient is 0 at the points of each set, and their distance to it as well."""
    names = [one.name for one in landscape.facts.critical_sets]
    for name in {name for name in names if names.count(name) > 1}:
        yield FalseFact(name, "two critical sets have this name")
    for one in landscape.facts.critical_sets:
        if one.points.ndim != 2 or not len(one.points) or one.points.shape[1] != landscape.dim:
            problem = f"points must have the shape (n, {landscape.dim}); they have "
            yield FalseFact(one.name, problem + str(one.points.shape))
            continue
        away = np.ravel(one.distance(one.points))
        if not away.max() <= NO_DISTANCE:
            w = one.points[np.argmax(away)]
            yield FalseFact(one.name, f"a point of it is at distance {away.max():.3g} from it", w)
        if one.kind is CriticalKind.NOT_SMOOTH:
            continue
        # Terms of the size of the curvature cancel to zero.
        size = np.abs(landscape.hessian(one.points)).max() + 1
        slopes = np.abs(landscape.gradient(one.points)).max(axis=1)
        if not slopes.max() <= 100 * EPS * size:
            w = one.points[np.argmax(slopes)]
            yield FalseFact(one.name, f"the gradient is {numbers(landscape.gradient(w))}", w)


def distances_are_distances(landscape: Landscape) -> Iterator[FalseFact]:
    """`distance` is at most that to any member, is 1-Lipschitz, and has the slope 1 off the set."""
    points = probes(landscape.dim, 9)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    for one in landscape.facts.critical_sets:
        distance = one.distance(points)
        to_members = np.linalg.norm(points[:, None] - one.points[None], axis=-1).min(axis=1)
        far = distance > to_members * (1 + 4 * EPS) + NO_DISTANCE
        if far.any():
            w = points[np.argmax(far)]
            yield FalseFact(one.name, "the distance is larger than that to one of its points", w)
        if (np.abs(distance[:, None] - distance[None]) > gaps + NO_DISTANCE).any():
            yield FalseFact(one.name, "the distance changes faster than the point moves")
        with jax.enable_x64(True):
            off = jnp.asarray(points)
            slopes = np.asarray(jax.jit(jax.vmap(jax.grad(one.distance)))(off))
            on_jax = np.asarray(jax.vmap(one.distance)(off))
        steep = np.abs(np.linalg.norm(slopes, axis=-1) - 1) > 1e-9
        if (steep & (distance > NO_DISTANCE)).any():
            w = points[np.argmax(steep)]
            yield FalseFact(one.name, "the slope of the distance is not 1", w)
        if not np.allclose(on_jax, distance, rtol=1e-12, atol=NO_DISTANCE):
            yield FalseFact(one.name, "the distance differs between NumPy and JAX")


def spectra_and_kinds_are_those_of_the_hessian(landscape: Landscape) -> Iterator[FalseFact]:
    """The stated eigenvalues and the kind of each set are those of the Hessian."""
    for one in smooth_sets(landscape):
        found = curvatures(landscape, one.points)[:, ::-1]
        zero = 1e-12 * (1 + np.abs(found).max())  # eigenvalues are exact to a few ε‖H‖
        if not isinstance(one.spectra, Unknown):
            wrong = ~(np.abs(one.spectra - found) <= zero).all(axis=1)
            if wrong.any():
                k = int(np.argmax(wrong))
                stated, there = numbers(one.spectra[k]), numbers(found[k])
                yield FalseFact(one.name, f"curvatures {stated}, but {there}", one.points[k])
        if not all(_is_of_kind(landscape, one.kind, w, s, zero)
                   for w, s in zip(one.points, found, strict=True)):  # fmt: skip
            k = next(k for k, w in enumerate(one.points)
                     if not _is_of_kind(landscape, one.kind, w, found[k], zero))  # fmt: skip
            problem = f"called {one.kind.value}, but the curvatures are {numbers(found[k])}"
            yield FalseFact(one.name, problem, one.points[k])


def _is_of_kind(
    landscape: Landscape, kind: CriticalKind, w: Real, spectrum: Real, zero: float
) -> bool:
    if kind is CriticalKind.MINIMUM:
        return bool(spectrum[-1] >= -zero and spectrum[0] > zero)
    if kind is CriticalKind.MAXIMUM:
        return bool((spectrum < -zero).all())
    if kind is CriticalKind.DEGENERATE:
        return bool((np.abs(spectrum) <= zero).all())
    rises = spectrum[0] > zero or rises_where_it_is_flat(landscape, w, zero)
    return bool(spectrum[-1] < -zero and rises)


def rises_where_it_is_flat(landscape: Landscape, w: Real, zero: float) -> bool:
    """Whether the loss rises along a direction without curvature, as it does if it is quartic."""
    values, vectors = np.linalg.eigh(landscape.hessian(w))
    along = vectors.T[np.abs(values) <= zero]
    return bool((landscape.loss(w + 0.3 * along) > landscape.loss(w) + 1e-4).any())


def ends_of_newtons_method(landscape: Landscape) -> Real:
    """Critical points of all kinds, where Newton's method ends from many points, `(n, dim)`."""
    # What runs away starts again: one shape of array, compiled once.
    random = np.random.default_rng(5)
    points = random.uniform(-2, 2, (300, landscape.dim))
    for _ in range(60):
        hessian, gradient = landscape.hessian(points), landscape.gradient(points)
        usable = np.isfinite(hessian).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1)
        step = np.zeros_like(points)
        step[usable] = np.einsum("nij,nj->ni", np.linalg.pinv(hessian[usable]), gradient[usable])
        points = points - step
        away = (np.abs(points) >= 10).any(axis=1) | ~usable
        points[away] = random.uniform(-2, 2, (away.sum(), landscape.dim))
    return points[np.linalg.norm(landscape.gradient(points), axis=1) < 1e-13]


def a_complete_list_misses_no_critical_point(landscape: Landscape) -> Iterator[FalseFact]:
    """Newton's method ends at listed points only, if the list is said to be complete."""
    if not landscape.facts.complete:
        return
    ended = ends_of_newtons_method(landscape)
    sets = landscape.facts.critical_sets
    distances = [np.broadcast_to(one.distance(ended), len(ended)) for one in sets]
    nearest = np.min(distances, axis=0) if sets else np.full(len(ended), np.inf)
    # At a degenerate point Newton's method is only linear: gradient 1e-13 is |w|³ there.
    if len(ended) and not nearest.max() <= 1e-4:
        problem = "a critical point is missing from a list that is called complete"
        yield FalseFact("complete", problem, ended[np.argmax(nearest)])


def the_infimum_is_attained_and_never_undercut(landscape: Landscape) -> Iterator[FalseFact]:
    """No loss is below the infimum, a minimum has it, and without one the loss falls for ever."""
    infimum, name = landscape.facts.minimum_loss, "infimum of the loss"
    if isinstance(infimum, Unknown):
        return
    if infimum == -np.inf:
        losses = [landscape.loss(sample(landscape, Box(radius))).min() for radius in (1e2, 1e4)]
        if not (losses[0] < 0 and losses[1] < 1e2 * losses[0]):
            problem = f"-inf, but the least loss met is {losses[1]:.6g} for |w_i| <= 1e4"
            yield FalseFact(name, problem)
        return
    # Terms as large as the loss is on the box, a few roundings each.
    size = np.abs(landscape.loss(probes(landscape.dim))).max()
    rounding = 4 * EPS * (1 + size + abs(infimum))
    minima = [one for one in smooth_sets(landscape) if one.kind is CriticalKind.MINIMUM]
    if minima:
        least = [landscape.loss(one.points).min() for one in minima]
        if not abs(min(least) - infimum) <= rounding:
            w = minima[int(np.argmin(least))].points[0]
            problem = f"{infimum:.10g}, but the least loss of a minimum is {min(least):.10g}"
            yield FalseFact(name, problem, w)
    w = lowest(landscape.loss, landscape, Box(2.5))
    if not float(landscape.loss(w)) >= infimum - rounding:
        yield FalseFact(name, f"{infimum:.10g}, but the loss is {float(landscape.loss(w)):.10g}", w)


def smoothness_bounds_the_curvature(landscape: Landscape) -> Iterator[FalseFact]:
    """No curvature on the domain is larger than β, and one is β if it is said to be attained."""
    beta = landscape.facts.smoothness
    if not isinstance(beta, Constant):
        return
    if np.isinf(beta.value):
        at = [np.abs(curvatures(landscape, probes(landscape.dim, 1, s))).max() for s in (1, 1e4)]
        if not at[1] > 1e4 * at[0]:
            yield FalseFact("smoothness", f"inf, but the curvature at 1e4 is {at[1]:.6g} only")
        return
    w = lowest(
        lambda points: -np.abs(curvatures(landscape, points)).max(axis=-1), landscape, beta.domain
    )
    largest = float(np.abs(curvatures(landscape, w[None])).max())
    if not largest <= beta.value * (1 + 1e-12):
        yield FalseFact("smoothness", f"{beta}, but a curvature is {largest:.10g}", w)
    # Attained at one of the special points; where it is only a bound, within a factor of 3.
    elif not largest >= beta.value * (1 - 1e-12 if beta.attained else 1 / 3):
        yield FalseFact("smoothness", f"{beta}, but the largest met is {largest:.10g}", w)


def strong_convexity_bounds_the_curvature(landscape: Landscape) -> Iterator[FalseFact]:
    """No curvature on the domain is smaller than μ, and one is μ if it is said to be attained."""
    mu, name = landscape.facts.strong_convexity, "strong convexity"
    if isinstance(mu, DoesNotExist):
        at = [curvatures(landscape, sample(landscape, Box(radius))).min() for radius in (1e2, 1e4)]
        if not (at[0] < 0 and at[1] < 1e2 * at[0]):
            problem = f"said not to exist, but the least curvature met is {at[1]:.6g}"
            yield FalseFact(name, problem)
    if not isinstance(mu, Constant):
        return
    w = lowest(lambda points: curvatures(landscape, points)[:, 0], landscape, mu.domain)
    smallest, size = float(curvatures(landscape, w[None]).min()), 1e-12 * (1 + abs(mu.value))
    if not smallest >= mu.value - size:
        yield FalseFact(name, f"{mu}, but a curvature is {smallest:.10g}", w)
    elif mu.attained and not smallest <= mu.value + size:
        yield FalseFact(name, f"{mu}, but the smallest met is {smallest:.10g}", w)


def polyak_lojasiewicz_bounds_the_loss(landscape: Landscape) -> Iterator[FalseFact]:
    """½‖∇L‖² ≥ α(L − inf L) on the domain, with equality somewhere if it is attained."""
    alpha, name = landscape.facts.polyak_lojasiewicz, "Polyak–Łojasiewicz"
    sets = landscape.facts.critical_sets
    if isinstance(alpha, DoesNotExist) and sets and landscape.facts.minimum_loss != -np.inf:
        # Near a critical point above the infimum, or one where the loss is flat, every α fails.
        at = np.concatenate([one.points for one in sets])
        random = np.random.default_rng(8).standard_normal((32, 1, landscape.dim))
        ratios = slope_ratio(landscape, (at + 1e-4 * random).reshape(-1, landscape.dim), 1e-30)
        if not ratios.min() < 1e-5:
            problem = f"said not to exist, but the least ratio met is {ratios.min():.6g}"
            yield FalseFact(name, problem)
    if not isinstance(alpha, Constant):
        return
    # The terms of the loss are of size 1 and rounded by 1e-16, 1e-9 of what is divided by at least.
    w = lowest(lambda points: slope_ratio(landscape, points, 1e-7), landscape, alpha.domain)
    ratio = float(slope_ratio(landscape, w[None], 1e-7)[0])
    if not ratio >= alpha.value * (1 - 1e-9):
        yield FalseFact(name, f"{alpha}, but ½‖∇L‖²/(L - inf L) is {ratio:.10g}", w)
    elif alpha.attained and not ratio <= alpha.value * (1 + 1e-9):
        yield FalseFact(name, f"{alpha}, but the least ratio met is {ratio:.10g}", w)


def symmetries_leave_the_loss_alone(landscape: Landscape) -> Iterator[FalseFact]:
    """L(Sw) = L(w), and ∇L(w) = Sᵀ∇L(Sw)."""
    points = probes(landscape.dim)
    tolerance = 1e-12 * (1 + np.abs(landscape.gradient(points)).max())
    for symmetry in landscape.facts.symmetries:
        name, moved = f"symmetry {symmetry.name}", symmetry.map(points)
        if not np.abs(moved - points).max() > 0.1:
            yield FalseFact(name, "it moves no point")
        apart = np.abs(landscape.loss(moved) - landscape.loss(points))
        if not (apart <= tolerance + 1e-13 * np.abs(landscape.loss(points))).all():
            w = points[np.argmax(apart)]
            yield FalseFact(name, f"the loss changes by {apart.max():.6g}", w)
            continue
        for w, image in zip(points, moved, strict=True):
            with jax.enable_x64(True):
                _, pull_back = jax.vjp(symmetry.map, jnp.asarray(w))
                (pulled,) = pull_back(jnp.asarray(landscape.gradient(image)))
            if not (np.abs(np.asarray(pulled) - landscape.gradient(w)) <= tolerance).all():
                yield FalseFact(name, "it does not carry the gradient along", w)
                break


CHECKS: tuple[Callable[[Landscape], Iterator[FalseFact]], ...] = (
    gradient_is_the_reference,
    critical_points_are_critical,
    distances_are_distances,
    spectra_and_kinds_are_those_of_the_hessian,
    a_complete_list_misses_no_critical_point,
    the_infimum_is_attained_and_never_undercut,
    smoothness_bounds_the_curvature,
    strong_convexity_bounds_the_curvature,
    polyak_lojasiewicz_bounds_the_loss,
    symmetries_leave_the_loss_alone,
)
