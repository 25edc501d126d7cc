"""What a sweep returns survives a file: its values, types, labels and flags."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from dynamics import GD, SAM, ensemble, open_sweep, sweep
from landscapes import Saddle

# A grid with an axis that is one value, and a trace; and a list of runs.
MADE: dict[str, Callable[..., xarray.Dataset]] = {
    "sweep": lambda **means: sweep(
        Saddle(), (GD, SAM), eta=0.1, rho=(0.1, 0.2), starts=[(1.0, 0.5), (0.3, 0.2)], n_steps=9,
        observables={"loss": ("max", "trace")}, trace_every=4, **means,
    ),
    "ensemble": lambda **means: ensemble(
        Saddle(), SAM, eta=(0.1, 0.3, 0.2), rho=0.1, starts=(1.0, 0.5), n_steps=9, **means
    ),
}  # fmt: skip


def assert_read_back(read: xarray.Dataset, found: xarray.Dataset) -> None:
    xarray.testing.assert_identical(read, found)
    assert set(read.variables) == set(found.variables) and set(read.coords) == set(found.coords)
    for name, variable in found.variables.items():
        # Texts come back from netCDF as Python's.
        dtype = read[name].dtype if variable.dtype.kind == "U" else variable.dtype
        assert read[name].dtype == dtype
        flags = np.asarray(variable.attrs.get("flag_values"))
        assert np.asarray(read[name].attrs.get("flag_values")).tolist() == flags.tolist()


@pytest.mark.parametrize("kept", ["in memory", "in a store"])
@pytest.mark.parametrize("made", MADE)
# A fixed-length text has no specification in Zarr yet, and consolidated metadata have none.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The data type", "ignore:Consolidated metadata")
def test_it_comes_back_from_netcdf_and_zarr(made: str, kept: str, tmp_path: Path):
    means: dict[str, Any] = {} if kept == "in memory" else {"store": tmp_path / "runs.zarr"}
    found = MADE[made](**means)
    if means:
        found = open_sweep(tmp_path / "runs.zarr")
    netcdf, zarr = tmp_path / "found.nc", tmp_path / "found.zarr"
    found.to_netcdf(netcdf, engine="scipy")  # SciPy is there wherever Ravine is
    assert_read_back(xarray.load_dataset(netcdf, engine="scipy"), found)
    found.to_zarr(zarr)
    assert_read_back(xarray.load_dataset(zarr, engine="zarr"), found)


@pytest.mark.parametrize("made", MADE)
def test_a_store_is_read_by_xarray_alone(made: str, tmp_path: Path):
    path = tmp_path / "runs.zarr"
    found = MADE[made](store=path)
    read = xarray.open_zarr(path, consolidated=False)
    for name in found.variables:
        assert read[name].dims == found[name].dims
        np.testing.assert_array_equal(read[name].values, found[name].values)
        for attribute, value in found[name].attrs.items():
            assert np.array_equal(read[name].attrs[attribute], value)
