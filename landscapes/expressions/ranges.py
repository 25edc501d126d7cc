"""Where a formula asks for numbers of a wide range: where parts overflow or underflow, and it not.

A polynomial may overflow honestly. A logarithm, a root, a quotient or a product may bring back into
range what has left it, and then the parts are computed as wide numbers (wide.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import ceil
from typing import Any

import sympy


class Exponential(sympy.Function):
    """eˢ, of which SymPy does not make another: (eˢ)² stays a square."""

    nargs = 1


#: The functions that overflow.
GROWING: tuple[Any, ...] = (sympy.exp, sympy.cosh, sympy.sinh, Exponential)
_BOUNDED: tuple[Any, ...] = (sympy.sin, sympy.cos, sympy.tanh, sympy.atan)
# From this growth on, a value may be out of range although the coordinates are not.
_MUCH = 2
_HIGHEST = 16  # power of one exponential that another one is written as


def is_divisor(a: Any) -> bool:
    """Whether a factor stands under the fraction bar."""
    return isinstance(a, sympy.Pow) and bool(a.exp.is_negative)


class Ranges:
    """What may leave the range of float64, in expressions that share parts.

    Arguments:
        shared: what the symbols of shared parts stand for.
    """

    def __init__(self, shared: Mapping[sympy.Symbol, Any]) -> None:
        self._shared = shared
        self._growths: dict[Any, int] = {}
        self._boundeds: dict[Any, bool] = {}
        self._leaving: dict[Any, bool] = {}

    def wide(self, e: Any) -> bool:
        """Whether the value may be out of range, so that it is worth a wide number."""
        return self._growth(e) >= _MUCH

    def leaves(self, e: Any) -> bool:
        """Whether parts may be out of range where the value itself is not."""
        if e not in self._leaving:
            self._leaving[e] = self._leaves(self._shared.get(e, e))
        return self._leaving[e]

    def _leaves(self, e: Any) -> bool:
        if isinstance(e, sympy.Pow):
            return not e.exp.is_Integer and e.exp.is_Rational and self.wide(e.base)
        if isinstance(e, sympy.Mul):
            moving = sum(self._growth(a) > 0 for a in e.args)
            return moving > 1 and any(map(self._shrinks, e.args))
        if isinstance(e, sympy.Add):
            # Infinities of opposite signs, and sums of what is wide already.
            growing = [a for a in e.args if self.exponential(a) and not self._divides(a)]
            signs = {a.could_extract_minus_sign() for a in growing}
            return len(signs) > 1 or sum(map(self.leaves, e.args)) > 1
        return False

    def exponential(self, e: Any) -> bool:
        """Whether an exponential is a factor or a term of it, or under its fraction bar."""
        e = self._shared.get(e, e)
        if isinstance(e, (sympy.Mul, sympy.Add)):
            return any(map(self.exponential, e.args))
        if isinstance(e, sympy.Pow):
            return self.exponential(e.base)
        return e.func in GROWING and self.wide(e)

    def _divides(self, e: Any) -> bool:
        e = self._shared.get(e, e)
        return any(map(self._divides, e.args)) if isinstance(e, sympy.Mul) else is_divisor(e)

    def _shrinks(self, e: Any) -> bool:
        """Whether a factor may be 0 in float64 where it is not."""
        return self.wide(e) and (self.exponential(e) or self._divides(e))

    def _growth(self, e: Any) -> int:
        """0 for a constant, 1 for what is about as large or small as a coordinate, 2 for more."""
        if e not in self._growths:
            self._growths[e] = min(self._growth_of(e), 100)
        return self._growths[e]

    def _growth_of(self, e: Any) -> int:
        if e in self._shared:
            return self._growth(self._shared[e])
        if isinstance(e, sympy.Symbol):
            return 1
        if not e.args:
            return 0
        if isinstance(e, sympy.Mul):
            return sum(map(self._growth, e.args))
        if isinstance(e, sympy.Pow) and e.exp.is_Rational:
            exponent: Any = e.exp
            return ceil(abs(Fraction(int(exponent.p), int(exponent.q))) * self._growth(e.base))
        if e.func in GROWING:
            return 0 if self._bounded(e.args[0]) else _MUCH
        if isinstance(e, sympy.log):
            return min(1, self._growth(e.args[0]))
        return max(map(self._growth, e.args))

    def _bounded(self, e: Any) -> bool:
        """Whether the value stays between two numbers, wherever the coordinates are."""
        if e not in self._boundeds:
            self._boundeds[e] = self._bounded_of(e)
        return self._boundeds[e]

    def _bounded_of(self, e: Any) -> bool:
        if e in self._shared:
            return self._bounded(self._shared[e])
        if e.func in _BOUNDED:
            return True
        if isinstance(e, sympy.Pow) and not e.exp.is_nonnegative:
            return False
        whole = isinstance(e, (sympy.Add, sympy.Mul, sympy.Pow, *GROWING)) or not e.args
        return whole and not isinstance(e, sympy.Symbol) and all(map(self._bounded, e.args))


# -- exponentials of the same thing -------------------------------------------------------------


def of_one_kind(expressions: Sequence[Any]) -> list[Any]:
    """The expressions, with e^{2s} as the square of eˢ and e^{s+t} as a product where eˢ occurs.

    Rounded one by one, eˢ and e^{2s} know nothing of each other where s is large, and
    eˢ/(1 + eˢ) − e^{2s}/(1 + eˢ)² would not be 0.
    """
    arguments = {e.args[0] for one in expressions for e in one.atoms(sympy.exp) if e.free_symbols}
    single = {a for a in arguments if not isinstance(a, sympy.Add)}
    names = {_unit(a)[1] for a in single}
    parts: dict[Any, list[tuple[Any, Any]]] = {}
    for a in arguments - single:
        terms = [_unit(t) for t in a.args if t.free_symbols]
        constant = sympy.Add(*(t for t in a.args if not t.free_symbols))
        together = all(unit in names for _, unit in terms)
        parts[a] = [*terms, (sympy.S.One, constant)] if together else [_unit(a)]
    parts |= {a: [_unit(a)] for a in single}
    steps = _common_steps(part for found in parts.values() for part in found)
    image: dict[Any, Any] = {}
    for a, found in parts.items():
        if any(unit in steps for _, unit in found):
            image[sympy.exp(a)] = sympy.Mul(*(_written(c, unit, steps) for c, unit in found))
    return [one.xreplace(image) for one in expressions] if image else list(expressions)


def _written(number: Any, unit: Any, steps: Mapping[Any, Any]) -> Any:
    """e^{number·unit}, as a power of the exponential that others of its kind are powers of."""
    if unit not in steps:
        return sympy.exp(number * unit)
    exponential: Any = Exponential(steps[unit] * unit)
    return exponential ** (number / steps[unit])


def _unit(a: Any) -> tuple[Any, Any]:
    """The argument as a rational number times the rest, whose first sign is plus."""
    number, rest = a.as_content_primitive() if isinstance(a, sympy.Add) else a.as_coeff_Mul()
    if not number.is_Rational:
        number, rest = sympy.S.One, a
    return (-number, -rest) if rest.could_extract_minus_sign() else (number, rest)


def _common_steps(parts: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Of each rest with several numbers, the largest of which all are small multiples."""
    numbers: dict[Any, set[Any]] = {}
    for number, rest in parts:
        if rest.free_symbols:
            numbers.setdefault(rest, set()).add(number)
    steps = {rest: reduce(sympy.gcd, several) for rest, several in numbers.items()}
    return {
        rest: step
        for rest, step in steps.items()
        if len(numbers[rest]) > 1 and all(abs(n / step) <= _HIGHEST for n in numbers[rest])
    }
