"""SAM on convex smooth PL losses at steps up to 1/β: the published bound.

Derivation. With e = ∇L(w + ρĝ) − ∇L(w), ‖e‖ ≤ ρβ, and h = ηβ, smoothness gives
L⁺ ≤ L − η[(1 − h/2)G² + (1 − h)⟨g, e⟩ − (h/2)‖e‖²]. Convexity gives ⟨g, e⟩ ≥ 0, and for h ≤ 1 that
term may be dropped: L⁺ ≤ L − (η/2)(2 − h)G² + ½η²β³ρ². With G² ≥ 2αE this is a contraction of E by
1 − (α/β)h(2 − h) towards the floor, which unrolls to the bound.
"""

from functools import partial

import sympy

from dynamics import SAM, USAM
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Evidence, Kind, Size, join, upper_bound, value
from proofs_check.laws.sam_bounds import BOUND, FACTOR, PUBLISHED_FLOOR, RISE, excess_over_lemma
from proofs_check.papers import DAI2023
from proofs_check.prover import Identity, Implication
from proofs_check.sampling.cases import bound_on_quadratics, convex_cases
from proofs_check.sampling.smoothness import (
    NOT_COVERED,
    RISE_OF_STEP,
    change,
    descent_lemma,
    inner,
    length_of_ascent,
)
from proofs_check.symbols import (
    alpha,
    beta,
    eta,
    excess,
    first_excess,
    gradient_norm,
    h,
    later_excess,
    next_excess,
    rho,
    t,
)

UP_TO_EDGE = (0.01, 1.0)  # of h
HYPOTHESES = (h > 0, h <= 1, alpha > 0, alpha <= beta, rho >= 0)

G = gradient_norm
reach = sympy.Symbol("R", real=True)  # ρβ
left, factor, floor, push = sympy.symbols("P q F a", real=True)  # q^t, q, F = qF + a


def proof():
    lemma = (h > 0, h <= 1, G >= 0, reach >= 0, change >= 0, change <= reach**2, inner >= 0)
    rise = RISE.subs(rho, reach / beta)
    step = next_excess <= excess + (h / beta) * rise
    contraction = (*HYPOTHESES[:-1], step, G**2 >= 2 * alpha * excess)
    goal = next_excess <= FACTOR * excess + h**2 * reach**2 / (2 * beta)
    monotone = (rho > 0, G > 0, rho * inner / G >= 0)  # ⟨∇L(u) − ∇L(w), u − w⟩, u − w = ρg/G
    added = h**2 * (rho * beta) ** 2 / (2 * beta)
    so_far = (later_excess <= left * first_excess + floor, sympy.Eq(floor, factor * floor + push))
    one_more = next_excess <= factor * later_excess + push
    unrolled = next_excess <= factor * left * first_excess + floor
    return (
        *descent_lemma(),
        length_of_ascent(),
        Implication(
            "a convex loss has ⟨g, e⟩ ≥ 0",
            monotone,
            inner >= 0,
            mutation=(monotone[1:], inner >= 0),
        ),
        Identity(
            "on βw²/2 a step of the running code exceeds the lemma by η(h − 1)ρβG",
            *excess_over_lemma(),
        ),
        Implication(
            "one step, convexity drops ⟨g, e⟩",
            lemma,
            RISE_OF_STEP <= rise,
            mutation=((lemma[0], *lemma[2:]), RISE_OF_STEP <= rise),
        ),
        Implication("E contracts", contraction, goal, mutation=(contraction[:-1], goal)),
        Identity(
            "the contraction is towards the stated floor",
            FACTOR * PUBLISHED_FLOOR + added,
            PUBLISHED_FLOOR,
        ),
        # What lets the inequality be applied to itself, step after step.
        Implication(
            "the factor is not negative",
            HYPOTHESES,
            FACTOR >= 0,
            mutation=(HYPOTHESES, FACTOR >= 1 - h),
        ),
        Implication(
            "from step t to t + 1 of the bound",
            (factor >= 0, *so_far, one_more),
            unrolled,
            mutation=((*so_far, one_more), unrolled),
        ),
    )


def simulate(size: Size, *, algorithm=SAM) -> Evidence:
    """The bound along runs on quadratics, and its one step on losses that are none."""
    cases = convex_cases(algorithm, size, h=UP_TO_EDGE, dim=3, seed=3)
    at = {h: cases.h, rho: cases.rho, alpha: cases.alpha, beta: cases.beta}
    bound = cases.loss + cases.eta * value(RISE, at | {G: cases.gradient_norm})
    shows = cases.witness(lambda i: f"L⁺ = {cases.next_loss[i]} > {bound[i]}")
    lemma = upper_bound(
        cases.next_loss, bound, shows, quantities=at, scale=cases.loss + cases.next_loss, cost=3.0
    )
    return join((bound_on_quadratics(algorithm, size, BOUND, h=UP_TO_EDGE), lemma))


wrong = partial(bound_on_quadratics, SAM, h=UP_TO_EDGE)

register(
    Claim(
        id="dai2023_sam_bound",
        title="E_t ≤ (1 − αη(2 − ηβ))^t E_0 + ηβ³ρ²/(2α(2 − ηβ)) for SAM with η ≤ 1/β",
        paper=DAI2023,
        source="Theorem 1, the part on SAM, for η ≤ 1/β",
        provenance=Provenance.RECALLED,
        statement=(
            "Let L be convex, β-smooth and α-PL (α-strongly convex, say), ρ ≥ 0 and 0 < η ≤ 1/β. "
            "Then SAM keeps E_t = L(w_t) − inf L below (1 − αη(2 − ηβ))^t E_0 + "
            "ηβ³ρ²/(2α(2 − ηβ))."
        ),
        formula=sympy.LessThan(later_excess, BOUND.subs(h, eta * beta)),
        kind=Kind.UPPER_BOUND,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=simulate,
        controls=(
            Control("floor 2 % too low", partial(
                wrong, bound=BOUND - sympy.Rational(2, 100) * PUBLISHED_FLOOR)),
            Control("rate 2 % too fast", partial(
                wrong, bound=BOUND.subs(t, sympy.Rational(102, 100) * t))),
            Control("wrong exponent of β in the floor", partial(
                wrong, bound=BOUND.subs(PUBLISHED_FLOOR, PUBLISHED_FLOOR / beta))),
            Control("steps beyond 1/β", partial(
                bound_on_quadratics, SAM, bound=BOUND, h=(1.01, 1.99)),
                    hypotheses=(h < 2, *HYPOTHESES[2:])),
            Control("USAM in place of SAM", partial(simulate, algorithm=USAM)),
        ),
        recorded=Finding.HOLDS,
        beyond_the_proof=NOT_COVERED,
        remark=(
            "The paper is recalled to state this for steps up to 2/β, which is false: beyond 1/β "
            "the corrected bound continues this one."
        ),
    )
)  # fmt: skip
