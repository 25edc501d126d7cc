"""Runs that meet a point where the loss or its gradient is undefined: told from all others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray

from dynamics import GD, SAM, USAM, Algorithm, Criteria, Outcome, SignSAM, StableSAM, sweep
from landscapes import Formula
from tests.support.backends import assert_bits, run

ALGORITHMS = (GD, SAM, USAM, StableSAM)
BARRIER = Formula("x - log(x)")


def ends(formula: str, algorithm: Algorithm, starts: Any, eta: float, **other: Any) -> list[tuple]:
    """Outcome, step and end of each run."""
    given: dict[str, Any] = {"rho": 0.05, "n_steps": 400} | other
    found = sweep(Formula(formula), algorithm, eta=eta, starts=starts, **given)
    assert not any(np.isnan(found[name]).any() for name in ("final", "final_loss", "amplitude"))
    final = np.reshape(found.final.values, (len(starts), -1))
    outcomes, steps = found.outcome.values.ravel(), found.n_steps.values.ravel()
    return [
        (Outcome(int(o)), int(t), tuple(w))
        for o, t, w in zip(outcomes, steps, final.tolist(), strict=True)
    ]


@pytest.mark.parametrize("algorithm", (GD, StableSAM), ids=str)
@pytest.mark.parametrize(
    ("formula", "start"),
    [
        ("x - log(x)", -1.3), ("x*log(x)", 0.0), ("log(x)", -0.4), ("sqrt(x)", -0.7),
        ("sqrt(x)", 0.0), ("1/x", 0.0), ("1/(x - 0.3)^2", 0.3),
    ],
)  # fmt: skip
def test_a_start_outside_the_domain_is_undefined_at_once(formula, start, algorithm):
    assert ends(formula, algorithm, [[start]], 0.1) == [(Outcome.UNDEFINED, 0, (start,))]


@pytest.mark.slow
def test_a_step_out_of_the_domain_is_the_run_s_last():
    # x⁺ = x − η(1 − 1/x) = 5 − 8·0.8 < 0, where the derivative's formula still has a value.
    assert ends("x - log(x)", GD, [[5.0]], 8.0) == [(Outcome.UNDEFINED, 1, (5.0,))]
    # From ½ by 3/10·1/x: 1/2, −1/10; and from 3 by a hundredth of it, ever more slowly.
    (one, other) = ends("log(x)", GD, [[0.5], [3.0]], 0.3, n_steps=8)
    assert one == (Outcome.UNDEFINED, 1, (0.5,))
    assert other[:2] == (Outcome.BUDGET, 8)
    # √x by η/(2√x), from 1/100 by 1/2: out in one step.
    assert ends("sqrt(x)", GD, [[0.01]], 0.1) == [(Outcome.UNDEFINED, 1, (0.01,))]


@pytest.mark.parametrize("check_every", [1, 3, 100])
def test_the_step_is_its_own_not_that_of_a_check(check_every: int):
    # w⁺ = w − 1/(10w), until w < 0.
    w, steps = 1.7, 0
    while True:
        following = w - 0.1 / w
        steps += 1
        if following <= 0:
            break
        w = following
    assert steps > 10
    found = ends("log(x)", GD, [[1.7]], 0.1, criteria=Criteria(check_every=check_every))
    ((outcome, at, (final,)),) = found
    assert (outcome, at) == (Outcome.UNDEFINED, steps)
    assert final == pytest.approx(w, rel=1e-12)


@pytest.mark.slow
def test_the_ascent_point_may_be_outside():
    # The gradient at 1/1000 is −999: SAM asks at 1/1000 − ρ < 0, which GD does not.
    (found,) = ends("x - log(x)", SAM, [[1e-3]], 1e-7, n_steps=1)
    assert found == (Outcome.UNDEFINED, 1, (1e-3,))
    (found,) = ends("x - log(x)", GD, [[1e-3]], 1e-7, n_steps=1)
    assert found[:2] == (Outcome.BUDGET, 1)
    # Signs of what is not defined are none.
    (found,) = ends("sqrt(x)", SignSAM, [[0.01]], 0.1)
    assert found[0] is Outcome.UNDEFINED


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_a_kink_that_is_stepped_onto_has_no_gradient(algorithm: Algorithm):
    # ‖w‖: a step of η = 1/8 from (1/8, 0) ends on the tip, exactly.
    found = ends("sqrt(x^2 + y^2)", algorithm, [[0.125, 0.0], [0.0, 0.0]], 0.125)
    assert found == [(Outcome.UNDEFINED, 1, (0.125, 0.0)), (Outcome.UNDEFINED, 0, (0.0, 0.0))]


@pytest.mark.slow
def test_what_overflows_is_not_undefined():
    (found,) = ends("x^4", GD, [[800.0]], 0.1)
    assert found[0] is Outcome.DIVERGED
    # The gradient, −1/x², is defined at 1e-200 and too large.
    ((outcome, at, final),) = ends("1/x", GD, [[1e-150]], 0.1)
    assert (outcome, at, final) == (Outcome.DIVERGED, 1, (1e-150,))
    # Outside of the ball nothing else is asked.
    (found,) = ends("log(x)", GD, [[-2e12]], 0.1)
    assert found[:2] == (Outcome.DIVERGED, 0)


@pytest.mark.slow
def test_a_gradient_of_zero_has_a_unit_vector_by_convention():
    for formula, start in (("x - log(x)", 1.0), ("x^2", 0.0)):
        for algorithm in ALGORITHMS:
            assert ends(formula, algorithm, [[start]], 0.1) == [(Outcome.CONVERGED, 0, (start,))]


def test_without_early_stopping_the_verdict_is_the_same():
    starts = [[5.0], [-1.0], [0.7]]
    early = ends("x - log(x)", SAM, starts, 8.0)
    assert {outcome for outcome, _, _ in early} == {Outcome.UNDEFINED}
    assert ends("x - log(x)", SAM, starts, 8.0, early_stop=False) == early


@pytest.mark.slow
def test_both_ways_of_compiling_and_any_neighbours_find_the_same():
    starts = np.concatenate([np.linspace(-0.2, 6.0, 40)[:, None], [[1e-3], [1e13], [1.0]]])
    etas = np.linspace(0.05, 8.0, len(starts))
    # So few steps that rounding, which differs, decides nothing.
    options: Any = {"n_steps": 20, "check_every": 10, "max_period": 2}
    native, xla = (run(k, BARRIER, SAM, starts, etas, 0.05, **options) for k in ("native", "xla"))
    for name in ("outcome", "n_steps", "period"):
        np.testing.assert_array_equal(getattr(native, name), getattr(xla, name), err_msg=name)
    assert {Outcome.UNDEFINED, Outcome.DIVERGED, Outcome.BUDGET} <= set(native.outcome)
    for i in (0, 3, 20, 39):
        alone = run("native", BARRIER, SAM, starts[i : i + 1], etas[i], 0.05, **options)
        assert_bits(alone, native, slice(i, i + 1))


def test_the_label_is_told_in_the_data():
    found: xarray.Dataset = sweep(BARRIER, GD, eta=0.1, starts=(-1.0,), n_steps=3)
    flags = found.outcome.attrs
    assert flags["flag_meanings"].split()[list(flags["flag_values"]).index(4)] == "UNDEFINED"
