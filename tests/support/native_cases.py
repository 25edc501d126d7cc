"""A case for every rule of `native`: one primitive, and what NumPy says of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core.primitives import add_jaxvals_p

from dynamics.engine import native

# Whole vectors of 8, 32 and 64 runs, and several of each.
RUNS = 512
NAN, MOST, TINY = np.nan, np.finfo(np.float64).max, np.finfo(np.float64).tiny
INTEGERS = ("int8", "int32", "uint32", "int64", "uint64")
NUMBERS = ("float64", *INTEGERS)
ALL = (*NUMBERS, "bool")
Shape = tuple[int, ...]


def special(dtype: str) -> np.ndarray:
    """What a type has at its edges, and ordinary numbers that no rounding leaves alone."""
    if dtype == "float64":
        return np.array(
            [0.0, -0.0, np.inf, -np.inf, NAN, np.copysign(NAN, -1), 5e-324, -5e-324, TINY * 0.7,
             -TINY, MOST, -MOST, 1.0, -1.0, 1 + 2.0**-52, 2 / 3, -np.pi, 1e200, -3e-200, 1e308]
        )  # fmt: skip
    if dtype == "bool":
        return np.array([False, True])
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    few = [least, least + 1, most, most - 1, 0, 1, 2, 3, most // 3, most // 2 + 1]
    return np.array(few + ([-1, -2, least // 3] if least else []), dtype=dtype)


def column(dtype: str, shape: Shape, operand: int) -> np.ndarray:
    """Numbers over runs, `(*shape, RUNS)`: any two operands hold every pair of special numbers."""
    values = special(dtype)
    pairs = np.array(list(product(values, values)), dtype=dtype)
    one = np.resize(pairs[:, operand % 2], RUNS)
    return np.stack([np.roll(one, k) for k in range(math.prod(shape))]).reshape(*shape, RUNS)


def fixed(dtype: str, shape: Shape, operand: int) -> np.ndarray:
    """Numbers that are the same for all runs."""
    values = special(dtype)[::-1]
    return np.resize(np.roll(values, 2 * operand + 1), shape or 1).reshape(shape)


@dataclass(frozen=True)
class Case:
    """One primitive at one point, its NumPy reading with runs along the last axis, its operands.

    Attributes:
        over_runs: which operands may be over runs.
        any_nan: whether a NaN's sign and payload are the processor's affair.
    """

    function: Callable[..., Any]
    oracle: Callable[..., Any]
    operands: tuple[tuple[str, Shape], ...]
    over_runs: tuple[bool, ...]
    any_nan: bool


CASES: dict[str, list[Case]] = {}


def case(
    name: str, function: Any, oracle: Any, *operands: Any, runs: Any = None, any_nan: bool = False
) -> None:
    runs = runs or (True,) * len(operands)
    CASES.setdefault(name, []).append(Case(function, oracle, operands, runs, any_nan))


def of_bits(how: Any) -> Any:
    """Extrema that tell 0 from −0: among equals, the bits decide. NaN if one is."""
    name = {np.bitwise_and: np.maximum, np.bitwise_or: np.minimum}[how]

    def extremum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.dtype != np.float64:
            return name(a, b)
        of_equals = how(a.view(np.uint64), b.view(np.uint64)).view(np.float64)
        return np.where(a == b, of_equals, name(a, b))

    return extremum


MAXIMUM, MINIMUM = of_bits(np.bitwise_and), of_bits(np.bitwise_or)


def shift_right(kind: str) -> Callable[[np.ndarray, Any], np.ndarray]:
    """Of the bits, read as an integer of that kind, whatever the type is."""

    def shift(a: np.ndarray, by: Any) -> np.ndarray:
        bits = a.view(f"{kind}{8 * a.itemsize}")
        return (bits >> by.astype(bits.dtype)).view(a.dtype)

    return shift


def by_squaring(x: np.ndarray, exponent: int) -> np.ndarray:
    """The power, multiplied in the order of the exponent's bits, from the last."""
    bits, found = [int(b) for b in reversed(f"{abs(exponent):b}")], None
    for bit in bits:
        if bit:
            found = x if found is None else found * x
        x = x * x
    if found is None:
        return np.ones_like(x)
    return found if exponent > 0 else 1.0 / found


