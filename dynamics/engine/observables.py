"""Quantities along a run, asked for by name or by function, reduced while the run goes on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine.lanes import Lanes
from dynamics.engine.lyapunov import MOST_EXPONENTS, exponents
from dynamics.engine.program import Program
from dynamics.engine.programs import program
from dynamics.engine.reading import Function, loss, of_structure, reader, shape_of
from landscapes import CriticalKind, Landscape
from landscapes.checks import shown

#: Functions of a landscape and one point `(dim,)`, by name.
OBSERVABLES: dict[str, Function] = {}
REDUCTIONS = ("last", "max", "min", "argmin", "mean_last", "trace")
#: What can be asked for of "lyapunov": the largest exponent, all, and their standard errors.
LYAPUNOV = ("largest", "largest_error", "spectrum", "spectrum_error")


def register(function: Function) -> Function:
    """Adds an observable: a pure JAX function of a landscape and one point `(dim,)`.

    It returns a number or an array. Another of the same name is replaced, with a warning.
    """
    name = function.__name__
    if OBSERVABLES.get(name, function) is not function:
        warnings.warn(f"the observable {name} is defined again, and replaced", stacklevel=2)
    OBSERVABLES[name] = function
    return function


register(loss)


@register
@of_structure
def iterate(landscape: Landscape, w: Any) -> Any:
    """w itself."""
    return w


@register
@of_structure
def gradient_norm(landscape: Landscape, w: Any) -> Any:
    """‖∇L(w)‖."""
    return ArrayVector(landscape.gradient_of(landscape.split(w))).norm()


@register
@of_structure
def point_norm(landscape: Landscape, w: Any) -> Any:
    """‖w‖."""
    return ArrayVector(landscape.split(w)).norm()


@register
@of_structure
def sharpness(landscape: Landscape, w: Any) -> Any:
    """λ₁, the largest eigenvalue of ∇²L(w)."""
    return jnp.linalg.eigvalsh(landscape.hessian(w))[-1]


@register
@of_structure
def alignment(landscape: Landscape, w: Any) -> Any:
    """|cos| of the angle between ∇L(w) and the top eigenvector of ∇²L(w); 0 where ∇L(w) = 0."""
    top = jnp.linalg.eigh(landscape.hessian(w))[1][:, -1]
    g = ArrayVector(landscape.gradient_of(landscape.split(w))).unit()
    return jnp.abs(jnp.dot(landscape.join(g.components), top))


@register
def distance_to_minima(landscape: Landscape, w: Any) -> Any:
    """Euclidean distance of w to the nearest set of minima."""
    sets = [s for s in landscape.facts.critical_sets if s.kind is CriticalKind.MINIMUM]
    return jnp.min(jnp.stack([s.distance(w) for s in sets]))


def lyapunov(landscape: Landscape, w: Any) -> Any:
    """Lyapunov exponents, which belong to a run and not to a point: see `engine.lyapunov`."""
    raise TypeError("Lyapunov exponents belong to a run; ask a sweep or an ensemble for them")


# -- what is asked for -------------------------------------------------------------------------


class Asked(NamedTuple):
    """One reduction of one observable."""

    observable: str
    reduction: str
    function: Function

    def __reduce__(self) -> tuple[Any, ...]:
        # What is registered is known by its name to a worker, too; anything else goes along.
        if OBSERVABLES.get(self.observable) is self.function:
            return _registered, (self.observable, self.reduction)
        return Asked, tuple(self)

    @property
    def name(self) -> str:
        """Of the variable in the dataset."""
        return f"{self.observable}_{self.reduction}"

    @property
    def in_words(self) -> str:
        """What the variable is, such as `max of loss`."""
        reduction, words = (" ".join(name.split("_")) for name in (self.reduction, self.observable))
        if self.function is lyapunov:
            what = self.reduction.split("_")[0]
            found = {"largest": "largest Lyapunov exponent", "spectrum": "Lyapunov exponents"}[what]
            return f"standard error of the {found}" if self.reduction != what else found
        return f"{reduction} of {words}"

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int32 if self.reduction == "argmin" else np.float64)

    def shape(self, landscape: Landscape) -> tuple[int, ...]:
        """Of a value of the observable; `ValueError` if it is no function of a point."""
        if self.function is lyapunov:
            if self.reduction.startswith("largest"):
                return ()
            if landscape.dim > MOST_EXPONENTS:
                raise ValueError(
                    f"observables: the spectrum of lyapunov is found up to dim {MOST_EXPONENTS}, "
                    f"and the landscape has dim {landscape.dim}; ask for largest"
                )
            return (landscape.dim,)
        try:
            return shape_of(self.function, landscape)
        except Exception as error:
            raise ValueError(
                f"observables: {self.observable} must be a JAX function of a landscape and a "
                f"point w of shape ({landscape.dim},), which returns a number or an array; "
                f"it raised {type(error).__name__}: {error}"
            ) from error

    def axes(self, landscape: Landscape) -> tuple[str, ...]:
        """The names of the axes of a value."""
        if self.function is iterate:
            return ("dim",)
        if self.function is lyapunov:
            return ("exponent",) if self.shape(landscape) else ()
        n = len(self.shape(landscape))
        return tuple(f"{self.observable}_axis" + (f"_{i}" if n > 1 else "") for i in range(n))


def _registered(observable: str, reduction: str) -> Asked:
    # A missing one is reported by whoever looks whether a worker can do its job.
    return Asked(observable, reduction, OBSERVABLES.get(observable, _missing))


def _missing(_: Landscape, __: Any) -> Any:
    raise RuntimeError("the observable is not registered in this process")


def is_missing(asked: Asked) -> bool:
    """Whether it came from a process in which more observables are registered than here."""
    return asked.function is _missing


def parse(requested: Any) -> tuple[Asked, ...]:
    """What is asked for, or a `ValueError` that lists what there is.

    A mapping from observables to one or more reductions, or a list of observables, of which the
    last values are then meant, and of "lyapunov" the largest exponent with its error. An observable
    is a name or a function.
    """
    if requested is None:
        return ()
    if callable(requested) or isinstance(requested, str) or not isinstance(requested, Iterable):
        raise ValueError(
            "observables must be a mapping from names or functions to reductions such as "
            f'{{"loss": "last"}}, or a list of them; got {shown(requested)}'
        )
    pairs = (
        requested.items() if isinstance(requested, Mapping) else ((o, "last") for o in requested)
    )
    found: dict[str, Asked] = {}
    for observable, reductions in pairs:
        name, function = _named(observable)
        there_are = REDUCTIONS
        if function is lyapunov:
            there_are = LYAPUNOV
            reductions = LYAPUNOV[:2] if not isinstance(requested, Mapping) else reductions
        several: Any = reductions if isinstance(reductions, (tuple, list)) else (reductions,)
        for reduction in several:
            if reduction not in there_are:
                raise ValueError(
                    f"observables: the reduction of {name} must be among {', '.join(there_are)}; "
                    f"got {shown(reduction)}"
                )
            asked = Asked(name, reduction, function)
            if found.setdefault(asked.name, asked).function is not function:
                raise ValueError(f"observables must have distinct names; got {name} twice")
    return tuple(found.values())


def _named(observable: Any) -> tuple[str, Function]:
    if isinstance(observable, str) and observable in OBSERVABLES:
        return observable, OBSERVABLES[observable]
    if observable is lyapunov or (isinstance(observable, str) and observable == "lyapunov"):
        return "lyapunov", lyapunov
    if callable(observable) and getattr(observable, "__name__", "").isidentifier():
        return observable.__name__, observable
    raise ValueError(
        f"observables must be among {', '.join(OBSERVABLES)}, lyapunov; got {shown(observable)}. "
        "They may also be functions of a landscape and a point, which must have a name (no lambda)"
    )


# -- along the runs ----------------------------------------------------------------------------


class Along(NamedTuple):
    """How observables are reduced over the steps 0 … `n_steps`.

    `mean_last` is over the last `last` iterates, `trace` has steps 0, `every`, 2·`every`, …. A run
    that leaves the ball of the divergence radius is held at its last iterate inside.
    """

    n_steps: int
    last: int
    every: int
    divergence_radius: float


def observe(
    landscape: Landscape,
    algorithm: Algorithm,
    lanes: Lanes,
    asked: tuple[Asked, ...],
    along: Along,
    devices: Any = None,
) -> dict[str, np.ndarray]:
    """What is asked for of every run, by the name of its variable.

    The iterates are those of the runs, bit for bit, and each observable has the value that it has
    wherever else it is read.
    """
    device = (devices or jax.local_devices())[0]
    of_runs = tuple(one for one in asked if one.function is lyapunov)
    if of_runs:
        of_points = tuple(one for one in asked if one.function is not lyapunov)
        found = observe(landscape, algorithm, lanes, of_points, along, devices) if of_points else {}
        return found | _lyapunov(landscape, algorithm, lanes, of_runs, along, device)
    compiled = program(landscape, algorithm, device.platform)
    placed = compiled.on_device(landscape, device)
    found = {
        one.name: np.zeros(
            (len(lanes), *_steps(one, along), *one.shape(landscape)), dtype=one.dtype
        )
        for one in asked
    }

    def tile(begin: int) -> None:
        which = slice(begin, min(begin + compiled.tile, len(lanes)))
        reductions = [_Reduction(one, found[one.name][which], along) for one in asked]
        for step, window in _windows(compiled, placed, lanes, which, along, device):
            read: dict[tuple[Function, bytes], np.ndarray] = {}
            for one in reductions:
                rows = one.rows(step, len(window))
                if len(rows) == 0:
                    continue
                # Reductions that want the same steps of an observable share its values.
                key = one.asked.function, rows.tobytes()
                if key not in read:
                    points = window if len(rows) == len(window) else window[rows]
                    function = reader(one.asked.function, landscape, device.platform)
                    read[key] = function(landscape, points, device)
                one.take(step + rows, read[key])

    # Compiled once, before threads ask for it at the same time.
    for one in asked:
        reader(one.function, landscape, device.platform)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in pool.map(tile, range(0, len(lanes), compiled.tile)):
            pass
    return found


def _lyapunov(
    landscape: Landscape,
    algorithm: Algorithm,
    lanes: Lanes,
    asked: tuple[Asked, ...],
    along: Along,
    device: Any,
) -> dict[str, np.ndarray]:
    """What is asked for of the Lyapunov exponents, by name."""
    # The first of more exponents is the same: Gram–Schmidt leaves the first direction as it is.
    k = max((*shape, 1)[0] for shape in (one.shape(landscape) for one in asked))
    radius = along.divergence_radius
    values, errors = exponents(landscape, algorithm, lanes, along.n_steps, radius, k, device)
    found = {"largest": values[:, 0], "largest_error": errors[:, 0],
             "spectrum": values, "spectrum_error": errors}  # fmt: skip
    return {one.name: found[one.reduction] for one in asked}


def _steps(asked: Asked, along: Along) -> tuple[int, ...]:
    return (along.n_steps // along.every + 1,) if asked.reduction == "trace" else ()


def _windows(
    compiled: Program, landscape: Landscape, lanes: Lanes, which: slice, along: Along, device: Any
) -> Iterator[tuple[int, np.ndarray]]:
    """The points of all steps, in windows, each with its first step."""
    of_runs = lanes.take(which)
    yield 0, of_runs.starts[None]
    step = 1
    radius = along.divergence_radius
    for window in compiled.windows(landscape, radius, of_runs, along.n_steps, device=device):
        yield step, window
        step += len(window)


class _Reduction:
    """One reduction on its way along some runs."""

    def __init__(self, asked: Asked, out: np.ndarray, along: Along) -> None:
        self.asked, self._out, self._along = asked, out, along
        self._last = min(along.last, along.n_steps + 1)
        # The least so far, where only its step is asked for.
        self._least = np.full(out.shape, np.inf) if asked.reduction == "argmin" else out

    def rows(self, step: int, n: int) -> np.ndarray:
        """Which of the n steps from `step` on it depends on."""
        steps = np.arange(step, step + n)
        of_all = self._along.n_steps
        wanted = {
            "last": steps == of_all,
            "mean_last": steps > of_all - self._last,
            "trace": steps % self._along.every == 0,
        }
        return np.flatnonzero(wanted.get(self.asked.reduction, np.ones(n, bool)))

    def take(self, steps: np.ndarray, values: np.ndarray) -> None:
        """Goes on by the values at these steps, `(steps, runs, …)`."""
        out, reduction = self._out, self.asked.reduction
        if reduction == "last":
            out[...] = values[-1]
        elif reduction == "trace":
            out[:, steps // self._along.every] = np.moveaxis(values, 0, 1)
        elif reduction == "mean_last":
            # One after the other, so that the sum does not depend on how steps are cut.
            for value in values:
                out += value
            if steps[-1] == self._along.n_steps:
                out /= self._last
        elif reduction == "max":
            largest = np.maximum.reduce(values, axis=0)
            out[...] = largest if steps[0] == 0 else np.maximum(out, largest)
        else:
            least = np.minimum.reduce(values, axis=0)
            first = steps[0] + np.argmin(values, axis=0)
            better = np.full(out.shape, True) if steps[0] == 0 else _less(least, self._least)
            if reduction == "argmin":
                out[better] = first[better]
            self._least[better] = least[better]


def _less(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Where the new is less; what is no number is less than all, as `np.minimum` has it."""
    return (new < old) | (np.isnan(new) & ~np.isnan(old))
