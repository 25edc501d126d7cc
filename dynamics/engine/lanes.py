"""The one normal form of every experiment: a list of (eta, rho, start)."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from landscapes import Landscape
from landscapes.checks import Real as RealArray
from landscapes.checks import positive_number, real_array, shown, whole_number


class OfRuns(NamedTuple):
    """What runs are given by: one entry for each."""

    eta: Float[np.ndarray, "n"]
    rho: Float[np.ndarray, "n"]
    starts: Float[np.ndarray, "n dim"]
    order: Int[np.ndarray, "n"]


@dataclass(frozen=True)
class Lanes:
    """Runs given by η, ρ and a start each: run i is `eta[e], rho[r], starts[s]` of its indices.

    `order` goes with the starts: which of its sample orders an algorithm that draws examples
    follows from there.

    A product of axes is kept as its axes, so that a grid of a hundred million runs costs no
    memory until it is run.
    """

    eta: Float[np.ndarray, "n_eta"]
    rho: Float[np.ndarray, "n_rho"]
    starts: Float[np.ndarray, "n_starts dim"]
    order: Int[np.ndarray, "n_starts"]
    is_product: bool

    def __len__(self) -> int:
        sizes = (len(self.rho), len(self.eta), len(self.starts))
        return math.prod(sizes) if self.is_product else max(sizes)

    def take(self, which: np.ndarray | slice) -> OfRuns:
        """What the runs with the given indices, or of a range, are given by."""
        if not self.is_product:
            return OfRuns(self.eta[which], self.rho[which], self.starts[which], self.order[which])
        if isinstance(which, slice):
            return self._range(which.start, which.stop)
        r, e, s = np.unravel_index(which, (len(self.rho), len(self.eta), len(self.starts)))
        return OfRuns(self.eta[e], self.rho[r], self.starts[s], self.order[s])

    def _range(self, begin: int, end: int) -> OfRuns:
        # Whole rows of starts, of which the ends are cut: a division for each run costs more.
        n = len(self.starts)
        rows = np.arange(begin // n, -(-end // n))
        cut = slice(begin - rows[0] * n, end - rows[0] * n)
        r, e = np.divmod(rows, len(self.eta))
        eta, rho = (np.repeat(values, n)[cut] for values in (self.eta[e], self.rho[r]))
        starts = np.tile(self.starts, (len(rows), 1))[cut]
        return OfRuns(eta, rho, starts, np.tile(self.order, len(rows))[cut])


def product(eta: RealArray, rho: RealArray, starts: RealArray, first: int = 0) -> Lanes:
    """Every η with every ρ and every start, in the order ρ, η, start.

    `first` is the number of the first start, of which the sample orders follow.
    """
    return Lanes(eta, rho, starts, _orders(len(starts), first), is_product=True)


def together(eta: RealArray, rho: RealArray, starts: RealArray, first: int = 0) -> Lanes:
    """Run i is the i-th of each; arrays of length one serve all runs.

    `first` is the number of the first run, of which the sample orders follow.
    """
    n = max(len(eta), len(rho), len(starts))
    for name, array in (("eta", eta), ("rho", rho), ("starts", starts)):
        if len(array) not in (1, n):
            raise ValueError(
                f"{name} must have one entry per run, {n}, or one for all; got {len(array)}"
            )
    return Lanes(
        np.broadcast_to(eta, n),
        np.broadcast_to(rho, n),
        np.broadcast_to(starts, (n, starts.shape[1])),
        _orders(n, first),
        is_product=False,
    )


def _orders(n: int, first: int) -> np.ndarray:
    return np.arange(first, first + n, dtype=np.int32)


def learning_rates(eta: Any) -> RealArray:
    """`eta` as a one-dimensional array of finite numbers > 0, or a `ValueError`."""
    values = np.atleast_1d(real_array("eta", eta, ndim=(0, 1), accepted="a number or a list > 0"))
    if not (values > 0).all():
        raise ValueError(f"eta must be > 0; got {values[~(values > 0)][0]} in {shown(eta)}")
    return values


def radii(rho: Any) -> RealArray:
    """`rho` as a one-dimensional array of finite numbers ≥ 0, or a `ValueError`."""
    values = np.atleast_1d(real_array("rho", rho, ndim=(0, 1), accepted="a number or a list >= 0"))
    if not (values >= 0).all():
        raise ValueError(f"rho must be >= 0; got {values[~(values >= 0)][0]} in {shown(rho)}")
    return values


def points(starts: Any, landscape: Landscape, name: str = "starts") -> Float[np.ndarray, "n dim"]:
    """`starts` as an array `(n, dim)` of finite numbers, or a `ValueError`."""
    accepted = f"points of {landscape!r}, shape (n, {landscape.dim}) or ({landscape.dim},)"
    if callable(starts):
        made = getattr(starts, "__name__", "it")
        raise ValueError(
            f"{name} must be {accepted}; got {shown(starts)}; if {made} makes some, call it, as in "
            "uniform_starts(100, low=(-1, -1), high=(1, 1))"
        )
    values = np.atleast_2d(real_array(name, starts, ndim=(1, 2), accepted=accepted))
    if values.shape[1] != landscape.dim:
        raise ValueError(f"{name} must be {accepted}; got shape {np.shape(starts)}")
    return values


# -- starts ------------------------------------------------------------------------------------


class Starts(np.ndarray):
    """Points `(n, dim)` that know how they were made, so that a result can say it.

    A part of them, a copy, and what is computed from them are arrays like any other in this
    respect: they know nothing. Nor do they themselves, once an entry has been changed.
    """

    _made_by: tuple[str, int] | None

    def __array_finalize__(self, _: Any) -> None:
        self._made_by = None

    @property
    def made_by(self) -> str | None:
        """The call that makes them again, or None if there is none that is known."""
        if self._made_by is None or self._made_by[1] != _checksum(self):
            return None
        return self._made_by[0]


def _checksum(values: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data)


def _made(values: np.ndarray, made_by: str) -> Starts:
    starts = values.view(Starts)
    starts._made_by = (made_by, _checksum(values))
    return starts


def made_by(starts: Any) -> str:
    """How the starts were made, in words."""
    return getattr(starts, "made_by", None) or "given as an array"


def uniform_starts(n: int, *, low: Any, high: Any, seed: int = 0) -> Float[np.ndarray, "n dim"]:
    """n points drawn uniformly from the box between the corners `low` and `high`, `(dim,)`."""
    low, high = _corners(low, high)
    random = np.random.default_rng(whole_number("seed", seed, minimum=0))
    values = random.uniform(low, high, (whole_number("n", n, minimum=1), len(low)))
    corners = f"low={low.tolist()}, high={high.tolist()}"
    return _made(values, f"uniform_starts({n}, {corners}, seed={seed})")


def normal_starts(
    n: int, dim: int, *, scale: float = 1.0, seed: int = 0
) -> Float[np.ndarray, "n dim"]:
    """n points with independent normal coordinates of standard deviation `scale`."""
    scale = positive_number("scale", scale)
    random = np.random.default_rng(whole_number("seed", seed, minimum=0))
    shape = (whole_number("n", n, minimum=1), whole_number("dim", dim, minimum=1))
    made_by = f"normal_starts({n}, {dim}, scale={scale}, seed={seed})"
    return _made(scale * random.standard_normal(shape), made_by)


def grid_starts(n: int, *, low: Any, high: Any) -> Float[np.ndarray, "n dim"]:
    """The n^dim points of a grid with n points a side, corners included."""
    low, high = _corners(low, high)
    axes = [np.linspace(a, b, whole_number("n", n, minimum=2)) for a, b in zip(low, high)]  # noqa: B905
    values = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1)
    return _made(values, f"grid_starts({n}, low={low.tolist()}, high={high.tolist()})")


def line_starts(n: int, *, begin: Any, end: Any) -> Float[np.ndarray, "n dim"]:
    """n equally spaced points from `begin` to `end`, both included."""
    accepted = "a point, shape (dim,)"
    a = real_array("begin", begin, ndim=1, accepted=accepted)
    b = real_array("end", end, ndim=1, accepted=accepted)
    if a.shape != b.shape:
        raise ValueError(f"begin and end must have one shape; got {a.shape} and {b.shape}")
    values = np.linspace(a, b, whole_number("n", n, minimum=2))
    return _made(values, f"line_starts({n}, begin={a.tolist()}, end={b.tolist()})")


def _corners(low: Any, high: Any) -> tuple[RealArray, RealArray]:
    accepted = "a corner of a box, shape (dim,)"
    low = real_array("low", low, ndim=1, accepted=accepted)
    high = real_array("high", high, ndim=1, accepted=accepted)
    if low.shape != high.shape or not (low < high).all():
        raise ValueError(f"low must be below high; got low={shown(low)}, high={shown(high)}")
    return low, high
