"""The symbols of all claims, one meaning each.

They are declared real and nothing more: that a learning rate is positive is a hypothesis of a
claim, visible in it and handed to z3, not an assumption hidden in a symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy


def _real(names: str) -> Any:
    return sympy.symbols(names, real=True)


eta, rho, beta, alpha = _real("eta rho beta alpha")
h: sympy.Symbol = _real("h")  #: ηβ, or ηλ₁ on a quadratic
curvature: sympy.Symbol = _real("lambda")  #: an eigenvalue λ of the Hessian
ratio: sympy.Symbol = _real("r")  #: λⱼ/λᵢ of two eigenvalues
w, x, y, t = _real("w x y t")
excess, next_excess = _real("E E_next")  #: L(w) − inf L, at w and w⁺
first_excess, later_excess = _real("E_0 E_t")  #: L(w) − inf L, at w₀ and w_t
loss, next_loss = _real("L L_next")  #: L(w) and L(w⁺)
gradient_norm: sympy.Symbol = _real("G")  #: ‖∇L(w)‖


def with_positive(symbols: Iterable[sympy.Symbol], work: Callable[..., Any]) -> Any:
    """`work(*positives)`, each symbol standing in as a positive one, put back in the result.

    SymPy needs to know signs to take roots; the symbols of a claim carry none.
    """
    symbols = tuple(symbols)
    positives = [sympy.Dummy(s.name, positive=True) for s in symbols]
    back = dict(zip(positives, symbols, strict=True))
    result = work(*positives)
    if isinstance(result, (list, tuple)):
        return type(result)(sympy.sympify(r).xreplace(back) for r in result)
    return sympy.sympify(result).xreplace(back)


def assuming_positive(expression: sympy.Expr, symbols: Iterable[sympy.Symbol]) -> sympy.Expr:
    """The expression, simplified with the given symbols taken to be positive."""
    symbols = tuple(symbols)
    return with_positive(
        symbols,
        lambda *p: sympy.simplify(expression.xreplace(dict(zip(symbols, p, strict=True)))),
    )
