"""What an optimiser's direction may be: an algorithm's, or that with departures, at many points.

A step is a direction and what is done with it; this is the first half, and `updates` the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.algorithms.rules import Place
from dynamics.conformance import probes
from dynamics.conformance.arithmetic import NumberVector, PerTensorVector, clipped, softened
from dynamics.conformance.updates import is_momentum

Real = np.ndarray


@dataclass(frozen=True)
class Direction:
    """The direction of an algorithm, before its base step, and what is amiss with it.

    Attributes:
        algorithm: whose rules they are; its base step is not looked at.
        sign: −1 if the perturbation goes down the gradient.
        accumulates: whether the descent is by the sum of both gradients.
        per_tensor: whether each tensor is divided by its own norm.
        softening: how a number is put into the norm, and what length; ("", 0) for none.
        decay: of which gradients, and what multiple of the weights is added; ("", 0) for none.
        clip: of which gradients, how, and to what they are clipped; ("", "", 0) for none.
    """

    algorithm: Algorithm
    sign: int = 1
    accumulates: bool = False
    per_tensor: bool = False
    softening: tuple[str, float] = ("", 0.0)
    decay: tuple[str, float] = ("", 0.0)
    clip: tuple[str, str, float] = ("", "", 0.0)

    @property
    def n_departures(self) -> int:
        """How many things are amiss."""
        names = (self.softening[0], self.decay[0], self.clip[0])
        return (self.sign < 0) + self.accumulates + self.per_tensor + sum(map(bool, names))

    @property
    def draws(self) -> bool:
        """Whether it is of the examples that the step draws."""
        return self.algorithm.order is not None

    def at(self, w: Real, rho: Any, t: Any) -> tuple[Real, Real]:
        """The direction of step t and the perturbation before it, at points `(3, n)` each.

        ρ and t are numbers, or one for each point; t is a number where examples are drawn.
        """
        vector = PerTensorVector if self.per_tensor else NumberVector
        if self.softening[0]:
            vector = softened(vector, *self.softening)
        which, multiple = self.decay
        clip_which, how, limit = self.clip
        one = probes.gradients(self.draws)(t)

        def field(v: Any, of: Callable[[Any], Any] = one) -> Any:
            point = _join(v)
            g = of(point)
            return _split(g + multiple * point if which == BOTH else g, type(v))

        def first(v: Any) -> Any:
            g = field(v) + multiple * v if which == FIRST else field(v)
            return _clip(g, how, limit) if clip_which in (FIRST, BOTH) else g

        def whole(v: Any) -> Any:
            return field(v, probes.gradient)

        def clock() -> Any:
            return t

        ascent = self.algorithm.ascent
        if ascent is None:
            # Its one gradient is the one that it descends by.
            if clip_which:
                here = Place(_split(w, vector), lambda v: _clip(field(v), how, limit), whole, clock)
            else:
                here = Place(_split(w, vector), first, whole, clock)
            return _join(self.algorithm.descent(here, here, rho)), 0 * w
        here = Place(_split(w, vector), first, whole, clock)
        moved = ascent(here, self.sign * rho)

        def second(v: Any) -> Any:
            g = field(v) + here.g if self.accumulates else field(v)
            return _clip(g, how, limit) if clip_which in (SECOND, BOTH) else g

        above = Place(here.w + moved, second, whole, clock)
        return _join(self.algorithm.descent(here, above, rho)), _join(moved)

    def along(self, w: Real, eta: float, rho: float) -> tuple[Real, Real]:
        """`at` for the points of each step in turn, `(n_steps, 3, n)`: two such arrays."""
        times = range(1, len(w) + 1)
        radii = [self.radius(t, eta, rho) for t in times]
        if self.draws:
            found = [self.at(*each) for each in zip(w, radii, times, strict=True)]
            return np.array([d for d, _ in found]), np.array([e for _, e in found])
        # All at once, which is several times as fast.
        n = w.shape[-1]
        d, e = self.at(np.concatenate(list(w), axis=1), np.repeat(radii, n), np.repeat(times, n))
        return np.array(np.split(d, len(w), axis=1)), np.array(np.split(e, len(w), axis=1))

    def radius(self, t: int, eta: float, rho: float) -> float:
        """ρ of step t."""
        schedule = self.algorithm.schedule
        return rho if schedule is None else float(schedule(t, eta, rho)[1])


# Which gradients a decay or a clipping is of.
FIRST, SECOND, BOTH = "the first gradient", "the second gradient", "both gradients"


def directions(algorithms: Sequence[Algorithm]) -> list[Direction]:
    """Every algorithm's, each once; then every one with each departure without a number in it."""
    plain: dict[Any, Direction] = {}
    for a in algorithms:
        plain.setdefault(rules_of(a), Direction(a))
    ascending = [d for d in plain.values() if d.algorithm.ascent is not None]
    departing = [
        replace(d, **departure)
        for d in ascending
        for departure in (
            {"sign": -1}, {"accumulates": True}, {"per_tensor": True},
            {"sign": -1, "accumulates": True}, {"sign": -1, "per_tensor": True},
            {"accumulates": True, "per_tensor": True},
        )
    ]  # fmt: skip
    return [*plain.values(), *departing]


def rules_of(algorithm: Algorithm) -> tuple[Any, ...]:
    """All that an algorithm's direction is made of, and its base step if that is no momentum."""
    a = algorithm
    return a.ascent, a.descent, a.order, a.schedule, foreign_base(a)


def foreign_base(algorithm: Algorithm) -> Any:
    """Its base step, unless that is none or a momentum."""
    return None if is_momentum(algorithm.base) else algorithm.base


def _split(w: Real, vector: type[NumberVector]) -> NumberVector:
    return vector(tuple(w[part] for part in probes.TENSORS))


def _join(v: Any) -> Real:
    return np.concatenate(v.components)


def _clip(v: Any, how: str, limit: float) -> Any:
    return _split(clipped(_join(v), how, limit), type(v))
