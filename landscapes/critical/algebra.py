"""All real solutions of polynomial equations, exactly, where factors and elimination reach them.

Equations are split into factors, solved for a variable that they hold linearly, and taken apart
into groups that share no variable. What is left has one unknown, whose real roots SymPy isolates,
or two, whose candidates are the roots of two resultants. Each step is bounded by the size of what
it works on, never by a clock, so that the same formula has the same facts on every machine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

import mpmath
import sympy

from landscapes.critical.signs import is_nonnegative, is_positive
from landscapes.expressions.functions import Modulus, Signum

Solution = dict[Any, Any]
Curve = tuple[tuple[Any, ...], Solution]

MOST_OPERATIONS = 200  # of a component of the gradient
MOST_TERMS = 600  # of a polynomial
MOST_BRANCHES = 100
MOST_SOLUTIONS = 400
_MOST_TIMES = 8  # that the slopes of one equation are put beside it, in one case after another
HIGHEST = 64  # degree of a polynomial, and of a resultant
_MOST_BITS = 2000  # of a coefficient
_DIGITS = 60
_NOTHING = mpmath.mpf(10) ** -40


class Unsolvable(Exception):
    """The equations are beyond what is done here; the text says why."""


@dataclass
class Solved:
    """Real solutions.

    Attributes:
        solutions: values of the coordinates; a coordinate that is missing is free, and the values
            of others may depend on it.
        curves: what no such values describe: equations such as x*y - 1 = 0, and with them the
            values of other coordinates.
    """

    solutions: list[Solution] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)


def real_solutions(equations: Iterable[Any], unknowns: tuple[sympy.Symbol, ...]) -> Solved:
    """Where all of the equations are 0. Raises `Unsolvable`."""
    solver = _Solver(unknowns)
    return solver.solve([_numerator(e) for e in equations])


def _numerator(equation: Any) -> sympy.Expr:
    """An expression that vanishes where the equation does, on its domain."""
    if equation.count_ops() > MOST_OPERATIONS:
        raise Unsolvable("the gradient is too long for exact solution")
    above: Any = sympy.fraction(sympy.together(equation))[0]
    factors = [_zero_set(f) for f in sympy.Mul.make_args(sympy.factor_terms(above))]
    return sympy.Mul(*factors)


def _zero_set(factor: Any) -> Any:
    """A polynomial that vanishes where the factor does."""
    if factor.is_Pow and factor.exp.is_Rational:
        return _zero_set(factor.base) if factor.exp > 0 else sympy.S.One
    if isinstance(factor, (sympy.exp, sympy.cosh)):
        return sympy.S.One
    if isinstance(factor, (sympy.sinh, sympy.tanh, sympy.atan, Modulus, Signum)):
        return _zero_set(factor.args[0])
    if factor.is_Add and not factor.is_polynomial(*factor.free_symbols):
        if is_positive(factor) or is_positive(-factor):
            return sympy.S.One
        again = sympy.factor_terms(sympy.fraction(sympy.together(factor))[0])
        if again.is_Mul:
            return sympy.Mul(*map(_zero_set, again.args))
    if not factor.is_polynomial(*factor.free_symbols):
        raise Unsolvable("the gradient is no polynomial")
    if any(not n.is_Rational for n in factor.atoms(sympy.Number, sympy.NumberSymbol)) or any(
        not power.exp.is_Integer for power in factor.atoms(sympy.Pow)
    ):
        raise Unsolvable("the gradient has coefficients that are not rational")
    if factor.atoms(sympy.Function):
        raise Unsolvable("the gradient has coefficients that are not rational")
    return factor


class _Solver:
    def __init__(self, unknowns: tuple[sympy.Symbol, ...]) -> None:
        self.unknowns, self.branches = unknowns, 0
        self.known: dict[frozenset, Solved] = {}
        self.least: Counter[Any] = Counter()  # how often slopes were put beside an equation
        self.factored: dict[Any, list[Any] | None] = {}

    def solve(self, equations: list[Any]) -> Solved:
        key = frozenset(equations)
        if key not in self.known:
            self.known[key] = self._solved(equations)
        return self.known[key]

    def _solved(self, equations: list[Any]) -> Solved:
        self.branches += 1
        if self.branches > MOST_BRANCHES:
            raise Unsolvable("the critical points fall into too many cases")
        factored = []
        for equation in equations:
            factors = self._factors(equation)
            if factors is None:
                continue
            if not factors:
                return Solved()
            factored.append(factors)
        for i, factors in enumerate(factored):
            if len(factors) > 1:
                rest = [sympy.Mul(*other) for j, other in enumerate(factored) if j != i]
                return _union(self.solve([factor, *rest]) for factor in factors)
        distinct = list(dict.fromkeys(factors[0] for factors in factored))
        return self._irreducible(distinct)

    def _factors(self, equation: Any) -> list[Any] | None:
        """The distinct factors that can vanish; None if the equation always holds."""
        found: list[Any] = []
        for part in sympy.Mul.make_args(equation):
            if part not in self.factored:
                self.factored[part] = _irreducible_factors(part)
            factors = self.factored[part]
            if factors is None:
                return None
            found += factors
        return list(dict.fromkeys(found))

    def _irreducible(self, equations: list[Any]) -> Solved:
        if not equations:
            return Solved([{}])
        for equation in equations:
            split = _sum_of_even(equation)
            if split:
                return self.solve([*split, *(e for e in equations if e is not equation)])
        linear = [
            (len(e.free_symbols), str(w), e, w)
            for e in equations
            for w in sorted(e.free_symbols, key=str)
            if sympy.degree(e, w) == 1 and not sympy.diff(e, w).free_symbols
        ]
        if linear:
            *_, equation, w = min(linear, key=lambda one: one[:2])
            slope = sympy.diff(equation, w)
            value = sympy.expand(w - equation / slope)
            return self._substituted(w, value, [e for e in equations if e is not equation])
        for equation in equations:
            slopes = self._least(equation)
            if slopes:
                return self.solve([*slopes, *(e for e in equations if e is not equation)])
        groups = _groups(equations)
        if len(groups) > 1:
            return _product([self._irreducible(group) for group in groups])
        symbols = sorted(set().union(*(e.free_symbols for e in equations)), key=str)
        if len(symbols) == 1:
            roots = _common_roots(equations, symbols[0])
            return Solved([{symbols[0]: root} for root in roots])
        if len(equations) == 1:
            return Solved([], [((equations[0],), {})])
        if len(symbols) == 2:
            return Solved(_pairs(equations, symbols[0], symbols[1]))
        raise Unsolvable(f"{len(symbols)} coordinates depend on each other")

    def _least(self, equation: Any) -> list[Any] | None:
        """What is nowhere negative is 0 where it is least, and its slopes vanish with it."""
        symbols = sorted(equation.free_symbols, key=str)
        if len(symbols) < 2 or self.least[equation] >= _MOST_TIMES:
            return None
        if not (is_nonnegative(equation) or is_nonnegative(-equation)):
            return None
        self.least[equation] += 1
        return [*(sympy.diff(equation, w) for w in symbols), equation]

    def _substituted(self, w: sympy.Symbol, value: Any, rest: list[Any]) -> Solved:
        for equation in rest:  # before it is multiplied out
            _check_size(equation.subs(w, value), sorted(self.unknowns, key=str))
        found = self.solve([sympy.expand(e.subs(w, value)) for e in rest])

        def with_it(s: Solution) -> Solution:
            return {w: sympy.expand(value.subs(s)), **s}

        return Solved([with_it(s) for s in found.solutions],
                      [(c, with_it(s)) for c, s in found.curves])  # fmt: skip


def _irreducible_factors(part: Any) -> list[Any] | None:
    base = part.base if part.is_Pow else part
    symbols = sorted(base.free_symbols, key=str)
    if not symbols:
        return None if base == 0 else []
    _check_size(base, symbols)
    expanded = sympy.Poly(base, *symbols)
    if expanded.is_zero:
        return None
    factors = [factor for factor, _ in sympy.factor_list(expanded.as_expr())[1]]
    return [f for f in factors if not (_positive(f) or is_positive(f) or is_positive(-f))]


def _union(parts: Iterable[Solved]) -> Solved:
    total = Solved()
    for part in parts:
        total.solutions += [s for s in part.solutions if s not in total.solutions]
        total.curves += [c for c in part.curves if c not in total.curves]
    return total


def _product(parts: list[Solved]) -> Solved:
    """Each solution of the one with each of the others, which share no variable with it."""
    every = [[*(((), s) for s in part.solutions), *part.curves] for part in parts]
    if math.prod(map(len, every)) > MOST_SOLUTIONS:
        raise Unsolvable(f"there are more than {MOST_SOLUTIONS} critical points")
    total = Solved()
    for one in product(*every):
        equations = tuple(e for curve, _ in one for e in curve)
        values = dict(pair for _, s in one for pair in s.items())
        if equations:
            total.curves.append((equations, values))
        else:
            total.solutions.append(values)
    return total


def _check_size(equation: Any, symbols: list[sympy.Symbol]) -> None:
    """Refuses what would be too large once it is multiplied out; before it is."""
    degree = _degree(equation)
    n = len(set(symbols) & equation.free_symbols)
    if degree > HIGHEST or math.comb(n + degree, n) > MOST_TERMS:
        raise Unsolvable(f"the gradient is a polynomial of degree {degree} in {n} coordinates")
    for number in equation.atoms(sympy.Rational):
        if max(int(number.p).bit_length(), int(number.q).bit_length()) > _MOST_BITS:
            raise Unsolvable("the numbers grow too long for exact solution")


def _degree(e: Any) -> int:
    if e.is_Symbol:
        return 1
    if e.is_Add:
        return max(map(_degree, e.args))
    if e.is_Mul:
        return sum(map(_degree, e.args))
    if e.is_Pow:
        return _degree(e.base) * int(e.exp)
    return 0


def _even_terms(factor: Any) -> tuple[list[Any], Any] | None:
    """The non-constant terms and the constant, of a sum of even monomials of one sign."""
    terms = sympy.Poly(factor, *sorted(factor.free_symbols, key=str)).terms()
    signs = {coefficient > 0 for _, coefficient in terms}
    if len(signs) > 1 or any(n % 2 for powers, _ in terms for n in powers):
        return None
    symbols = sorted(factor.free_symbols, key=str)
    monomials = [sympy.Mul(*map(sympy.Pow, symbols, powers)) for powers, _ in terms if any(powers)]
    return monomials, next((c for powers, c in terms if not any(powers)), sympy.S.Zero)


def _positive(factor: Any) -> bool:
    even = _even_terms(factor)
    return even is not None and even[1] != 0


def _sum_of_even(equation: Any) -> list[Any] | None:
    """A sum of squares is 0 where each of them is."""
    even = _even_terms(equation)
    return even[0] if even is not None and even[1] == 0 and len(even[0]) > 1 else None


def _groups(equations: list[Any]) -> list[list[Any]]:
    """The equations, those that share a variable together."""
    groups: list[tuple[set, list]] = []
    for equation in equations:
        symbols, members = set(equation.free_symbols), [equation]
        apart = []
        for others, group in groups:
            if others & symbols:
                symbols, members = symbols | others, group + members
            else:
                apart.append((others, group))
        groups = [*apart, (symbols, members)]
    return [group for _, group in groups]


def _common_roots(equations: list[Any], w: sympy.Symbol) -> list[Any]:
    common: Any = sympy.Poly(equations[0], w)
    for other in equations[1:]:
        common = sympy.gcd(common, sympy.Poly(other, w))
    return [] if common.degree() < 1 else list(dict.fromkeys(common.real_roots()))


def _pairs(equations: list[Any], x: sympy.Symbol, y: sympy.Symbol) -> list[Solution]:
    """The common zeros of irreducible polynomials in two variables: finitely many (Bézout)."""
    p, q = equations[:2]
    if _degree(p) * _degree(q) > HIGHEST:
        raise Unsolvable(f"equations of degrees {_degree(p)} and {_degree(q)} meet")
    candidates = []
    for kept, gone in ((x, y), (y, x)):
        eliminated = sympy.Poly(sympy.resultant(p, q, gone), kept)
        if eliminated.is_zero:
            raise Unsolvable("two equations of the gradient share a factor")
        candidates.append(list(dict.fromkeys(eliminated.real_roots())))
    found = []
    with mpmath.workdps(_DIGITS):
        numeric = [[mpmath.mpf(root.evalf(_DIGITS)) for root in roots] for roots in candidates]
        for roots in numeric:
            if any(b - a < mpmath.sqrt(_NOTHING) for a, b in pairwise(roots)):
                raise Unsolvable("critical points are too close to be told apart")
        for i, j in product(range(len(candidates[0])), range(len(candidates[1]))):
            at = {x: candidates[0][i], y: candidates[1][j]}
            if _vanish(equations, at, {x: numeric[0][i], y: numeric[1][j]}):
                found.append(at)
    return found


def _vanish(equations: list[Any], at: Solution, near: dict[sympy.Symbol, Any]) -> bool:
    """Whether the equations vanish at a pair of candidates.

    If they nearly do and are regular there, they have a zero so near that it must be this pair,
    the candidates being the only coordinates that a zero can have, and far apart.
    """
    sizes = [_value(e, near) for e in equations]
    if any(abs(value) > _NOTHING * scale for value, scale in sizes):
        return False
    if all(value.is_Rational for value in at.values()):
        return all(sympy.expand(e.subs(at)) == 0 for e in equations)
    slopes = [_value(sympy.diff(e, w), near)[0] for e in equations[:2] for w in near]
    determinant = abs(slopes[0] * slopes[3] - slopes[1] * slopes[2])
    if len(equations) > 2 or determinant < mpmath.mpf(10) ** -10 * max(map(abs, slopes)) ** 2:
        raise Unsolvable("critical points with irrational coordinates are degenerate")
    return True


def _value(e: Any, near: dict[sympy.Symbol, Any]) -> tuple[Any, Any]:
    """A polynomial at a point, and the sum of the absolute values of its terms."""
    value = scale = mpmath.mpf(0)
    symbols = list(near)
    for powers, coefficient in sympy.Poly(e, *symbols).terms():
        term = mpmath.mpf(int(coefficient.p)) / int(coefficient.q)
        for symbol, n in zip(symbols, powers, strict=True):
            term *= near[symbol] ** n
        value, scale = value + term, scale + abs(term)
    return value, scale


def real_roots(expression: Any, w: sympy.Symbol) -> list[Any]:
    """The real zeros of an expression in one variable, ascending. Raises `Unsolvable`."""
    found = real_solutions([expression], (w,))
    return sorted((one[w] for one in found.solutions), key=lambda root: float(root.evalf(20)))
