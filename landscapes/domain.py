"""Where a loss is undefined: the operations of its formula that are given what they do not take.

The logarithm of a negative number, the square root of one, a division by zero: read off the
traced loss and gradient, operation by operation, because the numbers alone do not tell. What
overflows is too large for float64, not undefined, and 1/x from −1 to 1 never shows that 0 lay
between. A value that was computed from such an operation is undefined; of a selection, only if
the value selected is.

Loops inside a loss are not looked into: what one makes of defined inputs counts as defined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from landscapes.landscape import Components, Landscape

_INFINITY = float("inf")
_CALLS = ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call")


class _Value(NamedTuple):
    """A value, and what is known of it.

    Attributes:
        undefined: where it is undefined, as an array of its shape; None: nowhere.
        low, high: numbers that it lies between.
        fixed: whether it is made of parameters alone, which their constructor has checked.
        multiple: the value that it is a multiple of, and the sign of the factor.
    """

    value: Any
    undefined: Any = None
    low: float = -_INFINITY
    high: float = _INFINITY
    fixed: bool = False
    multiple: tuple[Any, int] | None = None


def undefined_at(landscape: Landscape, components: Components) -> Any:
    """Whether the loss or its gradient is undefined at one point: a traced bool.

    None where it is defined everywhere as far as the operations tell, whatever the parameters.
    """
    leaves, structure = jax.tree.flatten(landscape)
    shapes = tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
    if _is_defined_everywhere(structure, shapes):
        return None
    return _undefined_at(landscape, components)


@jax.jit  # so that it is read once for a landscape, however often a step asks
def _undefined_at(landscape: Landscape, components: Components) -> Any:
    return undefined_of(landscape._loss_and_gradient_of, components)


@lru_cache(maxsize=1024)
def _is_defined_everywhere(structure: Any, shapes: Any) -> bool:
    found: list[bool] = []

    def look(leaves: Any, components: Components) -> None:
        landscape = jax.tree.unflatten(structure, leaves)
        found.append(undefined_of(landscape._loss_and_gradient_of, components) is None)

    landscape = jax.tree.unflatten(structure, [np.zeros(s, t) for s, t in shapes])
    leaves = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes]
    point = tuple(jax.ShapeDtypeStruct(s, np.float64) for s in landscape.component_shapes)
    jax.eval_shape(look, leaves, point)
    return found[0]


def undefined_of(function: Callable[..., Any], *arguments: Any) -> Any:
    """Whether any output of the pure function `function(*arguments)` is undefined: a traced bool.

    None where no arguments can make it so, which is known without a value of them.
    """
    closed = jax.make_jaxpr(function)(*arguments)
    inputs = [_Value(x) for x in jax.tree.leaves(arguments)]
    found = _read(closed.jaxpr, closed.consts, inputs)
    parts = [jnp.any(v.undefined) for v in found if v.undefined is not None]
    if not parts:
        return None
    whole = parts[0]
    for part in parts[1:]:
        whole = whole | part
    return whole


def _read(jaxpr: Any, constants: Sequence[Any], inputs: Sequence[_Value]) -> list[_Value]:
    known = dict(zip(jaxpr.invars, inputs, strict=True))
    known |= {v: _constant(c) for v, c in zip(jaxpr.constvars, constants, strict=True)}

    def read(variable: Any) -> _Value:
        return _constant(variable.val) if hasattr(variable, "val") else known[variable]

    for equation in jaxpr.eqns:
        operands = [read(v) for v in equation.invars]
        inner = _called(equation)
        if inner is not None:
            outputs = _read(inner.jaxpr, inner.consts, operands)
        else:
            outputs = _applied(equation, operands)
        known |= dict(zip(equation.outvars, outputs, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _called(equation: Any) -> Any:
    """The closed jaxpr that the equation calls once, or None."""
    if equation.primitive.name in _CALLS:
        return equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
    return None


def _constant(value: Any) -> _Value:
    if isinstance(value, Tracer):
        return _Value(value, fixed=True)
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "fiu" or numbers.size == 0 or np.isnan(numbers).any():
        return _Value(value, fixed=True)
    return _Value(value, None, float(numbers.min()), float(numbers.max()), fixed=True)


def _applied(equation: Any, operands: list[_Value]) -> list[_Value]:
    name, parameters = equation.primitive.name, equation.params
    found = equation.primitive.bind(*(v.value for v in operands), **parameters)
    outputs = list(found) if equation.primitive.multiple_results else [found]
    undefined, fixed = _inherited(name, operands, outputs[0]), all(v.fixed for v in operands)
    outside = _OUTSIDE.get(name)
    if outside is not None and not fixed and not outside.never(operands, parameters):
        here = outside.when(operands, parameters)
        undefined = here if undefined is None else undefined | here
    low, high = _between(name, operands, parameters)
    multiple = _multiple(name, operands)
    return [_Value(value, undefined, low, high, fixed, multiple) for value in outputs]


def _inherited(name: str, operands: list[_Value], output: Any) -> Any:
    """Where the output is undefined because an operand is."""
    if all(v.undefined is None for v in operands):
        return None
    if name == "select_n":
        which, *cases = operands
        nowhere = jnp.zeros(jnp.shape(output), bool)
        chosen = [nowhere if v.undefined is None else v.undefined for v in cases]
        found = jax.lax.select_n(which.value, *chosen)
        return found if which.undefined is None else found | which.undefined
    parts = [v.undefined for v in operands if v.undefined is not None]
    shape = jnp.shape(output)
    if name not in _ENTRY_BY_ENTRY or any(jnp.shape(part) != shape for part in parts):
        # Sums, products of matrices, changed shapes: undefined if anything in them is.
        parts = [jnp.broadcast_to(jnp.any(part), shape) for part in parts]
    found = parts[0]
    for part in parts[1:]:
        found = found | part
    return found


# -- what each operation does not take -----------------------------------------------------------


class _Outside(NamedTuple):
    when: Callable[[list[_Value], Any], Any]  # where an operand is outside the domain
    never: Callable[[list[_Value], Any], bool]  # whether bounds exclude that


def _of_first(
    when: Callable[[Any], Any], never: Callable[[float, float], bool] = lambda low, high: False
) -> _Outside:
    return _Outside(
        lambda operands, _: when(operands[0].value),
        lambda operands, _: never(operands[0].low, operands[0].high),
    )


def _power_outside(operands: list[_Value], _: Any) -> Any:
    base, exponent = operands[0].value, operands[1].value
    whole = exponent == jnp.floor(exponent)
    return ((base < 0) & ~whole) | ((base == 0) & (exponent < 0))


_POSITIVE = _of_first(lambda x: x <= 0, lambda low, _: low > 0)
_UNIT = _of_first(lambda x: jnp.abs(x) > 1, lambda low, high: low >= -1 and high <= 1)
_OUTSIDE: dict[str, _Outside] = {
    "log": _POSITIVE,
    "rsqrt": _POSITIVE,
    "log1p": _of_first(lambda x: x <= -1, lambda low, _: low > -1),
    "sqrt": _of_first(lambda x: x < 0, lambda low, _: low >= 0),
    "div": _Outside(
        lambda operands, _: operands[1].value == 0,
        lambda operands, _: operands[1].fixed or operands[1].low > 0 or operands[1].high < 0,
    ),
    "pow": _Outside(_power_outside, lambda operands, _: operands[0].low > 0),
    "integer_pow": _Outside(
        lambda operands, parameters: operands[0].value == 0,
        lambda operands, parameters: (
            parameters["y"] >= 0 or operands[0].low > 0 or operands[0].high < 0
        ),
    ),
    "asin": _UNIT,
    "acos": _UNIT,
    "atanh": _of_first(lambda x: jnp.abs(x) >= 1, lambda low, high: low > -1 and high < 1),
    "acosh": _of_first(lambda x: x < 1, lambda low, _: low >= 1),
}


# -- between which numbers a value lies ----------------------------------------------------------


def _multiple(name: str, operands: list[_Value]) -> tuple[Any, int] | None:
    """The value that a product with a number of known sign is a multiple of, and that sign."""
    if name == "neg":
        of, sign = _root(operands[0])
        return of, -sign
    for one, by in (operands, operands[::-1]) if name == "mul" else ():
        if by.low > 0 or by.high < 0:
            of, sign = _root(one)
            return of, sign if by.low > 0 else -sign
    return None


def _root(value: _Value) -> tuple[Any, int]:
    return value.multiple or (value.value, 1)


def _between(name: str, operands: list[_Value], parameters: Any) -> tuple[float, float]:
    """Bounds of what a few operations make of bounded operands; infinite ones for all others."""
    low, high = operands[0].low, operands[0].high
    if name in _RANGES:
        return _RANGES[name]
    if name in _UNCHANGED:
        return low, high
    if name == "square" or (name == "integer_pow" and parameters["y"] % 2 == 0):
        return 0.0, _INFINITY
    if name == "sqrt":
        return max(low, 0.0) ** 0.5, _INFINITY
    if name == "pow" and low >= 0:
        return 0.0, _INFINITY
    if name == "neg":
        return -high, -low
    if name == "select_n":
        cases = operands[1:]
        return min(v.low for v in cases), max(v.high for v in cases)
    if len(operands) == 2:
        other = operands[1]
        if name in ("add", "add_any"):
            return low + other.low, high + other.high
        if name == "sub":
            return low - other.high, high - other.low
        if name == "max":
            return max(low, other.low), max(high, other.high)
        if name == "min":
            return min(low, other.low), min(high, other.high)
        (of, sign), (of_other, other_sign) = _root(operands[0]), _root(other)
        squared = of is of_other and sign == other_sign
        if name == "mul" and (squared or (low >= 0 and other.low >= 0)):
            # A product of tiny numbers may be 0.
            return 0.0, _INFINITY
    return -_INFINITY, _INFINITY


_RANGES = {
    "abs": (0.0, _INFINITY),
    "exp": (0.0, _INFINITY),
    "cosh": (1.0, _INFINITY),
    "logistic": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "sin": (-1.0, 1.0),
    "cos": (-1.0, 1.0),
}
_UNCHANGED = (
    "broadcast_in_dim", "convert_element_type", "copy", "reshape", "slice", "squeeze",
    "stop_gradient", "transpose", "reduce_max", "reduce_min",
)  # fmt: skip
_ENTRY_BY_ENTRY = frozenset((
    "abs", "acos", "acosh", "add", "add_any", "and", "asin", "asinh", "atan", "atan2", "atanh",
    "cbrt", "ceil", "convert_element_type", "copy", "cos", "cosh", "div", "eq", "erf", "exp",
    "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log", "log1p",
    "logistic", "lt", "max", "min", "mul", "ne", "neg", "not", "or", "pow", "round", "rsqrt",
    "select_n", "sign", "sin", "sinh", "sqrt", "square", "stop_gradient", "sub", "tan", "tanh",
    "xor",
))  # fmt: skip
