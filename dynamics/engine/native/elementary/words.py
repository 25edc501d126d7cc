"""Random words: a function of a key and of what is counted."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry2x32(key: Any, other_key: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Two words of 32 bits, by 20 rounds of Threefry (Salmon et al. 2011, section 3)."""
    keys = (key, other_key, key ^ other_key ^ jnp.uint32(_PARITY))
    x, y = x + key, y + other_key
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            left = lax.shift_left(y, jnp.full_like(y, rotation))
            y = (left | lax.shift_right_logical(y, jnp.full_like(y, 32 - rotation))) ^ x
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return x, y
