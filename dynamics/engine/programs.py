"""Which program advances runs of one landscape, algorithm and device.

Two offer the same (`Program`): `NativeProgram`, whose arithmetic is that of IEEE 754, operation by
operation, so that everything it compiles finds the same bits; and `XLAProgram`, which takes every
step of every run by one and the same compiled function on arrays of one size, since to XLA the same
formula in another function or on another size may be rounded otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.engine import native
from dynamics.engine.native_program import NativeProgram
from dynamics.engine.program import KEPT, Program, memory_of_one
from dynamics.engine.xla_program import XLAProgram
from landscapes import Landscape


class Structure(NamedTuple):
    """All of a landscape that a program depends on: not the numbers in it."""

    tree: Any
    shapes: tuple[tuple[tuple[int, ...], str], ...]

    def instance(self) -> Landscape:
        """A landscape of this structure whose numbers are all zero.

        The numbers are arguments of a program, so that one program serves all landscapes of a
        structure; to be compiled it needs a landscape for its shapes only. No constructor has
        checked this one, and nothing may look at its values.
        """
        return jax.tree.unflatten(self.tree, [np.zeros(s, dtype) for s, dtype in self.shapes])


def structure_of(landscape: Landscape) -> Structure:
    leaves, tree = jax.tree.flatten(landscape)
    return Structure(tree, tuple((np.shape(a), np.result_type(a).name) for a in leaves))


def program(landscape: Landscape, algorithm: Algorithm, platform: str) -> Program:
    """The program for landscapes of this class and structure; compiled at most once."""
    return _program(structure_of(landscape), algorithm, platform)


@lru_cache(maxsize=KEPT)
def _program(structure: Structure, algorithm: Algorithm, platform: str) -> Program:
    if platform == "cpu":
        try:
            return NativeProgram(structure.instance(), algorithm)
        except native.NotElementwise:
            pass
    return XLAProgram(structure.instance(), algorithm, platform)


# -- what is kept ------------------------------------------------------------------------------


_kept: list[Callable[[], None]] = [_program.cache_clear, memory_of_one.cache_clear]


def kept_until_cleared(clear: Callable[[], None]) -> None:
    """Has `clear` called by `forget_programs`."""
    _kept.append(clear)


def forget_programs() -> None:
    """Frees all that has been compiled in this process; what is needed again is compiled anew."""
    for clear in _kept:
        clear()
    jax.clear_caches()
