"""What counts as a number, and what is refused in its place, wherever a number is asked for."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas
import pytest
import sympy
import xarray

from dynamics import (
    ASAM,
    SAM,
    Criteria,
    HeavyBall,
    LpSAM,
    SampleOrder,
    UnifiedSAM,
    ensemble,
    normal_starts,
    sweep,
    trajectory,
    uniform_starts,
)
from landscapes import Formula, LinearNeuron, LogCoshRidge, Quadratic, Ravine
from landscapes.checks import positive_number, real_array, real_number, short_number, whole_number

NUMBERS: list[Any] = [
    0.25, Fraction(1, 4), Decimal("0.25"), sympy.Rational(1, 4), sympy.Float(0.25),
    sympy.sqrt(sympy.Rational(1, 16)), np.float32(0.25), np.float64(0.25), np.array(0.25),
    np.array(Fraction(1, 4), dtype=object), jnp.asarray(0.25), xarray.DataArray(0.25),
]  # fmt: skip
ARRAYS: list[Any] = [
    [0.25, 2], (Fraction(1, 4), Decimal(2)), [sympy.Rational(1, 4), sympy.Integer(2)],
    [np.array(0.25), sympy.Integer(2)], pandas.Series([0.25, 2]), pandas.Index([0.25, 2]),
    pandas.Series([0.25, 2], dtype="Float64"), pandas.Series([Fraction(1, 4), 2]),
    np.array([Decimal("0.25"), 2], dtype=object), jnp.array([0.25, 2]),
    xarray.DataArray([0.25, 2], dims="eta"), np.array([0.25, 2], dtype=np.longdouble),
]  # fmt: skip
NO_NUMBERS: list[Any] = [
    True, np.bool_(True), np.array(True), "0.25", b"0.25", None, 0.25j, sympy.I, sympy.Symbol("x"),
    sympy.nan, sympy.oo, sympy.zoo, math.nan, math.inf, Decimal("NaN"), Decimal("1e999"),
    Fraction(10**400), 10**400, sympy.true, np.datetime64("2020-01-01"), pandas.NA,
    np.ma.masked, np.ma.masked_array(0.25), {}, object(), (one for one in (1, 2)),
]  # fmt: skip
NO_ARRAYS: list[Any] = [
    [0.25, True], (np.bool_(False), 0.25), [[0.25, 2], [True, 1]], np.array([True, False]),
    [0.25, "2"], [0.25, None], [0.25, [2]], [0.25, 2j], pandas.Series([0.25, None]),
    pandas.Series([0.25, pandas.NA], dtype="Float64"), pandas.Series([True, False]),
    np.ma.masked_array([0.25, 2]), np.ma.masked_array([0.25, 2], [True, False]),
    [0.25, np.ma.masked], [np.ma.masked_array([0.25, 2])], pandas.Series(["0.25", "2"]),
    np.array([0.25, True], dtype=object), {0.25, 2.0}, {"a": 0.25},
]  # fmt: skip


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_what_stands_for_a_number_is_one(value: Any):
    found = real_number("eta", value)
    assert type(found) is float and found == 0.25
    assert real_array("eta", value, ndim=(0, 1), accepted="a number") == 0.25


@pytest.mark.parametrize("value", ARRAYS, ids=repr)
def test_what_stands_for_numbers_is_an_array_of_its_own(value: Any):
    found = real_array("eta", value, ndim=1, accepted="numbers")
    assert type(found) is np.ndarray and found.dtype == np.float64
    np.testing.assert_array_equal(found, [0.25, 2.0])
    found[0] = 7.0  # what was given is left as it was
    np.testing.assert_array_equal(real_array("eta", value, ndim=1, accepted=""), [0.25, 2.0])


@pytest.mark.parametrize("value", NO_NUMBERS + NO_ARRAYS)
def test_what_is_no_number_is_refused_in_one_sentence(value: Any):
    with pytest.raises(ValueError, match=r"^eta must be .*; got .") as refused:
        real_array("eta", value, ndim=(0, 1, 2), accepted="a number or a list")
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def test_refusals_say_what_is_wrong_and_what_to_do():
    for value, says in (
        (np.ma.masked_array([1.0, 2.0]), r"got a masked array, .* \.compressed\(\) or \.filled"),
        (True, "got True, a truth value"),
        (math.nan, "must be finite; got nan$"),
        ([1.0, math.inf], r"must be finite; got inf among \[1.0, inf\]"),
        ([[1.0]], r"got an array of shape \(1, 1\)"),
        ([], "got an empty array"),
    ):
        with pytest.raises(ValueError, match=says):
            real_array("eta", value, ndim=(0, 1), accepted="a number or a list")
    with pytest.raises(ValueError, match=r"whole number >= 1; got 100\.0, a float; write 100$"):
        whole_number("n", 1e2, minimum=1)
    with pytest.raises(ValueError, match=r"scale must be positive and finite; got -1$"):
        positive_number("scale", -1)


def test_whole_numbers():
    for value in (3, np.int8(3), np.array(3), sympy.Integer(3), jnp.asarray(3)):
        found = whole_number("n", value, minimum=1, maximum=3)
        assert type(found) is int and found == 3
    for value in (True, np.True_, 3.0, "3", None, 4, 0, np.array([3]), np.ma.array(3), Fraction(3)):
        with pytest.raises(ValueError, match="n must be a whole number >= 1 and <= 3; got"):
            whole_number("n", value, minimum=1, maximum=3)


@pytest.mark.parametrize("value", [3.0, 0.1, 1 / 3, 4.123456789, 1e-300, 123456789.0])
def test_a_short_number_reads_as_the_same_number(value: float):
    assert float(short_number(value)) == value
    assert short_number(3.0) == "3"


def test_every_entry_reads_numbers_alike():
    """What takes a number takes all of them: one representative each, and one that is none."""
    quarter, none = Fraction(1, 4), np.ma.masked_array([0.25])
    takes: list[tuple[Any, Any]] = [
        (lambda v: HeavyBall(v), HeavyBall(0.25)),
        (lambda v: ASAM(v), ASAM(0.25)),
        (lambda v: UnifiedSAM(v), UnifiedSAM(0.25)),
        (lambda v: Criteria(gradient_tolerance=v), Criteria(gradient_tolerance=0.25)),
        (lambda v: repr(Quadratic((1, v))), repr(Quadratic((1, 0.25)))),
        (lambda v: repr(Ravine(v)), repr(Ravine(0.25))),
        (lambda v: repr(LogCoshRidge((1, 2), v, 0.5)), repr(LogCoshRidge((1, 2), 0.25, 0.5))),
        (lambda v: repr(Formula("a*x**2", a=v)), repr(Formula("a*x**2", a=0.25))),
        (lambda v: normal_starts(2, 3, scale=v).tolist(), normal_starts(2, 3, scale=0.25).tolist()),
        (lambda v: uniform_starts(2, low=[v], high=[1]).sum(), uniform_starts(2, low=[0.25], high=[1]).sum()),  # noqa: E501
        (lambda v: Quadratic((1, 2))._at([v, 1], "loss"), Quadratic((1, 2))._at([0.25, 1], "loss")),
    ]  # fmt: skip
    for make, same in takes:
        for value in (quarter, Decimal("0.25"), sympy.Rational(1, 4)):
            assert make(value) == same
        for bad in (none, True, "0.25"):
            with pytest.raises(ValueError, match=r"must be .*; got"):
                make(bad)
    more: Any = Fraction(5, 4)
    assert LpSAM(more) == LpSAM(1.25)
    assert LinearNeuron("power", exponent=more).exponent == 1.25
    assert hash(HeavyBall(np.array(0.25))) == hash(HeavyBall(0.25))  # type: ignore[arg-type]
    assert SampleOrder(np.array(2), np.int64(1)) == SampleOrder(2, 1)  # type: ignore[arg-type]
    assert hash(Criteria(check_every=np.array(7))) == hash(Criteria(check_every=7))  # type: ignore[arg-type]


def test_runs_are_the_same_whatever_the_numbers_are_written_in():
    loss = Quadratic((2.0, 0.5))
    given = {"eta": pandas.Series([0.25, 0.5]), "rho": sympy.Rational(1, 8)}
    start = pandas.DataFrame({"x": [1.0], "y": [Fraction(1, 2)]})
    plain = {"eta": [0.25, 0.5], "rho": 0.125}
    n_steps: Any = np.array(20)
    one = sweep(loss, SAM, **given, starts=start, n_steps=n_steps)
    other = sweep(loss, SAM, **plain, starts=[(1.0, 0.5)], n_steps=20)
    assert one.identical(other)
    listed = ensemble(loss, SAM, **given, starts=start, n_steps=n_steps)
    np.testing.assert_array_equal(listed.final, np.squeeze(one.final.values))
    path = trajectory(loss, SAM, (1, Decimal("0.5")), eta=Fraction(1, 4), rho=0.125, n_steps=20)  # type: ignore[arg-type]
    same = trajectory(loss, SAM, np.array((1, 0.5)), eta=0.25, rho=0.125, n_steps=20)
    np.testing.assert_array_equal(path, same)
