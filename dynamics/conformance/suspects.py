"""What an optimiser may turn out to be: an algorithm, or one with a known departure.

Each departure is a map of its own, made from the rules of the algorithm that it departs from; it
is recognised when its path is the optimiser's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dynamics.algorithms.algorithm import Algorithm, initial_memory
from dynamics.algorithms.rules import Place
from dynamics.conformance import probes
from dynamics.conformance.arithmetic import NumberVector, PerTensorVector, softened

Real = np.ndarray
Path = Callable[[Real, float, float, int], Real]


def _split(w: Real, vector: type[NumberVector]) -> NumberVector:
    return vector(tuple(w[part] for part in probes.TENSORS))


def _join(v: NumberVector) -> Real:
    return np.concatenate(v.components)


@dataclass(frozen=True)
class Suspect:
    """An algorithm with at most one departure of its map, and the numbers in it.

    Attributes:
        algorithm: what it is, or departs from.
        departure: a name of `EXPLANATIONS`, or "" for none.
        vector: the arithmetic that it is done in.
        size: the momentum or weight decay, where there is one.
        softening: how a number is put into the norm, and what length; ("", 0) for none.
    """

    algorithm: Algorithm
    departure: str = ""
    vector: type[NumberVector] = NumberVector
    size: float = 0.0
    softening: tuple[str, float] = ("", 0.0)

    def path(self, start: Real, eta: float, rho: float, n_steps: int = probes.N_STEPS) -> Real:
        """The points of the path, shape `(n_steps + 1, dim)`."""
        how, length = self.softening
        vector = softened(self.vector, how, length) if how else self.vector
        w = before = _split(start, vector)
        memory = initial_memory(self.algorithm, w)
        velocity, visited = 0 * w, [start]
        with np.errstate(all="ignore"):
            for t in range(1, n_steps + 1):
                d, ascent = self._direction(w, rho, t)
                if self.algorithm.base is not None:
                    d, memory = self.algorithm.base.update(d, memory, w)
                if self.departure == "weight_decay":
                    d = d + self.size * w
                if self.departure in ("momentum", "nesterov_momentum"):
                    velocity = self.size * velocity + d
                    nesterov = self.departure == "nesterov_momentum"
                    d = d + self.size * velocity if nesterov else velocity
                base = w
                if self.departure == "perturbation_never_removed":
                    base = w + ascent
                elif self.departure == "stale_iterate":
                    base = before
                before, w = w, base - eta * d
                visited.append(_join(w))
        return np.array(visited)

    def _direction(self, w: Any, rho: float, t: int) -> tuple[Any, Any]:
        def gradient(v: Any) -> Any:
            return _split(probes.gradient(_join(v)), type(v))

        here = Place(w, gradient, gradient, lambda: t)
        rule = self.algorithm.ascent
        if rule is None:
            return self.algorithm.descent(here, here, rho), 0 * w
        radius = -rho if self.departure == "wrong_sign" else rho
        ascent = rule(here, radius)

        def accumulated(v: Any) -> Any:
            return gradient(v) + here.g

        seen = accumulated if self.departure == "accumulated_gradient" else gradient
        return self.algorithm.descent(here, Place(w + ascent, seen, seen, lambda: t), rho), ascent


# Departures of an algorithm with an ascent, without a number in them.
_OF_AN_ASCENT = ("wrong_sign", "accumulated_gradient", "perturbation_never_removed")


def suspects(algorithms: list[Algorithm]) -> list[Suspect]:
    """Every algorithm; then every one with each departure that has no number in it."""
    departing = [Suspect(a, "stale_iterate") for a in algorithms]
    for a in algorithms:
        if a.ascent is not None:
            departing += [Suspect(a, departure) for departure in _OF_AN_ASCENT]
            departing.append(Suspect(a, "per_tensor_norm", PerTensorVector))
    return [Suspect(a) for a in algorithms] + departing


def with_numbers(algorithm: Algorithm, paths: list[Real], eta: float, rho: float) -> list[Suspect]:
    """The algorithm with the momentum or the weight decay that would explain these paths best."""
    if algorithm.base is not None:
        return []
    plain = Suspect(algorithm)
    found = []
    decays, momenta, nesterovs = [], [], []
    for path in paths:
        first = (path[0] - path[1]) / eta
        expected = (path[0] - plain.path(path[0], eta, rho, 1)[1]) / eta
        second = (path[1] - path[2]) / eta
        # A clock would be at its second step there; who reads one has no such suspects.
        expected_next = (path[1] - plain.path(path[1], eta, rho, 1)[1]) / eta
        decays.append(_multiple(first - expected, path[0]))
        momenta.append(_multiple(second - expected_next, first))
        nesterovs.append(_multiple(first - expected, expected))
    for departure, sizes in (
        ("weight_decay", decays), ("momentum", momenta), ("nesterov_momentum", nesterovs),
    ):  # fmt: skip
        size = float(np.median(sizes))
        if np.isfinite(size) and size != 0:
            found.append(replace(plain, departure=departure, size=size))
    return found


def _multiple(v: Real, of: Real) -> float:
    """The c for which v is nearest to c·of."""
    with np.errstate(all="ignore"):
        return float(v @ of / (of @ of))
