"""The analysis of StableSAM: its Assumptions 1, 2 and 3 contradict each other.

Derivation. Assumption 1 has ∇f(w_asc) = (I + ξH)∇f(w) with ξ ≥ ρ/G. Mode by mode that is at least
(1 + ξσ)‖∇f(w)‖ long, σ = σ_min(H), so γ = ‖∇f(w)‖/‖∇f(w_asc)‖ obeys γ(1 + ρσ/G) ≤ 1. Assumption 3
is γ₀(1 + ρσ/G) ≥ 1 + ρμ/G, and γ₀ ≤ γ by Assumption 2: together 1 ≥ 1 + ρμ/G, with ρ, μ > 0.
"""

from functools import partial
from typing import Any

import numpy as np
import sympy

from dynamics import SAM, StableSAM
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import (
    ROUNDING,
    Evidence,
    Kind,
    Size,
    Support,
    equality,
    join,
    upper_bound,
    value,
)
from proofs_check.papers import TAN2024
from proofs_check.prover import Contradiction, Identity, Implication
from proofs_check.sampling.modes import GRADIENT, POSITIVE, SPECTRUM, length, step_taken
from proofs_check.sampling.pairs import Pairs, reflected_pairs
from proofs_check.symbols import eta, rho

# The paper's letters: G bounds all gradients, ξ = ρ/‖∇f(w)‖ from its least to its largest.
mu, L, G, C, sigma = sympy.symbols("mu L G C sigma_min", real=True)
least_xi, most_xi, least_gamma, most_gamma = sympy.symbols("xi_0 xi_1 gamma_0 gamma_1", real=True)
apart, next_apart = sympy.symbols("delta delta_next", real=True)  # ‖v − w‖, ‖v⁺ − w⁺‖

CONVEX = (mu > 0, mu <= sigma, sigma <= L, rho > 0, G > 0)
ASSUMPTION_1 = (least_xi >= rho / G, most_xi <= C * rho / G, C > 1)
ASSUMPTION_2 = (least_gamma > 0, least_gamma <= most_gamma, most_gamma < 1)
ASSUMPTION_3 = sigma >= (G / rho) * (1 - least_gamma) / least_gamma + mu / least_gamma
CAP = 2 * (1 + mu * rho / G) / (most_gamma * (mu + L) * (1 + C * L * rho / G) ** 2)
WITHOUT_3 = (*CONVEX, *ASSUMPTION_1, *ASSUMPTION_2, eta > 0, eta <= CAP)
CONTRACTION = 1 - (1 + mu * rho / G) * eta * mu * L / (mu + L)

xi, gamma, eigenvalue, part = sympy.symbols("xi gamma sigma_i g_i", real=True)
norm, ascended = sympy.symbols("g g_asc", real=True)  # ‖∇f(w)‖, ‖∇f(w_asc)‖


def proof():
    one_mode = (xi >= 0, sigma >= 0, eigenvalue >= sigma)
    longer = ((1 + xi * eigenvalue) * part) ** 2 >= ((1 + xi * sigma) * part) ** 2
    norms = (norm > 0, ascended > 0, xi >= 0, sigma >= 0, sympy.Eq(gamma * ascended, norm))
    lengths = ascended**2 >= ((1 + xi * sigma) * norm) ** 2
    short = gamma * (1 + xi * sigma) <= 1
    size = length(GRADIENT)
    needed = (mu > 0, least_gamma <= gamma, xi >= rho / G, short, ASSUMPTION_3)
    signs = (mu <= sigma, rho > 0, G > 0, least_gamma > 0)
    return (
        *(
            Identity(
                f"mode {i + 1} of ∇f(w_asc) of the running code is (1 + ξσᵢ)gᵢ",
                step_taken(SAM)[i],
                eta * (1 + rho / size * SPECTRUM[i]) * GRADIENT[i],
                POSITIVE,
            )
            for i in range(2)
        ),
        Identity(
            "γ‖∇f(w_asc)‖ = ‖∇f(w)‖ in the running code",
            length(step_taken(StableSAM)),
            eta * size,
            POSITIVE,
        ),
        Implication("no mode is stretched by less than 1 + ξσ", one_mode, longer,
                    mutation=(one_mode[:-1], longer)),
        Implication("so γ(1 + ξσ) ≤ 1", (*norms, lengths), short, mutation=(norms, short)),
        Contradiction("Assumptions 1, 2 and 3", (*needed, *signs), needed=(0, 1, 2, 3, 4)),
    )  # fmt: skip


def lemma(pairs: Pairs, at: dict) -> Evidence:
    """The contraction of Lemma 13 at every step of a pair."""
    ratio = (pairs.distance[..., 1] / pairs.distance[..., 0]).max(axis=1)
    bound = value(CONTRACTION, at)
    return upper_bound(ratio, bound, pairs.witness, quantities=at, scale=np.ones_like(ratio))


