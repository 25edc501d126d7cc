"""Between which bounds SAM's loss lies on α-strongly convex, β-smooth losses, at a constant ρ.

For η ≤ 1/2β, after t steps from a loss Δ above the least. The upper bound: with D the gradient at
the ascent point less that at the iterate g, ⟨g, D⟩ ≥ ‖g‖‖D‖²/βρ, since the gradient is cocoercive;
so where ‖g‖ ≥ ηβ²ρ/2(1 − ηβ) a step lowers the loss by η‖g‖²/2 at least, and elsewhere the loss is
below the second term already. The lower one is the loss on the 2-cycle of one dimension, of
amplitude ηρβ/(2 − ηβ) ≥ ηρβ/2: no bound for all such losses can be below it. In orders of T and κ
these are the rates of Si and Yun (2023), recalled; the constants are our own.
"""

from __future__ import annotations

import sympy

from proofs_check.symbols import alpha, beta, eta, first_excess, rho, t

#: What the loss is at most, in α, β, η, ρ, t and the first loss.
UPPER = sympy.Max(
    (1 - eta * alpha) ** t * first_excess, eta**2 * beta**3 * rho**2 / 2 * (1 + beta / alpha)
)
#: What it keeps in one dimension.
LOWER = eta**2 * beta**3 * rho**2 / 8
