"""Results as a labelled dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.engine import attractors
from dynamics.engine.outcome import Outcome
from dynamics.experiments.experiment import Experiment

if TYPE_CHECKING:
    import xarray

Labelled = tuple[tuple[str, ...], np.ndarray]

_LONG_NAMES = {
    "algorithm": "algorithm",
    "rho": "ascent radius ρ",
    "eta": "learning rate η",
    "step": "step of the trace",
    "starts": "start of the run",
    "outcome": "what became of the run",
    "attractor": "critical set that the run ended in",
    "n_steps": "step at which the outcome was decided",
    "period": "period of the cycle",
    "amplitude": "amplitude of the cycle",
    "final": "last iterate",
    "final_loss": "loss at the last iterate",
}


def coordinates(experiment: Experiment) -> dict[str, Labelled]:
    """The labels of the runs and of the steps of a trace, by name, with their dims."""
    found: dict[str, Labelled] = {}
    if experiment.is_grid:
        found["algorithm"] = (("algorithm",), np.array([a.name for a in experiment.algorithms]))
        for name, values in (("rho", experiment.rho), ("eta", experiment.eta)):
            single = name in experiment.single
            found[name] = ((), values.reshape(())) if single else ((name,), values)
    else:
        found |= {"eta": (("run",), experiment.eta), "rho": (("run",), experiment.rho)}
    steps = experiment.trace_steps
    if steps is not None:
        found["step"] = (("step",), steps)
    return found


def starts(experiment: Experiment) -> Labelled:
    """The starts, with their dims."""
    if "start" in experiment.single:
        return ("dim",), experiment.starts[0]
    return (experiment.axes[-1], "dim"), experiment.starts


def attributes(name: str, experiment: Experiment) -> dict[str, Any]:
    """The attributes of one variable or coordinate: what its numbers stand for.

    Flags are those of the CF conventions: values of the variable's own type, and as many words
    between blanks. A blank within the name of a critical set is written as `_`.
    """
    long_name = _LONG_NAMES.get(name) or experiment.in_words(name)
    found: dict[str, Any] = {"long_name": long_name, "units": "1"}
    flags: dict[int, str] = {}
    if name == "outcome":
        flags = {int(one): one.name for one in Outcome}
    elif name == "attractor":
        sets = ("none", *(one.name for one in experiment.landscape.facts.critical_sets))
        flags = dict(enumerate(("_".join(one.split()) for one in sets), start=attractors.NONE))
    if flags:
        dtype = experiment.variables()[name].dtype
        found["flag_values"] = np.array(list(flags), dtype)
        found["flag_meanings"] = " ".join(flags.values())
    return found


def labelled(
    experiment: Experiment, values: dict[str, np.ndarray], attrs: dict[str, Any]
) -> xarray.Dataset:
    """Results of the extents of the experiment, by name, as a dataset that holds them."""
    import xarray

    dims, shape = experiment.dims, experiment.shape
    data: dict[str, Any] = {
        name: (dims + variable.dims, values[name].reshape(shape + variable.shape))
        for name, variable in experiment.variables().items()
    }
    where = {name: (axes, _own(a)) for name, (axes, a) in coordinates(experiment).items()}
    axes, points = starts(experiment)
    data["starts"] = (axes, _own(points))
    found = xarray.Dataset(data, where, attrs)
    for name, variable in found.variables.items():
        variable.attrs.update(attributes(str(name), experiment))
    return found


def _own(array: np.ndarray) -> np.ndarray:
    """The array, or a copy if it is a view of another, such as of one value for all runs."""
    return array if array.flags.writeable and array.flags.owndata else np.array(array)
