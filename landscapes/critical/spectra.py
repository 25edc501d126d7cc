"""The eigenvalues of a Hessian at a point that is known exactly, and which of them are 0.

An expression is evaluated as a ball, a middle of 80 digits and a radius that bounds its error, so
that what differs from 0 is known to. What does not is 0 only if algebra proves it: of rational
numbers by their rank, of algebraic ones by the remainders modulo their minimal polynomials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations
from math import prod
from typing import Any

import mpmath
import sympy

from landscapes.critical.algebra import Unsolvable
from landscapes.critical.search import System
from landscapes.expressions.functions import LogCosh, Modulus, Signum

_DIGITS = 80
_ROUNDING = mpmath.mpf(10) ** -76  # of one operation, relative; four digits are left for mpmath
_LARGEST = 10**6  # of an argument of exp: beyond, a number has more digits than one can work on
_MOST_MINORS = 20
_MOST_OPERATIONS = 150  # of a Hessian that is worked on where it is no matrix of fractions


@dataclass(frozen=True)
class Ball:
    """The numbers within `radius` of `middle`."""

    middle: Any
    radius: Any

    @property
    def sign(self) -> int | None:
        """Of all members; None if they have no common one."""
        if abs(self.middle) > self.radius:
            return 1 if self.middle > 0 else -1
        return 0 if not self.middle and not self.radius else None


class NotFinite(ArithmeticError):
    """A part of the expression is no finite real number, or cannot be told from one that is not.

    `infinite` says that it is infinite, a number that is not 0 being divided by 0.
    """

    def __init__(self, infinite: bool = False) -> None:
        super().__init__()
        self.infinite = infinite


class Evaluator:
    """Expressions as balls at one point, whose coordinates are exact."""

    def __init__(self, at: dict[sympy.Symbol, Any]) -> None:
        self.known: dict[Any, Ball | NotFinite] = {}
        with mpmath.workdps(_DIGITS):
            for symbol, value in at.items():
                value = sympy.sympify(value)
                middle = mpmath.mpf(value.evalf(_DIGITS))
                exact = value.is_Integer and abs(middle) < 2**200
                self.known[symbol] = Ball(middle, mpmath.mpf(0) if exact else _error(middle))

    def __call__(self, expression: Any) -> Ball:
        """Raises `NotFinite`, and `Unsolvable` for numbers that are too large."""
        if expression not in self.known:
            with mpmath.workdps(_DIGITS):
                try:
                    self.known[expression] = self._ball(expression)
                except NotFinite as why:
                    self.known[expression] = why
        found = self.known[expression]
        if isinstance(found, NotFinite):
            raise found
        return found

    def _ball(self, e: Any) -> Ball:
        if e.is_Rational:
            middle = mpmath.mpf(int(e.p)) / int(e.q)
            small = e.is_Integer and abs(middle) < 2**200
            return Ball(middle, mpmath.mpf(0) if small else _error(middle))
        if e.is_NumberSymbol or e.is_Float or isinstance(e, sympy.CRootOf):
            middle = mpmath.mpf(e.evalf(_DIGITS))
            return Ball(middle, _error(middle))
        if e.is_Add:
            return self._sum(e)
        if e.is_Mul:
            return self._product(e)
        inner = e.base if e.is_Pow else e.args[0]
        try:
            found = self(inner)
        except NotFinite as why:
            grows = e.exp > 0 if e.is_Pow else isinstance(e, (Modulus, LogCosh))
            raise NotFinite(infinite=why.infinite and bool(grows)) from None
        return _power(found, e.exp) if e.is_Pow else _function(type(e), found)

    def _sum(self, e: Any) -> Ball:
        """One infinite term makes it so; of several, the difference may be finite."""
        parts, infinite = [], []
        for a in e.args:
            try:
                parts.append(self(a))
            except NotFinite as why:
                infinite.append(why.infinite)
        if infinite:
            raise NotFinite(infinite=infinite == [True])
        return _rounded(sum(b.middle for b in parts), sum(b.radius for b in parts), parts)

    def _product(self, e: Any) -> Ball:
        """Infinite factors make it so unless one of the others may be 0."""
        result, infinite = Ball(mpmath.mpf(1), mpmath.mpf(0)), False
        for a in e.args:
            try:
                one = self(a)
            except NotFinite as why:
                if not why.infinite:
                    raise
                infinite = True
                continue
            radius = (
                abs(result.middle) * one.radius
                + abs(one.middle) * result.radius
                + result.radius * one.radius
            )
            result = _rounded(result.middle * one.middle, radius, ())
        if infinite:
            raise NotFinite(infinite=result.sign in (1, -1))
        return result


def _error(middle: Any) -> Any:
    return abs(middle) * _ROUNDING


def _rounded(middle: Any, radius: Any, parts: Any) -> Ball:
    size = max((abs(b.middle) for b in parts), default=abs(middle))
    return Ball(middle, radius * (1 + _ROUNDING) + size * _ROUNDING * (len(parts) + 1))


def _power(base: Ball, exponent: Any) -> Ball:
    p, q = int(exponent.p), int(exponent.q)
    if base.sign == 0:
        if p < 0:
            raise NotFinite(infinite=True)
        return base
    if q != 1 and base.sign == -1:
        raise NotFinite
    if base.sign is None and (p < 0 or q != 1):
        if p < 0:
            raise NotFinite  # perhaps infinite, perhaps not
        most = (abs(base.middle) + base.radius) ** (mpmath.mpf(p) / q)
        return Ball(most / 2, most / 2 * (1 + 10 * _ROUNDING))
    n, size, least = mpmath.mpf(p) / q, abs(base.middle), abs(base.middle) - base.radius
    middle = base.middle**p if q == 1 else base.middle**n
    # The slope is steepest at the end that is farther from 0 or nearer to it.
    steepest = (size + base.radius) ** (n - 1) if n >= 1 else least ** (n - 1)
    return _rounded(middle, abs(n) * steepest * base.radius * (1 + _ROUNDING), ())


def _function(kind: Any, s: Ball) -> Ball:
    m, r = s.middle, s.radius
    if kind in (sympy.exp, sympy.cosh, sympy.sinh, sympy.tan, sympy.sin, sympy.cos) and (
        abs(m) > _LARGEST or r > 1
    ):
        raise Unsolvable("the numbers grow too large")
    if kind is sympy.exp:
        return _rounded(mpmath.exp(m), mpmath.exp(m) * mpmath.expm1(r), ())
    if kind is sympy.log:
        if s.sign != 1:
            raise NotFinite(infinite=s.sign == 0)
        return _rounded(mpmath.log(m), r / (m - r), ())
    if kind is sympy.tan:
        nearest = abs(mpmath.cos(m)) - r
        if nearest <= 0:
            raise NotFinite
        return _rounded(mpmath.tan(m), r / nearest**2, ())
    if kind is Signum:
        if s.sign is None:
            return Ball(mpmath.mpf(0), mpmath.mpf(1))
        return Ball(mpmath.mpf(s.sign), mpmath.mpf(0))
    steep = mpmath.cosh(abs(m) + r) if kind in (sympy.cosh, sympy.sinh) else 1
    functions: dict[Any, Any] = {
        sympy.sin: mpmath.sin, sympy.cos: mpmath.cos, sympy.sinh: mpmath.sinh,
        sympy.cosh: mpmath.cosh, sympy.tanh: mpmath.tanh, sympy.atan: mpmath.atan, Modulus: abs,
        LogCosh: lambda v: abs(v) + mpmath.log1p(mpmath.exp(-2 * abs(v))) - mpmath.log(2),
    }  # fmt: skip
    if kind not in functions:
        definition = getattr(kind, "definition", None)
        if definition is None:
            raise Unsolvable(f"{kind.__name__} is not evaluated exactly")
        argument = sympy.Dummy(real=True)
        inner = Evaluator({})
        inner.known[argument] = s
        return inner(definition(argument))
    middle = functions[kind](m)
    if not m and not r and not middle:
        return Ball(middle, r)  # exactly 0
    last = 1 if kind is LogCosh else abs(middle)  # whose last step cancels
    return Ball(middle, r * steep + last * _ROUNDING)


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of a Hessian.

    Attributes:
        values: in descending order; those that are proved to be 0 are exactly that.
        decided: whether every other one is proved to differ from 0.
    """

    values: tuple[Any, ...]
    decided: bool

    @property
    def zeros(self) -> int:
        return sum(v == 0 for v in self.values)


