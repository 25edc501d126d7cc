"""What became of a run: each outcome reached, with its evidence, as the oracle's path says."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

from dynamics import (
    GD,
    SAM,
    SGD,
    USAM,
    Algorithm,
    Criteria,
    Outcome,
    StableSAM,
    sweep,
    uniform_starts,
)
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine.outcome import ROUNDINGS
from dynamics.engine.stepper import Stepper
from landscapes import (
    Formula,
    Landscape,
    LinearNeuron,
    MatrixSensing,
    Quadratic,
    QuadraticSum,
    Saddle,
)
from tests.support import oracle
from tests.support.cases import CORE
from tests.support.judge import judged

each_algorithm = pytest.mark.parametrize("algorithm", CORE, ids=str)


def one(landscape: Landscape, algorithm: Algorithm, start, eta: float, rho: float, n_steps: int,
        **criteria) -> xarray.Dataset:  # fmt: skip
    return sweep(
        landscape, algorithm, eta=eta, rho=rho, starts=start, n_steps=n_steps,
        criteria=Criteria(**criteria),
    ).squeeze()  # fmt: skip


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Euclidean lengths along the last axis; what overflows is inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.linalg.norm(vectors, axis=-1)


# -- each outcome ----------------------------------------------------------------------------


def test_convergence_is_reported_at_the_check_that_sees_it():
    # w_t = (1 − ηλ)^t w₀ with λ = 1.7, η = 0.3: w falls to 1e-10 of the size of the start at
    # t = log(1e-10)/log 0.49 = 32.3, so the check at 33 is the first to see it.
    for check_every, expected in ((1, 33), (10, 40), (33, 33), (100, 100)):
        found = one(Quadratic((1.7,)), GD, [0.6], 0.3, 0.0, 500, check_every=check_every)
        assert Outcome(int(found.outcome)) is Outcome.CONVERGED
        assert int(found.n_steps) == expected
        assert (int(found.period), float(found.amplitude), int(found.attractor)) == (1, 0.0, 0)
        final = 0.6 * 0.49**expected
        assert float(found.final) == pytest.approx(final, rel=1e-12)
        assert float(found.final_loss) == pytest.approx(0.85 * final**2, rel=1e-11)


def test_the_gradient_tolerance_is_the_one_asked_for():
    # As above: 0.49^t ≤ 1e-3 at t = 9.7.
    found = one(Quadratic((1.7,)), GD, [0.6], 0.3, 0.0, 500, check_every=1, gradient_tolerance=1e-3)
    assert int(found.n_steps) == 10


def test_sam_on_a_parabola_cycles_with_the_amplitude_it_must():
    # w⁺ = w − ηλ(w + ρ sgn w) = −w at |w| = ηλρ/(2 − ηλ); from asymmetric starts, both sides.
    eta, rho, curvature = 0.3, 0.17, 1.7
    amplitude = eta * curvature * rho / (2 - eta * curvature)
    for start in (0.61, -1.37):
        found = one(Quadratic((curvature,)), SAM, [start], eta, rho, 4000)
        assert Outcome(int(found.outcome)) is Outcome.CYCLE
        assert int(found.period) == 2
        # The directions cancel to 1e-8 of themselves, so positions do to about that.
        assert float(found.amplitude) == pytest.approx(amplitude, rel=1e-7)
        assert int(found.attractor) == 0
        assert int(found.n_steps) % 100 == 0
    unseen = one(Quadratic((curvature,)), SAM, [0.61], eta, rho, 400, max_period=1)
    assert Outcome(int(unseen.outcome)) is Outcome.BUDGET


def period_by_the_oracle(path: np.ndarray) -> int:
    return next(
        p for p in range(1, 9) if np.abs(path[-1] - path[-1 - p]).max() < 1e-9
    )  # fmt: skip


@pytest.mark.parametrize(
    ("algorithm", "eta", "rho", "period"),
    [(GD, 0.55, 0.0, 1), (GD, 0.75, 0.0, 2), (SAM, 0.32, 0.3, 4)],
    ids=str,
)
def test_periods_are_the_least_ones(algorithm: Algorithm, eta: float, rho: float, period: int):
    # Beyond 2/λ₁ = 2/(2 + √2) = 0.586 the minimum of the saddle landscape is unstable for GD.
    start = np.array([1.17, 0.86])
    path = oracle.path(Saddle(), algorithm.name, start, eta, rho, 6000)
    assert period_by_the_oracle(path) == period
    found = one(Saddle(), algorithm, start, eta, rho, 6000)
    assert int(found.period) == period
    assert Outcome(int(found.outcome)) is (Outcome.CONVERGED if period == 1 else Outcome.CYCLE)
    # Half the way to the farthest point of the cycle, seen from the point where the run stopped.
    cycle = path[-period:]
    here = cycle[lengths(cycle - found.final.values).argmin()]
    expected = lengths(cycle - here).max() / 2
    assert float(found.amplitude) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("check_every", [1, 7, 100])
@each_algorithm
def test_divergence_is_traced_to_the_first_step_outside(algorithm: Algorithm, check_every: int):
    radius = 50.0
    starts = uniform_starts(40, low=(1.2, -4.0), high=(4.0, -0.3), seed=12)
    found = sweep(
        Saddle(), algorithm, eta=0.45, rho=0.12, starts=starts, n_steps=230,
        criteria=Criteria(max_period=1, divergence_radius=radius, check_every=check_every),
    ).squeeze()  # fmt: skip
    seen = 0
    for i, start in enumerate(starts):
        path = oracle.path(Saddle(), algorithm.name, start, 0.45, 0.12, 230)
        outside = ~(lengths(path) <= radius)
        if not outside.any():
            assert int(found.outcome[i]) != Outcome.DIVERGED
            continue
        seen += 1
        first = int(outside.argmax())
        assert int(found.outcome[i]) == Outcome.DIVERGED
        assert int(found.n_steps[i]) == first
        # Up to here errors of rounding have been multiplied by what the path itself grew.
        np.testing.assert_allclose(found.final[i], path[first - 1], rtol=1e-9)
        assert int(found.attractor[i]) == -1
        assert (int(found.period[i]), float(found.amplitude[i])) == (0, 0.0)
    assert 5 <= seen < len(starts)  # both kinds are there


@pytest.mark.slow
def test_a_start_outside_has_diverged_at_step_0():
    found = one(Quadratic((1.7, 0.4)), GD, (3.0, 4.001), 0.1, 0.0, 20, divergence_radius=5.0)
    assert (int(found.outcome), int(found.n_steps)) == (Outcome.DIVERGED, 0)
    np.testing.assert_array_equal(found.final, (3.0, 4.001))
    # The sphere itself is inside: 3² + 4² = 5², exactly.
    found = one(Quadratic((1.7, 0.4)), GD, (3.0, 4.0), 0.1, 0.0, 20, divergence_radius=5.0)
    assert (int(found.outcome), int(found.n_steps)) == (Outcome.BUDGET, 20)


@each_algorithm
def test_what_overflows_has_diverged_without_nan(algorithm: Algorithm):
    found = one(
        Saddle(), algorithm, (3.1, -2.2), 1.3, 0.2, 300, divergence_radius=1e300, max_period=1
    )
    path = oracle.path(Saddle(), algorithm.name, np.array([3.1, -2.2]), 1.3, 0.2, 300)
    assert not np.isfinite(path[-1]).all()
    assert Outcome(int(found.outcome)) is Outcome.DIVERGED
    first = int((~np.isfinite(path).all(axis=1)).argmax())
    assert int(found.n_steps) <= first
    assert np.isfinite(found.final).all()
    assert not np.isnan(found.final_loss)


def test_a_run_that_explodes_is_never_on_a_cycle():
    starts = [(size, 1.0) for size in (1e2, 1e5, 1e9)]
    found = sweep(Saddle(), (GD, USAM), eta=0.2, rho=0.1, starts=starts, n_steps=50)
    assert (found.outcome == Outcome.DIVERGED).all()


@pytest.mark.slow
def test_leaving_the_ball_between_two_checks_is_leaving_it():
    # From a larger η the iterates are thrown out of a ball of radius 4 and back into it.
    landscape = MatrixSensing.examples()[1]
    starts = uniform_starts(3000, low=[-3.0] * landscape.dim, high=[3.0] * landscape.dim)
    counts = [
        int((one(landscape, GD, starts, 0.1, 0.0, 300, divergence_radius=4.0,
                 check_every=check_every, max_period=1).outcome == Outcome.DIVERGED).sum())
        for check_every in (1, 7, 100)
    ]  # fmt: skip
    assert counts[0] == counts[1] == counts[2]


def test_running_out_of_steps_is_only_that():
    found = one(Quadratic((1.7, 0.01)), GD, (0.6, 0.9), 0.1, 0.0, 37)
    assert (int(found.outcome), int(found.n_steps)) == (Outcome.BUDGET, 37)
    assert (int(found.period), float(found.amplitude), int(found.attractor)) == (0, 0.0, -1)
    expected = oracle.path(Quadratic((1.7, 0.01)), "GD", np.array([0.6, 0.9]), 0.1, 0.0, 37)[-1]
    np.testing.assert_allclose(found.final, expected, rtol=1e-13)


def test_every_outcome_is_known_by_a_number_that_stays():
    assert {o.name: int(o) for o in Outcome} == {
        "BUDGET": 0, "CONVERGED": 1, "CYCLE": 2, "DIVERGED": 3, "UNDEFINED": 4,
    }  # fmt: skip


# -- converged means converging ----------------------------------------------------------------


def labels(runs: xarray.Dataset) -> list[Outcome]:
    return [Outcome(int(o)) for o in np.ravel(runs.outcome.values)]


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_units_of_loss_and_of_w_change_no_label(scale: float):
    starts = uniform_starts(30, low=(-2, -2), high=(2, 2), seed=1)
    given: dict[str, Any] = {"rho": 0.1, "n_steps": 1500}
    expected = sweep(Formula("a*(x^4/4 - x*y + y^2/2)", a=1.0), (GD, SAM), eta=(0.1, 0.3),
                     starts=starts, **given)  # fmt: skip
    found = sweep(Formula("a*(x^4/4 - x*y + y^2/2)", a=scale), (GD, SAM),
                  eta=(0.1 / scale, 0.3 / scale), starts=starts, **given)  # fmt: skip
    for name in ("outcome", "period", "n_steps"):
        np.testing.assert_array_equal(found[name].values, expected[name].values)
    assert {Outcome.CONVERGED, Outcome.CYCLE} <= set(labels(expected))
    # w in other units, on x²/2 + 0.15 y².
    bowl = Quadratic((1.0, 0.3))
    one_unit = sweep(bowl, (GD, SAM), eta=0.4, starts=starts, rho=0.2, n_steps=900)
    other = sweep(bowl, (GD, SAM), eta=0.4, starts=scale * starts, rho=0.2 * scale, n_steps=900)
    for name in ("outcome", "period", "n_steps"):
        np.testing.assert_array_equal(other[name].values, one_unit[name].values)
    assert {Outcome.CONVERGED, Outcome.CYCLE} == set(labels(one_unit))


@pytest.mark.slow
def test_what_only_moves_slowly_has_not_converged():
    # A plateau; a flat valley, 1e-13 as curved as its walls; a minimum of higher order, which is
    # neared like 1/√t; and a step too small to change w.
    for formula, start, eta in (
        ("exp(-x)", (25.0,), 0.1),
        ("x^2 + 0.0000000000001*y^2", (1.0, 1.0), 0.1),
        ("x^4", (1e-4,), 0.1),
        ("x^2", (0.7,), 1e-18),
    ):
        found = sweep(Formula(formula), GD, eta=eta, starts=start, n_steps=1000)
        assert labels(found) == [Outcome.BUDGET], formula


def test_a_start_beside_a_saddle_leaves_it():
    for start in ((1e-30, 2e-30), (1e-11, 1.1e-11)):
        found = one(Saddle(), GD, start, 0.1, 0.0, 5000)
        assert labels(found) == [Outcome.CONVERGED]
        np.testing.assert_allclose(np.abs(found.final), 1.0, atol=1e-8)
    # Beside the ridge that leads to one, too.
    assert labels(one(Formula("x^2 - y^2"), GD, (1.0, 1e-30), 0.1, 0.0, 700)) == [Outcome.DIVERGED]


def test_runs_that_draw_examples_come_to_rest_in_no_units():
    starts = [(1.0, 2.0), (-0.3, 1e-3)]
    found = [
        sweep(QuadraticSum([[1.9 * c, 0.4 * c], [0.2 * c, 1.7 * c]], [[0.0, 0.0], [0.0, 0.0]]),
              SGD, eta=0.3 / c, starts=starts, n_steps=500)
        for c in (1.0, 2.0**-40, 2.0**40)
    ]  # fmt: skip
    assert labels(found[0]) == [Outcome.CONVERGED] * 2
    for other in found[1:]:
        for name in ("outcome", "n_steps", "final"):
            np.testing.assert_array_equal(other[name].values, found[0][name].values)
    # One example of the two is a maximum: a run beside it, however near, is driven away by it.
    torn = sweep(QuadraticSum([-1.0, 2.0], [0.0, 0.0]), SGD, eta=0.3, starts=[(0.0,), (1e-11,)],
                 n_steps=50)  # fmt: skip
    assert labels(torn) == [Outcome.CONVERGED, Outcome.BUDGET]


def test_an_unstable_minimum_is_not_where_a_run_beside_it_converges():
    # Beyond η = 0.586, and for a start that no rounding tells from the minimum, it is.
    found = sweep(Saddle(), GD, eta=0.62, starts=[(1.0, 1.0), (1.0 + 1e-12, 1.0)], n_steps=3000)
    assert labels(found)[0] is Outcome.CONVERGED
    assert labels(found)[1] is not Outcome.CONVERGED


def test_an_alternation_that_grows_or_falls_slowly_is_no_cycle():
    # λ = 2: w⁺ = (1 − 2η)w.
    etas = (1 - 1e-9, 1.0, 1 + 1e-9)
    found = sweep(Quadratic((2.0,)), GD, eta=etas, starts=(0.7,), n_steps=2000)
    assert labels(found) == [Outcome.BUDGET, Outcome.CYCLE, Outcome.BUDGET]


# -- where it ended --------------------------------------------------------------------------


def test_attractors_are_the_sets_that_hold_the_end():
    saddle = sweep(Saddle(), GD, eta=0.2, starts=[(0.7, 1.9), (-1.4, -0.2)], n_steps=3000).squeeze()
    assert saddle.attractor.values.tolist() == [0, 1]
    np.testing.assert_allclose(saddle.final, [[1, 1], [-1, -1]], atol=1e-8)
    lines = sweep(
        LinearNeuron("sqrt"), GD, eta=0.1, starts=[(0.3, 1.9), (1.4, -0.2)], n_steps=3000
    ).squeeze()
    assert lines.attractor.values.tolist() == [0, 1]


def test_the_most_special_of_several_sets_is_named():
    # Within the tolerance of both lines and of the origin, and on one of the lines.
    found = one(LinearNeuron("square"), GD, (0.0, 2e-5), 0.1, 0.0, 5)
    assert (int(found.outcome), int(found.attractor)) == (Outcome.CONVERGED, 2)


@pytest.mark.slow
def test_a_fixed_point_that_is_not_critical_has_no_attractor():
    # u = 1/2 is sent to the saddle at 0 by the ascent, and |u − 0| = 1/2 is beyond any tolerance.
    found = one(MatrixSensing(1, 1, 3, seed=1), StableSAM, [0.5], 0.3, 0.5, 50)
    assert (int(found.outcome), int(found.attractor)) == (Outcome.CONVERGED, -1)


def test_sam_is_held_by_the_saddle_and_gd_is_not():
    starts = [(0.02, -0.03)]
    held = sweep(Saddle(), (GD, SAM), eta=0.1, rho=0.3, starts=starts, n_steps=4000).squeeze()
    at = dict(zip(held.algorithm.values.tolist(), held.attractor.values.tolist(), strict=True))
    assert at["GD"] in (0, 1)
    assert at["SAM"] == 2


def test_a_cycle_that_is_neared_from_both_sides_is_not_taken_for_one_of_twice_its_period():
    # At this η SAM's 2-cycle about a minimum has a negative multiplier: the sum over four
    # directions falls to the tolerance before that over two does.
    starts = uniform_starts(20, low=(-2, -2), high=(2, 2), seed=0)
    found = sweep(Saddle(), SAM, eta=0.0797, rho=0.2, starts=starts, n_steps=20_000)
    assert (found["outcome"] == Outcome.CYCLE).all()
    assert (found["period"] == 2).all()


# -- all of them at once ---------------------------------------------------------------------


@pytest.mark.slow
@each_algorithm
def test_outcomes_are_those_of_an_independent_reading_of_the_oracle(algorithm: Algorithm):
    criteria = Criteria(divergence_radius=1e6)
    etas, rhos = np.array([0.03, 0.21, 0.62]), np.array([0.07, 0.33])
    starts = uniform_starts(24, low=(-2.3, -1.9), high=(1.8, 2.6), seed=5)
    n_steps = 800
    found = sweep(
        Saddle(), algorithm, eta=etas, rho=rhos, starts=starts, n_steps=n_steps, criteria=criteria
    )
    kinds = set()
    random = np.random.default_rng(2)
    for index in random.permutation(2 * 3 * 24)[:60]:
        r, e, s = np.unravel_index(index, (2, 3, 24))
        eta, rho = float(etas[e]), float(rhos[r])
        expected = judged(Saddle(), algorithm, starts[s], eta, rho, n_steps, criteria)
        here = found.isel(algorithm=0, rho=r, eta=e, start=s)
        assert (int(here.outcome), int(here.period)) == (expected[0], expected[2])
        # A cycle is approached for ever: rounding may decide at which of two checks it is near
        # enough. All else is decided at one step.
        slack = criteria.check_every if expected[0] is Outcome.CYCLE else 0
        assert abs(int(here.n_steps) - expected[1]) <= slack
        kinds.add(expected[0])
    assert len(kinds) >= 3


@each_algorithm
def test_a_step_rounds_as_the_farthest_point_that_it_asks_about(algorithm: Algorithm):
    landscape, w, rho = Quadratic((0.7,)), np.array([0.3]), 40.0
    with jax.enable_x64(True):
        point = ArrayVector(tuple(jnp.asarray(c) for c in landscape.split(w)))
        stepper = Stepper(landscape, algorithm, jnp.float64(0.1), jnp.float64(rho), ())
        found = float(stepper.rounding(point, jnp.int32(1)))
    asked = oracle.farthest(landscape, algorithm.name, w, rho)
    assert bool(asked > 1) is algorithm.uses_rho  # of GD it is w itself
    # A ratio: `approx` lets everything below 1e-12 pass. The unit vector is right to some ε.
    assert found / (ROUNDINGS * np.finfo(np.float64).eps) == pytest.approx(asked, rel=1e-14)
