"""What a saddle holds of the plane in the limit of small steps, for ascents of a fixed length.

As η → 0 a step of SAM follows the flow w′ = −∇L(w + ρ∇L/‖∇L‖). Near a saddle with curvatures λ > 0
and −m < 0 that is, in its eigenbasis and with n = ‖∇L‖,

    a′ = −λa(1 + ρλ/n),    b′ = mb(1 − ρm/n):

b is driven out as long as n > ρm, and in once n < ρm. Between lie two points of rest, a = 0,
b = ±ρ, where the ascent ends on the saddle; they attract along a and repel along b. So what is held
is bounded by their stable manifolds. Far from the saddle, a ≫ ρ, the flow keeps b|a|^{m/λ}, whence
the strip between them has there a width that falls as ρ^{1 + m/λ}: faster than ρ.

Whoever moves in the same direction as SAM, however far, has the same orbits and the same border.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import root_scalar

from dynamics import SAM, Algorithm, batched, one_step
from landscapes import CriticalKind, Landscape
from landscapes.checks import Real
from landscapes.facts import CriticalSet

_ARC = 8e-3  # greatest length of a step along a manifold; the midpoint rule errs by its square
_AWAY = 1e-5  # where a manifold is left along its tangent; it errs by the square of this


def saddle_of(landscape: Landscape) -> CriticalSet:
    """The one saddle point. Raises `ValueError` if there is none or several."""
    found = [s for s in landscape.facts.critical_sets if s.kind is CriticalKind.SADDLE]
    if len(found) != 1 or len(found[0].points) != 1 or landscape.dim != 2:
        raise ValueError(f"{landscape!r} must be of two coordinates with one saddle point")
    return found[0]


def stable_manifold(landscape: Landscape, reach: float) -> Real:
    """The saddle's stable manifold under gradient flow, through it, shape `(point, 2)`.

    Up to the distance `reach` along its length, to either side.
    """
    saddle = saddle_of(landscape).points[0]
    across = np.linalg.eigh(landscape.hessian(saddle))[1][:, -1]

    def uphill(w: Real, rho: Real) -> Real:
        return np.asarray(landscape.gradient(w))

    return _followed(uphill, np.array([saddle]), np.array([across]), np.zeros(1), reach)[0]


def held_borders(landscape: Landscape, radii: Real, reach: float) -> Real:
    """The two borders of what the saddle holds of SAM, for each ρ, shape `(rho, 2, point, 2)`."""
    # With η = 1 a step is minus the direction of the flow.
    after = batched(lambda w, rho: one_step(landscape, SAM, w, 1.0, rho))

    def uphill(w: Real, rho: Real) -> Real:
        return w - after(w, rho)

    saddle = saddle_of(landscape).points[0]
    rhos = np.repeat(radii, 2)
    rest = np.array([_rest(landscape, saddle, r, s) for r in radii for s in (1.0, -1.0)])
    jacobian = [
        (uphill(rest + _AWAY * e, rhos) - uphill(rest - _AWAY * e, rhos)) / (2 * _AWAY)
        for e in np.eye(2)
    ]
    values, vectors = np.linalg.eig(np.stack(jacobian, axis=-1))
    # Uphill the flow runs backwards: what attracts has the largest eigenvalue.
    attracting = np.take_along_axis(np.real(vectors), np.real(values).argmax(-1)[:, None, None], -1)
    borders = _followed(uphill, rest, attracting[..., 0], rhos, reach)
    return borders.reshape(len(radii), 2, -1, 2)


def _rest(landscape: Landscape, saddle: Real, radius: float, sign: float) -> Real:
    """The point at this distance from the saddle whose ascent ends on it."""
    out = sign * np.linalg.eigh(landscape.hessian(saddle))[1][:, 0]
    first = np.arctan2(out[1], out[0])

    def at(angle: float) -> Real:
        return saddle + radius * np.array([np.cos(angle), np.sin(angle)])

    def turned(angle: float) -> float:
        (a, b), (c, d) = at(angle) - saddle, np.asarray(landscape.gradient(at(angle)))
        return float(a * d - b * c)

    return at(float(root_scalar(turned, bracket=(first - 0.5, first + 0.5)).root))


def _followed(
    uphill: Callable[[Real, Real], Real], points: Real, tangents: Real, rhos: Real, reach: float
) -> Real:
    """Curves through the points, followed uphill to either side at unit speed."""
    sides = np.concatenate([points - _AWAY * tangents, points + _AWAY * tangents])
    both = np.concatenate([rhos, rhos])
    line = [sides]
    # The flow turns within ρ of the saddle.
    arc = min([_ARC, *(rho / 8 for rho in rhos if rho > 0)])
    for _ in range(int(reach / arc)):
        half = line[-1] + 0.5 * arc * _unit(uphill(line[-1], both))
        line.append(line[-1] + arc * _unit(uphill(half, both)))
    back, on = np.split(np.swapaxes(np.array(line)[:: max(1, int(0.02 / arc))], 0, 1), 2)
    return np.concatenate([back[:, ::-1], points[:, None], on], axis=1)


def _unit(vectors: Real) -> Real:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def has_orbits_of_sam(algorithm: Algorithm, landscape: Landscape, radius: float) -> bool:
    """Whether the algorithm moves in the same direction as SAM, at 64 points around the saddle."""
    saddle = saddle_of(landscape).points[0]
    points = saddle + np.random.default_rng(1).uniform(-2, 2, (64, 2))
    moves = [
        points - batched(lambda w, a=a: one_step(landscape, a, w, 1.0, radius))(points)
        for a in (SAM, algorithm)
    ]
    # Directions are quotients of numbers with some roundings each.
    return bool((np.linalg.norm(_unit(moves[0]) - _unit(moves[1]), axis=-1) < 1e-9).all())
