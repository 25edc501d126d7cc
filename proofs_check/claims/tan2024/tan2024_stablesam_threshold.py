"""StableSAM at a minimum of a quadratic: GD's edge, for every radius and in every dimension.

Derivation. With g = Λw, G = ‖g‖ and B = G + ρΛ the running code takes w⁺ = w − ηG·Bg/‖Bg‖. Mode
by mode λ₁(G/λᵢ + ρ) ≥ G + ρλ₁ ≥ G + ρλᵢ, hence ⟨w, Bg⟩ ≥ (G + ρλ₁)G²/λ₁ and ‖Bg‖ ≤ (G + ρλ₁)G:
the step's direction has an inner product with w of at least G/λ₁, and
‖w⁺‖² ≤ ‖w‖² − η(2/λ₁ − η)G², the inequality of GD itself. Above the edge the top mode is
multiplied by 1 − ηλ₁(G + ρλ₁)G/‖Bg‖ ≤ 1 − ηλ₁ < −1.
"""

from functools import partial

import numpy as np
import sympy

from dynamics import SAM, USAM, Outcome, StableSAM
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Evidence, Kind, Size, Support, upper_bound, value
from proofs_check.papers import TAN2024
from proofs_check.predictions import multiplier
from proofs_check.prover import Identity, Implication
from proofs_check.sampling.brackets import bracket, displaced, outcome
from proofs_check.sampling.cases import quadratic_cases
from proofs_check.sampling.modes import GRADIENT, POINT, POSITIVE, SPECTRUM, length, step_taken
from proofs_check.symbols import curvature, eta, gradient_norm, rho

EDGE = 2 / curvature
HYPOTHESES = (curvature > 0, rho >= 0, eta > 0)

G = gradient_norm
smaller, inner, stretched, distance, next_distance = sympy.symbols(
    "lambda_i g_w Bg W2 W2_next", real=True
)  # a further eigenvalue, ⟨w, Bg⟩, ‖Bg‖, ‖w‖², ‖w⁺‖²
# What a mode adds to ⟨w, Bg⟩ and to ‖Bg‖², over gᵢ².
first_ratio, long_ratio = sympy.symbols("u v", real=True)
CLOSER = distance - eta * (2 / curvature - eta) * G**2


def proof():
    norm = length(GRADIENT)
    ascended = tuple((norm + rho * lam) * g for lam, g in zip(SPECTRUM, GRADIENT, strict=True))
    first, second = step_taken(StableSAM)
    modes = (*HYPOTHESES, G > 0, smaller > 0, smaller <= curvature)
    top = G + rho * curvature
    sums = (
        *HYPOTHESES, G > 0, stretched > 0, stretched <= top * G,
        curvature * inner >= top * G**2,
    )  # fmt: skip
    squares = tuple(g**2 for g in GRADIENT)
    products = (
        sum((norm / lam + rho) * g for lam, g in zip(SPECTRUM, squares, strict=True)),
        sum((w - s) ** 2 for w, s in zip(POINT, (first, second), strict=True)),
    )
    moved_in_modes = (
        sum(w**2 for w in POINT)
        - 2 * eta * norm * products[0] / length(ascended)
        + eta**2 * norm**2
    )
    weight, more, least, most, so_far, long_so_far = sympy.symbols("S s c C D N", real=True)
    each = (
        more >= 0,
        so_far >= least * weight,
        long_so_far <= most * weight,
        first_ratio >= least,
        long_ratio <= most,
    )
    one_more = sympy.And(
        so_far + first_ratio * more >= least * (weight + more),
        long_so_far + long_ratio * more <= most * (weight + more),
    )
    moved = sympy.Eq(next_distance, distance - 2 * eta * G * inner / stretched + eta**2 * G**2)
    grown = 1 - eta * curvature * top * G / stretched
    return (
        Identity("in one dimension it is GD", multiplier(StableSAM), 1 - eta * curvature),
        Identity("step length of the running code", length((first, second)), eta * norm, POSITIVE),
        Identity(
            "the step of the running code is along Bg",
            first * ascended[1], second * ascended[0], POSITIVE,
        ),
        Identity(
            "‖w⁺‖² of the running code, by ⟨w, Bg⟩ and ‖Bg‖", products[1], moved_in_modes, POSITIVE
        ),
        Implication(
            "mode by mode",
            modes,
            sympy.And(
                curvature * (G / smaller + rho) >= G + rho * curvature,
                G + rho * curvature >= G + rho * smaller,
            ),
            mutation=(modes[:-1], curvature * (G / smaller + rho) >= G + rho * curvature),
        ),
        Implication(
            "one more mode keeps both sums", each, one_more, mutation=(each[:-1], one_more)
        ),
        Implication(
            "a step is GD's at most",
            (*sums, moved),
            next_distance <= CLOSER,
            mutation=((*sums[:-1], moved), next_distance <= CLOSER),
        ),
        Implication(
            "below the edge, every step comes closer",
            (*sums, eta * curvature < 2),
            CLOSER < distance,
            mutation=(sums, CLOSER < distance),
        ),
        Implication(
            "above the edge, the top mode grows",
            (*sums, eta * curvature > 2),
            sympy.And(grown <= 1 - eta * curvature, grown < -1),
            mutation=((*sums, eta * curvature > 1), grown < -1),
        ),
    )  # fmt: skip


