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

from dynamics.algorithm import Algorithm, step
from dynamics.lanes import learning_rates, points, radii
from dynamics.outcome import MOST_STEPS
from dynamics.vector import ArrayVector
from landscapes import Landscape
from landscapes.checks import shown, whole_number


def trajectory(
    landscape: Landscape,
    algorithm: Algorithm,
    start: Any,
    *,
    eta: float,
    rho: float = 0.0,
    n_steps: int,
) -> Float[np.ndarray, "{n_steps}+1 dim"]:
    """One path, start included, in float64.

    Where an iterate would overflow, the path stays at the last finite one. Raises `ValueError`
    for η ≤ 0, ρ < 0, numbers that are not finite, a start of the wrong dimension, n_steps < 1.
    """
    if not isinstance(landscape, Landscape):
        raise ValueError(f"landscape must be a Landscape; got {shown(landscape)}")
    if not isinstance(algorithm, Algorithm):
        raise ValueError(f"algorithm must be an Algorithm such as SAM; got {shown(algorithm)}")
    where, etas, rhos = points(start, landscape, "start"), learning_rates(eta), radii(rho)
    for name, values in (("start", where), ("eta", etas), ("rho", rhos)):
        if len(values) != 1:
            raise ValueError(f"{name} must be a single one; got {len(values)}; see `sweep`")
    n = whole_number("n_steps", n_steps, minimum=1, maximum=MOST_STEPS)
    # Compiled for the next power of two, so that lengths near each other share the code.
    length = 1 << (n - 1).bit_length()
    with jax.enable_x64(True):
        path = _path(landscape, where[0], etas[0], rhos[0], algorithm=algorithm, length=length)
        return np.concatenate([where, np.asarray(path)[:n]])


@partial(jax.jit, static_argnames=("algorithm", "length"))
def _path(
    landscape: Landscape, start: Any, eta: Any, rho: Any, *, algorithm: Algorithm, length: int
) -> Any:
    def body(w: Any, _: None) -> tuple[Any, Any]:
        following = one_step(landscape, algorithm, w, eta, rho)
        w = jnp.where(jnp.isfinite(following).all(), following, w)
        return w, w

    return lax.scan(body, start, length=length)[1]


def one_step(landscape: Landscape, algorithm: Algorithm, w: Any, eta: Any, rho: Any) -> Any:
    """One step from the point w, shape `(dim,)`: a pure JAX function, to be used in `batched`."""

    def gradient(v: ArrayVector) -> ArrayVector:
        return ArrayVector(landscape.gradient_of(v.components))

    point = ArrayVector(landscape.split(jnp.asarray(w)))
    return landscape.join(step(gradient, algorithm, point, eta, rho).components)


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
