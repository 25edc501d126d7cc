"""Carries an experiment out, into memory or into a store."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np

from dynamics.experiments.blocks import Job, Values
from dynamics.experiments.computing import Advance, Put, compute_here, compute_on, workers
from dynamics.experiments.dataset import labelled
from dynamics.experiments.experiment import Block, Experiment
from dynamics.experiments.files import StoreError
from dynamics.experiments.layout import MOST_BLOCKS, MOST_CHUNK_BYTES
from dynamics.experiments.memory import in_words, memory_limit_in_bytes
from dynamics.experiments.progress import Reporter
from dynamics.experiments.provenance import environment, provenance
from dynamics.experiments.store import Store, listed
from dynamics.experiments.writing import local_path, sole_writer
from landscapes.checks import shown, whole_number

if TYPE_CHECKING:
    import xarray

# The share of the limit that blocks may take while they travel to workers and back.
_SHARE_SENT = 0.5


@dataclass(frozen=True)
class Means:
    """How a sweep is carried out, checked: see the arguments of `sweep`.

    No result depends on it.
    """

    store: Any
    resume: Any
    executor: Any
    memory_limit: Any
    block_size: Any
    progress: Any

    def __post_init__(self) -> None:
        if not isinstance(self.resume, bool):
            raise ValueError(f"resume must be True or False; got {shown(self.resume)}")
        if self.store is not None:
            object.__setattr__(self, "store", local_path(self.store))
        elif self.resume:
            raise ValueError("store must be the path that resume=True is to go on with; got None")
        if self.block_size is not None:
            number = whole_number("block_size", self.block_size, minimum=1)
            object.__setattr__(self, "block_size", number)
        if self.executor is not None and not isinstance(self.executor, Executor):
            raise ValueError(
                "executor must be a concurrent.futures.Executor (of a Dask client: "
                f"client.get_executor()) or None; got {shown(self.executor)}"
            )
        object.__setattr__(self, "memory_limit", memory_limit_in_bytes(self.memory_limit))
        object.__setattr__(self, "progress", Reporter(self.progress))


def carry_out(experiment: Experiment, means: Means) -> xarray.Dataset:
    """All results of the experiment: in memory, or opened from the store that they are in."""
    _check_memory(experiment, means, 1)
    if means.store is not None:
        _check_chunks(experiment)
    job = Job(experiment.landscape, experiment.algorithms, experiment.settings)
    made_in = environment() if means.executor is None else workers(means.executor, job)
    attrs = provenance(experiment, made_in)
    if means.store is None:
        return _into_memory(experiment, means, job, attrs)
    with sole_writer(means.store):
        return _into_store(experiment, means, job, attrs)


def _check_memory(experiment: Experiment, means: Means, block_runs: int) -> None:
    """Refuses results, or blocks of so many runs, that do not fit."""
    results = _kept_in_memory(experiment, means)
    work = block_runs * experiment.working_bytes_per_run
    if results + work <= means.memory_limit:
        return
    if results + experiment.working_bytes_per_run > means.memory_limit and means.store is None:
        what, remedy = "the results", "give store=path to keep them on disk"
    else:
        what, remedy = f"blocks of {block_runs} runs", "give a smaller block_size and a new store"
    raise MemoryError(
        f"{what} take {in_words(results + work)}, more than the memory_limit of "
        f"{in_words(means.memory_limit)}; {remedy}, or raise memory_limit"
    )


def _kept_in_memory(experiment: Experiment, means: Means) -> int:
    return 0 if means.store else experiment.bytes_per_run * math.prod(experiment.shape)


def _check_chunks(experiment: Experiment) -> None:
    """Refuses a variable of which not even one run fits a chunk of a store."""
    for name, variable in experiment.variables().items():
        if variable.n_bytes > MOST_CHUNK_BYTES:
            raise ValueError(
                f"{name} takes {in_words(variable.n_bytes)} a run, more than the "
                f"{in_words(MOST_CHUNK_BYTES)} of a chunk of a store; give a larger trace_every"
            )


def _chunk(experiment: Experiment, means: Means) -> tuple[int, ...]:
    """The extent of the blocks, by the user's word or by the memory there is."""
    chunk = _extents(experiment, means)
    counts = [-(-n // step) for n, step in zip(experiment.extents, chunk, strict=True)]
    if means.store is not None and math.prod(counts) > MOST_BLOCKS:
        raise ValueError(
            f"blocks of {math.prod(chunk)} runs cut the sweep into {math.prod(counts)}, and a "
            f"store has at most {MOST_BLOCKS}; give a larger block_size, or more memory_limit"
        )
    return chunk


def _extents(experiment: Experiment, means: Means) -> tuple[int, ...]:
    if means.block_size is not None:
        largest = max(variable.n_bytes for variable in experiment.variables().values())
        most = means.block_size if means.store is None else MOST_CHUNK_BYTES // largest
        chunk = experiment.chunk(min(means.block_size, most))
        _check_memory(experiment, means, math.prod(chunk))
        return chunk
    memory, sent = means.memory_limit - _kept_in_memory(experiment, means), False
    if means.executor is not None:
        memory, sent = memory // 8, True  # several are here at a time, and with every worker one
    return experiment.chunk(experiment.block_runs(memory, sent=sent))


def _compute(
    experiment: Experiment,
    means: Means,
    job: Job,
    blocks: Iterable[Block],
    put: Put,
    advance: Advance,
) -> None:
    if means.executor is None:
        compute_here(experiment, job, blocks, put, advance)
    else:
        memory = int(_SHARE_SENT * means.memory_limit)
        compute_on(means.executor, experiment, job, blocks, put, advance, memory=memory)


def _into_memory(
    experiment: Experiment, means: Means, job: Job, attrs: dict[str, Any]
) -> xarray.Dataset:
    blocks = list(experiment.blocks(_chunk(experiment, means)))
    results: Values = {}
    if blocks[0].shape != experiment.extents:
        results = {
            name: np.empty(experiment.extents + variable.shape, variable.dtype)
            for name, variable in experiment.variables().items()
        }

    def put(block: Block, values: Values) -> None:
        for name, array in values.items():
            shaped = array.reshape(block.shape + array.shape[1:])
            if block.shape == experiment.extents:  # the only block is the result
                results[name] = shaped
            else:
                results[name][block.region] = shaped

    with means.progress.of(sum(block.runs for block in blocks)) as advance:
        _compute(experiment, means, job, blocks, put, advance)
    return labelled(experiment, results, attrs)


def _into_store(
    experiment: Experiment, means: Means, job: Job, attrs: dict[str, Any]
) -> xarray.Dataset:
    path = means.store
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        store = Store.create(path, experiment, _chunk(experiment, means), attrs)
        missing = list(experiment.blocks(store.chunk))
    else:
        store = _existing(experiment, means, attrs)
        _check_memory(experiment, means, math.prod(store.chunk))
        store.tidy()
        missing = _unfinished(store, experiment)
    total = sum(block.runs for block in experiment.blocks(store.chunk))
    done = total - sum(block.runs for block in missing)
    finished: list[Block] = []

    def put(block: Block, values: Values) -> None:
        store.write(block, values, experiment)
        finished.append(block)

    def so_far() -> str:
        runs = done + sum(block.runs for block in finished)
        return f"{runs} of {total} runs are finished and kept in {path}"

    try:
        with means.progress.of(total, done=done) as advance, _behind(put) as put_behind:
            _compute(experiment, means, job, missing, put_behind, advance)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; {so_far()}. Call again with resume=True for the rest"
        ) from None
    except StoreError:
        raise
    except RuntimeError as error:
        raise RuntimeError(
            f"{error}. {so_far()}; call again with resume=True for the rest, with an executor "
            "made anew if it is broken"
        ) from error
    return store.dataset()


def _existing(experiment: Experiment, means: Means, attrs: dict[str, Any]) -> Store:
    """The store at the path, or an error if it is not to be written to by this sweep."""
    store = Store(means.store)
    if not means.resume:
        raise FileExistsError(
            f"{means.store} is there already; resume=True completes it, or give another path"
        )
    if lines := store.differences(experiment, attrs):
        raise ValueError(
            f"the store {means.store} was made with other arguments:\n  "
            + "\n  ".join(lines)
            + "\nAsk for what it was made with, or give another path"
        )
    return store


def _unfinished(store: Store, experiment: Experiment) -> list[Block]:
    """The blocks to compute: of which something is missing or, with a warning, damaged."""
    if faults := list(store.contents.faults.values()):
        store.mend_descriptions(experiment)
    found = store.survey()
    if wrong := [*faults, *map(str, found.damaged)]:
        warn(
            f"{len(wrong)} files of the store {store.path} are damaged; what they held is "
            f"made again: {listed(wrong)}",
            stacklevel=5,  # the caller of `sweep`
        )
    chunks = [*found.missing, *found.damaged]
    store.mend_labels(experiment, chunks)
    positions = {*found.unfinished, *store.positions_in(chunks)}
    return [
        block
        for block in experiment.blocks(store.chunk)
        if not positions.isdisjoint(store.positions_of(block, experiment))
    ]


@contextmanager
def _behind(put: Put) -> Iterator[Put]:
    """Calls `put` in a thread, while the next block is computed. One at a time; none is lost."""
    with ThreadPoolExecutor(1) as thread:
        last: list[Future] = []

        def later(block: Block, values: Values) -> None:
            try:
                while last:
                    last.pop().result()
            except KeyboardInterrupt:  # while it waited: this block is computed, too
                thread.submit(put, block, values)
                raise
            last.append(thread.submit(put, block, values))

        yield later
        while last:
            last.pop().result()
