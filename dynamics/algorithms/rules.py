"""Ascent and descent rules, each a function of one place.

An ascent rule says how far the ascent point is from the iterate; a descent rule says what η
multiplies, given both. `None` as an ascent means that the ascent point is the iterate itself. What
a rule may ask is in `Place`: the point w, the gradient g there, gradients elsewhere, products with
the Hessian, the number of the step.

Singular points. `unit` of a zero vector is zero, so where g = 0 an ascent of unit length stays
and the iterate stays with it; nothing is ever added to a norm. Where g ≠ 0 but g_asc = 0 the
renormalised descents stay as well, as the plain one does; this set is a discontinuity of the
renormalised map (beside it the step has length η‖g‖) and has measure zero.

Rules with parameters are bound to values: `bind(mixed_ascent, weight=0.5)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from dynamics.algorithms.vector import Vector

V = TypeVar("V", bound=Vector)
Gradient = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Place(Generic[V]):
    """A point, and what an algorithm may ask of the loss there.

    Attributes:
        w: the point.
        gradient: ∇L, of the examples that are drawn in this step, if examples are drawn.
        whole_gradient: ∇L of all examples.
        clock: returns t, see there.
    """

    w: V
    gradient: Callable[[V], V]
    whole_gradient: Callable[[V], V]
    clock: Callable[[], Any]

    @cached_property
    def g(self) -> V:
        """∇L(w)."""
        return self.gradient(self.w)

    @cached_property
    def g_whole(self) -> V:
        """∇L(w) of all examples."""
        return self.whole_gradient(self.w)

    @property
    def t(self) -> Any:
        """The number of the step, from 1 on."""
        return self.clock()

    def hessian_times(self, v: V) -> V:
        """∇²L(w) v."""
        return self.w.derivative(self.gradient, v)


Ascent = Callable[[Any, Any], Any]
Descent = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class Bound:
    """A rule with values for its parameters. Equal rules with equal values are equal."""

    function: Callable[..., Any]
    values: tuple[tuple[str, Any], ...]

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments, **dict(self.values))

    @property
    def __name__(self) -> str:
        given = ", ".join(f"{name}={_shown(value)}" for name, value in self.values)
        return f"{self.function.__name__}({given})"


def bind(function: Callable[..., Any], **values: Any) -> Bound:
    """The rule `function` with these values of its keyword parameters."""
    return Bound(function, tuple(sorted(values.items())))


def _shown(value: Any) -> str:
    return getattr(value, "__name__", None) or repr(value)


# -- what rules declare ------------------------------------------------------------------------

R = TypeVar("R", bound=Callable[..., Any])


@dataclass(frozen=True)
class Declaration:
    """What a rule says of itself, which the tests ask of it and of whoever is made of it.

    Attributes:
        keeps: of "scale" (the loss times c, with η/c), "rotation" and "translation", those under
            which the path is the same.
        step_length: of a descent, what ‖d‖ is: "gradient" for ‖g‖, "one" for 1, "" for neither.
    """

    keeps: frozenset[str]
    step_length: str


DECLARED: dict[Callable[..., Any], Declaration] = {}


def rule(*, keeps: set[str], step_length: str = "") -> Callable[[R], R]:
    """Declares what a rule keeps; see `Declaration`. A rule of one's own may do without."""

    def declared(function: R) -> R:
        DECLARED[function] = Declaration(frozenset(keeps), step_length)
        return function

    return declared


# -- ascents -----------------------------------------------------------------------------------


@rule(keeps={"rotation", "scale", "translation"})
def unit_ascent(here: Place[V], rho: Any) -> V:
    """ρg/‖g‖ (Foret et al. 2021)."""
    return rho * here.g.unit()


@rule(keeps={"rotation", "translation"})
def raw_ascent(here: Place[V], rho: Any) -> V:
    """ρg (Andriushchenko and Flammarion 2022)."""
    return rho * here.g


@rule(keeps={"rotation", "translation"})
def mixed_ascent(here: Place[V], rho: Any, *, weight: Any) -> V:
    """ρ(1 − λ + λ/‖g‖)g with λ = `weight`, a number in [0, 1] or a function of the step t.

    Oikonomou and Loizou 2025. λ = 0 is the raw ascent, λ = 1 the unit one.
    """
    share: Any = weight(here.t) if callable(weight) else weight
    return rho * ((1 - share) * here.g + share * here.g.unit())


@rule(keeps={"scale", "translation"})
def sign_ascent(here: Place[V], rho: Any) -> V:
    """ρ sign(g): the steepest ascent in the ball ‖ε‖_∞ ≤ ρ. Where gᵢ = 0 nothing is added."""
    return rho * here.g.sign()


@rule(keeps={"scale", "translation"})
def scaled_ascent(here: Place[V], rho: Any) -> V:
    """ρg/‖g‖_∞: to the surface of the ball ‖ε‖_∞ ≤ ρ along g, not its steepest ascent."""
    direction = here.g.unit()
    return direction.ratio(rho, direction.largest()) * direction