def spectrum(system: System, exact: Sequence[Any], critical: bool = False) -> Spectrum | None:
    """The Hessian's eigenvalues; None where the loss or a derivative is no finite number.

    `critical` says that the point is known to be critical, its coordinates being rounded.

    Raises `Unsolvable` where the gradient is proved not to vanish, or numbers are too large.
    """
    at = dict(zip(system.point, exact, strict=True))
    value = Evaluator(at)
    try:
        value(system.loss)
        slopes = [value(g) for g in system.gradient]
        entries = [value(h) for h in chain(*system.hessian)]
    except NotFinite:
        return None
    if not critical and any(g.sign in (1, -1) for g in slopes):
        raise Unsolvable("a solution of the equations is no critical point")
    with mpmath.workdps(_DIGITS):
        n = system.dim
        matrix = mpmath.matrix(n, n)
        for i, entry in enumerate(entries):
            matrix[i // n, i % n] = entry.middle
        found = sorted(mpmath.eigsy((matrix + matrix.T) / 2, eigvals_only=True), reverse=True)
        # Weyl: the eigenvalues are off by the norm of the error, and by those of the iteration.
        error = mpmath.sqrt(sum(e.radius**2 for e in entries))
        error += 100 * n * n * _ROUNDING * max((abs(v) for v in found), default=0)
        unclear = sum(abs(v) <= error for v in found)
    hessian = [[h for h in row] for row in system.hessian]
    proved = unclear == 0 or critical or _has_rank(hessian, at, n - unclear)
    values = tuple(mpmath.mpf(0) if abs(v) <= error else v for v in found)
    return Spectrum(values, proved)


def _has_rank(hessian: list[list[Any]], at: dict[Any, Any], rank: int) -> bool:
    """Whether the rank of the Hessian is proved to be at most this."""
    n = len(hessian)
    rational = all(sympy.sympify(v).is_Rational for v in at.values())
    if rational:
        known: dict[Any, Fraction | None] = {
            w: Fraction(int(v.p), int(v.q))
            for w, v in ((w, sympy.sympify(v)) for w, v in at.items())
        }
        numbers = [[_fraction(h, known) for h in row] for row in hessian]
        if all(x is not None for row in numbers for x in row):
            return _rank(numbers) <= rank
    if sum(int(h.count_ops()) for row in hessian for h in row) > _MOST_OPERATIONS:
        return False
    entries = sympy.Matrix(n, n, lambda i, j: _at(hessian[i][j], at))
    if entries.is_zero_matrix:
        return True
    if all(e.is_Rational for e in entries.flat()):
        return entries.rank() <= rank
    # All minors of this order vanish; of a symmetric matrix those on the diagonal decide.
    choices = list(combinations(range(n), rank + 1))
    if len(choices) > _MOST_MINORS or rank + 1 > 4:
        return False
    wholes = [
        sympy.Add(*(entries.extract(list(k), list(k)).det(method="berkowitz") for k in
                    combinations(range(n), size)))
        for size in range(rank + 1, n + 1)
    ]  # fmt: skip
    return all(is_zero(e) for e in wholes)


def _fraction(e: Any, known: dict[Any, Fraction | None]) -> Fraction | None:
    """The exact value of an expression without roots and functions, or None."""
    if e not in known:
        value: Fraction | None = None
        if e.is_Rational:
            value = Fraction(int(e.p), int(e.q))
        elif e.is_Add or e.is_Mul:
            parts = [p for p in (_fraction(a, known) for a in e.args) if p is not None]
            if len(parts) == len(e.args):
                value = sum(parts, Fraction(0)) if e.is_Add else prod(parts, start=Fraction(1))
        elif e.is_Pow and e.exp.is_Integer:
            base = _fraction(e.base, known)
            value = base ** int(e.exp) if base or (base is not None and e.exp > 0) else None
        known[e] = value
    return known[e]


def _rank(rows: list[list[Any]]) -> int:
    """Of a matrix of fractions, by elimination."""
    rows, rank = [list(row) for row in rows], 0
    for column in range(len(rows)):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            ratio = rows[i][column] / rows[rank][column]
            rows[i] = [x - ratio * y for x, y in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


def _at(expression: Any, at: dict[Any, Any]) -> Any:
    return sympy.expand(expression.subs(at, simultaneous=True))


def is_zero(number: Any) -> bool:
    """Whether a number is proved to be 0, by the minimal polynomials of what it is made of."""
    number = sympy.expand(number)
    if number == 0:
        return True
    if number.is_Rational or number.count_ops() > 400:
        return False
    relations: list[Any] = []
    names: dict[Any, Any] = {}
    for i, root in enumerate(sorted(number.atoms(sympy.CRootOf), key=str)):
        t = sympy.Symbol(f"t{i}")
        names[root] = t
        relations.append((t, root.poly.as_expr().subs(root.poly.gen, t)))
    number = number.xreplace(names)
    for i, power in enumerate(sorted(number.atoms(sympy.Pow), key=str)):
        if power.base.is_Rational and not power.exp.is_Integer:
            t, q = sympy.Symbol(f"s{i}"), int(power.exp.q)
            relations.append((t, t**q - power.base))
            number = number.xreplace({power: t ** int(power.exp.p)})
    number = sympy.expand(number)
    for t, relation in relations:
        if number == 0 or not number.is_polynomial(t):
            return number == 0
        number = sympy.expand(sympy.rem(number, relation, t))
    return number == 0
