"""USAM beyond its edge: on a quadratic it diverges from all but a null set of starts.

Derivation. On a quadratic with largest eigenvalue β the running code multiplies the top component
of w by m = 1 − ηβ(1 + ρβ) at each step. Beyond the edge m < −1, so ‖w_t‖ ≥ |m|^t |⟨w₀, v₁⟩|: the
ball of radius R is left within 1 + log(R/|⟨w₀, v₁⟩|)/log|m| steps unless ⟨w₀, v₁⟩ = 0.
"""

from functools import partial

import numpy as np
import sympy

from dynamics import GD, SAM, USAM, Criteria, Outcome, ensemble, normal_starts
from landscapes import Quadratic
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import (
    Evidence,
    Exhibit,
    Kind,
    Size,
    call,
    join,
    upper_bound,
    value,
)
from proofs_check.papers import DAI2023
from proofs_check.predictions import multiplier
from proofs_check.prover import Identity, Implication
from proofs_check.symbols import alpha, beta, curvature, eta, rho, w

EDGE = 2 / (beta + rho * beta**2)
MULTIPLIER = 1 - eta * beta * (1 + rho * beta)
# w is the component of the start along the top eigenvector.
BEYOND = (alpha > 0, alpha <= beta, rho >= 0, eta > EDGE)
HYPOTHESES = (*BEYOND, w**2 > 0)

FACTORS = (1.01, 1.03, 1.1, 1.3, 2.0, 3.0, 5.0)
# β on both sides of 1; α so small that its mode is inside its own edge even at five times EDGE.
SPECTRA = ((1.0, 0.15), (1.7, 0.2), (0.6, 0.09), (5.0, 0.7))
RADII = (0.05, 0.5, 3.0)
_STEPS = 8000  # |m| ≥ 1.02 at 1.01 times the edge: a factor 1e12 within 1,400 steps

growth, grown, weak = sympy.symbols("m v alpha_m", real=True)


def proof():
    beyond = (*BEYOND[:3], eta * (beta + rho * beta**2) > 2)
    at_alpha = MULTIPLIER.subs(beta, alpha)
    return (
        Identity(
            "top multiplier of the running code", multiplier(USAM).subs(curvature, beta), MULTIPLIER
        ),
        Implication(
            "beyond the edge it is below −1",
            beyond,
            MULTIPLIER < -1,
            mutation=((*BEYOND[:3], eta * beta > 1), MULTIPLIER < -1),
        ),
        Implication(
            "a component that is not 0 grows at every step",
            (growth < -1, w**2 > 0, sympy.Eq(grown, growth * w)),
            grown**2 > w**2,
            mutation=((growth < -1, sympy.Eq(grown, growth * w)), grown**2 > w**2),
        ),
        # Why "all but a null set": the weak mode alone may well contract.
        Implication(
            "within its own edge, the weak mode contracts",
            (*beyond, eta * (alpha + rho * alpha**2) < 2),
            sympy.And(-1 < at_alpha, at_alpha < 1),
            mutation=(beyond, at_alpha > -1),
        ),
    )


def simulate(size: Size, *, algorithm=USAM, factors=FACTORS, multiplier=MULTIPLIER) -> Evidence:
    """Steps until ‖w‖ > R against the bound; a fifteenth of the starts have no top component."""
    parts = []
    cases = [(f, r, s) for f in factors for r in RADII for s in range(size.runs(30))]
    f, r, s = np.array(cases).T
    for index, (top, bottom) in enumerate(SPECTRA):
        landscape = Quadratic(spectrum=(top, bottom))
        starts = normal_starts(len(cases), 2, seed=index)
        starts[s % 15 == 0, 0] = 0.0
        etas = f * value(EDGE, {beta: np.full_like(r, top), rho: r})
        runs = ensemble(landscape, algorithm, eta=etas, rho=r, starts=starts, n_steps=_STEPS)
        at = {
            alpha: np.full_like(r, bottom), beta: np.full_like(r, top), rho: r, eta: etas,
            w: starts[:, 0],
        }  # fmt: skip
        left = np.where(runs.outcome == Outcome.DIVERGED, runs.n_steps, np.inf)
        # A start without that component is held to the bound of a start at 1.
        component = np.where(starts[:, 0] == 0, 1.0, np.abs(starts[:, 0]))
        far = np.log(Criteria().divergence_radius / component)
        bound = 1 + far / np.abs(np.log(np.abs(value(multiplier, at))))

        def witness(i: int, landscape=landscape, runs=runs, left=left, bound=bound) -> Exhibit:
            run = runs.isel(run=i)
            pasted = call(landscape, algorithm, run.starts, run.eta, run.rho, int(run.n_steps))
            return Exhibit(pasted, f"left the ball at step {left[i]}, not within {bound[i]:.1f}")

        parts.append(
            upper_bound(left, bound, witness, quantities=at, scale=bound, cost=runs.n_steps.values)
        )
    return join(parts)


inside = (*BEYOND[:3], eta > sympy.Rational(98, 100) * EDGE, w**2 > 0)

register(
    Claim(
        id="dai2023_usam_diverges",
        title="On some α-strongly convex β-smooth L, USAM diverges if η > 2/(β + ρβ²)",
        paper=DAI2023,
        source="Theorem 1, the part on USAM",
        provenance=Provenance.SUMMARY,
        statement=(
            "For all 0 < α ≤ β and ρ ≥ 0 there is an α-strongly convex and β-smooth loss, namely "
            "a quadratic with smallest eigenvalue α and largest eigenvalue β, on which USAM with "
            "any η > 2/(β + ρβ²) diverges from every start that has a component along the top "
            "eigenvector, hence from all but a null set of starts."
        ),
        formula=sympy.StrictGreaterThan(eta, EDGE),
        kind=Kind.ASYMPTOTIC,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=simulate,
        controls=(
            Control("the exceptional starts counted in", simulate, hypotheses=BEYOND),
            Control("1 % inside the edge", partial(simulate, factors=(0.99,)), hypotheses=inside),
            Control("SAM in place of USAM", partial(simulate, algorithm=SAM)),
            Control("GD in place of USAM", partial(simulate, algorithm=GD)),
            Control("growth 3 % faster", partial(
                simulate, multiplier=sympy.Rational(103, 100) * MULTIPLIER)),
        ),
        recorded=Finding.HOLDS,
        remark="The evidence counts the steps until ‖w‖ exceeds 10¹²; the bound is attained.",
    )
)  # fmt: skip
