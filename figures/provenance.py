"""Where a figure comes from: its data as netCDF, and beside them a JSON file that says the rest."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import xarray

from dynamics import device_name
from figures.figure import Figure

_PACKAGES = ("jax", "jaxlib", "matplotlib", "numpy", "scipy", "sympy", "xarray")


def data_path(folder: Path, figure: Figure) -> Path:
    return folder / f"{figure.name}.nc"


def sidecar_path(folder: Path, figure: Figure) -> Path:
    return folder / f"{figure.name}.json"


def surroundings() -> dict[str, Any]:
    """The versions, the state of the source and the machine that a result is made with."""
    return {
        "versions": {"python": platform.python_version(), "ravine": _version("ravine")}
        | {package: _version(package) for package in _PACKAGES},
        "git": git_state(Path(__file__).parent),
        "device": device_name(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # run from the source, not installed
        return None


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit checked out and whether files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        # An installed package may lie inside the checkout of something else: only a folder that
        # git tracks is of this source.
        git("ls-files", "--error-unmatch", "__init__.py")
        changed = git("status", "--porcelain", "--untracked-files=no")
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return None


def write_data(data: xarray.Dataset, path: Path) -> None:
    """Writes the data as netCDF 3, which every reader of netCDF understands."""
    replacing(path, lambda partial: data.to_netcdf(partial, engine="scipy"))


def read_data(path: Path) -> xarray.Dataset:
    """The data of a file that `write_data` wrote.

    Raises `FileNotFoundError` if there is none, `ValueError` if it is something else.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        return xarray.load_dataset(path, engine="scipy")
    except Exception as error:  # the reader raises whatever the first broken byte leads to
        raise ValueError(f"{path} is not a readable netCDF file: {error}") from error


def write_sidecar(
    path: Path, figure: Figure, size: str, simulation: dict[str, Any] | None, images: Iterable[Path]
) -> None:
    """Writes what is known of the figure.

    `simulation` tells of the making of the data (`surroundings` and seconds); None if unknown.
    """
    arguments = figure.arguments(size)
    record = {
        "figure": figure.name,
        "caption": figure.caption,
        "claims": list(figure.claims),
        "size": size,
        "seed": arguments.get("seed"),
        "arguments": arguments,
        "data": path.with_suffix(".nc").name,
        "images": [image.name for image in images],
        "simulation": simulation,
        "drawing": surroundings(),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    replacing(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def recorded_simulation(path: Path) -> dict[str, Any] | None:
    """What an earlier sidecar says of the making of the data; None if it says nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("simulation")
    except (OSError, ValueError, AttributeError):
        return None


def replacing(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file whole or not at all: an interruption leaves the old one in place."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
