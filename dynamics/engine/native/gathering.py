"""Entries chosen by their numbers: where these are known, renamed; else selected run by run."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from jax.lax import GatherScatterMode

from dynamics.engine.native.operations import constant_value, rule, suffix
from dynamics.engine.native.values import TRACED, Function, NotElementwise, Value, value_of

# A choice takes a selection for each number that it is made from, and among more is left to XLA,
# which fetches the number it wants (docs/performance.md).
_MOST_CHOICES = 64


@rule("gather")
def _gather(to: Function, parameters: Any, aval: Any, a: Value, places: Value) -> Value:
    """Slices of a, which begin where `places` says along its last axis.

    An axis of the result is one of the slice (`offset_dims`), or one of `places`; the slice's axes
    in `collapsed_slice_dims`, of length 1, are left out.
    """
    numbers, sizes = parameters["dimension_numbers"], list(parameters["slice_sizes"])
    if numbers.operand_batching_dims or a.over_runs is places.over_runs is True:
        raise NotElementwise("a choice from other numbers in each run")
    if a.over_runs and (sizes[0] != TRACED or aval.shape[0] != TRACED):
        raise NotElementwise("a choice of runs")
    # From here on the axis over runs has length 1: what is chosen are entries.
    if a.over_runs:
        sizes[0] = 1
    entries = a.entries[None] if a.over_runs else a.entries
    starts = places.entries[None] if places.over_runs else places.entries
    shape = [1 if length == TRACED else length for length in aval.shape]
    kept = [axis for axis in range(len(sizes)) if axis not in numbers.collapsed_slice_dims]
    of_places = [axis for axis in range(len(shape)) if axis not in numbers.offset_dims]
    choose, names = _Choice(to, places), []
    for at in product(*map(range, shape)):
        within, free = [0] * len(sizes), None
        for axis, of_result in zip(kept, numbers.offset_dims, strict=True):
            within[axis] = at[of_result]
        begin = starts[tuple(at[axis] for axis in of_places)]
        for axis, start in zip(numbers.start_index_map, begin, strict=True):
            most = entries.shape[axis] - sizes[axis]
            number = constant_value(start, places.dtype)
            if number is None and most > 0:
                if free is not None or parameters["mode"] == GatherScatterMode.FILL_OR_DROP:
                    raise NotElementwise("a choice by two numbers, or with a default")
                free = axis, start, most
            elif number is not None:
                inside = min(max(int(number), 0), most)
                if inside != number and parameters["mode"] != GatherScatterMode.CLIP:
                    raise NotElementwise("a choice of what lies outside")
                within[axis] += inside
        if free is None:
            names.append(entries[tuple(within)])
            continue
        axis, start, most = free
        candidates = [
            entries[tuple(j + k * (i == axis) for i, j in enumerate(within))]
            for k in range(most + 1)
        ]
        names.append(choose(start, Value(np.array(candidates, object), a.dtype, a.over_runs)))
    over_runs = a.over_runs or places.over_runs
    made = value_of(names, tuple(shape[over_runs:]), a.dtype, over_runs)
    return made if choose.used or not places.over_runs else to.spread(made)


class _Choice:
    """Selections by the numbers in `places`, each of which is looked at once."""

    def __init__(self, to: Function, places: Value) -> None:
        self._to, self._places, self.used = to, places, False
        self._bits: dict[Any, list[str]] = {}

    def __call__(self, start: str, candidates: Value) -> str:
        """The candidate of the number `start`, the first and the last standing for those beyond."""
        to, self.used = self._to, True
        if len(candidates.entries) > _MOST_CHOICES:
            raise NotElementwise(f"a choice among more than {_MOST_CHOICES} numbers")
        if self._places.over_runs:
            candidates = to.spread(candidates)
        left, kind = candidates.named(), candidates.type
        which = (
            "i1" if not self._places.over_runs else self._places.type.rsplit("x", 1)[0] + "x i1>"
        )
        # Halved by each bit of the number, from the last one: a tree of selections.
        for bit in self._of(start, len(left) - 1):
            pairs = [left[k : k + 2] for k in range(0, len(left), 2)]
            left = [
                pair[0]
                if len(pair) == 1 or pair[0] == pair[1]
                else to.put(f"select {which} {bit}, {kind} {pair[1]}, {kind} {pair[0]}")
                for pair in pairs
            ]
        return left[0]

    def _of(self, start: str, most: int) -> list[str]:
        """The bits of a number once it is brought within 0 … most, from the last."""
        if (start, most) in self._bits:
            return self._bits[start, most]
        to, kind, wide = self._to, self._places.type, self._places.over_runs

        def same(number: int) -> str:
            one = kind[:-1].rsplit(" ", 1)[-1] if wide else kind
            return f"splat ({one} {number})" if wide else str(number)

        def bounded(x: str, how: str, by: int) -> str:
            called = f"llvm.{how}.{suffix(self._places)}"
            return to.intrinsic(called, kind, (kind, x), (kind, same(by)))

        number = bounded(bounded(start, "smax", 0), "smin", most)
        bits = []
        for k in range(most.bit_length()):
            of_bit = to.put(f"and {kind} {number}, {same(1 << k)}")
            bits.append(to.put(f"icmp ne {kind} {of_bit}, {same(0)}"))
        self._bits[start, most] = bits
        return bits
