"""The command line: `python -m figures`."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import matplotlib.figure
import xarray
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from dynamics import device_name
from figures import FIGURES, provenance, style
from figures.figure import Figure
from figures.figure import Progress as Told
from proofs_check.interruption import Interruption

DONE, WRONG_USAGE, INTERRUPTED = 0, 2, 130
SIZES = ("quick", "full")
# What each format is written with besides: no dates, so that the same data give the same file.
FORMATS = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws the figures and returns the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    figures = _chosen(parser, given.name)
    if given.list:
        for figure in figures:
            print(f"{figure.name}\n    {figure.caption.splitlines()[0]}")
            print(f"    illustrates {', '.join(figure.claims)}")
        return DONE
    formats = _formats(parser, given.formats)
    folder = Path(given.out)
    kept = _kept(parser, figures, folder, given.size) if given.reuse_data else {}
    _check_writable(parser, folder)

    # The paths of what is made go to standard output, progress and complaints to standard error.
    err = Console(stderr=True)
    if not kept:
        err.print(f"{len(figures)} figures at size {given.size} on {device_name()}")
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    done = 0
    with Progress(*columns, console=err) as bars:

        def told(bar: TaskID, share: float) -> None:
            interruption.check()
            bars.update(bar, completed=share)

        try:
            with Interruption() as interruption:
                for figure in figures:
                    bar = bars.add_task(figure.name, total=1.0)
                    if not err.is_terminal:
                        err.print(f"[{done + 1}/{len(figures)}] {figure.name}", highlight=False)
                    for path in make(
                        figure, given.size, folder, formats, kept.get(figure.name),
                        partial(told, bar),
                    ):  # fmt: skip
                        print(path)
                    told(bar, 1.0)
                    done += 1
        except KeyboardInterrupt:
            err.print(f"interrupted: {done} of {len(figures)} figures done", style="bold")
            return INTERRUPTED
    return DONE


def make(
    figure: Figure,
    size: str,
    folder: Path,
    formats: Iterable[str],
    data: xarray.Dataset | None,
    progress: Told,
) -> list[Path]:
    """Makes one figure's files, simulating unless given the data, and returns their paths."""
    data_path, sidecar = (
        f(folder, figure) for f in (provenance.data_path, provenance.sidecar_path)
    )
    simulation = provenance.recorded_simulation(sidecar)
    written = []
    if data is None:
        begin = perf_counter()
        data = figure.data(size, progress)
        simulation = provenance.surroundings() | {"seconds": round(perf_counter() - begin, 2)}
        provenance.write_data(data, data_path)
        written.append(data_path)
    images = render(figure, data, folder, formats)
    provenance.write_sidecar(sidecar, figure, size, simulation, images)
    return [*written, *images, sidecar]


def render(
    figure: Figure, data: xarray.Dataset, folder: Path, formats: Iterable[str]
) -> list[Path]:
    """Draws the data and writes one image for each format."""
    images = []
    with style.applied():
        canvas = matplotlib.figure.Figure(figsize=figure.inches, layout="constrained")
        figure.draw(data, canvas)
        canvas.draw_without_rendering()
        canvas.set_layout_engine("none")  # laid out once, the same for every format
        for kind in formats:
            image = folder / f"{figure.name}.{kind}"
            provenance.replacing(
                image,
                lambda partial, kind=kind: canvas.savefig(
                    partial, format=kind, metadata=FORMATS[kind]
                ),
            )
            images.append(image)
    return images


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m figures",
        description="Draws figures: simulated data, and the curves that theory predicts for them.",
        epilog="Beside each image lie its data (.nc) and where they come from (.json). Exit "
        "status: 0 when all are drawn, 2 for wrong usage, 130 when interrupted.",
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help="names of figures; all by default")
    parser.add_argument("--list", action="store_true", help="list the figures and draw none")
    parser.add_argument(
        "--out", metavar="DIR", default="build/figures",
        help="where the files go (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--size", choices=SIZES, default="full",
        help="how much is simulated (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--formats", default=",".join(FORMATS), metavar="F,…",
        help="image formats (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--reuse-data", action="store_true",
        help="draw the data that lie in DIR already, and simulate nothing",
    )  # fmt: skip
    return parser


def _chosen(parser: argparse.ArgumentParser, names: list[str]) -> list[Figure]:
    for name in names:
        if name not in FIGURES:
            parser.error(f"unknown figure {name!r}{_nearest(name, FIGURES)}")
    return [FIGURES[n] for n in dict.fromkeys(names)] if names else list(FIGURES.values())


def _formats(parser: argparse.ArgumentParser, given: str) -> list[str]:
    formats = [f.strip() for f in given.split(",") if f.strip()]
    for kind in formats:
        if kind not in FORMATS:
            parser.error(f"unknown format {kind!r} in --formats; there are {', '.join(FORMATS)}")
    if not formats:
        parser.error(f"--formats names no format; there are {', '.join(FORMATS)}")
    return list(dict.fromkeys(formats))


def _nearest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return f"; did you mean {' or '.join(close)}?" if close else "; see --list"


def _kept(
    parser: argparse.ArgumentParser, figures: list[Figure], folder: Path, size: str
) -> dict[str, xarray.Dataset]:
    """The data of earlier runs, or an error that says which are missing or of another making."""
    kept = {}
    for figure in figures:
        path = provenance.data_path(folder, figure)
        try:
            kept[figure.name] = provenance.read_data(path)
        except FileNotFoundError:
            parser.error(f"--reuse-data: there is no {path}; run without --reuse-data first")
        except ValueError as error:
            parser.error(f"--reuse-data: {error}")
        if why := figure.disagreement(kept[figure.name], size):
            parser.error(f"--reuse-data: the data in {path} are not the ones asked for: {why}")
    return kept


def _check_writable(parser: argparse.ArgumentParser, folder: Path) -> None:
    """Finds out before the run, not after it, that its results could not be written."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        parser.error(f"cannot write into --out {folder}: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main())
