"""Cuts an experiment into chunks, runs them on all local devices and puts the results together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import cycle
from queue import SimpleQueue
from typing import Any

import jax
import numpy as np

from dynamics.algorithm import Algorithm
from dynamics.kernel import Result, Thresholds, compiled, tile_runs
from dynamics.lanes import Lanes
from dynamics.outcome import Criteria
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

    The result does not depend on `chunk_size`, `devices` or the order in which chunks end.
    """
    devices = list(devices or jax.local_devices())
    platform = devices[0].platform
    tile = tile_runs(landscape, platform)
    tiles = _TILES_PER_CHUNK if chunk_size is None else max(1, chunk_size // tile)
    if platform != "cpu":
        tiles = 1
    chunk = tiles * tile
    begins = range(0, len(lanes), chunk)
    # XLA advances one chunk on one thread of a processor; so as many are in flight as cores.
    workers = len(devices)
    if platform == "cpu":
        workers = max(workers, os.cpu_count() or 1)
    workers = min(workers, len(begins))

    idle: SimpleQueue = SimpleQueue()
    for device, _ in zip(cycle(devices), range(max(workers, 1)), strict=False):
        idle.put(device)
    with jax.enable_x64(True):
        placed = {d: jax.device_put(landscape, d) for d in devices[: max(workers, 1)]}

    def work(begin: int) -> Result:
        device = idle.get()
        try:
            # Both settings belong to the thread; the caller's own are untouched.
            with jax.enable_x64(True), jax.default_device(device):
                return _run_chunk(placed[device], begin)
        finally:
            idle.put(device)

    def _run_chunk(landscape: Landscape, begin: int) -> Result:
        end = min(begin + chunk, len(lanes))
        eta, rho, starts = (_padded(a, chunk) for a in lanes.take(begin, end))
        result = compiled(platform)(
            landscape,
            starts,
            eta,
            rho,
            np.arange(chunk) < end - begin,
            np.int32(n_steps),
            Thresholds(
                np.float64(criteria.gradient_tolerance),
                np.float64(criteria.cycle_tolerance),
                np.int32(criteria.max_period),
                np.float64(criteria.divergence_radius),
                np.int32(criteria.check_every),
            ),
            algorithm=algorithm,
            early_stop=early_stop,
            tile=tile,
        )
        return Result(*(np.asarray(field)[: end - begin] for field in result))

    parts: dict[int, Result] = {}
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        pending: dict[Future, int] = {pool.submit(work, b): b for b in begins}
        try:
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    begin = pending.pop(future)
                    parts[begin] = future.result()
                    progress(len(parts[begin].outcome))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    ordered = [parts[b] for b in begins]
    return Result(*(np.concatenate(fields) for fields in zip(*ordered, strict=True)))


def _padded(array: np.ndarray, length: int) -> np.ndarray:
    """The array with its last entry repeated up to the given length."""
    missing = length - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array
