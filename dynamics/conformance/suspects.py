"""What an optimiser may turn out to be: a direction and an update, that walk by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dynamics.algorithms.algorithm import ALGORITHMS, Algorithm
from dynamics.algorithms.catalogue import ASAM
from dynamics.algorithms.sample_order import SampleOrder
from dynamics.conformance.directions import Direction, rules_of
from dynamics.conformance.updates import Update, Walk, is_momentum, of_base

Real = np.ndarray


@dataclass(frozen=True)
class Suspect:
    """An algorithm with departures, and the numbers in them."""

    direction: Direction
    update: Update

    @classmethod
    def plain(cls, algorithm: Algorithm) -> Suspect:
        """The algorithm itself."""
        return cls(Direction(algorithm), of_base(algorithm.base))

    @property
    def algorithm(self) -> Algorithm:
        """What it is, or departs from."""
        return self.direction.algorithm

    def softened(self, softening: tuple[str, float]) -> Suspect:
        """This with another number in the norm; ("", 0) for none."""
        return replace(self, direction=replace(self.direction, softening=softening))

    def path(self, start: Real, eta: float, rho: float, n_steps: int) -> Real:
        """The points of the path, `(n_steps + 1, 3)`; of many, `(n_steps + 1, 3, n)`."""
        walk = Walk(self.update, eta)
        w, visited = start, [start]
        schedule = self.algorithm.schedule
        with np.errstate(all="ignore"):
            for t in range(1, n_steps + 1):
                d, e = self.direction.at(w, self.direction.radius(t, eta, rho), t)
                factor = 1.0 if schedule is None else float(schedule(t, eta, rho)[0]) / eta
                w = w + walk.added(d, e, w, factor)
                visited.append(w)
        return np.array(visited)


def candidates(*, draws: bool = False) -> list[Algorithm]:
    """The registered algorithms that draw nothing, and ASAM as it is mostly written, ν = 0.

    Where examples are drawn, those that draw come first, and then the others made to draw, too.
    """
    whole = [*(a for a in ALGORITHMS.values() if a.order is None), ASAM(0)]
    if not draws:
        return whole
    drawing = [a for a in ALGORITHMS.values() if a.order is not None]
    rules = {(a.ascent, a.descent) for a in drawing}
    others = [
        a.with_order(SampleOrder())
        for a in whole
        if a.base is None and (a.ascent, a.descent) not in rules
    ]
    return [*drawing, *others, *whole]


def named(suspect: Suspect, algorithms: Sequence[Algorithm]) -> Suspect:
    """The suspect as a departure of the algorithm of these that it is nearest to by name.

    That is the one of its rules whose momentum is its own, or else the one without.
    """
    mine = suspect.algorithm
    alike = [a for a in algorithms if rules_of(a) == rules_of(mine)] or [mine]

    def distance(a: Algorithm) -> tuple[bool, bool]:
        base = of_base(a.base)
        is_same = (
            is_momentum(a.base)
            and suspect.update.is_nesterov == base.is_nesterov
            and abs(suspect.update.momentum - base.momentum) <= SAME_NUMBER
        )
        return not is_same, a.base is not None

    # A family's member that has no name of its own is not among them.
    return replace(
        suspect, direction=replace(suspect.direction, algorithm=min(alike, key=distance))
    )


#: Numbers that are found differ by this from those that are meant: 1e-11 of a step, the tolerance
#: of what is exact, in a share of the step of at least a hundredth.
SAME_NUMBER = 1e-9
