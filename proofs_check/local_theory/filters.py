"""The reverse question: at which curvatures can an algorithm come to rest?

The answer is a filter on the eigenvalues of the Hessian at the limit, as in Bolte, Le and Pauwels
2025 (read in a summary): for gradient descent 0 ≤ λ ≤ 2/η. Here it is derived from the running
rule; at its ends a deviation neither shrinks nor grows to first order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import sympy

from dynamics import Algorithm
from landscapes import Unknown
from landscapes.checks import positive_number, real_number
from proofs_check.local_theory.eta_ranges import contracting, sign_of
from proofs_check.local_theory.local_maps import Nature, Underivable, exact, local_map
from proofs_check.symbols import curvature, eta, rho, with_positive


@dataclass(frozen=True)
class CurvatureFilter:
    """The curvatures λ at which deviations do not grow.

    Attributes:
        conditions: expressions in λ, η, ρ, none of them negative there.
    """

    conditions: tuple[Any, ...]

    @property
    def relation(self) -> Any:
        """The conditions as one relation."""
        return sympy.And(*(c >= 0 for c in self.conditions))

    def intervals(
        self, eta_value: float, rho_value: float = 0.0
    ) -> tuple[tuple[float, float], ...]:
        """The admitted λ, as closed intervals (low, high), ascending; their ends may be equal.

        Raises `ValueError` unless η > 0 and ρ ≥ 0, both finite.
        """
        rate = positive_number("eta", eta_value)
        radius = real_number("rho", rho_value, accepted="finite and >= 0", fits=lambda v: v >= 0)
        at = {eta: exact(rate), rho: exact(radius)}
        here: list[Any] = [sympy.Poly(c.subs(at), curvature) for c in self.conditions]
        roots = sorted({float(root) for p in here for root in p.real_roots()} if here else set())
        ends = [-np.inf, *roots, np.inf]

        def holds(v: float) -> bool:
            return all(float(p.eval(sympy.Rational(repr(v)))) >= 0 for p in here)

        found: list[tuple[float, float]] = []
        for low, high in pairwise(ends):
            inside = high - 1 if low == -np.inf else low + 1 if high == np.inf else (low + high) / 2
            if holds(inside):
                joined = bool(found) and found[-1][1] == low
                found[-1:] = [(found[-1][0], high)] if joined else [*found[-1:], (low, high)]
        alone = [r for r in roots if not any(a <= r <= b for a, b in found)]
        touching = [r for r in alone if all(_not_below(p, r) for p in here)]
        return tuple(sorted([*found, *((r, r) for r in touching)]))

    @property
    def sharpest(self) -> Any:
        """The largest curvature that is admitted, in η and ρ; `Unknown` without a closed form."""
        edges = []
        for condition in self.conditions:

            def run(lam: Any, e: Any, r: Any, condition: Any = condition) -> Any:
                here = condition.xreplace({curvature: lam, eta: e, rho: r})
                if sympy.degree(here, lam) > 2 or sign_of(here.subs(lam, 0)) != 1:
                    return sympy.nan
                roots = [z for z in sympy.solve(here, lam) if z.subs({e: 1, r: 1}) > 0]
                return sympy.simplify(roots[0]) if len(roots) == 1 else sympy.nan

            edges.append(with_positive((curvature, eta, rho), run))
        known = [e for e in edges if e is not sympy.nan]
        if len(known) != 1:
            return Unknown("no closed form for the largest curvature is derived")
        return known[0]


def _not_below(polynomial: Any, root: float) -> bool:
    """Whether the polynomial is not negative at a root of one of the conditions."""
    scale = sum(abs(float(c)) * abs(root) ** n[0] for n, c in polynomial.terms())
    return abs(float(polynomial.eval(sympy.Rational(repr(root))))) <= 1e-12 * scale or bool(
        polynomial.eval(sympy.Rational(repr(root))) > 0
    )


@lru_cache
def curvature_filter(algorithm: Algorithm) -> CurvatureFilter | Unknown:
    """The filter of an algorithm whose step is differentiable at critical points."""
    try:
        found = local_map(algorithm)
    except Underivable as why:
        return Unknown(str(why))
    if found.nature is not Nature.SMOOTH:
        return Unknown(f"the step of {algorithm} is {found.nature.value} at a critical point")
    if found.jacobians[1] != found.jacobians[-1]:
        return Unknown(f"the step of {algorithm} treats curvatures of either sign differently")
    conditions = []
    for condition in contracting(found.jacobians[1]):
        kept = [
            f for f in sympy.Mul.make_args(condition) if f not in (eta, rho) and not f.is_positive
        ]
        if kept:
            conditions.append(sympy.Mul(*kept))
    return CurvatureFilter(tuple(conditions))


def first_radius(algorithm: Algorithm, negative: float, rate: float) -> float:
    """The least ρ > 0 at which the filter begins or ceases to admit a curvature, at η = `rate`.

    Raises `ValueError` if the algorithm has no filter, or there is no such ρ, or `rate` is not > 0.
    """
    positive_number("eta", rate)
    found = curvature_filter(algorithm)
    if not isinstance(found, CurvatureFilter):
        raise ValueError(f"{algorithm} has no filter: {found.reason}")
    at: Any = {curvature: exact(negative), eta: exact(rate)}
    roots: list[Any] = []
    for condition in found.conditions:
        roots += sympy.Poly(condition.subs(at), rho).real_roots()
    positive = [float(root) for root in roots if root > 0]
    if not positive:
        raise ValueError(f"{algorithm} admits λ = {negative} at η = {rate} for all ρ > 0 or none")
    return min(positive)
