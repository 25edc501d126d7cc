"""The critical points of a loss that is given as an expression: found, proved and classified."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, pairwise
from typing import Any

import mpmath
import numpy as np
import sympy

from landscapes.checks import Real
from landscapes.critical.algebra import Solution, Unsolvable, real_roots, real_solutions
from landscapes.critical.search import Searched, System, TooLong, outside_is_free, search
from landscapes.facts import EVERYWHERE, Box, CriticalKind, CriticalSet, euclidean_norm

# The boxes that are searched where algebra does not reach: the first outside which there is proved
# to be nothing, or else the first.
RADII = (4.0, 8.0, 16.0)
_DIGITS = 50
_ZERO = mpmath.mpf(10) ** -25  # of an eigenvalue, relative to the Hessian, at 50 digits
_HEIGHTS = (-2.5, -0.7, 0.4, 1.0, 3.0)  # where members of a family are shown
_PLURAL = {
    CriticalKind.MINIMUM: "minima",
    CriticalKind.MAXIMUM: "maxima",
    CriticalKind.SADDLE: "saddles",
    CriticalKind.DEGENERATE: "degenerate points",
}


@dataclass(frozen=True)
class CriticalSearch:
    """How critical points were found, and what is proved about the list of them.

    Attributes:
        method: "exact" for algebra, "interval" for a search whose every point is certified to
            exist and to be the only one nearby, "none" for a formula that is too long for either.
        box: where no other critical point is; None if there may be others anywhere.
        reason: why the list may be incomplete; empty if it is not.
    """

    method: str
    box: Box | None
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether the list is proved to hold all critical points."""
        return self.box == EVERYWHERE


@dataclass(frozen=True)
class Located:
    """A critical point, or an affine family of them, with its exact values.

    Attributes:
        values: the coordinates; those that are free are missing, and others may depend on them.
        base: a member, shape `(dim,)`.
        directions: orthonormal, spanning the family, shape `(dim, k)`.
        members: points to show, shape `(n, dim)`.
        spectra: the Hessian's eigenvalues there, descending, shape `(n, dim)`.
        kind: what it is as far as its Hessians tell.
    """

    values: Solution
    base: Real
    directions: Real
    members: Real
    spectra: Real
    kind: CriticalKind

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
        size = 1e-12 * (1 + np.abs(self.spectra).max())
        zeros = (np.abs(self.spectra) <= size).sum(axis=1)
        return bool((zeros > self.directions.shape[1]).any())


def locate(
    expression: sympy.Expr, point: tuple[sympy.Symbol, ...]
) -> tuple[list[Located], CriticalSearch]:
    """The critical points of the expression, from the largest families to single points."""
    try:
        system = System(expression, point)
    except TooLong as why:
        return [], CriticalSearch("none", None, str(why))
    try:
        found, report = _exact(system)
    except Unsolvable as beyond:
        found, report = _searched(system, str(beyond))
    order = {kind: i for i, kind in enumerate(CriticalKind)}
    found.sort(key=lambda one: (-one.directions.shape[1], order[one.kind], [-x for x in one.base]))
    return found, report


# -- exactly ---------------------------------------------------------------------------------


def _exact(system: System) -> tuple[list[Located], CriticalSearch]:
    solved = real_solutions(system.gradient, system.point)
    found: list[Located] = []
    curves = [str(c) for c in solved.curves]
    for values in solved.solutions:
        free = [w for w in system.point if w not in values]
        if any(sympy.Poly(v, *free).total_degree() > 1 for v in values.values() if free):
            curves.append(", ".join(f"{w} - ({v})" for w, v in values.items()))
        elif not any(_on_curve(c, values) for c in solved.curves):
            found += _family(system, values, free) if free else _single(system, values)
    found.sort(key=lambda one: -one.directions.shape[1])
    kept: list[Located] = []
    for one in found:
        around = [other for other in kept if other.contains(one)]
        special = not one.directions.shape[1] and one.degenerate
        if not around or (special and all(other.directions.shape[1] == 1 for other in around)):
            kept.append(one)
    if not curves:
        return kept, CriticalSearch("exact", EVERYWHERE)
    shown = "; ".join(c if len(c) < 60 else c[:59] + "…" for c in curves[:3])
    reason = f"the critical points on {shown} = 0 are not listed: they are no point, line or plane"
    return kept, CriticalSearch("exact", None, reason)


def _on_curve(curve: Any, values: Solution) -> bool:
    """Whether a single point is a regular point of the curve, and so one of many."""
    if any(v.free_symbols for v in values.values()) or curve.free_symbols - set(values):
        return False
    at = {w: v.evalf(_DIGITS) for w, v in values.items()}
    value, *slopes = (
        abs(e.evalf(_DIGITS, subs=at)) for e in (curve, *(sympy.diff(curve, w) for w in at))
    )
    return bool(value < 1e-25 and max(slopes) > 1e-10)


