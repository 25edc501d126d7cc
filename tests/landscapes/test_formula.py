"""Formulas that are accepted: what they mean, and what is found out about them."""

from __future__ import annotations

import ast
import copy
import doctest
import pickle
import time
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import landscapes
from dynamics import SAM, sweep
from landscapes import (
    Box,
    Constant,
    CriticalKind,
    DoesNotExist,
    Formula,
    Landscape,
    LinearNeuron,
    Saddle,
    Unknown,
    page,
)
from landscapes.critical.intervals import Enclosure, Interval
from landscapes.critical.search import System, certify, search
from landscapes.formula.parser import Parser
from landscapes.formula.text import FUNCTIONS, FormulaError
from landscapes.formula.tree import LogCosh, dual
from tests.landscapes.test_formula_hostile import SEEDS, mutated
from tests.support.cases import probes

EPS = np.finfo(np.float64).eps
NUMPY = {name: getattr(np, {"atan": "arctan"}.get(name, name)) for name in FUNCTIONS}


# -- the landscapes that have a class of their own --------------------------------------------

SAME = [
    ("x**4/4 - x*y + y**2/2", Saddle()),
    ("log(cosh(x*y))", LinearNeuron("logcosh")),
    ("sqrt(1 + (x*y)^2) - 1", LinearNeuron("sqrt")),
    ("(x*y)**2/2", LinearNeuron("square")),
]
same = pytest.mark.parametrize(("text", "landscape"), SAME, ids=[t for t, _ in SAME])


@pytest.mark.slow
@same
def test_a_formula_is_the_landscape_that_it_writes(text: str, landscape: Landscape):
    formula, points = Formula(text), probes(2, 9)
    for quantity in ("loss", "gradient", "hessian"):
        found, expected = (getattr(one, quantity)(points) for one in (formula, landscape))
        # A dozen roundings of numbers no larger than 100 on |w| < 2.
        np.testing.assert_allclose(found, expected, rtol=0, atol=100 * 12 * EPS)
    for w in points:
        np.testing.assert_allclose(
            formula.reference_gradient(w), landscape.reference_gradient(w), rtol=0, atol=1200 * EPS
        )


@same
def test_its_critical_points_are_found(text: str, landscape: Landscape):
    found, expected = Formula(text).facts, landscape.facts
    assert found.complete
    assert found.minimum_loss == expected.minimum_loss
    points = probes(2, 9)
    for one, other in zip(found.critical_sets, expected.critical_sets, strict=True):
        assert one.kind is other.kind
        np.testing.assert_array_equal(one.points, other.points)
        assert not isinstance(one.spectra, Unknown) and not isinstance(other.spectra, Unknown)
        np.testing.assert_allclose(one.spectra, other.spectra, rtol=4 * EPS, atol=0)
        np.testing.assert_allclose(one.distance(points), other.distance(points), rtol=4 * EPS)
    names = {symmetry.name for symmetry in found.symmetries}
    assert names >= {"w -> -w"} or names >= {"(x, y) -> (y, x)", "(x, y) -> (-x, y)"}


def test_cosh_does_not_overflow_under_the_log():
    np.testing.assert_allclose(
        Formula("log(cosh(3*x))").loss(np.array([500.0])), 1500 - np.log(2), rtol=EPS
    )


# -- what a text means -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("-x**2", "-x**2"), ("-x^2", "-x**2"), ("2**-1*x", "2**-1*x"), ("x**-1", "x**-1"),
        ("x**2**3", "x**2**3"), ("-x**-2", "-x**-2"),
        ("x/y*z", "x/y*z"), ("x/y/z", "x/y/z"), ("x - y - z", "x - y - z"), ("x-(y-z)", "x-(y-z)"),
        ("--x", "--x"), ("+-+x", "+-+x"), ("x*-y", "x*-y"), ("x/-y**2", "x/-y**2"),
        ("2*x^3*y", "2*x**3*y"), ("-2^2*x", "-2**2*x"), ("(-x)^3", "(-x)**3"), ("x^3/2", "x**3/2"),
        (".5*x + 3.*y + 1e-2 + 2E+1", ".5*x + 3.*y + 1e-2 + 2E+1"), ("x\t*  y", "x*y"),
        ("e^x*e**-y", "2.718281828459045**x*2.718281828459045**-y"),
    ],
)  # fmt: skip
def test_precedence_is_pythons(text: str, python: str):
    point = {"x": 1.7, "y": 0.6, "z": -1.3}
    formula = Formula(text)
    w = np.array([point[name] for name in formula.point_names])
    np.testing.assert_allclose(formula.loss(w), eval(python, {}, point), rtol=8 * EPS)


