"""Functions that losses are made of and that ask for care when they are computed.

Each is a SymPy function with an array reading that keeps its digits: no overflow on the way, no
cancellation near 0. Their derivatives are such functions again, or elementary.
"""

from __future__ import annotations

from functools import cache
from math import gamma
from typing import Any, ClassVar

import numpy as np
import sympy

from landscapes.expressions.expression import NumericFunction

# Each series below is one in z ≤ ½ with coefficients that grow like a power of their index at
# most: what 72 terms leave out is below 2⁻⁶⁰, also of its first two derivatives.
_TERMS = 72


class LogCosh(NumericFunction):
    """log cosh s, without the overflow of cosh."""

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        return sympy.log(sympy.cosh(s))

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        # log cosh s = |s| + log1p(e^{-2|s|}) − log 2 loses all digits for small s; there
        # cosh s − 1 = 2 sinh²(s/2) is exact, and 0.5 is where both lose the least.
        small = xp.abs(s) < 0.5
        half = xp.sinh(xp.where(small, s, 0.0) / 2)
        large = xp.abs(s)
        return xp.where(
            small, xp.log1p(2 * half * half), large + xp.log1p(xp.exp(-2 * large)) - np.log(2.0)
        )

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.tanh(self.args[0])


class SqrtLink(NumericFunction):
    """√(1 + s²) − 1, without the cancellation at small s."""

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        return sympy.sqrt(1 + s**2) - 1

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        return s * s / (1 + xp.sqrt(1 + s * s))

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        s: Any = self.args[0]
        return s / sympy.sqrt(1 + s**2)


class Softplus(NumericFunction):
    """log(1 + eˢ), without the overflow of eˢ."""

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        return sympy.log(1 + sympy.exp(s))

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        return xp.logaddexp(s, 0.0)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return (1 + sympy.tanh(self.args[0] / 2)) / 2  # pyright: ignore[reportOperatorIssue]


class Relu(NumericFunction):
    """max(s, 0), with the derivative 0 at s = 0."""

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        return (s + sympy.Abs(s)) / 2

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        # Not `maximum`, to which JAX gives the derivative ½ at 0.
        return xp.where(s > 0, s, 0.0)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        step: Any = Step(self.args[0])
        return step


class Step(NumericFunction):
    """1 where s > 0 and 0 elsewhere, s = 0 included; its derivative is 0 everywhere."""

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        return sympy.Piecewise((1, s > 0), (0, True))

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        return xp.where(s > 0, 1.0, 0.0)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.S.Zero


