"""Each run beside all others: its outcome is the oracle's, and nothing else can change a bit of it.

Overflow, NaN, subnormal numbers, vanishing gradients and sizes up to 1e±308, mixed with ordinary
runs, in the machine code of `dynamics.engine.native` and in XLA's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dynamics import SAM, Algorithm, Criteria, Outcome, StableSAM, sweep
from landscapes import Landscape, LinearNeuron, MatrixSensing, Quadratic, Saddle, Unknown
from tests.support.backends import assert_bits, run, use
from tests.support.cases import CORE, probes
from tests.support.judge import judged

NATIVE = [Saddle(), LinearNeuron("sqrt"), LinearNeuron("logcosh"), Quadratic((0.3, 2.5, 0.9))]
BY_XLA = [LinearNeuron("logcosh"), MatrixSensing.examples()[0]]
LEAST, MOST = 5e-324, 1.7e308


# -- the oracle's outcomes -------------------------------------------------------------------


def odd_starts(dim: int, subnormal: bool) -> np.ndarray:
    """Every size, each sign of zero, and sizes mixed in one point."""
    direction = probes(dim, 1)[0]
    sizes = [
        1e-300,
        1e-200,
        1e-160,
        1e-100,
        1e-20,
        1e9,
        1e13,
        1e50,
        1e100,
        1e154,
        1e200,
        1e300,
        MOST / 2,
    ]
    points = [direction * size for size in sizes]
    first = np.arange(dim) == 0
    pairs = [(1e200, 1e-200), (1e-200, 1.3), (0.0, 1.3), (-0.0, 0.7), (0.0, -0.0)]
    if subnormal:
        points += [direction * size for size in (1e-308, 1e-310, LEAST)]
        pairs += [(LEAST, 1.3), (-LEAST, LEAST), (1e-310, 1e150)]
    points += [np.where(first, a, b) for a, b in pairs]
    points += [np.where(first, b, a) for a, b in pairs]
    return np.array(points)


def lanes(landscape: Landscape, subnormal: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, η and ρ of runs: odd starts, odd η and ρ, critical points and ordinary runs."""
    dim = landscape.dim
    starts, ordinary = odd_starts(dim, subnormal), probes(dim, 24)
    # Those with a gradient of 0 to the last bit: a truth drawn at random has one to rounding.
    exact = [one.points[0] for one in landscape.facts.critical_sets
             if not one.points[0].any() or not isinstance(one.spectra, Unknown)]  # fmt: skip
    odd = [1e-300, 1e-20, 1e200, 1e300] + ([LEAST, 1e-310] if subnormal else [])
    rows = [(w, 0.1, 0.2) for w in (*starts, *exact, *ordinary)]
    rows += [(w, eta, 0.2) for w, eta in zip(ordinary, odd, strict=False)]
    rows += [(w, 0.1, rho) for w, rho in zip(ordinary, [0.0, *odd], strict=False)]
    rows += [(w, 0.9, 0.2) for w in ordinary[:6]]
    order = np.random.default_rng(3).permutation(len(rows))
    w, eta, rho = zip(*(rows[i] for i in order), strict=True)
    return np.array(w), np.array(eta), np.array(rho)


CASES = [
    *(("native", one, algorithm) for one in NATIVE for algorithm in CORE),
    *(("xla", BY_XLA[0], algorithm) for algorithm in CORE),
    *(("xla", BY_XLA[1], algorithm) for algorithm in (SAM, StableSAM)),  # those that take lengths
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "landscape", "algorithm"), CASES, ids=lambda one: getattr(one, "name", None)
)
def test_every_outcome_is_the_oracles(kind: str, landscape: Landscape, algorithm: Algorithm):
    # XLA takes subnormal numbers for 0, see `ArrayVector`.
    which = lanes(landscape, subnormal=kind == "native")
    n_steps, kinds = 120, set()
    # In the larger ball, too, gradients are computed without overflow on the way.
    for radius in (1e12, 1e70 if isinstance(landscape, LinearNeuron) else 1e300):
        options: Any = {"divergence_radius": radius, "check_every": 40, "max_period": 2}
        found = run(kind, landscape, algorithm, *which, n_steps=n_steps, **options)
        assert not any(np.isnan(field).any() for field in found)
        for i, (w, eta, rho) in enumerate(zip(*which, strict=True)):
            outcome, at, period = judged(
                landscape, algorithm, w, eta, rho, n_steps, Criteria(**options)
            )
            where = (radius, w, eta, rho)
            assert (found.outcome[i], found.period[i]) == (outcome, period), where
            # Rounding may decide at which of two checks a cycle is near enough.
            slack = 40 if outcome is Outcome.CYCLE else 0
            assert abs(found.n_steps[i] - at) <= slack, where
            kinds.add(outcome)
    assert len(kinds) >= 3


