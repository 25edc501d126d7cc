"""Whole experiments: every algorithm on every η, ρ and start, labelled and with outcomes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.algorithms.algorithm import Algorithm, an_algorithm, what_to_write
from dynamics.engine import engine
from dynamics.engine.lanes import learning_rates, made_by, points, radii, together
from dynamics.engine.outcome import Criteria
from dynamics.experiments.execution import Means, carry_out
from dynamics.experiments.experiment import Experiment, Settings
from dynamics.experiments.progress import Progress
from landscapes import Landscape, Quadratic, a_landscape
from landscapes.checks import shown
from landscapes.fact_probe import warn_of_false_facts

if TYPE_CHECKING:
    import xarray


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
    observables: Mapping[Any, Any] | Iterable[Any] | None = None,
    mean_last: int = 100,
    trace_every: int = 1,
    chunk_size: int | None = None,
    devices: engine.Devices | None = None,
    progress: bool | Progress = False,
    store: str | os.PathLike[str] | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    memory_limit: int | str | None = None,
    block_size: int | None = None,
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
        observables: names of `OBSERVABLES`, or pure JAX functions of a landscape and a point
            `(dim,)`, with one or more of `REDUCTIONS`, such as `{"sharpness": ("max", "last")}`;
            of a list, the last values. They are computed over all `n_steps`, at the iterates of
            the runs to the last bit. What diverges is held at its last iterate inside.
            `"lyapunov"` has reductions of its own: `largest`, `largest_error`, and of at most four
            dimensions `spectrum`, `spectrum_error`, in e-folds a step; NaN of what leaves.
            `dynamics/engine/lyapunov.py` says how.
        mean_last: how many iterates `mean_last` averages.
        trace_every: the spacing of `trace`, in steps.
        chunk_size: runs per call of the compiled code, rounded to whole tiles of runs that are
            advanced together; None chooses.
        devices: where to run; None means all local devices.
        progress: True draws a bar; a function is called with runs done and runs in all.
        store: a folder to keep the results in, in Zarr's format, so that they need not fit
            memory and survive an interrupt. None keeps them in memory.
        resume: True completes what is missing in `store`; with False nothing may be there yet.
        executor: where to compute, such as a pool of processes started by "spawn" or the
            executor of a Dask client; each worker uses its own devices. None: in this process.
        memory_limit: bytes, or a text such as "2GiB", that results and work may take. None: a
            share of what is free.
        block_size: the most runs that are computed, kept and resumed together; None chooses.

    Returns:
        A dataset with dims `algorithm, rho, eta, start` (and `dim`, `step`), with NumPy arrays
        or, of a store, arrays that are read when they are used. An `eta` or `rho` that is one
        number, and `starts` of one point `(dim,)`, are no dims: `eta` and `rho` are then
        coordinates without one. Every variable has `long_name` and `units`:

        * `outcome`: an `Outcome`, named in its attributes;
        * `attractor`: index of the critical set that holds `final` (names in its attributes), for
          runs that converged or are on a cycle; −1 for none;
        * `n_steps`: the step at which the outcome was decided;
        * `period`, `amplitude`: of the cycle; period 1 and amplitude 0 for a fixed point,
          0 and 0 where there is none;
        * `final`, `final_loss`: the last iterate (of a diverged run, the last inside the
          divergence radius, of an undefined one the last that is defined, or else the start) and
          its loss, inf where that overflows or is undefined. Never NaN;
        * `starts`: the starts; and one variable `observable_reduction` for each asked for.

        The result is the same for every `chunk_size`, `block_size` and number of devices, in
        memory and from a store, here and on an executor. docs/large_sweeps.md says more.

    Raises:
        ValueError: for any argument outside the ranges above, or if the store was made with
            other arguments, before anything is compiled.
        MemoryError: if the results do not fit `memory_limit`, before anything is compiled.
        FileExistsError: if something is at `store` and it is not to be resumed or is no store.
        StoreError: if another sweep is writing to `store`, or its description is not what a sweep
            wrote. Damaged chunks are named in a warning and made anew.
        OSError: if `store` cannot be written to. What is finished is kept.
        RuntimeError: if the executor cannot run the sweep, or a worker is lost for good.
        KeyboardInterrupt: with a store, saying what is finished and how to resume.
    """
    settings = Settings(
        n_steps, criteria, early_stop, observables, mean_last, trace_every, chunk_size, devices
    )
    means = Means(store, resume, executor, memory_limit, block_size, progress)
    return _carried_out(
        landscape, _algorithms(algorithms), (eta, rho, starts), settings, means, is_grid=True
    )


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
    observables: Mapping[Any, Any] | Iterable[Any] | None = None,
    mean_last: int = 100,
    trace_every: int = 1,
    chunk_size: int | None = None,
    devices: engine.Devices | None = None,
    progress: bool | Progress = False,
    store: str | os.PathLike[str] | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    memory_limit: int | str | None = None,
    block_size: int | None = None,
) -> xarray.Dataset:
    """Like `sweep`, for one algorithm and a list of runs instead of a grid.

    Run i has the i-th `eta`, `rho` and start; an argument of length one serves all runs. The
    dataset has the dim `run` in place of the grid's, and `eta` and `rho` are coordinates of it.
    """
    an_algorithm("algorithm", algorithm)
    settings = Settings(
        n_steps, criteria, early_stop, observables, mean_last, trace_every, chunk_size, devices
    )
    means = Means(store, resume, executor, memory_limit, block_size, progress)
    return _carried_out(landscape, (algorithm,), (eta, rho, starts), settings, means, is_grid=False)


