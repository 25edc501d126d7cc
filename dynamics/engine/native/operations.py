"""One rule for each primitive of a jaxpr. A new one is one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dynamics.engine.native.values import (
    BITS,
    TRACED,
    WIDTH,
    Function,
    NotElementwise,
    Value,
    constant,
    llvm_type,
)

# A matrix product of more multiplications is left to XLA, which keeps the matrix in cache.
_MOST_PRODUCTS = 128

# A rule takes the function under construction, the primitive's parameters, the abstract value of
# its result, and the operands.
Rule = Callable[..., Value]
RULES: dict[str, Rule] = {}

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
    parameters = equation.params | {"name": name}
    return RULES[name](to, parameters, equation.outvars[0].aval, *operands)


def _suffix(value: Value) -> str:
    """Of the name of an intrinsic for values of this kind."""
    kind = "f64" if value.dtype == "float64" else f"i{BITS[value.dtype]}"
    return f"v{WIDTH}{kind}" if value.over_runs else kind


def _is_float(value: Value) -> bool:
    return value.dtype == "float64"


# -- arithmetic ------------------------------------------------------------------------------


# Derivatives add up what comes from several uses of a number by `add_any`.
@rule("add", "add_any", "sub", "mul", "div")
def _arithmetic(to: Function, parameters: Any, _: Any, *operands: Value) -> Value:
    a, b = to.aligned(*operands)
    name = parameters["name"].removesuffix("_any")
    if name == "div" and not _is_float(a):
        raise NotElementwise("a division of integers")
    operation = ("f" if _is_float(a) else "") + name
    return to.map(
        lambda x, y: to.put(f"{operation} {a.type} {x}, {y}"), a.dtype, a, b, over_runs=a.over_runs
    )


@rule("max", "min")
def _extremum(to: Function, parameters: Any, _: Any, *operands: Value) -> Value:
    a, b = to.aligned(*operands)
    sign = "u" if a.dtype in ("uint64", "bool") else "s"
    # Of floating-point numbers: NaN if one is, as in JAX.
    which = f"{parameters['name']}imum" if _is_float(a) else sign + parameters["name"]
    called = f"llvm.{which}.{_suffix(a)}"
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
    amounts = by.named()
    if by.over_runs or not all(n.isdigit() and int(n) < BITS[a.dtype] for n in amounts):
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
    if not _is_float(a):
        raise NotElementwise("the negative of integers")
    return to.map(lambda x: to.put(f"fneg {a.type} {x}"), a.dtype, a, over_runs=a.over_runs)


@rule("abs", "floor", "sqrt")
def _intrinsic(to: Function, parameters: Any, _: Any, a: Value) -> Value:
    if not _is_float(a):
        raise NotElementwise(f"{parameters['name']} of integers")
    name = {"abs": "fabs"}.get(parameters["name"], parameters["name"])
    called = f"llvm.{name}.{_suffix(a)}"
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
    if _is_float(a):
        how = f"fcmp {_FLOAT_COMPARISONS[name]}"
    else:
        sign = "" if name in ("eq", "ne") else "u" if a.dtype in ("uint64", "bool") else "s"
        how = f"icmp {sign}{name}"
    return to.map(
        lambda x, y: to.put(f"{how} {a.type} {x}, {y}"), "bool", a, b, over_runs=a.over_runs
    )


@rule("is_finite")
def _is_finite(to: Function, _: Any, __: Any, a: Value) -> Value:
    infinity = constant(np.inf, "float64")
    bound = f"splat (double {infinity})" if a.over_runs else infinity
    called = f"llvm.fabs.{_suffix(a)}"

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
    unsigned = a.dtype in ("bool", "uint64")
    if _is_float(a) or dtype == "bool":
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


# -- shapes --------------------------------------------------------------------------------------


@rule("broadcast_in_dim")
def _broadcast(to: Function, parameters: Any, _: Any, a: Value) -> Value:
    shape, axes = parameters["shape"], list(parameters["broadcast_dimensions"])
    wide = shape[:1] == (TRACED,)
    if a.over_runs and not (wide and axes[:1] == [0]):
        raise NotElementwise("an array over runs with its axes changed")
    if wide:
        shape, axes = shape[1:], [axis - 1 for axis in axes[a.over_runs :]]
        if any(axis < 0 for axis in axes):
            raise NotElementwise("an array that becomes one over runs along an axis of its own")
    spread = np.ones(len(shape), dtype=int)
    spread[axes] = a.entries.shape
    found = Value(np.broadcast_to(a.entries.reshape(spread), shape), a.dtype, a.over_runs)
    return to.spread(found) if wide else found


@rule("reshape", "squeeze")
def _reshape(_: Function, parameters: Any, aval: Any, a: Value) -> Value:
    if a.over_runs and aval.shape[:1] != (TRACED,):
        raise NotElementwise("an array over runs with its axes changed")
    return Value(a.entries.reshape(aval.shape[a.over_runs :]), a.dtype, a.over_runs)


@rule("slice")
def _slice(_: Function, parameters: Any, __: Any, a: Value) -> Value:
    begin, end = parameters["start_indices"], parameters["limit_indices"]
    stride = parameters["strides"] or (1,) * len(begin)
    cuts = [slice(*of_axis) for of_axis in zip(begin, end, stride, strict=True)]
    if a.over_runs and cuts.pop(0) != slice(0, TRACED, 1):
        raise NotElementwise("a part of the runs")
    return Value(a.entries[tuple(cuts)], a.dtype, a.over_runs)


@rule("concatenate")
def _concatenate(to: Function, parameters: Any, _: Any, *operands: Value) -> Value:
    parts = to.aligned(*operands)
    axis = parameters["dimension"] - parts[0].over_runs
    if axis < 0:
        raise NotElementwise("runs put together")
    entries = np.concatenate([part.entries for part in parts], axis)
    return Value(entries, parts[0].dtype, parts[0].over_runs)


# -- reductions ----------------------------------------------------------------------------------


@rule("reduce_or", "reduce_and", "reduce_max", "reduce_min", "reduce_sum")
def _reduce(to: Function, parameters: Any, aval: Any, a: Value) -> Value:
    kind = str(parameters["name"]).removeprefix("reduce_")
    name = "add" if kind == "sum" else kind
    axes = parameters["axes"]
    if a.over_runs and 0 in axes:
        if a.dtype != "bool" or name not in ("or", "and") or a.entries.shape != ():
            raise NotElementwise(f"the {kind} over runs")
        # Of the runs of one vector: good for skipping what none of them needs, not for a result.
        called = f"llvm.vector.reduce.{name}.v{WIDTH}i1"
        return to.map(lambda x: to.intrinsic(called, "i1", (a.type, x)), "bool", a, over_runs=False)
    for axis in sorted((axis - a.over_runs for axis in axes), reverse=True):
        first, *rest = (
            Value(a.entries.take([k], axis).squeeze(axis), a.dtype, a.over_runs)
            for k in range(a.entries.shape[axis])
        )
        for part in rest:
            first = RULES[name](to, {"name": name}, aval, first, part)
        a = first
    return a


@rule("dot_general")
def _product(to: Function, parameters: Any, aval: Any, a: Value, b: Value) -> Value:
    (of_a, of_b), (batch_a, batch_b) = parameters["dimension_numbers"]
    if batch_a or batch_b or b.over_runs or not _is_float(a):
        raise NotElementwise("products of several matrices at once")
    # Each as a matrix: what is left by what is summed.
    x, left_of_a = _as_matrix(a, of_a)
    y, left_of_b = _as_matrix(b, of_b)
    if x.size * len(y) > _MOST_PRODUCTS:
        raise NotElementwise(f"a product of more than {_MOST_PRODUCTS} multiplications")
    columns = Value(y[None], b.dtype, over_runs=False)
    rows = Value(x[:, None, :], a.dtype, a.over_runs)
    if a.over_runs:
        columns = to.spread(columns)
    terms = _arithmetic(to, {"name": "mul"}, None, rows, columns)
    axis = 2 + terms.over_runs
    total = _reduce(to, {"name": "reduce_sum", "axes": (axis,)}, aval, terms)
    return Value(total.entries.reshape(left_of_a + left_of_b), total.dtype, total.over_runs)


def _as_matrix(value: Value, axes: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, ...]]:
    """The entries, shape (left, summed), and the shape of what is left."""
    summed = [axis - value.over_runs for axis in axes]
    if any(axis < 0 for axis in summed):
        raise NotElementwise("a sum over runs")
    left = [axis for axis in range(value.entries.ndim) if axis not in summed]
    shape = tuple(value.entries.shape[axis] for axis in left)
    return value.entries.transpose(left + summed).reshape(int(np.prod(shape)), -1), shape
