"""From runs to a verdict: who counts, who disagrees, and which witness is shown."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from dynamics import SAM
from landscapes import Quadratic
from proofs_check import Exhibit, Size, Support
from proofs_check.evidence import both_sides, call, equality, holds, join, judge, upper_bound, value

q = sympy.Symbol("q", real=True)


def witness(i):
    return Exhibit(f"case {i}", "it")


def test_upper_bound_consistent_refuted_and_its_slack():
    observed, bound = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 4.0])
    seen = judge(upper_bound(observed, bound, witness, quantities={}), ())
    assert (seen.support, seen.n_runs, seen.tightness) == (Support.CONSISTENT, 3, 1.0)
    assert seen.worst == 0.0
    seen = judge(upper_bound(np.array([1.0, 2.0, 5.0]), bound, witness, quantities={}), ())
    assert seen.support is Support.REFUTED
    assert seen.witness is not None and seen.witness.call == "case 2"
    assert seen.worst == pytest.approx(-1 / 9)  # (4 − 5)/(4 + 5)


def test_rounding_is_forgiven_and_more_is_not():
    bound = np.ones(1)
    assert judge(upper_bound(bound + 1e-13, bound, witness, quantities={}), ()).support is (
        Support.CONSISTENT
    )
    assert judge(upper_bound(bound + 1e-11, bound, witness, quantities={}), ()).support is (
        Support.REFUTED
    )


def test_not_a_number_disagrees():
    nan = np.array([np.nan])
    for evidence in (
        upper_bound(nan, np.ones(1), witness, quantities={}),
        equality(nan, np.ones(1), witness, tolerance=1.0, quantities={}),
    ):
        seen = judge(evidence, ())
        assert seen.support is Support.REFUTED
        assert seen.worst == (-np.inf if evidence.larger_is_better else np.inf)


def test_equality_tolerance_is_relative():
    far, near = np.array([2e3 + 3e-3]), np.array([2e3 + 1e-3])
    settings = {"tolerance": 1e-6, "quantities": {}}
    predicted = np.array([2e3])
    assert judge(equality(near, predicted, witness, **settings), ()).support is Support.CONSISTENT
    assert judge(equality(far, predicted, witness, **settings), ()).support is Support.REFUTED


def test_threshold_counts_a_run_that_did_neither_against_the_claim():
    factor = np.array([0.99, 1.01])
    converged, diverged = np.array([True, False]), np.array([False, True])
    none = np.zeros(2, dtype=bool)

    def support(below, above):
        return judge(
            both_sides(factor, below, above, factor / 2, witness, quantities={}), ()
        ).support

    assert support(converged, diverged) is Support.CONSISTENT
    assert support(none, diverged) is Support.REFUTED
    assert support(converged, none) is Support.REFUTED
    assert support(~converged, ~diverged) is Support.REFUTED
    with pytest.raises(ValueError, match="neither side"):
        both_sides(np.ones(1), none[:1], none[:1], np.ones(1), witness, quantities={})


def test_runs_outside_the_hypotheses_are_set_aside():
    at = {q: np.array([1.0, 2.0, 3.0])}
    evidence = upper_bound(np.array([5.0, 1.0, 1.0]), np.full(3, 2.0), witness, quantities=at)
    assert judge(evidence, (q > 0,)).support is Support.REFUTED
    seen = judge(evidence, (q > 1,))
    assert (seen.support, seen.n_runs, seen.n_outside) == (Support.CONSISTENT, 2, 1)
    assert judge(evidence, (q > 1, q < 1)).support is Support.OUT_OF_DOMAIN


def test_the_cheapest_witness_is_shown_then_the_plainest():
    observed, bound = np.array([9.0, 3.0, 8.0]), np.ones(3)
    cost = np.array([2.0, 1.0, 1.0])
    seen = judge(upper_bound(observed, bound, witness, quantities={}, cost=cost), ())
    assert seen.witness is not None and seen.witness.call == "case 2"


def test_join_keeps_witnesses_with_their_runs():
    def named(name):
        return lambda i: Exhibit(f"{name}{i}", "it")

    def part(observed, name):
        at = {q: np.arange(float(len(observed)))}
        return upper_bound(np.array(observed), np.ones(len(observed)), named(name), quantities=at)

    both = join([part([0.0, 0.0], "first"), part([0.0, 2.0], "second")])
    seen = judge(both, ())
    assert seen.n_runs == 4
    assert seen.witness is not None and seen.witness.call == "second1"
    at_the_seam = judge(join([part([0.0, 0.0], "first"), part([2.0, 0.0], "second")]), ())
    assert at_the_seam.witness is not None and at_the_seam.witness.call == "second0"
    with pytest.raises(ValueError, match="one unit"):
        join([both, equality(np.ones(1), np.ones(1), witness, tolerance=1.0, quantities={})])


def test_formulas_and_relations_of_arrays():
    at = {q: np.array([1.0, 4.0])}
    assert value(sympy.sqrt(q) / 2, at) == pytest.approx([0.5, 1.0])
    assert holds(q >= 4, at).tolist() == [False, True]
    assert holds(sympy.Eq(q, 1), at).tolist() == [True, False]
    assert holds(q <= 1, at).tolist() == [True, False]
    assert holds(q < 4, at).tolist() == [True, False]
    assert holds(q > 1, at).tolist() == [False, True]
    with pytest.raises(TypeError, match="relation"):
        holds(q + 1, at)


def test_the_full_size_is_ten_times_the_quick_one():
    assert (Size.QUICK.runs(7), Size.FULL.runs(7)) == (7, 70)


def test_a_call_can_be_pasted():
    import dynamics
    import landscapes

    text = call(Quadratic(spectrum=(1.7, 0.3)), SAM, np.array([0.1, -0.2]), 0.5, 0.1, 7)
    path = eval(text, vars(landscapes) | vars(dynamics))
    again = dynamics.trajectory(
        Quadratic(spectrum=(1.7, 0.3)), SAM, (0.1, -0.2), eta=0.5, rho=0.1, n_steps=7
    )
    assert np.array_equal(path, again)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="one entry per run"):
        upper_bound(np.ones((2, 2)), np.ones((2, 2)), witness, quantities={})
