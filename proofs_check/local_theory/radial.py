"""A proof that a renormalised step contracts up to the edge along its steepest eigenvector.

The limit of such a step near a critical point with curvatures λⱼ is w⁺ = w − ηd with ‖d‖ = ‖g‖,
g = Hw, and d parallel to Bg, B having eigenvalues bⱼ in the eigenvectors of H. Let Λ = max |λⱼ|. If
bⱼλⱼ > 0 and |bⱼ|/|λⱼ| ≥ max |b|/Λ for all j, then ⟨w, Bg⟩ = Σ gⱼ²bⱼ/λⱼ ≥ ‖g‖² max |b|/Λ and
‖Bg‖ ≤ ‖g‖ max |b|, so that ⟨w, d⟩ ≥ ‖g‖²/Λ and

    ‖w⁺‖² ≤ ‖w‖² − η(2/Λ − η)‖g‖²,

gradient descent's own inequality: w → 0 for all η < 2/Λ. What is asked of d is derived from the
running rule on two modes, in symbols, for each pair of signs.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import sympy

from dynamics import Algorithm
from proofs_check.local_theory.eta_ranges import sign_of
from proofs_check.local_theory.local_maps import at_zero, remembers, run_modes
from proofs_check.symbols import rho


def contracts_to_the_edge(algorithm: Algorithm, eigenvalues: tuple[Any, ...]) -> bool:
    """Whether the proof above goes through for these curvatures, none of them 0, and all ρ > 0."""
    if remembers(algorithm):
        return False
    top = max(map(abs, eigenvalues), key=lambda v: float(v.evalf(20)))
    distinct = tuple(dict.fromkeys(eigenvalues))
    for one, two in product(distinct, repeat=2):
        found = _proportion(algorithm, int(sympy.sign(one)), int(sympy.sign(two)))
        if found is None:
            return False
        proportion, first, second = found
        if one == two:
            continue
        # |bⱼ/bₖ| ≥ |λⱼ|/Λ
        sides = proportion.subs({first: abs(one), second: abs(two)}) - abs(one) / top
        if sign_of(sides) not in (0, 1):
            return False
    return True


@lru_cache
def _proportion(algorithm: Algorithm, sign: int, other: int) -> tuple[Any, Any, Any] | None:
    """|b₁/b₂| in the symbols |λ₁|, |λ₂|, ρ; None if ‖d‖ ≠ ‖g‖ or not all bⱼλⱼ > 0."""
    s, a, b, e, r, first, second = (
        sympy.Dummy(n, positive=True) for n in ("s", "a", "b", "eta", "rho", "first", "second")
    )
    curvatures = (sign * first, other * second)
    ran = run_modes(algorithm, curvatures, (s * a, s * b), (), e, r)
    moved = [at_zero((s * w - x) / (s * e), s) for w, x in zip((a, b), ran.w, strict=True)]
    lengths = sum(d**2 for d in moved) - (first * a) ** 2 - (second * b) ** 2
    if sympy.simplify(lengths) != 0 or any(sign_of(d) != 1 for d in moved):
        return None
    proportion = sympy.simplify(moved[0] * second * b / (moved[1] * first * a))
    if proportion.has(a, b):
        return None
    return proportion.subs(r, rho), first, second
