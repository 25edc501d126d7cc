"""Where a figure comes from: its data as netCDF, and beside them a JSON file that says the rest."""

from __future__ import annotations

import json
import platform
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray

from dynamics import device_name
from figures.figure import Figure
from landscapes.console import replacing, versions, write_text

_PACKAGES = ("ravine", "jax", "jaxlib", "matplotlib", "numpy", "scipy", "sympy", "xarray")


def data_path(folder: Path, figure: Figure) -> Path:
    return folder / f"{figure.name}.nc"


def sidecar_path(folder: Path, figure: Figure) -> Path:
    return folder / f"{figure.name}.json"


def surroundings() -> dict[str, Any]:
    """The time, the versions, the state of the source and the machine a result is made with."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()} | versions(*_PACKAGES),
        "git": git_state(Path(__file__).parent),
        "device": device_name(),
    }


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
    path: Path,
    figure: Figure,
    data: xarray.Dataset,
    simulation: Mapping[str, Any] | None,
    images: Iterable[Path],
) -> None:
    """Writes what is known of the figure that was drawn from these data.

    `simulation` tells of the making of the data (`surroundings` and seconds); None if unknown.
    """
    arguments = json.loads(data.attrs["arguments"])
    record = {
        "figure": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "claims": {claim: finding.value for claim, finding in figure.claims.items()},
        "command": command(figure, data),
        "size": data.attrs["size"],
        "seed": arguments["seed"],
        "arguments": arguments,
        "data": path.with_suffix(".nc").name,
        "images": [image.name for image in images],
        "simulation": simulation,
        "drawing": surroundings(),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    write_text(path, text)


def command(figure: Figure, data: xarray.Dataset) -> str:
    """The command that makes the data and the images again."""
    size, arguments = data.attrs["size"], json.loads(data.attrs["arguments"])
    own = figure.arguments_of(size)
    words = ["python", "-m", "figures", figure.name, "--size", size]
    for option, name in (("--landscape", "landscapes"), ("--algorithms", "algorithms")):
        if arguments.get(name) != own.get(name):
            given = arguments[name]
            words += [option, ",".join(given)] if name == "algorithms" else _each(option, given)
    return shlex.join(words)


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """What `write_sidecar` wrote; None if there is nothing or something else."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
