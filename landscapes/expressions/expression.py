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

# What each SymPy function is called in the array namespaces (NumPy and jax.numpy agree).
_FUNCTIONS: dict[type, str] = {
    sympy.Abs: "abs",
    sympy.atan: "arctan",
    sympy.cos: "cos",
    sympy.cosh: "cosh",
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
def _shared(expressions: tuple[sympy.Expr, ...]) -> tuple[list, list]:
    """Common subexpressions pulled out, in an order that depends on the expressions only."""
    names = sympy.numbered_symbols("_shared")
    replacements, reduced = sympy.cse(expressions, symbols=names)
    return list(replacements), list(reduced)


def evaluate(
    expressions: Sequence[sympy.Expr], values: Mapping[sympy.Symbol, Any], xp: Any
) -> list[Any]:
    """The expressions at the given values of their symbols, computed with the namespace `xp`.

    `values` may hold arrays that broadcast against each other; `xp` is `numpy` or `jax.numpy`.
    Raises `TypeError` for a symbol without a value or a function that is not known here.
    """
    known = dict(values)
    replacements, reduced = _shared(tuple(sympy.sympify(e) for e in expressions))
    for symbol, expression in replacements:
        known[symbol] = _walk(expression, known, xp)
    return [_walk(expression, known, xp) for expression in reduced]


def _walk(e: Any, known: Mapping[sympy.Symbol, Any], xp: Any) -> Any:
    if isinstance(e, sympy.Symbol):
        if e not in known:
            raise TypeError(f"no value given for the symbol {e}; given: {sorted(map(str, known))}")
        return known[e]
    if isinstance(e, (sympy.Number, sympy.NumberSymbol)):
        return float(e)
    if isinstance(e, sympy.Add):
        return reduce(lambda a, b: a + b, (_walk(a, known, xp) for a in e.args))
    if isinstance(e, sympy.Mul):
        return _product(e, known, xp)
    if isinstance(e, sympy.Pow):
        return _power(_walk(e.base, known, xp), e.exp, known, xp)
    if isinstance(e, NumericFunction):
        return e.numeric(xp, _walk(e.args[0], known, xp))
    if type(e) in _FUNCTIONS:
        function = getattr(xp, _FUNCTIONS[type(e)])
        arguments = [_walk(a, known, xp) for a in e.args]
        return function(*arguments) if len(arguments) == 1 else reduce(function, arguments)
    raise TypeError(f"{type(e).__name__} has no array reading here: {e}")


def _product(e: sympy.Mul, known: Mapping[sympy.Symbol, Any], xp: Any) -> Any:
    """One multiplication chain over one division, so that a/b is a single rounding."""

    def is_divisor(a: Any) -> bool:
        return isinstance(a, sympy.Pow) and bool(a.exp.is_negative)

    over = [_walk(a, known, xp) for a in e.args if not is_divisor(a)]
    under = [
        _power(_walk(a.base, known, xp), -a.exp, known, xp)
        for a in e.args
        if isinstance(a, sympy.Pow) and is_divisor(a)
    ]
    numerator = reduce(lambda a, b: a * b, over, 1.0) if len(over) != 1 else over[0]
    return numerator / reduce(lambda a, b: a * b, under) if under else numerator


def _power(base: Any, exponent: Any, known: Mapping[sympy.Symbol, Any], xp: Any) -> Any:
    if exponent.is_Integer:
        n = int(exponent)
        return _integer_power(base, n) if n >= 0 else 1.0 / _integer_power(base, -n)
    if exponent.is_Rational and exponent.q == 2:
        root = xp.sqrt(base)
        n = int(exponent.p)
        return _integer_power(root, n) if n >= 0 else 1.0 / _integer_power(root, -n)
    return base ** _walk(exponent, known, xp)


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
