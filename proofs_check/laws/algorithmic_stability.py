"""How far runs on data that differ in one example end apart, as Tan et al. (2024) bound it.

Theorems 8 and 15 (read), for losses that are α-strongly convex and β-smooth, from n examples: with
G the largest norm of a gradient that is met and γ₁ the largest factor of the descent, which is 1
without renormalisation. G is to be taken at the ascent points too, since the proof uses it there.
"""

from __future__ import annotations

import sympy

from proofs_check.symbols import alpha, beta, gradient_norm, rho

#: n and γ₁.
COUNT, LARGEST_FACTOR = sympy.symbols("n gamma_1", real=True)
#: The bound of E δ_T, in α, β, ρ, G, n and γ₁.
BOUND = (
    2 * LARGEST_FACTOR * gradient_norm * (alpha + beta)
    / (COUNT * alpha * beta * (1 + alpha * rho / gradient_norm))
)  # fmt: skip
