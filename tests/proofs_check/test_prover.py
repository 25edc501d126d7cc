"""The provers: what they prove, what they refute, and what they refuse to call a proof."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import z3

from proofs_check import Contradiction, Identity, Implication, Verdict, solver
from proofs_check.prover import overall, prove
from proofs_check.solver import Answer, Reply

a, b, c = sympy.symbols("a b c", real=True)


def test_identity_is_proved():
    proof = Identity("binomial", (a + b) ** 2, a**2 + 2 * a * b + b**2).check()
    assert proof.verdict is Verdict.PROVED


def test_identity_that_needs_signs_is_proved_only_with_them():
    assert Identity("root", sympy.sqrt(a**2 * b), a * sympy.sqrt(b), (a, b)).check().verdict is (
        Verdict.PROVED
    )
    # For a < 0 the root is −a√b; the random points are positive, so it cannot be refuted there.
    assert Identity("root", sympy.sqrt(a**2), a).check().verdict is Verdict.UNDECIDED


def test_identity_is_refuted_with_a_point():
    proof = Identity("wrong", (a + b) ** 2, a**2 + b**2).check()
    assert proof.verdict is Verdict.REFUTED
    assert "a = " in proof.detail and "b = " in proof.detail


def test_a_small_difference_refutes_and_the_points_are_the_same_each_time():
    nearly = Identity("nearly", a * b, a * b + sympy.Rational(1, 10**15) * a)
    assert nearly.check().verdict is Verdict.REFUTED
    assert nearly.check() == nearly.check()


def test_identity_of_sides_that_differ_by_an_imaginary_number_is_refuted():
    # The random points lie between 0 and 1, where the root of a − 1 has no real part.
    proof = Identity("imaginary", sympy.sqrt(a - 1), 0).check()
    assert proof.verdict is Verdict.REFUTED
    assert "I at a = " in proof.detail


def test_identity_that_simplify_cannot_reduce_is_undecided(monkeypatch):
    monkeypatch.setattr(sympy, "simplify", lambda e: e)
    proof = Identity("unreduced", sympy.sin(a) ** 2 + sympy.cos(a) ** 2, 1).check()
    assert proof.verdict is Verdict.UNDECIDED
    assert "simplify" in proof.detail


def test_implication_is_proved():
    proof = Implication(
        "squares", (a >= 1, b >= 1), a * b >= 1, mutation=((a >= 1,), a * b >= 1)
    ).check()
    assert proof.verdict is Verdict.PROVED


def test_implication_is_refuted_with_a_model():
    proof = Implication("wrong", (a > 0,), a > 1, mutation=((), a > 1)).check()
    assert proof.verdict is Verdict.REFUTED
    assert "a = " in proof.detail


def test_contradictory_hypotheses_prove_nothing():
    proof = Implication("empty", (a > 1, a < 0), b > 5, mutation=((), b > 5)).check()
    assert proof.verdict is Verdict.UNDECIDED
    assert "hypotheses" in proof.detail


def test_a_mutation_that_is_true_as_well_proves_nothing():
    # a > 2 is not needed for a² ≥ 0, so dropping it changes nothing.
    proof = Implication("lazy", (a > 2,), a**2 >= 0, mutation=((), a**2 >= 0)).check()
    assert proof.verdict is Verdict.UNDECIDED
    assert "mutated" in proof.detail


@pytest.mark.parametrize("unanswered", range(3))
def test_unknown_is_undecided_whichever_question_it_answers(monkeypatch, unanswered):
    """Of the statement, of its hypotheses, of its mutation: each unknown leaves it undecided."""
    ask, asked = solver.ask, []

    def forgetful(relations):
        asked.append(relations)
        return Reply(Answer.UNKNOWN) if len(asked) == unanswered + 1 else ask(relations)

    monkeypatch.setattr(solver, "ask", forgetful)
    steps = (
        Implication("slow", (a > 0, b > 0), a * b > 0, mutation=((a > 0,), a * b > 0)),
        Contradiction("slow", (a > 0, a < 0), needed=(0, 1)),
    )
    for step in steps:
        asked.clear()
        assert step.check().verdict is Verdict.UNDECIDED
        assert len(asked) == unanswered + 1


@pytest.mark.parametrize("power", [1, 2, 3])
def test_dividing_by_zero_refutes_nothing(power):
    # a/bⁿ ≥ 0 fails only where z3 chooses the value of a/0.
    given, quotient = (a > 0, b >= 0), a / b**power
    proof = Implication("quotient", given, quotient >= 0, mutation=((), quotient >= 0)).check()
    assert proof.verdict is Verdict.UNDECIDED
    assert "denominator" in proof.detail
    proof = Contradiction("quotient", (a > 0, b >= 0, quotient < 0), needed=(0, 1, 2)).check()
    assert proof.verdict is Verdict.UNDECIDED
    assert "denominator" in proof.detail


def test_a_counterexample_has_no_denominator_that_is_0():
    proof = Implication("quotient", (a > 0, b >= 0), a / b > 1, mutation=((), a > 0)).check()
    assert proof.verdict is Verdict.REFUTED
    assert "b = 0," not in f"{proof.detail},"


def test_a_mutation_refuted_only_by_dividing_by_zero_proves_nothing():
    true = ((a > 0, b > 0), a / b > 0)
    proof = Implication("quotient", *true, mutation=((a > 0, b >= 0), a / b > 0)).check()
    assert proof.verdict is Verdict.UNDECIDED
    assert "mutated" in proof.detail
    assert Implication("quotient", *true, mutation=((a > 0,), a / b > 0)).check().verdict is (
        Verdict.PROVED
    )


def test_hypotheses_met_only_by_dividing_by_zero_prove_nothing():
    given = (sympy.Eq(b, 0), a / b > 1, a > 0)
    proof = Implication("empty", given, a > -1, mutation=((), a > -1)).check()
    assert proof.verdict is Verdict.UNDECIDED
    assert "hypotheses" in proof.detail


@pytest.mark.parametrize(
    ("reason", "raises"), [("interrupted from keyboard", True), ("timeout", False)]
)
def test_an_interrupt_during_a_proof_is_one(monkeypatch, reason, raises):
    monkeypatch.setattr(z3.Solver, "check", lambda solver: z3.unknown)
    monkeypatch.setattr(z3.Solver, "reason_unknown", lambda solver: reason)
    implication = Implication("slow", (a > 0,), a > -1, mutation=((), a > -1))
    if raises:
        with pytest.raises(KeyboardInterrupt):
            implication.check()
    else:
        assert implication.check().verdict is Verdict.UNDECIDED


def test_contradiction_needs_every_named_relation():
    given = (a > 1, b > 1, a * b < 1)
    assert Contradiction("whole", given, needed=(0, 1, 2)).check().verdict is Verdict.PROVED
    # With c > 0 beside it the contradiction stays, so c > 0 is not needed.
    padded = Contradiction("padded", (*given, c > 0), needed=(3,)).check()
    assert padded.verdict is Verdict.UNDECIDED
    assert "c > 0" in padded.detail
    assert Contradiction("no", (a > 0, b > 0), needed=(0,)).check().verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    ("expression", "point"),
    [
        (a**3 - b / 2 + 1, {"a": 2, "b": 3}),
        ((a - b) ** 2 / (a + b), {"a": 2, "b": 3}),
        (a**-2 * b, {"a": 2, "b": 3}),
        (sympy.Rational(3, 7) * a - 2, {"a": 5, "b": 1}),
    ],
)
def test_translation_to_z3_keeps_the_value(expression, point):
    at = {sympy.Symbol(name, real=True): number for name, number in point.items()}
    exact: Any = sympy.Rational(expression.subs(at))
    wanted = z3.RealVal(f"{exact.p}/{exact.q}")
    asked = z3.Solver()
    asked.add(*(z3.Real(name) == value for name, value in point.items()))
    asked.add(solver.to_z3(expression) != wanted)
    assert asked.check() == z3.unsat


@pytest.mark.parametrize(
    "relation",
    [
        a < b, a <= b, a > b, a >= b, sympy.Eq(a, b), sympy.Ne(a, b), sympy.Not(sympy.Eq(a, b)),
        sympy.And(a > 0, b > 0), sympy.Or(a > 0, b > 0), sympy.Not(sympy.Or(a > 0, b > 0)),
    ],
    ids=str,
)  # fmt: skip
def test_translation_to_z3_keeps_the_truth(relation):
    for values in ((1, 2), (2, 1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
        at = {a: sympy.Integer(values[0]), b: sympy.Integer(values[1])}
        placed = [sympy.Eq(s, v, evaluate=False) for s, v in at.items()]
        assert solver.is_met((*placed, relation)) == bool(relation.subs(at))


def test_translation_refuses_what_is_not_polynomial():
    with pytest.raises(TypeError, match="polynomial"):
        Implication("root", (a > 0,), sympy.sqrt(a) > 0, mutation=((), a > 0)).check()


def test_overall_verdict():
    true = Identity("t", a, a)
    false = Identity("f", a, a + 1)
    unknown = Identity("u", sympy.sqrt(a**2), a)
    assert overall(prove([])) is None
    assert overall(prove([true, true])) is Verdict.PROVED
    assert overall(prove([true, unknown])) is Verdict.UNDECIDED
    assert overall(prove([unknown, false, true])) is Verdict.REFUTED
