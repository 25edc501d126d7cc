"""Memory, time and draws in the engine: every program gives one and the same path."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import optax
import pytest
import xarray

from dynamics import (
    ALGORITHMS,
    DNSAM,
    GD,
    NSAM,
    SAM,
    SGD,
    USAM,
    Algorithm,
    Criteria,
    HeavyBall,
    OneSAM,
    Optax,
    Outcome,
    SampleOrder,
    StableSAM,
    ensemble,
    sweep,
    trajectory,
)
from dynamics.engine import engine
from landscapes import Quadratic, QuadraticSum, RidgeRegression, Saddle
from tests.dynamics.engine.test_invariance import assert_same, digest
from tests.support import oracle

EPS = np.finfo(np.float64).eps
SUMS = RidgeRegression.drawn(5, 2, ridge=0.3, seed=3)
STARTS = np.array([(1.3, -0.4), (-0.6, 0.8), (2.1, 0.7)])
ETA, RHO, STEPS = (0.05, 0.3), (0.04, 0.17), 47
SHORT = Criteria(max_period=2, check_every=10)


def falling(t: Any, eta: Any, rho: Any) -> tuple[Any, Any]:
    """η and ρ that fall like 1/t."""
    return eta / (1 + 0.1 * t), rho / t


# All at once: a memory, a schedule, and batches of two in epochs.
EVERYTHING = replace(
    SAM, name="everything", base=HeavyBall(0.6), schedule=falling,
    order=SampleOrder(2, seed=4, replacement=False),
)  # fmt: skip
STATEFUL = [a for a in ALGORITHMS.values() if a.base is not None or not a.is_autonomous]


def runs(algorithm: Algorithm, starts: Any = STARTS, **other: Any) -> xarray.Dataset:
    given: dict[str, Any] = {"eta": ETA, "rho": RHO, "n_steps": STEPS, "criteria": SHORT}
    return sweep(SUMS, algorithm, starts=starts, **(given | other))


# -- one path --------------------------------------------------------------------------------


def replayed(start: np.ndarray, eta: float, rho: float, run: int) -> np.ndarray:
    """The end of a path of `EVERYTHING`, in NumPy, from the examples that it says it draws."""
    order = EVERYTHING.order
    assert order is not None
    drawn = order.examples(SUMS.n_examples, STEPS, run=run)
    w, velocity = start, np.zeros(2)

    def gradient(w: np.ndarray, examples: np.ndarray) -> np.ndarray:
        return np.mean([SUMS.reference_example_gradient(w, int(i)) for i in examples], axis=0)

    for t in range(1, STEPS + 1):
        e, r = falling(t, eta, rho)
        g = gradient(w, drawn[t - 1])
        velocity = 0.6 * velocity + gradient(w + r * g / np.linalg.norm(g), drawn[t - 1])
        w = w - e * velocity
    return w


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [*STATEFUL, EVERYTHING], ids=str)
def test_a_sweep_ends_where_the_trajectory_does_and_the_oracle(algorithm: Algorithm):
    found = runs(algorithm)
    assert (found.outcome == Outcome.BUDGET).all()  # so `final` is the last iterate
    for rho in RHO if algorithm.uses_rho else RHO[:1]:
        for run, start in enumerate(STARTS):
            eta = ETA[run % 2]
            end = found.final.sel(rho=rho, eta=eta).isel(algorithm=0, start=run).values
            path = trajectory(SUMS, algorithm, start, eta=eta, rho=rho, n_steps=STEPS, order=run)
            if algorithm is EVERYTHING:
                expected = replayed(start, eta, rho, run)
            else:
                expected = oracle.path(SUMS, algorithm.name, start, eta, rho, STEPS, run)[-1]
            # As against the oracle elsewhere: some ten roundings a step, of which momentum keeps
            # the last 1/(1 − β) = 10. Another example, or a step too many, is off by 1e-3.
            tolerance = 2000 * EPS * STEPS
            np.testing.assert_allclose(end, path[-1], rtol=0, atol=tolerance)
            np.testing.assert_allclose(end, expected, rtol=0, atol=tolerance)
            assert np.abs(path[-1] - path[-2]).max() > 1e-6


# -- the same bits, however it is computed -----------------------------------------------------

# In machine code with a memory, in machine code with a clock, and by XLA with everything.
EACH_KIND = [ALGORITHMS["HeavyBallSAM"], ALGORITHMS["UnifiedSAM(1/t)"], EVERYTHING]
each_kind = pytest.mark.parametrize("algorithm", EACH_KIND, ids=str)
# More runs than XLA advances in one tile.
MANY: dict[str, Any] = {
    "starts": np.random.default_rng(3).standard_normal((300, 2)),
    "eta": (0.05, 0.3, 60.0),  # the last diverges, and so ends early
    "rho": (0.04, 0.17),
}


@pytest.mark.slow
@each_kind
def test_chunks_blocks_and_stages_change_nothing(algorithm: Algorithm, monkeypatch):
    expected = runs(algorithm, **MANY)
    assert set(np.unique(expected.outcome)) == {Outcome.BUDGET, Outcome.DIVERGED}
    for other in ({"chunk_size": 1}, {"chunk_size": 1100}, {"block_size": 70}):
        assert_same(runs(algorithm, **MANY, **other), expected)
    # A stage as short as can be, after each of which runs are packed together and go on.
    monkeypatch.setattr(
        engine, "_stage",
        lambda begin, n_steps, check_every, early_stop, seconds: min(n_steps, begin + check_every),
    )  # fmt: skip
    assert_same(runs(algorithm, **MANY), expected)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", EACH_KIND[:2], ids=str)
def test_going_on_after_a_verdict_changes_no_verdict(algorithm: Algorithm):
    expected = runs(algorithm, **MANY)
    late = runs(algorithm, **MANY, early_stop=False)
    for name in ("outcome", "n_steps", "period", "amplitude"):
        np.testing.assert_array_equal(late[name].values, expected[name].values)


@each_kind
def test_a_resumed_store_is_as_if_nothing_had_happened(algorithm: Algorithm, tmp_path):
    class Enough(Exception):
        pass

    calls = 0

    def progress(*_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise Enough

    store = {"store": tmp_path / "runs.zarr", "block_size": 300}
    with pytest.raises(Enough):
        runs(algorithm, **MANY, **store, progress=progress)
    computed: list[int] = []
    found = runs(algorithm, **MANY, **store, resume=True, progress=lambda n, _: computed.append(n))
    assert computed  # there was something left to do
    assert_same(found.load(), runs(algorithm, **MANY))


@pytest.mark.slow
def test_the_i_th_run_draws_as_the_i_th_start():
    grid = runs(EVERYTHING, eta=0.3, rho=0.17)
    listed = ensemble(
        SUMS, EVERYTHING, eta=0.3, rho=0.17, starts=STARTS, n_steps=STEPS, criteria=SHORT
    )
    np.testing.assert_array_equal(listed.final.values, grid.final.squeeze().values)
    # From one start they differ by what they draw, and by that alone.
    same = runs(SGD, np.tile(STARTS[:1], (3, 1)), eta=0.3, rho=0.1).final.squeeze().values
    assert np.abs(same[0] - same[1]).max() > 1e-3 and np.abs(same[1] - same[2]).max() > 1e-3
    same = runs(ALGORITHMS["HeavyBallSAM"], np.tile(STARTS[:1], (3, 1)), eta=0.3, rho=0.1)
    assert np.ptp(same.final.values, axis=1).max() == 0


@pytest.mark.slow
def test_all_algorithms_and_all_of_eta_and_rho_meet_the_same_examples():
    # Two examples whose gradients are ±1 wherever one stands: the path is what was drawn.
    signs = QuadraticSum(np.array([1e-30, 1e-30]), np.array([1.0, -1.0]))
    order = SampleOrder(1).examples(2, 40, run=0)[:, 0]
    expected = np.append(0, np.cumsum(np.where(order == 0, -1.0, 1.0)))
    for algorithm in (SGD, OneSAM, StableSAM.with_order(SampleOrder(1))):
        for eta, rho in ((0.25, 0.5), (2.0, 0.125)):
            path = trajectory(signs, algorithm, [0.0], eta=eta, rho=rho, n_steps=40)[:, 0]
            np.testing.assert_array_equal(path / eta, expected)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [SGD, OneSAM, NSAM, DNSAM], ids=str)
def test_a_batch_of_all_examples_is_the_full_batch(algorithm: Algorithm):
    everyone = algorithm.with_order(SampleOrder(SUMS.n_examples, replacement=False))
    settings: dict[str, Any] = {"eta": 0.3, "rho": 0.17, "n_steps": STEPS}
    full = GD if algorithm is SGD else SAM
    expected = trajectory(SUMS, full, STARTS[0], **settings)
    found = trajectory(SUMS, everyone, STARTS[0], **settings)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2000 * EPS * STEPS)
    part = algorithm.with_order(SampleOrder(SUMS.n_examples - 1, replacement=False))
    assert np.abs(trajectory(SUMS, part, STARTS[0], **settings) - expected).max() > 1e-3


PROGRAM = """
import json, sys
import jax
from tests.dynamics.engine.test_invariance import digest
from tests.dynamics.engine.test_memory import EVERYTHING, MANY, runs

