"""Simulated evidence: runs set against a prediction, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import sympy

from dynamics import Algorithm
from landscapes import Landscape
from landscapes.checks import Real
from landscapes.expressions.expression import evaluate

# A relation between two quantities computed in some tens of float64 operations each carries
# about that many roundings of 1.1e-16 relative to its terms; 1e-12 leaves a factor of 100.
ROUNDING = 1e-12


class Kind(Enum):
    """What a claim asserts; it decides how a run is set against the prediction."""

    EQUALITY = "equality"
    UPPER_BOUND = "upper bound"
    LOWER_BOUND = "lower bound"
    THRESHOLD = "iff threshold"
    ASYMPTOTIC = "asymptotic"
    NON_EXISTENCE = "non-existence"


class Support(Enum):
    """What the runs say of a claim. Agreement in simulation is never called a proof."""

    CONSISTENT = "consistent"
    REFUTED = "refuted"
    OUT_OF_DOMAIN = "out of domain"


class Size(Enum):
    """How much is simulated."""

    QUICK = "quick"
    FULL = "full"

    def runs(self, quick: int) -> int:
        """The number of cases of a sample that has `quick` of them at the default size."""
        return quick if self is Size.QUICK else 10 * quick


@dataclass(frozen=True)
class Exhibit:
    """One run that disagrees: a call that can be pasted, and what it shows."""

    call: str
    shows: str


@dataclass(frozen=True)
class Evidence:
    """Runs set against a prediction.

    Attributes:
        agrees: whether each run does what is predicted, shape `(n,)`.
        score: how far each run is from disagreeing or from the prediction, shape `(n,)`; `unit`
            says what it measures and `larger_is_better` which way it goes.
        unit: the meaning of `score`, for the table.
        quantities: values of the symbols in the claim's hypotheses, each of shape `(n,)` or `()`.
        cost: size of each run as a witness (steps, dimension); the cheapest is shown.
        witness: the i-th run as a `Exhibit`.
        ratio: observed over bound, for bounds: how tight they are; empty otherwise.
    """

    agrees: np.ndarray
    score: Real
    unit: str
    larger_is_better: bool
    quantities: Mapping[sympy.Symbol, Any]
    cost: Real
    witness: Callable[[int], Exhibit]
    ratio: Real = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if self.agrees.shape != self.score.shape or self.agrees.ndim != 1:
            raise ValueError(
                f"agrees and score must have one entry per run; got shapes {self.agrees.shape} "
                f"and {self.score.shape}"
            )


@dataclass(frozen=True)
class Judgement:
    """What follows from evidence."""

    support: Support
    n_runs: int
    n_outside: int
    worst: float
    unit: str
    tightness: float | None
    witness: Exhibit | None

    def __str__(self) -> str:
        if self.support is Support.OUT_OF_DOMAIN:
            return f"{self.n_outside:,} runs, none meets the hypotheses"
        tight = "" if self.tightness is None else f", tightness {self.tightness:.3g}"
        return f"{self.n_runs:,} runs, worst {self.unit} {self.worst:.2g}{tight}"


def both_sides(
    factor: Real, below: np.ndarray, above: np.ndarray, spent: Real,
    witness: Callable[[int], Exhibit], *, quantities: Mapping[sympy.Symbol, Any],
    cost: Real | float = 1.0,
) -> Evidence:  # fmt: skip
    """Runs at `factor` times a predicted threshold.

    `below` says where the run did what is predicted below the threshold, `above` likewise; a run
    that did neither (its budget ran out) disagrees on either side. `spent` is the share of its
    budget that the run took to be decided.

    Raises `ValueError` for a run at the threshold itself, of which nothing is predicted.
    """
    if (factor == 1).any():
        raise ValueError("a factor of 1 lies on neither side of the threshold; give others")
    return Evidence(
        agrees=np.where(factor < 1, below, above),
        score=spent,
        unit="share of the budget spent",
        larger_is_better=False,
        quantities=quantities,
        cost=np.broadcast_to(cost, factor.shape),
        witness=witness,
    )


def equality(
    observed: Real, predicted: Real, witness: Callable[[int], Exhibit], *, tolerance: float,
    quantities: Mapping[sympy.Symbol, Any], scale: Real | None = None, cost: Real | float = 1.0,
) -> Evidence:  # fmt: skip
    """Runs whose observed value should be the predicted one, up to `tolerance` × scale.

    `scale` is |predicted| unless given.
    """
    error = np.abs(observed - predicted) / (np.abs(predicted) if scale is None else scale)
    return Evidence(
        agrees=error <= tolerance,
        score=np.nan_to_num(error, nan=np.inf),
        unit="relative error",
        larger_is_better=False,
        quantities=quantities,
        cost=np.broadcast_to(cost, error.shape),
        witness=witness,
    )


def upper_bound(
    observed: Real, bound: Real, witness: Callable[[int], Exhibit], *,
    quantities: Mapping[sympy.Symbol, Any], scale: Real | None = None, cost: Real | float = 1.0,
) -> Evidence:  # fmt: skip
    """Runs whose observed value should not exceed the bound, up to `ROUNDING` × scale.

    `scale` is |observed| + |bound| unless given: the size of the terms that are compared.
    """
    size = np.abs(observed) + np.abs(bound) if scale is None else scale
    size = np.where(size > 0, size, 1.0)
    slack = (bound - observed) / size
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(bound > 0, observed / bound, 0.0)
    return Evidence(
        agrees=slack >= -ROUNDING,
        score=np.nan_to_num(slack, nan=-np.inf),
        unit="relative slack",
        larger_is_better=True,
        quantities=quantities,
        cost=np.broadcast_to(cost, slack.shape),
        witness=witness,
        ratio=ratio,
    )


def join(parts: Sequence[Evidence]) -> Evidence:
    """Several pieces of evidence of one kind as one."""
    offsets = np.cumsum([0, *(len(p.agrees) for p in parts)])

    def witness(i: int) -> Exhibit:
        part = int(np.searchsorted(offsets, i, side="right") - 1)
        return parts[part].witness(int(i - offsets[part]))

    symbols = parts[0].quantities.keys()
    if any(p.unit != parts[0].unit or p.quantities.keys() != symbols for p in parts):
        raise ValueError("evidence can be joined only if it is of one unit and one set of symbols")
    return Evidence(
        agrees=np.concatenate([p.agrees for p in parts]),
        score=np.concatenate([p.score for p in parts]),
        unit=parts[0].unit,
        larger_is_better=parts[0].larger_is_better,
        quantities={
            s: np.concatenate([np.broadcast_to(p.quantities[s], p.agrees.shape) for p in parts])
            for s in symbols
        },
        cost=np.concatenate([p.cost for p in parts]),
        witness=witness,
        ratio=np.concatenate([p.ratio for p in parts]),
    )


def judge(evidence: Evidence, hypotheses: Sequence[Any]) -> Judgement:
    """The verdict on runs that meet the hypotheses; the others are counted and set aside."""
    inside = np.ones(len(evidence.agrees), dtype=bool)
    for hypothesis in hypotheses:
        inside &= holds(hypothesis, evidence.quantities)
    n_outside = int((~inside).sum())
    if not inside.any():
        return Judgement(Support.OUT_OF_DOMAIN, 0, n_outside, np.nan, evidence.unit, None, None)
    score = evidence.score[inside]
    worst = float(score.min() if evidence.larger_is_better else score.max())
    ratios = evidence.ratio[inside] if len(evidence.ratio) else None
    tightness = None if ratios is None else float(ratios.max())
    against = np.flatnonzero(inside & ~evidence.agrees)
    shown = None
    if len(against):
        distance = evidence.score[against] * (1 if evidence.larger_is_better else -1)
        cheapest = np.lexsort((distance, evidence.cost[against]))[0]
        shown = evidence.witness(int(against[cheapest]))
    support = Support.REFUTED if len(against) else Support.CONSISTENT
    return Judgement(support, int(inside.sum()), n_outside, worst, evidence.unit, tightness, shown)


def value(expression: Any, quantities: Mapping[sympy.Symbol, Any]) -> Any:
    """A formula of a claim at the given values of its symbols."""
    return evaluate((sympy.sympify(expression),), quantities, np)[0]


def holds(relation: Any, quantities: Mapping[sympy.Symbol, Any]) -> Any:
    """Where a relation of a claim is true, for values of its symbols."""
    compare = {
        sympy.Eq: np.equal,
        sympy.StrictLessThan: np.less,
        sympy.LessThan: np.less_equal,
        sympy.StrictGreaterThan: np.greater,
        sympy.GreaterThan: np.greater_equal,
    }.get(type(relation))
    if compare is None:
        raise TypeError(f"a hypothesis is a relation between two expressions; got {relation!r}")
    return compare(value(relation.lhs, quantities), value(relation.rhs, quantities))


def call(
    landscape: Landscape, algorithm: Algorithm, start: Any, eta: Any, rho: Any, n_steps: int
) -> str:
    """The run as a call that can be pasted after `from dynamics import *` and the like."""
    point = [float(c) for c in np.atleast_1d(start)]
    return (
        f"trajectory({landscape!r}, {algorithm.name}, {point}, eta={float(eta)!r}, "
        f"rho={float(rho)!r}, n_steps={int(n_steps)})"
    )