class Modulus(NumericFunction):
    """|s|, for powers above the second: they have a Hessian at s = 0, with |s|ʹ = sign s."""

    @classmethod
    def eval(cls, s: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return abs(s) if s.is_Rational else None

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        size: Any = sympy.Abs(s)  # pyright: ignore[reportCallIssue]
        return size

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        return xp.abs(s)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        sign: Any = Signum(self.args[0])
        return sign


class Signum(NumericFunction):
    """The sign of s, 0 at s = 0, with the derivative 0 everywhere: a factor of powers of |s|."""

    @classmethod
    def eval(cls, s: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return sympy.sign(s) if s.is_Rational else None

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        sign: Any = sympy.sign(s)
        return sign

    @staticmethod
    def numeric(xp: Any, s: Any) -> Any:
        return xp.sign(s)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.S.Zero

    def _eval_power(self, expt: Any) -> Any:
        # At s = 0 this is one only because a positive power of |s| stands beside it.
        if expt.is_Integer and expt > 0:
            return self if expt % 2 else sympy.S.One
        return None


# -- the links with the slope s/(1 + |s|^b)^{1/b} --------------------------------------------------


class _OfExponent(NumericFunction):
    """A function that belongs to an exponent b, which is an attribute of the class."""

    exponent: ClassVar[float]

    @staticmethod
    def definition(s: sympy.Expr) -> sympy.Expr:
        raise NotImplementedError("it is a class of each exponent that is used")

    @classmethod
    def inner(cls, xp: Any, s: Any) -> tuple[Any, Any, Any]:
        """Whether |s| ≤ 1, then |s| or 1/|s|, whichever is at most 1, and its power b."""
        size = xp.abs(s)
        inside = size <= 1
        ratio = xp.where(inside, size, 1 / xp.where(inside, 1.0, size))
        return inside, ratio, ratio**cls.exponent


class _PowerLink(_OfExponent):
    """ℓ(s) = ∫₀ˢ t/(1 + |t|^b)^{1/b} dt.

    That is (s²/2) ₂F₁(1/b, 2/b; 1 + 2/b; −|s|^b), elementary (Chebyshev) for no b > 1 but 2. With
    z = |s|^b/(1 + |s|^b), Pfaff's transformation makes it (s²/2)(1 + |s|^b)^{−1/b} F(z),
    F(z) = Σ (1/b)ₖ/(1 + 2/b)ₖ zᵏ, a fast series for |s| ≤ 1; beyond, the connection to 1 − z gives
    |s|(1 + |s|^{−b})^{−1/b} Σ (1/b)ₖ/(1 − 1/b)ₖ (1 − z)ᵏ − C with a constant
    C = Γ(1 + 2/b)Γ(1 − 1/b)/(2Γ(1 + 1/b)).
    """

    @classmethod
    def numeric(cls, xp: Any, s: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        b = cls.exponent
        inside, ratio, power = cls.inner(xp, s)
        z = power / (1 + power)
        near, far = _ratios(1 / b, 1 + 2 / b), _ratios(1 / b, 1 - 1 / b)
        total = xp.zeros_like(z)
        for of_near, of_far in zip(reversed(near), reversed(far), strict=True):
            total = total * z + xp.where(inside, of_near, of_far)
        total = total * (1 + power) ** (-1 / b)
        shift = gamma(1 + 2 / b) * gamma(1 - 1 / b) / (2 * gamma(1 + 1 / b))
        factor = xp.where(inside, ratio * ratio / 2, xp.abs(s))
        return factor * total - xp.where(inside, 0.0, shift)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return power_links(self.exponent)[1](self.args[0])


class _PowerSlope(_OfExponent):
    """ℓ′(s) = s/(1 + |s|^b)^{1/b}."""

    @classmethod
    def numeric(cls, xp: Any, s: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        inside, _, power = cls.inner(xp, s)
        return xp.where(inside, s, xp.sign(s)) * (1 + power) ** (-1 / cls.exponent)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return power_links(self.exponent)[2](self.args[0])


class _PowerCurvature(_OfExponent):
    """ℓ″(s) = (1 + |s|^b)^{−1−1/b}."""

    @classmethod
    def numeric(cls, xp: Any, s: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        b = cls.exponent
        inside, ratio, power = cls.inner(xp, s)
        return xp.where(inside, 1.0, ratio * power) * (1 + power) ** (-1 - 1 / b)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        b, s = sympy.nsimplify(self.exponent), self.args[0]
        size: Any = sympy.Abs(s)  # pyright: ignore[reportCallIssue]
        return -(b + 1) * sympy.sign(s) * size ** (b - 1) * (1 + size**b) ** (-2 - 1 / b)


@cache
def power_links(exponent: float) -> tuple[Any, Any, Any]:
    """ℓ, ℓ′ and ℓ″ for b = `exponent` > 1, ℓ(0) = 0: one SymPy function each, always the same."""
    b = sympy.nsimplify(exponent)

    def definitions(s: Any) -> tuple[Any, ...]:
        power = sympy.Abs(s) ** b
        series = sympy.hyper((1 / b, 2 / b), (1 + 2 / b,), -power)
        return s**2 / 2 * series, s * (1 + power) ** (-1 / b), (1 + power) ** (-1 - 1 / b)

    def of(which: int, base: type) -> type:
        members = {
            "exponent": exponent,
            "definition": staticmethod(lambda s: definitions(s)[which]),
        }
        return type(f"{base.__name__.lstrip('_')}[{exponent:g}]", (base,), members)

    return of(0, _PowerLink), of(1, _PowerSlope), of(2, _PowerCurvature)


def _ratios(a: float, c: float) -> list[float]:
    """(a)ₖ/(c)ₖ, k = 0, 1, …: the coefficients of ₂F₁(a, 1; c; z)."""
    found = [1.0]
    for k in range(_TERMS - 1):
        found.append(found[-1] * (a + k) / (c + k))
    return found
