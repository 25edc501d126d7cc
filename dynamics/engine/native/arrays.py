"""Rules of arrays: what only renames entries, what reduces them, and products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from dynamics.engine.native.operations import RULES, arithmetic, is_float, rule
from dynamics.engine.native.target import LANES
from dynamics.engine.native.values import TRACED, Function, NotElementwise, Value, literal

# A matrix product of more multiplications is left to XLA, which keeps the matrix in cache.
_MOST_PRODUCTS = 128

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


@rule("transpose")
def _transpose(_: Function, parameters: Any, __: Any, a: Value) -> Value:
    of_runs = _run_axis(parameters["avals"][0], a)
    axes = [axis for axis in parameters["permutation"] if axis != of_runs]
    left = [axis - (of_runs is not None and axis > of_runs) for axis in axes]
    return Value(a.entries.transpose(left), a.dtype, a.over_runs)


def _run_axis(aval: Any, value: Value) -> int | None:
    """Which axis of the variable the runs are along."""
    return aval.shape.index(TRACED) if value.over_runs else None


@rule("slice")
def _slice(_: Function, parameters: Any, __: Any, a: Value) -> Value:
    begin, end = parameters["start_indices"], parameters["limit_indices"]
    stride = parameters["strides"] or (1,) * len(begin)
    cuts = [slice(*of_axis) for of_axis in zip(begin, end, stride, strict=True)]
    if a.over_runs and cuts.pop(0) != slice(0, TRACED, 1):
        raise NotElementwise("a part of the runs")
    return Value(a.entries[tuple(cuts)], a.dtype, a.over_runs)


@rule("iota")
def _counted(_: Function, parameters: Any, aval: Any) -> Value:
    if TRACED in aval.shape:
        raise NotElementwise("the numbers of the runs")
    shape = [-1 if axis == parameters["dimension"] else 1 for axis in range(len(aval.shape))]
    numbers = np.arange(aval.shape[parameters["dimension"]], dtype=aval.dtype).reshape(shape)
    return literal(np.broadcast_to(numbers, aval.shape))


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
        called = f"llvm.vector.reduce.{name}.v{LANES}i1"
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
    if not is_float(a):
        raise NotElementwise("products of integers")
    # Each as matrices: for each index of the batch, what is left by what is summed.
    x, shape_of_batch, left_of_a = _as_matrices(parameters["avals"][0], a, batch_a, of_a)
    y, _, left_of_b = _as_matrices(parameters["avals"][1], b, batch_b, of_b)
    if a.over_runs and b.over_runs:
        runs = [_run_axis(v, x) for v, x in zip(parameters["avals"], (a, b), strict=True)]
        if tuple(runs) not in list(zip(batch_a, batch_b, strict=True)):
            raise NotElementwise("each run multiplied by each")
    if x.size * y.shape[1] > _MOST_PRODUCTS:
        raise NotElementwise(f"a product of more than {_MOST_PRODUCTS} multiplications")
    rows = Value(x[:, :, None, :], a.dtype, a.over_runs)
    columns = Value(y[:, None, :, :], b.dtype, b.over_runs)
    terms = arithmetic(to, {"name": "mul"}, None, rows, columns)
    axis = 3 + terms.over_runs
    total = _reduce(to, {"name": "reduce_sum", "axes": (axis,)}, aval, terms)
    shape = shape_of_batch + left_of_a + left_of_b
    return Value(total.entries.reshape(shape), total.dtype, total.over_runs)


Shape = tuple[int, ...]


def _as_matrices(
    aval: Any, value: Value, batch: Shape, summed: Shape
) -> tuple[np.ndarray, Shape, Shape]:
    """The entries, shape (batch, left, summed), and the shapes of the batch and of what is left.

    None of them counts the axis over runs.
    """
    of_runs = _run_axis(aval, value)
    if of_runs in summed:
        raise NotElementwise("a sum over runs")
    left = [axis for axis in range(aval.ndim) if axis not in (*batch, *summed)]
    axes = [[axis for axis in some if axis != of_runs] for some in (batch, left, summed)]
    order = [axis - (of_runs is not None and axis > of_runs) for some in axes for axis in some]
    shapes = [tuple(aval.shape[axis] for axis in some) for some in axes]
    sizes = [int(np.prod(shape)) for shape in shapes]
    return value.entries.transpose(order).reshape(sizes), shapes[0], shapes[1]
