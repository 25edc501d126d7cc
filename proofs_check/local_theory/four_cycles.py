"""Cycles of period 4 beside the 2-cycle: momentum makes the bounce across a minimum multistable.

A step that jumps over the point and remembers may take two steps on one side and two on the other:
a, b, −a, −b with a, b > 0. On one side the step is a fixed map of the deviation δ and the memory v,
so that two of them, with (δ, v)⁺⁺ = −(δ, v), are equations that are solved for a and v. For
heavy-ball SAM that gives, with h = ηλ and D = (1 + β − h)² + (1 − β)²,

    a = hρ(2 − h)/D,    b = hρ(2β − h)/D,

which is there iff h < 2β, together with the 2-cycle; longer cycles are seen in runs, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from dynamics import Algorithm
from proofs_check.local_theory.eta_ranges import contracting
from proofs_check.local_theory.local_maps import remembers, run_modes
from proofs_check.local_theory.two_cycles import branches
from proofs_check.symbols import curvature, eta, rho


@dataclass(frozen=True)
class FourCycleFormula:
    """The deviations a, b, −a, −b along a mode of curvature λ > 0.

    Attributes:
        far, near: a and b, in the symbols λ, η, ρ.
        exists: expressions that are positive where it is there.
        stays: those that are positive where it is there and attracts along its mode.
    """

    far: Any
    near: Any
    exists: tuple[Any, ...]
    stays: tuple[Any, ...]


@lru_cache
def four_cycles(algorithm: Algorithm) -> tuple[FourCycleFormula, ...]:
    """The 4-cycles of that form, of an algorithm whose base step remembers one vector.

    None for a rule that is not one fixed map on each side, such as one that clips.
    Raises `Underivable` for what does not run on symbols.
    """
    if not remembers(algorithm):
        return ()
    lam, e, r, w = (sympy.Dummy(n, positive=True) for n in ("lambda", "eta", "rho", "w"))
    memory = sympy.Dummy("m", real=True)
    ran = run_modes(algorithm, [lam], [w], [memory], e, r)
    states = list(branches((*ran.w, *ran.memory)))
    if len(states) > 1:
        return ()
    once: Any = sympy.Matrix(states[0][0])
    jacobian = once.jacobian(sympy.Matrix([w, memory])).applyfunc(sympy.factor)
    if jacobian.has(w, memory):  # then the two steps are different maps, of a higher degree
        return ()
    twice = once.subs({w: once[0], memory: once[1]}, simultaneous=True)
    found = sympy.solve([twice[0] + w, twice[1] + memory], (w, memory), dict=True)
    back: Any = {lam: curvature, e: eta, r: rho}
    formulas = []
    for solution in found:
        far = sympy.factor(solution[w])
        near = sympy.factor(once[0].subs(solution))
        exists = tuple(_of_the_sign_of(x, lam, e) for x in (far, near))
        if any(x.is_negative for x in exists):
            continue
        exists = tuple(x.xreplace(back) for x in exists if not x.is_positive)
        along = jacobian.xreplace(back)
        # Two steps by one linear map shrink deviations iff one does.
        stays = (*exists, *contracting(along))
        formulas.append(FourCycleFormula(far.xreplace(back), near.xreplace(back), exists, stays))
    return tuple(formulas)


def _of_the_sign_of(expression: Any, lam: Any, e: Any) -> Any:
    """An expression of the same sign, without the factors that have one sign for all λ and η > 0.

    A step on a quadratic knows λ and η by their product h only, and such a factor is a polynomial
    in h without a positive root.
    """
    above, below = sympy.fraction(sympy.together(expression))
    h = sympy.Dummy("h", positive=True)
    kept = []
    product: Any = sympy.factor(above * below)
    for factor in sympy.Mul.make_args(product):
        in_h = sympy.expand(factor.subs(lam, h / e))
        if factor.is_positive or not in_h.free_symbols <= {h}:
            kept += [] if factor.is_positive else [factor]
        elif sympy.Poly(in_h, h).count_roots(0, sympy.oo) > 0:
            kept.append(factor)
        elif in_h.subs(h, 1) < 0:
            kept.append(sympy.S.NegativeOne)
    return sympy.Mul(*kept)