operands = st.sampled_from(["x", "y", "2", "3", ".5", "1.25"])


def written(smaller: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(["+", "-", "*", "/", " + ", " * "])
    return st.one_of(
        st.tuples(smaller, binary, smaller).map("".join),
        smaller.map(lambda s: f"({s})"),
        smaller.map(lambda s: f"-{s}"),
        st.tuples(smaller, st.sampled_from(["**2", "^3", "**-1", "**-2", "**(1/2)"])).map("".join),
        st.tuples(st.sampled_from([n for n in FUNCTIONS if n != "tan"]), smaller).map(
            lambda pair: f"{pair[0]}({pair[1]})"
        ),
    )


@settings(max_examples=400)
@given(st.recursive(operands, written, max_leaves=10))
def test_drawn_formulas_are_read_as_numpy_reads_them(text: str):
    # Not simplified: the tree by itself, with exactly the operations of the text.
    at = {"x": np.float64(1.375), "y": np.float64(0.6875)}
    try:
        tree = Parser(text, (), ("x", "y")).read()
    except FormulaError as error:
        assert "exponent" in str(error) or "degree" in str(error)  # 2**2**…, ((x**3)**3)**3 …
        return
    with np.errstate(all="ignore"):
        here, _ = dual(tree, at, ("x", "y"))
        try:
            python = ast.parse(text.replace("^", "**"), mode="eval")
            floats = ast.fix_missing_locations(Floats().visit(python))
            there = eval(compile(floats, "text", "eval"), dict(NUMPY), at)
        except ZeroDivisionError:
            return
    # Quotients are rounded once more here, and exponents such as 1/2 are exact.
    if np.isfinite(there) and abs(there) < 1e100 and well_conditioned(tree, at):
        np.testing.assert_allclose(here, there, rtol=1e-11, atol=1e-11)


class Floats(ast.NodeTransformer):
    """Whole numbers become NumPy's, for which 1/0 is no error."""

    def visit_Constant(self, node: ast.Constant) -> Any:
        call = ast.Name("float64", ast.Load())
        return ast.Call(call, [ast.Constant(float(node.value))], [])  # pyright: ignore


NUMPY["float64"] = np.float64


def well_conditioned(tree: Any, at: dict) -> bool:
    """Whether moving the point by 1e-12 leaves the value alone to 1e-12 or so."""
    moved = {name: value * (1 + 1e-13) for name, value in at.items()}
    one, other = dual(tree, at, ())[0], dual(tree, moved, ())[0]
    return bool(np.isfinite(one) and abs(one - other) <= 1e-11 * (1 + abs(one)))


@pytest.mark.slow
@settings(max_examples=150)
@given(st.recursive(operands, written, max_leaves=8))
def test_drawn_formulas_have_the_gradient_of_their_text(text: str):
    try:
        formula = Formula(text, coordinates=("x", "y"))
    except FormulaError:
        return
    w = np.array([1.375, 0.6875])
    expected, hessian = formula.reference_gradient(w), formula.hessian(w)
    if not (np.isfinite(expected).all() and np.isfinite(hessian).all()):
        return
    # Of cancelling terms, whose size the curvature bounds, a few roundings are left.
    size = 1 + np.abs(expected).max() + np.abs(hessian).max()
    if size < 1e6:
        np.testing.assert_allclose(formula.gradient(w), expected, rtol=0, atol=1e-11 * size)


def test_what_is_printed_reads_as_the_same_expression():
    for text in SEEDS:
        formula = Formula(text)
        expression: Any = formula.symbolic().expression
        printed = str(expression.replace(LogCosh, lambda s: sympy.log(sympy.cosh(s))))
        assert Formula(printed).symbolic().expression == expression, printed


@pytest.mark.parametrize("text", [*SEEDS, "a*x**2"])
def test_it_is_made_again_by_its_repr_and_by_pickle(text: str):
    parameters = {"a": 0.1} if text.startswith("a") else {}
    one = Formula(text, parameters)
    for again in (
        eval(repr(one), vars(landscapes).copy()), pickle.loads(pickle.dumps(one)),
        copy.deepcopy(one), Formula(text=text, parameters=parameters),
    ):  # fmt: skip
        assert repr(again) == repr(one)
        points = probes(one.dim)
        np.testing.assert_array_equal(again.hessian(points), one.hessian(points))
        assert jax.tree.structure(again) == jax.tree.structure(one)


# -- names -------------------------------------------------------------------------------------


def test_coordinates_are_the_names_without_a_value_in_alphabetical_order():
    one = Formula("b*z**2 + 10*a*y + x", a=2.0, b=3.0)
    assert one.point_names == ("x", "y", "z")
    assert float(one.loss(np.array([0.5, 0.25, 2.0]))) == 3 * 4 + 10 * 2 * 0.25 + 0.5
    other = Formula("b*z**2 + 10*a*y + x", {"a": 2.0}, b=3.0, coordinates=("z", "x", "y"))
    assert float(other.loss(np.array([2.0, 0.5, 0.25]))) == 17.5
    assert Formula("x**2", coordinates=("x", "y")).dim == 2


def test_e_and_pi_are_constants_unless_they_are_declared():
    assert float(Formula("pi*x + e*y").loss(np.array([1.0, 1.0]))) == pytest.approx(
        np.pi + np.e, rel=EPS
    )
    assert float(Formula("e*x", e=3.0).loss(np.array([2.0]))) == 6.0
    assert float(Formula("pi**2", coordinates=("pi",)).loss(np.array([3.0]))) == 9.0


def test_numbers_are_exact_and_a_value_is_the_decimal_that_is_printed():
    assert Formula("0.1*x**2").symbolic().expression.coeff(sympy.Symbol("x", real=True) ** 2) == (
        sympy.Rational(1, 10)
    )
    # (x − 0.3)² and x(x − 2a) + 0.09 with a = 0.3 meet at exactly 3/10.
    (minimum,) = Formula("(x*(x - 2*a) + 0.09)**1 + y**2", a=0.3).facts.critical_sets
    assert minimum.name == "minimum (3/10, 0)"


def test_values_may_change_without_compiling_anew():
    traced = []
    loss = jax.jit(lambda one, w: traced.append(None) or one.loss(w))
    w = jnp.array([0.3, 0.7])
    for a in (0.5, 2.5):
        found = loss(Formula("a*x**2 + y", a=a), w)
        assert float(found) == pytest.approx(a * 0.09 + 0.7, rel=4 * EPS)
    assert len(traced) == 1


def test_a_derivative_that_is_a_number_has_the_shape_of_a_point():
    one = Formula("3*x + a*y", a=1.5)
    np.testing.assert_array_equal(one.gradient(np.array([[0.1, 0.2]])), [[3.0, 1.5]])
    np.testing.assert_array_equal(one.gradient(np.array([0.1, 0.2])), [3.0, 1.5])
    np.testing.assert_array_equal(one.hessian(np.ones((2, 2))), np.zeros((2, 2, 2)))


REFUSED: list[tuple[Any, str]] = [
    (lambda: Formula("a*x", {"a": "2"}), "parameter a must be a finite number; got '2'"),  # pyright: ignore
    (lambda: Formula("a*x", a=True), "parameter a must be a finite number; got True"),
    (lambda: Formula("a*x", a=np.nan), "parameter a must be .*finite.*; got nan"),
    (lambda: Formula("a*x", a=10**400), "parameter a must be a finite number"),
    (lambda: Formula("a*x", {"a": 1j}), "a must be a finite number"),  # pyright: ignore
    (lambda: Formula("a*x", {"a": 1}, a=2), "'a' is given twice"),
    (lambda: Formula("a*x", [("a", 1)]), "parameters must map names to numbers"),  # pyright: ignore
    (lambda: Formula("a*x", {"a b": 1}), "cannot have the name “a b”.*begin with a letter"),
    (lambda: Formula("a*x", {"lambda": 1}), "“lambda”.*words of Python"),
    (lambda: Formula("a*x", {"sin": 1}), "“sin”.*it is a function"),
    (lambda: Formula("a*x", {"text": 1}), "“text”.*an argument of Formula"),
    (lambda: Formula("a*x", {"__class__": 1}), "“__class__”.*begin with a letter"),
    (lambda: Formula("a*x", {3: 1}), "named by a string; got 3"),  # pyright: ignore
    (lambda: Formula("x", a=1.0), "the parameter a does not occur"),
    (lambda: Formula("x**2", coordinates=()), "coordinates must be a tuple of names"),
    (lambda: Formula("x**2", coordinates="x"), "coordinates must be a tuple of names"),  # pyright: ignore
    (lambda: Formula("x**2", coordinates=("x", "x")), "must differ from each other"),
    (lambda: Formula("a*x**2", a=1.0, coordinates=("a", "x")), "a cannot be both"),
    (lambda: Formula("x*y", coordinates=("x",)), "unknown name y; .* are x"),
    (lambda: Formula("y**2", coordinates=("x",)), "unknown name y"),
    (lambda: Formula("x/a", a=0.0), "→a”: this part is no finite real number"),
    (lambda: Formula("x*log(a)", a=-2.0), "→log\\(a\\)”: this part is no finite real number"),
    (lambda: Formula("x*sqrt(a - 1)", a=0.5), "this part is no finite real number"),
    (lambda: Formula("2*a", a=1.0), "it has no coordinate"),
    (lambda: Formula("a*x", a=0.0), "the loss is constant"),
    (lambda: Formula("x**2", coordinates=tuple("abcdfghij")), "at most 8 coordinates"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m[:30] for _, m in REFUSED])
def test_bad_names_and_values_are_refused(make: Any, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


# -- facts -------------------------------------------------------------------------------------


def found(text: str, **parameters: float) -> dict[str, str]:
    """Names and kinds of the critical sets."""
    sets = Formula(text, parameters).facts.critical_sets
    return {one.name: one.kind.value for one in sets}


def test_critical_points_that_algebra_reaches():
    assert found("(1 - x)^2 + 100*(y - x^2)^2") == {"minimum (1, 1)": "minimum"}
    # y = x: 4x³ = 2x; the curvatures there are …
    assert found("x**4 - x**2 + (x - y)**2") == {
        "minimum (sqrt(2)/2, sqrt(2)/2)": "minimum", "minimum (-sqrt(2)/2, -sqrt(2)/2)": "minimum",
        "saddle (0, 0)": "saddle",
    }  # fmt: skip
    assert found("x*exp(-x^2 - y^2)") == {
        "minimum (-sqrt(2)/2, 0)": "minimum", "maximum (sqrt(2)/2, 0)": "maximum",
    }  # fmt: skip
    assert found("log(x) - x**2") == {"maximum (sqrt(2)/2)": "maximum"}  # not at −√2/2
    assert found("x + y") == {}
    assert found("x**4 + y**2") == {"degenerate minimum (0, 0)": "minimum"}
    assert found("x**3 - 3*x*y**2") == {"degenerate point (0, 0)": "degenerate"}
    assert found("x**4") == {"degenerate minimum (0)": "degenerate"}


def test_himmelblaus_function_has_its_nine_critical_points():
    formula = Formula("(x**2 + y - 11)**2 + (x + y**2 - 7)**2")
    facts = formula.facts
    kinds = [one.kind for one in facts.critical_sets]
    assert kinds.count(CriticalKind.MINIMUM) == 4 and kinds.count(CriticalKind.SADDLE) == 4
    assert kinds.count(CriticalKind.MAXIMUM) == 1 and facts.complete
    assert facts.minimum_loss == 0.0
    # The literature gives the third minimum as (−2.805118, 3.131312).
    near = [one.distance(np.array([-2.805118, 3.131312])) for one in facts.critical_sets]
    assert min(near) < 1e-6


def test_families_are_listed_where_they_are_lines_and_planes():
    assert found("(x + y)**2 + z**4") == {"minima z = 0, x = -y": "minimum"}
    assert found(
        "x**2",
    ) == {"minimum (0)": "minimum"}
    plane = Formula("x**2", coordinates=("x", "y", "z"))
    (only,) = plane.facts.critical_sets
    assert (only.name, only.kind) == ("minima x = 0", CriticalKind.MINIMUM)
    points = probes(3)
    np.testing.assert_allclose(only.distance(points), np.abs(points[:, 0]), rtol=4 * EPS)
    (line,) = Formula("(2*x + y - 3)**2").facts.critical_sets
    np.testing.assert_allclose(
        line.distance(points[:, :2]), np.abs(points[:, :2] @ [2, 1] - 3) / np.sqrt(5), rtol=1e-13
    )
    # Along this line the curvature changes its sign: it is no minimum, and says so.
    assert found("x**2*y") == {
        "degenerate points x = 0": "degenerate", "degenerate point (0, 0)": "degenerate",
    }  # fmt: skip


def test_a_curve_of_critical_points_is_admitted():
    formula = Formula("(x*y - 1)**2/2")
    assert not formula.facts.complete and not formula.search.complete
    assert "x*y - 1 = 0 are not listed" in formula.search.reason
    assert [one.name for one in formula.facts.critical_sets] == ["saddle (0, 0)"]
    assert formula.facts.minimum_loss == 0.0
    # Points of the circle that algebra meets on its way are members of it, no points by themselves.
    assert found("(x**2 + y**2 - 1)**2") == {"maximum (0, 0)": "maximum"}


def test_critical_points_that_are_searched_for():
    # Stationary where 2 tanh 2x = x … by bisection, 1.99865…: independent of Newton's method.
    low, high = 1.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if middle - 2 * np.tanh(2 * middle) > 0 else (middle, high)
    formula = Formula("x**2/2 - log(cosh(2*x))")
    assert formula.search.method == "interval" and formula.facts.complete  # |x| > 2 beyond 4
    right, left, top = formula.facts.critical_sets
    assert right.points[0, 0] == pytest.approx(low, abs=1e-14) == -left.points[0, 0]
    assert top.kind is CriticalKind.MAXIMUM and top.points[0, 0] == 0
    assert formula.facts.minimum_loss == float(formula.loss(right.points[0]))


def test_what_lies_outside_the_box_is_not_forgotten():
    # The slope x/10 + cos x has zeros up to |x| = 10, the slope x/20 + cos x up to 20.
    near, far = Formula("x**2/20 + sin(x)"), Formula("x**2/40 + sin(x)")
    assert near.search.complete and near.search.box == Box()
    x = np.linspace(-30, 30, 100_001)
    changes = np.count_nonzero(np.diff(np.sign(x / 10 + np.cos(x))))
    assert len(near.facts.critical_sets) == changes == 7
    assert not far.search.complete and far.search.box == Box(16.0)


def test_where_the_loss_is_not_defined_there_are_no_critical_points():
    # 1/x = sinh(x)/2 at two points, of which one has no logarithm.
    (only,) = Formula("log(x) - cosh(x)/2").facts.critical_sets
    assert only.kind is CriticalKind.MAXIMUM and only.points[0, 0] > 0


def test_a_search_says_what_it_has_proved():
    cosine = Formula("cos(x)")
    assert (cosine.search.method, cosine.search.box) == ("interval", Box(16.0))
    assert "nothing is known outside |w_i| <= 16" in cosine.search.reason
    assert not cosine.facts.complete
    at = sorted(float(one.points[0, 0]) for one in cosine.facts.critical_sets)
    np.testing.assert_allclose(at, np.pi * np.arange(-5, 6), rtol=0, atol=16 * EPS)
    # A degenerate point cannot be certified; it is listed, being exact, and the doubt is stated.
    flat = Formula("x**4*exp(x) + y**2 + sin(x)**4")
    assert "could not decide about some places" in flat.search.reason
    assert not flat.facts.complete
    assert any(one.name.startswith("degenerate") for one in flat.facts.critical_sets)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["sin(x)*cos(y) + x**2/10 + y**2/7", "x**2/2 - log(cosh(2*x)) + (x - y)**2",
     "cos(3*x) + 0.5*y**2", "exp(x) + exp(-2*x) + (x - y)**4 + y**2",
     "(x**2 + y - 11)**2 + (x + y**2 - 7)**2"],
)  # fmt: skip
def test_a_search_finds_and_certifies_what_newtons_method_finds(text: str):
    formula = Formula(text)
    symbolic = formula.symbolic()
    system = System(symbolic.expression, symbolic.point)
    searched = search(system, Box(4.0))
    centres = np.array([one.centre for one in searched.points])
    assert len(searched.undecided) == 0
    for one in searched.points:
        assert one.radius < 1e-12
        # Certified: and a point beside it is not.
        assert certify(system, one.centre) is not None
        assert certify(system, one.centre + 0.01) is None
    points = np.random.default_rng(3).uniform(-4, 4, (200, formula.dim))
    ended = np.array([system.newton(w) for w in points])
    ended = ended[(np.abs(ended) < 4).all(axis=1)]
    ended = ended[np.abs(formula.gradient(ended)).max(axis=1) < 1e-11]
    assert len(ended) > 50
    gaps = np.linalg.norm(ended[:, None] - centres[None], axis=-1)
    assert gaps.min(axis=1).max() < 1e-10  # none is missing
    assert gaps.min(axis=0).max() < 1e-10  # none is invented


@pytest.mark.slow
@settings(max_examples=200)
@given(
    st.sampled_from([t for t in mutated(400, seed=11) if t.isprintable()]),
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0, 2), st.floats(0, 1)), min_size=8, max_size=8),
)
def test_an_enclosure_holds_every_value(text: str, sides: list[tuple[float, float, float]]):
    try:
        formula = Formula(text)
    except FormulaError:
        return
    symbolic = formula.symbolic()
    low, width, share = (np.array(s[: formula.dim]) for s in zip(*sides, strict=True))
    w = np.minimum(low + share * width, low + width)
    box = {
        s: Interval(low[i : i + 1], low[i : i + 1] + width[i : i + 1])
        for i, s in enumerate(symbolic.point)
    }
    for expression, value in (
        (symbolic.expression, formula.loss(w)),
        *zip(symbolic.gradient(), formula.gradient(w), strict=True),
    ):
        if np.isfinite(value):
            bounds = Enclosure(box).over_boxes(expression)
            room = 1e-9 * (1 + abs(value))  # of the value itself, which is rounded
            assert bounds.low[0] - room <= value <= bounds.high[0] + room