def _single(system: System, values: Solution) -> list[Located]:
    """The point, unless the loss is not defined there."""
    exact = [values[w] for w in system.point]
    spectrum = _spectrum(system, exact)
    if spectrum is None:
        return []
    base, none = _floats(exact), np.zeros((system.dim, 0))
    return [Located(values, base, none, base[None], _as_floats([spectrum]), _kind([spectrum], 0))]


def _family(system: System, values: Solution, free: list[sympy.Symbol]) -> list[Located]:
    """An affine family, and on a line the points where it is more degenerate than elsewhere."""
    origin: Solution = dict.fromkeys(free, sympy.S.Zero)
    exact = [values.get(w, w) for w in system.point]
    base = _floats([sympy.sympify(e).subs(origin) for e in exact])
    slopes = [_floats([sympy.diff(e, t) for e in exact]) for t in free]
    directions = np.linalg.qr(np.stack(slopes, axis=1))[0]
    across = _curvature_across(system, exact, len(free))
    special: list[Any] | None = None
    if not across.free_symbols and across != 0:
        special = []
    elif len(free) == 1 and across != 0:
        try:
            special = real_roots(across, free[0])
        except Unsolvable:
            special = None
    heights = [
        h for h in _HEIGHTS if all(abs(h - float(s.evalf(20))) > 1e-3 for s in special or [])
    ]
    members = [_at(exact, free, i, heights) for i in range(len(heights))]
    spectra = [s for s in (_spectrum(system, m) for m in members) if s is not None]
    if len(spectra) < len(members):
        raise Unsolvable("the loss is not defined everywhere on a family of critical points")
    between = _between(special) if special else []
    decisive = [*spectra, *(_spectrum(system, _at(exact, free, 0, [t])) for t in between)]
    kind = CriticalKind.DEGENERATE
    if special is not None and all(s is not None for s in decisive):
        kind = _kind([s for s in decisive if s is not None], len(free))
    line = Located(
        values, base, directions, np.stack([_floats(m) for m in members]), _as_floats(spectra), kind
    )
    points = []
    for t in special or []:
        at: Solution = {
            w: sympy.sympify(e).subs(free[0], t) for w, e in zip(system.point, exact, strict=True)
        }
        points += _single(system, at)
    return [line, *points]


def _at(exact: Sequence[Any], free: list[sympy.Symbol], index: int, heights: Any) -> list[Any]:
    """A member of a family: its free coordinates take the heights in turn."""
    chosen = {
        t: sympy.Rational(str(h)) if isinstance(h, float) else h
        for t, h in ((t, heights[(index + 2 * j) % len(heights)]) for j, t in enumerate(free))
    }
    return [sympy.sympify(e).subs(chosen) for e in exact]


def _between(special: list[Any]) -> list[Any]:
    """A rational number in each of the intervals that the special values cut the line into."""
    at = sorted(sympy.Rational(str(round(float(s.evalf(20)), 9))) for s in special)
    return [at[0] - 1, *((a + b) / 2 for a, b in pairwise(at)), at[-1] + 1]


def _curvature_across(system: System, exact: Sequence[Any], free: int) -> Any:
    """The product of the eigenvalues that do not belong to the family's own directions.

    Those are 0, so it is the elementary symmetric function of all eigenvalues, of that many of
    them: the sum of the principal minors.
    """
    at = dict(zip(system.point, exact, strict=True))
    hessian = sympy.Matrix(system.hessian).subs(at, simultaneous=True)
    minors = (
        hessian.extract(list(rows), list(rows)).det(method="berkowitz")
        for rows in combinations(range(system.dim), system.dim - free)
    )
    return sympy.cancel(sympy.Add(*minors)) if system.dim <= 4 else sympy.S.Zero


