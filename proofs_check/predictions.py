"""What theory predicts, derived by running the simulator's own rules on symbols.

Nothing here knows a threshold or an amplitude: each is solved for from the step that
`dynamics.step` takes, so that a change of a rule changes the prediction with it, and the claims,
which state the published formulas, report the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sympy

from dynamics import Algorithm, Vector, step
from landscapes import SymbolicLoss
from proofs_check.symbols import curvature, eta, rho, w, with_positive, y


class SymbolicVector(Vector):
    """A vector of SymPy expressions, away from the points where a norm vanishes."""

    __slots__ = ()

    def norm(self) -> sympy.Expr:
        return sympy.sqrt(sympy.factor(self.dot(self)))

    def unit(self) -> SymbolicVector:
        length = self.norm()
        return SymbolicVector(tuple(sympy.cancel(c / length) for c in self.components))

    @staticmethod
    def _sum(component: Any) -> Any:
        return component


def next_point(
    gradient: Callable[[Sequence[Any]], Sequence[Any]],
    algorithm: Algorithm,
    point: Sequence[Any],
    eta: Any = eta,
    rho: Any = rho,
) -> tuple[sympy.Expr, ...]:
    """The point after one step of the running code, given the gradient as a function."""
    after = step(
        lambda v: SymbolicVector(tuple(gradient(v.components))),
        algorithm,
        SymbolicVector(tuple(point)),
        eta,
        rho,
    )
    return tuple(sympy.sympify(c) for c in after.components)


def gradient_of(loss: SymbolicLoss) -> Callable[[Sequence[Any]], tuple[sympy.Expr, ...]]:
    """The gradient of a landscape's own symbolic loss, as a function of the point."""
    entries = loss.gradient()

    def gradient(point: Sequence[Any]) -> tuple[sympy.Expr, ...]:
        at = dict(zip(loss.point, point, strict=True))
        return tuple(g.subs(at, simultaneous=True) for g in entries)

    return gradient


# -- at a minimum with curvature λ -------------------------------------------------------------


@lru_cache
def map_near_minimum(algorithm: Algorithm) -> sympy.Expr:
    """w⁺ as a function of w > 0 for L = λw²/2, in the symbols w, λ, η, ρ."""

    def run(w: Any, lam: Any, eta: Any, rho: Any) -> Any:
        return sympy.simplify(next_point(lambda v: [lam * v[0]], algorithm, [w], eta, rho)[0])

    return with_positive((w, curvature, eta, rho), run)


@lru_cache
def multiplier(algorithm: Algorithm) -> sympy.Expr:
    """∂w⁺/∂w near a minimum of curvature λ: what a deviation along that mode is multiplied by."""
    return sympy.factor(sympy.diff(map_near_minimum(algorithm), w))


@lru_cache
def threshold(algorithm: Algorithm) -> sympy.Expr:
    """The η at which the multiplier reaches −1: the edge of stability, in λ and ρ."""
    (edge,) = sympy.solve(sympy.Eq(multiplier(algorithm), -1), eta)
    return sympy.factor(edge)


@lru_cache
def cycle_amplitudes(algorithm: Algorithm) -> tuple[sympy.Expr, ...]:
    """The w > 0 with w⁺ = −w, an exact 2-cycle around the minimum; none for most algorithms."""
    solutions = sympy.solve(sympy.Eq(map_near_minimum(algorithm), -w), w)
    return tuple(sympy.factor(s) for s in solutions if s != 0)


@lru_cache
def transversal_multiplier(algorithm: Algorithm) -> sympy.Expr:
    """∂w₂⁺/∂w₂ on the 2-cycle along the first mode, for curvatures λ (first) and rλ (second).

    In the symbols r, λ, η, ρ. Raises `ValueError` if the algorithm has no 2-cycle.
    """
    from proofs_check.symbols import ratio

    amplitudes = cycle_amplitudes(algorithm)
    if len(amplitudes) != 1:
        raise ValueError(f"{algorithm} has {len(amplitudes)} 2-cycles on a quadratic, not one")

    def run(lam: Any, r: Any, eta: Any, rho: Any, amplitude: Any) -> Any:
        second = sympy.Symbol("second", real=True)
        after = next_point(
            lambda v: [lam * v[0], r * lam * v[1]], algorithm, [amplitude, second], eta, rho
        )
        return sympy.diff(after[1], second).subs(second, 0)

    amplitude = sympy.Dummy("A")
    on_cycle = with_positive((curvature, ratio, eta, rho, amplitude), run)
    return sympy.factor(sympy.simplify(on_cycle.subs(amplitude, amplitudes[0])))


# -- on the lines of minima of ℓ(xy) -----------------------------------------------------------


@lru_cache
def multiplier_on_line(algorithm: Algorithm) -> sympy.Expr:
    """∂x⁺/∂x at the minimum (0, y) of ℓ(xy), x > 0: the multiplier for curvature y²."""
    return multiplier(algorithm).subs(curvature, y**2)


@lru_cache
def resting_heights_squared(algorithm: Algorithm) -> sympy.Expr:
    """The y² beyond which a minimum (0, y) of ℓ(xy) repels: where the multiplier is −1."""
    square = sympy.Dummy("Y", positive=True)

    def run(eta: Any, rho: Any) -> Any:
        equation = multiplier(algorithm).subs(curvature, square) + 1
        ours = {s: p for s, p in zip(_ETA_RHO, (eta, rho), strict=True)}
        roots = sympy.solve(equation.xreplace(ours), square)
        (positive,) = [r for r in roots if r.subs({eta: 1, rho: 1}) > 0]
        return positive

    return sympy.simplify(with_positive(_ETA_RHO, run))


_ETA_RHO = (eta, rho)