@rule(keeps={"scale", "translation"})
def power_ascent(here: Place[V], rho: Any, *, p: float) -> V:
    """ρ sign(g)|g|^(q−1)/‖g‖_q^(q/p), 1/p + 1/q = 1: steepest ascent in ‖ε‖_p ≤ ρ, 1 < p < ∞.

    Foret et al. 2021, eq. (2). It does not depend on ‖g‖, so g is scaled first.
    """
    q = p / (p - 1)
    direction = here.g.scaled()
    size = direction.absolute()
    total = size.power(q).total()
    return direction.ratio(rho, total ** (1 / p)) * direction.sign().times(size.power(q - 1))


@rule(keeps={"scale"})
def adaptive_ascent(here: Place[V], rho: Any, *, shift: float) -> V:
    """ρT²g/‖Tg‖ with T = diag(|wᵢ| + ν), ν = `shift` (Kwon et al. 2021, recalled)."""
    scale = here.w.absolute().shifted(shift) if shift else here.w.absolute()
    return rho * scale.times(scale.times(here.g).unit())


@rule(keeps={"rotation", "translation"})
def two_step_ascent(here: Place[V], rho: Any) -> V:
    """ρ∇L(w + ρg): the raw ascent with the gradient that it leads to."""
    return rho * here.gradient(here.w + rho * here.g)


@rule(keeps={"rotation", "translation"})
def repeated_ascent(here: Place[V], rho: Any) -> V:
    """ρg + ρ∇L(w + ρg): two raw ascents, one after the other."""
    first = rho * here.g
    return first + rho * here.gradient(here.w + first)


@rule(keeps={"rotation", "translation"})
def hessian_ascent(here: Place[V], rho: Any) -> V:
    """ρ∇²L(w)g."""
    return rho * here.hessian_times(here.g)


@rule(keeps={"rotation", "scale", "translation"})
def whole_unit_ascent(here: Place[V], rho: Any) -> V:
    """ρG/‖G‖ with the gradient G of all examples, whichever are drawn."""
    return rho * here.g_whole.unit()


@rule(keeps={"rotation", "scale", "translation"})
def deterministically_normalised_ascent(here: Place[V], rho: Any) -> V:
    """ρg/‖G‖: along the drawn examples' gradient, by the length of that of all, G.

    Compagnoni et al. 2023 (DNSAM, recalled). Where G = 0 it stays.
    """
    return here.g.ratio(rho, here.g_whole.norm()) * here.g


# -- descents ----------------------------------------------------------------------------------


@rule(keeps={"rotation", "scale", "translation"})
def plain_descent(here: Place[V], ascended: Place[V], rho: Any) -> V:
    """g_asc."""
    return ascended.g


@rule(keeps={"rotation", "scale", "translation"}, step_length="gradient")
def renormalised_descent(here: Place[V], ascended: Place[V], rho: Any) -> V:
    """(‖g‖/‖g_asc‖) g_asc (Tan et al. 2024, Algorithm 1)."""
    return here.g.norm() * ascended.g.unit()


@rule(keeps={"scale"})
def adaptively_renormalised_descent(here: Place[V], ascended: Place[V], rho: Any) -> V:
    """(‖|w|g‖/‖|w_asc|g_asc‖) g_asc, products entry by entry: Tan et al.'s code beside ASAM."""
    before = here.w.absolute().times(here.g).norm()
    after = ascended.w.absolute().times(ascended.g).norm()
    return here.g.ratio(before, after) * ascended.g


@rule(keeps={"rotation", "scale", "translation"})
def clipped_descent(here: Place[V], ascended: Place[V], rho: Any, *, floor: float) -> V:
    """min(max(‖g‖/‖g_asc‖, γ₀), √γ₀) g_asc with γ₀ = `floor` (Tan et al. 2024, Remark 19)."""
    factor = here.g.ratio(here.g.norm(), ascended.g.norm())
    return here.g.smaller(here.g.larger(factor, floor), floor**0.5) * ascended.g


@rule(keeps={"rotation", "translation"}, step_length="one")
def normalised_descent(here: Place[V], ascended: Place[V], rho: Any) -> V:
    """g_asc/‖g_asc‖."""
    return ascended.g.unit()


@rule(keeps={"rotation", "translation"})
def exact_gradient_descent(here: Place[V], ascended: Place[V], rho: Any) -> V:
    """(I + ρ∇²L(w)) g_asc: beside the raw ascent, the gradient of L(w + ρ∇L(w)) as it stands."""
    return ascended.g + rho * here.hessian_times(ascended.g)


@rule(keeps={"rotation", "translation"})
def penalised_descent(here: Place[V], ascended: Place[V], rho: Any) -> V:
    """(I + ρ∇²L(w)) g: the gradient of L + ρ‖∇L‖²/2, what USAM is to first order in ρ."""
    return here.g + rho * here.hessian_times(here.g)
