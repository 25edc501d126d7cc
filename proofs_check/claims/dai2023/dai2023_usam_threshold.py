"""USAM at a minimum of a quadratic: the edge of stability moves in with the radius."""

from functools import partial

import sympy

from dynamics import SAM, USAM, Outcome
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Kind
from proofs_check.papers import DAI2023
from proofs_check.predictions import multiplier, threshold
from proofs_check.prover import Identity, Implication
from proofs_check.sampling.brackets import bracket, displaced, outcome
from proofs_check.symbols import curvature, eta, rho

EDGE = 2 / (curvature + rho * curvature**2)
HYPOTHESES = (curvature > 0, rho >= 0, eta > 0)

smaller = sympy.Symbol("lambda_i", real=True)  # a further eigenvalue


def proof():
    published = 1 - eta * curvature * (1 + rho * curvature)
    at_smaller = published.subs(curvature, smaller)
    inside = sympy.And(-1 < at_smaller, at_smaller < 1)
    below = eta * (curvature + rho * curvature**2) < 2
    spectrum = (0 < smaller, smaller <= curvature)
    return (
        Identity("multiplier of the running code", multiplier(USAM), published),
        Identity("its edge of stability", threshold(USAM), EDGE),
        # Every mode contracts exactly when the top one does.
        Implication(
            "below the edge, every mode contracts",
            (*HYPOTHESES, *spectrum, below),
            inside,
            mutation=((*HYPOTHESES, *spectrum, below), at_smaller > 0),
        ),
        Implication(
            "above the edge, the top mode grows",
            (*HYPOTHESES, eta * (curvature + rho * curvature**2) > 2),
            published < -1,
            mutation=((*HYPOTHESES, eta * curvature > 1), published < -1),
        ),
    )


runs = partial(bracket, USAM, below=outcome(Outcome.CONVERGED))

register(
    Claim(
        id="dai2023_usam_threshold",
        title="USAM converges iff η < 2/(λ₁ + ρλ₁²)",
        paper=DAI2023,
        source="Theorem 1 has the divergence; the converse on quadratics is derived here",
        provenance=Provenance.DERIVED,
        statement=(
            "On a strongly convex quadratic with largest eigenvalue λ₁, USAM converges to the "
            "minimiser from almost every start if η < 2/(λ₁ + ρλ₁²) and diverges from almost "
            "every start if η is larger."
        ),
        formula=sympy.StrictLessThan(eta, EDGE),
        kind=Kind.THRESHOLD,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=partial(runs, EDGE),
        controls=(
            *displaced(partial(runs, EDGE)),
            Control("GD's edge 2/λ₁", partial(runs, 2 / curvature)),
            Control("wrong exponent of ρλ", partial(runs, 2 / (curvature + rho**2 * curvature**3))),
            Control(
                "SAM in place of USAM",
                lambda size: bracket(SAM, EDGE, size, below=outcome(Outcome.CONVERGED)),
            ),
        ),
        recorded=Finding.HOLDS,
    )
)
