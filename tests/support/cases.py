"""The cases that the suites are parametrized over, taken from the registries."""

from __future__ import annotations

import pytest

from dynamics import ALGORITHMS, GD, SAM, USAM, Algorithm, StableSAM
from landscapes import LANDSCAPES, FiniteSum, Landscape
from landscapes.fact_samples import probes as probes

# On every landscape: the algorithms that the claims are about.
CORE = (GD, SAM, USAM, StableSAM)


def instances() -> list[Landscape]:
    """Every example of every registered landscape."""
    return [example for cls in LANDSCAPES.values() for example in cls.examples()]


def each_landscape(chosen: list[Landscape] | None = None) -> pytest.MarkDecorator:
    """Parametrizes a test over the given landscapes (all of them) as `landscape`."""
    chosen = instances() if chosen is None else chosen
    names = [f"{i}-{type(one).__name__}-{one.dim}" for i, one in enumerate(chosen)]
    return pytest.mark.parametrize("landscape", chosen, ids=names)


def runs_on(landscape: Landscape) -> list[Algorithm]:
    """The registered algorithms that can run on this landscape."""
    return [a for a in ALGORITHMS.values() if a.order is None or isinstance(landscape, FiniteSum)]


def pairs(
    chosen: list[Landscape] | None = None, *, drawing: bool = True
) -> list[tuple[Landscape, Algorithm]]:
    """Landscapes with algorithms: enough that each meets the other kind, not all with all.

    The first of each class has the algorithms of `CORE`, in turn two of the rest, and if it is a
    finite sum all that draw examples, unless `drawing` is False. The others have one of `CORE`
    and one of the rest.
    """
    found: list[tuple[Landscape, Algorithm]] = []
    turn, seen = 0, set()
    rest = [a for a in ALGORITHMS.values() if a not in CORE and a.order is None]
    for landscape in instances() if chosen is None else chosen:
        in_turn = [rest[turn % len(rest)], rest[(turn + 1) % len(rest)]]
        turn += 2
        drawn = [a for a in runs_on(landscape) if a.order is not None and drawing]
        chosen_for_it = [*CORE, *in_turn, *drawn]
        if type(landscape) in seen:
            chosen_for_it = [CORE[turn // 2 % len(CORE)], in_turn[0]]
        seen.add(type(landscape))
        found += [(landscape, a) for a in chosen_for_it]
    return found


def each_pair(
    chosen: list[Landscape] | None = None, *, drawing: bool = True
) -> pytest.MarkDecorator:
    """Parametrizes a test over `pairs` as `landscape` and `algorithm`."""
    several = pairs(chosen, drawing=drawing)
    names = [f"{i}-{type(one).__name__}-{a}" for i, (one, a) in enumerate(several)]
    return pytest.mark.parametrize(("landscape", "algorithm"), several, ids=names)
