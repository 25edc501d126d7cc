"""Gradient descent at a minimum of a quadratic: the edge that all the others are set against.

Derivation. The mode of eigenvalue λ is multiplied by 1 − ηλ; that of the largest eigenvalue is
the first to leave (−1, 1).
"""

from functools import partial

import sympy

from dynamics import GD, USAM, Outcome
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Kind
from proofs_check.papers import DAI2023
from proofs_check.predictions import multiplier, threshold
from proofs_check.prover import Identity, Implication
from proofs_check.sampling.brackets import bracket, displaced, outcome
from proofs_check.symbols import curvature, eta, rho

EDGE = 2 / curvature
HYPOTHESES = (curvature > 0, eta > 0)

smaller = sympy.Symbol("lambda_i", real=True)  # a further eigenvalue


def proof():
    published = 1 - eta * curvature
    at_smaller = published.subs(curvature, smaller)
    below = (*HYPOTHESES, 0 < smaller, smaller <= curvature, eta * curvature < 2)
    return (
        Identity("multiplier of the running code", multiplier(GD), published),
        Identity("its edge of stability", threshold(GD), EDGE),
        Implication(
            "below the edge, every mode contracts",
            below,
            sympy.And(-1 < at_smaller, at_smaller < 1),
            mutation=(below, at_smaller > 0),
        ),
        Implication(
            "above the edge, the top mode grows",
            (*HYPOTHESES, eta * curvature > 2),
            published < -1,
            mutation=((*HYPOTHESES, eta * curvature > 1), published < -1),
        ),
    )


converged = outcome(Outcome.CONVERGED)
runs = partial(bracket, GD, below=converged)

register(
    Claim(
        id="dai2023_gd_threshold",
        title="GD converges iff η < 2/λ₁",
        paper=DAI2023,
        source="Theorem 1, what SAM and USAM are compared with",
        provenance=Provenance.SUMMARY,
        statement=(
            "On a strongly convex quadratic with largest eigenvalue λ₁, gradient descent "
            "converges to the minimiser from almost every start if η < 2/λ₁ and diverges from "
            "almost every start if η is larger."
        ),
        formula=sympy.StrictLessThan(eta, EDGE),
        kind=Kind.THRESHOLD,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=partial(runs, EDGE),
        controls=(
            *displaced(partial(runs, EDGE)),
            Control("USAM's edge", partial(runs, 2 / (curvature + rho * curvature**2))),
            Control("USAM in place of GD", partial(bracket, USAM, EDGE, below=converged)),
        ),
        recorded=Finding.HOLDS,
        remark="At η = 2/λ₁ the top mode alternates for ever: a cycle of any amplitude.",
    )
)
