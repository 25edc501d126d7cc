"""Cuts an experiment into chunks, runs them on all local devices and puts the results together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import cycle
from queue import SimpleQueue
from typing import Any

import jax
import numpy as np

from dynamics.algorithm import Algorithm
from dynamics.kernel import Result, Thresholds, compiled, empty_result, tile_runs
from dynamics.lanes import Lanes
from dynamics.outcome import Criteria, Outcome
from landscapes import Landscape

# Tiles per chunk when the caller does not say: large enough that calling costs nothing, small
# enough that two processors share a hundred thousand runs evenly.
_TILES_PER_CHUNK = 32

Progress = Callable[[int], None]
Devices = Sequence[Any]  # of `jax.Device`


def device_name() -> str:
    """The devices that results are computed on, in words."""
    devices = jax.local_devices()
    kinds = sorted({d.device_kind for d in devices})
    cores = f", {os.cpu_count()} threads" if devices[0].platform == "cpu" else ""
    return f"{len(devices)} × {'/'.join(kinds)}{cores}"


def run(
    landscape: Landscape,
    algorithm: Algorithm,
    lanes: Lanes,
    *,
    n_steps: int,
    criteria: Criteria,
    early_stop: bool,
    chunk_size: int | None,
    devices: Devices | None,
    progress: Progress,
) -> Result:
    """All runs to their outcomes; `progress` is told how many more are done.

    With `early_stop`, the runs that are still undecided are packed together from time to time, so
    that one slow run does not hold up the decided ones beside it. The result does not depend on
    that, on `chunk_size`, on `devices` or on the order in which chunks end.
    """
    devices = list(devices or jax.local_devices())
    platform = devices[0].platform
    tile = tile_runs(landscape, platform)
    tiles = _TILES_PER_CHUNK if chunk_size is None else max(1, chunk_size // tile)
    if platform != "cpu":
        tiles = 1
    chunk = tiles * tile
    # XLA advances one chunk on one thread of a processor; so as many are in flight as cores.
    workers = len(devices)
    if platform == "cpu":
        workers = max(workers, os.cpu_count() or 1)
    workers = min(workers, -(-len(lanes) // tile))

    idle: SimpleQueue = SimpleQueue()
    for device, _ in zip(cycle(devices), range(workers), strict=False):
        idle.put(device)
    with jax.enable_x64(True):
        placed = {d: jax.device_put(landscape, d) for d in devices[:workers]}
    thresholds = Thresholds(
        np.float64(criteria.gradient_tolerance),
        np.float64(criteria.cycle_tolerance),
        np.int32(criteria.max_period),
        np.float64(criteria.divergence_radius),
        np.int32(criteria.check_every),
    )

    def advance(which: np.ndarray, begin: int, end: int) -> Result:
        """The runs of the given indices from step `begin` to step `end`."""
        eta, rho, starts = lanes.take(which)
        points = starts if begin == 0 else total.final[which]
        device = idle.get()
        try:
            # Both settings belong to the thread; the caller's own are untouched.
            with jax.enable_x64(True), jax.default_device(device):
                result = compiled(platform)(
                    placed[device],
                    _padded(points, chunk),
                    _padded(eta, chunk),
                    _padded(rho, chunk),
                    np.arange(chunk) < len(which),
                    np.int32(begin),
                    np.int32(end),
                    thresholds,
                    algorithm=algorithm,
                    early_stop=early_stop,
                    tile=tile,
                )
                return Result(*(np.asarray(field)[: len(which)] for field in result))
        finally:
            idle.put(device)

    total = empty_result(len(lanes), landscape.dim)
    undecided, begin = np.arange(len(lanes)), 0
    with ThreadPoolExecutor(workers) as pool:
        for end in _stages(n_steps, criteria.check_every if early_stop else n_steps):
            # An even share for each worker, in whole tiles: the padding of a chunk costs nothing.
            share = min(chunk, tile * -(-len(undecided) // (workers * tile)))
            parts = [undecided[i : i + share] for i in range(0, len(undecided), share)]
            pending: dict[Future, np.ndarray] = {
                pool.submit(advance, part, begin, end): part for part in parts
            }
            try:
                while pending:
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        part, result = pending.pop(future), future.result()
                        for of_all, of_part in zip(total, result, strict=True):
                            of_all[part] = of_part
                        decided = int((result.outcome != Outcome.BUDGET).sum())
                        if done_now := len(part) if end == n_steps else decided:
                            progress(done_now)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            undecided, begin = undecided[total.outcome[undecided] == Outcome.BUDGET], end
            if len(undecided) == 0:
                break
    return total


def _stages(n_steps: int, check_every: int) -> Iterator[int]:
    """The steps after which undecided runs are packed together, the last being `n_steps`.

    They are checks, and each stage is as long as all before it: the runs that stay pay for a few
    packings only.
    """
    end = 4 * check_every
    while end < n_steps:
        yield end
        end *= 2
    yield n_steps


def _padded(array: np.ndarray, length: int) -> np.ndarray:
    """The array with its last entry repeated up to the given length."""
    missing = length - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array
