"""Every bound over its whole domain, on cases that Hypothesis draws and shrinks.

A batch of cases is one compiled call. The formulas are the claims' own: a claim whose formula
speaks of one step is tested here by being in the ledger.
"""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dynamics import GD, SAM, USAM, StableSAM, batched, one_step
from landscapes import LinearNeuron, Quadratic
from landscapes.collection.linear_neuron import LINKS
from proofs_check import CLAIMS, Finding, Kind
from proofs_check.evidence import ROUNDING, holds, value
from proofs_check.symbols import (
    alpha,
    beta,
    eta,
    excess,
    first_excess,
    gradient_norm,
    h,
    later_excess,
    loss,
    next_excess,
    next_loss,
    rho,
    t,
)  # fmt: skip
from tests.support.cases import CORE

BATCH = 32
MOST_STEPS = 20
#: The other bounds, and why no case can be drawn for them here.
ELSEWHERE = {
    "dai2023_usam_trap": "it says where a run of thousands of steps ends; the claim draws the runs",
    "dai2023_matrix_sensing": "it is about drawn data; the claim draws them",
    "tan2024_assumptions": "no case meets its hypotheses, which is what is found",
}
ALGORITHM_OF = {
    "dai2023_sam_bound": SAM,
    "dai2023_sam_bound_full_range": SAM,
    "dai2023_sam_bound_corrected": SAM,
    "dai2023_usam_descends": USAM,
}


@st.composite
def cases(draw, dim, most_h=2.0):
    """Spectra (largest first), ηβ in (0, most_h), ρ and starts, the edges of each included.

    Curvatures and radii span four decades, condition numbers four, starts six.
    """
    unit = st.floats(0, 1, allow_subnormal=False)
    numbers = draw(arrays(np.float64, (BATCH, 4 + 2 * dim), elements=unit, fill=st.nothing()))
    top, condition, step, radius = numbers[:, :4].T
    between = np.sort(numbers[:, 4 : 4 + dim], axis=1)
    between[:, 0] = 0
    if dim > 1:
        between[:, -1] = 1
    spectra = 10 ** (4 * top - 2)[:, None] * (10 ** (4 * condition))[:, None] ** -between
    side = np.where(numbers[:, 4 + dim :] < 0.5, -1.0, 1.0)
    starts = side * 10 ** (12 * np.abs(numbers[:, 4 + dim :] - 0.5) - 3)
    steps = 1e-3 + (most_h - 2e-3) * step
    return spectra, steps, 10 ** (4 * radius - 2), starts


@lru_cache
def stepper(algorithm):
    def measure(landscape, w, eta, rho, n_steps):
        def advance(carry):
            i, w = carry
            return i + 1, jnp.where(i < n_steps, one_step(landscape, algorithm, w, eta, rho), w)

        g = landscape.gradient(w)
        first = one_step(landscape, algorithm, w, eta, rho)
        # A `while_loop`, which is compiled to machine code, and a `scan` is not.
        _, last = jax.lax.while_loop(lambda c: c[0] < MOST_STEPS, advance, (jnp.int32(1), first))
        losses = [landscape.loss(w) for w in (w, first, last)]
        return first, *losses, jnp.sqrt(jnp.sum(g * g))

    return batched(measure)


def stepped(algorithm, drawn, n_steps=1):
    """The first point; the losses before, there and after `n_steps` steps; ‖g‖ at the start."""
    spectra, steps, radii, starts = drawn
    times = np.full(len(steps), n_steps, np.int32)
    landscapes = Quadratic.batch(spectra)
    return stepper(algorithm)(landscapes, starts, steps / spectra[:, 0], radii, times)


def measured(algorithm, drawn, n_steps):
    """The quantities that the claims' formulas speak of, E_t being that after `n_steps` steps."""
    spectra, steps, radii, _ = drawn
    _, before, after, later, norm = stepped(algorithm, drawn, n_steps)
    return {
        h: steps, beta: spectra[:, 0], alpha: spectra[:, -1],
        eta: steps / spectra[:, 0], rho: radii,
        excess: before, first_excess: before, next_excess: after, gradient_norm: norm,
        t: np.full(len(steps), float(n_steps)),
        later_excess: later, loss: before, next_loss: after,
    }  # fmt: skip


def slack(relation, at):
    """How far `lhs ≤ rhs` is from failing, in units of the terms that are compared."""
    below, above = (relation.lhs, relation.rhs) if relation.rel_op in ("<=", "<") else (
        relation.rhs, relation.lhs
    )  # fmt: skip
    terms = sympy.Add.make_args(sympy.expand(above)) + sympy.Add.make_args(below)
    size = sum(np.abs(value(term, at)) for term in terms)
    # w_t is rounded relative to w_0, which E_t sees to first order: δE ≤ 2δ√(E_t E_0).
    size = size + 2 * np.sqrt(at[later_excess] * at[first_excess])
    return (value(above, at) - value(below, at)) / size


def test_every_bound_of_the_ledger_is_here():
    bounds = {name for name, claim in CLAIMS.items() if claim.kind is Kind.UPPER_BOUND}
    assert bounds == set(ALGORITHM_OF) | set(ELSEWHERE)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in ALGORITHM_OF if n in CLAIMS])