assert len(jax.local_devices()) == 3
print(json.dumps(digest(runs(EVERYTHING, **MANY))))
"""


@pytest.mark.slow
def test_the_number_of_devices_changes_nothing(run_python: Callable[..., str]):
    flags = "--xla_force_host_platform_device_count=3"
    three = json.loads(run_python(PROGRAM, XLA_FLAGS=flags, JAX_PLATFORMS="cpu"))
    one = jax.local_devices(backend="cpu")[:1]
    assert three == digest(runs(EVERYTHING, **MANY, devices=one))


# -- when it is over ---------------------------------------------------------------------------

EVERY_STEP = Criteria(check_every=1)
UNIT = Quadratic((1.0,))


def outcome(landscape: Any, algorithm: Algorithm, start: float, **settings: Any) -> xarray.Dataset:
    settings = {"rho": 0.2, "criteria": EVERY_STEP} | settings
    return sweep(landscape, algorithm, starts=[[start]], **settings).squeeze()


def constant(t: Any, eta: Any, rho: Any) -> tuple[Any, Any]:
    return eta, rho


@pytest.mark.parametrize("schedule", [None, constant], ids=["constant", "scheduled"])
def test_a_heavy_ball_that_turns_has_not_converged(schedule: Any):
    # η = 1.5, β = ½ on w²/2 from 1, exactly: v = 1, w = −½; then v = ½ − ½ = 0 and w stays at −½,
    # for this one step.
    ball = replace(GD.with_base(HeavyBall(0.5), "ball"), schedule=schedule)
    path = trajectory(UNIT, ball, [1.0], eta=1.5, n_steps=4)[:, 0]
    np.testing.assert_array_equal(path, [1.0, -0.5, -0.5, 0.25, 0.25])
    for n_steps in (1, 2, 3):
        found = outcome(UNIT, ball, 1.0, eta=1.5, n_steps=n_steps)
        assert found.outcome == Outcome.BUDGET
        assert found.final == path[n_steps]
    found = outcome(UNIT, ball, 1.0, eta=1.5, n_steps=500)
    assert found.outcome == Outcome.CONVERGED and found.attractor == 0
    assert abs(found.final) < 1e-9


@pytest.mark.slow
def test_cycles_are_of_maps_that_stay_the_same():
    # η = 2(1 + β) for a heavy ball and 2 for GD on w²/2: from 1 they alternate for ever.
    identical = QuadraticSum.around((0.0, 0.0))
    ball = GD.with_base(HeavyBall(0.5), "ball")
    for landscape, eta, cycling, other in (
        (UNIT, 3.0, ball, replace(ball, schedule=constant)),
        (identical, 2.0, GD, SGD),
        (identical, 1.0, SAM, OneSAM),
        (identical, 1.0, SAM, NSAM),
    ):
        found = outcome(landscape, cycling, 1.0, eta=eta, n_steps=300)
        assert found.outcome == Outcome.CYCLE and found.period == 2, cycling
        found = outcome(landscape, other, 1.0, eta=eta, n_steps=300)
        assert found.outcome == Outcome.BUDGET and found.period == 0, other


@pytest.mark.slow
def test_drawing_runs_converge_only_where_every_example_is_at_rest():
    # At the mean's minimum no example is; at 1 those are that are drawn two times in three.
    apart = QuadraticSum.around((1.0, 1.0, -2.0))
    together = QuadraticSum.around((0.5, 0.5, 0.5), curvatures=(1.0, 2.0, 3.0))
    for algorithm in (SGD, NSAM, USAM.with_order(SampleOrder(1))):
        for start in (0.0, 1.0):
            found = outcome(apart, algorithm, start, eta=0.1, n_steps=200)
            assert found.outcome == Outcome.BUDGET
        found = outcome(together, algorithm, 0.5, eta=0.1, n_steps=1)
        assert found.outcome == Outcome.CONVERGED and found.n_steps == 0
    found = outcome(together, SGD, 2.0, eta=0.1, n_steps=600)
    assert found.outcome == Outcome.CONVERGED and found.attractor == 0
    assert abs(found.final - 0.5) < 1e-9


@pytest.mark.slow
def test_a_base_step_that_counts_is_not_at_rest_while_it_waits():
    # A warm-up whose first step has the rate 0: nothing moves, and nothing has converged.
    warming = GD.with_base(Optax(optax.sgd(optax.linear_schedule(0.0, 1.0, 50)), "warming"))
    assert not warming.is_autonomous
    assert GD.with_base(Optax(optax.sgd(1.0, momentum=0.9), "momentum")).is_autonomous
    found = sweep(Saddle(), warming, eta=0.1, starts=(1.3, 0.2), n_steps=3000).squeeze()
    assert int(found.outcome) == Outcome.CONVERGED and int(found.n_steps) > 0
    np.testing.assert_allclose(found.final, [1.0, 1.0], rtol=0, atol=1e-8)
