"""SAM on strongly convex losses: the published bound is false for steps between 1/β and 2/β.

Derivation. On L = βw²/2 a step exceeds the one-step lemma by exactly η(h − 1)ρβG, h = ηβ: it is
false at every w ≠ 0 as soon as h > 1, since the term (1 − h)⟨g, e⟩ that its proof drops has changed
sign. E_1 exceeds the bound itself by hβρ(h − 1)(|w| − (h − 1)ρ/(4 − 2h)): from every start that is
not close to the minimum.
"""

from functools import partial
from typing import Any

import sympy

from dynamics import SAM
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Kind, Support
from proofs_check.laws.sam_bounds import BOUND, FLOOR, corrected_bound, excess_over_lemma
from proofs_check.papers import DAI2023
from proofs_check.predictions import map_near_minimum
from proofs_check.prover import Identity, Implication
from proofs_check.sampling.cases import bound_on_quadratics
from proofs_check.symbols import (
    alpha,
    beta,
    curvature,
    eta,
    first_excess,
    h,
    later_excess,
    rho,
    t,
    w,
)

HYPOTHESES = (h > 0, h < 2, alpha > 0, alpha <= beta, rho >= 0)


def proof():
    # One step of the running code on L = βw²/2, where α = β.
    after: Any = map_near_minimum(SAM).subs({curvature: beta, eta: h / beta})
    on_quadratic = {t: 1, alpha: beta, first_excess: beta * w**2 / 2}
    reached = beta * after**2 / 2
    bound = BOUND.subs(on_quadratic)
    far = (beta > 0, rho > 0, w > 0, h > 0)
    over = h * beta * rho * (h - 1) * (w - (h - 1) * rho / (4 - 2 * h))
    return (
        Identity(
            "on βw²/2 a step of the running code exceeds the lemma by η(h − 1)ρβG",
            *excess_over_lemma(),
        ),
        Identity("by how much it exceeds the bound after one step", reached - bound, over),
        Implication(
            "up to 1/β, the bound after one step on βw²/2",
            (*far, h <= 1),
            reached <= bound,
            mutation=((*far, h < 2), reached <= bound),
        ),
        Implication(
            "up to 2/β, the bound after one step on βw²/2",
            (*far, h < 2),
            reached <= bound,
            mutation=((*far, h < 2), reached <= bound / 2),
        ),
    )


beyond_one = partial(bound_on_quadratics, SAM, h=(1.0, 1.999))

register(
    Claim(
        id="dai2023_sam_bound_full_range",
        title="E_t ≤ (1 − αη(2 − ηβ))^t E_0 + ηβ³ρ²/(2α(2 − ηβ)) for SAM with all η < 2/β",
        paper=DAI2023,
        source="Theorem 1, the part on SAM",
        provenance=Provenance.RECALLED,
        statement=(
            "Let L be α-strongly convex and β-smooth, ρ ≥ 0 and 0 < η < 2/β. Then SAM keeps "
            "E_t = L(w_t) − inf L below (1 − αη(2 − ηβ))^t E_0 + ηβ³ρ²/(2α(2 − ηβ))."
        ),
        formula=sympy.LessThan(later_excess, BOUND.subs(h, eta * beta)),
        kind=Kind.UPPER_BOUND,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=partial(bound_on_quadratics, SAM, bound=BOUND, h=(1.001, 1.999)),
        controls=(
            Control("η ≤ 1/β only", partial(
                bound_on_quadratics, SAM, bound=BOUND, h=(0.01, 1.0)), expected=Support.CONSISTENT),
            Control("the corrected bound", partial(
                beyond_one, bound=corrected_bound()), expected=Support.CONSISTENT),
            Control("the corrected bound, floor 2 % too low", partial(
                beyond_one, bound=corrected_bound(sympy.Rational(98, 100) * FLOOR))),
        ),
        recorded=Finding.FAILS,
        corrected_by="dai2023_sam_bound_corrected",
        refuted_step="up to 2/β, the bound after one step on βw²/2",
        remark=(
            "The wording of the theorem was not at hand; this is the form in circulation, with "
            "the strict inequality that the floor needs. That SAM does not diverge for η < 2/β "
            "is true and follows from the corrected bound. On quadratics the bound fails in the "
            "long run for ηβ > 2κ/(1 + κ), κ = β/α; whether it does for 1 < ηβ ≤ 2κ/(1 + κ) and "
            "κ > 1 is open."
        ),
    )
)  # fmt: skip
