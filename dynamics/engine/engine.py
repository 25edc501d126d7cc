"""Cuts an experiment into chunks, runs them on all local devices and puts the results together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import cycle
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import jax
import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.engine.batch import Batch, Result, Span, empty_result
from dynamics.engine.lanes import Lanes
from dynamics.engine.outcome import Criteria, Outcome, has_a_next_step
from dynamics.engine.program import empty_memory
from dynamics.engine.programs import program
from dynamics.engine.reading import final_losses
from dynamics.engine.rest import Thresholds
from landscapes import Landscape

# About how long one call of compiled code may take, in seconds: so long an interruption waits,
# and so often progress is told of.
_LONGEST_CALL = 1.0

# Told how many more runs are done.
Advance = Callable[[int], None]
# Some of the runs, by their indices or as a range.
Part = slice | np.ndarray
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
    progress: Advance,
) -> Result:
    """All runs to their outcomes; `progress` is told how many more are done.

    The work is cut into stages of steps, after each of which the runs that go on are packed
    together: so a slow run does not hold up decided ones beside it, and no call of compiled code
    lasts long. The result does not depend on that, on `chunk_size`, on `devices` or on the order
    in which calls end.
    """
    devices = list(devices or jax.local_devices())
    platform = devices[0].platform
    compiled = program(landscape, algorithm, platform)
    tile = compiled.tile
    # What is more than all runs would be filled up with none.
    most = max(compiled.chunk, len(lanes) + tile)
    chunk = compiled.chunk if chunk_size is None else tile * max(1, min(chunk_size, most) // tile)
    # A processor runs one call on one thread; so as many are in flight as there are cores.
    workers = len(devices)
    if platform == "cpu":
        workers = max(workers, os.cpu_count() or 1)
    workers = min(workers, -(-len(lanes) // tile))

    idle: SimpleQueue = SimpleQueue()
    for device, _ in zip(cycle(devices), range(workers), strict=False):
        idle.put(device)
    placed = {d: compiled.on_device(landscape, d) for d in devices[:workers]}
    thresholds = Thresholds(
        np.float64(criteria.gradient_tolerance),
        np.float64(criteria.cycle_tolerance),
        np.int32(criteria.max_period),
        np.float64(criteria.divergence_radius),
        np.int32(criteria.check_every),
    )
    total = empty_result(len(lanes), landscape.dim)
    remembered = empty_memory(landscape, algorithm, len(lanes))

    def advance(which: Part, span: Span) -> tuple[int, float]:
        """These runs over these steps: how many ended, and the seconds it took."""
        of_runs = lanes.take(which)
        # Of a range, where they are.
        runs = Result(*(field[which] for field in total))
        memory = tuple(leaf[which] for leaf in remembered)
        if span.begin == 0:
            runs.final[...] = of_runs.starts
        size = np.abs(of_runs.starts).max(axis=1)
        batch = Batch(runs, memory, of_runs.eta, of_runs.rho, of_runs.order, size)
        device = idle.get()
        clock = perf_counter()
        try:
            compiled(placed[device], thresholds, span, batch, device=device)
        finally:
            idle.put(device)
        seconds = perf_counter() - clock
        if not isinstance(which, slice):
            for of_all, of_part in zip((*total, *remembered), (*runs, *memory), strict=True):
                of_all[which] = of_part
        left = 0 if span.end == n_steps else int(_goes_on(runs.outcome, early_stop).sum())
        return len(of_runs.eta) - left, seconds

    # While all runs go on they are ranges, which are read and written without being gathered.
    going_on: np.ndarray | None = None
    n_going_on, begin, cost = len(lanes), 0, compiled.cost
    with ThreadPoolExecutor(workers) as pool:
        while n_going_on:
            # An even share for each worker, in whole tiles.
            share = min(chunk, tile * -(-n_going_on // (workers * tile)))
            end = _stage(begin, n_steps, criteria.check_every, early_stop, share * cost)
            ranges = [slice(i, min(i + share, n_going_on)) for i in range(0, n_going_on, share)]
            parts = ranges if going_on is None else [going_on[one] for one in ranges]
            pending = {pool.submit(advance, part, Span(begin, end, early_stop)) for part in parts}
            slowest = 0.0
            try:
                while pending:
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        pending.remove(future)
                        ended, seconds = future.result()
                        slowest = max(slowest, seconds / (share * (end - begin)))
                        if ended:
                            progress(ended)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            if end == n_steps:
                break
            outcome = total.outcome if going_on is None else total.outcome[going_on]
            those = np.flatnonzero(_goes_on(outcome, early_stop))
            if len(those) < n_going_on:
                going_on = those if going_on is None else going_on[those]
            n_going_on, begin, cost = len(those), end, slowest
    total.final_loss[...] = final_losses(landscape, total.final, devices[0])
    return total


def _goes_on(outcome: np.ndarray, early_stop: bool) -> np.ndarray:
    """Which runs another step may change."""
    return outcome == Outcome.BUDGET if early_stop else has_a_next_step(outcome)


def _stage(begin: int, n_steps: int, check_every: int, early_stop: bool, seconds: float) -> int:
    """The step up to which the runs are advanced next, a check or the last.

    With early stopping each stage is as long as all before it: whoever stays pays for a few
    packings only. `seconds` is how long a call takes for one step.
    """
    checks = max(1, int(_LONGEST_CALL / max(seconds, 1e-12)) // check_every)
    if early_stop:
        checks = min(checks, max(4, begin // check_every))
    return min(n_steps, begin + checks * check_every)
