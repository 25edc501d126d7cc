"""What the tree of a formula means: a SymPy expression, and numbers with their derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from landscapes.checks import Real
from landscapes.expressions.functions import LogCosh
from landscapes.expressions.moduli import Kinked, with_moduli
from landscapes.formula.parser import HIGHEST_DEGREE, Node
from landscapes.formula.text import FormulaError, short

_CONSTANTS: dict[str, tuple[Any, float]] = {"pi": (sympy.pi, np.pi), "e": (sympy.E, np.e)}
_FUNCTIONS: dict[str, Any] = {
    name: getattr(sympy, name)
    for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan")
}
# Each function and its derivative in NumPy, written out by hand.
_NUMERIC: dict[str, tuple[Any, Any]] = {
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda s: 1 / s),
    "sqrt": (np.sqrt, lambda s: 1 / (2 * np.sqrt(s))),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda s: -np.sin(s)),
    "tan": (np.tan, lambda s: 1 / np.cos(s) ** 2),
    "sinh": (np.sinh, np.cosh),
    "cosh": (np.cosh, np.sinh),
    "tanh": (np.tanh, lambda s: 1 - np.tanh(s) ** 2),
    "atan": (np.arctan, lambda s: 1 / (1 + s * s)),
}


def rational(value: Fraction) -> Any:
    return sympy.Rational(value.numerator, value.denominator)


def symbolic(node: Node, symbols: Mapping[str, sympy.Symbol]) -> Any:
    """The tree as a SymPy expression, built node by node."""
    args = [symbolic(a, symbols) for a in node.args]
    match node.kind:
        case "number":
            return rational(_exact(node))
        case "constant":
            return _CONSTANTS[str(node.value)][0]
        case "name":
            return symbols[str(node.value)]
        case "sum":
            return sympy.Add(*args)
        case "product":
            return sympy.Mul(*args)
        case "negative":
            return sympy.Mul(-1, args[0])
        case "reciprocal":
            return sympy.Pow(args[0], -1)
        case "power":
            return sympy.Pow(args[0], rational(_exact(node)))
    inner = node.args[0]
    if node.value == "log" and inner.kind == "call" and inner.value == "cosh":
        argument = symbolic(inner.args[0], symbols)
        if argument.free_symbols:
            return LogCosh(argument)  # without the overflow of cosh
    return _FUNCTIONS[str(node.value)](args[0])


def _exact(node: Node) -> Fraction:
    assert isinstance(node.value, Fraction)
    return node.value


def dual(node: Node, values: Mapping[str, float], order: tuple[str, ...]) -> tuple[Any, Real]:
    """The value of the tree and its gradient in the names `order`, shape `(dim,)`.

    Forward differentiation in plain NumPy, which shares nothing with SymPy's or JAX's.
    """
    parts = [dual(a, values, order) for a in node.args]
    zero = np.zeros(len(order))
    match node.kind:
        case "number":
            return np.float64(float(_exact(node))), zero
        case "constant":
            return np.float64(_CONSTANTS[str(node.value)][1]), zero
        case "name":
            name = str(node.value)
            return np.float64(values[name]), np.array([float(name == other) for other in order])
        case "sum":
            return sum(v for v, _ in parts), sum((d for _, d in parts), zero)
        case "negative":
            return -parts[0][0], -parts[0][1]
        case "product":
            total, slope = parts[0]
            for value, derivative in parts[1:]:
                total, slope = total * value, slope * value + total * derivative
            return total, slope
        case "reciprocal":
            value, derivative = parts[0]
            return 1 / value, -derivative / value**2
        case "power":
            (value, derivative), n = parts[0], float(_exact(node))
            if n == 0:
                return value * 0 + 1, zero
            return value**n, n * value ** (n - 1) * derivative
    function, slope = _NUMERIC[str(node.value)]
    value, derivative = parts[0]
    return function(value), slope(value) * derivative


def refuse_bad_constants(text: str, tree: Node, parameters: Mapping[str, float]) -> None:
    """Refuses parts without coordinates that are no finite real number, such as log(-1) or 1/0."""

    def visit(node: Node) -> Any:
        """The node's value if it is a constant, None if it is not."""
        if node.kind == "name" and str(node.value) not in parameters:
            return None
        values = [visit(a) for a in node.args]
        if any(v is None for v in values):
            return None
        value = dual(node, parameters, ())[0] if not node.args else _of(node, values)
        if not np.isfinite(value):
            found = "this part is no finite real number"
            raise FormulaError(text, node.start, found, "every constant must be one")
        return value

    with np.errstate(all="ignore"):
        visit(tree)


def _of(node: Node, values: list[Any]) -> Any:
    """The value of a node whose parts have these values."""
    leaves = tuple(Node("name", str(i), (), 0) for i in range(len(values)))
    here = Node(node.kind, node.value, leaves, node.start)
    return dual(here, {str(i): v for i, v in enumerate(values)}, ())[0]


def refuse_unsmooth(text: str, expression: sympy.Expr) -> None:
    """Refuses what SymPy has found to be no twice differentiable real function."""
    if expression.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I):
        found = "some part of it is no finite real number"
        raise FormulaError(text, 0, found, "every constant must be one")
    for power in expression.atoms(sympy.Pow):
        exponent = power.exp
        if not exponent.is_Rational or abs(exponent) > HIGHEST_DEGREE:
            found = f"it holds a power with the exponent {str(exponent)[:40]}"
            remedy = f"exponents are rational numbers, at most {HIGHEST_DEGREE} after all is done"
            raise FormulaError(text, 0, found, remedy)


def without_hidden_kinks(
    text: str, expression: sympy.Expr, point: tuple[sympy.Symbol, ...]
) -> sympy.Expr:
    """The expression with its absolute values in the open; refuses those that have no Hessian."""
    try:
        return with_moduli(expression, point)
    except Kinked as why:
        found = f"it holds {short(str(why), 60)}"
        raise FormulaError(text, 0, found, "a loss must have a Hessian everywhere") from None
