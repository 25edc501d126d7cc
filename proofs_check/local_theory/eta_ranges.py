"""For which η a linear map contracts: its characteristic polynomial, and inequalities solved for η.

The maps are of one or two variables (a mode, and what the base step remembers of it), and the
inequalities that come out of them are of first degree in η, so that they are solved exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import sympy

from landscapes.checks import real_array
from proofs_check import asked
from proofs_check.local_theory.local_maps import Underivable
from proofs_check.symbols import curvature as lam
from proofs_check.symbols import eta, rho

_DIGITS = 50
# Of numbers known to 50 digits: below it they are 0.
_NOTHING = sympy.Float("1e-30", _DIGITS)
# Double roots are known to half as many digits.
_CLOSE = mpmath.mpf(10) ** -18


def contracting(jacobian: Any) -> tuple[Any, ...]:
    """Expressions that are all positive iff both eigenvalues are of modulus below 1.

    For one eigenvalue m: 1 − m and 1 + m. For two, of z² − τz + δ: 1 − τ + δ, 1 + τ + δ and 1 − δ
    (the conditions of Schur and Cohn; 1 + δ > 0 follows from the first two).
    """
    if jacobian.rows == 1:
        found = (1 - jacobian[0], 1 + jacobian[0])
    else:
        trace, determinant = jacobian.trace(), jacobian.det()
        found = (1 - trace + determinant, 1 + trace + determinant, 1 - determinant)
    return tuple(sympy.factor(c) for c in found)


def eigenvalues(jacobian: Any) -> tuple[Any, ...]:
    """The eigenvalues, with their multiplicity."""
    if jacobian.rows == 1:
        return (jacobian[0],)
    half: Any = sympy.factor(jacobian.trace() / 2)
    determinant = sympy.factor(jacobian.det())
    root = sympy.sqrt(sympy.factor(half**2 - determinant))
    return (half - root, half + root)


def sign_of(expression: Any) -> int | None:
    """The sign for all ρ > 0, all other symbols being positive too; None if it is not one."""
    signs = signs_of(expression)
    return None if signs is None or len(signs) > 1 else next(iter(signs))


def signs_of(expression: Any) -> set[int] | None:
    """The signs that are met for ρ > 0, all other symbols being positive; None if not known."""
    expression = sympy.sympify(expression)
    if expression.free_symbols == {rho} or not expression.free_symbols:
        return _signs_in_radius(expression)
    positive = {s: sympy.Dummy(s.name, positive=True) for s in expression.free_symbols}
    written: Any = expression.xreplace(positive)
    for form in (lambda e: e, sympy.factor, sympy.expand):
        shown = form(written)
        if shown.is_zero:
            return {0}
        if shown.is_positive or shown.is_negative:
            return {1 if shown.is_positive else -1}
    return None


def _signs_in_radius(expression: Any) -> set[int] | None:
    """The same for an expression in ρ alone: between its zeros and poles, found to 30 digits."""
    parts = []
    for part in sympy.fraction(sympy.together(expression)):
        for factor in sympy.Mul.make_args(part):
            base: Any = factor
            if base.is_Pow and base.exp.is_Integer:
                base = base.base
            bare = base.args[0] if isinstance(base, sympy.Abs) else base
            if not bare.is_polynomial(rho):
                return None
            parts += _positive_roots(bare)
    roots = sorted(parts)
    ends = [mpmath.mpf(0), *roots, 2 * roots[-1] if roots else mpmath.mpf(2)]
    between = [(a + b) / 2 for a, b in pairwise(ends) if b - a > _CLOSE * b]
    values = [
        expression.evalf(_DIGITS, subs={rho: sympy.Float(x, _DIGITS)}) for x in (*between, *roots)
    ]
    inside, at_roots = values[: len(between)], values[len(between) :]
    signs = {0 if abs(v) < _NOTHING else int(sympy.sign(v)) for v in inside}
    return signs | {0 for v in at_roots if v.is_number and abs(v) < _CLOSE}


def _positive_roots(polynomial: Any) -> list[Any]:
    coefficients = [c.evalf(_DIGITS) for c in sympy.Poly(polynomial, rho).all_coeffs()]
    size = max(map(abs, coefficients), default=0)
    while coefficients and abs(coefficients[0]) <= _NOTHING * size:
        coefficients.pop(0)
    if len(coefficients) < 2:
        return []
    with mpmath.workdps(_DIGITS):
        roots = mpmath.polyroots([mpmath.mpf(c) for c in coefficients], maxsteps=200, extraprec=200)
        return [r.real for r in roots if abs(r.imag) < _CLOSE * (1 + abs(r)) and r.real > _CLOSE]


@dataclass(frozen=True)
class EtaRange:
    """The η > 0 for which a + bη > 0 for each of the pairs (a, b), expressions in ρ.

    Attributes:
        conditions: the pairs.
        neutral: whether a pair (0, 0) was left out: a direction in which deviations neither shrink
            nor grow to first order.
        curvature: what the symbol λ stands for in the pairs, as a function of the place, or None;
            it is positive.
    """

    conditions: tuple[tuple[Any, Any], ...]
    neutral: bool = False
    curvature: Any = None

    @classmethod
    def of(cls, inequalities: Iterable[Any], curvature: Any = None) -> EtaRange:
        """From expressions in η and ρ that are to be positive.

        Raises `Underivable` if one is not of first degree in η.
        """
        pairs = [_linear(sympy.sympify(e)) for e in inequalities]
        kept = tuple(dict.fromkeys(p for p in pairs if p != (0, 0)))
        return cls(kept, len(kept) < len(set(pairs)), curvature)

    def at(self, rho_values: Any, **coordinates: Any) -> tuple[np.ndarray, np.ndarray]:
        """The ends (lower, upper) of the range for each ρ; (0, 0) where it is empty.

        Raises `ValueError` unless each ρ is finite and >= 0 and the coordinates are those of a
        place on the set.
        """
        radii = asked.radii(rho_values)
        self._check_coordinates(coordinates)
        lower, upper = np.zeros(radii.shape), np.full(radii.shape, np.inf)
        possible = np.ones(radii.shape, dtype=bool)
        for a, b in self.conditions:
            here = (e if self.curvature is None else e.subs(lam, self.curvature) for e in (a, b))
            constant, slope = (_value(e, radii, coordinates) for e in here)
            with np.errstate(divide="ignore", invalid="ignore"):
                edge = -constant / slope
            upper = np.where(slope < 0, np.minimum(upper, edge), upper)
            lower = np.where(slope > 0, np.maximum(lower, edge), lower)
            possible &= (slope != 0) | (constant > 0)
        possible &= lower < upper
        return np.where(possible, lower, 0.0), np.where(possible, upper, 0.0)

    def _check_coordinates(self, given: dict[str, Any]) -> None:
        """Raises `ValueError` for a coordinate that the range does not depend on, or none."""
        places = set() if self.curvature is None else self.curvature.free_symbols
        needed = {s.name for s in places}
        for name in given:
            if name not in needed:
                those = f"; those of the place are {', '.join(sorted(needed))}" if needed else ""
                raise ValueError(f"the range does not depend on a coordinate {name!r}{those}")
            real_array(name, given[name], ndim=(0, 1, 2), accepted="a number or an array of them")

    @cached_property
    def ends(self) -> tuple[Any, Any] | None:
        """The ends as expressions in ρ: (0, 0) if empty; None if no closed form is derived."""
        found = self._ends()
        if found is None or self.curvature is None:
            return found
        lower, upper = (sympy.factor(e.subs(lam, self.curvature)) for e in found)
        return lower, upper

    def _ends(self) -> tuple[Any, Any] | None:
        lowers, uppers, guards, guarded = [], [], [], []
        for a, b in self.conditions:
            constant, slope = signs_of(a), signs_of(b)
            if constant is None or slope is None:
                return None
            if constant <= {0, 1} and slope <= {0, 1} and (constant == {1} or slope == {1}):
                continue
            if constant <= {0, -1} and slope <= {0, -1}:
                return sympy.S.Zero, sympy.S.Zero
            edge = sympy.factor(-a / b)
            if constant == {1} and slope == {-1}:
                uppers.append(edge)
            elif constant == {-1} and slope == {1}:
                lowers.append(edge)
            elif constant == {0}:
                guards.append(_solved(b))
            elif constant == {1}:
                guarded.append((edge, _solved(-b)))
            else:
                return None
        for edge, where in guarded:
            always = where in guards
            uppers.append(edge if always else sympy.Piecewise((edge, where), (sympy.oo, True)))
        lower = extreme(lowers, 1) if lowers else sympy.S.Zero
        upper = extreme(uppers, -1) if uppers else sympy.oo
        if lowers and sign_of(upper - lower) != 1:
            return None if sign_of(upper - lower) is None else (sympy.S.Zero, sympy.S.Zero)
        if guards:
            holds = sympy.And(*guards)
            lower, upper = (sympy.Piecewise((e, holds), (0, True)) for e in (lower, upper))
        return sympy.sympify(lower), sympy.sympify(upper)


def _linear(expression: Any) -> tuple[Any, Any]:
    """a and b of an expression that has the sign of a + bη."""
    above, below = sympy.fraction(sympy.together(expression))
    if below.has(eta):
        above, below = above * below, sympy.S.One
    slope = sympy.factor(sympy.diff(above, eta))
    if slope.has(eta):
        raise Underivable(f"the condition {expression} > 0 is not of first degree in η")
    constant = sympy.factor(sympy.expand(above - slope * eta))
    return sympy.factor(constant / below), sympy.factor(slope / below)


def _value(expression: Any, radii: np.ndarray, coordinates: dict[str, Any]) -> np.ndarray:
    names = {s.name: s for s in expression.free_symbols if s != rho}
    missing = sorted(set(names) - set(coordinates))
    if missing:
        raise ValueError(f"give the place on the set too: {', '.join(m + '=…' for m in missing)}")
    given = [np.asarray(coordinates[name], dtype=np.float64) for name in names]
    # As 30-digit numbers: NumPy has no root of an integer that exceeds its own.
    function = sympy.lambdify((rho, *names.values()), expression.evalf(30), "numpy")
    return np.broadcast_arrays(np.asarray(function(radii, *given), dtype=np.float64), radii)[0]


def _solved(expression: Any) -> Any:
    """The relation expression > 0 for ρ > 0, solved for ρ if it changes sign once."""
    radius = sympy.Dummy("rho", positive=True)
    above: Any = sympy.factor(sympy.fraction(sympy.together(expression))[0])
    factors = [f for f in sympy.Mul.make_args(above) if f.has(rho)]
    if (
        expression.free_symbols == {rho}
        and len(factors) == 1
        and sympy.degree(factors[0], rho) == 1
    ):
        (root,) = sympy.solve(factors[0].xreplace({rho: radius}), radius) or [None]
        if root is not None:
            beyond = expression.evalf(subs={rho: 2 * root})
            return rho > sympy.radsimp(root) if beyond > 0 else rho < sympy.radsimp(root)
    return expression > 0


def extreme(candidates: list[Any], sign: int) -> Any:
    """The largest (sign 1) or smallest (−1) of expressions in ρ, those that never are left out."""
    kept: list[Any] = []
    for one in dict.fromkeys(candidates):
        beaten = [k for k in kept if sign_of(sign * (one - k)) in (1, 0)]
        if any(sign_of(sign * (k - one)) in (1, 0) for k in kept):
            continue
        kept = [k for k in kept if k not in beaten] + [one]
    return kept[0] if len(kept) == 1 else (sympy.Max if sign > 0 else sympy.Min)(*kept)
