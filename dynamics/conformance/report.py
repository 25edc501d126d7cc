"""What is said of an optimiser: which algorithm it is, where it departs, and a witness of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynamics.algorithms.algorithm import Algorithm

#: What each departure is called, and what it means.
EXPLANATIONS = {
    "nan_at_critical_point": "where the gradient vanishes it does not stay but becomes NaN",
    "moves_at_critical_point": "where the gradient vanishes it does not stay",
    "epsilon_in_norm": "a number is in the norm that the gradient is divided by",
    "accumulated_gradient": (
        "the descent is by the sum of both gradients, as if the first were not zeroed before the "
        "second is taken"
    ),
    "per_tensor_norm": "each tensor is divided by its own norm, not by that of all",
    "wrong_sign": "the perturbation goes down the gradient, not up",
    "perturbation_never_applied": "two gradients are taken at each step, both of one point",
    "perturbation_never_removed": "the step begins at the perturbed point, not at the iterate",
    "restore_with_wrong_sign": "the perturbation is added a second time instead of removed",
    "perturbation_partly_removed": "a multiple of the perturbation stays in the iterate",
    "stale_iterate": "each step begins at the iterate before the last",
    "momentum": "a heavy ball's momentum is active",
    "nesterov_momentum": "Nesterov's momentum is active",
    "averaged_momentum": "the step is along a running mean of the directions",
    "dampening": "what enters the velocity is less by this part, but for the first step",
    "weight_decay": "a multiple of the weights is added to the direction",
    "clipping": "what is longer than this is made as short",
    "learning_rate": "each step is this multiple of what it should be",
    "learning_rate_schedule": "the learning rate changes from step to step",
    "float32": "it agrees to single precision only, though it was given doubles",
    "near_critical_point": "near a critical point it is another map",
    "unrecognised": "no algorithm, nor any with departures that are known, takes these steps",
}


@dataclass(frozen=True, eq=False)
class Witness:
    """One step, or a few, at which the difference is seen.

    Attributes:
        loss: as `landscapes.Formula` reads it, in x, y, z.
        examples: what is added to the loss in each example, () if none are drawn; step t = 1, 2, …
            draws number 2t mod 3.
        w: the start, shape `(3,)`.
        eta, rho: the learning rate and the radius.
        n_steps: how many steps are taken.
        expected: where the algorithm ends.
        got: where the optimiser does.
    """

    loss: str
    w: np.ndarray
    eta: float
    rho: float
    n_steps: int
    expected: np.ndarray
    got: np.ndarray
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Python that can be pasted."""
        examples = [f"examples = {list(self.examples)}"] if self.examples else []
        return "\n".join(
            (
                f'loss = "{self.loss}"',
                *examples,
                f"w, eta, rho, n_steps = {self.w.tolist()}, {self.eta}, {self.rho}, {self.n_steps}",
                f"expected = {self.expected.tolist()}",
                f"got = {_literal(self.got)}",
            )
        )


def _literal(v: np.ndarray) -> str:
    return f"[{', '.join(repr(x) if np.isfinite(x) else f'float({str(x)!r})' for x in v.tolist())}]"


@dataclass(frozen=True, eq=False)
class Departure:
    """One way in which an optimiser is not the algorithm.

    Attributes:
        name: one of `EXPLANATIONS`.
        size: the number in it, such as an epsilon or a momentum; None where there is none.
        detail: more than the name says, or "".
        witness: where it is seen.
    """

    name: str
    size: float | None
    detail: str
    witness: Witness

    def __str__(self) -> str:
        size = "" if self.size is None else f" {self.size:.3g}"
        more = f" ({self.detail})" if self.detail else ""
        return f"{self.name}{size}{more}: {EXPLANATIONS[self.name]}"

    @property
    def short(self) -> str:
        """A few words, as they stand in a sum of departures."""
        words = self.name.replace("_", " ").replace("epsilon in norm", "epsilon")
        if self.detail in ("decoupled", "coupled"):
            words = f"{self.detail} {words}"
        return words if self.size is None else f"{words} {self.size:.3g}"


@dataclass(frozen=True, eq=False)
class Report:
    """What `check_optimizer` found; printed, it is a short text.

    Attributes:
        algorithm: what the optimiser is, or departs from; None if it is like none.
        departures: where it departs, () if nowhere.
        used_as: how it was called.
    """

    algorithm: Algorithm | None
    departures: tuple[Departure, ...]
    used_as: str

    @property
    def conforms(self) -> bool:
        """Whether it is the algorithm, at every point that was tried."""
        return self.algorithm is not None and not self.departures

    @property
    def conforms_elsewhere(self) -> bool:
        """Whether it is the algorithm at every such point where the gradient does not vanish."""
        names = {departure.name for departure in self.departures}
        at_critical_points = {"nan_at_critical_point", "moves_at_critical_point"}
        return self.algorithm is not None and names <= at_critical_points

    def __str__(self) -> str:
        if self.conforms:
            return f"{self.algorithm}, exactly; used as {self.used_as}"
        what = "no known algorithm"
        if self.algorithm is not None:
            what = " + ".join([str(self.algorithm), *(each.short for each in self.departures)])
        lines = [f"{what}; used as {self.used_as}"]
        for departure in self.departures:
            lines.append(f"- {departure}")
            lines += [f"    {line}" for line in str(departure.witness).splitlines()]
        return "\n".join(lines)
