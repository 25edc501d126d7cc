"""The critical points of a landscape with the eigenvalues of its Hessian there, exact if possible.

Points and eigenvalues come from the landscape's facts. Where its formula gives them exactly, they
are replaced by what it gives, once the two have been compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from landscapes import (
    CriticalCurve,
    CriticalKind,
    CriticalSet,
    Landscape,
    SymbolicLoss,
    Unknown,
)
from landscapes.critical.algebra import Unsolvable, real_solutions
from proofs_check.local_theory.local_maps import exact
from proofs_check.symbols import curvature, eta, rho

# Between a stated eigenvalue and one from the formula, relative to the largest. Facts are tested
# far more closely; what is to be caught here is another point or another loss.
_AGREE = 1e-7
# Below this, relative to the largest, an eigenvalue that is computed here is 0: rounding leaves
# 1e-15 or so. What the facts state, or the formula gives, is 0 only where it is exactly that.
_ZERO = 1e-10
# Along a set of critical points the distance to it grows as t² only, across it as t.
_SHIFT = 1e-4
_LARGEST_DENOMINATOR = 10**6
# An exact eigenvalue with longer numbers, or more of them, says less than its decimals.
_LARGEST_NUMBER, _LONGEST = 10**8, 50
# What is to be simplified may have so many: beyond, that can take minutes.
_MOST_OPERATIONS = 60
# Among more critical sets nobody looks for exact numbers, and each takes some milliseconds.
_MOST_EXACT = 64


@dataclass(frozen=True)
class CriticalSpectrum:
    """A critical point, or a set of them with one spectrum (as a function of the coordinates).

    Attributes:
        name, kind: those of the landscape's facts; of a curve, its equation and the member.
        point: the coordinates: numbers, or symbols where they vary along the set.
        eigenvalues: of the Hessian, descending if they are numbers; all of them, or none where
            the loss is not smooth.
        set_dimension: how many of those that are 0 belong to directions along the set.
        exact: whether the eigenvalues are exact rather than floating-point numbers.
        is_diagonal: whether the Hessian is.
    """

    name: str
    kind: CriticalKind
    point: tuple[Any, ...]
    eigenvalues: tuple[Any, ...]
    set_dimension: int
    exact: bool
    is_diagonal: bool

    @property
    def across(self) -> tuple[Any, ...]:
        """The eigenvalues across the set; there is a 0 among them where it is degenerate."""
        zeros = [v for v in self.eigenvalues if v == 0][self.set_dimension :]
        return (*(v for v in self.eigenvalues if v != 0), *zeros)

    @property
    def coordinates(self) -> tuple[Any, ...]:
        """The symbols that the eigenvalues depend on."""
        return tuple(sorted(set().union(*(v.free_symbols for v in self.eigenvalues)), key=str))


def is_quadratic(landscape: Landscape) -> bool:
    """Whether the Hessian is the same at some points far apart, and so everywhere."""
    probes = np.random.default_rng(0).normal(size=(4, landscape.dim)) * [[0.3], [1], [2], [5]]
    hessians = landscape.hessian(probes)
    if not np.isfinite(hessians).all():
        return False
    return bool(np.allclose(hessians, hessians[0], rtol=1e-12, atol=1e-12 * abs(hessians).max()))


@lru_cache(maxsize=16)
def spectra_of(landscape: Landscape) -> tuple[CriticalSpectrum, ...]:
    """All critical points that the facts of the landscape list, and some of each curve of them."""
    few = len(landscape.facts.critical_sets) <= _MOST_EXACT
    symbolic = _with_numbers(landscape) if few else None
    found: list[CriticalSpectrum] = []
    for one in landscape.facts.critical_sets:
        if one.kind is CriticalKind.NOT_SMOOTH:
            point = tuple(map(_number, one.points[0]))
            found.append(CriticalSpectrum(one.name, one.kind, point, (), 0, False, False))
        else:
            found += _of_set(landscape, one, symbolic)
    for curve in landscape.facts.curves:
        found += _of_curve(landscape, curve, symbolic)
    return tuple(found)


def _with_numbers(landscape: Landscape) -> SymbolicLoss | None:
    """The loss in symbols, its parameters being numbers; None if it has none worth being exact."""
    try:
        symbolic = landscape.symbolic()
    except ValueError:
        return None
    parameters = {k: exact(float(v)) for k, v in symbolic.parameters.items()}
    if any(v.q > _LARGEST_DENOMINATOR for v in parameters.values()):
        return None
    return SymbolicLoss(symbolic.point, exact(symbolic.expression).subs(parameters), {})


def _of_set(
    landscape: Landscape, one: CriticalSet, symbolic: SymbolicLoss | None
) -> list[CriticalSpectrum]:
    hessians = landscape.hessian(one.points)
    if isinstance(one.spectra, Unknown):
        spectra = _clean(np.linalg.eigvalsh(hessians)[:, ::-1])
    else:
        spectra = np.sort(one.spectra, axis=1)[:, ::-1]
    flat = _set_dimension(one, hessians[0], spectra[0])
    alike = abs(spectra - spectra[0]).max() <= _AGREE * abs(spectra).max()
    if len(one.points) == 1 or alike:
        found = _at(one.points[0], hessians[0], spectra[0], symbolic)
        return [found.named(one.name, one.kind, flat)]
    family = None if symbolic is None else _family(one, symbolic, flat, spectra)
    if family is not None:
        return [
            _Found(*family, True, _is_diagonal(hessians, spectra)).named(one.name, one.kind, flat)
        ]
    return [
        _Found(tuple(map(_number, w)), tuple(values), False, _is_diagonal(hessian, values)).named(
            f"{one.name}, at {_shown(w)}", one.kind, flat
        )
        for w, values, hessian in zip(one.points, spectra, hessians, strict=True)
    ]


def _of_curve(
    landscape: Landscape, curve: CriticalCurve, symbolic: SymbolicLoss | None
) -> list[CriticalSpectrum]:
    """The members of a curve that its facts show, one by one."""
    hessians = landscape.hessian(curve.points)
    return [
        _at(w, hessian, values, symbolic).named(
            f"{curve.equation}, at {_shown(w)}", curve.kind, curve.dimension
        )
        for w, hessian, values in zip(curve.points, hessians, curve.spectra, strict=True)
    ]


@dataclass(frozen=True)
class _Found:
    point: tuple[Any, ...]
    eigenvalues: tuple[Any, ...]
    exact: bool
    is_diagonal: bool

    def named(self, name: str, kind: CriticalKind, set_dimension: int) -> CriticalSpectrum:
        numbers = tuple(exact(v) for v in self.eigenvalues)
        return CriticalSpectrum(
            name, kind, self.point, numbers, set_dimension, self.exact, self.is_diagonal
        )


def _at(w: Any, hessian: Any, stated: Any, symbolic: SymbolicLoss | None) -> _Found:
    """A point with its eigenvalues: exact, if they are short, or else as they are stated."""
    found = None if symbolic is None else _exactly(w, symbolic, stated)
    if found is not None and all(map(_is_short, found.eigenvalues)):
        return found
    is_diagonal = _is_diagonal(hessian, stated) if found is None else found.is_diagonal
    return _Found(tuple(map(_number, w)), tuple(stated), False, is_diagonal)


def _is_diagonal(hessian: Any, spectra: Any) -> bool:
    """Whether a Hessian, or each of several, is diagonal; not if it is no number."""
    off = hessian * (1 - np.eye(hessian.shape[-1]))
    return not np.any(spectra) or bool(abs(off).max() <= _ZERO * abs(np.asarray(spectra)).max())


def _is_short(value: Any) -> bool:
    numbers = value.atoms(sympy.Rational)
    return len(str(value)) <= _LONGEST and all(
        max(abs(r.p), r.q) <= _LARGEST_NUMBER for r in numbers
    )


def _clean(spectra: Any) -> Any:
    size = abs(spectra).max(axis=1, keepdims=True)
    return np.where(abs(spectra) <= _ZERO * size, 0.0, spectra)


def _shown(w: Any) -> str:
    return f"({', '.join(f'{x:.4g}' for x in w)})"


def _number(x: Any) -> Any:
    return sympy.Float(float(x)) if x else sympy.S.Zero


def _set_dimension(one: CriticalSet, hessian: Any, spectrum: Any) -> int:
    """How many directions of zero curvature run along the set.

    Orthonormal directions v of zero curvature have distances t‖Pv‖ + O(t²) from it, P being the
    projection across the set; the squares ‖Pv‖² add up to the dimension that is missing.
    """
    count = int((spectrum == 0).sum())
    if not np.isfinite(hessian).all():
        # The Hessian is a limit of 0/0: any directions will do, their squares adding up over all.
        away = [
            float(one.distance(one.points[0] + _SHIFT * v)) / _SHIFT for v in np.eye(len(spectrum))
        ]
        return len(spectrum) - round(sum(d * d for d in away))
    values, vectors = np.linalg.eigh(hessian)
    zero = vectors[:, np.argsort(abs(values))[:count]].T
    away = [float(one.distance(one.points[0] + _SHIFT * v)) / _SHIFT for v in zero]
    return count - round(sum(d * d for d in away))


# -- exactly ---------------------------------------------------------------------------------


def _exactly(w: Any, symbolic: SymbolicLoss, stated: Any) -> _Found | None:
    """The point and its eigenvalues, if the formula gives them."""
    point = _exact_point(w, symbolic)
    if point is None:
        return None
    at = dict(zip(symbolic.point, point, strict=True))
    hessian = sympy.Matrix(symbolic.hessian()).subs(at, simultaneous=True).applyfunc(_closed)
    values = eigenvalues_of(hessian)
    if values is None:
        return None
    _compare(np.array([float(v.evalf(30)) for v in values]), stated)
    return _Found(point, values, True, bool(hessian.is_diagonal()))


def _exact_point(w: Any, symbolic: SymbolicLoss) -> tuple[Any, ...] | None:
    decimals: list[Any] = [sympy.Rational(str(x)) for x in map(float, w)]
    guess = [x.limit_denominator(_LARGEST_DENOMINATOR) for x in decimals]
    at: Any = dict(zip(symbolic.point, guess, strict=True))
    close = all(abs(float(g) - x) <= 1e-12 * (1 + abs(x)) for g, x in zip(guess, w, strict=True))
    if close and all(_is_zero(g.subs(at)) for g in symbolic.gradient()):
        return tuple(guess)
    solutions = _solutions(tuple(symbolic.gradient()), symbolic.point)
    nearest, away = None, 1e-9 * (1 + abs(w).max())
    for one in solutions:
        values = [one.get(x) for x in symbolic.point]
        if any(v is None or v.free_symbols or isinstance(v, sympy.CRootOf) for v in values):
            continue
        off = max(
            abs(float(v.evalf(20)) - x) for v, x in zip(values, w, strict=True) if v is not None
        )
        if off < away:
            nearest, away = tuple(values), off
    return nearest


@lru_cache(maxsize=16)  # asked for at each of the points
def _solutions(gradient: tuple[Any, ...], point: tuple[Any, ...]) -> Sequence[Any]:
    try:
        return real_solutions(gradient, point).solutions
    except Unsolvable:
        return ()


def _is_zero(expression: Any) -> bool:
    value = expression.doit()
    if value.is_Rational:
        return value == 0
    # Numbers decide most cases, at once: of one that is not 0 some digits are certain, while of 0
    # however many digits are worked with none is.
    found = value.evalf(15)
    if not found.is_Float or found._prec > 1:
        return False
    return _simplified(value) == 0


def _closed(entry: Any) -> Any:
    return sympy.nsimplify(_simplified(entry.doit())) if not entry.is_Rational else entry


def _simplified(expression: Any) -> Any:
    """In fewer terms, if it has few enough for that to take no time worth mentioning."""
    short = expression.count_ops() <= _MOST_OPERATIONS
    return sympy.simplify(expression) if short else expression


def eigenvalues_of(matrix: Any) -> tuple[Any, ...] | None:
    """The eigenvalues of a symmetric matrix, descending, if square roots suffice to write them."""
    n = matrix.rows
    if matrix.has(sympy.nan, sympy.zoo, sympy.oo) or matrix.free_symbols:
        return None
    if matrix.is_diagonal():
        found = [matrix[i, i] for i in range(n)]
    elif n == 2:
        half, root = matrix.trace() / 2, sympy.sqrt(
            sympy.expand(((matrix[0, 0] - matrix[1, 1]) / 2) ** 2 + matrix[0, 1] ** 2)
        )  # fmt: skip
        found = [sympy.expand(half + root), sympy.expand(half - root)]
    elif n <= 6 and all(e.is_Rational for e in matrix):
        found = []
        for factor, times in matrix.charpoly().factor_list()[1]:
            if factor.degree() > 2:
                return None
            found += [root for root, n in sympy.roots(factor).items() for _ in range(n * times)]
    else:
        return None
    if len(found) != n or any(not v.is_real for v in found):
        return None
    return tuple(sorted(found, key=lambda v: -float(v.evalf(20))))


def _compare(values: Any, stated: Any) -> None:
    if abs(np.sort(values) - np.sort(stated)).max() > _AGREE * abs(np.asarray(stated)).max():
        raise ValueError(
            f"the facts state the eigenvalues {stated.tolist()} at a critical point where the "
            f"formula gives {values.tolist()}; one of the two is wrong"
        )


def _family(
    one: CriticalSet, symbolic: SymbolicLoss, flat: int, spectra: Any
) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """The points and eigenvalues along a set across which there is one direction only.

    The one eigenvalue that is not 0 is then the trace, as a function of the coordinates.
    """
    dim = len(symbolic.point)
    if dim - flat != 1 or {s.name for s in symbolic.point} & {
        s.name for s in (eta, rho, curvature)
    }:
        return None
    fixed: Any = {
        x: exact(float(column[0]))
        for x, column in zip(symbolic.point, one.points.T, strict=True)
        if (column == column[0]).all()
    }
    try:
        hessian = sympy.Matrix(symbolic.hessian()).subs(fixed, simultaneous=True)
        trace = sympy.factor(_simplified(hessian.trace().doit()))
        if trace.has(sympy.nan, sympy.zoo, sympy.oo):
            return None
        free = [x for x in symbolic.point if x not in fixed]
        values = sympy.lambdify(free, trace, "numpy")(
            *(one.points[:, symbolic.point.index(x)] for x in free)
        )
    except (TypeError, ValueError, NotImplementedError, NameError):
        return None
    largest = _largest(spectra)
    _compare(np.broadcast_to(np.asarray(values, dtype=np.float64), largest.shape), largest)
    return tuple(fixed.get(x, x) for x in symbolic.point), (trace, *[sympy.S.Zero] * flat)


def _largest(spectra: Sequence[Any]) -> Any:
    """Of each row the entry of largest modulus."""
    rows = np.asarray(spectra)
    return rows[np.arange(len(rows)), abs(rows).argmax(axis=1)]
