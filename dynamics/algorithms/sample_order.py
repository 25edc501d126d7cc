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
        words = partial(_words, self.seed, jnp.asarray(run, jnp.uint32))
        if self.replacement:
            drawn = [_below(n_examples, u) for u in words(jnp.asarray(t, jnp.uint32), self.batch)]
            return _together(drawn)
        # Every `cycle` steps a batch begins an epoch. Counting from there, no product outgrows
        # 32 bits, as the number of all draws so far does.
        cycle = n_examples // gcd(n_examples, self.batch)
        since = jnp.asarray(t - 1, jnp.uint32)
        cycles, step = lax.div(since, _like(since, cycle)), lax.rem(since, _like(since, cycle))
        first_epoch = cycles * np.uint32(cycle * self.batch // n_examples)

        def one(k: int) -> Any:
            position = step * np.uint32(self.batch) + np.uint32(k)
            length = _like(position, n_examples)
            of_epoch = words(first_epoch + lax.div(position, length), n_examples)
            return _of_rank(of_epoch, lax.rem(position, length))

        return _together([one(k) for k in range(self.batch)])

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


def _words(seed: Any, run: Any, number: Any, n: int) -> list[Any]:
    """n words of 32 bits for a step or an epoch of this number: two from each block k = 0, 1, ….

    A block is Threefry-2x32 (Salmon et al. 2011) of the key (seed, run), counting (number, k).
    """
    # Of one shape, also where only one of them is an array over runs or steps.
    none = (run & np.uint32(0)) + (number & np.uint32(0))
    key, number = (none + np.uint32(seed), none + run), none + number
    found: list[Any] = []
    for k in range((n + 1) // 2):
        found += threefry2x32_p.bind(*key, number, none + np.uint32(k))
    return found[:n]


def _below(n: int, word: Any) -> Any:
    """⌊n·word/2³²⌋, by halves of 16 bits: no product outgrows 32 bits."""
    low, high = word & np.uint32(0xFFFF), lax.shift_right_logical(word, _like(word, 16))
    n_low, n_high = np.uint32(n & 0xFFFF), np.uint32(n >> 16)
    middle = high * n_low + lax.shift_right_logical(low * n_low, _like(word, 16))
    carried = low * n_high + (middle & np.uint32(0xFFFF))
    upper = lax.shift_right_logical(middle, _like(word, 16))
    return high * n_high + upper + lax.shift_right_logical(carried, _like(word, 16))


def _of_rank(words: list[Any], rank: Any) -> Any:
    """Which word comes after `rank` others when they are sorted; among equals the first is first."""
    n = len(words)
    if n > _MOST_COMPARED:
        ranked = jnp.argsort(jnp.stack(words), stable=True).astype(jnp.uint32)
        return lax.dynamic_index_in_dim(ranked, rank, keepdims=False)
    found = jnp.zeros_like(rank)
    for i, word in enumerate(words):
        before = [(other <= word) if j < i else (other < word)
                  for j, other in enumerate(words) if j != i]  # fmt: skip
        count = sum((b.astype(jnp.uint32) for b in before), jnp.zeros_like(rank))
        found = jnp.where(count == rank, np.uint32(i), found)
    return found


def _together(numbers: list[Any]) -> Any:
    """As examples, shape (n,). (To stack them would leave the runs along the second axis.)"""
    return lax.concatenate([n.astype(jnp.int32).reshape(1) for n in numbers], 0)


def _like(word: Any, number: int) -> Any:
    return jnp.full_like(word, number)


@partial(jax.jit, static_argnums=(0, 1))
def _examples(order: SampleOrder, n_examples: int, run: Any, steps: Any) -> Any:
    return jax.vmap(lambda t: order.drawn(n_examples, run, t))(steps)