def _spectrum(system: System, exact: Sequence[Any]) -> list[Any] | None:
    """The Hessian's eigenvalues, descending, to 50 digits; None where the loss is not defined."""
    with mpmath.workdps(_DIGITS):
        at = {w: sympy.sympify(e).evalf(_DIGITS) for w, e in zip(system.point, exact, strict=True)}
        every = (*system.gradient, *chain(*system.hessian), system.loss)
        entries = [_value(e, at) for e in every]
        if any(e is None for e in entries):
            return None
        n = system.dim
        if max(abs(g) for g in entries[:n]) > _ZERO * (1 + max(abs(h) for h in entries)):
            raise Unsolvable("a solution of the equations is no critical point")
        matrix = mpmath.matrix(n, n)
        for i in range(n * n):
            matrix[i // n, i % n] = entries[n + i]
        eigenvalues = sorted(mpmath.eigsy((matrix + matrix.T) / 2, eigvals_only=True), reverse=True)
        size = 1 + max(map(abs, eigenvalues))
        return [mpmath.mpf(0) if abs(v) < _ZERO * size else v for v in eigenvalues]


def _value(expression: Any, at: dict) -> Any:
    value = expression.evalf(_DIGITS, subs=at)
    return mpmath.mpf(value) if value.is_Float or value.is_Rational else None


def _floats(exact: Iterable[Any]) -> Real:
    return np.array([float(sympy.sympify(e).evalf(30)) for e in exact]) + 0.0


def _as_floats(spectra: list[list[Any]]) -> Real:
    return np.array([[float(v) for v in one] for one in spectra]) + 0.0


def _kind(spectra: list[list[Any]], free: int) -> CriticalKind:
    """What the Hessians say: of a family, that they are 0 along it and alike across it."""
    kinds = set()
    for spectrum in spectra:
        up, down = sum(v > 0 for v in spectrum), sum(v < 0 for v in spectrum)
        regular = up + down == len(spectrum) - free
        kinds.add(
            CriticalKind.SADDLE if up and down
            else CriticalKind.MINIMUM if regular and up
            else CriticalKind.MAXIMUM if regular and down
            else CriticalKind.DEGENERATE
        )  # fmt: skip
    return kinds.pop() if len(kinds) == 1 else CriticalKind.DEGENERATE


# -- by search -------------------------------------------------------------------------------


def _searched(system: System, why: str) -> tuple[list[Located], CriticalSearch]:
    radius = next((r for r in RADII if outside_is_free(system, r)), None)
    searched = search(system, radius or RADII[0])
    found = []
    for one in searched.points:
        # The Hessian is proved to be regular around the point: no eigenvalue changes sign there.
        spectrum: Any = np.linalg.eigvalsh(system.hessian_at(one.centre))[::-1] + 0.0
        values: Solution = {
            w: sympy.Float(x) for w, x in zip(system.point, one.centre, strict=True)
        }
        none = np.zeros((system.dim, 0))
        centre = one.centre + 0.0
        found.append(
            Located(values, centre, none, centre[None], spectrum[None], _kind([list(spectrum)], 0))
        )
    found += _degenerate(system, searched, found)
    box = Box(radius or RADII[0])
    if len(searched.undecided):
        near = ", ".join(f"{x:.3g}" for x in searched.undecided[0].mean(axis=0))
        reason = f"{why}; the search could not decide about some places, one near ({near})"
        return found, CriticalSearch("interval", None, reason)
    if radius is not None:
        return found, CriticalSearch("interval", EVERYWHERE)
    return found, CriticalSearch("interval", box, f"{why}; nothing is known outside {box}")


def _degenerate(system: System, searched: Searched, found: list[Located]) -> list[Located]:
    """Points at which the search got stuck and the gradient vanishes exactly.

    They are simple fractions that Newton's method comes near to, and are put into the gradient.
    """
    new: list[Located] = []
    for low, high in system.starts(searched.undecided):
        w = system.newton((low + high) / 2, 100)
        if not np.isfinite(w).all() or np.abs(w).max() > 2 * RADII[-1]:
            continue
        exact = [sympy.nsimplify(round(float(x), 3), rational=True) for x in w]
        at: Any = dict(zip(system.point, exact, strict=True))
        if any(g.subs(at) != 0 for g in system.gradient):
            continue
        for one in _single(system, at):
            # Where some are degenerate in a row, they are members of a family, not points.
            if not any(other.contains(one) for other in (*found, *new)):
                new.append(one)
    return new if len(new) <= 3 else []


def critical_set(one: Located, name: str) -> CriticalSet:
    return CriticalSet(name, one.kind, one.members, one.spectra, one.distance)


def name_of(one: Located, least: float | None, point: tuple[sympy.Symbol, ...]) -> str:
    """What the set is called: "minimum (1, 1)", "minima x = 0"."""
    if one.directions.shape[1]:
        equations = ", ".join(f"{w} = {_written(v)}" for w, v in one.values.items())
        return f"{_PLURAL[one.kind]} {equations}"
    what = (
        "minimum" if one.kind is CriticalKind.DEGENERATE and least is not None else one.kind.value
    )
    if one.kind is CriticalKind.DEGENERATE and least is None:
        what = "point"
    degenerate = "degenerate " if one.degenerate else ""
    return f"{degenerate}{what} ({', '.join(_written(one.values[w]) for w in point)})"


def _written(value: Any) -> str:
    text = str(value)
    if value.free_symbols or (len(text) <= 12 and not value.is_Float):
        return text
    return f"{float(value.evalf(20)) + 0.0:.6g}"
