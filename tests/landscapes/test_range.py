"""What is finite is found although parts of its formula overflow or underflow."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy

from dynamics import GD, SAM, Outcome, sweep
from dynamics.engine import programs
from dynamics.engine.native_program import NativeProgram
from landscapes import Formula
from landscapes.expressions.expression import evaluate
from landscapes.expressions.functions import LogCosh
from landscapes.expressions.wide import Wide, WideArithmetic

EPS = np.finfo(np.float64).eps
NUMPY = WideArithmetic(np, np.float64)
X, Y = sympy.symbols("x y", real=True)

# One of each kind; the others of the kind differ in what stands where.
TEXTS = [
    "log(1+exp(x))", "log(3*exp(2*x+1)+exp(-x)/2)", "log(sinh(x)^2+cosh(x))", "1/(exp(-x)+1)",
    "exp(x)/(exp(x)+1) - exp(2*x)/(exp(x)+1)^2", "sinh(x)/cosh(x)", "x/sqrt(x^2+1)",
    "log(x^2+1)+(1+x^2)^(1/3)", "x^3*exp(-x)+x^2/(1+x^2)", "cosh(x)-sinh(x)",
    "sqrt(x^2+y^2+1)", "exp(x)/(exp(x)+exp(y))",
]  # fmt: skip
AT = (1e3, -1e3, 800.0, -30.0, 0.7, 1e-200, 1e160, -1e160)


def exact(expression: Any, point: tuple[sympy.Symbol, ...], w: np.ndarray) -> float | None:
    """The value by mpmath, whose exponents have no end; None where it is no real number."""
    # Up to 1e160, beside whose square 1 is to be seen.
    with mpmath.workdps(30 if np.abs(w).max() < 1e100 else 360):
        try:
            value = sympy.lambdify(point, expression, "mpmath")(*map(mpmath.mpf, w))
        except (ZeroDivisionError, OverflowError):
            return None
        return float(value) if mpmath.isfinite(value) else None


def quantities(formula: Formula, of: str) -> tuple[Any, list[Any]]:
    symbolic = formula.symbolic()
    plain: Any = symbolic.expression.replace(LogCosh, lambda s: sympy.log(sympy.cosh(s)))
    entries: list[Any] = [plain]
    for _ in range(("loss", "gradient", "hessian").index(of)):
        entries = [sympy.diff(e, w) for e in entries for w in symbolic.point]
    return symbolic.point, entries


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS)
def test_values_and_derivatives_are_those_of_mpmath_at_extreme_points(text: str):
    formula = Formula(text)
    points = np.array([(a, b)[: formula.dim] for a, b in zip(AT, AT[3:] + AT[:3], strict=True)])
    compared = 0
    for of in ("loss", "gradient", "hessian"):
        point, entries = quantities(formula, of)
        found = getattr(formula, of)(points).reshape(len(points), -1)
        for w, row in zip(points, found, strict=True):
            for entry, value in zip(entries, row, strict=True):
                expected = exact(entry, point, w)
                if expected is None or np.isinf(expected):
                    continue
                compared += 1
                # A dozen roundings of terms no larger than 1 or the value; an exponent rounds eˢ
                # by |s|ε, where |s| < 1e3 or nothing is left of it. Polynomial terms that cancel
                # at 1e3 are below 10.
                size = max(1.0, abs(expected))
                assert abs(value - expected) <= 12 * EPS * size * 1e3, (of, w, value, expected)
    assert compared > len(points)


def test_without_care_the_same_readings_overflow():
    expression = sympy.log(1 + sympy.exp(X))
    with np.errstate(all="ignore"):
        plain, careful = (
            float(evaluate([expression], {X: np.float64(800.0)}, np, in_range=on)[0])
            for on in (False, True)
        )
    assert (plain, careful) == (np.inf, 800.0)


def test_small_values_keep_their_digits():
    found = Formula("log(1+exp(x))").loss(np.array([[-50.0], [-700.0]]))
    np.testing.assert_allclose(found, np.exp([-50.0, -700.0]), rtol=700 * EPS)
    norm = Formula("sqrt(x^2+y^2+1e-40*x^2)").loss(np.array([3e-200, 4e-200]))
    np.testing.assert_allclose(norm, 5e-200, rtol=4 * EPS)


def test_what_is_truly_infinite_is_infinite_and_what_is_no_number_is_none():
    assert Formula("exp(x)+x^2").loss(np.array([800.0])) == np.inf
    assert Formula("log(1+exp(x^2))").loss(np.array([1e200])) == np.inf
    assert np.isnan(Formula("log(x+x^2)").loss(np.array([-0.5])))
    assert Formula("log(x^2)+x^2*0+y").loss(np.array([0.0, 1.0])) == -np.inf


@pytest.mark.slow
@pytest.mark.parametrize("text", ["log(1+exp(x*y))", "sqrt(1+x^2+y^2)", "x^2/(1+y^2)+y^2"])
def test_machine_code_and_derivatives_by_jax_have_it_too(text: str):
    formula = Formula(text)
    made = programs.program(formula, SAM, "cpu")
    assert type(made) is NativeProgram
    w, v = np.array([0.3, -0.7]), np.array([1.1, 0.4])
    with jax.enable_x64(True):
        loss_slope = jax.grad(formula._loss_at)(jnp.asarray(w))
        turned = jax.jvp(formula._gradient_at, (jnp.asarray(w),), (jnp.asarray(v),))[1]
    np.testing.assert_allclose(loss_slope, formula.gradient(w), rtol=32 * EPS)
    np.testing.assert_allclose(turned, formula.hessian(w) @ v, rtol=32 * EPS)


@pytest.mark.slow
def test_single_precision_is_in_range_as_well():
    found = Formula("log(1+exp(x))").loss(jnp.array([[100.0], [-50.0], [1e30]], dtype=jnp.float32))
    np.testing.assert_allclose(found, [100.0, np.exp(-50.0), 1e30], rtol=60 * 2.0**-23)


@pytest.mark.slow
def test_gradient_descent_walks_down_from_where_exp_overflows():
    # A step of ½ where the slope is 1, then to 0, where the curvature is ½.
    runs = sweep(
        Formula("log(1+exp(-x))+log(1+exp(x))"), GD, eta=0.5, starts=[[800.0]], n_steps=5000
    )
    assert runs.outcome.item() == Outcome.CONVERGED
    assert abs(runs.final.item()) < 1e-9


# -- wide numbers --------------------------------------------------------------------------------

SIZES = [0.0, 5e-324, 1e-300, 2e-77, 1.0, 1 / 3, 7e76, 3e200, np.finfo(float).max]


def test_an_ordinary_number_passes_through_unchanged():
    values = np.array([*SIZES, *(-v for v in SIZES)])
    np.testing.assert_array_equal(NUMPY.narrow(NUMPY.wide(values)), values)
    wide = NUMPY.wide(values[1:8])
    assert (np.abs(wide.m) < NUMPY.root).all() and (np.abs(wide.m) >= 1 / NUMPY.root).all()


def test_arithmetic_is_that_of_mpmath():
    values = np.array([v for v in SIZES if v > 0])
    a, b = (v.ravel() for v in np.meshgrid(values, values))
    one, other = NUMPY.wide(a), NUMPY.wide(b)
    operations: dict[str, tuple[Wide, Any]] = {
        "product": (NUMPY.product([one, other]), lambda s, t: s * t),
        "quotient": (NUMPY.quotient(one, other), lambda s, t: s / t),
        "sum": (NUMPY.total([one, other]), lambda s, t: s + t),
        "power": (NUMPY.power(one, 7), lambda s, t: s**7),
        "root": (NUMPY.root_of(one, 2), lambda s, t: mpmath.sqrt(s)),
        "fifth root": (NUMPY.root_of(one, 5), lambda s, t: mpmath.root(s, 5)),
    }
    for name, (found, of) in operations.items():
        for k in range(len(a)):
            with mpmath.workdps(40):
                expected = of(mpmath.mpf(a[k]), mpmath.mpf(b[k]))
                got = mpmath.mpf(found.m[k]) * mpmath.mpf(NUMPY.base) ** int(found.i[k])
                # 1/5 is rounded, and the logarithm of m is at most 178.
                most = 200 if name == "fifth root" else 8
                assert abs(got / expected - 1) < most * EPS, (name, a[k], b[k])


@pytest.mark.slow
def test_zero_infinity_and_no_number():
    with np.errstate(all="ignore"):
        zero, one = NUMPY.wide(0.0), NUMPY.wide(np.array(1e300))
        assert NUMPY.narrow(NUMPY.product([zero, one])) == 0
        assert NUMPY.narrow(NUMPY.quotient(one, zero)) == np.inf
        assert np.isnan(NUMPY.narrow(NUMPY.quotient(zero, zero)))
        assert NUMPY.narrow(NUMPY.total([zero, one])) == 1e300
        ends = np.array([np.inf, -np.inf, np.nan])
        np.testing.assert_array_equal(NUMPY.narrow(NUMPY.exp(ends)), [np.inf, 0, np.nan])
        np.testing.assert_array_equal(NUMPY.log(NUMPY.exp(ends)), [np.inf, -np.inf, np.nan])
        np.testing.assert_array_equal(NUMPY.narrow(NUMPY.wide(ends)), ends)
