"""What a landscape knows about itself. Every stated fact is tested by the generic suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Unknown:
    """A fact that is not stated, and why."""

    reason: str


@dataclass(frozen=True)
class DoesNotExist:
    """What the loss provably does not have, and why.

    Of a constant: that no number serves everywhere, or none that says anything (a smallest
    curvature above −∞, α > 0). On a bounded domain there may well be one.
    """

    reason: str


@dataclass(frozen=True)
class Box:
    """The points whose coordinates are all at most `radius` in absolute value, or within `sides`.

    Attributes:
        radius: the largest absolute value of a coordinate.
        sides: the least and the largest value of each coordinate; empty where `radius` says it.
    """

    radius: float = np.inf
    sides: tuple[tuple[float, float], ...] = ()

    def corners(self, dim: int) -> tuple[Float[np.ndarray, "dim"], Float[np.ndarray, "dim"]]:
        """The lower and the upper corner."""
        if not self.sides:
            return np.full(dim, -self.radius), np.full(dim, self.radius)
        low, high = np.array(self.sides, dtype=np.float64).T
        return low, high

    def __str__(self) -> str:
        if self.sides:
            return " x ".join(f"[{low:g}, {high:g}]" for low, high in self.sides)
        return "everywhere" if np.isinf(self.radius) else f"|w_i| <= {self.radius:g}"


EVERYWHERE = Box()


@dataclass(frozen=True)
class Constant:
    """A constant of the loss together with the set on which it holds.

    `attained` says whether it is reached at a point of the domain, and thus the best possible
    one there; otherwise it is known as a bound only.
    """

    value: float
    domain: Box = EVERYWHERE
    attained: bool = True

    def __str__(self) -> str:
        return f"{self.value:g} ({self.domain}{'' if self.attained else ', not attained'})"


class CriticalKind(Enum):
    """What a set of critical points is."""

    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    SADDLE = "saddle"
    DEGENERATE = "degenerate"
    NOT_SMOOTH = "not smooth"


@dataclass(frozen=True)
class CriticalSet:
    """A critical point, or a connected family of them.

    Attributes:
        name: what it is called in results and legends.
        kind: minimum, maximum, saddle (with a way down at once, and a way up that may be flat at
            first), degenerate (a zero Hessian where the kind changes), or not smooth: points of
            which the loss, its gradient or its Hessian is not known to be continuous. They are
            listed because a run may end there; they need not be critical.
        points: members of the set, shape `(n, dim)`; all of it, if it is finite.
        spectra: the Hessian's eigenvalues at `points`, descending, shape `(n, dim)`; those that
            are stated as 0 are exactly that.
        distance: Euclidean distance of points `(..., dim)` to the set, shape `(...)`; works on
            NumPy and on JAX arrays.
    """

    name: str
    kind: CriticalKind
    points: Float[np.ndarray, "n dim"]
    spectra: Float[np.ndarray, "n dim"] | Unknown
    distance: Callable[[Any], Any]


@dataclass(frozen=True)
class CriticalCurve:
    """A family of critical points that is no point, line or plane, and is not among the sets.

    Attributes:
        equation: what holds on it, such as "x*y - 1 = 0".
        kind: what it is as far as the Hessians at `points` tell.
        points: some members, shape `(n, dim)`.
        spectra: the Hessian's eigenvalues there, descending, shape `(n, dim)`.
        dimension: of the family, 1 for a curve and 2 for a surface.
    """

    equation: str
    kind: CriticalKind
    points: Float[np.ndarray, "n dim"]
    spectra: Float[np.ndarray, "n dim"]
    dimension: int = 1


def euclidean_norm(w: Any) -> Any:
    """‖w‖ along the last axis, for NumPy and JAX alike."""
    return (w * w).sum(axis=-1) ** 0.5


def critical_point(
    name: str, kind: CriticalKind, point: tuple[float, ...], spectrum: tuple[float, ...]
) -> CriticalSet:
    """The critical set that is one point."""
    centre = np.array(point, dtype=np.float64)
    return CriticalSet(
        name=name,
        kind=kind,
        points=centre[None],
        spectra=np.array([spectrum], dtype=np.float64),
        distance=lambda w: euclidean_norm(w - centre),
    )


# A constant, or why none is stated.
Stated = Constant | Unknown | DoesNotExist


@dataclass(frozen=True)
class Symmetry:
    """A map of the space onto itself that leaves the loss as it is."""

    name: str
    map: Callable[[Any], Any]


@dataclass(frozen=True)
class Facts:
    """The facts of one landscape.

    Attributes:
        critical_sets: all of them, unless `complete` is False, listed from the general to the
            special (a line of minima before the point where it degenerates); results refer to
            them by index.
        minimum_loss: the infimum of the loss, −inf if it is unbounded below.
        smoothness: β, the largest curvature: ‖∇²L‖ ≤ β on the domain.
        strong_convexity: μ, the smallest curvature: ∇²L ⪰ μ on the domain; 0 if only convex,
            negative if not even that.
        polyak_lojasiewicz: α with ½‖∇L‖² ≥ α (L − inf L) on the domain.
        symmetries: maps that leave the loss as it is.
        complete: whether every critical point, and every point that is not smooth, is in a set.
        reason: why not, as far as that is known.
        curves: families of critical points that are known but in none of the sets.
    """

    critical_sets: tuple[CriticalSet, ...]
    minimum_loss: float | Unknown
    smoothness: Stated
    strong_convexity: Stated
    polyak_lojasiewicz: Stated
    symmetries: tuple[Symmetry, ...] = field(default=())
    complete: bool = True
    reason: str = ""
    curves: tuple[CriticalCurve, ...] = ()


def quadratic_facts(
    spectrum: Float[np.ndarray, "dim"], minimiser: Float[np.ndarray, "dim"], minimum_loss: float
) -> Facts:
    """All about a quadratic whose Hessian has this spectrum, all of it positive."""
    descending = np.sort(spectrum)[::-1]
    at_zero = not minimiser.any()
    return Facts(
        critical_sets=(
            critical_point("minimum", CriticalKind.MINIMUM, tuple(minimiser), tuple(descending)),
        ),
        minimum_loss=minimum_loss,
        smoothness=Constant(float(descending[0])),
        strong_convexity=Constant(float(descending[-1])),
        polyak_lojasiewicz=Constant(float(descending[-1])),
        symmetries=(
            Symmetry(
                "w -> -w" if at_zero else "mirrored at the minimum", lambda w: 2 * minimiser - w
            ),
        ),
    )