def nearer_after_a_step(size: Size, *, algorithm=StableSAM, closer=CLOSER) -> Evidence:
    """‖w⁺‖² against the bound of the one-step inequality."""
    cases = quadratic_cases(algorithm, size, h=(0.001, 3.0), dim=5, seed=5)
    before, after = (np.sum(w**2, axis=1) for w in (cases.start, cases.after))
    at = {
        curvature: cases.beta, eta: cases.eta, rho: cases.rho, distance: before,
        G: cases.gradient_norm,
    }  # fmt: skip
    bound = value(closer, at)
    return upper_bound(
        after,
        bound,
        cases.witness(lambda i: f"‖w⁺‖² = {after[i]} > {bound[i]}"),
        quantities=at,
        scale=before + (cases.eta * cases.gradient_norm) ** 2,  # the terms of both sides
    )


converged = outcome(Outcome.CONVERGED)
runs = partial(bracket, StableSAM, below=converged)

register(
    Claim(
        id="tan2024_stablesam_threshold",
        title="StableSAM converges iff η < 2/λ₁, whatever the radius",
        paper=TAN2024,
        source="Algorithm 1; sharpens the learning rates allowed there",
        provenance=Provenance.DERIVED,
        statement=(
            "On a strongly convex quadratic of any dimension with largest eigenvalue λ₁, and for "
            "every ρ ≥ 0, StableSAM with constant radius converges to the minimiser from almost "
            "every start if η < 2/λ₁ and diverges from almost every start if η is larger. One "
            "step obeys ‖w⁺‖² ≤ ‖w‖² − η(2/λ₁ − η)‖∇L(w)‖², as a step of GD does."
        ),
        formula=sympy.StrictLessThan(eta, EDGE),
        kind=Kind.THRESHOLD,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=partial(runs, EDGE),
        controls=(
            *displaced(partial(runs, EDGE)),
            Control("USAM's edge", partial(runs, 2 / (curvature + rho * curvature**2))),
            Control("SAM in place of StableSAM", partial(bracket, SAM, EDGE, below=converged)),
            Control("one step, as stated", nearer_after_a_step, expected=Support.CONSISTENT),
            Control("one step of USAM", partial(
                nearer_after_a_step, algorithm=USAM)),
            Control("one step, closer by 2 %", partial(
                nearer_after_a_step,
                closer=CLOSER - sympy.Rational(2, 100) * eta * G**2 / curvature)),
        ),
        recorded=Finding.HOLDS,
        beyond_the_proof=(
            "That more than two modes enter the running code's step as two do, each through its "
            "own gᵢ and all through G and ‖Bg‖; and that ‖w_t‖ → 0, which the decrease by at least "
            "η(2/λ₁ − η)λ_d²‖w‖² at each step gives."
        ),
        remark="The distance decreases at every step; the loss need not.",
    )
)  # fmt: skip
