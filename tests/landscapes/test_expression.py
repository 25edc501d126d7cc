"""Expressions read as functions of arrays: right, careful, and loud about what they cannot read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from landscapes.collection.linear_neuron import LINKS
from landscapes.expressions.expression import NumericFunction, evaluate
from landscapes.expressions.functions import LogCosh, Relu, Softplus, SqrtLink, Step, power_links

EPS = np.finfo(np.float64).eps
TINY = np.finfo(np.float64).tiny
X, Y = sympy.symbols("x y", real=True)
UNKNOWN: Any = sympy.Function("f")


@dataclass(frozen=True)
class Bounded:
    """An expression with a bound, in units of ε, of the error that rounding can bring into it.

    `size` bounds the value and `error` the error for |x|, |y| ≤ 2.
    """

    expression: Any
    size: float
    error: float


def add(a: Bounded, b: Bounded) -> Bounded:
    size = a.size + b.size
    return Bounded(a.expression + b.expression, size, a.error + b.error + size)


def multiply(a: Bounded, b: Bounded) -> Bounded:
    size = a.size * b.size
    error = a.size * b.error + b.size * a.error + size
    return Bounded(a.expression * b.expression, size, error)


def power(a: Bounded, n: int) -> Bounded:
    size = a.size**n
    return Bounded(a.expression**n, size, n * a.size ** (n - 1) * a.error + n * size)


def tame(a: Bounded) -> Bounded:
    """1/(1 + a²): slope at most 1, value at most 1; also how division gets in."""
    return Bounded(1 / (1 + a.expression**2), 1.0, 2 * a.error + 2 * a.size + 4)


def function(a: Bounded, name: str) -> Bounded:
    """A function with slope at most 1 in the real line."""
    return Bounded(getattr(sympy, name)(a.expression), max(1.0, a.size), a.error + a.size + 4)


leaves = st.one_of(
    st.sampled_from([Bounded(X, 2.0, 0.0), Bounded(Y, 2.0, 0.0)]),
    st.fractions(min_value=-3, max_value=3, max_denominator=7).map(
        lambda q: Bounded(sympy.Rational(q.numerator, q.denominator), 3.0, 3.0)
    ),
)


def grown(smaller: st.SearchStrategy[Bounded]) -> st.SearchStrategy[Bounded]:
    return st.one_of(
        st.builds(add, smaller, smaller),
        st.builds(multiply, smaller, smaller),
        st.builds(power, smaller, st.integers(2, 4)),
        st.builds(tame, smaller),
        st.builds(function, smaller, st.sampled_from(["sin", "cos", "tanh", "atan", "Abs"])),
    )


@pytest.mark.slow
@settings(max_examples=150)
@given(st.recursive(leaves, grown, max_leaves=8), st.data())
def test_evaluate_is_evalf(drawn: Bounded, data: st.DataObject):
    coordinate = st.fractions(min_value=-2, max_value=2, max_denominator=64)  # exact in binary64
    at = {s: data.draw(coordinate.map(lambda q: round(q * 64) / 64)) for s in (X, Y)}
    exact = sympy.N(drawn.expression.subs({s: sympy.Rational(v) for s, v in at.items()}), 40)
    (found,) = evaluate([drawn.expression], at, np)
    # Sympy may reorder and factor what was drawn, hence a factor beyond the bound as drawn.
    assert abs(float(exact - sympy.Float(float(found), 40))) <= 16 * EPS * (
        drawn.error + drawn.size
    )


def test_arrays_and_namespaces_agree():
    expressions = [X**3 / 4 - X * Y, sympy.exp(-X) * sympy.sqrt(Y**2 + 1), X / (1 + Y**2)]
    x, y = np.linspace(-1.3, 2.1, 5), np.linspace(0.4, 1.7, 5)
    ours = evaluate(expressions, {X: x, Y: y}, np)
    lambdified = sympy.lambdify((X, Y), expressions, "numpy")(x, y)
    on_jax = evaluate(expressions, {X: jnp.asarray(x), Y: jnp.asarray(y)}, jnp)
    for mine, theirs, jax_value in zip(ours, lambdified, on_jax, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=8 * EPS, atol=8 * EPS)
        np.testing.assert_allclose(np.asarray(jax_value), theirs, rtol=8 * EPS, atol=8 * EPS)


@pytest.mark.parametrize("exponent", [-5, -2, -1, 0, 1, 2, 3, 6, 7, 13])
def test_integer_powers(exponent: int):
    at = np.array([-1.7, -0.3, 0.6, 2.9])
    (found,) = evaluate([sympy.Pow(X, exponent, evaluate=False)], {X: at}, np)
    # Squaring rounds once per multiplication, of which there are at most |n|.
    np.testing.assert_allclose(
        found * np.ones(4), at**exponent, rtol=2 * EPS * max(abs(exponent), 1)
    )


@pytest.mark.parametrize("power", ["1/2", "3/2", "-1/2", "-5/2", "1/3", "2.25", "-4/3"])
def test_roots_and_other_powers(power: str):
    at = np.array([0.2, 0.6, 2.9])
    exponent = sympy.nsimplify(power, rational=True)
    (found,) = evaluate([X**exponent], {X: at}, np)
    np.testing.assert_allclose(found, at ** float(exponent), rtol=16 * EPS)


def test_a_symbol_in_the_exponent():
    (found,) = evaluate([X**Y, X ** (-sympy.Symbol("p", positive=True))][:1], {X: 1.7, Y: 2.3}, np)
    assert found == pytest.approx(1.7**2.3, rel=4 * EPS)


def test_a_quotient_is_rounded_once():
    # 3·(1/7) rounds twice and differs from 3/7; many such pairs must all be exact.
    numerators, denominators = np.meshgrid(np.arange(1.0, 40.0), np.arange(1.0, 40.0))
    (found,) = evaluate([X / Y], {X: numerators, Y: denominators}, np)
    np.testing.assert_array_equal(found, numerators / denominators)
    assert (numerators * (1 / denominators) != numerators / denominators).any()


def test_several_expressions_share_what_they_have_in_common():
    class Counting(NumericFunction):
        calls = 0

        @staticmethod
        def definition(s: sympy.Expr) -> sympy.Expr:
            return s

        @staticmethod
        def numeric(xp: Any, s: Any) -> Any:
            Counting.calls += 1
            return s

    counted: Any = Counting(X * Y)
    first, second = evaluate([counted**2 + X, counted * Y], {X: 1.5, Y: -0.5}, np)
    assert (first, second) == (0.75**2 + 1.5, 0.375)
    assert Counting.calls == 1


def test_extremes_of_several_arguments():
    at = {X: 0.4, Y: -1.2}
    expressions = [sympy.Max(X, Y, X * Y), sympy.Min(X, Y, X * Y), sympy.sign(Y)]
    assert evaluate(expressions, at, np) == [0.4, -1.2, -1.0]


def test_numbers_that_are_not_rational():
    expressions = [sympy.pi, sympy.E, sympy.Rational(1, 3), sympy.Integer(2)]
    assert evaluate(expressions, {}, np) == [np.pi, np.e, 1 / 3, 2.0]


def test_an_unknown_symbol_is_named():
    with pytest.raises(TypeError, match=r"no value given for the symbol y; given: \['x'\]"):
        evaluate([X + Y], {X: 1.0}, np)


@pytest.mark.parametrize("unreadable", [sympy.gamma(X), sympy.I * X, UNKNOWN(X)])
def test_an_unknown_function_is_named(unreadable: Any):
    with pytest.raises(TypeError, match="has no array reading"):
        evaluate([unreadable], {X: 1.5}, np)


# -- the careful functions -------------------------------------------------------------------

# From where s² underflows to where cosh would overflow, and both sides of the switch at 1/2.
MAGNITUDES = np.concatenate([np.logspace(-300, 2.8, 400), [0.0, 0.49999, 0.5, 0.50001, 700.0]])


@pytest.mark.slow
@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("which", [LogCosh, SqrtLink])
def test_links_are_accurate_at_every_size(which: type[NumericFunction], xp: Any):
    exact = {
        LogCosh: lambda s: mpmath.log(mpmath.cosh(s)),
        SqrtLink: lambda s: mpmath.sqrt(1 + s * s) - 1,
    }[which]
    s = np.concatenate([MAGNITUDES, -MAGNITUDES])
    (found,) = evaluate([cast(Any, which(X))], {X: xp.asarray(s)}, xp)
    with mpmath.workdps(700):
        expected = np.array([float(exact(mpmath.mpf(float(v)))) for v in s])
    # A handful of roundings; at the switch, log 2 is subtracted from a sum 6 times the result.
    # Below the least normal number there is nothing to be relative to.
    np.testing.assert_allclose(np.asarray(found), expected, rtol=16 * EPS, atol=TINY)


@pytest.mark.parametrize("link", LINKS)
def test_links_are_even_convex_with_unit_curvature_at_zero(link: str):
    loss: Any = LINKS[link].expression(X)
    slope, curvature = sympy.diff(loss, X), sympy.diff(loss, X, 2)
    (found,) = evaluate([curvature + 0 * X], {X: np.array([0.0])}, np)
    np.testing.assert_array_equal(found, 1.0)
    at = np.array([0.3, 0.9, 2.2])
    losses, slopes, curvatures = evaluate([loss, slope, curvature + 0 * X], {X: at}, np)
    (mirrored,) = evaluate([loss], {X: -at}, np)
    np.testing.assert_array_equal(mirrored, losses)
    assert (np.asarray(curvatures) > 0).all()
    np.testing.assert_allclose(slopes, LINKS[link].reference_derivative(at), rtol=4 * EPS)
    # |ℓ′| is bounded as said: on [−r, r] by its value at r, being monotone.
    bound = LINKS[link].derivative_bound(2.2)
    assert np.abs(slopes).max() <= bound * (1 + 4 * EPS)


@pytest.mark.parametrize("which", [LogCosh, SqrtLink])
def test_careful_functions_are_their_definitions(which: type[NumericFunction]):
    definition = which.definition(X)
    assert sympy.simplify((sympy.diff(which(X), X) - sympy.diff(definition, X)).rewrite("exp")) == 0
    assert abs(sympy.N(which(sympy.Rational(13, 10))) - definition.subs(X, 1.3)) < 1e-14


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("exponent", [1.2, 1.5, 2.0, 3.2, 4.0, 9.0])
def test_power_links_are_integrals_of_their_slope(exponent: float, xp: Any):
    sizes = np.array([1e-200, 1e-9, 0.03, 0.4, 0.97, 1.0, 1.03, 1.9, 7.0, 300.0, 1e9, 1e200])
    s = np.concatenate([sizes, -sizes, [0.0]])
    found = [evaluate([of(X)], {X: xp.asarray(s)}, xp)[0] for of in power_links(exponent)]
    with mpmath.workdps(60):
        b = mpmath.mpf(exponent)

        def exact(v: Any) -> tuple[Any, Any, Any]:
            grown = abs(v) ** b
            loss = v**2 / 2 * mpmath.hyp2f1(1 / b, 2 / b, 1 + 2 / b, -grown)
            return loss, v * (1 + grown) ** (-1 / b), (1 + grown) ** (-1 - 1 / b)

        expected = np.array([[float(q) for q in exact(mpmath.mpf(float(v)))] for v in s])
        # … the first of which is the integral of the second.
        integral = mpmath.quad(lambda t: exact(t)[1], [0, mpmath.mpf("0.5"), mpmath.mpf("1.9")])
        assert abs(integral - exact(mpmath.mpf("1.9"))[0]) < 1e-12
    # Beyond 1 a constant is subtracted that is at most 13 times the loss (b = 1.2); a power rounds
    # its logarithm, of up to 460 · b, before it is raised.
    for of, values, roundings in zip(found, expected.T, (64, 8, 8), strict=True):
        large = 16 + 1000 * exponent * (np.abs(np.log(np.abs(s) + (s == 0))) > 5)
        np.testing.assert_array_less(
            np.abs(np.asarray(of) - values), roundings * large * EPS * np.abs(values) + TINY
        )


def test_the_power_link_of_exponent_2_is_the_sqrt_link():
    s = np.linspace(-3.1, 2.7, 9)
    ours, other = evaluate([power_links(2.0)[0](X), cast(Any, SqrtLink(X))], {X: s}, np)
    np.testing.assert_allclose(ours, other, rtol=16 * EPS)
    assert power_links(2.0)[0] is power_links(2.0)[0]


@pytest.mark.parametrize("of", [0, 1, 2])
def test_power_links_are_derivatives_of_each_other(of: int):
    function, h = power_links(2.6)[of], 1e-5
    at = np.array([-1.7, -0.6, 0.3, 0.9, 1.2])
    ahead, behind = (evaluate([function(X)], {X: at + d}, np)[0] for d in (h, -h))
    (slope,) = evaluate([sympy.diff(function(X), X)], {X: at}, np)
    # h²f‴/6 with |f‴| < 40 here (next to 0 it grows as |s|^{b-3}), and rounding ε/h.
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=0, atol=40 * h**2)


def test_softplus_does_not_overflow_and_has_the_logistic_slope():
    s = np.array([-800.0, -40.0, -1.3, 0.0, 0.7, 50.0, 900.0])
    for xp in (np, jnp):
        (found,) = evaluate([cast(Any, Softplus(X))], {X: xp.asarray(s)}, xp)
        np.testing.assert_allclose(np.asarray(found), np.logaddexp(0, s), rtol=4 * EPS)
    (slope,) = evaluate([sympy.diff(Softplus(X), X)], {X: s[2:]}, np)
    np.testing.assert_allclose(slope, 1 / (1 + np.exp(-s[2:])), rtol=4 * EPS)


def test_the_derivative_at_a_kink_is_0():
    relu: Any = Relu(X)
    slope = sympy.diff(relu, X)
    assert slope == Step(X)
    assert sympy.diff(slope, X) == 0
    s = np.array([-0.7, -0.0, 0.0, 0.4])
    for xp in (np, jnp):
        values, slopes = evaluate([relu, slope], {X: xp.asarray(s)}, xp)
        np.testing.assert_array_equal(np.asarray(values), [0, 0, 0, 0.4])
        np.testing.assert_array_equal(np.asarray(slopes), [0, 0, 0, 1])
    automatic = jax.vmap(jax.grad(lambda v: Relu.numeric(jnp, v)))(jnp.asarray(s))
    np.testing.assert_array_equal(np.asarray(automatic), [0, 0, 0, 1])