def consequence(pairs: Pairs, at: dict) -> Evidence:
    """γ₀(1 + ρσ/G) ≤ 1, what Assumption 1 implies."""
    observed = value(least_gamma * (1 + rho * sigma / G), at)
    return upper_bound(observed, np.ones_like(observed), pairs.witness, quantities=at)


def factor(pairs: Pairs, at: dict) -> Evidence:
    """γ = ‖∇f(w)‖/‖∇f(w_asc)‖, at the first step."""
    seen, g, g_asc = (a[:, 0, 0] for a in (pairs.factor, pairs.gradient, pairs.ascended))
    return equality(seen, g / g_asc, pairs.witness, tolerance=ROUNDING, quantities=at)


def simulate(size: Size, *, asked=lemma, algorithm=StableSAM) -> Evidence:
    """Pairs of runs on quadratics, their constants chosen as well for the assumptions as can be.

    G is the largest gradient met, at iterates and at ascent points; γ₀ and γ₁ are the extreme
    factors of the running code; μ is down to a thousandth of σ: were it far smaller, rounding
    would decide whether Assumption 3 holds.
    """
    parts = []
    for dim in (1, 2, 5):

        def cap(cases: Any) -> Any:  # at most CAP at the start, with γ₁ = 1 and μ = L
            return 1 / (cases.beta * (1 + cases.beta * cases.rho / cases.gradient_norm) ** 2)

        pairs = reflected_pairs(algorithm, size, cap, dim=dim, seed=dim)
        cases, steps = pairs.cases, (1, 2)
        random = np.random.default_rng(dim)
        largest = np.maximum(pairs.gradient, pairs.ascended).max(axis=steps)
        at: dict[Any, Any] = {
            mu: cases.alpha * 10 ** random.uniform(-3, 0, len(cases.rho)), sigma: cases.alpha,
            L: cases.beta, rho: cases.rho, eta: cases.eta, G: largest,
            least_xi: cases.rho / pairs.gradient.max(axis=steps),
            most_xi: cases.rho / pairs.gradient.min(axis=steps),
            least_gamma: pairs.factor.min(axis=steps), most_gamma: pairs.factor.max(axis=steps),
        }  # fmt: skip
        # The least C, and 1 % more to keep it out of rounding's reach.
        at[C] = 1.01 * at[most_xi] * largest / cases.rho
        parts.append(asked(pairs, at))
    return join(parts)


register(
    Claim(
        id="tan2024_assumptions",
        title="StableSAM contracts under Assumptions 1–3 (they contradict each other)",
        paper=TAN2024,
        source="Assumptions 1, 2 and 3; Lemma 13, and with it Lemma 14 and Theorems 15 and 18",
        provenance=Provenance.READ,
        statement=(
            "Let f be μ-strongly convex, L-smooth and G-Lipschitz, and let two runs of StableSAM "
            "meet: (1) f is locally quadratic at both with the same Hessian H, ∇f(w_asc) = "
            "∇f(w) + ξH∇f(w) with the same ξ = ρ/‖∇f‖ for both “by adjusting the neighborhood "
            "size ρ at every step”, ρ/G ≤ ξ ≤ Cρ/G and C > 1; (2) 0 < γ₀ ≤ γ ≤ γ₁ < 1 for "
            "γ = ‖∇f(w)‖/‖∇f(w_asc)‖; (3) σ_min(H) ≥ (G/ρ)(1 − γ₀)/γ₀ + μ/γ₀. "
            "If η ≤ 2(1 + μρ/G)/(γ₁(μ + L)(1 + CLρ/G)²), then "
            "‖v⁺ − w⁺‖ ≤ (1 − (1 + μρ/G)ημL/(μ + L))‖v − w‖."
        ),
        formula=sympy.LessThan(next_apart, CONTRACTION * apart),
        kind=Kind.UPPER_BOUND,
        hypotheses=(*WITHOUT_3, ASSUMPTION_3),
        proof=proof,
        simulate=simulate,
        controls=(
            Control("Lemma 13 without Assumption 3", simulate, hypotheses=WITHOUT_3),
            Control("γ₀(1 + ρσ/G) ≤ 1 without Assumption 3", partial(simulate, asked=consequence),
                    expected=Support.CONSISTENT, hypotheses=WITHOUT_3),
            Control("γ₀(1 + ρσ/G) ≤ 1 of SAM, γ = 1", partial(
                simulate, asked=consequence, algorithm=SAM), hypotheses=CONVEX),
            Control("the factor γ", partial(simulate, asked=factor),
                    expected=Support.CONSISTENT, hypotheses=WITHOUT_3),
            Control("the factor of SAM", partial(
                simulate, asked=factor, algorithm=SAM), hypotheses=CONVEX),
        ),
        recorded=Finding.VACUOUS,
        remark=(
            "The contradiction needs a single step, so it holds for constant and for adjusted ρ "
            "alike. Nothing is said of the factor clipped from below as in Remark 19, which is "
            "another algorithm, nor of Theorem 17, which uses Assumption 2 alone."
        ),
    )
)  # fmt: skip
