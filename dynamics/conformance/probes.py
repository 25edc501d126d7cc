"""Where a foreign optimiser is tried: one loss without symmetry, and points of it.

The gradient is of polynomials, so that it runs on whatever arrays it is given, those of NumPy,
also complex ones and many points at once, and those of JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: The loss as `landscapes.Formula` reads it. Its only critical point within reach is the origin.
LOSS = "17*x^2/20 + 9*y^2/20 + z^2/5 + 3*x*y/10 - y*z/10 + x^4/40 + x^2*z/20 + y^3/30"
#: What is added to it to make three examples, whose mean it is; critical at the origin as it is.
EXAMPLES = (
    " + x^2/20 - y^2/10 + x*z/20",
    " - y^2/20 + z^2/20",
    " - x^2/20 + 3*y^2/20 - x*z/20 - z^2/20",
)
#: The parameters as two tensors, whose gradients are of unlike lengths.
TENSORS = (slice(0, 2), slice(2, 3))
DIM = 3
#: No coordinate 0 or ±1, none like another. What an optimiser is, is found from these, …
STARTS = (
    np.array([0.62, -1.37, 0.81]),
    np.array([-1.21, 0.43, 1.64]),
    np.array([0.37, 0.74, -1.18]),
    np.array([1.46, 1.13, 0.29]),
    np.array([-0.53, -0.88, -1.71]),
    np.array([0.16, -0.34, 0.47]),
)
#: … and is confirmed from these, by longer paths.
FRESH = (np.array([-0.79, 1.28, 0.55]), np.array([1.07, -0.69, -1.42]))
ORIGIN = np.zeros(DIM)
N_STEPS, N_FRESH_STEPS = 5, 8


def gradient(w: Any) -> Any:
    """∇L at w, shape `(3,)` or `(3, n)`, of the kind of array that w is."""
    return _stacked(_parts(w), w)


def example_gradient(w: Any, t: int) -> Any:
    """∇ of the loss of the example that step t = 1, 2, … draws, never the same twice running."""
    x, y, z = w[0], w[1], w[2]
    added = (
        (x / 10 + z / 20, -y / 5, x / 20),
        (0 * x, -y / 10, z / 10),
        (-x / 10 - z / 20, 3 * y / 10, -x / 20 - z / 10),
    )[drawn(t)]
    return _stacked(tuple(a + b for a, b in zip(_parts(w), added, strict=True)), w)


def drawn(t: int) -> int:
    """Which of the three examples step t draws."""
    return 2 * t % 3


def gradients(draws: bool) -> Callable[[int], Callable[[Any], Any]]:
    """From the number of a step to the gradient that it is handed."""
    return lambda t: (lambda w: example_gradient(w, t)) if draws else gradient


def _parts(w: Any) -> tuple[Any, Any, Any]:
    x, y, z = w[0], w[1], w[2]
    return (
        17 * x / 10 + 3 * y / 10 + x**3 / 10 + x * z / 10,
        9 * y / 10 + 3 * x / 10 - z / 10 + y**2 / 10,
        2 * z / 5 - y / 10 + x**2 / 20,
    )


def _stacked(parts: tuple[Any, ...], w: Any) -> Any:
    return jnp.stack(parts) if isinstance(w, jax.Array) else np.array(parts)
