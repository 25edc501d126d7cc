"""Base steps: what is done with a descent direction, and what is remembered for the next step.

A base step maps the direction d and its memory to what η multiplies, and the memory that follows;
w⁺ = w − η·(that). `None` as a base means d itself, and no memory.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, TypeVar

import jax

from dynamics.algorithms.vector import Vector
from landscapes.checks import real_number, short_number, shown

V = TypeVar("V", bound=Vector)


class Base(abc.ABC):
    """A base step. Equal ones share compiled programs, so subclasses compare by value."""

    @abc.abstractmethod
    def initial(self, w: Any) -> Any:
        """The memory before the first step from w."""

    @abc.abstractmethod
    def update(self, direction: Any, memory: Any, w: Any) -> tuple[Any, Any]:
        """What η multiplies, and the memory after this step."""


@dataclass(frozen=True)
class _Momentum(Base):
    momentum: float

    def __post_init__(self) -> None:
        momentum = real_number(
            "momentum", self.momentum, accepted="in [0, 1)", fits=lambda v: 0 <= v < 1
        )
        object.__setattr__(self, "momentum", momentum)

    def initial(self, w: V) -> V:
        return 0 * w

    def _velocity(self, direction: V, velocity: V) -> V:
        return self.momentum * velocity + direction


@dataclass(frozen=True)
class HeavyBall(_Momentum):
    """v⁺ = βv + d, w⁺ = w − ηv⁺, v = 0 at the start; β = `momentum` in [0, 1).

    Polyak 1964: the same path as w⁺ = w − ηd + β(w − w⁻).
    """

    def update(self, direction: V, memory: V, w: V) -> tuple[V, V]:
        velocity = self._velocity(direction, memory)
        return velocity, velocity

    def __str__(self) -> str:
        return f"heavy ball {short_number(self.momentum)}"


@dataclass(frozen=True)
class Nesterov(_Momentum):
    """v⁺ = βv + d, w⁺ = w − η(d + βv⁺), v = 0 at the start; β = `momentum` in [0, 1).

    w is the extrapolated point y of Nesterov's method x⁺ = y − ηd(y), y⁺ = x⁺ + β(x⁺ − x).
    """

    def update(self, direction: V, memory: V, w: V) -> tuple[V, V]:
        velocity = self._velocity(direction, memory)
        return direction + self.momentum * velocity, velocity

    def __str__(self) -> str:
        return f"Nesterov {short_number(self.momentum)}"


@dataclass(frozen=True)
class Optax(Base):
    """Any gradient transformation of optax, with the direction in the gradient's place.

    The transformation is to have the learning rate 1, such as `optax.adam(1.0)` or
    `optax.sgd(1.0, momentum=0.9)`: the update that it makes is then multiplied by η.

    Two compare equal when they hold the very same transformation. `label` is what results call it.
    """

    transformation: Any
    label: str

    def __post_init__(self) -> None:
        if not all(callable(getattr(self.transformation, f, None)) for f in ("init", "update")):
            raise ValueError(
                "transformation must be a gradient transformation of optax, such as "
                f"optax.adam(1.0); got {shown(self.transformation)}"
            )

    def initial(self, w: Vector) -> Any:
        return self.transformation.init(w.components)

    def update(self, direction: V, memory: Any, w: V) -> tuple[V, Any]:
        updates, memory = self.transformation.update(direction.components, memory, w.components)
        return type(w)(jax.tree.map(lambda u: -u, updates)), memory

    def __str__(self) -> str:
        return self.label
