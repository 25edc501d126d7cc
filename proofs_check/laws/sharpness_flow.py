"""Along the plane of minima of `ThreeSharpness`: the slow flows of methods that lower a curvature.

In the time τ = ηρ²t SAM, on its 2-cycle across a valley of curvature λ, follows −½∇λ for η → 0, the
flow of Wen, Ma and Li 2023 (recalled), and for η > 0 one that is faster by what `valley_drift`
derives. On one example at a time it does so for each in its turn.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from scipy.integrate import solve_ivp
from scipy.optimize import root_scalar

from dynamics import SAM
from landscapes import CrossedValleys, ThreeSharpness
from landscapes.checks import Real
from proofs_check.laws.valley_drift import speed_up
from proofs_check.symbols import h

#: Which curvatures across the plane are lowered: the larger, the smaller, or those of the examples.
TOP, LEAST, EXAMPLES, NONE = "top", "least", "examples", "none"


@lru_cache
def _gain() -> Any:
    """What a curvature weighs in the drift, as a function of ηλ; 1 at 0."""
    return sympy.lambdify(h, speed_up(SAM))


@lru_cache
def curvatures(lowered: str) -> tuple[tuple[Any, Any], ...]:
    """Those curvatures as functions of a and b, each with that of its gradient."""
    loss = ThreeSharpness().symbolic()
    a, b, u, v = loss.point
    top, least = (sympy.diff(loss.expression, x, 2).subs({u: 0, v: 0}) for x in (u, v))
    # The mean's Hessian across the plane is that of the examples, divided by their number.
    every = [CrossedValleys().n_examples * c for c in (top, least)]
    chosen = {TOP: [top], LEAST: [least], EXAMPLES: every, NONE: []}[lowered]
    slopes = [[sympy.diff(c, x) for x in (a, b)] for c in chosen]
    return tuple(
        (sympy.lambdify((a, b), c), sympy.lambdify((a, b), s))
        for c, s in zip(chosen, slopes, strict=True)
    )


def velocity(lowered: str, point: Any, rate: float) -> Real:
    """−½ times the mean of gain·∇λ at the point (a, b), in the time ηρ²t.

    The curvature that is the least has no 2-cycle of SAM along it, and the gain 1.
    """
    total, chosen = np.zeros(2), curvatures(lowered)
    for curved, slope in chosen:
        gain = 1.0 if lowered == LEAST else _gain()(rate * curved(*point))
        total -= gain * np.array(slope(*point)) / (2 * len(chosen))
    return total


def flow(lowered: str, start: Any, times: Real, rate: float) -> Real:
    """The flow from a point (a, b), shape `(time, 2)`."""
    solved = solve_ivp(
        lambda _, x: velocity(lowered, x, rate), (0, times[-1]), start, t_eval=times,
        rtol=1e-9, atol=1e-12,
    )  # fmt: skip
    return solved.y.T


def limit(lowered: str, rate: float) -> float:
    """The a at which the flow ends, on b = 0."""
    found = root_scalar(lambda a: velocity(lowered, (a, 0.0), rate)[0], bracket=(-1.5, 1.5))
    return float(found.root)
