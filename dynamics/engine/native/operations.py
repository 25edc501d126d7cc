"""One rule for each primitive of a jaxpr. A new one is one function."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from dynamics.engine.native.target import LANES
from dynamics.engine.native.values import (
    BITS,
    TRACED,
    Function,
    NotElementwise,
    Value,
    constant,
    literal,
    llvm_type,
)

# A rule takes the function under construction, the primitive's parameters, the abstract value of
# its result, and the operands.
Rule = Callable[..., Value]
RULES: dict[str, Rule] = {}

# What the axis over runs may pass through anywhere: between products that leave it behind their
# matrix's rows and the transposes that JAX puts after them. All else has it first.
_OF_ANY_AXES = ("dot_general", "transpose")

_UNSIGNED = ("uint64", "uint32", "bool")
_FLOAT_COMPARISONS = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def apply(to: Function, equation: Any, operands: list[Value]) -> Value:
    """The result of an equation that is neither a call nor control flow."""
    name = equation.primitive.name
    if name not in RULES:
        raise NotElementwise(f"the operation {name}")
    avals = [v.aval for v in equation.invars]
    if name not in _OF_ANY_AXES and any(TRACED in aval.shape[1:] for aval in avals):
        raise NotElementwise(f"{name} with the runs along another axis than the first")
    parameters = equation.params | {"name": name, "avals": avals}
    if name in _OF_CONSTANTS:
        known = [_known(operand) for operand in operands]
        if all(numbers is not None for numbers in known):
            return literal(_OF_CONSTANTS[name](parameters, *known))
    return RULES[name](to, parameters, equation.outvars[0].aval, *operands)


# What is known when the program is written need not be computed: of whole numbers, such as the
# places of entries, which LLVM would be told too late.
_OF_CONSTANTS: dict[str, Callable[..., Any]] = {
    "add": lambda _, a, b: a + b,
    "sub": lambda _, a, b: a - b,
    "lt": lambda _, a, b: a < b,
    "select_n": lambda _, which, no, yes: np.where(which, yes, no),
    "convert_element_type": lambda parameters, a: a.astype(parameters["new_dtype"]),
}


def constant_value(name: str, dtype: str) -> Any:
    """The number that an entry is, for all runs alike, if it is whole or a truth, or None."""
    found = re.fullmatch(r"(?:splat \(\w+ )?(-?\d+|true|false)\)?", name)
    if found is None or dtype == "float64":
        return None
    return np.dtype(dtype).type({"true": 1, "false": 0}.get(found[1], found[1]))


def constant_float(name: str) -> float | None:
    """The number that an entry of floating-point numbers is, for all runs alike, or None."""
    found = re.fullmatch(r"(?:splat \(double )?0x([0-9A-F]{16})\)?", name)
    return None if found is None else float(np.uint64(int(found[1], 16)).view(np.float64))


def _known(value: Value) -> np.ndarray | None:
    """The numbers that a value consists of, if all of them are such."""
    numbers = [constant_value(name, value.dtype) for name in value.named()]
    if value.over_runs or any(number is None for number in numbers):
        return None
    return np.array(numbers, value.dtype).reshape(value.entries.shape)


def suffix(value: Value) -> str:
    """Of the name of an intrinsic for values of this kind."""
    kind = "f64" if value.dtype == "float64" else f"i{BITS[value.dtype]}"
    return f"v{LANES}{kind}" if value.over_runs else kind


def is_float(value: Value) -> bool:
    return value.dtype == "float64"


# -- arithmetic ------------------------------------------------------------------------------


# Derivatives add up what comes from several uses of a number by `add_any`.
@rule("add", "add_any", "sub", "mul", "div")
def arithmetic(to: Function, parameters: Any, _: Any, *operands: Value) -> Value:
    a, b = to.aligned(*operands)
    name = parameters["name"].removesuffix("_any")
    if name == "div" and not is_float(a):
        return _quotient(to, "udiv", a, b)
    operation = ("f" if is_float(a) else "") + name
    return to.map(
        lambda x, y: to.put(f"{operation} {a.type} {x}, {y}"), a.dtype, a, b, over_runs=a.over_runs
    )


@rule("rem")
def _remainder(to: Function, _: Any, __: Any, *operands: Value) -> Value:
    return _quotient(to, "urem", *to.aligned(*operands))


def _quotient(to: Function, operation: str, a: Value, b: Value) -> Value:
    """Of whole numbers ≥ 0 by a constant, which LLVM turns into a product."""
    if a.dtype not in _UNSIGNED or not all(constant_value(n, b.dtype) for n in b.named()):
        raise NotElementwise("a division of integers, but of unsigned ones by a constant")
    return to.map(
        lambda x, y: to.put(f"{operation} {a.type} {x}, {y}"), a.dtype, a, b, over_runs=a.over_runs
    )


@rule("square")
def _square(to: Function, _: Any, aval: Any, a: Value) -> Value:
    return arithmetic(to, {"name": "mul"}, aval, a, a)


@rule("integer_pow")
def _integer_power(to: Function, parameters: Any, aval: Any, a: Value) -> Value:
    """By repeated squaring, in the order of JAX; of a negative exponent its reciprocal."""
    if not is_float(a):
        raise NotElementwise("powers of integers")
    exponent = parameters["y"]
    one = Value(np.full(a.entries.shape, constant(1.0, a.dtype)), a.dtype, over_runs=False)
    one = to.spread(one) if a.over_runs else one
    left, found = abs(exponent), None
    while left:
        if left & 1:
            found = a if found is None else arithmetic(to, {"name": "mul"}, aval, found, a)
        left >>= 1
        if left:
            a = _square(to, {}, aval, a)
    if found is None:
        return one
    return found if exponent > 0 else arithmetic(to, {"name": "div"}, aval, one, found)


@rule("max", "min")
def _extremum(to: Function, parameters: Any, _: Any, *operands: Value) -> Value:
    a, b = to.aligned(*operands)
    sign = "u" if a.dtype in _UNSIGNED else "s"
    # Of floating-point numbers: NaN if one is, as in JAX.
    which = f"{parameters['name']}imum" if is_float(a) else sign + parameters["name"]
    called = f"llvm.{which}.{suffix(a)}"
    return to.map(
        lambda x, y: to.intrinsic(called, a.type, (a.type, x), (a.type, y)),
        a.dtype, a, b, over_runs=a.over_runs,
    )  # fmt: skip


@rule("and", "or", "xor")
def _logic(to: Function, parameters: Any, _: Any, *operands: Value) -> Value:
    a, b = to.aligned(*operands)
    operation = parameters["name"]
    return to.map(
        lambda x, y: to.put(f"{operation} {a.type} {x}, {y}"), a.dtype, a, b, over_runs=a.over_runs
    )


_SHIFTS = {
    "shift_left": "shl", "shift_right_arithmetic": "ashr", "shift_right_logical": "lshr"
}  # fmt: skip


@rule(*_SHIFTS)
def _shift(to: Function, parameters: Any, _: Any, *operands: Value) -> Value:
    a, by = operands
    # A shift by the number's size or more is another thing to JAX than to LLVM.
    amounts = [constant_value(n, by.dtype) for n in by.named()]
    if not all(n is not None and 0 <= n < BITS[a.dtype] for n in amounts):
        raise NotElementwise("a shift by anything but a small constant")
    a, by = to.aligned(a, by)
    operation = _SHIFTS[parameters["name"]]
    return to.map(
        lambda x, n: to.put(f"{operation} {a.type} {x}, {n}"), a.dtype, a, by,
        over_runs=a.over_runs,
    )  # fmt: skip


@rule("not")
def _not(to: Function, _: Any, __: Any, a: Value) -> Value:
    if a.dtype != "bool":
        raise NotElementwise("the complement of integers")
    ones = "splat (i1 true)" if a.over_runs else "true"
    return to.map(lambda x: to.put(f"xor {a.type} {x}, {ones}"), "bool", a, over_runs=a.over_runs)


@rule("neg")
def _negative(to: Function, _: Any, __: Any, a: Value) -> Value:
    if a.dtype == "bool":
        raise NotElementwise("the negative of truths")
    zero = "zeroinitializer" if a.over_runs else "0"
    negated = f"fneg {a.type}" if is_float(a) else f"sub {a.type} {zero},"
    return to.map(lambda x: to.put(f"{negated} {x}"), a.dtype, a, over_runs=a.over_runs)


@rule("sign")
def _sign(to: Function, _: Any, __: Any, a: Value) -> Value:
    """1, −1, or what is neither positive nor negative itself: ±0 and NaN."""
    if not is_float(a):
        raise NotElementwise("the sign of integers")
    of_all = a.type.replace("double", "i1")

    def same(number: float) -> str:
        found = constant(number, a.dtype)
        return f"splat (double {found})" if a.over_runs else found

    def sign(x: str) -> str:
        below = to.put(f"fcmp olt {a.type} {x}, {same(0.0)}")
        above = to.put(f"fcmp ogt {a.type} {x}, {same(0.0)}")
        found = to.put(f"select {of_all} {below}, {a.type} {same(-1.0)}, {a.type} {x}")
        return to.put(f"select {of_all} {above}, {a.type} {same(1.0)}, {a.type} {found}")

    return to.map(sign, a.dtype, a, over_runs=a.over_runs)


@rule("abs", "floor", "sqrt")
def _intrinsic(to: Function, parameters: Any, _: Any, a: Value) -> Value:
    if not is_float(a):
        raise NotElementwise(f"{parameters['name']} of integers")
    name = {"abs": "fabs"}.get(parameters["name"], parameters["name"])
    called = f"llvm.{name}.{suffix(a)}"
    return to.map(
        lambda x: to.intrinsic(called, a.type, (a.type, x)), a.dtype, a, over_runs=a.over_runs
    )


@rule("copy", "stop_gradient")
def _same(_: Function, __: Any, ___: Any, a: Value) -> Value:
    return a


# -- comparison, selection, conversion -----------------------------------------------------------


@rule("eq", "ne", "lt", "le", "gt", "ge")
def _compare(to: Function, parameters: Any, _: Any, *operands: Value) -> Value:
    a, b = to.aligned(*operands)
    name = parameters["name"]
    if is_float(a):
        how = f"fcmp {_FLOAT_COMPARISONS[name]}"
    else:
        sign = "" if name in ("eq", "ne") else "u" if a.dtype in _UNSIGNED else "s"
        how = f"icmp {sign}{name}"
    return to.map(
        lambda x, y: to.put(f"{how} {a.type} {x}, {y}"), "bool", a, b, over_runs=a.over_runs
    )


@rule("is_finite")
def _is_finite(to: Function, _: Any, __: Any, a: Value) -> Value:
    infinity = constant(np.inf, "float64")
    bound = f"splat (double {infinity})" if a.over_runs else infinity
    called = f"llvm.fabs.{suffix(a)}"

    def finite(x: str) -> str:
        size = to.intrinsic(called, a.type, (a.type, x))
        return to.put(f"fcmp olt {a.type} {size}, {bound}")

    return to.map(finite, "bool", a, over_runs=a.over_runs)


@rule("select_n")
def _select(to: Function, _: Any, __: Any, which: Value, *cases: Value) -> Value:
    if len(cases) != 2 or which.dtype != "bool":
        raise NotElementwise("a selection by numbers, or of more than two")
    no, yes = to.aligned(*cases)
    if which.over_runs:
        no, yes = to.spread(no), to.spread(yes)
    return to.map(
        lambda c, a, b: to.put(f"select {which.type} {c}, {yes.type} {b}, {no.type} {a}"),
        no.dtype, which, no, yes, over_runs=no.over_runs,
    )  # fmt: skip


@rule("convert_element_type")
def _convert(to: Function, _: Any, aval: Any, a: Value) -> Value:
    dtype = np.dtype(aval.dtype).name
    if dtype == a.dtype:
        return a
    target = llvm_type(dtype, a.over_runs)
    unsigned = a.dtype in _UNSIGNED
    if is_float(a) or dtype == "bool":
        raise NotElementwise(f"a conversion from {a.dtype} to {dtype}")
    if dtype == "float64":
        how = "uitofp" if unsigned else "sitofp"
    elif BITS[dtype] == BITS[a.dtype]:
        how = "bitcast"
    elif BITS[dtype] < BITS[a.dtype]:
        how = "trunc"
    else:
        how = "zext" if unsigned else "sext"
    return to.map(
        lambda x: to.put(f"{how} {a.type} {x} to {target}"), dtype, a, over_runs=a.over_runs
    )


@rule("bitcast_convert_type")
def _bitcast(to: Function, _: Any, aval: Any, a: Value) -> Value:
    dtype = np.dtype(aval.dtype).name
    target = llvm_type(dtype, a.over_runs)
    if BITS[dtype] != BITS[a.dtype]:
        raise NotElementwise(f"the bits of {a.dtype} as {dtype}")
    if a.type == target:
        return Value(a.entries, dtype, a.over_runs)
    return to.map(
        lambda x: to.put(f"bitcast {a.type} {x} to {target}"), dtype, a, over_runs=a.over_runs
    )
