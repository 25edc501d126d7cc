"""When a linear map contracts, and the η at which: against eigenvalues, matrix by matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy

from dynamics import GD, SAM, Algorithm, StableSAM, StableUSAM, renormalised_descent
from proofs_check.local_theory.eta_ranges import EtaRange, contracting, eigenvalues, sign_of
from proofs_check.local_theory.filters import CurvatureFilter, curvature_filter
from proofs_check.local_theory.four_cycles import _of_the_sign_of
from proofs_check.local_theory.local_maps import Underivable
from proofs_check.local_theory.radial import contracts_to_the_edge
from proofs_check.symbols import curvature, eta, rho


def test_all_conditions_are_positive_iff_the_matrix_contracts():
    random = np.random.default_rng(0)
    contracts, expands = 0, 0
    for _ in range(60):
        size = int(random.integers(1, 3))
        entries = [sympy.Rational(int(n), 7) for n in random.integers(-12, 13, size * size)]
        matrix = sympy.Matrix(size, size, entries)
        radius = max(abs(np.linalg.eigvals(np.array(matrix, dtype=float))))
        if abs(radius - 1) < 1e-9:
            continue
        held = all(c > 0 for c in contracting(matrix))
        assert held == (radius < 1), matrix
        contracts, expands = contracts + held, expands + (not held)
        assert max(abs(complex(m)) for m in eigenvalues(matrix)) == pytest.approx(radius)
    assert min(contracts, expands) > 10


@pytest.mark.parametrize(
    "entries",
    [
        (0, -2, 1, 0),  # eigenvalues ±i√2: 1 − δ alone is negative
        (2, 0, 0, 0),  # 1 − τ + δ alone
        (-2, 0, 0, 0),  # 1 + τ + δ alone
    ],
)
def test_each_condition_is_needed(entries):
    conditions = contracting(sympy.Matrix(2, 2, entries))
    assert sum(bool(c <= 0) for c in conditions) == 1


def test_ends_and_numbers_agree():
    lam = sympy.Rational(13, 10)
    for inequalities, ends in (
        ((eta, 2 - lam * eta), (0, sympy.Rational(20, 13))),
        ((eta - rho, 2 - eta), None),  # empty for ρ ≥ 2 only: no closed form
        ((1 - rho + eta,), None),
        ((eta - 3, 2 - eta), (0, 0)),
        ((-eta, sympy.S.One), (0, 0)),
        ((eta - 1, 4 - eta), (1, 4)),
        ((2 - eta * (1 + rho),), (0, 2 / (1 + rho))),
    ):
        found = EtaRange.of(inequalities)
        if ends is None:
            assert found.ends is None
        else:
            assert found.ends is not None
            assert [sympy.simplify(a - b) for a, b in zip(found.ends, ends, strict=True)] == [0, 0]
        for radius in (0.1, 0.7, 2.5):
            low, high = found.at(radius)
            for rate in np.linspace(0.0513, 6.0179, 60):
                at = {eta: rate, rho: radius}
                assert (low < rate < high) == all(float(e.subs(at)) > 0 for e in inequalities)


def test_a_condition_on_the_radius_alone_is_strict():
    low, high = EtaRange.of((1 - rho,)).at([0.5, 1.0, 1.5])
    assert low.tolist() == [0, 0, 0] and high.tolist() == [np.inf, 0, 0]


def test_what_is_left_without_factors_of_one_sign_has_the_sign_of_the_whole():
    lam, e = sympy.symbols("lam e", positive=True)
    h = lam * e
    always = h**2 - 2 * h + 2
    for whole in (h * (2 - h) / always, (h - 2) / always, -always * (h - 1), -always, always * h):
        left = _of_the_sign_of(whole, lam, e)
        assert not left.has(always) and sympy.degree(left, e) <= 1
        for value in (0.3, 1.4, 2.9):
            at = {lam: 1.3, e: value / 1.3}
            assert sympy.sign(left.subs(at)) == sympy.sign(whole.subs(at))


def test_a_filter_ends_at_its_edge_where_that_is_an_exact_number():
    admitted = curvature_filter(GD)
    assert isinstance(admitted, CurvatureFilter)
    assert admitted.intervals(0.5) == ((0.0, 4.0),)


def test_a_direction_that_neither_shrinks_nor_grows_is_noted():
    found = EtaRange.of((eta, 2 - eta, sympy.S.Zero))
    assert found.neutral and len(found.conditions) == 2
    assert not EtaRange.of((eta, 2 - eta)).neutral


def test_what_is_not_of_first_degree_is_refused():
    with pytest.raises(Underivable, match="not of first degree"):
        EtaRange.of((1 - eta**2,))


def test_signs():
    assert sign_of(1 + curvature) == 1 and sign_of(-curvature) == -1
    assert sign_of(sympy.S.Zero) == 0 and sign_of(curvature - 1) is None
    assert sign_of(rho**2 - 2 * rho + 2) == 1 and sign_of(rho - 1) is None
    # It touches 0 at ρ = 1, and is positive elsewhere: more than one sign.
    assert sign_of((rho - 1) ** 2) is None and sign_of(-1 / (1 + rho)) == -1


@pytest.mark.slow
def test_the_proof_of_contraction_goes_through_only_where_its_premises_hold():
    def away(here, ascended, radius):
        return -1 * renormalised_descent(here, ascended, radius)

    half, third = sympy.Rational(1, 2), sympy.Rational(-3, 10)
    assert contracts_to_the_edge(StableSAM, (sympy.S.One, half))
    assert contracts_to_the_edge(StableSAM, (sympy.S.One, third))
    # Both components of the step point away from the minimum, for another sign of all b.
    turned: Algorithm = replace(StableSAM, name="turned", descent=away)
    assert not contracts_to_the_edge(turned, (sympy.S.One, half))
    # bλ is negative where the ascent does not outweigh the gradient; ‖d‖ ≠ ‖g‖.
    assert not contracts_to_the_edge(StableUSAM, (sympy.S.One, third))
    assert not contracts_to_the_edge(SAM, (sympy.S.One, half))