def test_bound(name):
    claim = CLAIMS[name]
    met = []
    # That one is found says enough of a bound that is known to fail: the claim has the witness.
    phases = set(Phase) - ({Phase.shrink} if claim.recorded is Finding.FAILS else set())

    @given(st.sampled_from([1, 2, 5]).flatmap(cases), st.integers(1, MOST_STEPS))
    @settings(max_examples=60, phases=phases)
    def search(drawn, n_steps):
        at = measured(ALGORITHM_OF[name], drawn, n_steps)
        inside = np.ones(BATCH, dtype=bool)
        for relation in claim.hypotheses:
            inside &= holds(relation, at)
        assume(inside.any())
        met.append(int(inside.sum()))
        margin = slack(claim.formula, at)[inside]
        assert margin.min() >= -ROUNDING

    if claim.recorded is Finding.FAILS:
        with pytest.raises(AssertionError):
            search()
    else:
        search()
        assert sum(met) >= 10 * BATCH


@pytest.mark.slow
@given(st.sampled_from([1, 3, 5]).flatmap(cases))
@settings(max_examples=60)
def test_stable_sam_comes_nearer_whenever_gradient_descent_does(drawn):
    """‖w⁺‖² ≤ ‖w‖² − η(2/λ₁ − η)‖g‖² on every quadratic, for every ρ."""
    spectra, steps, _, starts = drawn
    rates = steps / spectra[:, 0]
    after, *_, norm = stepped(StableSAM, drawn)
    before = (starts**2).sum(axis=1)
    bound = before - rates * (2 / spectra[:, 0] - rates) * norm**2
    assert ((bound - (after**2).sum(axis=1)) / before >= -ROUNDING).all()


@given(st.sampled_from([1, 2, 5]).flatmap(cases))
@settings(max_examples=60)
def test_stable_sam_moves_as_far_as_gradient_descent(drawn):
    """‖w⁺ − w‖ = η‖g‖."""
    spectra, steps, _, starts = drawn
    rates = steps / spectra[:, 0]
    after, *_, norm = stepped(StableSAM, drawn)
    moved = np.sqrt(((after - starts) ** 2).sum(axis=1))
    # The difference of nearby points carries the rounding of the points themselves.
    size = rates * norm + np.sqrt((starts**2).sum(axis=1))
    assert (np.abs(moved - rates * norm) / size <= ROUNDING).all()


@pytest.mark.slow
@given(st.sampled_from([1, 2, 5]).flatmap(lambda dim: cases(dim, most_h=4.0)))
@settings(max_examples=60)
def test_sam_descends_its_potential(drawn):
    """With s_t = (−1)^t w_t, J(s) = ½sᵀ(2I − ηΛ)s − ηρ‖Λs‖ falls by at least ½η‖∇J‖²_Λ."""
    spectra, steps, radii, starts = drawn
    rates = steps / spectra[:, 0]
    after, *_ = stepped(SAM, drawn)
    following = -after
    eta_, rho_ = rates[:, None], radii[:, None]

    def norm(v):
        return np.sqrt((v**2).sum(axis=1, keepdims=True))

    def potential(s):
        quadratic = (s**2 * (2 - eta_ * spectra)).sum(axis=1, keepdims=True) / 2
        return (quadratic - eta_ * rho_ * norm(spectra * s))[:, 0]

    fall = potential(starts) - potential(following)
    promised = (spectra * (starts - following) ** 2).sum(axis=1) * rates / 2
    size = (starts**2 + following**2).sum(axis=1) + (
        eta_ * rho_ * (norm(spectra * starts) + norm(spectra * following))
    )[:, 0]
    assert ((fall - promised) / size >= -ROUNDING).all()


@pytest.mark.parametrize("algorithm", [GD, USAM])
def test_each_mode_is_multiplied_by_its_multiplier(algorithm):
    from proofs_check.predictions import multiplier
    from proofs_check.symbols import curvature

    @given(cases(3))
    @settings(max_examples=30)
    def search(drawn):
        spectra, steps, radii, starts = drawn
        rates = steps / spectra[:, 0]
        after, *_ = stepped(algorithm, drawn)
        at = {curvature: spectra, eta: rates[:, None], rho: radii[:, None]}
        predicted = value(multiplier(algorithm), at)
        # 1 − ηλ(1 + ρλ) is a difference of terms of size 1 and ηλ(1 + ρλ).
        size = 1 + steps[:, None] * (1 + radii[:, None] * spectra)
        assert (np.abs(after - predicted * starts) <= ROUNDING * size * np.abs(starts)).all()

    search()


@lru_cache
def neuron_stepper(link, algorithm):
    landscape = LinearNeuron(link)
    return batched(lambda w, eta, rho: one_step(landscape, algorithm, w, eta, rho))


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("algorithm", CORE, ids=str)
def test_the_sign_pattern_of_the_diagonals_is_kept_together(link, algorithm):
    """(x ± y)⁺ are multiples of x ± y: a point on a diagonal stays on it, for any gradient."""

    @given(
        arrays(np.float64, BATCH, elements=st.floats(-3, 3, allow_subnormal=False)),
        arrays(np.float64, (2, BATCH), elements=st.floats(0.01, 1)),
    )
    @settings(max_examples=20)
    def search(x, parameters):
        rates, radii = parameters
        after = neuron_stepper(link, algorithm)(np.stack([x, -x], axis=1), rates, radii)
        assert np.array_equal(after[:, 0], -after[:, 1])

    search()
