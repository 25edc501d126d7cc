"""Critical points by algebra: points, lines and planes with exact coordinates, and curves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import sympy

from landscapes.critical.algebra import (
    Curve,
    Solution,
    Solved,
    Unsolvable,
    real_roots,
    real_solutions,
)
from landscapes.critical.located import Located, as_floats, at_point, floats, kind_of, written
from landscapes.critical.search import System
from landscapes.critical.spectra import Evaluator, NotFinite, spectrum
from landscapes.facts import CriticalCurve, CriticalKind

HEIGHTS = (-2.5, -0.7, 0.4, 1.0, 3.0)  # where members of a family are shown
_MOST_MEMBERS = 3  # of a curve
_MOST_WORK = 40_000  # operations in all Hessians that are evaluated exactly


def solved_gradient(system: System) -> Solved:
    """Where the gradient vanishes. Raises `Unsolvable`, also if these are too many points."""
    solved = real_solutions(system.gradient, system.point)
    count = len(solved.solutions) + len(solved.curves)
    if count > 20 and count * system.size > _MOST_WORK:
        raise Unsolvable(f"there are {count} critical points or more")
    return solved


def located(system: System, solved: Solved) -> tuple[list[Located], list[Curve]]:
    """The points, lines and planes; and the curves, given by their equations."""
    found: list[Located] = []
    curves = list(solved.curves)
    for values in solved.solutions:
        free = [w for w in system.point if w not in values]
        if any(sympy.Poly(v, *free).total_degree() > 1 for v in values.values() if free):
            curves.append(((), values))
        elif not any(_on_curve(c, values) for c in solved.curves):
            found += _family(system, values, free) if free else _single(system, values)
    found.sort(key=lambda one: -one.directions.shape[1])
    kept: list[Located] = []
    for one in found:
        around = [other for other in kept if other.contains(one)]
        # A point of lines is one by itself if it is more degenerate than they are.
        special = not one.directions.shape[1] and all(
            other.directions.shape[1] == 1 and one.zeros > other.zeros for other in around
        )
        if special or not around:
            kept.append(one)
    return kept, curves


def _on_curve(curve: Curve, values: Solution) -> bool:
    """Whether a single point is a regular point of a curve, and so one of many."""
    equations, others = curve
    symbols: set[Any] = set().union(*(e.free_symbols for e in equations))
    if len(equations) > 1 or any(v.free_symbols for v in values.values()) or symbols - set(values):
        return False
    value = Evaluator(values)
    try:
        if any(value(w - v).sign is not None and value(w - v).sign for w, v in others.items()):
            return False
        if not equations:
            return True
        equation = equations[0]
        slopes = [value(sympy.diff(equation, w)).sign for w in symbols]
        return value(equation).sign in (0, None) and any(s in (1, -1) for s in slopes)
    except NotFinite:
        return False


def _single(system: System, values: Solution) -> list[Located]:
    """The point, unless the loss or a derivative is not defined there."""
    exact = [values[w] for w in system.point]
    found = spectrum(system, exact)
    return [] if found is None else [at_point(values, exact, found)]


def _family(system: System, values: Solution, free: list[sympy.Symbol]) -> list[Located]:
    """An affine family, and on a line the points where it is more degenerate than elsewhere."""
    origin: Solution = dict.fromkeys(free, sympy.S.Zero)
    exact = [values.get(w, w) for w in system.point]
    base = floats([sympy.sympify(e).subs(origin) for e in exact])
    across = _curvature_across(system, exact, len(free))
    special: list[Any] | None = None
    if not across.free_symbols and across != 0:
        special = []
    elif len(free) == 1 and across != 0:
        try:
            special = real_roots(across, free[0])
        except Unsolvable:
            special = None
    heights = [h for h in HEIGHTS if all(abs(h - float(s.evalf(20))) > 1e-3 for s in special or [])]
    members = [member(exact, free, i, heights) for i in range(len(heights))]
    spectra = [s for s in (spectrum(system, m) for m in members) if s is not None]
    if len(spectra) < len(members):
        raise Unsolvable("the loss is not defined everywhere on a family of critical points")
    between = _between(special) if special else []
    decisive = [*spectra, *(spectrum(system, member(exact, free, 0, [t])) for t in between)]
    kind = CriticalKind.DEGENERATE
    if special is not None and all(s is not None for s in decisive):
        kind = kind_of([s for s in decisive if s is not None], len(free))
    line = Located(
        values, base, directions_of(exact, free), np.stack([floats(m) for m in members]),
        as_floats(spectra), kind, min(s.zeros for s in spectra), all(s.decided for s in spectra),
    )  # fmt: skip
    points = []
    for t in special or []:
        at: Solution = {
            w: sympy.sympify(e).subs(free[0], t) for w, e in zip(system.point, exact, strict=True)
        }
        points += _single(system, at)
    return [line, *points]


def directions_of(exact: Sequence[Any], free: list[sympy.Symbol]) -> Any:
    """Orthonormal directions of an affine family, shape `(dim, k)`."""
    slopes = [floats([sympy.diff(e, t) for e in exact]) for t in free]
    return np.linalg.qr(np.stack(slopes, axis=1))[0]


def member(exact: Sequence[Any], free: list[sympy.Symbol], index: int, heights: Any) -> list[Any]:
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
    if system.dim > 4:
        return sympy.S.Zero
    at = dict(zip(system.point, exact, strict=True))
    hessian = sympy.Matrix(system.hessian).subs(at, simultaneous=True)
    minors = (
        hessian.extract(list(rows), list(rows)).det(method="berkowitz")
        for rows in combinations(range(system.dim), system.dim - free)
    )
    return sympy.cancel(sympy.Add(*minors))


# -- curves ----------------------------------------------------------------------------------


def equation_of(curve: Curve) -> str:
    """What holds on a curve, in one line."""
    equations, values = curve
    parts = [f"{short(str(e))} = 0" for e in equations]
    return ", ".join([*parts, *(f"{w} = {short(written(v))}" for w, v in values.items())])


def short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def shown_curve(system: System, curve: Curve) -> CriticalCurve | None:
    """The curve with some of its points and what it is there; None if none is found on it."""
    equations, values = list(curve[0]), curve[1]
    if len(equations) > 1:
        return None
    points, spectra = [], []
    # Of the coordinates without a value, one is given by the equation, the others are chosen.
    free = [w for w in system.point if w not in values]
    last = sorted(equations[0].free_symbols, key=str)[-1] if equations else None
    for height in (1.0, 0.4, -0.7, 3.0, -2.5):
        chosen: Any = {w: sympy.Rational(str(height)) for w in free if w != last}
        try:
            roots = real_roots(equations[0].subs(chosen), last) if last is not None else [None]
            for root in roots[:2]:
                at = chosen | ({} if last is None else {last: root})
                exact = [at.get(w, sympy.sympify(values.get(w, 0)).subs(at)) for w in system.point]
                found = spectrum(system, exact)
                if found is not None and len(points) < _MOST_MEMBERS:
                    points.append(floats(exact))
                    spectra.append(found)
        except Unsolvable:
            continue
    if not points:
        return None
    family = len(free) - len(equations)
    kind = kind_of(spectra, family)
    return CriticalCurve(equation_of(curve), kind, np.stack(points), as_floats(spectra), family)
