"""How fast SAM slides along a valley of minima while it bounces across it, derived from its rule.

At a minimum of curvature λ across the valley SAM is on the 2-cycle of amplitude A, and looks at the
gradient at the distance A + ρ. A valley whose curvature changes along it has there a gradient along
it, of the second order in that distance: L = ½λ(y)x² gives ½λ′(y)(A + ρ)². So it moves by

    y⁺ − y = −(η/2)(A + ρ)²λ′(y) = −2ηρ²λ′(y)/(2 − ηλ)² to leading order in ρ,

the step of gradient descent on 2ρ²/(2 − ηλ). For η → 0 at fixed λ it is −(ηρ²/2)λ′, the flow that
is proved in that limit; at finite η SAM is faster by (2/(2 − ηλ))², without limit as ηλ → 2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from dynamics import Algorithm
from landscapes.checks import Real
from proofs_check.evidence import value
from proofs_check.predictions import cycle_amplitude
from proofs_check.symbolic_steps import next_point
from proofs_check.symbols import curvature, eta, h, rho, with_positive, y

#: λ′(y), how the curvature across the valley changes along it.
curvature_slope: sympy.Symbol = sympy.Symbol("lambda_prime", real=True)


@lru_cache
def drift(algorithm: Algorithm) -> Any:
    """(y⁺ − y)/ρ² as ρ → 0, on the 2-cycle across a valley of L = ½λ(y)x², in λ, λ′ and η."""

    def run(lam: Any, slope: Any, rate: Any, radius: Any, amplitude: Any) -> Any:
        # All that matters of λ(y) to this order: its value and its slope where the iterate is.
        def gradient(point: Any) -> list[Any]:
            x, along = point
            return [(lam + slope * along) * x, slope * x**2 / 2]

        after = next_point(gradient, algorithm, [radius * amplitude, sympy.S.Zero], rate, radius)
        return sympy.limit(sympy.simplify(after[1] / radius**2), radius, 0)

    scaled = sympy.Dummy("a")
    moved = with_positive((curvature, curvature_slope, eta, rho, scaled), run)
    return sympy.factor(moved.subs(scaled, sympy.cancel(cycle_amplitude(algorithm) / rho)))


@lru_cache
def small_step_drift(algorithm: Algorithm) -> Any:
    """The same to leading order in η, at fixed λ."""
    return sympy.limit(drift(algorithm) / eta, eta, 0) * eta


@lru_cache
def speed_up(algorithm: Algorithm) -> Any:
    """The drift over its leading order in η, in h = ηλ."""
    quotient = sympy.cancel(drift(algorithm) / small_step_drift(algorithm))
    return sympy.factor(quotient.subs(eta, h / curvature))


def followed(
    law: Any, curvature_at: Any, along: sympy.Symbol, start: float, rate: float, times: Real
) -> Real:
    """y at the times τ = ηρ²t under dy/dτ = `law`/η, for a valley of curvature λ(y)."""
    flow = law.subs({curvature: curvature_at, curvature_slope: sympy.diff(curvature_at, along)})

    def velocity(_: float, height: Real) -> Real:
        return np.asarray(value(flow / eta, {along: height, eta: rate}))

    solved = solve_ivp(velocity, (0.0, times[-1]), [start], t_eval=times, rtol=1e-10, atol=1e-12)
    return solved.y[0]


#: The curvature across the valley x = 0 of ½(1 + y²)x², however it is skewed, and of ℓ(xy).
RAVINE, NEURON = 1 + y**2, y**2
