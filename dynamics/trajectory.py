"""One path, and functions of one point over many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from dynamics.algorithms.algorithm import Algorithm, an_algorithm
from dynamics.engine.cases import FARTHEST, Cases, steps, traced_step
from dynamics.engine.lanes import OfRuns, learning_rates, points, radii
from dynamics.engine.outcome import MOST_STEPS
from dynamics.engine.programs import program
from dynamics.experiments.memory import in_words, memory_limit_in_bytes
from landscapes import Landscape, a_landscape
from landscapes.checks import whole_number


def trajectory(
    landscape: Landscape,
    algorithm: Algorithm,
    start: Any,
    *,
    eta: float,
    rho: float = 0.0,
    n_steps: int,
    order: int = 0,
    memory_limit: int | str | None = None,
) -> Float[np.ndarray, "{n_steps}+1 dim"]:
    """One path, start included, in float64: the iterates that `sweep` goes through, bit for bit.

    Where an iterate or its norm would overflow, or is undefined, the path stays at the one before.
    (A sweep calls a run diverged earlier, at the divergence radius of its criteria.) `order` is
    the sample order that an algorithm which draws examples follows: in a sweep, the index of the
    start.

    Raises `ValueError` for η ≤ 0, ρ < 0, numbers that are not finite, a start of the wrong
    dimension, n_steps < 1, and for an algorithm that cannot run on the landscape; `MemoryError`
    if the path and a copy of it do not fit `memory_limit`, bytes or a text such as "2GiB", by
    default a share of what is free.
    """
    a_landscape(landscape)
    an_algorithm("algorithm", algorithm)
    algorithm.check(landscape)
    order = whole_number("order", order, minimum=0, maximum=MOST_STEPS)
    where, etas, rhos = points(start, landscape, "start"), learning_rates(eta), radii(rho)
    for name, values in (("start", where), ("eta", etas), ("rho", rhos)):
        if len(values) != 1:
            raise ValueError(f"{name} must be a single one; got {len(values)}; see `sweep`")
    n = whole_number("n_steps", n_steps, minimum=1, maximum=MOST_STEPS)
    # With a copy, for whoever computes anything of a path needs another array of its size.
    limit, needed = memory_limit_in_bytes(memory_limit), 2 * 8 * (n + 1) * landscape.dim
    if needed > limit:
        raise MemoryError(
            f"the path and a copy of it take {in_words(needed)}, more than the memory_limit of "
            f"{in_words(limit)}; ask for fewer n_steps, or raise memory_limit"
        )
    return _path(landscape, algorithm, OfRuns(etas, rhos, where, np.array([order], np.int32)), n)


def _path(landscape: Landscape, algorithm: Algorithm, of_run: OfRuns, n_steps: int) -> np.ndarray:
    device = jax.local_devices()[0]
    compiled = program(landscape, algorithm, device.platform)
    placed = compiled.on_device(landscape, device)
    path = np.empty((n_steps + 1, landscape.dim))
    path[0], step = of_run.starts[0], 1
    for window in compiled.windows(placed, FARTHEST, of_run, n_steps, device=device):
        path[step : step + len(window)] = window[:, 0]
        step += len(window)
    return path


def one_step(landscape: Landscape, algorithm: Algorithm, w: Any, eta: Any, rho: Any) -> Any:
    """The first step from the point w, shape `(dim,)`: pure JAX, to be used in `batched`.

    There, and called with numbers, it is the first step of `trajectory`, bit for bit. Inside a
    compiled function of one's own XLA may round it otherwise.
    """
    given = jax.tree.leaves((landscape, w, eta, rho))
    if any(isinstance(leaf, Tracer) for leaf in given):
        return traced_step(landscape, algorithm, w, eta, rho)
    values = [np.asarray(value, np.float64) for value in (eta, rho, w)]
    shapes = ((1,), (1,), (1, landscape.dim))
    eta, rho, start = (v.reshape(shape) for v, shape in zip(values, shapes, strict=True))
    return steps(landscape, algorithm, OfRuns(eta, rho, start, np.zeros(1, np.int32)))[0]


def batched(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of one case, over arrays of cases: one compiled call, float64, NumPy out.

    The function is pure JAX; every argument gets a leading axis, landscapes included
    (`Quadratic.batch`). Steps in it are those of the runs, bit for bit.
    """
    return Cases(function)