# -- no run affects another ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [SAM, StableSAM], ids=str)
@pytest.mark.parametrize(
    ("kind", "landscape"), [("native", Saddle()), ("xla", BY_XLA[0])], ids=["native", "xla"]
)
def test_a_run_is_the_same_alone_and_beside_any_other(kind, landscape, algorithm):
    which = lanes(landscape, subnormal=True)
    for radius in (1e12, 1e300):
        options: Any = {"divergence_radius": radius, "check_every": 40, "max_period": 2}
        beside = run(kind, landscape, algorithm, *which, n_steps=120, **options)
        for i in range(len(which[0])):
            alone = run(
                kind, landscape, algorithm, *(a[i : i + 1] for a in which), n_steps=120, **options
            )
            assert_bits(alone, beside, slice(i, i + 1))
        # Whoever needs care does not take the others along: ordinary runs by themselves.
        few = np.flatnonzero(np.abs(np.log10(np.abs(which[0]) + 1e-9)).max(axis=1) < 1)
        assert len(few) > 20
        ordinary = run(kind, landscape, algorithm, *(a[few] for a in which), n_steps=120, **options)
        assert_bits(ordinary, beside, few)


# -- however a batch is cut ------------------------------------------------------------------

VARIABLES = ("outcome", "attractor", "n_steps", "period", "amplitude", "final", "final_loss")
# Every number there is, subnormal and huge ones too, and more often ordinary ones.
numbers = st.one_of(st.floats(-3, 3), st.floats(allow_nan=False, allow_infinity=False))
batches = arrays(np.float64, (24, 2), elements=numbers, fill=st.nothing())


def of_sweep(landscape: Landscape, algorithm: Algorithm, starts: np.ndarray, **other: Any) -> list:
    """What is found of each start: entries of `VARIABLES`, starts along the first axis."""
    found = sweep(
        landscape, algorithm, starts=starts, eta=(0.07, 0.6), rho=(0.0, 0.3), n_steps=70,
        criteria=Criteria(max_period=2, check_every=20), **other,
    )  # fmt: skip
    return [found[name].transpose("start", ...).values for name in VARIABLES]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "landscape", "copies", "examples"),
    [("native", Saddle(), 3, 30), ("xla", LinearNeuron("logcosh"), 13, 12)],
    ids=["native", "xla"],
)
@pytest.mark.parametrize("algorithm", [SAM, StableSAM], ids=str)
def test_order_parts_and_chunks_change_no_bit(
    kind, landscape, copies, examples, algorithm, monkeypatch
):
    use(monkeypatch, kind, landscape, algorithm)

    @settings(max_examples=examples)
    @given(batches, st.integers(0, 2**32 - 1), st.integers(1, 23), st.sampled_from([1, 64, 1024]))
    def search(points: np.ndarray, seed: int, cut: int, chunk_size: int):
        random = np.random.default_rng(seed)
        # More runs than are advanced together: whole tiles and a part of one.
        starts = points[random.integers(0, len(points), copies * len(points))]
        together = of_sweep(landscape, algorithm, starts)
        order = random.permutation(len(starts))
        cut *= copies
        for how, found in (
            ("permuted", of_sweep(landscape, algorithm, starts[order])),
            ("in parts", [
                np.concatenate(pair) for pair in zip(
                    of_sweep(landscape, algorithm, starts[:cut]),
                    of_sweep(landscape, algorithm, starts[cut:]), strict=True,
                )
            ]),
            ("in chunks", of_sweep(landscape, algorithm, starts, chunk_size=chunk_size)),
        ):  # fmt: skip
            for name, one, other in zip(VARIABLES, found, together, strict=True):
                expected = other[order] if how == "permuted" else other
                assert one.tobytes() == expected.tobytes(), (how, name)
                assert not np.isnan(one).any()

    search()
