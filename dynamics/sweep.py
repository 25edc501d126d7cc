"""Whole experiments: every algorithm on every η, ρ and start, labelled and with outcomes."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray

from dynamics import engine
from dynamics.algorithm import Algorithm
from dynamics.kernel import Result
from dynamics.lanes import Lanes, learning_rates, points, product, radii, together
from dynamics.observables import observe, parse
from dynamics.outcome import MOST_STEPS, Criteria, Outcome
from landscapes import Landscape, Quadratic
from landscapes.checks import shown, whole_number

Progress = Callable[[int, int], None]


def sweep(
    landscape: Landscape,
    algorithms: Algorithm | Sequence[Algorithm],
    *,
    eta: Any,
    rho: Any = 0.0,
    starts: Any,
    n_steps: int,
    criteria: Criteria | None = None,
    early_stop: bool = True,
    observables: Mapping[str, Any] | None = None,
    mean_last: int = 100,
    trace_every: int = 1,
    chunk_size: int | None = None,
    devices: engine.Devices | None = None,
    progress: bool | Progress = False,
) -> xarray.Dataset:
    """Runs every algorithm from every start with every ρ and η, and says what became of it.

    Args:
        landscape: the loss.
        algorithms: one, or several with distinct names.
        eta: learning rates > 0, a number or a list.
        rho: ascent radii ≥ 0, a number or a list. An algorithm that ignores ρ runs once.
        starts: points, shape `(n, dim)` or `(dim,)`.
        n_steps: the most steps a run may take, ≥ 1.
        criteria: when a run counts as decided.
        early_stop: a decided run stops; `final` is then its iterate at the deciding step. With
            False it goes on to `n_steps`, and its outcome stays the one decided first.
        observables: names of `OBSERVABLES` with one or more of `REDUCTIONS`, such as
            `{"sharpness": ("max", "last")}`. They are computed over all `n_steps`.
        mean_last: how many iterates `mean_last` averages.
        trace_every: the spacing of `trace`, in steps.
        chunk_size: runs per call of the compiled code, rounded to whole tiles of runs that are
            advanced together (1,024 of a low-dimensional landscape); None chooses.
        devices: where to run; None means all local devices.
        progress: True draws a bar; a function is called with runs done and runs in all.

    Returns:
        A dataset with dims `algorithm, rho, eta, start` (and `dim`, `step`), NumPy inside:

        * `outcome`: an `Outcome`, named in its attributes;
        * `attractor`: index of the critical set that holds `final` (names in its attributes), for
          runs that converged or are on a cycle; −1 for none;
        * `n_steps`: the step at which the outcome was decided;
        * `period`, `amplitude`: of the cycle; period 1 and amplitude 0 for a fixed point,
          0 and 0 where there is none;
        * `final`, `final_loss`: the last iterate (of a diverged run, the last inside the
          divergence radius, or the start) and its loss, inf where that overflows. Never NaN;
        * `starts`: the starts; and one variable `observable_reduction` for each asked for.

        The result is the same for every `chunk_size` and every number of devices.

    Raises:
        ValueError: for any argument outside the ranges above, before anything is compiled.
    """
    chosen = _algorithms(algorithms)
    _check_landscape(landscape)
    etas, rhos, where = learning_rates(eta), radii(rho), points(starts, landscape)
    settings = _Settings(
        n_steps, criteria, early_stop, observables, mean_last, trace_every, chunk_size, devices
    )
    lanes = {a: product(etas, rhos if a.uses_rho else rhos[:1], where) for a in chosen}
    dims = ("rho", "eta", "start")
    parts = []
    with _reporter(progress, sum(len(one) for one in lanes.values())) as advance:
        for a in chosen:
            variables = _run(landscape, a, lanes[a], settings, advance)
            shape = (len(rhos) if a.uses_rho else 1, len(etas), len(where))
            full = (len(rhos), *shape[1:])
            parts.append(
                {
                    name: np.broadcast_to(v.reshape(shape + v.shape[1:]), full + v.shape[1:])
                    for name, v in variables.items()
                }
            )
    data = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    dataset = _dataset(landscape, data, ("algorithm", *dims), trace_every).assign_coords(
        algorithm=[a.name for a in chosen], rho=rhos, eta=etas
    )
    dataset["starts"] = (("start", "dim"), where)
    return dataset.assign_attrs(_provenance(landscape, settings))


def ensemble(
    landscape: Landscape,
    algorithm: Algorithm,
    *,
    eta: Any,
    rho: Any = 0.0,
    starts: Any,
    n_steps: int,
    criteria: Criteria | None = None,
    early_stop: bool = True,
    observables: Mapping[str, Any] | None = None,
    mean_last: int = 100,
    trace_every: int = 1,
    chunk_size: int | None = None,
    devices: engine.Devices | None = None,
    progress: bool | Progress = False,
) -> xarray.Dataset:
    """Like `sweep`, for one algorithm and a list of runs instead of a grid.

    Run i has the i-th `eta`, `rho` and start; an argument of length one serves all runs. The
    dataset has the dim `run` in place of the grid's, and `eta` and `rho` are coordinates of it.
    """
    if not isinstance(algorithm, Algorithm):
        raise ValueError(f"algorithm must be an Algorithm such as SAM; got {shown(algorithm)}")
    _check_landscape(landscape)
    lanes = together(learning_rates(eta), radii(rho), points(starts, landscape))
    settings = _Settings(
        n_steps, criteria, early_stop, observables, mean_last, trace_every, chunk_size, devices
    )
    with _reporter(progress, len(lanes)) as advance:
        data = _run(landscape, algorithm, lanes, settings, advance)
    dataset = _dataset(landscape, data, ("run",), trace_every).assign_coords(
        eta=("run", np.array(lanes.eta)), rho=("run", np.array(lanes.rho))
    )
    dataset["starts"] = (("run", "dim"), np.array(lanes.starts))
    provenance = _provenance(landscape, settings) | {"algorithm": algorithm.name}
    return dataset.assign_attrs(provenance)


# -- the parts ---------------------------------------------------------------------------------


def _algorithms(algorithms: Any) -> tuple[Algorithm, ...]:
    given: Any = (algorithms,) if isinstance(algorithms, Algorithm) else algorithms
    iterable = isinstance(given, Iterable) and not isinstance(given, str)
    chosen: tuple[Any, ...] = tuple(given) if iterable else ()
    if not chosen:
        raise ValueError(f"algorithms must be one or more Algorithms; got {shown(algorithms)}")
    for a in chosen:
        if not isinstance(a, Algorithm):
            raise ValueError(f"algorithms must be Algorithms such as dynamics.SAM; got {shown(a)}")
    names = [a.name for a in chosen]
    if len(set(names)) < len(names):
        raise ValueError(f"algorithms must have distinct names; got {', '.join(names)}")
    return chosen


def _check_landscape(landscape: Any) -> None:
    if not isinstance(landscape, Landscape):
        raise ValueError(f"landscape must be a Landscape; got {shown(landscape)}")
    if isinstance(landscape, Quadratic) and landscape.spectrum.ndim != 1:
        raise ValueError("landscape must be a single one; Quadratic.batch is for `batched` only")


@dataclass(frozen=True)
class _Settings:
    """What is asked of every run, checked: see the arguments of `sweep`."""

    n_steps: Any
    criteria: Any
    early_stop: bool
    observables: Any
    mean_last: Any
    trace_every: Any
    chunk_size: Any
    devices: Any

    def __post_init__(self) -> None:
        whole_number("n_steps", self.n_steps, minimum=1, maximum=MOST_STEPS)
        whole_number("mean_last", self.mean_last, minimum=1)
        whole_number("trace_every", self.trace_every, minimum=1)
        if self.chunk_size is not None:
            whole_number("chunk_size", self.chunk_size, minimum=1)
        if self.criteria is not None and not isinstance(self.criteria, Criteria):
            raise ValueError(f"criteria must be a Criteria or None; got {shown(self.criteria)}")
        devices = self.devices
        if devices is not None and not (
            isinstance(devices, Sequence)
            and devices
            and all(hasattr(d, "platform") for d in devices)
        ):
            raise ValueError(f"devices must be a list of jax.Device or None; got {shown(devices)}")
        if not isinstance(self.early_stop, bool):
            raise ValueError(f"early_stop must be True or False; got {shown(self.early_stop)}")
        object.__setattr__(self, "criteria", self.criteria or Criteria())
        object.__setattr__(self, "observables", parse(self.observables))


def _run(
    landscape: Landscape,
    algorithm: Algorithm,
    lanes: Lanes,
    settings: _Settings,
    advance: Callable[[int], None],
) -> dict[str, np.ndarray]:
    result = engine.run(
        landscape,
        algorithm,
        lanes,
        n_steps=settings.n_steps,
        criteria=settings.criteria,
        early_stop=settings.early_stop,
        chunk_size=settings.chunk_size,
        devices=settings.devices,
        progress=advance,
    )
    attractor = attractors(landscape, result, settings.criteria)
    variables = result._asdict() | {"attractor": attractor}
    if settings.observables:
        variables |= observe(
            landscape,
            algorithm,
            lanes,
            settings.observables,
            n_steps=settings.n_steps,
            last=settings.mean_last,
            every=settings.trace_every,
            divergence_radius=settings.criteria.divergence_radius,
        )
    return variables


def attractors(landscape: Landscape, result: Result, criteria: Criteria) -> np.ndarray:
    """Index of the critical set that a run ended in, −1 for none."""
    found = np.full(len(result.outcome), -1, dtype=np.int16)
    ended = (result.outcome == Outcome.CONVERGED) | (result.outcome == Outcome.CYCLE)
    if not ended.any():
        return found
    # A cycle around a critical set passes it at a distance of at most the cycle's diameter.
    reach = 2 * result.amplitude[ended] + criteria.attractor_tolerance
    sets = landscape.facts.critical_sets
    distances = np.stack([s.distance(result.final[ended]) for s in sets])
    # Whoever is within the tolerance of several sets is in the most special, listed last.
    distances = np.where(distances <= criteria.attractor_tolerance, 0.0, distances)
    nearest = len(sets) - 1 - np.argmin(distances[::-1], axis=0)
    found[ended] = np.where(distances.min(axis=0) <= reach, nearest, -1)
    return found


def _dataset(
    landscape: Landscape, data: dict[str, np.ndarray], dims: tuple[str, ...], every: int
) -> xarray.Dataset:
    extra = {"final": ("dim",)} | {name: ("step",) for name in data if name.endswith("_trace")}
    dataset = xarray.Dataset({n: (dims + extra.get(n, ()), np.array(v)) for n, v in data.items()})
    dataset["outcome"].attrs = {
        "flag_values": [int(o) for o in Outcome],
        "flag_meanings": " ".join(o.name for o in Outcome),
    }
    dataset["attractor"].attrs = {
        "flag_values": [-1, *range(len(landscape.facts.critical_sets))],
        "flag_meanings": "; ".join(["none", *(s.name for s in landscape.facts.critical_sets)]),
    }
    if "step" in dataset.dims:
        dataset = dataset.assign_coords(step=every * np.arange(dataset.sizes["step"]))
    return dataset


def _provenance(landscape: Landscape, settings: _Settings) -> dict[str, Any]:
    packages = ("jax", "jaxlib", "numpy", "sympy", "xarray")
    versions = {p: importlib.metadata.version(p) for p in packages}
    return {
        "landscape": repr(landscape),
        "n_steps": settings.n_steps,
        "observables": " ".join(f"{o}:{r}" for o, r in settings.observables),
        "mean_last": settings.mean_last,
        "trace_every": settings.trace_every,
        "criteria": repr(settings.criteria),
        "early_stop": str(settings.early_stop),
        "precision": "float64",
        "device": engine.device_name(),
        "python": platform.python_version(),
    } | {f"{package}_version": version for package, version in versions.items()}


class _reporter:
    """Turns the `progress` argument into a context whose value is told of runs done."""

    def __init__(self, progress: bool | Progress, total: int) -> None:
        if not (isinstance(progress, bool) or callable(progress)):
            raise ValueError(f"progress must be True, False or a function; got {shown(progress)}")
        self._progress, self._total, self._done, self._bar = progress, total, 0, None

    def __enter__(self) -> Callable[[int], None]:
        if self._progress is True:
            from rich.progress import Progress as Bar

            self._bar = Bar()
            self._task = self._bar.add_task("runs", total=self._total)
            self._bar.start()
        return self._advance

    def _advance(self, count: int) -> None:
        self._done += count
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        elif callable(self._progress):
            self._progress(self._done, self._total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
