"""Absolute values that hide in roots: √(x² − 2x + 1) is |x − 1|.

Above the second power an absolute value has a Hessian everywhere, and is written so that its
derivatives are numbers; otherwise it has a kink, a cusp or an infinite curvature on a surface.
"""

from __future__ import annotations

from typing import Any

import sympy

from landscapes.expressions.functions import Modulus, Signum

_MOST_OPERATIONS = 120  # of a radicand that is factored
_HIGHEST = 24  # degree of one


class Kinked(Exception):
    """Somewhere in the expression is a power of |s| without a Hessian at s = 0."""

    def __init__(self, written: Any, size: Any, power: Any) -> None:
        self.written, self.size, self.power = written, size, power
        super().__init__(f"{written}, which is |{size}|" + ("" if power == 1 else f"**{power}"))


def with_moduli(expression: Any, point: tuple[sympy.Symbol, ...]) -> Any:
    """The expression with each |s|ⁿ, n > 2, as a power of `Modulus(s)`, hidden ones included.

    Raises `Kinked` for other powers of absolute values.
    """
    hidden = {
        power: _revealed(power)
        for power in expression.atoms(sympy.Pow)
        if not power.exp.is_Integer and power.exp.is_Rational and power.base.has(*point)
    }
    changed = {old: new for old, new in hidden.items() if new is not None and new != old}
    expression = expression.xreplace(changed)
    expression = expression.replace(
        lambda e: isinstance(e, sympy.Abs) and e.has(*point), lambda e: Modulus(e.args[0])
    )
    expression = expression.replace(lambda e: e.is_Mul and e.has(Modulus), _joined)
    _check(expression, changed, point)
    return expression


def _joined(product: Any) -> Any:
    """A product with s^n |s|^p as one power of |s|, and the sign of s if n is odd."""
    powers = [f.as_base_exp() for f in product.args]
    for size, p in powers:
        if not isinstance(size, Modulus):
            continue
        inner = size.args[0]
        n = sum((k for base, k in powers if base == inner and k.is_Integer), sympy.S.Zero)
        if n > 0:
            rest = [base**k for base, k in powers if base not in (inner, size)]
            sign = Signum(inner) if n % 2 else sympy.S.One
            return _joined(sympy.Mul(size ** (p + n), *rest)) * sign
    return product


def _check(expression: Any, changed: dict[Any, Any], point: tuple[sympy.Symbol, ...]) -> None:
    """Refuses every |s| that does not stand in a power above the second, or below 0."""
    left = expression.replace(
        lambda e: e.is_Pow and isinstance(e.base, Modulus) and (e.exp > 2 or e.exp < 0),
        lambda e: sympy.Dummy(real=True),
    )
    for one in left.atoms(Modulus):
        powers = [p for p in left.atoms(sympy.Pow) if p.base == one]
        power = powers[0].exp if powers else sympy.S.One
        written = next((old for old, new in changed.items() if new.has(one)), None)
        root = f"a root of {sympy.Pow(one.args[0], 2, evaluate=False)}"
        raise Kinked(written or root, one.args[0], power)
    for sign in left.atoms(sympy.sign):
        if sign.has(*point):
            raise Kinked(sign, sign.args[0], 0)


def _revealed(power: Any) -> Any:
    """A root of a polynomial with its repeated factors taken out; None where that is too much."""
    base, exponent = power.base, power.exp
    if base.count_ops() > _MOST_OPERATIONS or _degree(base) > _HIGHEST:
        return None
    try:
        found: Any = sympy.factor_list(base)
    except (sympy.PolynomialError, sympy.CoercionFailed, NotImplementedError):
        return None
    content, factors = found
    if not any(times > 1 for _, times in factors):
        return None
    # With one factor of odd power, its sign is that of the radicand, which is not negative.
    outside, inside = sympy.S.One, content
    for factor, times in factors:
        even = times - times % 2
        inside *= factor ** (times % 2)
        n = even * exponent
        if even == 0:
            continue
        if n.is_Integer and n % 2 == 0:
            outside *= factor ** int(n)
        elif factor.is_nonnegative:
            outside *= factor**n
        else:
            outside *= Modulus(factor) ** n
    return outside * inside**exponent


def _degree(e: Any) -> int:
    if e.is_Add:
        return max(map(_degree, e.args))
    if e.is_Mul:
        return sum(map(_degree, e.args))
    if e.is_Pow and e.exp.is_Integer and e.exp > 0:
        return _degree(e.base) * int(e.exp)
    return 1 if e.free_symbols else 0
