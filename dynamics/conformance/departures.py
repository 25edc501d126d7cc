"""The departures of a suspect by name, with the numbers in them."""

from __future__ import annotations

from collections.abc import Iterator

from dynamics.conformance.arithmetic import as_written
from dynamics.conformance.directions import BOTH
from dynamics.conformance.report import Departure, Witness
from dynamics.conformance.suspects import SAME_NUMBER, Suspect
from dynamics.conformance.updates import of_base

# What is called stale is momentum −1: w⁺ = w + (−1)(w − w⁻) − ηd begins at w⁻.
STALE = -1.0


def of_suspect(suspect: Suspect, witness: Witness) -> Iterator[Departure]:
    """Every departure but a number in the norm, those of the direction first."""
    direction, update = suspect.direction, suspect.update

    def departure(name: str, size: float | None = None, detail: str = "") -> Departure:
        return Departure(name, size, detail, witness)

    if direction.sign < 0:
        yield departure("wrong_sign")
    if direction.accumulates:
        yield departure("accumulated_gradient")
    if direction.per_tensor:
        yield departure("per_tensor_norm")
    if update.kept:
        name = {1.0: "perturbation_never_removed", 2.0: "restore_with_wrong_sign"}.get(update.kept)
        yield departure(name) if name else departure("perturbation_partly_removed", update.kept)
    yield from (departure(*each) for each in _memory(suspect))
    yield from (departure(*each) for each in _decays(suspect))
    for what, how, limit in (direction.clip, update.clip):
        if what:
            yield departure("clipping", limit, f"{what}, {how}")
    if len(update.rates) == 1:
        yield departure("learning_rate", update.rates[0])
    elif update.rates:
        factors = ", ".join(f"{rate:.3g}" for rate in update.rates)
        where = "before the momentum, " if update.rates_inside else ""
        yield departure("learning_rate_schedule", None, f"{where}by step times {factors}, …")


def softening_departure(suspect: Suspect, witness: Witness) -> Departure:
    """That a number is in the norm."""
    how, length = suspect.direction.softening
    return Departure("epsilon_in_norm", as_written(how, length), how, witness)


def _memory(suspect: Suspect) -> Iterator[tuple[str, float | None, str]]:
    """Momentum that is not the algorithm's own."""
    update, base = suspect.update, of_base(suspect.algorithm.base)
    if update.momentum == STALE:
        yield "stale_iterate", None, ""
    elif update.is_mean:
        yield "averaged_momentum", update.momentum, ""
    elif (
        abs(update.momentum - base.momentum) > SAME_NUMBER or update.is_nesterov != base.is_nesterov
    ):
        yield "nesterov_momentum" if update.is_nesterov else "momentum", update.momentum, ""
    if update.dampening:
        yield "dampening", update.dampening, ""


def _decays(suspect: Suspect) -> Iterator[tuple[str, float, str]]:
    """Weight decay; where there is momentum, whether it is in the velocity or beside it."""
    update, (which, multiple) = suspect.update, suspect.direction.decay
    remembers = bool(update.momentum and update.momentum != STALE)
    if update.coupled:
        coupled = "coupled" if remembers else ""
        yield "weight_decay", update.coupled, AT_ASCENT if update.at_ascent else coupled
    if update.decoupled:
        yield "weight_decay", update.decoupled, "decoupled"
    if which:
        yield "weight_decay", multiple, f"in {which}" if which == BOTH else f"in {which} only"


AT_ASCENT = "in the second gradient, at the ascent point"
