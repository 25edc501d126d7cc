"""Machine code for runs: every operation is IEEE 754's, and NumPy's, bit for bit.

Control flow is in `test_native_control.py`, and what is done with it in `test_programs.py`.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest
from jax import lax

from dynamics.engine import native
from dynamics.engine.native import machine, target
from dynamics.engine.native.operations import RULES
from dynamics.engine.native.values import TRACED
from tests.support.native_cases import (
    CASES,
    RUNS,
    Case,
    column,
    fixed,
    set_host,
    set_width,
    special,
)


def assert_bits(found: np.ndarray, expected: np.ndarray, any_nan: bool, where: Any) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), where
    if found.dtype == np.float64:
        same = found.view(np.uint64) == expected.view(np.uint64)
        if any_nan:
            same |= np.isnan(found) & np.isnan(expected)
        assert same.all(), (where, found[~same][:5], expected[~same][:5])
    else:
        np.testing.assert_array_equal(found, expected, err_msg=str(where))


def check(name: str) -> None:
    """All cases of a primitive in one program, their operands over runs and fixed by turns."""
    plan, of_all, over_runs = [], [], [column("float64", (), 0)]
    for one in CASES[name]:
        for wide in product((True, False), repeat=len(one.operands)):
            if any(w and not may for w, may in zip(wide, one.over_runs, strict=True)):
                continue
            places = []
            for i, ((dtype, shape), is_wide) in enumerate(zip(one.operands, wide, strict=True)):
                given = over_runs if is_wide else of_all
                places.append((is_wide, len(given)))
                given.append((column if is_wide else fixed)(dtype, shape, i))
            plan.append((one, places))

    def function(of_all: Any, *over_runs: Any) -> list[Any]:
        found = []
        for one, places in plan:
            operands = [over_runs[k] if is_wide else of_all[k] for is_wide, k in places]
            axes = [0 if is_wide else None for is_wide, _ in places]
            # The last operand is there so that there is one over runs.
            at_one_point = jax.vmap(lambda *a, one=one: one.function(*a[:-1]), (*axes, 0))
            found.append(at_one_point(*operands, over_runs[0]))
        return found

    kinds = [(a.dtype, a.shape[:-1]) for a in over_runs]
    found = native.compile_runs(function, (of_all,), kinds)(of_all, over_runs)
    for (one, places), result in zip(plan, found, strict=True):
        operands = [
            over_runs[k] if is_wide else np.repeat(of_all[k][..., None], RUNS, axis=-1)
            for is_wide, k in places
        ]
        with np.errstate(all="ignore"):
            expected = np.asarray(one.oracle(*operands))
        assert_bits(result, expected, one.any_nan, (name, one.operands, places))


def primitives(one: Case) -> list[str]:
    examples = [jax.ShapeDtypeStruct(shape, np.dtype(dtype)) for dtype, shape in one.operands]
    return [e.primitive.name for e in jax.make_jaxpr(one.function)(*examples).eqns]


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule(name: str):
    assert all(primitives(one) == [name] for one in CASES[name])
    check(name)


def test_every_rule_has_cases():
    assert set(CASES) == set(RULES)
    assert len(special("float64")) ** 2 <= RUNS
    assert RUNS % native.HOST.width == 0
    assert RUNS >= 4 * native.HOST.width


# -- whole programs --------------------------------------------------------------------------


def compiled(function: Any, *arrays: np.ndarray, given: Any = ()) -> Sequence[np.ndarray]:
    """The outputs for arrays with runs along their last axis."""
    kinds = [(a.dtype, a.shape[:-1]) for a in arrays]
    return native.compile_runs(function, given, kinds)(jax.tree.leaves(given), arrays)


def normal(seed: int, shape: tuple[int, ...] = (RUNS,)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_every_product_and_sum_is_rounded_on_its_own():
    x, y, z = (normal(seed) for seed in range(3))
    found, zero = compiled(lambda x, y, z: (x * y + z, x * y - x * y), x, y, z)
    np.testing.assert_array_equal(found, x * y + z)
    np.testing.assert_array_equal(zero, 0.0)
    # Rounded once, as a contraction would, an eighth or more would differ: mpmath is exact.
    with mpmath.workdps(60):
        once = [float(mpmath.mpf(a) * mpmath.mpf(b) + mpmath.mpf(c)) for a, b, c in zip(x, y, z)]  # noqa: B905
    assert (np.array(once) != found).mean() > 0.1


def mixture(x: Any, y: Any) -> Any:
    """Something of everything: a loop, a choice, a root, bits, and numbers that underflow."""

    def shrink(carry: Any) -> Any:
        i, x, y = carry
        length = jnp.sqrt(x * x + y * y)
        return i + 1, jnp.where(length > 0, x / length, 0.0) * 1e-3, jnp.maximum(y - x, -y) * 0.1

    _, x, y = lax.while_loop(lambda carry: carry[0] < 9, shrink, (np.int32(0), x, y))
    return x, y * 1e-300, lax.bitcast_convert_type(x, jnp.int64) & 0xFFF


POINTS = normal(5), normal(6) * 10.0 ** np.resize(np.arange(-320.0, 300.0, 7.0), RUNS)
KINDS = [(np.dtype(np.float64), ())] * 2


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    return [np.asarray(a).tobytes() for a in compiled(mixture, *POINTS)]


def assert_as(found: Sequence[np.ndarray], expected: list[bytes]) -> None:
    assert [a.tobytes() for a in found] == expected


@pytest.mark.parametrize("width", [8, 32, 64])
def test_the_number_of_runs_in_a_vector_changes_nothing(expected, width, monkeypatch):
    set_width(monkeypatch, width)
    text, *_ = machine._translate(mixture, (), KINDS)
    assert set(re.findall(r"<(\d+) x ", machine.HOST.fill(text))) == {str(width)}
    assert_as(compiled(mixture, *POINTS), expected)


def test_the_processor_changes_nothing(expected, monkeypatch):
    def plain() -> str:
        return {"x86_64": "x86-64", "AMD64": "x86-64"}.get(platform.machine(), "generic")

    def nothing() -> Any:
        raise RuntimeError

    monkeypatch.setattr(llvm, "get_host_cpu_name", plain)
    monkeypatch.setattr(llvm, "get_host_cpu_features", nothing)
    set_host(monkeypatch, target._host())
    assert native.HOST.features == ""
    assert_as(compiled(mixture, *POINTS), expected)


def test_a_run_does_not_depend_on_the_others(expected):
    program = native.compile_runs(mixture, (), KINDS)
    order = np.random.default_rng(1).permutation(RUNS)
    for which in (order, np.arange(native.HOST.width), np.repeat(order[:5], native.HOST.width)):
        found = program((), [a[which] for a in POINTS])
        assert_as(found, [np.frombuffer(e)[which].tobytes() for e in expected])


def test_threads_do_not_meet(expected):
    program = native.compile_runs(mixture, (), KINDS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: program((), POINTS), range(200)):
            assert_as(found, expected)


@pytest.mark.parametrize("n", [0, 1, native.HOST.width - 1, native.HOST.width + 1])
def test_numbers_of_runs_that_would_leave_memory_are_refused(n: int):
    program = native.compile_runs(mixture, (), KINDS)
    with pytest.raises(ValueError, match=f"a multiple of {native.HOST.width}, > 0; got {n}"):
        program((), [np.ones(n)] * 2)


# -- what is left to XLA ---------------------------------------------------------------------


FLOAT, VECTOR, BOOL, INTEGER = (("float64", ()), ("float64", (3,)), ("bool", ()), ("int64", ()))


def own_length(x: Any) -> Any:
    return lax.while_loop(lambda x: x < 9.0, lambda x: 2 * x, x)


def own_choice(x: Any) -> Any:
    return lax.cond(x > 0, lambda x: x, lambda x: x * 3, x)


def switch(which: Any, x: Any) -> Any:
    return lax.switch(which, [lambda x: x, lambda x: -x, lambda x: 2 * x], x)


def long_program(x: Any) -> Any:
    for _ in range(401):
        x = x + x
    return x


#: Why, what, its operands over runs, and those that are the same for all runs.
REFUSED: list[tuple[str, Any, tuple, tuple]] = [
    ("a loop whose length differs between runs", jax.vmap(own_length), (FLOAT,), ()),
    ("the operation scan", lambda x: lax.fori_loop(0, 3, lambda _, x: 2 * x, x), (FLOAT,), ()),
    ("the operation clamp", lambda which, x: switch(which, x), (FLOAT,), (np.int32(1),)),
    ("the sum over runs", lambda x: x - jnp.sum(x), (FLOAT,), ()),
    ("the sum over runs", lambda x: x - x.sum(axis=0, keepdims=True), (VECTOR,), ()),
    ("the max over runs", lambda x: x - jnp.max(x), (FLOAT,), ()),
    ("the or over runs", lambda x: x + jnp.any(x > 0), (VECTOR,), ()),
    ("the or over runs", lambda x: x + lax.reduce_or(x, (0,)), (INTEGER,), ()),
    ("a sum over runs", lambda x: x * jnp.dot(x, x), (FLOAT,), ()),
    ("each run multiplied by each", lambda x, y: x + (x @ y.T)[:, :3], (VECTOR, VECTOR), ()),
    ("products of integers", jax.vmap(jnp.dot), (("int64", (3,)),) * 2, ()),
    ("powers of integers", lambda x: lax.integer_pow(x, 3), (INTEGER,), ()),
    ("more than 128 multi", lambda m, x: x @ m, (("float64", (12,)),), (np.ones((12, 11)),)),
    ("another axis than the first", lambda x: x.T + x.T, (VECTOR,), ()),
    ("the operation rev", lambda x: x[::-1], (FLOAT,), ()),
    ("from other numbers in each run", jax.vmap(lambda x, i: x[i]), (VECTOR, INTEGER), ()),
    ("a choice of runs", lambda x: x[np.array([1, 0])] + x[:2], (FLOAT,), ()),
    ("a choice by two numbers", lambda a, i: a[i, i], (INTEGER,), (np.eye(3),)),
    ("among more than 64 numbers", lambda a, i: a[i], (INTEGER,), (np.arange(65.0),)),
    ("what lies outside", lambda x: x.at[:, np.array([0, 7])].get(mode="fill"), (VECTOR,), ()),
    ("the operation sort", lambda x: jnp.sort(x, axis=1), (VECTOR,), ()),
    ("the operation lgamma", lax.lgamma, (FLOAT,), ()),
    ("the operation digamma", jax.jit(lambda x: x * lax.digamma(-x)), (FLOAT,), ()),
    ("a division of integers", lax.div, (INTEGER, INTEGER), ()),
    ("abs of integers", lax.abs, (INTEGER,), ()),
    ("the sign of integers", lax.sign, (INTEGER,), ()),
    ("the complement of integers", lax.bitwise_not, (INTEGER,), ()),
    ("a conversion from float64 to int64", lambda x: x.astype(int), (FLOAT,), ()),
    ("a conversion from int64 to bool", lambda x: x.astype(bool), (INTEGER,), ()),
    ("arrays of float32", lambda x: x + x.astype(np.float32), (FLOAT,), ()),
    ("arrays of uint8", lambda x: x + x, (("uint8", ()),), ()),
    ("the bits of float64 as int32", lambda x: lax.bitcast_convert_type(x, np.int32), (FLOAT,), ()),
    ("a selection by numbers", jax.vmap(own_choice), (FLOAT,), ()),
    ("of more than two", lambda k, x: lax.select_n(k, x, -x, x), (FLOAT,), (np.int32(2),)),
    ("a constant for each run", lambda x: x + np.arange(7919.0), (FLOAT,), ()),
    ("an axis of length 7919", lambda a, x: x + a.max(), (FLOAT,), (np.ones(7919),)),
    ("an empty array", lambda x: x.sum(axis=1), (("float64", (0,)),), ()),
    ("more than 14000 instructions", long_program, (("float64", (100,)),), ()),
    ("more than 14000 instructions", lambda x: x + 1.0, (("float64", (14000,)),), ()),
    ("a part of the runs", lambda x: x[1:] + x[:-1], (FLOAT,), ()),
    ("runs put together", lambda x: jnp.concatenate([x, x]), (FLOAT,), ()),
    ("with its axes changed", lambda x: x.reshape(3, 7919), (VECTOR,), ()),
    ("with its axes changed", lambda x: jnp.broadcast_to(x, (2, *x.shape)), (FLOAT,), ()),
    ("the same for all runs", lambda a, x: (x, a), (FLOAT,), (np.float64(1),)),
]


@pytest.mark.parametrize(("reason", "function", "over_runs", "given"), REFUSED)
def test_what_is_not_elementwise_is_refused(reason, function, over_runs, given):
    kinds = [(np.dtype(dtype), shape) for dtype, shape in over_runs]
    with pytest.raises(native.NotElementwise, match=reason):
        native.compile_runs(function, given, kinds)


def test_the_number_that_stands_for_the_runs_is_the_one_used_here():
    assert TRACED == 7919