def test_constants_of_quadratics_are_exact():
    facts = Formula("a*x**2/2 + b*y**2/2", a=2.0, b=0.5).facts
    assert (facts.smoothness, facts.strong_convexity) == (Constant(2.0), Constant(0.5))
    assert facts.polyak_lojasiewicz == Constant(0.5)
    flat = Formula("(x - y)**2").facts
    assert (flat.strong_convexity, flat.polyak_lojasiewicz) == (Constant(0.0), Constant(4.0))
    saddle = Formula("x**2 - y**2/4").facts
    assert saddle.strong_convexity == Constant(-0.5) and saddle.minimum_loss == -np.inf
    assert isinstance(saddle.polyak_lojasiewicz, DoesNotExist)
    quartic = Formula("x**4 + y**2").facts
    assert isinstance(quartic.smoothness, DoesNotExist)
    assert isinstance(quartic.strong_convexity, Unknown)


@pytest.mark.parametrize(
    ("text", "infimum"),
    [
        ("x**4/4 - x*y + y**2/2", -0.25), ("x**4 + y**4 - 3*x*y + 2", 2 - 9 / 8), ("x*y", -np.inf),
        ("x**2*y", -np.inf), ("x**4 - 5*x**2*y**2 + y**4", -np.inf), ("exp(x) + y**2", 0.0),
        ("cos(x) + y**2", -1.0), ("x**2 + sin(x)**2 - 3", -3.0), ("(x**2 + y**2 - 1)**2 + 2", 2.0),
        ("x**4 - x**2*y**2 + y**4 - x", None), ("x**4 - 4.2*x**2*y**2 + 4*y**4", None),
        ("x**3 + y**3*x - y", -np.inf),
    ],
)  # fmt: skip
def test_the_infimum_is_stated_where_it_is_proved(text: str, infimum: float | None):
    formula = Formula(text)
    stated = formula.facts.minimum_loss
    if infimum is not None:
        assert stated == pytest.approx(infimum, abs=1e-12)
    elif not isinstance(stated, Unknown):  # never undercut
        assert formula.loss(np.random.default_rng(2).uniform(-3, 3, (4000, 2))).min() >= stated


