"""Machine code for runs: loops, branches and calls do what the same program does in Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dynamics.engine import native
from dynamics.engine.native import machine
from tests.support.native_cases import RUNS


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((*shape, RUNS))


X, Y, V = normal(0), normal(1), normal(2, 3)
FLAGS = X > 0.3


class Translated:
    """A program of what is the same for all runs and of arrays over runs, compiled once."""

    def __init__(self, function: Callable[..., Any], given: Sequence[Any], *arrays: np.ndarray):
        self._arrays = arrays
        kinds = [(a.dtype, a.shape[:-1]) for a in arrays]
        self.text, *_ = machine._translate(function, given, kinds)
        self._program = native.compile_runs(function, given, kinds)

    def __call__(self, *given: Any) -> Sequence[np.ndarray]:
        return self._program(given, self._arrays)


def assert_equal(found: Sequence[np.ndarray], expected: Sequence[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.asarray(other).dtype
        np.testing.assert_array_equal(one, np.broadcast_to(other, one.shape))


TIMES = (0, 1, 2, 7)


# -- loops -----------------------------------------------------------------------------------


def carrying(n: Any, factor: Any, x: Any, y: Any, v: Any, flags: Any) -> Any:
    """A loop of n steps with carries of every kind; some change places, one never changes."""

    def body(carry: Any) -> Any:
        i, scalar, x, y, v, flags, counts, small, kept, _ = carry
        return (
            i + 1, scalar * factor, y, x + scalar, v * x[:, None] + scalar, ~flags,
            counts + flags, small - np.int8(100), kept, jnp.full_like(x, -0.0),
        )  # fmt: skip

    begin = (
        np.int32(0), factor, x, y, v, flags, jnp.zeros_like(x, int), jnp.ones_like(x, np.int8),
        y, jnp.zeros_like(x),
    )  # fmt: skip
    i, scalar, *others = lax.while_loop(lambda carry: carry[0] < n, body, begin)
    return *others, x + scalar, y * i


def carrying_in_python(n: int, factor: float) -> Sequence[Any]:
    scalar, x, y, v, flags = factor, X, Y, V, FLAGS
    counts, small, constant = np.zeros(RUNS, int), np.ones(RUNS, np.int8), np.zeros(RUNS)
    for _ in range(n):
        x, y, v, counts = y, x + scalar, v * x + scalar, counts + flags
        scalar, flags, small = scalar * factor, ~flags, small - np.int8(100)
        constant = np.full(RUNS, -0.0)
    return x, y, v, flags, counts, small, Y, constant, X + scalar, Y * n


def test_a_loop_takes_as_many_steps_as_it_is_told():
    program = Translated(carrying, (np.int32(0), np.float64(0)), X, Y, V, FLAGS)
    for n in TIMES:
        found = program(np.int32(n), np.float64(0.7))
        assert_equal(found, carrying_in_python(n, 0.7))
        # −0 is equal to 0, and another number.
        assert np.signbit(found[-3]).all() == (n > 0)


def test_a_loop_of_a_number_of_steps_that_is_known():
    for n in TIMES:
        # The predicate of no step at all is a constant.
        program = Translated(lambda *a, n=n: carrying(np.int32(n), *a), (np.float64(0),), X, Y, V,
                             FLAGS)  # fmt: skip
        assert_equal(program(np.float64(0.7)), carrying_in_python(n, 0.7))
    never = Translated(lambda x: lax.while_loop(lambda _: False, lambda x: x + 1, x), (), X)
    assert_equal(never(), (X,))


def triangle(n: Any, x: Any, v: Any) -> Any:
    """Loops in a loop: one whose length is the outer one's step, one after it, one in a predicate.

    The product of the first is used after both.
    """

    def inner(i: Any, x: Any, v: Any) -> Any:
        return lax.while_loop(
            lambda c: c[0] < i, lambda c: (c[0] + 1, c[1] * 0.9 + c[2][:, 0], c[2] * c[1][:, None]),
            (np.int32(0), x, v),
        )  # fmt: skip

    def outer(carry: Any) -> Any:
        i, x, v = carry
        _, ahead, v = inner(i, x, v)
        _, _, w = inner(2 - i, x, v)
        return i + 1, ahead - x, w + v * 0.1

    def go_on(carry: Any) -> Any:
        return lax.while_loop(lambda k: k < 3, lambda k: k + 2, np.int32(0)) * carry[0] < 4 * n

    return lax.while_loop(go_on, outer, (np.int32(0), x, v))[1:]


def triangle_in_python(n: int) -> Sequence[Any]:
    def inner(i: int, x: Any, v: Any) -> Any:
        for _ in range(i):
            x, v = x * 0.9 + v[0], v * x
        return x, v

    x, v = X, V
    for i in range(n):
        ahead, v = inner(i, x, v)
        w = inner(2 - i, x, v)[1]
        x, v = ahead - x, w + v * 0.1
    return x, v


def test_loops_in_loops():
    program = Translated(triangle, (np.int32(0),), X, V)
    for n in (0, 1, 2, 4):
        assert_equal(program(np.int32(n)), triangle_in_python(n))
    # The innermost are functions of their own, and nothing else is.
    called = re.findall(r"call void @(\w+)", program.text)
    assert sorted(called) == sorted(re.findall(r"define internal void @(\w+)", program.text))
    assert len(set(called)) == len(called) == 3


def test_a_loop_that_is_made_twice_from_one_function():
    def doubled(n: Any, x: Any) -> Any:
        return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, 2 * c[1]), (0, x))[1]

    program = Translated(lambda n, x: (doubled(n, x) + doubled(2 * n, x + 1.0),), (0,), X)
    assert_equal(program(3), (8 * X + 64 * (X + 1),))


# -- branches --------------------------------------------------------------------------------


def choosing(flag: Any, deeper: Any, x: Any, v: Any) -> Any:
    def yes(x: Any, v: Any) -> Any:
        # Constants, a scalar, and what was given, in another order.
        return jnp.full_like(x, 3.0), x, jnp.zeros_like(v), x > 0, np.float64(1.5)

    def no(x: Any, v: Any) -> Any:
        inside = lax.cond(deeper, lambda x: -x, lambda x: x * x, x)
        looped = lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, c[1] + x), (0, inside))
        return inside, looped[1], v + x[:, None], jnp.zeros_like(x, bool), np.float64(0.5)

    *arrays, scalar = lax.cond(flag, yes, no, x, v)
    return *arrays, x * scalar


def test_both_ways_of_a_branch():
    program = Translated(choosing, (np.bool_(False), np.bool_(False)), X, V)
    for deeper in (False, True):
        expected = np.full(RUNS, 3.0), X, np.zeros_like(V), X > 0, X * 1.5
        assert_equal(program(np.bool_(True), np.bool_(deeper)), expected)
        inside = -X if deeper else X * X
        expected = inside, inside + X + X, V + X, np.zeros(RUNS, bool), X * 0.5
        assert_equal(program(np.bool_(False), np.bool_(deeper)), expected)


def test_a_choice_in_a_loop_and_the_value_it_hands_on():
    def body(carry: Any) -> Any:
        i, x, seen = carry
        twice = lambda x, seen: (x * 2, jnp.ones_like(seen))  # noqa: E731
        x, seen = lax.cond((i == 1) | (i == 3), twice, lambda x, seen: (x + 1, seen), x, seen)
        return i + 1, x, seen

    def looped(n: Any, x: Any) -> Any:
        begin = (0, x, jnp.zeros_like(x, bool))
        return lax.while_loop(lambda carry: carry[0] < n, body, begin)[1:]

    program = Translated(looped, (0,), X)
    for n in range(6):
        x, seen = X, False
        for i in range(n):
            x, seen = (x * 2, True) if i in (1, 3) else (x + 1, seen)
        assert_equal(program(n), (x, np.full(RUNS, seen)))


def test_a_choice_between_runs_is_a_selection():
    def choose(x: Any) -> Any:
        return jnp.where(x > 0, jnp.sqrt(x), x * 3)

    program = Translated(lambda x: (jax.vmap(choose)(x),), (), X)
    assert_equal(program(), (np.where(X > 0, np.sqrt(np.abs(X)), X * 3),))


def skipping(x: Any) -> Any:
    """What no run needs is skipped; who does not need it is not touched by it."""
    large = x > 2.0
    halved = lax.cond(jnp.any(large), lambda x: jnp.where(large, x / 2, x), lambda x: x, x)
    squared = lax.cond(jnp.all(large), lambda x: x * x, lambda x: jnp.where(large, x * x, x), x)
    return halved, squared


def test_what_no_run_of_a_vector_needs_is_skipped():
    program = Translated(skipping, (), X)
    width = native.HOST.width
    for x in (X, np.zeros(RUNS), np.full(RUNS, 3.0), np.repeat([1.0, 5.0], [width + 1, width - 1])):
        expected = np.where(x > 2, x / 2, x), np.where(x > 2, x * x, x)
        assert_equal(program._program((), [x]), expected)


# -- calls and constants ---------------------------------------------------------------------


def test_calls_of_every_kind():
    @jax.custom_jvp
    def with_jvp(x: Any) -> Any:
        return x * 3

    @jax.custom_vjp
    def with_vjp(x: Any) -> Any:
        return x - 1

    with_jvp.defjvp(lambda p, t: (with_jvp(*p), t[0]))
    with_vjp.defvjp(lambda x: (x - 1, None), lambda _, g: (g,))

    @jax.jit
    def inner(x: Any, y: Any) -> Any:
        return y, x, jax.jit(lambda x: x * y)(x)

    def calls(x: Any, y: Any) -> Any:
        return *inner(x, y), with_jvp(x), with_vjp(x), jax.nn.relu(x), *inner(y, y)

    program = Translated(calls, (), X, Y)
    positive = np.where(X > 0, X, 0.0)
    assert_equal(program(), (Y, X, X * Y, X * 3, X - 1, positive, Y, Y, Y * Y))


@pytest.mark.slow
def test_a_long_call_that_is_made_twice_is_one_function():
    @jax.jit
    def long(x: Any, scale: Any) -> Any:
        for _ in range(400):
            x = x * scale + 1.0
        return x, scale, -0.0

    def calls(scale: Any, x: Any, v: Any) -> Any:
        once, also, zero = long(x, scale)
        again, *_ = long(once, scale)
        # Of other shapes it is another; of what is the same for all runs, though not to JAX, it is
        # the same one.
        alike, *_ = long(jnp.full_like(x, 0.5), scale)
        other_shape, *_ = long(v, scale)
        return again, x * also, x * 0 + zero, other_shape, x * alike

    program = Translated(calls, (0.5,), X, V)

    def expected(x: np.ndarray) -> np.ndarray:
        for _ in range(400):
            x = x * 0.5 + 1.0
        return x

    twice, alike = expected(expected(X)), expected(np.full_like(X, 0.5))
    assert_equal(program(0.5), (twice, X * 0.5, X * 0 - 0.0, expected(V), X * alike))
    assert len(re.findall(r"define internal void @call", program.text)) == 2
    assert len(re.findall(r"call void @call", program.text)) == 4


def test_constants_keep_every_bit():
    floats = np.array([-0.0, np.nan, 5e-324, -np.inf, 2 / 3])
    payload = np.array([0x7FF8_0000_0000_0123, 0xFFF8_0000_0000_0456], np.uint64).view(float)
    most = np.array([np.iinfo(np.uint64).max, 2**63], dtype=np.uint64)
    least = np.array([np.iinfo(np.int64).min, -1])
    flags = np.array([True, False])
    arrays = floats, payload, most, least, flags

    def constants(x: Any) -> Any:
        return [jnp.where(x == x, a, np.zeros_like(a)) for a in arrays]

    found = Translated(jax.vmap(constants), (), X)()
    for one, other in zip(found, arrays, strict=True):
        assert one.tobytes() == np.repeat(other[:, None], RUNS, axis=1).tobytes()