# -- the parts ---------------------------------------------------------------------------------


def _single(eta: Any, rho: Any, starts: Any) -> frozenset[str]:
    """Which axes of the grid are given as one value, by name."""
    ndims = {"eta": np.ndim(eta), "rho": np.ndim(rho), "start": np.ndim(starts) - 1}
    return frozenset(axis for axis, ndim in ndims.items() if ndim == 0)


def _carried_out(
    landscape: Landscape,
    algorithms: tuple[Algorithm, ...],
    given: tuple[Any, Any, Any],
    settings: Settings,
    means: Means,
    *,
    is_grid: bool,
) -> xarray.Dataset:
    """The results of all runs that η, ρ and starts give: of their grid, or one after the other."""
    _check_landscape(landscape)
    for one in algorithms:
        one.check(landscape)
    eta, rho, starts = learning_rates(given[0]), radii(given[1]), points(given[2], landscape)
    if not is_grid:
        lanes = together(eta, rho, starts)
        eta, rho, starts = lanes.eta, lanes.rho, lanes.starts
    experiment = Experiment(
        landscape,
        algorithms,
        eta,
        rho,
        starts,
        made_by(given[2]),
        settings,
        is_grid,
        single=_single(*given) if is_grid else frozenset(),
    )
    return carry_out(experiment, means)


def _algorithms(algorithms: Any) -> tuple[Algorithm, ...]:
    if isinstance(algorithms, Mapping):
        algorithms = algorithms.values()  # as ALGORITHMS is
    given: Any = (algorithms,) if isinstance(algorithms, Algorithm) else algorithms
    iterable = isinstance(given, Iterable) and not isinstance(given, str)
    chosen: tuple[Any, ...] = tuple(given) if iterable else ()
    if not chosen:
        got = f"{shown(algorithms)}{what_to_write(algorithms)}"
        raise ValueError(f"algorithms must be one or more Algorithms; got {got}")
    for a in chosen:
        if not isinstance(a, Algorithm):
            got = f"{shown(a)}{what_to_write(a)}"
            raise ValueError(f"algorithms must be Algorithms such as dynamics.SAM; got {got}")
    names = [a.name for a in chosen]
    if len(set(names)) < len(names):
        raise ValueError(f"algorithms must have distinct names; got {', '.join(names)}")
    return chosen


def _check_landscape(landscape: Any) -> None:
    a_landscape(landscape)
    warn_of_false_facts(landscape)  # and what goes wrong in `facts` does so before the runs
    if isinstance(landscape, Quadratic) and landscape.spectrum.ndim != 1:
        raise ValueError("landscape must be a single one; Quadratic.batch is for `batched` only")
