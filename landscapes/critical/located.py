"""What a search for critical points finds, and how that is called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from landscapes.checks import Real
from landscapes.critical.algebra import Solution
from landscapes.critical.spectra import Spectrum
from landscapes.facts import CriticalKind, CriticalSet, Unknown, euclidean_norm

_PLURAL = {
    CriticalKind.MINIMUM: "minima",
    CriticalKind.MAXIMUM: "maxima",
    CriticalKind.SADDLE: "saddles",
    CriticalKind.DEGENERATE: "degenerate points",
    CriticalKind.NOT_SMOOTH: "points that are not smooth",
}


@dataclass(frozen=True)
class Located:
    """A critical point, or an affine family of them, with its exact values.

    Attributes:
        values: the coordinates; those that are free are missing, and others may depend on them.
        base: a member, shape `(dim,)`.
        directions: orthonormal, spanning the family, shape `(dim, k)`.
        members: points to show, shape `(n, dim)`.
        spectra: the Hessian's eigenvalues there, descending, shape `(n, dim)`; or why there are
            none.
        kind: what it is as far as its Hessians tell.
        zeros: how many eigenvalues are 0 on all of it.
        decided: whether that is proved.
    """

    values: Solution
    base: Real
    directions: Real
    members: Real
    spectra: Real | Unknown
    kind: CriticalKind
    zeros: int = 0
    decided: bool = True

    def distance(self, w: Any) -> Any:
        """Euclidean distance of points `(..., dim)`, on NumPy and on JAX arrays."""
        away = w - self.base
        if self.directions.shape[1]:
            away = away - (away @ self.directions) @ self.directions.T
        return euclidean_norm(away)

    def contains(self, other: Located) -> bool:
        """Whether the other lies in this one; rounding is far below what tells points apart."""
        ends = [other.base, *(other.base + d for d in other.directions.T)]
        return all(float(self.distance(end)) < 1e-11 * (1 + np.abs(end).max()) for end in ends)

    @property
    def degenerate(self) -> bool:
        """Whether the Hessian is singular across the set, not only along it."""
        return self.zeros > self.directions.shape[1]

    @property
    def rises(self) -> bool:
        """Whether the Hessian has a positive eigenvalue on all of it."""
        return not isinstance(self.spectra, Unknown) and bool((self.spectra[:, 0] > 0).any())


def at_point(values: Solution, exact: list[Any], found: Spectrum) -> Located:
    """The critical point with these coordinates and this spectrum."""
    base, none = floats(exact), np.zeros((len(exact), 0))
    kind = kind_of([found], 0)
    return Located(
        values, base, none, base[None], as_floats([found]), kind, found.zeros, found.decided
    )


def floats(exact: Iterable[Any]) -> Real:
    return np.array([float(sympy.sympify(e).evalf(30)) for e in exact]) + 0.0


def as_floats(spectra: list[Spectrum]) -> Real:
    return np.array([[float(v) for v in one.values] for one in spectra]) + 0.0


def kind_of(spectra: list[Spectrum], free: int) -> CriticalKind:
    """What the Hessians say: of a family, that they are 0 along it and alike across it."""
    kinds = set()
    for spectrum in spectra:
        up, down = sum(v > 0 for v in spectrum.values), sum(v < 0 for v in spectrum.values)
        regular = up + down == len(spectrum.values) - free
        kinds.add(
            CriticalKind.SADDLE if up and down
            else CriticalKind.MINIMUM if regular and up
            else CriticalKind.MAXIMUM if regular and down
            else CriticalKind.DEGENERATE
        )  # fmt: skip
    return kinds.pop() if len(kinds) == 1 else CriticalKind.DEGENERATE


def critical_set(one: Located, name: str) -> CriticalSet:
    return CriticalSet(name, one.kind, one.members, one.spectra, one.distance)


def name_of(one: Located, lowest: bool, point: tuple[sympy.Symbol, ...]) -> str:
    """What the set is called: "minimum (1, 1)", "minima x = 0"."""
    if one.directions.shape[1]:
        equations = ", ".join(f"{w} = {written(v)}" for w, v in one.values.items())
        return f"{_PLURAL[one.kind]} {equations}"
    where = f"({', '.join(written(one.values[w]) for w in point)})"
    if one.kind is CriticalKind.NOT_SMOOTH:
        return f"{'minimum' if lowest else 'point'} that is not smooth {where}"
    what = one.kind.value
    if one.kind is CriticalKind.DEGENERATE:
        what = "minimum" if lowest else "point"
    if not one.decided:
        return f"{what}, degenerate or nearly so, {where}"
    return f"{'degenerate ' if one.degenerate else ''}{what} {where}"


def written(value: Any) -> str:
    text = str(value)
    if value.free_symbols or (len(text) <= 12 and not value.is_Float):
        return text
    return f"{float(value.evalf(20)) + 0.0:.6g}"
