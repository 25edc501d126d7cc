"""Algorithms as data: ascent rule, descent rule and base step, and the one step that they make."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp

from dynamics.algorithms.bases import Base
from dynamics.algorithms.rules import Ascent, Descent, Gradient, Place
from dynamics.algorithms.sample_order import SampleOrder
from dynamics.algorithms.vector import ArrayVector, Vector
from landscapes import FiniteSum, Landscape
from landscapes.checks import shown
from landscapes.domain import undefined_at
from landscapes.landscape import Components

V = TypeVar("V", bound=Vector)
# (t, η, ρ) → the η and ρ of step t = 1, 2, ….
Schedule = Callable[[Any, Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Algorithm:
    """w⁺ = w − η·base(descent(w, w + ascent(w, ρ))).

    Attributes:
        name: what it is called in results and figures.
        ascent: a rule of `dynamics.algorithms.rules`, or None for no ascent.
        descent: a rule of `dynamics.algorithms.rules`.
        source: where the algorithm was introduced.
        base: a base step of `dynamics.algorithms.bases`, or None for the plain one.
        order: which examples of a finite sum each step draws, or None for all of them. All
            gradients of a step, at the iterate and at the ascent point, are of the same examples.
        schedule: a function (t, η, ρ) → (η, ρ) of the step t = 1, 2, …, or None for constants.

    Raises `ValueError` for anything else.
    """

    name: str
    ascent: Ascent | None
    descent: Descent
    source: str
    base: Base | None = None
    order: SampleOrder | None = None
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name):
            raise ValueError(f"name must be a non-empty string; got {self.name!r}")
        if self.ascent is not None and not callable(self.ascent):
            raise ValueError(f"ascent must be a rule or None; got {self.ascent!r}")
        if not callable(self.descent):
            raise ValueError(f"descent must be a rule; got {self.descent!r}")
        if self.base is not None and not isinstance(self.base, Base):
            raise ValueError(f"base must be a Base such as HeavyBall(0.9); got {shown(self.base)}")
        if self.order is not None and not isinstance(self.order, SampleOrder):
            raise ValueError(f"order must be a SampleOrder or None; got {shown(self.order)}")
        if self.schedule is not None and not callable(self.schedule):
            raise ValueError(f"schedule must be a function or None; got {shown(self.schedule)}")

    @property
    def uses_rho(self) -> bool:
        """Whether the radius ρ has any effect."""
        return self.ascent is not None

    @property
    def is_autonomous(self) -> bool:
        """Whether every step is by the same map, whatever its number and whatever is drawn.

        A base step whose memory counts may do another thing at every count, as schedules do.
        """
        return self.order is None and not _reads_the_clock(self) and not _counts(self)

    def with_base(self, base: Base | None, name: str | None = None) -> Algorithm:
        """This algorithm with another base step: SAM.with_base(HeavyBall(0.9))."""
        return replace(self, base=base, name=name or f"{self.name} with {base or 'plain steps'}")

    def with_order(self, order: SampleOrder | None, name: str | None = None) -> Algorithm:
        """This algorithm on examples drawn in this order: SAM.with_order(SampleOrder(batch=4))."""
        name = name or (f"minibatch {self.name}" if order else self.name)
        return replace(self, order=order, name=name)

    def check(self, landscape: Landscape) -> None:
        """Raises `ValueError` if the algorithm cannot run on this landscape."""
        if self.order is not None and not isinstance(landscape, FiniteSum):
            raise ValueError(
                f"{self.name} draws examples, so landscape must be a finite sum such as "
                f"RidgeRegression; got {landscape!r}"
            )

    def __str__(self) -> str:
        return self.name


ALGORITHMS: dict[str, Algorithm] = {}


def register(algorithm: Algorithm) -> Algorithm:
    """Adds an algorithm to those that every suite and listing covers.

    One of the same name is replaced, with a warning. To be run it need not be registered.
    """
    if algorithm.name in ALGORITHMS:
        warnings.warn(f"the algorithm {algorithm.name} is replaced by a new one", stacklevel=2)
    ALGORITHMS[algorithm.name] = algorithm
    return algorithm


def an_algorithm(name: str, value: Any) -> Algorithm:
    """`value`, if it is an `Algorithm`; else a `ValueError` that says what to write."""
    if isinstance(value, Algorithm):
        return value
    cure = what_to_write(value)
    raise ValueError(f"{name} must be an Algorithm such as SAM; got {shown(value)}{cure}")


def what_to_write(value: Any) -> str:
    """What to write in place of what is no algorithm, to be added to an error; "" if unknown."""
    if isinstance(value, str):
        return f'; write ALGORITHMS["{value}"]' if value in ALGORITHMS else ""
    if callable(value):
        made = getattr(value, "__name__", "it")
        return f"; if {made} makes one, write {made}(…) with its arguments"
    return ""


def direction(
    gradient: Gradient,
    algorithm: Algorithm,
    w: V,
    rho: Any,
    *,
    t: Any = 1,
    whole_gradient: Gradient | None = None,
) -> V:
    """The direction of step t from w, before the base step: pure, on arrays and symbols alike."""
    return _direction(gradient, algorithm, w, rho, lambda: t, whole_gradient or gradient)


def _direction(
    gradient: Gradient,
    algorithm: Algorithm,
    w: V,
    rho: Any,
    clock: Callable[[], Any],
    whole_gradient: Gradient,
) -> V:
    here = Place(w, gradient, whole_gradient, clock)
    if algorithm.ascent is None:
        return _ruled(algorithm, "descent", here, here, rho)
    ascended = Place(_ascended(algorithm, here, rho), gradient, whole_gradient, clock)
    return _ruled(algorithm, "descent", here, ascended, rho)


def _ascended(algorithm: Algorithm, here: Place[V], rho: Any) -> V:
    return here.w + _ruled(algorithm, "ascent", here, rho)


def ascent_point(
    gradient: Gradient, algorithm: Algorithm, w: V, rho: Any, *, t: Any, whole_gradient: Gradient
) -> V:
    """Where step t from w asks for the gradient that it descends by."""
    if algorithm.ascent is None:
        return w
    return _ascended(algorithm, Place(w, gradient, whole_gradient, lambda: t), rho)


def _ruled(algorithm: Algorithm, kind: str, here: Place[V], *more: Any) -> V:
    """What a rule says, or an error that names the rule and the cure."""
    function = getattr(algorithm, kind)
    rule = f"the {kind} rule {getattr(function, '__name__', repr(function))} of {algorithm.name}"
    try:
        found = function(here, *more)
    except jax.errors.TracerBoolConversionError as error:
        raise TypeError(
            f"{rule} decides by a number that is known only when the program runs (by if, and, or, "
            "min, max); write here.g.smaller(a, b), larger or ratio, or jax.numpy.where"
        ) from error
    except (TypeError, AttributeError) as error:
        raise TypeError(
            f"{rule} failed: {error}. A rule is written with the operations of Vector: +, -, *, / "
            "by numbers, abs, v.dot(u), v.times(u), v.norm(), v.unit(), v.sign(), …"
        ) from error
    if not isinstance(found, Vector):
        raise TypeError(
            f"{rule} must return a vector, such as rho * here.g; it returned {shown(found)}"
        )
    return cast(V, found)


def move(
    gradient: Gradient,
    algorithm: Algorithm,
    w: V,
    memory: Any,
    eta: Any,
    rho: Any,
    *,
    t: Any = 1,
    whole_gradient: Gradient | None = None,
) -> tuple[V, Any, Any]:
    """What step t from w subtracts, as the vector d and the η that multiplies it, and the memory.

    `memory` is `initial_memory` at t = 1 and what the step before returned afterwards.
    """
    if algorithm.schedule is not None:
        eta, rho = algorithm.schedule(t, eta, rho)
    d = direction(gradient, algorithm, w, rho, t=t, whole_gradient=whole_gradient)
    if algorithm.base is None:
        return d, eta, memory
    d, memory = algorithm.base.update(d, memory, w)
    return d, eta, memory


def step(
    gradient: Gradient,
    algorithm: Algorithm,
    w: V,
    memory: Any,
    eta: Any,
    rho: Any,
    *,
    t: Any = 1,
    whole_gradient: Gradient | None = None,
) -> tuple[V, Any]:
    """Step t from w: the next point and the memory that goes with it.

    Pure, for one point, on arrays and on symbols alike.
    """
    d, eta, memory = move(
        gradient, algorithm, w, memory, eta, rho, t=t, whole_gradient=whole_gradient
    )
    return w - eta * d, memory


def initial_memory(algorithm: Algorithm, w: Vector) -> Any:
    """What the base step remembers before the first step from w; () if it has no memory."""
    return () if algorithm.base is None else algorithm.base.initial(w)


@lru_cache
def _reads_the_clock(algorithm: Algorithm) -> bool:
    """Whether a rule asks for t, found by running them."""
    if algorithm.schedule is not None:
        return True
    asked = False

    def clock() -> Any:
        nonlocal asked
        asked = True
        return 1.0

    def run(x: Any) -> Any:
        w = ArrayVector((x, x))
        return _direction(lambda v: v, algorithm, w, x, clock, lambda v: v).components

    jax.eval_shape(run, jnp.zeros(()))
    return asked


@lru_cache
def _counts(algorithm: Algorithm) -> bool:
    """Whether there is an integer in what the base step remembers."""
    memory = jax.eval_shape(lambda x: initial_memory(algorithm, ArrayVector((x,))), jnp.zeros(()))
    return any(jnp.issubdtype(leaf.dtype, jnp.integer) for leaf in jax.tree.leaves(memory))


def gradients(
    landscape: Landscape, algorithm: Algorithm, run: Any, t: Any, *, undefined: float = jnp.nan
) -> tuple[Gradient, Gradient]:
    """∇L of the examples that step t of a run draws, and of all: functions of JAX vectors.

    Where the loss or its gradient is undefined, the entries of ∇L are `undefined`: the logarithm
    of a negative number has none, although the formula 1/x of its derivative has a value there.
    """

    def whole(v: V) -> V:
        return type(v)(_gradient(landscape, v.components, undefined))

    if algorithm.order is None or not isinstance(landscape, FiniteSum):
        return whole, whole
    drawn = algorithm.order.drawn(landscape.n_examples, run, t)
    return gradient_of_examples(landscape, drawn, undefined=undefined), whole


def gradient_of_examples(
    landscape: FiniteSum, examples: Any, *, undefined: float = jnp.nan
) -> Gradient:
    """The mean of the gradients of these examples, shape `(batch,)`: a function of JAX vectors."""

    def of_drawn(v: V) -> V:
        return type(v)(_gradient_of_examples(landscape, examples, v.components, undefined))

    return of_drawn


# Compiled functions, so that JAX traces them once for a landscape, however often a step asks.


@partial(jax.jit, static_argnums=2)
def _gradient(landscape: Landscape, components: Components, undefined: float) -> Components:
    gradient = landscape.gradient_of(components)
    return _where_defined(landscape, components, gradient, undefined)


@partial(jax.jit, static_argnums=3)
def _gradient_of_examples(
    landscape: FiniteSum, examples: Any, components: Components, undefined: float
) -> Components:
    if len(examples) == 1:
        gradient = landscape.example_gradient_of(components, examples[0])
    else:
        each = jax.vmap(lambda e: landscape.example_gradient_of(components, e))(examples)
        gradient = tuple(jnp.mean(component, axis=0) for component in each)
    return _where_defined(landscape, components, gradient, undefined)


def _where_defined(
    landscape: Landscape, components: Components, gradient: Components, otherwise: float
) -> Components:
    """The gradient, with every entry `otherwise` where it or the loss is undefined."""
    nowhere = undefined_at(landscape, components)
    if nowhere is None:
        return gradient
    return tuple(jnp.where(nowhere, otherwise, c) for c in gradient)
