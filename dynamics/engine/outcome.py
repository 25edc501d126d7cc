"""What became of a run, and by which criterion."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from landscapes.checks import positive_number, whole_number

#: The most steps of a run: they are counted in 32 bits.
MOST_STEPS = 2**31 - 1
#: The fraction of the largest direction below which the sum over p ≥ 2 directions says that a run
#: is on its way to a cycle of period p, and to none of a multiple of it.
NEARLY_CLOSED = 1e-4
#: How many ε of the largest coordinate a step may move that does nothing but round.
ROUNDINGS = 64
#: How many ε of its longest direction the sum over a period is that does nothing but round: of at
#: most a few gradients, each rounded by a few ε, and of their sum.
SUMMED_ROUNDINGS = 16


class Outcome(IntEnum):
    """What became of a run. Each label says by which evidence (`Criteria`).

    BUDGET: the steps ran out first. It is never counted as convergence or as divergence.
    CONVERGED: a fixed point of the map (not always a minimum) is near, and is being neared.
    CYCLE: the directions over some period p ≥ 2 cancel, and over no shorter one, and that ever
        more closely.
    DIVERGED: the next iterate would have left the ball of the divergence radius, or overflowed.
    UNDEFINED: the loss or its gradient is undefined at the next iterate, or at a point that the
        step to it asks about, such as the ascent point: the logarithm, the root of a negative
        number, a division by zero. What is only too large for float64 is no such point, and a
        unit vector of a zero gradient is zero, by convention. As with DIVERGED, `n_steps` counts
        the step that could not be made and `final` is the last iterate that is defined; a start
        that is not defined is `final` itself, at step 0.
    """

    BUDGET = 0
    CONVERGED = 1
    CYCLE = 2
    DIVERGED = 3
    UNDEFINED = 4


def has_a_next_step(outcome: Any) -> Any:
    """Which runs, by their outcomes so far, could go on if there were no early stopping."""
    return (outcome != Outcome.DIVERGED) & (outcome != Outcome.UNDEFINED)


@dataclass(frozen=True)
class Criteria:
    """When a run counts as decided. Checked at step 0 and then every `check_every` steps.

    Nothing is measured in units of the loss or of w: a loss multiplied by c, at η/c, and w in
    other units give the same labels. Let r be the sum of the directions over p steps (p = 1: the
    direction itself), and u = r/|r|∞. A run comes to rest with period p when r = 0, of a cycle
    up to 16ε of its longest direction, the rounding of a few gradients and their sum; or when

    * it *turns over*: from w − δu, the sum over p steps no longer points along u, so that along
      this line there is a zero of it within δ;
    * and it *shrinks*: the sum over the next p steps is shorter. Or ηr is at most the rounding of
      a step, 64ε times the largest coordinate of w and of its ascent point.

    So a plateau, a flat valley and a drift are no rest, since moving by δ does not change them;
    and a point that is left is none, however near. A δ is a length:

    Attributes:
        gradient_tolerance: of a fixed point δ is this fraction of max(|w|∞, |start|∞), plus the
            rounding of a step. A step is at most 2δ long (where a step contracts, ‖w − ηd‖ ≤ ‖w‖,
            it is at most twice the way), and no p ≥ 2 directions cancel to `NEARLY_CLOSED`, which
            they do on a cycle that is smaller than δ. Where an algorithm changes from step to step
            or draws examples, the steps to come are by other maps. There the step and the gradient
            are both to turn over within δ, and of a finite sum those of each example; and the step
            is to be at most 2δ long.
        cycle_tolerance: of a cycle δ is this fraction of its longest step, plus the rounding of a
            step, and ηr is at most δ. (The sum, not the mean: with the mean, whatever still
            decays slowly would pass for a multiple of the period first.) A run that converges
            while it alternates, with multiplier −m, keeps the ratio of r to its directions at
            1 − m. A run that nears a cycle of period p while it alternates about it has a sum
            over 2p that falls sooner than that over p: so no period is named while a shorter one,
            from 2 on, has a sum of at most `NEARLY_CLOSED` of the largest direction. What is seen
            is one moment: a run that nears an unstable cycle along its stable directions is not
            told from one that stays.
        max_period: the longest period that is looked for.
        divergence_radius: a run has diverged when its next iterate is farther than this from
            the origin, or not finite.
        attractor_tolerance: a fixed point belongs to a critical set that is at most this far
            from it, in units of w; a cycle, to one within its own extent (twice its amplitude)
            besides.
        check_every: steps between checks. Rest is reported at the step of the check, divergence
            at its own step.

    Raises `ValueError` for values outside these meanings.
    """

    gradient_tolerance: float = 1e-10
    cycle_tolerance: float = 1e-8
    max_period: int = 4
    divergence_radius: float = 1e12
    attractor_tolerance: float = 1e-3
    check_every: int = 100

    def __post_init__(self) -> None:
        # Periods and steps are counted in 8 and 32 bits.
        for name, most in (("max_period", 127), ("check_every", MOST_STEPS)):
            number = whole_number(name, getattr(self, name), minimum=1, maximum=most)
            object.__setattr__(self, name, number)
        tolerances = ("gradient_tolerance", "cycle_tolerance", "attractor_tolerance")
        for name in (*tolerances, "divergence_radius"):
            object.__setattr__(self, name, positive_number(name, getattr(self, name)))
