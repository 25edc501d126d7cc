"""The 2-cycles astride a critical point, along the modes of the Hessian, derived from the rules.

Where a step does not tend to 0 with the deviation, it jumps over the point, and the natural thing
to settle on is δ⁺ = −δ. It is solved for along one mode, and a second mode is added to see whether
it stays there: further modes enter each other only through a length, which is of second order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from dynamics import Algorithm
from proofs_check.local_theory.eta_ranges import contracting
from proofs_check.local_theory.local_maps import exact, remembers, run_modes
from proofs_check.symbols import curvature, eta, rho

#: λⱼ of another mode.
other: sympy.Symbol = sympy.Symbol("lambda_j", real=True)


@dataclass(frozen=True)
class CycleFormula:
    """δ = ±`amplitude` along a mode of curvature λ > 0.

    Attributes:
        amplitude: in the symbols λ, η, ρ.
        along: ∂(δ⁺, v⁺)/∂(δ, v) on the cycle, v being the memory, for deviations along the mode.
        across: the same for deviations in another mode, of curvature λⱼ; None where the step is
            not differentiable in that direction.
        exists: expressions that are positive where the cycle exists.
    """

    amplitude: Any
    along: Any
    across: Any | None
    exists: tuple[Any, ...]

    @property
    def stays(self) -> tuple[Any, ...]:
        """Expressions that are positive where the cycle exists and attracts along its mode."""
        return (*self.exists, *contracting(self.along))


@lru_cache
def cycle_formulas(algorithm: Algorithm) -> tuple[CycleFormula, ...]:
    """The 2-cycles along a mode; one for each branch of a rule that clips."""
    lam, e, r, w = (sympy.Dummy(n, positive=True) for n in ("lambda", "eta", "rho", "w"))
    memory = sympy.Dummy("m", real=True)
    unknown = (w, memory) if remembers(algorithm) else (w,)
    ran = run_modes(algorithm, [lam], [w], [memory], e, r)
    across = _across(algorithm, lam, e, r, w, memory)
    back: Any = {lam: curvature, e: eta, r: rho}
    found = []
    for state, conditions in branches((*ran.w, *ran.memory)):
        equations = [
            sympy.numer(sympy.together(x + u)) for x, u in zip(state, unknown, strict=True)
        ]
        for solution in sympy.solve(equations, unknown, dict=True):
            amplitude = _positive_below(sympy.factor(solution.get(w, w)), e)
            if amplitude.has(w) or amplitude == 0:
                continue
            on = (
                {w: amplitude} | {memory: solution[memory]}
                if remembers(algorithm)
                else {w: amplitude}
            )
            along = sympy.Matrix(state).jacobian(sympy.Matrix(unknown)).subs(on)
            exists = [_without_positive(amplitude), *(sympy.factor(c.subs(on)) for c in conditions)]
            if any(c.is_negative for c in exists):
                continue
            sideways = next((m for s, m in across if _same(s, state)), None)
            if sideways is not None:
                sideways = sideways.subs(on)
            found.append(
                CycleFormula(
                    amplitude.xreplace(back),
                    _tidy(along, back),
                    None if sideways is None else _tidy(sideways, back),
                    tuple(c.xreplace(back) for c in exists if not c.is_positive),
                )
            )
    return tuple(found)


def _across(algorithm: Algorithm, lam: Any, e: Any, r: Any, w: Any, m: Any) -> list[Any]:
    """For each branch: the state along the first mode, and ∂(δ₂⁺, v₂⁺)/∂(δ₂, v₂) at δ₂ = v₂ = 0."""
    second, kept = sympy.symbols("second kept", real=True)
    ran = run_modes(algorithm, [lam, other], [w, second], [m, kept], e, r)
    found = []
    state = (*ran.w, *ran.memory)
    for all_of_it, _ in branches(state):
        first, sideways = all_of_it[::2], sympy.Matrix(all_of_it[1::2])
        moving = (second, kept)[: len(sideways)]
        matrix = sideways.jacobian(sympy.Matrix(moving)).subs({second: 0, kept: 0})
        on_axis = tuple(sympy.simplify(x.subs({second: 0, kept: 0})) for x in first)
        if matrix.has(sympy.nan, sympy.zoo, sympy.oo, sympy.DiracDelta):
            matrix = None
        found.append((on_axis, matrix))
    return found


def branches(state: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """The state with each min and max decided, and expressions that are then not negative."""
    atoms = set().union(*(x.atoms(sympy.Max, sympy.Min) for x in state))
    inner = sorted(
        (a for a in atoms if not any(b.has(sympy.Max, sympy.Min) for b in a.args)), key=str
    )
    if not inner:
        yield state, ()
        return
    decided, sign = inner[0], 1 if isinstance(inner[0], sympy.Max) else -1
    for chosen in decided.args:
        conditions = tuple(sign * (chosen - x) for x in decided.args if x != chosen)
        replaced = tuple(x.xreplace({decided: chosen}) for x in state)
        for rest, more in branches(replaced):
            yield rest, (*conditions, *more)


def _positive_below(quotient: Any, e: Any) -> Any:
    """The quotient with a denominator that is positive for small η."""
    above, below = sympy.fraction(quotient)
    start = below.subs(e, 0)
    return sympy.expand(-above) / sympy.expand(-below) if start.is_negative else quotient


def _same(one: tuple[Any, ...], two: tuple[Any, ...]) -> bool:
    return all(sympy.simplify(a - b) == 0 for a, b in zip(one, two, strict=True))


def _without_positive(expression: Any) -> Any:
    """An expression of the same sign, without the factors that are known to be positive."""
    above, below = sympy.fraction(sympy.together(expression))
    product: Any = sympy.factor(above * below)
    rest = [f for f in sympy.Mul.make_args(product) if not f.is_positive]
    return sympy.Mul(*rest)


def _tidy(matrix: Any, back: dict[Any, Any]) -> Any:
    return matrix.applyfunc(lambda x: sympy.factor(exact(sympy.simplify(x)).xreplace(back)))
