"""How results are laid out in a Zarr group: the arrays, and what tells two labels apart."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from dynamics.experiments import dataset
from dynamics.experiments.experiment import Experiment
from dynamics.experiments.writing import required
from landscapes.checks import shown

#: The attribute of a label that it is recognised by, without being read.
DIGEST = "sha256"


def arrays(experiment: Experiment, chunk: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """What `Group.create_array` is told of every array, by name; labels first."""
    codecs = required("zarr.codecs")
    common = {
        # The checksum comes last, so that it is over what is on the disk.
        "compressors": [
            codecs.BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
            codecs.Crc32cCodec(),
        ],
        # Else a chunk that holds nothing but the fill value would never be written.
        "config": {"write_empty_chunks": True},
    }
    kept = experiment.kept(chunk)
    along = dict(zip(experiment.dims, kept, strict=True))
    found: dict[str, dict[str, Any]] = {}
    for name, (dims, values) in labels(experiment).items():
        found[name] = common | {
            "shape": values.shape,
            "chunks": tuple(map(along.get, dims, values.shape)),
            "dtype": values.dtype,
            "dimension_names": dims,
            "attributes": _plain(dataset.attributes(name, experiment)) | {DIGEST: digest(values)},
        }
    for name, variable in experiment.variables().items():
        found[name] = common | {
            "shape": experiment.shape + variable.shape,
            "chunks": kept + variable.shape,
            "dtype": variable.dtype,
            # What no run ever ends with, should somebody read what is not there.
            "fill_value": np.nan if variable.dtype.kind == "f" else -2,
            "dimension_names": experiment.dims + variable.dims,
            "attributes": _plain(dataset.attributes(name, experiment)),
        }
    return found


def labels(experiment: Experiment) -> dict[str, dataset.Labelled]:
    """The coordinates and the starts, by name, as they are stored."""
    found = dataset.coordinates(experiment) | {"starts": dataset.starts(experiment)}
    if "algorithm" in found:
        dims, names = found["algorithm"]
        # Zarr specifies texts of any length, but not those of a fixed one.
        found["algorithm"] = (dims, names.astype(np.dtypes.StringDType()))
    return found


def digest(values: np.ndarray) -> str:
    """What differs when the values do."""
    if values.dtype.kind == "T":
        return hashlib.sha256("\n".join(values.ravel().tolist()).encode()).hexdigest()
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes as JSON has them."""
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in attributes.items()}


def in_words(values: np.ndarray) -> str:
    """The values, or if they are many, how many they are and where they begin and end."""
    if values.ndim == 0 or len(values) <= 4:
        return shown(values.tolist())
    return f"{len(values)} from {shown(values[0].tolist())} to {shown(values[-1].tolist())}"