@pytest.mark.slow
def test_a_formula_that_is_too_long_states_nothing():
    formula = Formula("+".join(f"sin(x*{i}*y)*exp(y - {i})*cos(x)" for i in range(1, 30)))
    assert (formula.search.method, formula.search.box) == ("none", None)
    assert not formula.facts.complete and formula.facts.critical_sets == ()
    assert isinstance(formula.facts.minimum_loss, Unknown)
    assert np.isfinite(formula.gradient(np.array([0.3, 0.2]))).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "(a+b+c+d+f+g+h+i)**32*(a-b)**32", "(a+b+c+d)**16+(a-b*c)**8+(c-d*a)**6",
        "x**31*y**32/3 + x**7 - y**9", "(p*q*r*s - 1)**2/2", "exp(-" * 10 + "x*y" + ")" * 10,
        "(sqrt(x**2 + 1) + sqrt(y**2 + 1) - 3)**8 + sqrt(2)*x**3",
        "*".join(f"({a} - {b})" for a in "abcdfghi" for b in "abcdfghi" if a < b),
    ],
)  # fmt: skip
def test_no_formula_takes_long_to_think_about(text: str):
    began = time.perf_counter()
    facts = Formula(text).facts
    assert time.perf_counter() - began < 30.0  # a second or so, on a machine with nothing to do
    assert facts.complete or Formula(text).search.reason


