"""Times that can be compared: the sides of a ratio take turns, and the best of each counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from benchmarks.workload import Engine

# Short jobs are repeated until they have taken this long together, so that one disturbance does
# not fall on every repeat of one side; but no more often than this many times as asked.
_LEAST_SECONDS = 1.0
_MOST_ROUNDS = 8


@dataclass(frozen=True)
class Times:
    """All times of one side in seconds, and what its very first call took longer."""

    seconds: tuple[float, ...]
    first_extra: float

    @property
    def best(self) -> float:
        return min(self.seconds)


def clock(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin


def interleaved(
    sides: Mapping[str, Callable[[int], object]], steps: Mapping[str, int], repeats: int
) -> dict[str, Times]:
    """Each side in turn, for its number of steps, `repeats` times.

    Before that, two calls of one step: the first compiles, if anything does, the second does not.
    """
    extra = {}
    for name, work in sides.items():
        first = clock(lambda: work(1))  # noqa: B023 (called at once)
        extra[name] = max(0.0, first - clock(lambda: work(1)))  # noqa: B023
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    rounds, begin = 0, perf_counter()
    while rounds < repeats or (
        rounds < _MOST_ROUNDS * repeats and perf_counter() - begin < _LEAST_SECONDS
    ):
        for name, work in sides.items():
            begun = perf_counter()
            work(steps[name])
            seconds[name].append(perf_counter() - begun)
        rounds += 1
    return {name: Times(tuple(s), extra[name]) for name, s in seconds.items()}


@dataclass(frozen=True)
class Side:
    """An engine, made ready for a workload of so many runs, and the steps that it is timed for."""

    name: str
    engine: Engine
    steps: int
    runs: int


@dataclass(frozen=True)
class Duel:
    """Two sides timed in turn, in nanoseconds per run and step."""

    names: tuple[str, str]
    nanoseconds: tuple[float, float]
    spread: tuple[float, float]  #: of first/second over single rounds
    compilation: tuple[float, float]

    @property
    def slower_than(self) -> float:
        """How many times as long the first takes."""
        return self.nanoseconds[0] / self.nanoseconds[1]

    @property
    def faster_than(self) -> float:
        return self.nanoseconds[1] / self.nanoseconds[0]

    def note(self, *, faster: bool = False) -> str:
        pairs = zip(self.names, self.nanoseconds, strict=True)
        each = ", ".join(f"{name} {ns:.3g}" for name, ns in pairs)
        low, high = (1 / s for s in reversed(self.spread)) if faster else self.spread
        return f"{each} ns per run and step; rounds {low:.3g} to {high:.3g}"

    def data(self) -> dict[str, object]:
        return {
            "nanoseconds": dict(zip(self.names, self.nanoseconds, strict=True)),
            "first_call_extra_seconds": dict(zip(self.names, self.compilation, strict=True)),
            "spread": list(self.spread),
        }


def duel(first: Side, second: Side, repeats: int) -> Duel:
    sides = {"first": first, "second": second}
    times = interleaved(
        {key: side.engine for key, side in sides.items()},
        {key: side.steps for key, side in sides.items()},
        repeats,
    )
    unit = {key: 1e9 / (side.runs * side.steps) for key, side in sides.items()}
    a, b = ([s * unit[key] for s in times[key].seconds] for key in sides)
    single = [x / y for x, y in zip(a, b, strict=True)]
    return Duel(
        (first.name, second.name),
        (min(a), min(b)),
        (min(single), max(single)),
        (times["first"].first_extra, times["second"].first_extra),
    )
