"""What theory predicts, derived by running the simulator's own rules on symbols.

Nothing here knows a threshold or an amplitude: each is solved for from the step that
`dynamics.step` takes, so that a change of a rule changes the prediction with it, and the claims,
which state the published formulas, report the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, NamedTuple, TypeVar

import sympy

from dynamics import Algorithm
from dynamics.algorithms.algorithm import an_algorithm
from proofs_check.local_theory.eta_ranges import sign_of
from proofs_check.local_theory.local_maps import (
    NO_ATTRACTING_CYCLE,
    Underivable,
    local_map,
)
from proofs_check.symbolic_steps import next_point
from proofs_check.symbols import (
    assuming_positive,
    curvature,
    eta,
    ratio,
    rho,
    w,
    with_positive,
    x,
    y,
)

# SymPy declares that these may return more than expressions; given expressions they do not.
factor: Callable[[Any], Any] = sympy.factor
simplify: Callable[[Any], Any] = sympy.simplify


def equation_in_latex(left: Any, right: Any, names: dict[sympy.Symbol, str] | None = None) -> str:
    """`left = right` as LaTeX, some symbols under other names."""
    shown = sympy.Eq(sympy.sympify(left), sympy.sympify(right), evaluate=False)
    return sympy.latex(shown, symbol_names=names or {})


T = TypeVar("T")


def _derived(work: Callable[[Algorithm], T]) -> Callable[[Algorithm], T]:
    """`work`, done once for each algorithm; `ValueError` for what is none, hashable or not."""
    kept = lru_cache(maxsize=None)(work)

    @wraps(work)
    def ask(algorithm: Algorithm) -> T:
        an_algorithm("algorithm", algorithm)
        return kept(algorithm)

    return ask


# -- at a minimum with curvature λ -------------------------------------------------------------


@_derived
def map_near_minimum(algorithm: Algorithm) -> sympy.Expr:
    """w⁺ as a function of w > 0 for L = λw²/2, in the symbols w, λ, η, ρ.

    Raises `ValueError` for an algorithm whose steps are not all by one map of w, the same wherever
    the minimum lies.
    """
    try:
        local_map(algorithm)
    except Underivable as why:
        raise ValueError(f"nothing is derived: {why}") from why
    if algorithm.base is not None or not algorithm.is_autonomous:
        raise ValueError(
            f"nothing is derived: {algorithm} does not step by one map of w, for it remembers "
            "or counts; proofs_check.stability says what is known of it"
        )

    def run(w: Any, lam: Any, eta: Any, rho: Any) -> Any:
        return sympy.simplify(next_point(lambda v: [lam * v[0]], algorithm, [w], eta, rho)[0])

    after = with_positive((w, curvature, eta, rho), run)
    if after.has(sympy.Min, sympy.Max):
        raise ValueError(
            f"nothing is derived: {algorithm} clips, so that its step is one map of w near the "
            "minimum and another far from it; proofs_check.stability says what is known of it"
        )
    return after


@_derived
def multiplier(algorithm: Algorithm) -> sympy.Expr:
    """∂w⁺/∂w near a minimum of curvature λ: what a deviation along that mode is multiplied by."""
    return factor(sympy.diff(map_near_minimum(algorithm), w))


@_derived
def threshold(algorithm: Algorithm) -> sympy.Expr:
    """The η at which the multiplier reaches −1: the edge of stability, in λ and ρ.

    Raises `ValueError` where none is derived.
    """
    cycle_amplitudes(algorithm)
    edges = sympy.solve(sympy.Eq(multiplier(algorithm), -1), eta)
    if len(edges) != 1 or sign_of(edges[0]) != 1:
        raise ValueError(
            f"nothing is derived: the multiplier of {algorithm} does not reach −1 at one η > 0 "
            "for all λ and ρ; proofs_check.stability says what is known of it"
        )
    return factor(edges[0])


@_derived
def cycle_amplitudes(algorithm: Algorithm) -> tuple[sympy.Expr, ...]:
    """The w > 0 with w⁺ = −w, an exact 2-cycle around the minimum; none for most algorithms.

    Raises `ValueError` where a step jumps over the minimum and no such cycle attracts for small η.
    """
    after = map_near_minimum(algorithm)
    if after.subs(w, 0) == 0:
        return ()
    solutions = [factor(s) for s in sympy.solve(sympy.Eq(after, -w), w) if s != 0]
    # Where a cycle is there and attracts for small η it does so at η = 1/1000, λ = ρ = 1.
    at: Any = {curvature: 1, rho: 1, eta: sympy.Rational(1, 1000)}
    slopes = [multiplier(algorithm).subs(w, s).subs(at) for s in solutions]
    kept = [s for s, m in zip(solutions, slopes, strict=True) if s.subs(at) > 0 and abs(m) < 1]
    if not kept:
        raise ValueError(f"nothing is derived: for {algorithm}, {NO_ATTRACTING_CYCLE}")
    return tuple(kept)


#: An amplitude that is asked for.
tolerance: sympy.Symbol = sympy.Symbol("tolerance", real=True)


@_derived
def edge_within_tolerance(algorithm: Algorithm) -> sympy.Expr:
    """The η beyond which no run stays within `tolerance` of a minimum of curvature λ.

    For an algorithm with a 2-cycle, where the cycle's amplitude is the tolerance; for the others,
    where the minimum ceases to attract. In the symbols λ, ρ and `tolerance`.
    """
    if not cycle_amplitudes(algorithm):
        return threshold(algorithm)
    (edge,) = sympy.solve(sympy.Eq(cycle_amplitude(algorithm), tolerance), eta)
    return factor(edge)


@_derived
def cycle_amplitude(algorithm: Algorithm) -> sympy.Expr:
    """The amplitude of the 2-cycle; 0 where the minimum itself is the only one.

    Raises `ValueError` if there are several.
    """
    amplitudes = cycle_amplitudes(algorithm)
    if len(amplitudes) > 1:
        raise ValueError(f"{algorithm} has {len(amplitudes)} 2-cycles on a quadratic, not one")
    return amplitudes[0] if amplitudes else sympy.S.Zero


@_derived
def transversal_multiplier(algorithm: Algorithm) -> sympy.Expr:
    """∂w₂⁺/∂w₂ on the 2-cycle along the first mode, for curvatures λ (first) and rλ (second).

    In the symbols r, λ, η, ρ. Without a 2-cycle, the limit at the minimum along the first mode.
    """

    def run(lam: Any, r: Any, eta: Any, rho: Any, amplitude: Any) -> Any:
        second = sympy.Symbol("second", real=True)
        after = next_point(
            lambda v: [lam * v[0], r * lam * v[1]], algorithm, [amplitude, second], eta, rho
        )
        return sympy.diff(after[1], second).subs(second, 0)

    amplitude = sympy.Dummy("A")
    at_amplitude = with_positive((curvature, ratio, eta, rho, amplitude), run)
    on_cycle = sympy.limit(sympy.simplify(at_amplitude), amplitude, cycle_amplitude(algorithm))
    return factor(assuming_positive(on_cycle, (curvature, ratio, eta, rho)))


# -- on the lines of minima of ℓ(xy) -----------------------------------------------------------


@_derived
def multiplier_on_line(algorithm: Algorithm) -> sympy.Expr:
    """∂x⁺/∂x at the minimum (0, y) of ℓ(xy), x > 0: the multiplier for curvature y²."""
    return factor(multiplier(algorithm).subs(curvature, y**2))


@_derived
def resting_heights_squared(algorithm: Algorithm) -> sympy.Expr:
    """The y² beyond which a minimum (0, y) of ℓ(xy) repels: where the multiplier is −1."""
    square = sympy.Dummy("Y", positive=True)

    def run(eta: Any, rho: Any) -> Any:
        equation = multiplier(algorithm).subs(curvature, square) + 1
        ours = {s: p for s, p in zip(_ETA_RHO, (eta, rho), strict=True)}
        roots = sympy.solve(equation.xreplace(ours), square)
        (positive,) = [r for r in roots if r.subs({eta: 1, rho: 1}) > 0]
        return positive

    return simplify(with_positive(_ETA_RHO, run))


_ETA_RHO = (eta, rho)

# -- one step on ℓ(xy), whatever ℓ is ----------------------------------------------------------

#: ℓ′(p) and ℓ′(p_asc): the slopes of the link at p = xy and at the ascent point.
slope, ascent_slope = sympy.symbols("a b", real=True)
NEURON = (x, y, slope, ascent_slope, eta, rho)


class NeuronStep(NamedTuple):
    """x⁺, y⁺ and p_asc after one step, in the symbols `NEURON`, all of them positive.

    That loses nothing: reflections leave ℓ(xy) as it is, and p = xy > 0 makes ℓ′(p) > 0.
    """

    x_next: sympy.Expr
    y_next: sympy.Expr
    ascent_product: sympy.Expr

    @property
    def imbalance_factor(self) -> sympy.Expr:
        """D⁺/D for D = y² − x²."""
        return sympy.cancel((self.y_next**2 - self.x_next**2) / (y**2 - x**2))


@_derived
def neuron_step(algorithm: Algorithm) -> NeuronStep:
    """One step of the running code on ℓ(xy), the link known by its two slopes only."""

    def run(x: Any, y: Any, a: Any, b: Any, eta: Any, rho: Any) -> tuple[Any, ...]:
        visited = []
        # Without an ascent, the only point is the one whose slope is b.
        slopes = iter((a, b) if algorithm.uses_rho else (b,))

        def gradient(point: Sequence[Any]) -> list[Any]:
            visited.append(point[0] * point[1])
            derivative = next(slopes)
            return [derivative * point[1], derivative * point[0]]

        return (*next_point(gradient, algorithm, [x, y], eta, rho), visited[-1])

    return NeuronStep(*with_positive(NEURON, run))


#: x/y², which stays finite where SAM approaches the origin.
position: sympy.Symbol = sympy.Symbol("xi", real=True)


@_derived
def tail(algorithm: Algorithm) -> tuple[sympy.Expr, sympy.Expr]:
    """y⁺/y and x⁺/y² in the limit y → 0 with x = ξy², ξ > 0, for any ℓ′(s) = s + o(s)."""
    after = neuron_step(algorithm)

    def run(xi: Any, height: Any, rate: Any, radius: Any) -> tuple[Any, ...]:
        point = {x: xi * height**2, y: height, eta: rate, rho: radius}
        point[slope] = xi * height**3
        point[ascent_slope] = after.ascent_product.subs(point, simultaneous=True)
        x_next, y_next = (c.subs(point, simultaneous=True) for c in after[:2])
        quotients = (y_next / height, x_next / height**2)
        return tuple(sympy.limit(simplify(q), height, 0) for q in quotients)

    return with_positive((position, y, eta, rho), run)


@_derived
def last_drifting_product(algorithm: Algorithm) -> sympy.Expr:
    """The ηρ² beyond which no 2-cycle astride the line x = 0 slides down to the origin of ℓ(xy).

    On such a cycle ξ⁺ = −ξ. That equation has two positive solutions, which merge where its
    discriminant vanishes, and then there are none.
    """
    height, across = tail(algorithm)
    zeta, product = sympy.Symbol("zeta", real=True), sympy.Dummy("kappa", positive=True)
    bounce = rho * (across + position * height**2)
    scaled: Any = {position: zeta / rho, eta: product / rho**2}
    equation = sympy.numer(sympy.together(sympy.expand(bounce.subs(scaled, simultaneous=True))))
    (edge,) = sympy.solve(sympy.discriminant(equation, zeta), product)
    return edge