@pytest.mark.slow
def test_facts_of_mutated_formulas_are_found_without_a_crash_and_true():
    looked = 0
    for text in mutated(450, seed=23):
        try:
            formula = Formula(text)
        except FormulaError:
            continue
        for one in formula.facts.critical_sets:
            if one.kind is CriticalKind.NOT_SMOOTH:
                continue
            looked += 1
            at = one.points
            assert not isinstance(one.spectra, Unknown)
            size = 1 + np.abs(one.spectra).max()
            slopes = np.array([formula.reference_gradient(w) for w in at])
            assert np.abs(slopes).max() <= 1e-9 * size, (text, one.name)
            assert np.max(one.distance(at)) <= 1e-7
    assert looked > 30


BRANIN = "(y-5.1/(4*pi^2)*x^2+5/pi*x-6)^2+10*(1-1/(8*pi))*cos(x)+10"


def test_where_to_search_is_an_argument():
    one = Formula("cos(x)", box=7)
    assert one.search.box == Box(7.0) and "searched in |w_i| <= 7" in one.search.reason
    assert len(one.facts.critical_sets) == 5
    assert eval(repr(one), vars(landscapes).copy()).box == 7.0
    assert pickle.loads(pickle.dumps(one)).box == 7.0
    branin = Formula(BRANIN, box=((-5, 10), (0, 15)))
    assert "box=((-5.0, 10.0), (0.0, 15.0))" in repr(branin)
    minima = [s for s in branin.facts.critical_sets if s.kind is CriticalKind.MINIMUM]
    # The literature's three, to the digits that it gives.
    for known in ((np.pi, 2.275), (-np.pi, 12.275), (9.42478, 2.475)):
        assert min(float(s.distance(np.array(known))) for s in minima) < 1e-5
    assert len(minima) == 3 and not branin.search.complete
    shown = " ".join(" ".join(page.facts(branin)).split())
    assert "nothing is known outside [-5, 10] x [0, 15]" in shown


