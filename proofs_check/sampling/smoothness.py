"""What β-smoothness gives a step, as steps of a proof that several bounds begin with.

Let g = ∇L(w), e = ∇L(w_asc) − g, and h = ηβ. That ∇L is β-Lipschitz says of the points u on the way
from w to w⁺ that ⟨∇L(u) − g, w⁺ − w⟩ ≤ β‖u − w‖‖w⁺ − w‖, and of the ascent point, which is at the
distance ρ from w, that ‖e‖ ≤ ρβ. The rest is algebra, and here for a machine to check: what is not
is the fundamental theorem of calculus, and that vectors of two coordinates stand for all.
"""

from __future__ import annotations

from typing import Any

import sympy

from dynamics import SAM, Algorithm
from proofs_check.prover import Identity, ProofStep
from proofs_check.sampling.modes import GRADIENT, POSITIVE, SPECTRUM, length, step_taken
from proofs_check.symbols import beta, eta, gradient_norm, h, rho

#: ⟨g, e⟩ and ‖e‖².
inner, change = sympy.symbols("g_e e_e", real=True)
#: (L⁺ − L)/η at most, in G = ‖g‖, ⟨g, e⟩ and ‖e‖².
RISE_OF_STEP = -(1 - h / 2) * gradient_norm**2 - (1 - h) * inner + (h / 2) * change
#: What rests on the definition of smoothness, for `beyond_the_proof`.
NOT_COVERED = (
    "The fundamental theorem of calculus, by which a β-Lipschitz gradient gives the integrand of "
    "the first step and ‖e‖ ≤ ρβ."
)


def descent_lemma() -> tuple[ProofStep, ...]:
    """L⁺ ≤ L + η·`RISE_OF_STEP`, from w⁺ = w − η(g + e) and a gradient that is β-Lipschitz."""
    part: Any = sympy.Symbol("s", real=True)
    along, squared = sympy.symbols("g_d d_d", real=True)  # ⟨g, d⟩ and ‖d‖² for w⁺ = w − ηd
    slope = -eta * along + part * beta * eta**2 * squared
    step = {along: gradient_norm**2 + inner, squared: gradient_norm**2 + 2 * inner + change}
    lemma = -eta * along + beta * eta**2 * squared / 2
    return (
        Identity("descent lemma: the slope along the step, summed", sympy.integrate(
            slope, (part, 0, 1)), lemma),
        Identity("with d = g + e", lemma.subs(step), (eta * RISE_OF_STEP).subs(h, eta * beta)),
    )  # fmt: skip


def cauchy_schwarz() -> Identity:
    """⟨g, e⟩² ≤ ‖g‖²‖e‖²: the difference is a square."""
    g, other, e, rest = sympy.symbols("g_1 g_2 e_1 e_2", real=True)
    return Identity(
        "Cauchy and Schwarz, by Lagrange's identity",
        (g**2 + other**2) * (e**2 + rest**2) - (g * e + other * rest) ** 2,
        (g * rest - other * e) ** 2,
    )


def length_of_ascent(algorithm: Algorithm = SAM) -> Identity:
    """The ascent of the running code is ρ long, on two modes.

    The step is ηΛ(w + a), so that the ascent a is what it has beside ηΛw, over ηλ.
    """
    ascent = tuple(
        (step / eta - g) / lam
        for step, g, lam in zip(step_taken(algorithm), GRADIENT, SPECTRUM, strict=True)
    )
    return Identity("the ascent of the running code is ρ long", length(ascent), rho, POSITIVE)
