"""Where a foreign optimiser is tried: one loss without symmetry, and points of it.

The gradient is of polynomials, so that it runs on whatever arrays it is given, those of NumPy,
also complex ones, and those of JAX.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: The loss as `landscapes.Formula` reads it. Its only critical point within reach is the origin.
LOSS = "17*x^2/20 + 9*y^2/20 + z^2/5 + 3*x*y/10 - y*z/10 + x^4/40 + x^2*z/20 + y^3/30"
#: The parameters as two tensors, whose gradients are of unlike lengths.
TENSORS = (slice(0, 2), slice(2, 3))
DIM = 3
#: No coordinate 0 or ±1, none like another.
STARTS = (
    np.array([0.62, -1.37, 0.81]),
    np.array([-1.21, 0.43, 1.64]),
    np.array([0.37, 0.74, -1.18]),
)
ORIGIN = np.zeros(DIM)
N_STEPS = 4


def gradient(w: Any) -> Any:
    """∇L at w, shape `(3,)`, of the kind of array that w is."""
    x, y, z = w[0], w[1], w[2]
    parts = (
        17 * x / 10 + 3 * y / 10 + x**3 / 10 + x * z / 10,
        9 * y / 10 + 3 * x / 10 - z / 10 + y**2 / 10,
        2 * z / 5 - y / 10 + x**2 / 20,
    )
    return jnp.stack(parts) if isinstance(w, jax.Array) else np.array(parts)
