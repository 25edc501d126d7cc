"""Algorithms as data: an ascent rule and a descent rule, and the one step they define."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from dynamics.rules import (
    Ascent,
    Descent,
    plain_descent,
    raw_ascent,
    renormalised_descent,
    unit_ascent,
)
from dynamics.vector import Vector

V = TypeVar("V", bound=Vector)
Gradient = Callable[[Any], Any]


@dataclass(frozen=True)
class Algorithm:
    """w⁺ = w − η·descent(∇L(w), ∇L(w + ascent(∇L(w), ρ))).

    Attributes:
        name: what it is called in results and figures.
        ascent: a rule of `dynamics.rules`, or None for no ascent.
        descent: a rule of `dynamics.rules`.
        source: where the algorithm was introduced.
    """

    name: str
    ascent: Ascent | None
    descent: Descent
    source: str

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name):
            raise ValueError(f"name must be a non-empty string; got {self.name!r}")
        if self.ascent is not None and not callable(self.ascent):
            raise ValueError(f"ascent must be a rule or None; got {self.ascent!r}")
        if not callable(self.descent):
            raise ValueError(f"descent must be a rule; got {self.descent!r}")

    @property
    def uses_rho(self) -> bool:
        """Whether the radius ρ has any effect."""
        return self.ascent is not None

    def __str__(self) -> str:
        return self.name


ALGORITHMS: dict[str, Algorithm] = {}


def register(algorithm: Algorithm) -> Algorithm:
    """Adds an algorithm to those that every suite and listing covers."""
    if algorithm.name in ALGORITHMS:
        raise ValueError(f"an algorithm named {algorithm.name} is registered already")
    ALGORITHMS[algorithm.name] = algorithm
    return algorithm


def direction(gradient: Gradient, algorithm: Algorithm, w: V, rho: Any) -> V:
    """What is subtracted from w after scaling by η."""
    g = gradient(w)
    if algorithm.ascent is None:
        return algorithm.descent(g, g)
    return algorithm.descent(g, gradient(w + algorithm.ascent(g, rho)))


def step(gradient: Gradient, algorithm: Algorithm, w: V, eta: Any, rho: Any) -> V:
    """One step from w: pure, for one point, on arrays and on symbols alike."""
    return w - eta * direction(gradient, algorithm, w, rho)


GD = register(Algorithm("GD", None, plain_descent, "gradient descent"))
SAM = register(Algorithm("SAM", unit_ascent, plain_descent, "Foret et al. 2021"))
USAM = register(Algorithm("USAM", raw_ascent, plain_descent, "Andriushchenko and Flammarion 2022"))
StableSAM = register(
    Algorithm("StableSAM", unit_ascent, renormalised_descent, "Tan et al. 2024, Algorithm 1")
)
