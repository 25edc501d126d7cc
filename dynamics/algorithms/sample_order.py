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
from jax.extend.random import threefry2x32_p
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
        """The examples of step t = 1, 2, …, shape `(batch,)`. Pure JAX; `run` and t traced.

        Whole numbers of 32 bits throughout, so that the order is the same whatever JAX is set to,
        whichever compiler takes it and whatever release it is of. Draw k of step t takes the k-th
        of the words `_words(t)`, u, to ⌊nu/2³²⌋: no example is more likely than another by more
        than 2⁻³². An epoch is the examples in the order of their words, ties by their numbers.
        """
        run = jnp.asarray(run, jnp.uint32)
        if self.replacement:
            words = _words(self.seed, run, jnp.asarray(t, jnp.uint32), self.batch)
            return _below(n_examples, words).astype(jnp.int32)
        # Every `cycle` steps a batch begins an epoch. Counting from there, no product outgrows
        # 32 bits, as the number of all draws so far does.
        cycle = n_examples // gcd(n_examples, self.batch)
        since = jnp.asarray(t - 1, jnp.uint32)
        cycles, step = lax.div(since, _like(since, cycle)), lax.rem(since, _like(since, cycle))
        first_epoch = cycles * np.uint32(cycle * self.batch // n_examples)

        def one(k: Any) -> Any:
            position = step * np.uint32(self.batch) + k
            length = _like(position, n_examples)
            epoch = first_epoch + lax.div(position, length)
            words = _words(self.seed, run, epoch, n_examples)
            return _of_rank(words, lax.rem(position, length))

        return jax.vmap(one)(np.arange(self.batch, dtype=np.uint32)).astype(jnp.int32)

    def examples(
        self, n_examples: int, n_steps: int, *, run: int = 0
    ) -> Int[np.ndarray, "n_steps batch"]:
        """All examples that a run of `n_steps` draws: to replay it elsewhere."""
        n_examples = whole_number("n_examples", n_examples, minimum=1)
        n_steps = whole_number("n_steps", n_steps, minimum=1)
        run = whole_number("run", run, minimum=0)
        steps = np.arange(1, n_steps + 1, dtype=np.int32)
        return np.asarray(_examples(self, n_examples, np.int32(run), steps))


# -- words -----------------------------------------------------------------------------------------

# Among more examples it takes less to sort than to compare each with each; the order is the same.
_MOST_COMPARED = 32


def _words(seed: int, run: Any, number: Any, n: int) -> Any:
    """n words of 32 bits for a step or an epoch of this number: two from each block k = 0, 1, ….

    A block is Threefry-2x32 (Salmon et al. 2011) of the key (seed, run), counting (number, k).
    """
    blocks = np.arange((n + 1) // 2, dtype=np.uint32)
    # Of one shape, also where only one of them is an array over runs or steps.
    none = (run & np.uint32(0)) + (number & np.uint32(0)) + (blocks & np.uint32(0))
    counted = none + np.uint32(seed), none + run, none + number, none + blocks
    halves = (word.reshape(-1, 1) for word in threefry2x32_p.bind(*counted))
    return lax.concatenate(list(halves), 1).reshape(-1)[:n]


def _below(n: int, word: Any) -> Any:
    """⌊n·word/2³²⌋, by halves of 16 bits: no product outgrows 32 bits."""
    low, high = word & np.uint32(0xFFFF), lax.shift_right_logical(word, _like(word, 16))
    n_low, n_high = np.uint32(n & 0xFFFF), np.uint32(n >> 16)
    middle = high * n_low + lax.shift_right_logical(low * n_low, _like(word, 16))
    carried = low * n_high + (middle & np.uint32(0xFFFF))
    upper = lax.shift_right_logical(middle, _like(word, 16))
    return high * n_high + upper + lax.shift_right_logical(carried, _like(word, 16))


def _of_rank(words: Any, rank: Any) -> Any:
    """Which word comes after `rank` others when they are sorted; of equals the first is first."""
    n = len(words)
    if n > _MOST_COMPARED:
        ranked = jnp.argsort(words, stable=True).astype(jnp.uint32)
        return lax.dynamic_index_in_dim(ranked, rank, keepdims=False)
    numbers = np.arange(n, dtype=np.uint32)
    one, other = words[:, None], words[None, :]
    before = (other < one) | ((other == one) & (numbers[None, :] < numbers[:, None]))
    ranks = jnp.sum(before.astype(jnp.uint32), axis=1, dtype=jnp.uint32)
    return jnp.sum(jnp.where(ranks == rank, numbers, np.uint32(0)), dtype=jnp.uint32)


def _like(word: Any, number: int) -> Any:
    return jnp.full_like(word, number)


@partial(jax.jit, static_argnums=(0, 1))
def _examples(order: SampleOrder, n_examples: int, run: Any, steps: Any) -> Any:
    return jax.vmap(lambda t: order.drawn(n_examples, run, t))(steps)
