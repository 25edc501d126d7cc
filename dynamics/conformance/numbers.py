"""Numbers within a direction, of which there may be one or two: where they stand and begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from dynamics.conformance import probes
from dynamics.conformance.arithmetic import SOFTENED
from dynamics.conformance.directions import BOTH, FIRST, SECOND, Direction

Real = np.ndarray
# What torch adds to a norm by which it clips.
_TORCH = " + 1e-6"


class _Seen(Protocol):
    @property
    def w(self) -> Real: ...


@dataclass(frozen=True)
class Number:
    """A number that a direction may have.

    Attributes:
        field: where it stands in a `Direction`.
        how: what stands there beside the number.
    """

    field: str
    how: tuple[str, ...]

    def value(self, x: float) -> float:
        """What stands there for the number x of a search.

        Where steps bend with it, the search is for the number that they bend with: of lengths
        under a root for their squares, of least and greatest lengths for their logarithms.
        """
        if self.field == "decay":
            return x
        if self.bends:
            return 10.0 ** min(max(x, -30.0), 30.0)
        return abs(x) ** 0.5 if self.how == ("under the root",) else abs(x)

    @property
    def bends(self) -> bool:
        """Whether what it does begins at a length, so that the search may end beside it."""
        return self.field == "clip" or self.how == ("as the least norm",)

    def starts(self, seen: _Seen) -> list[float]:
        """Where the search begins."""
        if not self.bends:
            return [0.0]
        g = probes.gradient(np.concatenate(list(seen.w[:-1]), axis=1))
        lengths = np.linalg.norm(g, axis=0)
        if "tensor" in self.how[-1]:
            lengths = np.concatenate([np.linalg.norm(g[part], axis=0) for part in probes.TENSORS])
        elif "entry" in self.how[-1]:
            lengths = np.abs(g)
        return np.quantile(np.log10(lengths), np.linspace(0.02, 0.98, 20)).tolist()

    @property
    def has_torchs_way(self) -> bool:
        """Whether torch does this in a way of its own."""
        return self.field == "clip" and "norm" in self.how[1]

    def torchs_way(self) -> Number:
        """This number in torch's way."""
        which, how = self.how
        return replace(self, how=(which, how + _TORCH))


def numbers(direction: Direction) -> Iterator[Number]:
    """All numbers that the direction may have."""
    ascends = direction.algorithm.ascent is not None
    for how in SOFTENED:
        yield Number("softening", (how,))
    for which in (BOTH, FIRST) if ascends else ():
        yield Number("decay", (which,))
    for how in ("by the norm", "by the norm of each tensor", "entry by entry"):
        for which in (SECOND, FIRST, BOTH) if ascends else (SECOND,):
            yield Number("clip", (which, how))


def put(direction: Direction, of: Sequence[Number], x: Sequence[float]) -> Direction:
    """The direction with these numbers."""
    values = {n.field: (*n.how, n.value(float(a))) for n, a in zip(of, x, strict=True)}
    return replace(direction, **values)
