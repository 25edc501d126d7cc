"""What one would write or pick instead: SAM on the saddle in NumPy, optax, PyTorch and Numba.

Each is written as its users would, with what makes it fast there: the gradient by hand where that
is faster, coordinates apart in PyTorch, all cores. Packages are imported when asked for.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.row import optional
from benchmarks.workload import Engine, Workload
from landscapes.checks import Real


def paper(given: Workload) -> Engine:
    """NumPy as one writes it from the paper: the whole batch, a power, a norm."""
    etas, starts = given.each()

    def gradient(w: Real) -> Real:
        x, y = w[:, 0], w[:, 1]
        return np.stack([x**3 - y, y - x], axis=1)

    def run(n_steps: int) -> Real:
        w = starts
        for _ in range(n_steps):
            g = gradient(w)
            g_asc = gradient(w + given.rho * g / np.linalg.norm(g, axis=1, keepdims=True))
            w = w - etas[:, None] * g_asc
        return w

    return run


def optax(given: Workload) -> Engine:
    """`optax.contrib.sam` under vmap and scan; each of its steps is two updates."""
    plain, contrib = optional("optax"), optional("optax.contrib")
    eta, starts = given.each()

    def loss(w: jax.Array) -> jax.Array:
        return w[0] ** 4 / 4 - w[0] * w[1] + w[1] ** 2 / 2

    @partial(jax.jit, static_argnames="n_steps")
    def advance(eta: jax.Array, starts: jax.Array, n_steps: int) -> jax.Array:
        def one(eta: jax.Array, start: jax.Array) -> jax.Array:
            ascent = plain.chain(contrib.normalize(), plain.sgd(given.rho))
            sam = contrib.sam(plain.sgd(eta), ascent, sync_period=2)

            def update(carry: tuple, _: None) -> tuple[tuple, None]:
                w, state = carry
                change, state = sam.update(jax.grad(loss)(w), state, w)
                return (plain.apply_updates(w, change), state), None

            (w, _), _ = jax.lax.scan(update, (start, sam.init(start)), length=2 * n_steps)
            return w

        return jax.vmap(one)(eta, starts)

    def run(n_steps: int) -> Real:
        with jax.enable_x64(True):
            return np.asarray(advance(jnp.asarray(eta), jnp.asarray(starts), n_steps))

    return run


def torch(given: Workload) -> Engine:
    """A PyTorch loop over the whole batch, without autograd."""
    library = optional("torch")
    each, starts = given.each()
    eta, columns = library.from_numpy(each), library.from_numpy(np.ascontiguousarray(starts.T))

    def run(n_steps: int) -> Real:
        with library.no_grad():
            x, y = columns
            for _ in range(n_steps):
                gx, gy = x * x * x - y, y - x
                scale = given.rho / library.sqrt(gx * gx + gy * gy)
                a, b = x + scale * gx, y + scale * gy
                x, y = x - eta * (a * a * a - b), y - eta * (b - a)
            return library.stack([x, y], dim=1).numpy()

    return run


def numba(given: Workload) -> Engine:
    """A Numba loop over the runs in parallel, each run advanced through all its steps."""
    library = optional("numba")
    eta, starts = given.each()

    # Without Python's error for a division by zero, whose check in each step costs time.
    @library.njit(parallel=True, error_model="numpy")
    def advance(eta, w, rho, n_steps):
        for i in library.prange(len(eta)):
            x, y, h = w[i, 0], w[i, 1], eta[i]
            for _ in range(n_steps):
                gx, gy = x * x * x - y, y - x
                scale = rho / np.sqrt(gx * gx + gy * gy)
                a, b = x + scale * gx, y + scale * gy
                x, y = x - h * (a * a * a - b), y - h * (b - a)
            w[i, 0], w[i, 1] = x, y

    def run(n_steps: int) -> Real:
        w = starts.copy()
        advance(eta, w, given.rho, n_steps)
        return w

    return run
