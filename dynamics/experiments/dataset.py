"""Results as a labelled dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.engine import attractors
from dynamics.engine.outcome import Outcome
from dynamics.experiments.experiment import Experiment
from landscapes import Landscape

if TYPE_CHECKING:
    import xarray

Labelled = tuple[tuple[str, ...], np.ndarray]


def coordinates(experiment: Experiment) -> dict[str, Labelled]:
    """The labels of the runs and of the steps of a trace, by name, with their dims."""
    run = experiment.dims[-1]
    if experiment.is_grid:
        names = np.array([a.name for a in experiment.algorithms])
        found = {"algorithm": (("algorithm",), names)}
        found |= {"rho": (("rho",), experiment.rho), "eta": (("eta",), experiment.eta)}
    else:
        found = {"eta": ((run,), experiment.eta), "rho": ((run,), experiment.rho)}
    traces = [v.shape[0] for v in experiment.variables().values() if v.dims == ("step",)]
    if traces:
        found["step"] = (("step",), experiment.settings.trace_every * np.arange(traces[0]))
    return found


def starts(experiment: Experiment) -> Labelled:
    """The starts, with their dims."""
    return (experiment.dims[-1], "dim"), experiment.starts


def attributes(name: str, landscape: Landscape) -> dict[str, Any]:
    """The attributes of one variable: what its numbers stand for."""
    if name == "outcome":
        flags = {int(one): one.name for one in Outcome}
        return {"flag_values": list(flags), "flag_meanings": " ".join(flags.values())}
    if name == "attractor":
        names = ["none", *(one.name for one in landscape.facts.critical_sets)]
        values = list(range(attractors.NONE, len(names) - 1))
        return {"flag_values": values, "flag_meanings": "; ".join(names)}
    return {}


def labelled(
    experiment: Experiment, values: dict[str, np.ndarray], attrs: dict[str, Any]
) -> xarray.Dataset:
    """Results of the shape of the experiment, by name, as a dataset that holds them."""
    import xarray

    dims, landscape = experiment.dims, experiment.landscape
    data: dict[str, Any] = {
        name: (dims + variable.dims, values[name], attributes(name, landscape))
        for name, variable in experiment.variables().items()
    }
    where = {name: (axes, _own(a)) for name, (axes, a) in coordinates(experiment).items()}
    axes, points = starts(experiment)
    data["starts"] = (axes, _own(points))
    return xarray.Dataset(data, where, attrs)


def _own(array: np.ndarray) -> np.ndarray:
    """The array, or a copy if it is a view that repeats one value for all runs."""
    return array if array.flags.writeable else np.array(array)
