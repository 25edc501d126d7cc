"""What an optimiser may do with its direction: momentum, weight decay, what stays of the ascent.

An `Update` takes the directions at points, whoever went there: so it is fitted to what was seen,
and then walks by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from dynamics.algorithms.bases import Base, HeavyBall, Nesterov
from dynamics.conformance.arithmetic import NumberVector, clipped

Real = np.ndarray


@dataclass(frozen=True)
class Update:
    """w⁺ = w + κe − ηs(u + λ′w), where u is by the velocity v⁺ = βv + (1 − δ)(d + λw).

    u is v⁺, or d + λw + βv⁺ if the momentum is Nesterov's. d is the direction and e the
    perturbation that was made for it.

    Attributes:
        momentum: β.
        is_nesterov: whether the momentum is Nesterov's.
        is_mean: whether δ is β, so that the velocity is a mean of directions.
        dampening: δ, from the second step on, as torch has it.
        coupled: λ, the multiple of the weights that is added to the direction.
        at_ascent: whether λ multiplies the weights at the ascent point, w + e.
        decoupled: λ′, the multiple of the weights that is subtracted beside the momentum.
        kept: κ, how much of the perturbation stays: 0 if it is removed.
        rates: s of each step, by which the learning rate is multiplied; the last goes on; () is 1.
        rates_inside: whether s multiplies what enters the velocity instead of what leaves it.
        clip: of what (`DECAYED` or `WHOLE`), how, and to what length; ("", "", 0) for none.
        base: a base step that is not momentum, taken in its place.
    """

    momentum: float = 0.0
    is_nesterov: bool = False
    is_mean: bool = False
    dampening: float = 0.0
    coupled: float = 0.0
    at_ascent: bool = False
    decoupled: float = 0.0
    kept: float = 0.0
    rates: tuple[float, ...] = ()
    rates_inside: bool = False
    clip: tuple[str, str, float] = ("", "", 0.0)
    base: Base | None = None

    def along(self, d: Real, e: Real, w: Real, eta: float, factors: Sequence[float]) -> Real:
        """What it adds to w when directions, perturbations and points of each step are these.

        Shapes `(n_steps, 3, n)`; `factors` are those of η in each step, by the algorithm itself.
        """
        walk = Walk(self, eta)
        return np.array([walk.added(*each) for each in zip(d, e, w, factors, strict=False)])


class Walk:
    """The steps of an update from a start, with what it remembers."""

    def __init__(self, update: Update, eta: float) -> None:
        self.update, self.eta = update, eta
        self.t, self.velocity, self.memory = 0, np.zeros(()), None

    def added(self, d: Real, e: Real, w: Real, schedule: float = 1.0) -> Real:
        """What the next step adds to w, `(3, n)`; `schedule` is the algorithm's own factor of η."""
        one, is_first = self.update, self.t == 0
        rate = one.rates[min(self.t, len(one.rates) - 1)] if one.rates else 1.0
        self.t += 1
        inside, outside = (rate, 1.0) if one.rates_inside else (1.0, rate)
        what, how, limit = one.clip
        u = d + one.coupled * (w + e if one.at_ascent else w)
        u = inside * (clipped(u, how, limit) if what == DECAYED else u)
        if one.base is not None:
            vector, at = NumberVector((u,)), NumberVector((w,))
            if is_first:
                self.memory = one.base.initial(at)
            out, self.memory = one.base.update(vector, self.memory, at)
            u = np.asarray(out.components[0])
        elif one.momentum or one.dampening:
            dampening = one.momentum if one.is_mean else 0.0 if is_first else one.dampening
            self.velocity = one.momentum * self.velocity + (1 - dampening) * u
            u = u + one.momentum * self.velocity if one.is_nesterov else self.velocity
        step = one.kept * e - self.eta * schedule * outside * (u + one.decoupled * w)
        return clipped(step, how, limit) if what == WHOLE else step


# What an update clips.
DECAYED, WHOLE = "the direction with the decay", "the whole step"


