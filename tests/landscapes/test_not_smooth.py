"""Losses that are not smooth everywhere: what is refused, what is listed, what is left open."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

from landscapes import CriticalKind, Formula, Unknown
from landscapes.critical.algebra import real_solutions
from landscapes.critical.search import System
from landscapes.critical.signs import is_nonnegative, is_positive
from landscapes.critical.spectra import Evaluator, NotFinite, is_zero, spectrum
from landscapes.formula.text import FormulaError

# -- absolute values ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "sqrt(x^2)", "sqrt(x^2 - 2*x + 1)", "sqrt(x^2 - 2*x*y + y^2)", "((x - 1)^2)^(1/2)",
        "(x^2)^(1/3)", "((x^2 - 1)^2)^(1/2)", "sqrt(x^4 - 2*x^2 + 1)", "(x^2 + 2*x + 1)^(3/4)",
        "(x + y + sqrt(x^2 - 2*x*y + y^2))/2", "sqrt((x - y)^2 + (x - y)^4)", "x*sqrt(x^2)",
        "sqrt(exp(2*x) - 2*exp(x) + 1)", "sqrt(sinh(x)^2)", "y^2 + ((x*y)^2)^(3/5)",
        "sqrt(x^2*(1 + y^2))",
    ],
)  # fmt: skip
def test_a_kink_on_a_whole_surface_is_refused(text: str):
    with pytest.raises(FormulaError, match=r"which is \|.*must have a Hessian"):
        Formula(text)


def test_a_kink_that_only_some_values_of_a_parameter_make_is_refused():
    assert Formula("sqrt(x^2 - 2*a*x + 1)", a=0.5).facts.complete
    with pytest.raises(FormulaError, match="must have a Hessian"):
        Formula("sqrt(x^2 - 2*a*x + 1)", a=1.0)


@pytest.mark.parametrize(
    ("text", "curvature"),
    [
        ("(x^2)^(3/2)", lambda x: 6 * abs(x)), ("x^2*sqrt(x^2)", lambda x: 6 * abs(x)),
        ("(x^2 - 2*x + 1)^(3/2)", lambda x: 6 * abs(x - 1)),
        ("(x^2)^(5/4)", lambda x: 3.75 * abs(x) ** 0.5),
        ("x*(x^2)^(3/2)", lambda x: 12 * x * abs(x)),
        ("sqrt(x^4 - 4*x^3 + 6*x^2 - 4*x + 1)", lambda x: 2.0 + 0 * x),
        ("x^4*(x^2)^(1/2)", lambda x: 20 * abs(x) ** 3),
    ],
)  # fmt: skip
def test_above_the_second_power_an_absolute_value_has_its_hessian(text: str, curvature):
    formula, x = Formula(text), np.array([-1.75, 0.0, 0.375, 1.0, 2.5])
    np.testing.assert_allclose(
        formula.hessian(x[:, None])[:, 0, 0], curvature(x), rtol=1e-14, atol=1e-15
    )
    for w in x[(x != 0) & (x != 1)]:  # where the text is 0 · ∞
        expected = formula.reference_gradient(np.array([w]))
        np.testing.assert_allclose(formula.gradient(np.array([w])), expected, rtol=1e-13)
    assert formula.facts.complete and len(formula.facts.critical_sets) == 1


# -- single places -----------------------------------------------------------------------------


def listed(text: str) -> dict[str, str]:
    return {one.name: one.kind.value for one in Formula(text).facts.critical_sets}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sqrt(x^2 + y^2)", ["minimum that is not smooth (0, 0)"]),
        ("sqrt(x^2 - 2*x + 1 + y^2)", ["minimum that is not smooth (1, 0)"]),
        ("sqrt(x^2 + y^4)", ["minimum that is not smooth (0, 0)"]),
        ("sqrt(x^4 + y^4)", ["minimum that is not smooth (0, 0)"]),
        ("((x - 1)^2 + (y + 2)^4)^(1/3)", ["minimum that is not smooth (1, -2)"]),
        ("x^(3/2)", ["minimum that is not smooth (0)"]),
        ("sqrt(x^2 + y^2)*x", ["point that is not smooth (0, 0)"]),
        ("x^2*y^2/(x^2 + y^2)",
         ["minima x = 0", "minima y = 0", "point that is not smooth (0, 0)"]),
        ("exp(-1/x^2)", ["point that is not smooth (0)"]),
        ("(x^2 - 1)/(x - 1)", ["point that is not smooth (1)"]),
        ("sqrt(x^2 + y^2) + z^2", ["points that are not smooth x = 0, y = 0"]),
    ],
)  # fmt: skip
def test_a_place_that_is_not_smooth_is_listed_as_such(text: str, names: list[str]):
    facts = Formula(text).facts
    assert {one.name for one in facts.critical_sets} == set(names)
    for one in facts.critical_sets:
        if "not smooth" in one.name:
            assert one.kind is CriticalKind.NOT_SMOOTH
            assert isinstance(one.spectra, Unknown) and "no Hessian is known" in one.spectra.reason


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("(x^2 + y^2)^(3/2)/3", ["degenerate minimum (0, 0)"]),
        ("(x^2 + y^2)^(3/2) + z^2", ["degenerate minimum (0, 0, 0)"]),
        ("((x - 1)^2 + (y + 2)^2)^(5/4)", ["degenerate minimum (1, -2)"]),
        ("(x^2 - 2*x + 1 + y^2)^(3/2)", ["degenerate minimum (1, 0)"]),
        ("(x^2 + y^2)^(3/2) + x^2 + y^2", ["minimum (0, 0)"]),
        ("(x^2 + y^2)^(3/2) + x", ["minimum (-0.57735, 0)"]),  # at 0 the slope is 1
    ],
)  # fmt: skip
def test_a_quotient_with_a_limit_is_no_singularity(text: str, names: list[str]):
    facts = Formula(text).facts
    assert facts.complete and [one.name for one in facts.critical_sets] == names


@pytest.mark.parametrize(
    "text", ["0.07*x*y + 10/y + 30/x", "x + 1/x", "log(x) - x**2", "x^2 - log(x) - log(y) + y^2"]
)
def test_where_the_loss_is_infinite_there_is_nothing_to_list(text: str):
    facts = Formula(text).facts
    assert facts.complete and len(facts.critical_sets) in (1, 2)
    assert all(one.kind is not CriticalKind.NOT_SMOOTH for one in facts.critical_sets)


@pytest.mark.parametrize(
    "text",
    [
        "sqrt(1 - cos(x)) + x^2", "sqrt(1 - x^2 - y^2)", "atan(tan(x))", "x*tan(x)",
        "(x*y - 1)^2 + sqrt(x^2 - y^3)", "sqrt(x^2 + sin(y)^2)",
    ],
)  # fmt: skip
def test_what_is_not_decided_is_not_called_complete(text: str):
    search = Formula(text).search
    assert not search.complete and "smooth" in search.reason


# -- what is 0 ---------------------------------------------------------------------------------


@pytest.mark.parametrize("small", ["1e-13", "1e-30", "1e-40"])
def test_a_small_curvature_is_not_0(small: str):
    (minimum,) = Formula(f"x^2 + {small}*y^2").facts.critical_sets
    assert minimum.name == "minimum (0, 0)"
    assert not isinstance(minimum.spectra, Unknown)
    np.testing.assert_allclose(minimum.spectra, [[2, 2 * float(small)]], rtol=1e-15)
    # The same beside a point that is not rational, and where the whole loss is small.
    kinds = [one.kind.value for one in Formula(f"(x^2 - 2)^2 + {small}*y^2").facts.critical_sets]
    assert kinds == ["minimum", "minimum", "saddle"]
    assert listed(f"{small}*(x^4/4 - x*y + y^2/2)") == {
        "minimum (1, 1)": "minimum", "minimum (-1, -1)": "minimum", "saddle (0, 0)": "saddle"
    }  # fmt: skip
    searched = Formula(f"x^2 + {small}*(y^2 + cos(y)/2)").facts
    assert [one.name for one in searched.critical_sets] == ["minimum (0, 0)"]


def test_degenerate_is_said_where_it_is_proved_also_at_irrational_points():
    assert listed("(x^3 - 2)^4 + y^2") == {
        "degenerate minimum (2**(1/3), 0)": "minimum", "degenerate point (0, 0)": "degenerate",
    }  # fmt: skip
    t = sympy.Symbol("t")
    root: Any = sympy.Poly(t**5 - t - 1, t).real_roots()[0]
    assert is_zero(root**5 - root - 1) and not is_zero(root**5 - root - 2)
    assert is_zero(sympy.sqrt(2) ** 3 - 2 * sympy.sqrt(2)) and not is_zero(sympy.sqrt(2) - 1)


def test_points_of_a_line_are_listed_once():
    assert listed("(x - 1)**2*(x + 2)**2*(1 + y**2)") == {
        "minima x = 1": "minimum", "minima x = -2": "minimum", "saddle (-1/2, 0)": "saddle",
    }  # fmt: skip
    # Where lines cross, the Hessian is more degenerate than on them: a point by itself.
    assert "degenerate minimum (0, 0)" in listed("(x*y)**2")


# -- curves ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "equation", "on_it"),
    [
        ("(1 - x*y)^2/2", "x*y - 1 = 0", lambda w: w[:, 0] * w[:, 1] - 1),
        ("(x^2 + y^2 - 1)^2", "x**2 + y**2 - 1 = 0", lambda w: (w**2).sum(axis=1) - 1),
        ("(y - x^2)^2 + z^2", "z = 0, y = x**2", lambda w: w[:, 1] - w[:, 0] ** 2),
    ],
)  # fmt: skip
def test_curves_of_minima_are_shown_by_some_of_their_points(text: str, equation: str, on_it):
    formula = Formula(text)
    (curve,) = formula.facts.curves
    assert curve.equation == equation and curve.kind is CriticalKind.MINIMUM
    assert len(curve.points) >= 2 and curve.dimension == 1
    np.testing.assert_allclose(on_it(curve.points), 0, atol=1e-15)
    eigenvalues = np.linalg.eigvalsh(formula.hessian(curve.points))[:, ::-1]
    np.testing.assert_allclose(curve.spectra, eigenvalues, atol=1e-12)
    assert equation in formula.facts.reason and not formula.facts.complete


def test_a_circle_of_imaginary_points_is_none():
    x, y = sympy.symbols("x y", real=True)
    assert real_solutions([x**2 + x * y + y**2 + 1], (x, y)).curves == []
    assert real_solutions([x**2 + x * y + y**2 - 1], (x, y)).curves != []


# -- the means ---------------------------------------------------------------------------------


def test_signs_are_proved_or_left_open():
    x, y = sympy.symbols("x y", real=True)
    for positive in (x**2 - 2 * x + 2, x**2 + x * y + y**2 + 1, x**4 - x + 1, sympy.exp(x) + y**2):
        assert is_positive(positive) and is_nonnegative(positive)
    for zero in (x**2 - 2 * x + 1, (x * y - 1) ** 2, x**2 - 2 * x + 1 + y**4, x**4 * (y - 1) ** 2):
        assert is_nonnegative(zero) and not is_positive(zero)
        assert is_nonnegative(sympy.expand(zero))
    for either in (x, x * y, x**2 - y**2, x**3 + x, x**2 + 3 * x * y + y**2, x**2 - 1):
        assert not is_nonnegative(either) and not is_positive(either)


def test_a_ball_holds_the_value():
    x = sympy.Symbol("x", real=True)
    inside = sympy.sqrt(x**2 + 1) - sympy.atan(x) ** 3 + sympy.log(x) / x
    texts = [inside, sympy.exp(inside), sympy.cosh(x) * sympy.sin(inside), sympy.tan(x) ** -2]
    for at in (sympy.Rational(7, 3), sympy.sqrt(2), sympy.Rational(1, 10**30)):
        for expression in texts[:1] if at < 1e-9 else texts:
            ball = Evaluator({x: at})(expression)
            with mpmath.workdps(120):
                exact = mpmath.mpf(expression.evalf(110, subs={x: at.evalf(120)}))
                assert abs(exact - ball.middle) <= ball.radius
                assert ball.radius <= mpmath.mpf(10) ** -40 * (1 + abs(exact))
    with pytest.raises(NotFinite) as infinite:
        Evaluator({x: 0})(1 / x)
    assert infinite.value.infinite
    with pytest.raises(NotFinite) as undefined:
        Evaluator({x: 0})(sympy.sin(x) / x)
    assert not undefined.value.infinite


def test_an_eigenvalue_is_0_only_where_that_is_proved():
    x, y = sympy.symbols("x y", real=True)
    cubes = System((x**2 - 2) ** 4 + y**2, (x, y))
    found = spectrum(cubes, [sympy.sqrt(2), sympy.S.Zero])
    assert found is not None and found.decided and found.values == (2, 0)
    # That a sum of sines is 0 is proved by nothing here.
    open_ = System(x**2 + (sympy.sin(1) ** 2 + sympy.cos(1) ** 2 - 1) * y**2, (x, y))
    found = spectrum(open_, [sympy.S.Zero, sympy.S.Zero])
    assert found is not None and not found.decided