def test_a_box_in_which_all_is_proved_to_be_makes_the_list_complete():
    assert Formula("x**2/2 - log(cosh(2*x))", box=(((-3, 5)),)).search.complete
    assert not Formula("x**2/2 - log(cosh(2*x))", box=1).search.complete
    assert Formula("x**4 + y**2", box=2).search.complete  # by algebra, which knows no box


BAD_BOXES = [0, -1, "4", True, (1, 2), ((2, 1),), ((0, 1), (0, 1)), np.nan, 1e7, [[0, np.inf]]]


@pytest.mark.parametrize("box", BAD_BOXES, ids=str)
def test_a_box_that_is_none_is_refused(box: Any):
    with pytest.raises(ValueError, match="box must be") as caught:
        Formula("cos(x)", box=box)
    assert "\n" not in str(caught.value)


# -- SymPy ---------------------------------------------------------------------------------------


def test_an_expression_of_sympy_is_read_as_its_text():
    x, y, a = sympy.symbols("x y a")
    for expression in (
        (1 - x) ** 2 + 100 * (y - x**2) ** 2, sympy.sqrt(1 + x**2 * y**2), sympy.log(sympy.cosh(x)),
        0.1 * x**2 + sympy.exp(-y), x ** sympy.Rational(1, 3), sympy.E * x + sympy.pi * y,
    ):  # fmt: skip
        formula = Formula(expression)
        at: dict[str, float] = {"x": 0.625, "y": 1.375}
        w = np.array([at[name] for name in formula.point_names])
        expected = float(expression.subs({x: at["x"], y: at["y"]}))
        np.testing.assert_allclose(formula.loss(w), expected, rtol=16 * EPS)
        assert repr(eval(repr(formula), vars(landscapes).copy())) == repr(formula)
    assert Formula(0.1 * x**2).exact == sympy.Rational(1, 10) * sympy.Symbol("x", real=True) ** 2
    assert Formula(a * x**2, a=3).point_names == ("x",)


