"""SAM on a quadratic: it never comes to rest, and it stays bounded exactly up to GD's edge.

Derivation. With g = Λw and G = ‖g‖ the i-th mode moves by −ηgᵢ(1 + ρλᵢ/G). Each |gᵢ|(1 + ρλᵢ/G)
is at least ρλ_d|gᵢ|/G, so every step from w ≠ 0 has length at least ηρλ_d: no limit exists.
Since w⁺ = (1 − ηΛ)w − ηρΛg/G, ‖w⁺‖ ≤ q‖w‖ + ηρλ₁ with q = max|1 − ηλᵢ| < 1 below the edge;
above it the top mode is multiplied by 1 − ηλ₁ − ηρλ₁²/G < 1 − ηλ₁ < −1.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import sympy

from dynamics import GD, SAM, Outcome, StableSAM
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Kind
from proofs_check.papers import BARTLETT2023
from proofs_check.predictions import map_near_minimum
from proofs_check.prover import Identity, Implication
from proofs_check.sampling.brackets import bracket, displaced, outcome
from proofs_check.sampling.modes import GRADIENT, POINT, POSITIVE, SPECTRUM, length, step_taken
from proofs_check.symbols import curvature, eta, gradient_norm, rho, w

if TYPE_CHECKING:
    import xarray

EDGE = 2 / curvature
HYPOTHESES = (curvature > 0, rho > 0, eta > 0)
G = gradient_norm
component, smallest = sympy.symbols("g_i lambda_d", real=True)
factor, size, next_size, reach = sympy.symbols("q W W_next R", real=True)  # R = ηρλ₁


def proof():
    positive = (*HYPOTHESES, G > 0)
    spectrum = (*positive, 0 < smallest, smallest <= curvature)
    moved = (component * (1 + rho * curvature / G)) ** 2
    shortest = (rho * smallest * component / G) ** 2
    top = 1 - eta * curvature * (1 + rho * curvature / G)
    inside = (factor >= 0, next_size <= factor * size + reach, size * (1 - factor) <= reach)
    outside = (factor >= 0, factor < 1, inside[1], size * (1 - factor) > reach)
    amplitude = eta * rho * curvature / (2 - eta * curvature)
    return (
        *(
            Identity(
                f"mode {i + 1} of the running code",
                step_taken(SAM)[i],
                eta * GRADIENT[i] * (1 + rho * SPECTRUM[i] / length(GRADIENT)),
                positive=POSITIVE,
            )
            for i in range(len(POINT))
        ),
        # Summed over the modes: ‖w⁺ − w‖² ≥ (ηρλ_d)².
        Implication(
            "no mode makes the step shorter than its part of ηρλ_d",
            spectrum,
            moved >= shortest,
            mutation=(spectrum, moved >= 4 * shortest),
        ),
        Implication(
            "below the edge, a ball is never left",
            (*inside, factor < 1),
            next_size * (1 - factor) <= reach,
            mutation=(inside, next_size * (1 - factor) <= reach),
        ),
        # So ‖w‖ is never more than it is at the start or at the ball's boundary.
        Implication(
            "outside that ball, ‖w‖ decreases",
            outside,
            next_size < size,
            mutation=(outside[:-1], next_size < size),
        ),
        Implication(
            "above the edge, the top mode grows",
            (*positive, eta * curvature > 2),
            sympy.And(top < 1 - eta * curvature, top < -1),
            mutation=((*positive, eta * curvature > 1), top < -1),
        ),
        Identity(
            "the running code takes ηρλ/(2 − ηλ) to its negative",
            map_near_minimum(SAM).subs(w, amplitude),
            -amplitude,
        ),
    )  # fmt: skip


def bounces(runs: xarray.Dataset) -> np.ndarray:
    """Runs that end on a cycle between w and −w: its amplitude is the distance ‖w‖ to the minimum.

    A cycle is reported once two steps move it by at most 1e-8 of a step, which is twice the
    amplitude: 2e-8 of the amplitude. Its modes then are within that over 1 − m² of their ends,
    |m| ≤ 0.98 being their multipliers: 5.1e-7.
    """
    distance = np.linalg.norm(runs.final.values, axis=-1)
    closed = np.abs(runs.amplitude.values - distance) <= 1e-5 * distance
    return outcome(Outcome.CYCLE)(runs) & closed


runs = partial(bracket, below=bounces)

register(
    Claim(
        id="bartlett2023_sam_never_settles",
        title="SAM on a quadratic never converges; it stays bounded iff η < 2/λ₁",
        paper=BARTLETT2023,
        source="the theorem on quadratics, there for η < 1/(2λ₁), taken to the whole range",
        provenance=Provenance.DERIVED,
        statement=(
            "On a strongly convex quadratic with largest eigenvalue λ₁, and for ρ > 0, every step "
            "of SAM from w ≠ 0 has length at least ηρλ_d, λ_d being the smallest eigenvalue: SAM "
            "converges from no start but the null set of those that hit w = 0 exactly. If "
            "η < 2/λ₁ it stays bounded and ends on a cycle of period 2 from almost every start; "
            "if η is larger it diverges from almost every start."
        ),
        formula=sympy.StrictLessThan(eta, EDGE),
        kind=Kind.THRESHOLD,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=partial(runs, SAM, EDGE),
        controls=(
            *displaced(partial(runs, SAM, EDGE)),
            Control("SAM converges", partial(
                runs, SAM, EDGE, below=outcome(Outcome.CONVERGED))),
            Control("StableSAM in place of SAM", partial(runs, StableSAM, EDGE)),
            Control("GD in place of SAM", partial(runs, GD, EDGE)),
        ),
        recorded=Finding.HOLDS,
        beyond_the_proof=(
            "that the bounded runs end on a cycle of period 2, and that the starts that hit w = 0 "
            "are a null set."
        ),
        remark=(
            "For ηλ₁ < 1 the cycle is in Theorem 4.8 of Wen, Ma and Li, “How Does Sharpness-Aware "
            "Minimization Minimize Sharpness?”, ICLR 2023, arXiv:2211.05729. A start that hits "
            "w = 0: w₀ = ηρλ/(1 − ηλ) in one dimension, ηλ < 1."
        ),
    )
)  # fmt: skip
