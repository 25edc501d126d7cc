"""What the running rules do near a critical point, in symbols.

Near a critical point the gradient is Hδ to first order in the deviation δ, wherever within O(δ) it
is taken, and so are products with the Hessian. A rule that only adds and scales such vectors, or
measures lengths, therefore acts to first order as it does on the quadratic ½δᵀHδ, and on that one,
being indifferent to rotations, it acts in the eigenvectors of H. So the rules are run here on modes
of curvature λ, and what comes out is one of three things:

    SMOOTH   δ⁺ = J(λ)δ in each mode, J a matrix of δ and of what the base step remembers;
    RADIAL   δ⁺ is homogeneous of degree 1 but not linear: how a mode is multiplied depends on the
             direction of δ, and J(λ) is what happens along an eigenvector;
    JUMP     δ⁺ does not tend to 0 with δ: the point is stepped over, and cycles take its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import sympy

from dynamics import Algorithm, Optax, Vector, initial_memory, step
from proofs_check.symbolic_steps import SymbolicVector
from proofs_check.symbols import curvature, eta, rho


class Underivable(Exception):
    """Nothing is derived for this algorithm or at this point; the text says why."""


#: Of gradients that are taken at the distance ρ: how far what is said holds.
LEADING_ORDER = (
    "exact where the loss is quadratic within the radius ρ, otherwise to leading order in ρ"
)
#: Of a step that jumps over the point: why nothing is derived.
NO_ATTRACTING_CYCLE = (
    "no 2-cycle along a mode attracts; what else may hold runs near it is not derived"
)


class Nature(Enum):
    """What a step is at a critical point."""

    SMOOTH = "differentiable"
    RADIAL = "homogeneous, but not differentiable"
    JUMP = "discontinuous"


@dataclass(frozen=True)
class LocalMap:
    """One step near a critical point.

    Attributes:
        nature: see above.
        jacobians: ∂(δ⁺, v⁺)/∂(δ, v) along an eigenvector, v being the memory, for a positive and
            for a negative curvature: matrices in the symbols λ, η, ρ. Empty for a JUMP.
        stays_close: whether all gradients are taken at points that tend to the critical point with
            the iterate. If not, the Hessian there says all only where the loss is quadratic.
        by_coordinates: whether the rule looks at the coordinates one by one, and so depends on the
            axes; if so, curvatures alone say nothing unless H is diagonal.
        separable: whether on a diagonal quadratic each coordinate goes its own way.
        many_steps: whether it is the limit of the step t as t → ∞.
    """

    nature: Nature
    jacobians: dict[int, Any]
    stays_close: bool
    by_coordinates: bool
    separable: bool
    many_steps: bool

    def jacobian(self, sign: int) -> Any:
        """J(λ) for curvatures of this sign."""
        return self.jacobians[sign]


class Ran(NamedTuple):
    """A step: deviation and memory afterwards, and the deviations where gradients were taken."""

    w: tuple[Any, ...]
    memory: tuple[Any, ...]
    visited: tuple[tuple[Any, ...], ...]
    by_coordinates: bool


def run_modes(
    algorithm: Algorithm,
    curvatures: Sequence[Any],
    w: Sequence[Any],
    memory: Sequence[Any],
    eta: Any,
    rho: Any,
    centre: Sequence[Any] | None = None,
) -> Ran:
    """One step of the running code on Σλᵢ(wᵢ − cᵢ)²/2, from the deviation `w` from the centre c.

    `memory` is ignored by algorithms without any. Where the rule reads the clock, the step is the
    limit t → ∞. Raises `Underivable` for what does not run on symbols.
    """
    _refuse(algorithm)
    c = tuple(centre or [sympy.S.Zero] * len(w))
    visited: list[tuple[Any, ...]] = []
    looked: list[str] = []
    vector = _recording(looked)

    def gradient(v: Any) -> Any:
        away = [a - b for a, b in zip(v.components, c, strict=True)]
        visited.append(tuple(away))
        return vector(tuple(lam * a for lam, a in zip(curvatures, away, strict=True)))

    start = vector(tuple(a + b for a, b in zip(w, c, strict=True)))
    remembered = vector(tuple(memory)) if remembers(algorithm) else ()
    moment = sympy.Dummy("tau", positive=True)
    try:
        after, then = step(
            gradient,
            algorithm,
            start,
            remembered,
            eta,
            rho,
            t=1 if algorithm.is_autonomous else 1 / moment,
        )
        known = {*curvatures, *w, *c, *memory, eta, rho, moment}
        symbols = set().union(*(sympy.sympify(k).free_symbols for k in known))
        result = tuple(_late(a - b, moment) for a, b in zip(after.components, c, strict=True))
        rest = tuple(_late(m, moment) for m in then.components) if isinstance(then, Vector) else ()
        # Derivatives are taken with a symbol of their own, at 0.
        seen = tuple(
            tuple(
                _late(e, moment).subs({s: 0 for s in sympy.sympify(e).free_symbols - symbols})
                for e in v
            )
            for v in visited
        )
    except (TypeError, AttributeError, NotImplementedError) as why:
        raise Underivable(f"{algorithm} does not run on symbols ({why})") from why
    return Ran(result, rest, seen, bool(looked))


def remembers(algorithm: Algorithm) -> bool:
    """Whether the base step has a memory."""
    return algorithm.base is not None


@lru_cache
def local_map(algorithm: Algorithm) -> LocalMap:
    """The step near a critical point. Raises `Underivable`."""
    s, a, b, c, d, first, second = sympy.symbols("s a b c d lambda_1 lambda_2", positive=True)
    e, r = sympy.symbols("eta rho", positive=True)
    _refuse_dependence_on_place(algorithm)
    ran = run_modes(algorithm, (first, second), (s * a, s * b), (s * c, s * d), e, r)
    state = (*ran.w, *ran.memory)
    stays_close = all(at_zero(x, s) == 0 for point in ran.visited for x in point)
    on_its_own = not ran.w[0].has(b) and not ran.w[1].has(a)
    jumps = not all(_vanishes(at_zero(x, s)) for x in state)
    jacobians, nature = {}, Nature.JUMP
    if not jumps:
        leading = [at_zero(x / s, s) for x in state]
        bends = (sympy.diff(x, u, v) for x in leading for u in (a, b, c, d) for v in (a, b, c, d))
        linear = all(_vanishes(x) for x in bends)
        nature = Nature.SMOOTH if linear else Nature.RADIAL
        jacobians = {sign: _along_eigenvector(algorithm, sign) for sign in (1, -1)}
    return LocalMap(
        nature, jacobians, stays_close, ran.by_coordinates, on_its_own, not algorithm.is_autonomous
    )


def at_zero(expression: Any, s: Any) -> Any:
    """The limit s → 0 from above."""
    expression = sympy.expand(expression)
    value = expression.subs(s, 0)
    if value.has(sympy.nan, sympy.zoo, sympy.oo):
        value = sympy.limit(expression, s, 0, "+")
    return value


def _vanishes(expression: Any) -> bool:
    """Whether the expression is 0. That it is not is seen at a point; that it is, is proved."""
    at = {
        x: sympy.Rational(2 * i + 3, 7)
        for i, x in enumerate(sorted(expression.free_symbols, key=str))
    }
    if abs(expression.subs(at).evalf(30)) > sympy.Float("1e-20"):
        return False
    return sympy.simplify(expression) == 0


def exact(expression: Any) -> Any:
    """The expression with each float as the decimal number that Python prints for it."""
    expression = sympy.sympify(expression)
    floats = {f: sympy.Rational(repr(float(f))) for f in expression.atoms(sympy.Float)}
    return expression.xreplace(floats)


def _along_eigenvector(algorithm: Algorithm, sign: int) -> Any:
    """∂(δ⁺, v⁺)/∂(δ, v) at δ → 0 along an eigenvector of positive or negative curvature."""
    s, size, a, c, e, r = (sympy.Dummy(n, positive=True) for n in ("s", "size", "a", "c", "e", "r"))
    ran = run_modes(algorithm, [sign * size], [s * a], [s * c], e, r)
    state = (*ran.w, *ran.memory)
    moving = (a, c)[: len(state)]
    leading = [sympy.simplify(at_zero(x / s, s)) for x in state]
    jacobian = sympy.Matrix(leading).jacobian(sympy.Matrix(moving))
    if any(jacobian.has(x) for x in moving):
        raise Underivable(f"{algorithm} is not linear along an eigenvector")
    back: Any = {size: sign * curvature, e: eta, r: rho}
    return jacobian.applyfunc(lambda x: sympy.factor(exact(x).subs(back)))


def _late(expression: Any, moment: Any) -> Any:
    """The limit t = 1/moment → ∞, floats made exact."""
    return exact(expression).subs(moment, 0)


def _refuse(algorithm: Algorithm) -> None:
    if algorithm.order is not None:
        raise Underivable(
            f"{algorithm} draws examples: its step is random, and a random map has no multiplier"
        )
    if isinstance(algorithm.base, Optax):
        raise Underivable(f"{algorithm} has a base step of optax, which runs on arrays only")
    w = SymbolicVector((sympy.Symbol("w", real=True),))
    if remembers(algorithm) and not isinstance(initial_memory(algorithm, w), Vector):
        raise Underivable(f"{algorithm} remembers more than one vector")


def _refuse_dependence_on_place(algorithm: Algorithm) -> None:
    """A rule that scales by |w| is not known from the Hessian alone: seen by moving the point."""
    at: list[Any] = [sympy.Rational(n, 7) for n in (3, 5, 4, 9, 2, 8, 6, 11)]
    arguments = (at[:2], at[2:4], at[4:6], *at[6:])
    ran = run_modes(algorithm, *arguments)
    moved = run_modes(algorithm, *arguments, centre=at[1:3])
    before, after = ((*r.w, *r.memory) for r in (ran, moved))
    if any(
        abs((x - y).evalf(30)) > sympy.Float("1e-9") for x, y in zip(before, after, strict=True)
    ):
        raise Underivable(
            f"the step of {algorithm} depends on where the point lies, not on the Hessian alone"
        )


def _recording(looked: list[str]) -> type[SymbolicVector]:
    """Vectors that note in `looked` what is done coordinate by coordinate."""

    def noted(name: str) -> Any:
        original = getattr(SymbolicVector, name)

        def operation(self: Any, *arguments: Any) -> Any:
            looked.append(name)
            return original(self, *arguments)

        return operation

    names = ("absolute", "sign", "largest", "times", "shifted", "power", "total")
    methods = {name: noted(name) for name in names}
    return type("RecordingVector", (SymbolicVector,), {"__slots__": ()} | methods)
