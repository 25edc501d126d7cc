"""One path, and functions of one point over many at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from dynamics.algorithms.algorithm import Algorithm, an_algorithm, initial_memory
from dynamics.algorithms.vector import ArrayVector
from dynamics.engine.lanes import learning_rates, points, radii
from dynamics.engine.outcome import MOST_STEPS
from dynamics.engine.stepper import Stepper
from landscapes import Landscape
from landscapes.checks import shown, whole_number

_FEWEST_STEPS = 32


def trajectory(
    landscape: Landscape,
    algorithm: Algorithm,
    start: Any,
    *,
    eta: float,
    rho: float = 0.0,
    n_steps: int,
    order: int = 0,
) -> Float[np.ndarray, "{n_steps}+1 dim"]:
    """One path, start included, in float64.

    Where an iterate would overflow, the path stays at the last finite one. `order` is the sample
    order that an algorithm which draws examples follows: in a sweep, the index of the start.

    Raises `ValueError` for η ≤ 0, ρ < 0, numbers that are not finite, a start of the wrong
    dimension, n_steps < 1, and for an algorithm that cannot run on the landscape.
    """
    if not isinstance(landscape, Landscape):
        raise ValueError(f"landscape must be a Landscape; got {shown(landscape)}")
    an_algorithm("algorithm", algorithm)
    algorithm.check(landscape)
    order = whole_number("order", order, minimum=0, maximum=MOST_STEPS)
    where, etas, rhos = points(start, landscape, "start"), learning_rates(eta), radii(rho)
    for name, values in (("start", where), ("eta", etas), ("rho", rhos)):
        if len(values) != 1:
            raise ValueError(f"{name} must be a single one; got {len(values)}; see `sweep`")
    n = whole_number("n_steps", n_steps, minimum=1, maximum=MOST_STEPS)
    # Compiled for the next power of two, so that lengths near each other share the code; and for
    # no fewer than steps that cost nothing beside a compilation.
    length = max(_FEWEST_STEPS, 1 << (n - 1).bit_length())
    with jax.enable_x64(True):
        path = _path(
            landscape, where[0], etas[0], rhos[0], np.int32(order), algorithm=algorithm,
            length=length,
        )  # fmt: skip
        return np.concatenate([where, np.asarray(path)[:n]])


@partial(jax.jit, static_argnames=("algorithm", "length"))
def _path(
    landscape: Landscape,
    start: Any,
    eta: Any,
    rho: Any,
    order: Any,
    *,
    algorithm: Algorithm,
    length: int,
) -> Any:
    stepper = Stepper(landscape, algorithm, eta, rho, order)

    def body(carry: Any, t: Any) -> tuple[Any, Any]:
        w, memory = carry
        ahead, memory = stepper.step(w, memory, t)
        finite = jnp.isfinite(landscape.join(ahead.components)).all()
        w = jax.tree.map(lambda new, old: jnp.where(finite, new, old), ahead, w)
        return (w, memory), landscape.join(w.components)

    w = ArrayVector(landscape.split(start))
    steps = jnp.arange(1, length + 1, dtype=jnp.int32)
    return lax.scan(body, (w, initial_memory(algorithm, w)), steps)[1]


def one_step(landscape: Landscape, algorithm: Algorithm, w: Any, eta: Any, rho: Any) -> Any:
    """The first step from the point w, shape `(dim,)`: pure JAX, to be used in `batched`."""
    point = ArrayVector(landscape.split(jnp.asarray(w)))
    stepper = Stepper(landscape, algorithm, jnp.asarray(eta), jnp.asarray(rho), jnp.int32(0))
    ahead, _ = stepper.step(point, initial_memory(algorithm, point), jnp.int32(1))
    return landscape.join(ahead.components)


def batched(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of one case, over arrays of cases: one compiled call, float64, NumPy out.

    The function is pure JAX; every argument gets a leading axis, landscapes included
    (`Quadratic.batch`).
    """
    compiled = jax.jit(jax.vmap(function))

    def over_cases(*arguments: Any) -> Any:
        with jax.enable_x64(True):
            return jax.tree.map(np.asarray, compiled(*arguments))

    return over_cases