S = sympy.Symbol("x")
NO_FORMULAS = [
    (sympy.Abs(S), "not differentiable"), (sympy.Symbol("lambda"), "words of"),
    (sympy.Function("canary")(S), "no function canary"), (sympy.Symbol("open(0)"), "no function"),
    (sympy.oo + 0 * S, "holds oo"), (sympy.I * S, "holds I"), (sympy.Symbol("e"), "holds e"),
    (S + sympy.Symbol("x", real=True), "two symbols .* are called x"),
    (sympy.Integral(S), "no function Integral"), (sympy.Piecewise((1, S > 0), (S, True)), "holds"),
    (S < 3, "text must be a formula"), (sympy.Matrix([1]), "text must be a formula"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "message"), NO_FORMULAS, ids=str)
def test_an_expression_that_is_no_formula_is_refused_like_its_text(expression: Any, message: str):
    with pytest.raises(ValueError, match=message):
        Formula(expression)


# -- as a landscape ------------------------------------------------------------------------------


@pytest.mark.slow
def test_sweeps_of_a_formula_are_those_of_the_class():
    starts = probes(2, 5)
    means = {"eta": [0.05, 0.2], "rho": 0.1, "starts": starts, "n_steps": 400}
    one = sweep(Formula("x**4/4 - x*y + y**2/2"), SAM, **means)
    other = sweep(Saddle(), SAM, **means)
    for name in ("outcome", "attractor", "n_steps"):
        np.testing.assert_array_equal(one[name], other[name])
    np.testing.assert_allclose(one["final"], other["final"], rtol=0, atol=1e-12)


def test_the_example_in_the_docstring_runs():
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(Formula, "Formula", globs={})
    results = doctest.DocTestRunner().run(example)
    assert results.attempted >= 3 and results.failed == 0


def test_exact_values_are_fractions():
    assert Parser("0.1", (), ()).read().value == Fraction(1, 10)
    assert Parser("1.5e-3", (), ()).read().value == Fraction(3, 2000)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        # Proved by how it is written: to put -x into the tangents and simplify takes minutes.
        ("sin(25*y^2/(1 + tan(1/x)^2)) + cos(cosh(y/(1 + x^2)))",
         ["(x, y) -> (-x, y)", "(x, y) -> (x, -y)"]),
        ("cos(x*y) + x^2*y", ["(x, y) -> (-x, y)"]),
        ("exp(x*y) + x^2 + y^2", ["w -> -w", "(x, y) -> (y, x)"]),
        ("exp(x*y) + sin(x) + y^2", []),
    ],
)  # fmt: skip
def test_signs_and_exchanges_that_keep_the_loss_are_found(text: str, kept: list[str]):
    assert [s.name for s in Formula(text).facts.symmetries] == kept
