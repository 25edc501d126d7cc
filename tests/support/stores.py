"""A small store, for tests of what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray

from dynamics import GD, SAM, Criteria, sweep
from dynamics.experiments.layout import RECEIPTS, Chunk
from landscapes import Saddle

GRID: dict[str, Any] = {
    "eta": (0.05, 0.31), "rho": (0.04, 0.17), "starts": [(1.3, 0.2), (-0.4, 1.7), (0.6, -1.1)],
    "n_steps": 40, "criteria": Criteria(max_period=2, check_every=20),
    "observables": {"loss": "last"},
}  # fmt: skip
# Of SAM, whose results differ from place to place.
ONE, OTHER = (1, 0, 0, 0), (1, 1, 1, 0)


def run(**other: Any) -> xarray.Dataset:
    return sweep(Saddle(), (GD, SAM), **(GRID | other))


def file(path: Path, name: str, position: tuple[int, ...] = ONE) -> Path:
    """The file of a chunk."""
    return path / str(chunk(name, position))


def chunk(name: str, position: tuple[int, ...] = ONE) -> Chunk:
    """One of the chunks of results, or a receipt, by its place along the runs."""
    return Chunk(name, position + {"final": (0,), RECEIPTS: (0, 0)}.get(name, ()))
