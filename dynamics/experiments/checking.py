"""Whether what a worker returned are results of the block that it was given."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dynamics.engine.attractors import NONE
from dynamics.engine.outcome import Outcome
from dynamics.experiments.experiment import Block, Experiment
from landscapes.checks import shown


class Returned(NamedTuple):
    """The results of a block, and whose they are."""

    token: str
    block: Block
    values: dict[str, np.ndarray]


def check(returned: Any, token: str, block: Block, experiment: Experiment) -> None:
    """`ValueError` unless these are results of the block, by their shape, type and range.

    A value within its range may still be wrong; only another computation would find that.
    """
    if not isinstance(returned, Returned):
        raise ValueError(f"it is {shown(returned)}")
    if (returned.token, returned.block) != (token, block):
        raise ValueError("it is of another block")
    values, expected = returned.values, experiment.variables()
    if not isinstance(values, dict) or set(values) != set(expected):
        raise ValueError(f"it has {shown(sorted(values))}, not {', '.join(expected)}")
    for name, variable in expected.items():
        array, shape = values[name], (block.runs, *variable.shape)
        if type(array) is not np.ndarray:
            raise ValueError(f"{name} is {shown(array)}, not an array")
        if array.dtype != variable.dtype or array.shape != shape:
            raise ValueError(
                f"{name} is {array.dtype} of shape {array.shape}, not {variable.dtype} of {shape}"
            )
    settings, sets = experiment.settings, experiment.landscape.facts.critical_sets
    ranges: dict[str, tuple[float, float]] = {
        "outcome": (min(Outcome), max(Outcome)),
        "attractor": (NONE, len(sets) - 1),
        "n_steps": (0, settings.n_steps),
        "period": (0, settings.criteria.max_period),
        # Of what is never NaN: infinite only where a loss overflows.
        "amplitude": (0, np.finfo(float).max),
        "final": (-np.finfo(float).max, np.finfo(float).max),
        "final_loss": (-np.inf, np.inf),
    }
    for name, (low, high) in ranges.items():
        array = values[name]
        if not ((array >= low) & (array <= high)).all():
            bad = array[~((array >= low) & (array <= high))][0]
            raise ValueError(f"{name} has {bad}, outside [{low}, {high}]")
