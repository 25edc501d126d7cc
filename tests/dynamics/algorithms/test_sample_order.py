"""Which examples are drawn: fairly, in orders that can be made again, and by nobody else's rule."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import permutations
from typing import Any

import jax
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy.stats import chisquare

from dynamics import ALGORITHMS, DNSAM, GD, SAM, SGD, SampleOrder
from dynamics import ensemble as checked_ensemble
from dynamics import sweep as checked_sweep
from dynamics import trajectory as checked_trajectory
from dynamics.engine import engine
from landscapes import Quadratic, QuadraticSum

# They are called here with what their types forbid.
Order: Any = SampleOrder
sweep: Any = checked_sweep
ensemble: Any = checked_ensemble
trajectory: Any = checked_trajectory

both_ways = pytest.mark.parametrize("replacement", [True, False], ids=["independent", "epochs"])


@pytest.mark.slow
@both_ways
def test_an_order_is_a_function_of_seed_run_and_step(replacement: bool):
    order = SampleOrder(3, seed=5, replacement=replacement)
    found = order.examples(11, 40, run=2)
    assert found.shape == (40, 3) and found.dtype == np.int32
    assert found.min() == 0 and found.max() == 10
    np.testing.assert_array_equal(found, SampleOrder(3, 5, replacement).examples(11, 40, run=2))
    # The same whatever else is drawn, and step by step as all at once.
    np.testing.assert_array_equal(found[:17], order.examples(11, 17, run=2))
    seventh = jax.jit(lambda run, t: order.drawn(11, run, t))(np.int32(2), np.int32(7))
    np.testing.assert_array_equal(found[6], seventh)
    for other in (
        order.examples(11, 40, run=3),
        SampleOrder(3, 6, replacement).examples(11, 40, run=2),
        SampleOrder(3, 5, not replacement).examples(11, 40, run=2),
    ):
        assert (found != other).mean() > 0.7  # of 11 examples one in 11 agrees by chance


def words(seed: int, run: int, number: int, n: int) -> np.ndarray:
    """As JAX's own generator makes them, block by block."""
    blocks = [
        threefry_2x32(np.array([seed, run], np.uint32), np.array([number, k], np.uint32))
        for k in range((n + 1) // 2)
    ]
    return np.concatenate([np.asarray(block) for block in blocks])[:n].astype(object)


@pytest.mark.slow
@pytest.mark.parametrize("n", [7, 40])  # compared each with each, and sorted
def test_an_order_is_made_of_words_as_it_is_said_to_be(n: int):
    drawn = SampleOrder(3, seed=5).examples(n, 4, run=2)
    for t, examples in enumerate(drawn.tolist(), 1):
        assert examples == [int(u) * n >> 32 for u in words(5, 2, t, 3)]
    large = SampleOrder(2, seed=1).examples(2**31 - 1, 3)
    for t, examples in enumerate(large.tolist(), 1):
        assert examples == [int(u) * (2**31 - 1) >> 32 for u in words(1, 0, t, 2)]
    epochs = SampleOrder(1, seed=5, replacement=False).examples(n, 2 * n, run=2).reshape(2, n)
    for epoch, examples in enumerate(epochs):
        order = np.argsort(words(5, 2, epoch, n).astype(np.uint32), kind="stable")
        np.testing.assert_array_equal(examples, order)


@pytest.mark.slow
@both_ways
def test_an_order_does_not_depend_on_the_precision_of_jax(replacement: bool):
    order = SampleOrder(3, seed=5, replacement=replacement)
    found = []
    for is_double in (True, False):
        with jax.enable_x64(is_double):
            found.append(order.examples(11, 40, run=2))
    np.testing.assert_array_equal(*found)


# -- fairness: the seeds are fixed, so a p-value above 1e-3 is so for good ------------------------


def fair(counts: Any) -> bool:
    return chisquare(np.asarray(counts).ravel()).pvalue > 1e-3


@pytest.mark.slow
def test_independent_draws_are_uniform_and_do_not_follow_from_the_last():
    n, steps = 7, 6000
    drawn = SampleOrder(2, seed=1).examples(n, steps)
    assert fair(np.bincount(drawn.ravel(), minlength=n))
    within = np.bincount(n * drawn[:, 0] + drawn[:, 1], minlength=n * n)
    across = np.bincount(n * drawn[:-1, 0] + drawn[1:, 0], minlength=n * n)
    assert fair(within) and fair(across)
    runs = np.concatenate([SampleOrder(1).examples(n, 1, run=r)[0] for r in range(1500)])
    assert fair(np.bincount(runs, minlength=n))
    # The test of fairness can fail.
    assert not fair(np.bincount(np.append(drawn.ravel(), [3] * 400), minlength=n))


def test_every_epoch_has_every_example_once_in_any_order():
    n, epochs = 3, 3000
    drawn = SampleOrder(1, seed=2, replacement=False).examples(n, n * epochs)[:, 0]
    every = drawn.reshape(epochs, n)
    np.testing.assert_array_equal(np.sort(every, axis=1), np.tile(np.arange(n), (epochs, 1)))
    found = Counter(map(tuple, every.tolist()))
    assert set(found) == set(permutations(range(n)))
    assert fair(list(found.values()))
    assert fair(np.bincount(n * every[:-1, -1] + every[1:, 0], minlength=n * n))


@pytest.mark.slow
@pytest.mark.parametrize("batch", [4, 20])
def test_batches_cut_the_same_epochs(batch: int):
    n, steps = 9, 45
    one = SampleOrder(1, seed=3, replacement=False).examples(n, steps * batch, run=1)
    several = SampleOrder(batch, seed=3, replacement=False).examples(n, steps, run=1)
    np.testing.assert_array_equal(several.ravel(), one.ravel())


def test_epochs_stay_whole_where_the_count_of_draws_no_longer_fits_32_bits():
    n, batch = 7, 1000
    order = SampleOrder(batch, replacement=False)
    beyond = 2**31 // batch
    steps = np.arange(beyond - 20, beyond + 21, dtype=np.int32)
    drawn = np.ravel(jax.jit(jax.vmap(lambda t: order.drawn(n, 0, t)))(steps))
    first = -(int(steps[0] - 1) * batch) % n  # how many are left of the epoch that was begun
    whole = drawn[first : first + (len(drawn) - first) // n * n].reshape(-1, n)
    assert (np.sort(whole, axis=1) == np.arange(n)).all()


# -- what is refused -------------------------------------------------------------------------

BAD_ORDERS: list[tuple[dict[str, Any], str]] = [
    ({"batch": 0}, "batch must be a whole number >= 1; got 0"),
    ({"batch": 1.0}, "batch must be a whole number >= 1; got 1.0"),
    ({"batch": True}, "batch must be a whole number >= 1; got True"),
    ({"batch": "4"}, "batch must be a whole number >= 1; got '4'"),
    ({"seed": -1}, "seed must be a whole number >= 0 and <= 4294967295; got -1"),
    ({"seed": 2**32}, "seed must be a whole number >= 0 and <= 4294967295; got 4294967296"),
    ({"seed": None}, "seed must be a whole number >= 0 .*; got None"),
    ({"replacement": 1}, "replacement must be True or False; got 1"),
    ({"replacement": "no"}, "replacement must be True or False; got 'no'"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_ORDERS, ids=[str(b) for b, _ in BAD_ORDERS])
def test_bad_orders_are_refused(bad: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        Order(**bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"n_examples": 0}, "n_examples must be a whole number >= 1; got 0"),
        ({"n_steps": 0}, "n_steps must be a whole number >= 1; got 0"),
        ({"n_steps": 2.5}, "n_steps must be a whole number >= 1; got 2.5"),
        ({"run": -1}, "run must be a whole number >= 0; got -1"),
        ({"run": None}, "run must be a whole number >= 0; got None"),
    ],
)
def test_bad_replays_are_refused(bad: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        Order().examples(**({"n_examples": 5, "n_steps": 3} | bad))


DRAWING = [a for a in ALGORITHMS.values() if a.order is not None]


@pytest.mark.parametrize("algorithm", DRAWING, ids=str)
def test_who_draws_examples_needs_some(algorithm: Any, monkeypatch: pytest.MonkeyPatch):
    def reached(*_: Any, **__: Any) -> None:
        raise AssertionError("bad input reached the compiled code")

    monkeypatch.setattr(engine, "run", reached)
    monkeypatch.setattr(sys.modules["dynamics.trajectory"], "_path", reached)
    message = (
        f"{algorithm.name} draws examples, so landscape must be a finite sum such as "
        r"RidgeRegression; got Quadratic\("
    )
    bowl, w = Quadratic((0.7, 1.9)), (0.4, -0.3)
    for call in (
        lambda: trajectory(bowl, algorithm, w, eta=0.1, rho=0.2, n_steps=3),
        lambda: sweep(bowl, algorithm, eta=0.1, rho=0.2, starts=[w], n_steps=3),
        lambda: sweep(bowl, [GD, algorithm], eta=0.1, rho=0.2, starts=[w], n_steps=3),
        lambda: ensemble(bowl, algorithm, eta=0.1, rho=0.2, starts=[w], n_steps=3),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    sums = QuadraticSum.around(((1.0, 0.5), (0.3, -0.2)))
    with pytest.raises(AssertionError, match="reached the compiled code"):
        sweep(sums, algorithm, eta=0.1, rho=0.2, starts=[w], n_steps=3)


def test_bad_orders_of_a_trajectory_are_refused():
    sums = QuadraticSum.around((1.0, 0.5))
    for bad in (-1, 0.5, None, 2**31):
        with pytest.raises(ValueError, match="order must be a whole number >= 0"):
            trajectory(sums, SGD, 0.3, eta=0.1, n_steps=3, order=bad)


def test_algorithms_with_an_order_say_so():
    assert SAM.with_order(SampleOrder(4)).name == "minibatch SAM"
    assert SAM.with_order(SampleOrder(4), "mine").name == "mine"
    assert DNSAM.with_order(None).name == "DNSAM"
    assert not SGD.is_autonomous and SGD.with_order(None).is_autonomous
