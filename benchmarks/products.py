"""Landscapes that are matrix products: the sweep beside those products alone, done by BLAS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.child import in_child
from benchmarks.row import (
    Disagreement,
    Group,
    Measurement,
    Settings,
    Unmeasured,
    at_most,
    optional,
    row,
)
from benchmarks.timing import clock, interleaved
from benchmarks.workload import Workload, check, gap, ravine
from dynamics import SAM, normal_starts, sweep
from landscapes import MatrixSensing, Quadratic
from landscapes.checks import Real

# Runs per product: with as many rows, a product of 20 columns stays in a second-level cache.
_ROWS = 2048


@contextmanager
def one_core_each() -> Iterator[ThreadPoolExecutor]:
    """A thread for each core, and BLAS told to use one thread in each, if that can be told."""
    try:
        single = optional("threadpoolctl").threadpool_limits(1, user_api="blas")
    except Unmeasured:
        single = nullcontext()
    with single, ThreadPoolExecutor(os.cpu_count()) as pool:
        yield pool


# -- a quadratic -------------------------------------------------------------------------------


def rotated_quadratic(dim: int) -> Quadratic:
    """Curvatures in [0.1, 2] in a random orthogonal basis: H is a full matrix."""
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))[0]
    return Quadratic(np.geomspace(0.1, 2.0, dim), rotation=rotation)


def quadratic_products(matrix: Real, w: Real) -> Callable[[int], object]:
    """Two products wH per step, and nothing else: blocks of runs, one at a time on each core."""
    # A product is not contracting: scaled so that the numbers stay ordinary ones.
    matrix = matrix / np.linalg.norm(matrix, 2)
    blocks = [w[i : i + _ROWS] for i in range(0, len(w), _ROWS)]

    def advance(block: Real, steps: int) -> Real:
        here, there = block.copy(), np.empty_like(block)
        for _ in range(steps):
            np.matmul(here, matrix, out=there)
            np.matmul(there, matrix, out=here)
        return here

    def run(steps: int) -> list[Real]:
        with one_core_each() as pool:
            return list(pool.map(lambda block: advance(block, steps), blocks))

    return run


@row(
    "quadratic-products", Group.PRODUCTS,
    "SAM on Quadratic, dimension 20, rotated; 100,000 runs × 1,000 steps",
    at_most(2, "× its 2 products"),
)  # fmt: skip
def quadratic(settings: Settings) -> Measurement:
    runs, steps, theirs = settings.pick((2000, 20, 20), (100_000, 200, 50), (100_000, 1000, 50))
    landscape = rotated_quadratic(20)
    assert landscape.matrix is not None
    given = Workload(landscape, SAM, np.geomspace(0.01, 0.5, 100), normal_starts(runs // 100, 20))
    ours = ravine(given)
    check("Ravine", given, ours)
    products = quadratic_products(landscape.matrix, given.each()[1])
    n = {"Ravine": steps, "BLAS": theirs}
    times = interleaved({"Ravine": ours, "BLAS": products}, n, min(settings.repeats, 3))
    a, b = (1e9 * times[name].best / (runs * n[name]) for name in n)
    note = (
        f"Ravine {a:.3g}, products {b:.3g} ns per run and step; timed for {steps:,} steps; BLAS "
        f"in blocks of {_ROWS:,} runs on every core"
    )
    return Measurement(a / b, note, data={"nanoseconds": {"Ravine": a, "BLAS": b}})


# -- matrix sensing ----------------------------------------------------------------------------


def sensing(settings: Settings) -> tuple[MatrixSensing, Real, int]:
    """The landscape, 8 starts and the steps."""
    d, r, m, steps = settings.pick((20, 2, 100, 5), (100, 5, 2500, 100))
    return MatrixSensing(d, r, m), normal_starts(8, d * d, scale=0.1 / np.sqrt(d)), steps


class Products:
    """The matrix products of the gradient at several points at once, in NumPy.

    The two large ones, with the sensing matrices, are shared out to the cores in blocks of
    matrices or left to BLAS's own threads, whichever is faster here.
    """

    def __init__(self, landscape: MatrixSensing) -> None:
        self.landscape, self.sensing = landscape, landscape.sensing

    def gradient(self, u: Real, pool: ThreadPoolExecutor | None = None) -> Real:
        """Of U `(starts, rows, width)`; with a pool, the sensing matrices are split."""
        a, targets = self.sensing, self.landscape.targets
        n, rows = len(u), self.landscape.rows
        gram = (u @ u.transpose(0, 2, 1)).reshape(n, -1)
        if pool is None:
            weighted = (a.T @ (a @ gram.T - targets[:, None])).T
        else:
            cuts = np.linspace(0, len(a), (os.cpu_count() or 1) + 1).astype(int)
            parts = [slice(*cut) for cut in pairwise(cuts)]
            found = pool.map(lambda s: (a[s].T @ (a[s] @ gram.T - targets[s, None])).T, parts)
            weighted = np.sum(list(found), axis=0)
        return weighted.reshape(n, rows, rows) @ u * (2 / len(a))

    def ways(self, u: Real) -> dict[str, Callable[[int], object]]:
        """Computes so many gradients, either way."""

        def split(n: int) -> None:
            with one_core_each() as pool:
                for _ in range(n):
                    self.gradient(u, pool)

        def whole(n: int) -> None:
            for _ in range(n):
                self.gradient(u)

        return {"split": split, "whole": whole}


def sam_by_hand(landscape: MatrixSensing, starts: Real, eta: float, rho: float, n: int) -> Real:
    """SAM in NumPy from all starts at once: what the sweep is compared with."""
    gradient = Products(landscape).gradient
    u = starts.reshape(len(starts), landscape.rows, landscape.width)
    for _ in range(n):
        g = gradient(u)
        u = u - eta * gradient(u + rho * g / np.linalg.norm(g, axis=(1, 2), keepdims=True))
    return u.reshape(len(starts), -1)


_ETA, _RHO = 0.05, 0.1


def _sense(landscape: MatrixSensing, starts: Real, n: int) -> Any:
    return sweep(
        landscape, SAM, eta=_ETA, rho=_RHO, starts=starts, n_steps=n, early_stop=False
    )["final"].values.reshape(len(starts), -1)  # fmt: skip


@row(
    "sensing-products", Group.PRODUCTS,
    "SAM on MatrixSensing, d 100, r 5, m 2,500; 8 starts × 100 steps",
    at_most(1.4, "× its products"),
)  # fmt: skip
def matrix_sensing(settings: Settings) -> Measurement:
    landscape, starts, steps = sensing(settings)
    difference = gap(sam_by_hand(landscape, starts, _ETA, _RHO, 2), _sense(landscape, starts, 2))
    if not difference <= 1e-10:
        raise Disagreement(f"Ravine disagrees with the loop in NumPy by {difference:.1e}")
    ways = Products(landscape).ways(starts.reshape(8, landscape.rows, landscape.width))
    sides: dict[str, Callable[[int], object]] = {
        "Ravine": lambda steps: _sense(landscape, starts, steps)
    }
    # Some of the steps are enough for the products; several tries, for a sweep takes much longer
    # and BLAS's threads suffer most from other work on the machine. A step is two gradients.
    for i in range(3):
        for way, gradients in ways.items():
            sides[f"{way} {i}"] = lambda steps, gradients=gradients: gradients(2 * steps)
    n = dict.fromkeys(sides, max(2, steps // 10)) | {"Ravine": steps}
    times = interleaved(sides, n, min(settings.repeats, 2))
    each = {name: 1e3 * times[name].best / n[name] for name in sides}
    a = each.pop("Ravine")
    b = min(each.values())
    note = f"Ravine {a:.3g}, products {b:.3g} ms per step of 8 starts; timed for {steps} steps"
    return Measurement(a / b, note, data={"milliseconds": {"Ravine": a, "BLAS": b}})


def sensing_memory(size: str) -> dict[str, float]:
    """In a process of its own: what a sweep adds to the resident memory, in bytes."""
    from benchmarks.child import peak_resident, reset_peak
    from benchmarks.row import Size

    landscape, starts, _ = sensing(Settings(Size(size)))
    before = reset_peak()
    seconds = clock(lambda: _sense(landscape, starts, 2))
    return {"added": peak_resident() - before, "matrices": landscape.sensing.nbytes, "s": seconds}


@row(
    "sensing-memory", Group.PRODUCTS,
    "what sweeping it adds to the memory: not a copy of the matrices for each start",
    at_most(1.5, "× the matrices"),
)  # fmt: skip
def matrix_sensing_memory(settings: Settings) -> Measurement:
    if settings.size.value == "quick":
        raise Unmeasured("the quick landscape is smaller than what compiling it takes")
    found = in_child("benchmarks.products:sensing_memory", settings.size.value)
    value = found["added"] / found["matrices"]
    mib = 2**20
    note = (
        f"{found['added'] / mib:.0f} MiB for 8 starts; the matrices {found['matrices'] / mib:.0f}"
    )
    return Measurement(value, note, data=found)
