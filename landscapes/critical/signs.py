"""Whether an expression is nowhere negative, as a radicand has to be."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import sympy

from landscapes.critical.intervals import Enclosure, Interval

_HIGHEST = 16  # degree of a polynomial whose least value is worked out

# Of functions within functions, of which SymPy asks whether they are real, ever more often.
_DEEPEST = 2


def bounds(expression: Any) -> tuple[float, float]:
    """Bounds of its values on the whole space, where it is defined: ∓∞ if none is found."""
    symbols = sorted(expression.free_symbols, key=str)
    line = Interval(np.array([-np.inf]), np.array([np.inf]))
    try:
        found = Enclosure(dict.fromkeys(symbols or [sympy.Dummy()], line)).over_boxes(expression)
    except TypeError:  # a function without an enclosure
        return -np.inf, np.inf
    low, high = float(found.low[0]), float(found.high[0])
    return (-np.inf if np.isnan(low) else low), (np.inf if np.isnan(high) else high)


def is_positive(expression: Any) -> bool:
    """Whether it is proved to be positive everywhere."""
    if bounds(expression)[0] > 0:
        return True
    if _depth(expression) <= _DEEPEST and expression.is_positive:
        return True
    line = _on_the_line(expression)
    if line is not None:
        return line.LC() > 0 and line.count_roots() == 0
    return _sign(least_value(expression)) == 1


def _depth(e: Any) -> int:
    """How many functions stand one within the other."""
    inner = max(map(_depth, e.args), default=0)
    return inner + int(isinstance(e, sympy.Function))


def _on_the_line(expression: Any) -> Any:
    """The expression as a polynomial in its one variable, if it is one with rational numbers."""
    symbols = expression.free_symbols
    if (
        len(symbols) != 1
        or not expression.is_polynomial(*symbols)
        or _degree(expression) > _HIGHEST
    ):
        return None
    polynomial = sympy.Poly(expression, *symbols)
    return polynomial if all(c.is_Rational for c in polynomial.coeffs()) else None


def is_nonnegative(expression: Any) -> bool:
    """Whether it is proved to be nowhere negative."""
    if bounds(expression)[0] >= 0:
        return True
    sign = _sign(least_value(expression))
    if sign is not None:
        return sign >= 0
    symbols = expression.free_symbols
    if not expression.is_polynomial(*symbols) or _degree(expression) > _HIGHEST:
        return False
    try:
        content, factors = cast(Any, sympy.factor_list(expression))
    except (sympy.PolynomialError, sympy.CoercionFailed, NotImplementedError):
        return False  # not over every domain of coefficients, such as tan(1) or log(2)
    sign = 1 if content > 0 else -1
    for factor, times in factors:
        if times % 2 == 0 or _is_nonnegative_factor(factor):
            continue
        if not _is_nonnegative_factor(-factor):
            return False
        sign = -sign
    return sign > 0


def _is_nonnegative_factor(factor: Any) -> bool:
    """The same of what cannot be factored further."""
    return bounds(factor)[0] >= 0 or _sign(least_value(factor)) in (0, 1)


def _sign(number: Any) -> int | None:
    """Of a number; None if there is none, or it cannot be told from 0."""
    if number is None or number.is_Rational:
        return None if number is None else int(sympy.sign(number))
    value = number.evalf(50)
    return None if abs(value) < 1e-40 else int(sympy.sign(value))


def least_value(expression: Any) -> Any:
    """The least value of a polynomial that is a sum of parts in one variable, or of degree 2.

    None for others, and for what has no least value.
    """
    symbols = expression.free_symbols
    if not symbols or not expression.is_polynomial(*symbols) or _degree(expression) > _HIGHEST:
        return None
    polynomial = sympy.Poly(expression, *sorted(symbols, key=str))
    if not all(c.is_Rational for c in polynomial.coeffs()):
        return None
    constant: Any = sympy.S.Zero
    groups: list[tuple[set[Any], list[Any]]] = []
    for term in sympy.Add.make_args(polynomial.as_expr()):
        names, terms = set(term.free_symbols), [term]
        if not names:
            constant = term
            continue
        for others, group in [g for g in groups if g[0] & names]:
            groups.remove((others, group))
            names, terms = names | others, [*group, *terms]
        groups.append((names, terms))
    total: Any = constant
    for _, terms in groups:
        least = _least_of_group(sympy.Add(*terms))
        if least is None:
            return None
        total += least
    return total


def _least_of_group(expression: Any) -> Any:
    symbols = sorted(expression.free_symbols, key=str)
    if len(symbols) == 1:
        return _least_on_the_line(sympy.Poly(expression, *symbols))
    if _degree(expression) > 2:
        return None
    # ½ wᵀHw + gᵀw with H ⪰ 0 is least where Hw = −g, if there is such a w.
    at_zero = dict.fromkeys(symbols, 0)
    hessian = sympy.hessian(expression, symbols)
    slope = sympy.Matrix([sympy.diff(expression, w).subs(at_zero) for w in symbols])
    if not hessian.is_positive_semidefinite:
        return None
    try:
        found, free = hessian.gauss_jordan_solve(-slope)
    except ValueError:
        return None
    found = found.subs(dict.fromkeys(free, 0))
    return (slope.T * found)[0] / 2


def _least_on_the_line(polynomial: sympy.Poly) -> Any:
    """Exact where it is attained at a rational number, and to 60 digits elsewhere."""
    if polynomial.degree() % 2 or polynomial.LC() < 0:
        return None
    slope: Any = polynomial.diff()
    values = []
    for root in dict.fromkeys(slope.real_roots()):
        at = root if root.is_Rational else root.evalf(60)
        value = sympy.S.Zero
        for coefficient in polynomial.all_coeffs():
            value = value * at + coefficient
        values.append(value)
    return min(values)


def _degree(e: Any) -> int:
    if e.is_Symbol:
        return 1
    if e.is_Add:
        return max(map(_degree, e.args))
    if e.is_Mul:
        return sum(map(_degree, e.args))
    return _degree(e.base) * int(e.exp) if e.is_Pow and e.exp.is_Integer else 0
