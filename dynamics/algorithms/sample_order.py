"""Which examples of a finite sum a step draws: orders that can be made again and shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import gcd
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Int

from landscapes.checks import shown, whole_number


@dataclass(frozen=True)
class SampleOrder:
    """The examples drawn at each step, as a function of seed, run and step alone.

    So every algorithm, every η and ρ, and every loss of as many examples meets the same examples
    in the same order: differences between runs are not chance. Runs differ by their start:
    in a sweep the i-th start has order i, in an ensemble the i-th run has.

    Attributes:
        batch: how many examples a step draws, ≥ 1; their gradients are averaged.
        seed: ≥ 0.
        replacement: True draws each example from all, independently; False goes through all of
            them in epochs, each shuffled anew (a batch may then begin in one and end in the next).

    Raises `ValueError` for values outside these ranges.
    """

    batch: int = 1
    seed: int = 0
    replacement: bool = True

    def __post_init__(self) -> None:
        for name, least, most in (("batch", 1, None), ("seed", 0, 2**32 - 1)):
            number = whole_number(name, getattr(self, name), minimum=least, maximum=most)
            object.__setattr__(self, name, number)
        if not isinstance(self.replacement, bool):
            raise ValueError(f"replacement must be True or False; got {shown(self.replacement)}")

    def drawn(self, n_examples: int, run: Any, t: Any) -> Any:
        """The examples of step t = 1, 2, …, shape `(batch,)`. Pure JAX; `run` and t traced."""
        key = jax.random.fold_in(jax.random.key(self.seed, impl="threefry2x32"), run)
        if self.replacement:
            # In 32 bits whatever JAX is set to, so that the order is the same.
            at = jax.random.fold_in(key, t)
            return jax.random.randint(at, (self.batch,), 0, n_examples, dtype=jnp.int32)
        # Every `cycle` steps a batch begins an epoch. Counting from there, no product outgrows
        # 32 bits, as the number of all draws so far does.
        cycle = n_examples // gcd(n_examples, self.batch)
        cycles, step = jnp.divmod(jnp.uint32(t - 1), jnp.uint32(cycle))
        first_epoch = cycles * jnp.uint32(cycle * self.batch // n_examples)
        position = step * jnp.uint32(self.batch) + jnp.arange(self.batch, dtype=jnp.uint32)

        def one(position: Any) -> Any:
            at = jax.random.fold_in(key, first_epoch + position // n_examples)
            # Sorting by random numbers: in 32 bits, as above.
            shuffled = jnp.argsort(jax.random.bits(at, (n_examples,), jnp.uint32), stable=True)
            return lax.dynamic_index_in_dim(shuffled, position % n_examples, keepdims=False)

        return jax.vmap(one)(position).astype(jnp.int32)

    def examples(
        self, n_examples: int, n_steps: int, *, run: int = 0
    ) -> Int[np.ndarray, "n_steps batch"]:
        """All examples that a run of `n_steps` draws: to replay it elsewhere."""
        n_examples = whole_number("n_examples", n_examples, minimum=1)
        n_steps = whole_number("n_steps", n_steps, minimum=1)
        run = whole_number("run", run, minimum=0)
        steps = np.arange(1, n_steps + 1, dtype=np.int32)
        return np.asarray(_examples(self, n_examples, np.int32(run), steps))


@partial(jax.jit, static_argnums=(0, 1))
def _examples(order: SampleOrder, n_examples: int, run: Any, steps: Any) -> Any:
    return jax.vmap(lambda t: order.drawn(n_examples, run, t))(steps)
