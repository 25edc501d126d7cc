"""Which algorithm is which other where: limits, special values, one dimension, quadratics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dynamics import (
    ALGORITHMS,
    ASAM,
    DNSAM,
    GD,
    NSAM,
    SAM,
    SGD,
    USAM,
    Algorithm,
    ClippedStableSAM,
    ExactGradientUSAM,
    HessianUSAM,
    LpSAM,
    NormalisedGD,
    OneSAM,
    PenalisedUSAM,
    RepeatedUSAM,
    ScaledSAM,
    SignSAM,
    StableASAM,
    StableSAM,
    StableUSAM,
    TwoStepUSAM,
    UnifiedSAM,
    one_minus_one_over_t,
    one_over_t,
)
from dynamics.algorithms.rules import Bound, clipped_descent, normalised_descent, plain_descent
from tests.support.algorithm_cases import (
    DIM,
    EPS,
    ETA,
    EXAMPLES,
    OTHER,
    POINTS,
    RHO,
    SAME,
    Gradient,
    apart,
    ascent_of,
    mean,
    of_places,
    path,
)

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=str)
WITH_ASCENT = [a for a in ALGORITHMS.values() if a.ascent is not None]
ONE_LOSS = (mean(EXAMPLES),)


@pytest.mark.slow
def test_the_tolerances_tell_apart():
    assert 1e-14 < SAME < 1e-10 < OTHER
    assert apart(path(SAM), path(GD)) > 100 * OTHER
    assert apart(path(SAM, rho=RHO * (1 + 1e-4)), path(SAM)) > SAME


# -- without a radius --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", WITH_ASCENT, ids=str)
def test_without_a_radius_it_is_the_one_without_ascent(algorithm: Algorithm):
    # w + 0·(anything finite) is w to the last bit.
    plain = path(replace(algorithm, ascent=None), rho=0.0)
    np.testing.assert_array_equal(path(algorithm, rho=0.0), plain)
    assert apart(path(algorithm), plain) > OTHER


@each_algorithm
def test_without_a_radius_it_is_gradient_descent(algorithm: Algorithm):
    """Unless it normalises; a clipped factor is √γ₀ there, as ‖g‖/‖g_asc‖ = 1 is above it."""
    expected = replace(algorithm, ascent=None, descent=plain_descent)
    descent, eta = algorithm.descent, ETA
    if isinstance(descent, Bound) and descent.function is clipped_descent:
        eta = ETA * dict(descent.values)["floor"] ** 0.5
    gap = apart(path(algorithm, rho=0.0), path(expected, eta=eta, rho=0.0))
    if descent is normalised_descent:
        assert gap > OTHER
    else:
        assert gap <= SAME


# -- special values ----------------------------------------------------------------------------

BITWISE: list[tuple[Algorithm, Algorithm]] = [
    (UnifiedSAM(0), USAM),
    (UnifiedSAM(1), SAM),
    (UnifiedSAM(lambda t: 0.5, "half"), UnifiedSAM(0.5)),
    (ClippedStableSAM(1), SAM),
]


@pytest.mark.parametrize(("special", "algorithm"), BITWISE, ids=lambda a: a.name)
def test_at_special_values_families_meet_to_the_last_bit(special: Algorithm, algorithm: Algorithm):
    np.testing.assert_array_equal(path(special), path(algorithm))


@pytest.mark.slow
def test_beside_the_special_values_they_do_not():
    for beside, algorithm in (
        (UnifiedSAM(0.01), USAM), (UnifiedSAM(0.99), SAM), (ClippedStableSAM(0.8), SAM),
        (LpSAM(2.1), SAM), (ASAM(0.3), SAM),
    ):  # fmt: skip
        assert apart(path(beside), path(algorithm)) > OTHER, beside


def test_the_weight_of_a_clock_is_that_of_its_step():
    assert [one_over_t(t) for t in (1, 2, 4)] == [1, 0.5, 0.25]
    assert [one_minus_one_over_t(t) for t in (1, 2, 4)] == [0, 0.5, 0.75]
    for weight in (one_over_t, one_minus_one_over_t):
        found = path(UnifiedSAM(weight), n_steps=3)
        for t in (1, 2, 3):
            constant = UnifiedSAM(weight(t))
            one = path(constant, w=found[:, t - 1], n_steps=1)
            np.testing.assert_array_equal(one[:, 1], found[:, t])
            later = path(constant, w=found[:, t - 1], n_steps=1, rho=RHO * 1.1)
            assert apart(later[:, 1], found[:, t]) > OTHER


@each_algorithm
def test_an_algorithm_knows_whether_it_reads_the_clock(algorithm: Algorithm):
    def at(t: int) -> np.ndarray:
        ascent = algorithm.ascent
        return of_places(lambda here: ascent(here, RHO) if ascent else here.g, t=t)

    assert (apart(at(7), at(1)) > OTHER) == (not replace(algorithm, order=None).is_autonomous)


def test_powers_have_sam_at_two_and_sign_sam_at_infinity():
    assert apart(path(LpSAM(2)), path(SAM)) <= SAME
    # |g|^(q−1) = |g|^(1/(p−1)) → 1, with an error ∝ 1/p: a hundred times p, a hundredth of it.
    limit = path(SignSAM, n_steps=1)
    gaps = [apart(path(LpSAM(p), n_steps=1), limit) for p in (1e3, 1e5, 1e7)]
    assert gaps[0] / gaps[1] == pytest.approx(100, rel=0.1)
    assert gaps[1] / gaps[2] == pytest.approx(100, rel=0.1)


def test_powers_end_at_one_with_the_largest_entry_alone():
    # |g/‖g‖_∞|^10000 is 0 for all but the largest entry, whose own power must not underflow too.
    def sparse(here: Any) -> np.ndarray:
        return RHO * here.g.sign().components[0] * (here.g.absolute().components[0]
                                                    == here.g.largest())  # fmt: skip

    found = of_places(ascent_of(LpSAM(1 + 1e-4)))
    assert apart(found, of_places(sparse)) <= SAME


# -- special points ----------------------------------------------------------------------------


def unit_gradients(examples: Any = ONE_LOSS) -> np.ndarray:
    """Points with ‖g‖ = 1 to rounding: on a ray from each probe, by bisection."""
    low, high = np.zeros(len(POINTS)), np.full(len(POINTS), 5.0)
    for _ in range(60):
        middle = (low + high) / 2
        long = of_places(lambda here: here.g.norm(), examples, middle[:, None] * POINTS) > 1
        low, high = np.where(long, low, middle), np.where(long, middle, high)
    return low[:, None] * POINTS


def test_where_the_gradient_has_length_one_the_radius_means_the_same():
    w = unit_gradients()
    expected = path(SAM, w=w, n_steps=1)
    for algorithm in (USAM, UnifiedSAM(0.3), DNSAM.with_order(None), NSAM.with_order(None)):
        assert apart(path(algorithm, w=w, n_steps=1), expected) <= SAME
    assert apart(path(NormalisedGD, w=w, n_steps=1), path(GD, w=w, n_steps=1)) <= SAME
    assert apart(path(USAM, n_steps=1), path(SAM, n_steps=1)) > OTHER


def test_where_all_weights_are_equal_adaptive_ascents_are_euclidean():
    signs, sizes = np.sign(POINTS), np.array([0.4, 1.0, 2.5])
    for size in sizes:
        # T = (|w| + ν)I, so the radius is ρ(|w| + ν).
        for shift in (0.0, 0.01, 0.7):
            found = path(ASAM(shift), w=size * signs, n_steps=1)
            radius = RHO * (size + shift)
            assert apart(found, path(SAM, w=size * signs, n_steps=1, rho=radius)) <= SAME
        found = path(StableASAM, w=size * signs, n_steps=1)
        assert apart(found, path(StableSAM, w=size * signs, n_steps=1, rho=RHO * size)) <= SAME


def test_where_all_entries_of_the_gradient_are_equal_the_two_infinity_rules_agree():
    entries = np.array([0.6, -0.6, 0.6])
    constant, tilted = (lambda w: entries + 0 * w,), (lambda w: entries * [1, 1, 1.2] + 0 * w,)

    def ascents(examples: Any) -> list[np.ndarray]:
        return [of_places(ascent_of(a), examples) for a in (SignSAM, ScaledSAM)]

    assert apart(*ascents(constant)) <= SAME
    assert apart(*ascents(tilted)) > OTHER


def test_the_scaled_ascent_is_sams_with_another_radius():
    # ρg/‖g‖_∞ = ρ(‖g‖/‖g‖_∞)·g/‖g‖.
    found = of_places(ascent_of(ScaledSAM))
    expected = of_places(lambda here: ascent_of(SAM, RHO * here.g.norm() / here.g.largest())(here))
    assert apart(found, expected) <= SAME


# -- one dimension -----------------------------------------------------------------------------

IN_ONE = POINTS[:, :1]
# ∇ of a convex loss, with its minimum at 0 (to the last bit) so that no ascent changes g's sign.
CONVEX = (lambda w: 1.3 * w + 0.4 * w**3,)
ONE_DIMENSION: list[tuple[Algorithm, Algorithm]] = [
    (SignSAM, SAM), (ScaledSAM, SAM), (LpSAM(3), SAM), (LpSAM(1.2), SAM),
    (StableSAM, GD), (StableUSAM, GD), (StableASAM, GD),
]  # fmt: skip


@pytest.mark.parametrize(("algorithm", "other"), ONE_DIMENSION, ids=lambda a: a.name)
def test_in_one_dimension(algorithm: Algorithm, other: Algorithm):
    assert apart(path(algorithm, CONVEX, IN_ONE), path(other, CONVEX, IN_ONE)) <= SAME
    assert apart(path(algorithm, ONE_LOSS), path(other, ONE_LOSS)) > OTHER


def test_in_one_dimension_across_a_maximum_stable_sam_goes_the_other_way():
    # ∇ of −w²/2 + w⁴/4: from 0.9, g = −0.171 and the ascent to 0.67 … 1.1 crosses no zero for
    # ρ = 0.23 towards the origin; from −0.9 with a radius of 1.2 it passes the maximum at 0.
    double_well = (lambda w: w**3 - w,)
    w = np.array([[0.9]])
    stays = path(StableSAM, double_well, w, n_steps=1)
    assert apart(stays, path(GD, double_well, w, n_steps=1)) <= SAME
    crosses = path(StableSAM, double_well, w, n_steps=1, rho=1.2)
    moved = path(GD, double_well, w, n_steps=1)
    assert apart(crosses[:, 1] - w, w - moved[:, 1]) <= SAME


# -- single examples ---------------------------------------------------------------------------


def _of_rank_one(along: tuple[float, float, float], target: float) -> Gradient:
    a = np.array(along)
    return lambda w: a * (a @ w - target)


LINEAR = (
    _of_rank_one((0.9, -0.4, 0.3), 0.7),
    _of_rank_one((0.2, 1.1, -0.5), -0.4),
    _of_rank_one((-0.6, 0.3, 0.8), 1.3),
)


@pytest.mark.parametrize("family", [StableSAM, StableUSAM], ids=str)
def test_on_examples_of_rank_one_renormalising_undoes_the_ascent(family: Algorithm):
    # g = r·a and g_asc = (r + ρ‖a‖sign r)·a of ½(a·w − b)²: along each other, and of one sign.
    stable = family.with_order(SGD.order)
    assert apart(path(stable, LINEAR), path(SGD, LINEAR)) <= SAME
    # Not the mean of them, nor examples that bend elsewhere; and not without renormalising.
    assert apart(path(family, LINEAR), path(GD, LINEAR)) > OTHER
    assert apart(path(stable), path(SGD)) > OTHER
    assert apart(path(OneSAM, LINEAR), path(SGD, LINEAR)) > OTHER


FULL_BATCH = [(SGD, GD), (OneSAM, SAM), (NSAM, SAM), (DNSAM, SAM)]


def test_every_drawing_algorithm_has_a_full_batch_relative():
    assert {a for a, _ in FULL_BATCH} == {a for a in ALGORITHMS.values() if a.order is not None}


@pytest.mark.parametrize(("drawing", "full"), FULL_BATCH, ids=lambda a: a.name)
def test_drawing_from_identical_examples_changes_nothing(drawing: Algorithm, full: Algorithm):
    identical = EXAMPLES[1:2]
    expected = path(full, identical)
    for several in (identical, 4 * identical):  # the mean of four equal doubles is exact
        assert apart(path(drawing, several), expected) <= SAME
    assert apart(path(drawing), path(full)) > OTHER


# -- quadratics --------------------------------------------------------------------------------

# w⁺ = (1 − η·factor(λ))w along an eigenvector: the filters of Bolte, Le and Pauwels 2025 and
# their variants, beside which the quadratic does not depend on where one stands.
FACTORS: list[tuple[Algorithm, Callable[[Any], Any]]] = [
    (GD, lambda u: u),
    (USAM, lambda u: u * (1 + RHO * u)),
    (PenalisedUSAM, lambda u: u * (1 + RHO * u)),
    (TwoStepUSAM, lambda u: u * (1 + RHO * u + RHO**2 * u**2)),
    (RepeatedUSAM, lambda u: u * (1 + RHO * u) ** 2),
    (ExactGradientUSAM, lambda u: u * (1 + RHO * u) ** 2),
    (HessianUSAM, lambda u: u * (1 + RHO * u**2)),
]


@pytest.mark.parametrize(("algorithm", "factor"), FACTORS, ids=lambda a: getattr(a, "name", ""))
def test_on_a_quadratic_raw_ascents_are_filters(algorithm: Algorithm, factor: Any):
    spectrum = np.array([1.9, 0.4, -0.8])
    found = path(algorithm, (lambda w: spectrum * w,), n_steps=1)
    expected = (1 - ETA * factor(spectrum)) * POINTS
    assert apart(found[:, 1], expected) <= 32 * EPS


def test_those_that_agree_on_quadratics_agree_to_first_order_elsewhere():
    # To first order in ρ both are g + ρHg, or g + 2ρHg: halving ρ leaves a quarter, not a half.
    for one, other in ((PenalisedUSAM, USAM), (ExactGradientUSAM, RepeatedUSAM)):
        gaps = [apart(path(one, rho=r, n_steps=1), path(other, rho=r, n_steps=1))
                for r in (2e-3, 1e-3)]  # fmt: skip
        assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.02)
    gaps = [apart(path(USAM, rho=r, n_steps=1), path(GD, n_steps=1)) for r in (2e-3, 1e-3)]
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.02)


def test_points_and_losses_are_of_the_stated_size():
    assert POINTS.shape == (16, DIM)
    largest = max(
        np.linalg.norm(of_places(lambda here: here.g, (e,)) - of_places(
            lambda here: here.g, (e,), POINTS * (1 + 1e-6)), axis=1).max()
        / (1e-6 * np.linalg.norm(POINTS, axis=1).min())
        for e in EXAMPLES
    )  # fmt: skip
    assert largest < 20  # a crude bound on L; that of the comment on SAME is along the paths
