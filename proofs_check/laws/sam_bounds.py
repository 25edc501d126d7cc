"""SAM's loss on smooth Polyak–Łojasiewicz losses: the published bound, and the one that is true.

With h = ηβ. Where the published bound comes from and up to which steps it holds is the claim
dai2023_sam_bound; the corrected one, for 1 ≤ h < 2, is dai2023_sam_bound_corrected.
"""

from __future__ import annotations

from typing import Any

from dynamics import SAM
from proofs_check.predictions import map_near_minimum
from proofs_check.symbols import (
    alpha,
    beta,
    curvature,
    eta,
    excess,
    first_excess,
    gradient_norm,
    h,
    rho,
    t,
    w,
)

#: The published contraction of E in one step, the floor it leads to, and the bound on E_t.
FACTOR = 1 - (alpha / beta) * h * (2 - h)
PUBLISHED_FLOOR = h * beta**2 * rho**2 / (2 * alpha * (2 - h))
BOUND = FACTOR**t * first_excess + PUBLISHED_FLOOR
#: (L⁺ − L)/η at most, in its one-step lemma.
RISE = -(1 - h / 2) * gradient_norm**2 + (h / 2) * (rho * beta) ** 2

#: The corrected contraction, floor, and bound on E⁺.
CONTRACTION = 1 - (alpha / beta) * (2 - h)
FLOOR = h**2 * beta**2 * rho**2 / (2 * alpha * (2 - h) ** 2)
CORRECTED_STEP = FLOOR + CONTRACTION * (excess - FLOOR)


def corrected_bound(floor: Any = FLOOR) -> Any:
    """The corrected bound on E_t, towards the given floor."""
    return CONTRACTION**t * first_excess + (1 - CONTRACTION**t) * floor


def excess_over_lemma() -> tuple[Any, Any]:
    """L⁺ − L less `RISE`·η for a step of the running code on βw²/2, w > 0, and η(h − 1)ρβG."""
    ours: Any = {h: eta * beta, gradient_norm: beta * w}
    after: Any = map_near_minimum(SAM).subs(curvature, beta)
    rise = (beta / 2) * (after**2 - w**2)
    stated = eta * (h - 1) * rho * beta * gradient_norm
    return rise - (eta * RISE).subs(ours), stated.subs(ours)
