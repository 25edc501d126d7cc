"""A row of the benchmark: what is measured, the mark it is to reach, and how it is measured."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


class Disagreement(Exception):
    """Two engines gave different answers, so that no time of theirs counts."""


class Unmeasured(Exception):
    """The row cannot be measured here; the message says why, and what to do about it."""


class Size(StrEnum):
    """How large the jobs are: `quick` only shows that everything runs."""

    QUICK = "quick"
    USUAL = "usual"
    FULL = "full"


class Group(StrEnum):
    """The parts of the table, in their order."""

    C = "The sweep beside hand-written C (loops.c): 131,072 runs × 1,000 steps, outcomes included"
    INSTEAD = "… beside what one would use instead, for SAM on Saddle"
    PRODUCTS = "… beside its matrix products alone, by BLAS"
    SKIPPED = "What need not be computed"
    STARTING = "Compiling and starting"
    REGISTERED = "All that is registered (marks of our own: nothing falls out of the frame)"
    GROWTH = "Growth"
    GPU = "One GPU (the marks are for an H200)"


class Standing(StrEnum):
    MET = "met"
    NOT_MET = "NOT met"
    UNMEASURED = "unmeasured"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Settings:
    """What the command line asks of every row."""

    size: Size = Size.USUAL
    repeats: int = 5

    def pick(self, quick: T, usual: T, full: T | None = None) -> T:
        """The value for the size; `full` is as `usual` unless given."""
        if self.size is Size.QUICK:
            return quick
        return full if self.size is Size.FULL and full is not None else usual


@dataclass(frozen=True)
class Mark:
    """A bound that the measured value is to keep."""

    limit: float
    unit: str
    at_most: bool

    def met(self, value: float) -> bool:
        """NaN meets nothing."""
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {number(self.limit)} {self.unit}"


def at_most(limit: float, unit: str) -> Mark:
    return Mark(limit, unit, at_most=True)


def at_least(limit: float, unit: str) -> Mark:
    return Mark(limit, unit, at_most=False)


@dataclass(frozen=True)
class Detail:
    """A table of its own, printed after the rows."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Measurement:
    """What a row found: the value in the mark's unit, and what stands behind it."""

    value: float
    note: str
    detail: Detail | None = None
    data: dict[str, Any] = field(default_factory=dict)  #: numbers for the JSON file


@dataclass(frozen=True)
class Row:
    name: str
    group: Group
    job: str
    mark: Mark
    measure: Callable[[Settings], Measurement]


@dataclass(frozen=True)
class Found:
    """A row with what became of it."""

    row: Row
    verdict: Standing
    note: str
    measurement: Measurement | None = None
    seconds: float = 0.0


ROWS: dict[str, Row] = {}


def row(
    name: str, group: Group, job: str, mark: Mark
) -> Callable[[Callable[[Settings], Measurement]], Callable[[Settings], Measurement]]:
    """Adds the decorated function to the rows, under this name."""

    def add(measure: Callable[[Settings], Measurement]) -> Callable[[Settings], Measurement]:
        if name in ROWS:
            raise ValueError(f"a row named {name} is registered already")
        ROWS[name] = Row(name, group, job, mark, measure)
        return measure

    return add


def take(one: Row, settings: Settings) -> Found:
    """Measures a row. What cannot be measured, or is wrong, is told in the row; nothing hides."""
    try:
        measured = one.measure(settings)
    except Unmeasured as why:
        return Found(one, Standing.UNMEASURED, str(why))
    except Disagreement as why:
        return Found(one, Standing.FAILED, f"{why}: no time counts")
    except Exception as why:
        return Found(one, Standing.FAILED, f"{type(why).__name__}: {why}")
    verdict = Standing.MET if one.mark.met(measured.value) else Standing.NOT_MET
    return Found(one, verdict, measured.note, measured)


def optional(package: str, requirement: str | None = None) -> ModuleType:
    """The package, which nothing here needs, or `Unmeasured` with the command that installs it.

    `requirement` is what pip is to install, where it is not called as the package.
    """
    try:
        return importlib.import_module(package)
    except ImportError as why:
        distribution = package.partition(".")[0]
        missing = isinstance(why, ModuleNotFoundError) and why.name == distribution
        problem = "is not installed" if missing else f"does not import ({why})"
        command = f"pip install {requirement or distribution}"
        raise Unmeasured(f"{distribution} {problem}: {command}") from None


def number(value: float) -> str:
    """A number as it stands in the table."""
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}".replace("e+", "e").replace("e0", "e")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