# Entries of an array are treated alike: one type of each kind shows it.
for shape, types in (((), ALL), ((3,), ("float64", "int8", "bool"))):
    integers = tuple(t for t in INTEGERS if t in types)
    for name, oracle in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply)):
        for dtype in ("float64", *integers):
            case(name, getattr(lax, name), oracle, *((dtype, shape),) * 2, any_nan=True)
    case("add_any", add_jaxvals_p.bind, np.add, *(("float64", shape),) * 2, any_nan=True)
    case("div", lax.div, np.divide, *(("float64", shape),) * 2, any_nan=True)
    for name, oracle in (("max", MAXIMUM), ("min", MINIMUM)):
        for dtype in types:
            case(name, getattr(lax, name), oracle, *((dtype, shape),) * 2, any_nan=True)
    for name, oracle in (
        ("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor),
    ):  # fmt: skip
        for dtype in (*integers, "bool"):
            function = getattr(lax, f"bitwise_{name}")
            case(name, function, oracle, *((dtype, shape),) * 2)
    for name, oracle in (
        ("eq", np.equal), ("ne", np.not_equal), ("lt", np.less), ("le", np.less_equal),
        ("gt", np.greater), ("ge", np.greater_equal),
    ):  # fmt: skip
        for dtype in types:
            case(name, getattr(lax, name), oracle, *((dtype, shape),) * 2)
    for name, oracle in (
        ("shift_left", np.left_shift), ("shift_right_arithmetic", shift_right("int")),
        ("shift_right_logical", shift_right("uint")),
    ):  # fmt: skip
        for dtype in integers:
            case(
                name,
                lambda x, name=name: getattr(lax, name)(x, np.full(x.shape, 3, x.dtype)),
                lambda x, oracle=oracle: oracle(x, x.dtype.type(3)),
                (dtype, shape),
            )
    case("not", lax.bitwise_not, np.logical_not, ("bool", shape))
    for dtype in ("float64", *integers):
        case("neg", lax.neg, np.negative, (dtype, shape))
    # NumPy's sign of −0 is 0; JAX's is −0.
    case("sign", lax.sign, lambda x: np.where(x == 0, x, np.sign(x)), ("float64", shape),
         any_nan=True)  # fmt: skip
    case("abs", lax.abs, np.abs, ("float64", shape))
    case("floor", lax.floor, np.floor, ("float64", shape))
    case("square", lax.square, np.square, ("float64", shape), any_nan=True)
    for exponent in (0, 1, 2, 3, 7, -1, -6):
        case(
            "integer_pow",
            lambda x, exponent=exponent: lax.integer_pow(x, exponent),
            lambda x, exponent=exponent: by_squaring(x, exponent),
            ("float64", shape), any_nan=True,
        )  # fmt: skip
    case("sqrt", lax.sqrt, np.sqrt, ("float64", shape), any_nan=True)
    case("is_finite", lax.is_finite, np.isfinite, ("float64", shape))
    for dtype in types:
        case("copy", jnp.copy, np.copy, (dtype, shape))
        case(
            "select_n", lax.select_n, lambda which, no, yes: np.where(which, yes, no),
            ("bool", shape), (dtype, shape), (dtype, shape),
        )  # fmt: skip
        for target in NUMBERS:
            if "float64" != dtype != target:
                case(
                    "convert_element_type",
                    lambda x, target=target: lax.convert_element_type(x, np.dtype(target)),
                    lambda x, target=target: x.astype(target),
                    (dtype, shape),
                )
    case("stop_gradient", lax.stop_gradient, np.copy, ("float64", shape))
    for dtype, target in product(("float64", "int64", "uint64"), repeat=2):
        if dtype != target:
            case(
                "bitcast_convert_type",
                lambda x, target=target: lax.bitcast_convert_type(x, np.dtype(target)),
                lambda x, target=target: x.view(target),
                (dtype, shape),
            )


def gather(x: Any, places: Any, sizes: Shape, axes: tuple[Shape, Shape, Shape]) -> Any:
    """Slices of these sizes, clipped to what there is; `axes` are those of XLA's description."""
    offset, collapsed, mapped = axes
    numbers = lax.GatherDimensionNumbers(offset, collapsed, mapped)
    return lax.gather(x, places, numbers, sizes, mode=lax.GatherScatterMode.CLIP)


for dtype in ("uint32", "uint64"):
    for name, function, oracle in (
        ("div", lax.div, np.floor_divide), ("rem", lax.rem, np.remainder),
    ):  # fmt: skip
        case(
            name,
            lambda x, function=function: function(x, np.full(x.shape, 7, x.dtype)),
            lambda x, oracle=oracle: oracle(x, x.dtype.type(7)),
            (dtype, ()),
        )  # fmt: skip
    case(
        "iota",
        lambda dtype=dtype: lax.broadcasted_iota(dtype, (2, 3), 1),
        lambda dtype=dtype: np.tile(np.arange(3, dtype=dtype)[:, None], (2, 1, RUNS)),
    )

for dtype in ("float64", "int8", "bool"):
    # A selection by one boolean for a whole point.
    case(
        "select_n", lax.select_n, lambda which, no, yes: np.where(which, yes, no),
        ("bool", ()), (dtype, (3,)), (dtype, (3,)), runs=(False, True, True),
    )  # fmt: skip
    for axes, of, to in (((), (), (3,)), ((1,), (3,), (2, 3)), ((0, 1), (1, 3), (2, 3))):
        case(
            "broadcast_in_dim",
            lambda x, axes=axes, to=to: lax.broadcast_in_dim(x, to, axes),
            lambda x, to=to: np.broadcast_to(x, (*to, RUNS)),
            (dtype, of), runs=(of != (1, 3),),
        )  # fmt: skip
    for of, to in (((2, 3), (6,)), ((6,), (3, 2)), ((), (1,))):
        case(
            "reshape",
            lambda x, to=to: lax.reshape(x, to),
            lambda x, to=to: x.reshape(*to, RUNS),
            (dtype, of),
        )  # fmt: skip
    case("squeeze", lambda x: lax.squeeze(x, (1,)), lambda x: x[:, 0], (dtype, (3, 1)))
    case("slice", lambda x: lax.slice(x, (1,), (3,)), lambda x: x[1:3], (dtype, (4,)))
    case(
        "slice", lambda x: lax.slice(x, (0, 1), (2, 5), (1, 3)), lambda x: x[:, 1::3],
        (dtype, (2, 5)),
    )  # fmt: skip
    for axes in ((1, 0, 2), (2, 0, 1)):
        case(
            "transpose",
            lambda x, axes=axes: lax.transpose(x, axes),
            lambda x, axes=axes: x.transpose(*axes, 3),
            (dtype, (2, 3, 4)),
        )  # fmt: skip
    places = np.array([[0, 1], [3, 2], [5, -1]], np.int32)  # the last beyond what there is
    case(
        "gather",
        lambda x, places=places: gather(x, places, (1, 2), ((1,), (0,), (0, 1))),
        lambda x: np.stack([x[0, 1:3], x[3, 2:4], x[3, 0:2]]),
        (dtype, (4, 5)),
    )  # fmt: skip
    # A number of each run, or of all; those below and beyond stand for the first and the last.
    for runs in ((False, True), (True, False)):
        case(
            "gather",
            lambda x, k: gather(x, k, (1, 2), ((0,), (0,), (0,))),
            lambda x, k: np.take_along_axis(x, np.clip(k, 0, 6)[:, None], axis=0)[0],
            (dtype, (7, 2)), ("int32", (1,)), runs=runs,
        )  # fmt: skip
    for axis, of_b in ((0, (1, 3)), (1, (2, 1))):
        case(
            "concatenate",
            lambda a, b, axis=axis: lax.concatenate((a, b), axis),
            lambda a, b, axis=axis: np.concatenate([a, b], axis),
            (dtype, (2, 3)), (dtype, of_b),
        )  # fmt: skip


def one_after_the_other(how: Any, a: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    for axis in sorted(axes, reverse=True):
        first, *rest = np.moveaxis(a, axis, 0)
        for part in rest:
            first = how(first, part)
        a = first
    return a


# Products of matrices, one for each index of a first axis.
case(
    "dot_general", lambda a, b: lax.dot_general(a, b, (((2,), (1,)), ((0,), (0,)))),
    lambda a, b: np.stack([contracted(x, y, 1, 0) for x, y in zip(a, b, strict=True)]),
    ("float64", (2, 3, 2)), ("float64", (2, 2, 3)), any_nan=True,
)  # fmt: skip
for name, how, dtypes in (
    ("sum", np.add, NUMBERS), ("max", MAXIMUM, ALL), ("min", MINIMUM, ALL),
    ("or", np.bitwise_or, (*INTEGERS, "bool")), ("and", np.bitwise_and, (*INTEGERS, "bool")),
):  # fmt: skip
    for dtype in dtypes:
        for of, axes in (((3,), (0,)), ((2, 3), (1,)), ((2, 3), (0, 1))):
            case(
                f"reduce_{name}",
                lambda x, name=name, axes=axes: getattr(lax, f"reduce_{name}")(x, axes),
                lambda x, how=how, axes=axes: one_after_the_other(how, x, axes),
                (dtype, of), any_nan=True,
            )  # fmt: skip


def contracted(a: np.ndarray, b: np.ndarray, axis_a: int, axis_b: int) -> np.ndarray:
    terms = [
        x.reshape(*x.shape[:-1], *(1,) * (y.ndim - 1), RUNS) * y
        for x, y in zip(np.moveaxis(a, axis_a, 0), np.moveaxis(b, axis_b, 0), strict=True)
    ]
    return one_after_the_other(np.add, np.stack(terms), (0,))


for of_a, of_b, summed in (
    ((3,), (3,), (0, 0)),
    ((2, 3), (3, 4), (1, 0)),
    ((3, 2), (4, 3), (0, 1)),
):
    numbers = tuple((axis,) for axis in summed), ((), ())
    case(
        "dot_general",
        lambda a, b, numbers=numbers: lax.dot_general(a, b, numbers),
        lambda a, b, summed=summed: contracted(a, b, *summed),
        ("float64", of_a), ("float64", of_b), any_nan=True,
    )  # fmt: skip


def set_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Vectors of so many runs."""
    set_host(monkeypatch, replace(native.HOST, width=width))


def set_host(monkeypatch: pytest.MonkeyPatch, host: native.Target) -> None:
    """Another processor, in every module that asks which it is."""
    modules = [m for name, m in sys.modules.items() if name.startswith("dynamics.engine.native")]
    for module in modules:
        if hasattr(module, "HOST"):
            monkeypatch.setattr(module, "HOST", host)
