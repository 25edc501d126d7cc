"""USAM below its edge: every step on a convex smooth loss decreases it, quadratic or not.

Derivation. For convex C² losses ∇L(w + ρg) = Mg with M = I + ρH̄ and 0 ⪯ H̄ ⪯ β. Smoothness gives
L⁺ ≤ L − η(gᵀMg − (ηβ/2)gᵀM²g), and m(1 − ηβm/2), concave in m, is smallest on [1, 1 + ρβ] at an
end. Both ends are positive below the edge, where ηβ(1 + ρβ) < 2.
"""

from functools import partial

import numpy as np
import sympy

from dynamics import SAM, USAM
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Evidence, Kind, Size, join, upper_bound, value
from proofs_check.papers import DAI2023
from proofs_check.predictions import map_near_minimum
from proofs_check.prover import Identity, Implication
from proofs_check.sampling.cases import convex_cases, quadratic_cases
from proofs_check.sampling.smoothness import RISE_OF_STEP, change, descent_lemma, inner
from proofs_check.symbols import beta, curvature, eta, gradient_norm, h, loss, next_loss, rho, w

EDGE = 2 / (1 + rho * beta)  # of h = ηβ
ENDS = (1 - h / 2, (1 + rho * beta) * (1 - h * (1 + rho * beta) / 2))
DECREASE = (h / beta) * sympy.Min(*ENDS) * gradient_norm**2
HYPOTHESES = (beta > 0, rho >= 0, h > 0, h < EDGE)

stretch, other_stretch, reach = sympy.symbols("m m_2 R", real=True)  # eigenvalues of M, and ρβ
one, two = sympy.symbols("g_1 g_2", real=True)  # the gradient in two eigenvectors of M


def proof():
    m = 1 + rho * curvature
    on_quadratic = curvature * (w**2 - map_near_minimum(USAM) ** 2) / 2
    decrease = stretch * (1 - h * stretch / 2)
    first, last = (end.subs(rho, reach / beta) for end in ENDS)
    # e = ρH̄g with the mean Hessian H̄ on the way to the ascent point, in two of its modes.
    squares = (one**2, two**2)
    stretched = (stretch, other_stretch)
    mean_hessian = {
        inner: sum((m - 1) * g for m, g in zip(stretched, squares, strict=True)),
        change: sum((m - 1) ** 2 * g for m, g in zip(stretched, squares, strict=True)),
        gradient_norm: sympy.sqrt(sum(squares)),
    }
    decreases = [m * (1 - h * m / 2) for m in stretched]
    in_modes = -sum(d * g for d, g in zip(decreases, squares, strict=True))
    least, weight, more, total, so_far = sympy.symbols("c S s T D", real=True)
    modes = (so_far >= least * weight, more >= 0, total >= least)
    together = so_far + total * more >= least * (weight + more)
    between = (h > 0, reach >= 0, stretch >= 1, stretch <= 1 + reach)
    below = h * (1 + reach) < 2
    return (
        *descent_lemma(),
        Identity(
            "with e = ρH̄g, in two modes of the mean Hessian H̄",
            RISE_OF_STEP.subs(mean_hessian),
            in_modes,
        ),
        Implication(
            "one more mode keeps the least decrease",
            modes,
            together,
            mutation=(modes[:-1], together),
        ),
        Identity(
            "decrease along one mode of the running code",
            on_quadratic,
            eta * m * (1 - eta * curvature * m / 2) * (curvature * w) ** 2,
        ),
        Implication(
            "the decrease is least at an end",
            between,
            sympy.Or(decrease >= first, decrease >= last),
            mutation=(between[:-1], sympy.Or(decrease >= first, decrease >= last)),
        ),
        Implication(
            "both ends are positive below the edge",
            (h > 0, reach >= 0, below),
            sympy.And(first > 0, last > 0),
            mutation=((h > 0, reach >= 0, h < 2), sympy.And(first > 0, last > 0)),
        ),
    )


def simulate(size: Size, *, algorithm=USAM, decrease=DECREASE, unit=EDGE) -> Evidence:
    # h from far below the edge to within 1e-3 of it.
    draw = partial(quadratic_cases, algorithm, size, h=(0.01, 0.999), unit=unit)
    quadratics = [(c, c.excess, c.next_excess) for c in (draw(dim=d, seed=d) for d in (1, 2, 5))]
    curved = convex_cases(algorithm, size, h=(0.01, 0.999), dim=3, seed=3, unit=unit)
    parts = []
    for cases, before, after in (*quadratics, (curved, curved.loss, curved.next_loss)):
        at = {beta: cases.beta, rho: cases.rho, h: cases.h, gradient_norm: cases.gradient_norm}
        bound = before - value(decrease, at)
        parts.append(
            upper_bound(
                after,
                bound,
                cases.witness(lambda i, n=after, b=bound: f"L⁺ = {n[i]} > {b[i]}"),
                quantities=at,
                # Near the edge L⁺ is close to L, and both come from terms of that size.
                scale=before + after,
                cost=np.full(len(bound), float(cases.start.shape[1])),
            )
        )
    return join(parts)


register(
    Claim(
        id="dai2023_usam_descends",
        title="USAM: L⁺ ≤ L − ηcG² with c > 0 on convex losses for η < 2/(β + ρβ²)",
        paper=DAI2023,
        source="the converse of Theorem 1, the part on USAM, on all convex losses",
        provenance=Provenance.DERIVED,
        statement=(
            "Let L be convex, twice differentiable and β-smooth, and 0 < η < 2/(β + ρβ²). Then "
            "one step of USAM decreases it: L⁺ ≤ L − ηc‖∇L(w)‖² with "
            "c = min{1 − ηβ/2, (1 + ρβ)(1 − ηβ(1 + ρβ)/2)} > 0. So USAM's edge on quadratics is "
            "its edge on the whole class."
        ),
        formula=sympy.LessThan(next_loss, loss - DECREASE),
        kind=Kind.UPPER_BOUND,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=simulate,
        controls=(
            Control("c 2 % larger", partial(simulate, decrease=sympy.Rational(51, 50) * DECREASE)),
            Control("the larger end", partial(
                simulate, decrease=DECREASE.subs(sympy.Min(*ENDS), sympy.Max(*ENDS)))),
            Control("descent up to GD's edge", partial(
                simulate, decrease=0, unit=2), hypotheses=(h > 0, h < 2)),
            Control("SAM in place of USAM", partial(simulate, algorithm=SAM)),
        ),
        recorded=Finding.HOLDS,
        beyond_the_proof=(
            "The fundamental theorem of calculus, by which a β-Lipschitz gradient gives the "
            "integrand of the first step and ∇L(w + ρg) − g = ρH̄g, with the mean H̄ of the Hessian "
            "on the way there, whose eigenvalues a convex β-smooth loss keeps in [0, β]."
        ),
        remark="On α-PL losses it follows that E_t ≤ (1 − 2αηc)^t E_0.",
    )
)  # fmt: skip
