"""Landscapes given as text, as on a command line: names, calls and formulas; read, not evaluated.

Calls are Python's, of what is named here and with literal arguments: `Quadratic((9, 1/3))`.
"""

from __future__ import annotations

import ast
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

from landscapes.checks import shown
from landscapes.console import nearest
from landscapes.formula.formula import Formula
from landscapes.landscape import LANDSCAPES, Landscape

#: Longer texts are refused before they are read.
MOST_CHARACTERS = 100_000
_OPERATIONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def read_landscape(text: str) -> Landscape:
    """The landscape that a text names.

    A registered name (`Saddle`: without arguments, or its first example), a call of one or of its
    constructors with literal arguments (`LinearNeuron("sqrt")`), or else a formula
    (`x^4/4 - x*y + y^2/2`). Raises `ValueError` for a name that is not known, and for what the
    landscape or the formula's parser refuses.
    """
    text = text.strip()
    if text in LANDSCAPES:
        try:
            return LANDSCAPES[text]()
        except (TypeError, ValueError):  # it has arguments without a default
            return LANDSCAPES[text].examples()[0]
    if text.isidentifier():
        raise ValueError(f"unknown landscape {text!r}{nearest(text, LANDSCAPES)}")
    call = parsed_call(text)
    name = "" if call is None else called(call).partition(".")[0]
    if call is None or not (name in LANDSCAPES or name[:1].isupper()):
        return Formula(text)
    if name not in LANDSCAPES:
        raise ValueError(f"unknown landscape {name!r}{nearest(name, LANDSCAPES)}")
    made = evaluated(call, text, "a landscape", LANDSCAPES, _constructors)
    if not isinstance(made, Landscape):
        raise ValueError(f"cannot make a landscape of {shown(text)}: it gives {shown(made)}")
    return made


def _constructors(cls: Any, name: str) -> bool:
    return name != "examples" and inspect.ismethod(getattr(cls, name, None))


def parsed_call(text: str) -> ast.Call | None:
    """The text as a call of a name or of a name's method; None if it is something else."""
    if len(text) > MOST_CHARACTERS:
        return None
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return call if isinstance(call, ast.Call) and called(call) else None


def called(call: ast.Call) -> str:
    """What is called, as `name` or `name.method`; empty if it is something else."""
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{function.value.id}.{function.attr}"
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
        inner = called(function.value)
        return inner and f"{inner}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def evaluated(
    call: ast.Call,
    text: str,
    what: str,
    names: Mapping[str, Any],
    has_method: Callable[[Any, str], bool],
) -> Any:
    """What a call of these names makes, its arguments being literals or calls of the like.

    `has_method` says which methods of an object may be called. Raises `ValueError` that begins
    with "cannot make {what} of" the text.
    """
    try:
        return _value(call, names, has_method)
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        known = names.get(called(call))
        hint = f"; write {called(call)}{_bare(known)}" if isinstance(error, TypeError) else ""
        raise ValueError(f"cannot make {what} of {shown(text)}: {error}{hint}") from None


def _bare(function: Any) -> str:
    """The arguments of a function and their defaults, without types."""
    if not callable(function):
        return "(…)"
    signature = inspect.signature(function)
    bare = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def _value(node: ast.expr, names: Mapping[str, Any], has_method: Callable[[Any, str], bool]) -> Any:
    def of(inner: ast.expr) -> Any:
        return _value(inner, names, has_method)

    if isinstance(node, ast.Name):
        if node.id not in names:
            raise ValueError(f"unknown name {node.id!r}{nearest(node.id, names)}")
        return names[node.id]
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            owner, method = of(node.func.value), node.func.attr
            if method.startswith("_") or not has_method(owner, method):
                raise ValueError(f"{ast.unparse(node.func)} cannot be called here")
            function = getattr(owner, method)
        else:
            function = of(node.func)
        if not callable(function) or any(keyword.arg is None for keyword in node.keywords):
            raise ValueError(f"{ast.unparse(node)} is no call that is read here")
        named = {str(keyword.arg): of(keyword.value) for keyword in node.keywords}
        return function(*map(of, node.args), **named)
    if isinstance(node, (ast.Tuple, ast.List)):
        values = [of(entry) for entry in node.elts]
        return tuple(values) if isinstance(node, ast.Tuple) else values
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        sides = of(node.left), of(node.right)
        if all(isinstance(side, (int, float)) for side in sides):
            return _OPERATIONS[type(node.op)](*sides)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        raise ValueError(f"{ast.unparse(node)} is no number, text or list of these") from None
