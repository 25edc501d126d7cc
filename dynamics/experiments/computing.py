"""Computes the blocks of an experiment one after another, or side by side on an executor."""

from __future__ import annotations

import multiprocessing.context
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from dynamics.engine.engine import Advance
from dynamics.experiments.blocks import Job, Values, compute, compute_in_worker, look_around
from dynamics.experiments.checking import check
from dynamics.experiments.experiment import Block, Experiment
from dynamics.experiments.provenance import differences, environment
from landscapes.checks import shown

Put = Callable[[Block, Values], None]

# Blocks that are with an executor at a time: enough for every worker to find the next one there.
_MOST_IN_FLIGHT = 1024


def compute_here(
    experiment: Experiment, job: Job, blocks: Iterable[Block], put: Put, advance: Advance
) -> None:
    """Computes the blocks in order, on the devices of this process, and puts them."""
    for block in blocks:
        put(block, compute(job, block.algorithm, experiment.lanes(block), advance))


def compute_on(
    executor: Executor,
    experiment: Experiment,
    job: Job,
    blocks: Iterable[Block],
    put: Put,
    advance: Advance,
    *,
    memory: int,
) -> None:
    """Computes the blocks on the executor and puts them here, as they end.

    `memory` bounds what is on its way to the workers and back. An interrupt is let through when
    what has come back is put. Raises `RuntimeError` for a block
    that does not come back, or comes back as something else.
    """
    waiting = iter(blocks)
    pending: dict[Future, Block] = {}
    try:
        while True:
            while len(pending) < _in_flight(experiment, pending.values(), memory):
                if (block := next(waiting, None)) is None:
                    break
                lanes = experiment.lanes(block)
                pending[executor.submit(compute_in_worker, job, block, lanes)] = block
            if not pending:
                return
            for task in wait(pending, return_when=FIRST_COMPLETED).done:
                block = pending.pop(task)
                put(block, _values(task, job, block, experiment))
                advance(block.runs)
    except KeyboardInterrupt:
        for task, block in pending.items():
            if task.done() and not task.cancelled() and task.exception() is None:
                put(block, _values(task, job, block, experiment))
        raise
    finally:
        for task in pending:
            task.cancel()


def _values(task: Future, job: Job, block: Block, experiment: Experiment) -> Values:
    """What a worker returned, if it is that."""
    try:
        returned = task.result()
    except Exception as error:
        raise RuntimeError(
            f"a worker did not return its block: {type(error).__name__}: {error}"
        ) from error
    try:
        check(returned, job.token, block, experiment)
    except ValueError as error:
        raise RuntimeError(
            f"what a worker returned are no results of its block: {error}"
        ) from error
    return returned.values


def _in_flight(experiment: Experiment, pending: Iterable[Block], memory: int) -> int:
    """How many blocks may be on their way."""
    each = 8 * (experiment.landscape.dim + 2) + experiment.bytes_per_run
    largest = max((block.runs for block in pending), default=1)
    return min(_MOST_IN_FLIGHT, max(2, memory // (each * largest)))


def workers(executor: Executor, job: Job) -> dict[str, str]:
    """What the workers compute with, if they can be given the job.

    Raises `ValueError` or `RuntimeError` if they cannot, with the reason and the remedy.
    """
    if job.settings.devices is not None:
        raise ValueError(
            "devices must be None with an executor, for each worker uses its own; "
            f"got {shown(job.settings.devices)}"
        )
    context = getattr(executor, "_mp_context", None)
    forks = isinstance(context, multiprocessing.context.BaseContext)
    if forks and context.get_start_method() == "fork":
        raise ValueError(
            "executor must not fork, for the threads of JAX do not survive that; got a pool that "
            "does. Make it with "
            'ProcessPoolExecutor(…, mp_context=multiprocessing.get_context("spawn"))'
        )
    try:
        there = executor.submit(look_around, job).result()
    except Exception as error:
        raise RuntimeError(
            f"the executor cannot run this sweep ({type(error).__name__}: {error}). Landscapes "
            "and the rules of algorithms must be such that they can be pickled: functions at the "
            "top level of a module that the workers can import, no lambda. A script that starts "
            'processes must do so under: if __name__ == "__main__":'
        ) from error
    here = environment() | {"device": there["device"]}
    if lines := differences(there, here, ("with the workers", "here")):
        raise RuntimeError(
            "the workers have other versions than this process, which may change results:\n  "
            + "\n  ".join(lines)
            + "\nInstall the same versions for both"
        )
    return there
