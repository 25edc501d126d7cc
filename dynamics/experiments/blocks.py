"""Computes one block of an experiment: here, or in another process or on another machine."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.engine import engine
from dynamics.engine.attractors import attractors
from dynamics.engine.lanes import Lanes
from dynamics.engine.observables import Along, is_missing, observe
from dynamics.experiments.checking import Returned
from dynamics.experiments.experiment import Block, Settings
from dynamics.experiments.provenance import environment
from landscapes import Landscape

Values = dict[str, np.ndarray]

_IMPORTED_BY = os.getpid()


@dataclass(frozen=True, eq=False)
class Job:
    """What all blocks of an experiment have in common. It can be pickled if its parts can.

    Two are equal when one is a copy of the other.
    """

    landscape: Landscape
    algorithms: tuple[Algorithm, ...]
    settings: Settings
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)


def compute(
    job: Job, algorithm: int, lanes: Lanes, advance: Callable[[int], None] = lambda _: None
) -> Values:
    """All results of the runs, by name, with the runs along the first axis.

    Pure: the same runs have the same results, whatever block they are in. `advance` is told how
    many more runs are done.
    """
    settings, chosen = job.settings, job.algorithms[algorithm]
    result = engine.run(
        job.landscape,
        chosen,
        lanes,
        n_steps=settings.n_steps,
        criteria=settings.criteria,
        early_stop=settings.early_stop,
        chunk_size=settings.chunk_size,
        devices=settings.devices,
        progress=advance,
    )
    values = result._asdict()
    values["attractor"] = attractors(job.landscape, result, settings.criteria)
    if settings.observables:
        along = Along(
            settings.n_steps,
            settings.mean_last,
            settings.trace_every,
            settings.criteria.divergence_radius,
        )
        values |= observe(
            job.landscape, chosen, lanes, settings.observables, along, settings.devices
        )
    return values


def compute_in_worker(job: Job, block: Block, lanes: Lanes) -> Returned:
    """`compute`, for a job that came out of a pickle."""
    return Returned(job.token, block, compute(_first(job), block.algorithm, lanes))


@lru_cache(maxsize=8)
def _first(job: Job) -> Job:
    """The first copy of a job that this process has seen.

    To the compiler every copy is another landscape, to be compiled anew; the cache returns the
    copy it was first asked about.
    """
    return job


def look_around(job: Job) -> dict[str, str]:
    """The versions and devices of the process that this is run in, if it can run the job.

    Raises `RuntimeError` where it cannot, with the reason.
    """
    if os.getpid() != _IMPORTED_BY:
        raise RuntimeError(
            "the worker is a fork of a process that had loaded JAX, whose threads do not survive "
            'that; make the pool with mp_context=multiprocessing.get_context("spawn")'
        )
    for asked in job.settings.observables:
        if is_missing(asked):
            raise RuntimeError(
                f"the observable {asked.observable} is registered here but not in the worker; "
                "register it in a module that the worker imports too, such as the landscape's own"
            )
    return environment()