def is_momentum(base: Base | None) -> bool:
    """Whether an `Update` has the numbers of this base step: none, or one of the two momenta."""
    return base is None or type(base) in (HeavyBall, Nesterov)


def of_base(base: Base | None) -> Update:
    """The update of an algorithm with this base step."""
    if base is None:
        return Update()
    if is_momentum(base):
        momentum: Any = base
        return Update(momentum=float(momentum.momentum), is_nesterov=type(base) is Nesterov)
    return Update(base=base)


# -- families of them ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """An update whose numbers are to be found.

    Attributes:
        update: what is fixed.
        free: the fields that are to be found; "rate" is one factor for all steps.
        n_departures: how many departures it has.
    """

    update: Update
    free: tuple[str, ...]
    n_departures: int

    def start(self, n_steps: int) -> list[float]:
        """Numbers to begin the search at."""
        return [_START[f] for f in self.free for _ in range(n_steps if f == "rates" else 1)]

    def filled(self, numbers: Any, n_steps: int) -> Update:
        """The update with these numbers."""
        left = list(map(float, numbers))
        found: dict[str, Any] = {}
        for name in self.free:
            if name in ("rate", "rates"):
                found["rates"] = tuple(
                    left.pop(0) for _ in range(n_steps if name == "rates" else 1)
                )
            else:
                found[name] = left.pop(0)
        return replace(self.update, **found)


_START = {
    "momentum": 0.5, "dampening": 0.1, "coupled": 0.0, "decoupled": 0.0, "kept": 0.5,
    "rate": 1.0, "rates": 1.0,
}  # fmt: skip

# Of an update alone, beside those of the direction; a schedule counts as two.
MOST_DEPARTURES = 5

# What is fixed, what is free, how many departures it is.
Choice = tuple[dict[str, Any], tuple[str, ...], int]
_NOTHING: Choice = ({}, (), 0)
_MOMENTA: tuple[Choice, ...] = (
    _NOTHING,
    ({}, ("momentum",), 1),
    ({"is_nesterov": True}, ("momentum",), 1),
    ({"momentum": -1.0}, (), 1),  # the stale iterate: w⁺ = w⁻ − ηd
    ({"is_mean": True}, ("momentum",), 2),
    ({}, ("momentum", "dampening"), 2),
)
_DECAYS: tuple[Choice, ...] = (
    _NOTHING, ({}, ("coupled",), 1), ({}, ("decoupled",), 1),
    ({"at_ascent": True}, ("coupled",), 1), ({}, ("coupled", "decoupled"), 2),
)  # fmt: skip
_KEPT: tuple[Choice, ...] = (
    _NOTHING, ({"kept": 1.0}, (), 1), ({"kept": 2.0}, (), 1), ({}, ("kept",), 2),
)  # fmt: skip
_RATES: tuple[Choice, ...] = (
    _NOTHING, ({}, ("rate",), 1), ({}, ("rates",), 2), ({"rates_inside": True}, ("rates",), 2),
)  # fmt: skip


@cache
def forms(*, ascends: bool, has_base: bool) -> tuple[Form, ...]:
    """All of them, the fewest departures first.

    Left out are those that are the same map as another: what is beside a momentum is that only
    where there is one, and what is of a perturbation needs one.
    """
    found = []
    momenta = _MOMENTA[:1] if has_base else _MOMENTA
    for parts in product(momenta, _DECAYS, _KEPT if ascends else _KEPT[:1], _RATES):
        fixed = {name: value for part in parts for name, value in part[0].items()}
        free = tuple(name for part in parts for name in part[1])
        n_departures = sum(part[2] for part in parts)
        remembers = has_base or parts[0] is not _MOMENTA[0]
        if not remembers and ("decoupled" in free or "rates_inside" in fixed):
            continue
        if not ascends and "at_ascent" in fixed:
            continue
        if n_departures > MOST_DEPARTURES or ("rates" in free and "kept" in free):
            continue
        found.append(Form(Update(**fixed), free, n_departures))
    return tuple(sorted(found, key=lambda form: (form.n_departures, len(form.free))))
