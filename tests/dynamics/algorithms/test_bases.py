"""Base steps: momentum under every algorithm, in the forms that textbooks give; and optax's."""

from __future__ import annotations

import numpy as np
import optax
import pytest

from dynamics import (
    ALGORITHMS,
    GD,
    SAM,
    Algorithm,
    Base,
    Criteria,
    HeavyBall,
    Nesterov,
    Optax,
    Outcome,
    sweep,
    trajectory,
)
from landscapes import Quadratic
from tests.support.algorithm_cases import (
    ETA,
    EXAMPLES,
    OTHER,
    POINTS,
    RHO,
    SAME,
    apart,
    of_places,
    path,
)
from tests.support.cases import CORE

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=str)
BETA = 0.7


def plain_step(algorithm: Algorithm, w: np.ndarray, t: int) -> np.ndarray:
    """ηd from w at step t: the t-th step of the algorithm without a base, from there."""
    rule = algorithm.with_base(None)

    def direction(here):
        ascent = rule.ascent
        if ascent is None:
            return rule.descent(here, here, RHO)
        above = type(here)(
            here.w + ascent(here, RHO), here.gradient, here.whole_gradient, here.clock
        )
        return rule.descent(here, above, RHO)

    return ETA * of_places(direction, EXAMPLES, w, draws=bool(algorithm.order), t=t)


@each_algorithm
@pytest.mark.parametrize("family", [HeavyBall, Nesterov])
def test_without_momentum_it_is_the_plain_step(algorithm: Algorithm, family: type[HeavyBall]):
    plain = path(algorithm.with_base(None))
    np.testing.assert_array_equal(path(algorithm.with_base(family(0))), plain)
    assert apart(path(algorithm.with_base(family(0.05))), plain) > OTHER


@each_algorithm
def test_the_heavy_ball_adds_a_share_of_the_last_step(algorithm: Algorithm):
    found = path(algorithm.with_base(HeavyBall(BETA)))
    before, w = found[:, 0], found[:, 0]
    for t in range(1, found.shape[1]):
        expected = w - plain_step(algorithm, w, t) + BETA * (w - before)
        assert apart(found[:, t], expected) <= SAME
        before, w = w, found[:, t]


@each_algorithm
def test_nesterov_is_the_method_of_two_sequences(algorithm: Algorithm):
    # x⁺ = y − ηd(y), y⁺ = x⁺ + β(x⁺ − x); before the first step x is y: ours is y.
    found = path(algorithm.with_base(Nesterov(BETA)))
    x = y = found[:, 0]
    for t in range(1, found.shape[1]):
        ahead = y - plain_step(algorithm, y, t)
        x, y = ahead, ahead + BETA * (ahead - x)
        assert apart(found[:, t], y) <= SAME
    assert apart(path(algorithm.with_base(HeavyBall(BETA))), found) > OTHER


# -- optax -------------------------------------------------------------------------------------

SAME_BASES: list[tuple[Optax, Base | None]] = [
    (Optax(optax.sgd(1.0), "sgd"), None),
    (Optax(optax.sgd(1.0, momentum=0.9), "momentum"), HeavyBall(0.9)),
    (Optax(optax.sgd(1.0, momentum=0.9, nesterov=True), "nesterov"), Nesterov(0.9)),
]


@pytest.mark.parametrize(("theirs", "ours"), SAME_BASES, ids=str)
def test_what_optax_has_too_is_the_same(theirs: Optax, ours: Base | None):
    # A base step sees the direction alone, whichever rules it is of: a few suffice.
    for algorithm in CORE:
        found = path(algorithm.with_base(theirs))
        assert apart(found, path(algorithm.with_base(ours))) <= SAME, algorithm


def test_signs_and_memory_of_optax_by_hand():
    # Adam's first step is η·g/|g|, entry by entry, but for its ε = 1e-8 beside |g| > 0.01.
    found = path(GD.with_base(Optax(optax.adam(1.0), "adam")), n_steps=1)
    g = of_places(lambda here: here.g)
    assert np.abs(g).min() > 0.01
    np.testing.assert_allclose(found[:, 1], POINTS - ETA * np.sign(g), rtol=0, atol=1e-6)


ADAM = SAM.with_base(Optax(optax.adam(1.0), "adam"))
BOWL, STARTS = Quadratic((0.7, 1.9)), np.array([(1.3, -0.4), (-0.6, 0.8)])


@pytest.mark.slow
def test_adam_runs_in_trajectories_and_sweeps_and_comes_to_an_outcome():
    assert str(ADAM) == "SAM with adam"
    found = sweep(
        BOWL, [ADAM, GD.with_base(Optax(optax.adam(1.0), "adam"))],
        eta=0.05, rho=(0.0, 0.1), starts=STARTS, n_steps=3000,
        criteria=Criteria(gradient_tolerance=1e-6, check_every=100),
    )  # fmt: skip
    assert found.attrs["algorithms"].startswith("SAM with adam: unit_ascent, plain_descent, Optax(")
    outcome = found.outcome.sel(algorithm="GD with adam")
    assert (outcome == Outcome.CONVERGED).all()
    assert (found.attractor.sel(algorithm="GD with adam") == 0).all()
    # At rest is w and its first moment; the second, ν, decays by 1e-3 a step for ever, which is
    # a distance of 1e-3·ν: below the tolerance as ν = g² is. Nothing is at rest that still moves.
    final = found.final.sel(algorithm="GD with adam").values
    assert np.abs(final).max() < 1e-3
    short = sweep(BOWL, ADAM, eta=0.05, rho=0.1, starts=STARTS, n_steps=60).squeeze()
    for end, start in zip(short.final.values, STARTS, strict=True):
        path_there = trajectory(BOWL, ADAM, start, eta=0.05, rho=0.1, n_steps=60)
        np.testing.assert_allclose(end, path_there[-1], rtol=0, atol=SAME)


def test_equal_bases_share_a_program_and_say_what_they_are():
    assert HeavyBall(0.9) == HeavyBall(0.9) != HeavyBall(0.8)
    assert HeavyBall(0.9) != Nesterov(0.9)
    adam = optax.adam(1.0)
    assert Optax(adam, "adam") == Optax(adam, "adam") != Optax(optax.adam(1.0), "adam")
    names = [str(SAM.with_base(b)) for b in (HeavyBall(0.9), Nesterov(0.5), Optax(adam, "adam"))]
    assert names == ["SAM with heavy ball 0.9", "SAM with Nesterov 0.5", "SAM with adam"]
    assert str(SAM.with_base(None)) == "SAM with plain steps"
    assert SAM.with_base(HeavyBall(0.9), "mine").name == "mine"
