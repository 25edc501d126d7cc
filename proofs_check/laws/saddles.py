"""When an algorithm is held by a saddle, derived from the rules that the simulator runs.

Near a strict saddle of curvatures λ > 0 and −m < 0 the top mode is followed first: by a 2-cycle, or
by going to the saddle along it. Whoever is there stays if the other mode, too, is multiplied by
less than 1 in absolute value at each step; GD never does, for 1 + ηm > 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from dynamics import Algorithm
from landscapes.checks import Real
from proofs_check import asked
from proofs_check.evidence import value
from proofs_check.predictions import (
    equation_in_latex,
    factor,
    multiplier,
    threshold,
    transversal_multiplier,
)
from proofs_check.symbolic_steps import next_point
from proofs_check.symbols import curvature, eta, ratio, rho


@lru_cache
def capture_borders(algorithm: Algorithm) -> tuple[sympy.Expr, ...]:
    """The η at which either mode is multiplied by ±1, in λ, r = −m/λ and ρ."""
    across = transversal_multiplier(algorithm)
    borders = [threshold(algorithm)]
    for sign in (1, -1):
        borders += [s for s in sympy.solve(sympy.Eq(across, sign), eta) if s != 0]
    return tuple(borders)


def capture_formula(algorithm: Algorithm, top: float, negative: float, radius: float) -> str:
    """The formula of `capture_edge` at one ρ, in LaTeX: η in λ, m and ρ."""
    at = {curvature: top, ratio: negative / top, rho: radius}
    positive = [b for b in capture_borders(algorithm) if float(value(b, at)) > 0]
    first = min(positive, key=lambda border: float(value(border, at)))
    m = sympy.Symbol("m", real=True)
    return equation_in_latex(eta, factor(first.subs(ratio, -m / curvature)))


def capture_edge(algorithm: Algorithm, top: float, negative: float, rhos: Real) -> Real:
    """The η up to which a saddle with curvatures λ = top and −m = negative < 0 captures.

    For each ρ, shape `(rho,)`; not a number where arbitrarily small η are not captured. For SAM it
    is 2m/(λ(λ + m)), whatever ρ is, provided that m < λ.

    Raises `ValueError` unless top > 0 > negative and each ρ is finite and >= 0.
    """
    if not (top > 0 > negative):
        raise ValueError(f"a strict saddle has top > 0 > negative; got {top}, {negative}")
    at = {curvature: top, ratio: negative / top, rho: asked.radii(rhos)}
    with np.errstate(divide="ignore"):
        borders = [np.broadcast_to(value(b, at), at[rho].shape) for b in capture_borders(algorithm)]
    edge = np.min([np.where(b > 0, b, np.inf) for b in borders], axis=0)
    inside = at | {eta: edge / 2}
    modes = (multiplier(algorithm), transversal_multiplier(algorithm))
    held = np.all([np.abs(value(m, inside)) * np.ones_like(edge) < 1 for m in modes], axis=0)
    return np.where(held, edge, np.nan)


def radius_that_holds(algorithm: Algorithm, negative: float) -> float:
    """The ρ from which a negative curvature does not repel: the multiplier is 1 at every η."""
    excess: Any = factor((multiplier(algorithm) - 1) / eta)
    (found,) = sympy.solve(excess.subs(curvature, sympy.nsimplify(negative)), rho)
    return float(found)


def resting_distance(algorithm: Algorithm) -> float:
    """The distance, over ρ, of a point of rest on an axis of negative curvature."""
    distance, m = sympy.symbols("w m", positive=True)
    e, r = sympy.symbols("eta rho", positive=True)
    (after,) = next_point(lambda v: [-m * v[0]], algorithm, [distance], e, r)
    (found,) = sympy.solve(sympy.Eq(after, distance), distance)
    return float(sympy.simplify(found / r))
