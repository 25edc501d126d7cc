"""Runs that are advanced together, and what is known of each."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from dynamics.engine.outcome import Outcome


class Result(NamedTuple):
    """What is known of each run; fields have one entry for each."""

    final: Any
    final_loss: Any
    outcome: Any
    n_steps: Any
    period: Any
    amplitude: Any


def empty_result(n: int, dim: int) -> Result:
    """Room for the results of n runs, of which nothing is known yet."""
    return Result(
        final=np.empty((dim, n)).T,  # coordinate by coordinate, as the runs are computed
        final_loss=np.empty(n),
        outcome=np.full(n, int(Outcome.BUDGET), dtype=np.int8),
        n_steps=np.zeros(n, dtype=np.int32),
        period=np.zeros(n, dtype=np.int8),
        amplitude=np.zeros(n),
    )


class Span(NamedTuple):
    """The steps from `begin`, which the runs have reached, to `end`.

    `begin` is 0 or a multiple of `check_every`; runs that are cut there and go on in another call
    end as if they had not been. With `early_stop` a run that is decided goes no further.
    """

    begin: Any
    end: Any
    early_stop: Any


class Runs(NamedTuple):
    """How far runs have come: one array over runs in each field.

    Attributes:
        components: the points, laid out as the landscape says.
        outcome, n_steps, period, amplitude: as in `Result`, as far as it is known.
    """

    components: tuple[Any, ...]
    outcome: Any
    n_steps: Any
    period: Any
    amplitude: Any


class Batch(NamedTuple):
    """Runs that are advanced together, with all that their next step depends on.

    Attributes:
        runs: how far they have come: `Runs`, or outside compiled code the `Result` so far.
        memory: of the algorithm's base step; before step 1 anything of the right shape.
        eta, rho: η and ρ of each.
        order: which sample order each draws from; () where the algorithm draws nothing.
        size: the largest coordinate of each start, in absolute value.
        real: where it is False there is no run, only padding. None: all are runs.
    """

    runs: Any
    memory: Any
    eta: Any
    rho: Any
    order: Any
    size: Any
    real: Any = None


def padded(batch: Batch, length: int) -> Batch:
    """The batch with its last run repeated up to the given length; itself if it is that long."""
    missing = length - len(batch.eta)

    def longer(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])

    return jax.tree.map(longer, batch) if missing else batch


def copy_back(found: Batch, batch: Batch) -> None:
    """Writes what was found of the first runs to where they came from."""
    for field, values in zip(
        (*batch.runs, *batch.memory), (*found.runs, *found.memory), strict=True
    ):
        field[...] = np.asarray(values)[: len(field)]
