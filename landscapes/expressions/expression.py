"""Reads a SymPy expression as a function of arrays.

A loss is written once, as a SymPy expression; its JAX and NumPy readings, and those of its
derivatives, come from here. Common subexpressions are computed once. Nothing is turned into
program text on the way, so nothing is ever executed but the operations listed below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any

import sympy

from landscapes.expressions.ranges import (
    GROWING,
    Exponential,
    Ranges,
    is_divisor,
    of_one_kind,
)
from landscapes.expressions.wide import Wide, WideArithmetic

# What each SymPy function is called in the array namespaces (NumPy and jax.numpy agree).
_FUNCTIONS: dict[type, str] = {
    sympy.Abs: "abs",
    sympy.atan: "arctan",
    sympy.cos: "cos",
    sympy.cosh: "cosh",
    Exponential: "exp",
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sign: "sign",
    sympy.sin: "sin",
    sympy.sinh: "sinh",
    sympy.tan: "tan",
    sympy.tanh: "tanh",
    sympy.Max: "maximum",
    sympy.Min: "minimum",
}


class NumericFunction(sympy.Function):
    """A function of one variable with its own numerically careful array reading.

    Subclasses give `numeric` (the array reading), `fdiff` (the derivative) and `definition`
    (the same function in elementary terms, for proofs).
    """

    nargs = 1

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        raise NotImplementedError

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        raise NotImplementedError

    def _eval_evalf(self, prec: int) -> Any:
        argument: Any = self.args[0]
        return self.definition(argument)._eval_evalf(prec)


@lru_cache(maxsize=256)
def _shared(expressions: tuple[sympy.Expr, ...], in_range: bool) -> tuple[list, list]:
    """Common subexpressions pulled out, in an order that depends on the expressions only."""
    names = sympy.numbered_symbols("_shared")
    given = of_one_kind(expressions) if in_range else list(expressions)
    replacements, reduced = sympy.cse(given, symbols=names)
    return list(replacements), list(reduced)


def evaluate(
    expressions: Sequence[sympy.Expr],
    values: Mapping[sympy.Symbol, Any],
    xp: Any,
    *,
    in_range: bool = False,
) -> list[Any]:
    """The expressions at the given values of their symbols, computed with the namespace `xp`.

    Args:
        expressions: what is computed.
        values: of every symbol, numbers or arrays that broadcast against each other.
        xp: `numpy` or `jax.numpy`.
        in_range: whether what is finite shall be found although parts of it overflow or underflow
            (ranges.py). It costs some operations where that can happen, and nothing elsewhere.

    Raises:
        TypeError: for a symbol without a value or a function that is not known here.
    """
    replacements, reduced = _shared(tuple(map(sympy.sympify, expressions)), in_range)
    reading = Reading(dict(replacements), values, xp, in_range)
    return [reading.plain(expression) for expression in reduced]


class Reading:
    """One reading of expressions that share parts.

    Arguments:
        shared: what the symbols of shared parts stand for.
        values: the values of the other symbols.
        xp: `numpy` or `jax.numpy`.
        in_range: see `evaluate`.
    """

    def __init__(
        self, shared: Mapping[sympy.Symbol, Any], values: Mapping[sympy.Symbol, Any], xp: Any,
        in_range: bool,
    ) -> None:  # fmt: skip
        self._shared, self._values, self._xp = shared, values, xp
        self._known: dict[Any, Any] = {}
        self._wide_known: dict[Any, Wide] = {}
        self._ranges = Ranges(shared) if in_range else None
        if in_range:
            self._arithmetic = WideArithmetic(xp, xp.result_type(float, *values.values()))

    # -- as ordinary numbers -------------------------------------------------------------------

    def plain(self, e: Any) -> Any:
        """The value as an ordinary number or array."""
        if e in self._known:
            return self._known[e]
        found = self._arithmetic.narrow(self._wide(e)) if self._leaves(e) else self._plain(e)
        self._known[e] = found
        return found

    def _plain(self, e: Any) -> Any:
        if isinstance(e, sympy.Symbol):
            return self._symbol(e)
        if isinstance(e, (sympy.Number, sympy.NumberSymbol)):
            return float(e)
        if isinstance(e, sympy.Add):
            return reduce(lambda a, b: a + b, map(self.plain, e.args))
        if isinstance(e, sympy.Mul):
            return self._product(e)
        if isinstance(e, sympy.Pow):
            return self._power(self.plain(e.base), e.exp)
        if isinstance(e, NumericFunction):
            return e.numeric(self._xp, self.plain(e.args[0]))
        if type(e) in _FUNCTIONS:
            if self._ranges is not None and e.func is sympy.log and self._ranges.wide(e.args[0]):
                return self._log(e.args[0])
            function = getattr(self._xp, _FUNCTIONS[type(e)])
            arguments = [self.plain(a) for a in e.args]
            return function(*arguments) if len(arguments) == 1 else reduce(function, arguments)
        raise TypeError(f"{type(e).__name__} has no array reading here: {e}")

    def _symbol(self, e: sympy.Symbol) -> Any:
        if e in self._shared:
            return self.plain(self._shared[e])
        if e not in self._values:
            given = sorted(map(str, self._values))
            raise TypeError(f"no value given for the symbol {e}; given: {given}")
        return self._values[e]

    def _product(self, e: sympy.Mul) -> Any:
        """One multiplication chain over one division, so that a/b is a single rounding."""
        over = [self.plain(a) for a in e.args if not is_divisor(a)]
        under = [
            self.plain(1 / a) if self._leaves(1 / a) else self._power(self.plain(a.base), -a.exp)
            for a in e.args
            if isinstance(a, sympy.Pow) and is_divisor(a)
        ]
        numerator = reduce(lambda a, b: a * b, over, 1.0) if len(over) != 1 else over[0]
        return numerator / reduce(lambda a, b: a * b, under) if under else numerator

    def _power(self, base: Any, exponent: Any) -> Any:
        if exponent.is_Integer:
            n = int(exponent)
            return _integer_power(base, n) if n >= 0 else 1.0 / _integer_power(base, -n)
        if exponent.is_Rational and exponent.q == 2:
            root = self._xp.sqrt(base)
            n = int(exponent.p)
            return _integer_power(root, n) if n >= 0 else 1.0 / _integer_power(root, -n)
        return base ** self.plain(exponent)

    def _log(self, inside: Any) -> Any:
        """The logarithm of what may be out of range, and of 1 + something, which may be small."""
        inside = self._shared.get(inside, inside)
        if isinstance(inside, sympy.Add) and sympy.S.One in inside.args:
            rest = [self._wide(a) for a in inside.args if a != 1]
            return self._arithmetic.log_of_one_more(self._arithmetic.total(rest))
        return self._arithmetic.log(self._wide(inside))

    def _leaves(self, e: Any) -> bool:
        return self._ranges is not None and self._ranges.leaves(e)

    # -- as wide numbers -----------------------------------------------------------------------

    def _wide(self, e: Any) -> Wide:
        if e not in self._wide_known:
            self._wide_known[e] = self._widened(e)
        return self._wide_known[e]

    def _widened(self, e: Any) -> Wide:
        assert self._ranges is not None
        arithmetic = self._arithmetic
        if e in self._shared:
            return self._wide(self._shared[e])
        if not (self._ranges.wide(e) or self._ranges.leaves(e)):
            return arithmetic.wide(self.plain(e))
        if isinstance(e, sympy.Add):
            return arithmetic.total([self._wide(a) for a in e.args])
        if isinstance(e, sympy.Mul):
            # Exponentials first: among exponents beyond 1/ε, those of the rest would be lost.
            first = [a for a in e.args if self._ranges.exponential(a)]
            rest = [a for a in e.args if not self._ranges.exponential(a)]
            return arithmetic.product([self._quotient(part) for part in (first, rest) if part])
        if isinstance(e, sympy.Pow) and e.exp.is_Rational:
            exponent: Any = e.exp
            p, q = int(exponent.p), int(exponent.q)
            base = self._wide(e.base)
            power = arithmetic.power(arithmetic.root_of(base, q) if q != 1 else base, abs(p))
            return power if p > 0 else arithmetic.quotient(Wide(1.0, 0.0), power)
        if e.func in GROWING:
            return getattr(arithmetic, _FUNCTIONS[e.func])(self.plain(e.args[0]))
        return arithmetic.wide(self._plain(e))

    def _quotient(self, factors: Sequence[Any]) -> Wide:
        written = [self._shared.get(a, a) for a in factors]
        over = [self._wide(a) for a in written if not is_divisor(a)]
        under = [self._wide(1 / a) for a in written if is_divisor(a)]
        numerator = self._arithmetic.product(over) if over else Wide(1.0, 0.0)
        if not under:
            return numerator
        return self._arithmetic.quotient(numerator, self._arithmetic.product(under))


def _integer_power(base: Any, n: int) -> Any:
    """base^n by repeated squaring: the same multiplications in every namespace."""
    if n == 0:
        return base * 0.0 + 1.0
    result = None
    while n:
        if n & 1:
            result = base if result is None else result * base
        n >>= 1
        if n:
            base = base * base
    return result
