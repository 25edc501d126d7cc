"""The command line: `python -m figures`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import xarray

from dynamics import device_name
from figures import FIGURES, gallery, provenance
from figures.choosing import chosen_algorithms, chosen_landscapes
from figures.figure import SIZES, Figure, Told
from figures.rendering import FORMATS, formats_of, render
from landscapes.console import (
    DONE,
    INTERRUPTED,
    Interruption,
    bars,
    nearest,
    run,
    screens,
    why_unwritable,
)

_WIDTH = 100  # of what goes into a file or a pipe


@dataclass(frozen=True)
class Drawing:
    """One figure to be made: from what, in which formats, and from which data if they are there."""

    figure: Figure
    size: str
    choices: dict[str, Any]
    formats: list[str]
    data: xarray.Dataset | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws the figures and returns the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.list:
        for figure in _chosen(parser, given.name, {}):
            print(f"{figure.name}\n    {figure.title}")
            print(f"    illustrates {', '.join(figure.claims)}")
        return DONE
    if given.gallery and (why := gallery.unavailable()):
        parser.error(f"--gallery: {why}")
    if given.gallery and given.out:
        parser.error("--gallery DIR says where the files go; leave out --out")
    folder = Path(given.gallery or given.out or "build/figures")
    drawings = _drawings(parser, given, folder)
    if why := why_unwritable(folder, folder=True):
        parser.error(f"cannot write into {folder}: {why}")

    # The paths of what is made go to standard output, progress and complaints to standard error.
    _, err = screens(_WIDTH)
    if not given.reuse_data:
        err.print(f"{len(drawings)} figures at size {given.size} on {device_name()}")
    done = 0
    try:
        with Interruption() as interruption, bars(err) as shown:

            def told(bar: Any, share: float) -> None:
                interruption.check()
                shown.update(bar, completed=share)

            for drawing in drawings:
                bar = shown.add_task(drawing.figure.name, total=1.0)
                if not err.is_terminal:
                    name = drawing.figure.name
                    err.print(f"[{done + 1}/{len(drawings)}] {name}", highlight=False, markup=False)
                for path in make(drawing, folder, partial(told, bar), small=bool(given.gallery)):
                    print(path)
                told(bar, 1.0)
                done += 1
    except KeyboardInterrupt:
        err.print(f"interrupted: {done} of {len(drawings)} figures done", style="bold")
        return INTERRUPTED
    finally:
        if given.gallery and done:
            print(gallery.build(folder))
    return DONE


def make(drawing: Drawing, folder: Path, progress: Told, small: bool = False) -> list[Path]:
    """Makes one figure's files, simulating unless given the data, and returns their paths."""
    figure, data = drawing.figure, drawing.data
    data_path, sidecar = (
        f(folder, figure) for f in (provenance.data_path, provenance.sidecar_path)
    )
    simulation = (provenance.read_sidecar(sidecar) or {}).get("simulation")
    written = []
    if data is None:
        begin = perf_counter()
        data = figure.data(drawing.size, progress=progress, **drawing.choices)
        simulation = provenance.surroundings() | {"seconds": round(perf_counter() - begin, 2)}
        provenance.write_data(data, data_path)
        written.append(data_path)
    images = render(figure, data, folder, drawing.formats)
    if small:
        gallery.add_thumbnail(figure, data, folder)
    provenance.write_sidecar(sidecar, figure, data, simulation, images)
    return [*written, *images, sidecar]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m figures",
        description="Draws figures: simulated data, and the curves that theory predicts for them.",
        epilog="Beside each image lie its data (.nc) and where they come from (.json). Exit "
        "status: 0 when all are drawn, 1 when something cannot be written, 2 for wrong usage, 130 "
        "when interrupted.",
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help="names of figures; all by default")
    parser.add_argument("--list", action="store_true", help="list the figures and draw none")
    parser.add_argument(
        "--out", metavar="DIR", help="where the files go (default: build/figures)",
    )  # fmt: skip
    parser.add_argument(
        "--gallery", metavar="DIR",
        help="where the files go, with a page index.html that shows all figures that lie there",
    )  # fmt: skip
    parser.add_argument(
        "--size", choices=SIZES, default="full",
        help="how much is simulated (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--landscape", action="append", metavar="L",
        help="another loss, for figures that take one: a name of python -m landscapes, a call "
        "such as 'Quadratic((9, 1))', or a formula such as 'x^4/4 - x*y + y^2/2'; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--algorithms", metavar="A,…",
        help="other algorithms, for figures that take them: names of python -m dynamics, or calls "
        "such as 'LpSAM(4)' and 'SAM.with_base(HeavyBall(0.9))'",
    )  # fmt: skip
    still = ",".join(k for k, f in FORMATS.items() if not f.moving)
    parser.add_argument(
        "--formats", metavar="F,…",
        help=f"image formats: {still}, and gif,mp4 of animations (default: all there are)",
    )  # fmt: skip
    parser.add_argument(
        "--reuse-data", action="store_true",
        help="draw the data that lie in DIR already, and simulate nothing",
    )  # fmt: skip
    return parser


def _drawings(parser: argparse.ArgumentParser, given: Any, folder: Path) -> list[Drawing]:
    """What is to be made, everything that is wrong with it found out."""
    choices: dict[str, Any] = {}
    try:
        if given.landscape:
            choices["landscape"] = chosen_landscapes(given.landscape)
        if given.algorithms:
            choices["algorithms"] = chosen_algorithms(given.algorithms)
    except ValueError as error:
        parser.error(str(error))
    figures = _chosen(parser, given.name, choices)
    asked = _formats(parser, given.formats, figures)
    drawings = []
    for figure in figures:
        try:
            arguments = figure.arguments_of(given.size, **choices)
        except ValueError as error:
            parser.error(str(error))
        kept = _kept(parser, figure, folder, given.size, arguments) if given.reuse_data else None
        drawings.append(Drawing(figure, given.size, choices, formats_of(figure, asked), kept))
    return drawings


def _chosen(
    parser: argparse.ArgumentParser, names: list[str], choices: dict[str, Any]
) -> list[Figure]:
    """The named figures; by default all of those that take what is chosen for them."""
    for name in names:
        if name not in FIGURES:
            parser.error(f"unknown figure {name!r}{nearest(name, FIGURES)}")
    if names:
        return [FIGURES[n] for n in dict.fromkeys(names)]
    free = [
        figure
        for figure in FIGURES.values()
        if all(any(t.startswith(choice) for t in figure.takes) for choice in choices)
    ]
    if not free:
        parser.error(f"no figure takes another {' and other '.join(choices)}")
    return free


def _formats(
    parser: argparse.ArgumentParser, given: str | None, figures: list[Figure]
) -> list[str] | None:
    if given is None:
        return None
    formats = list(dict.fromkeys(f.strip() for f in given.split(",") if f.strip()))
    for kind in formats:
        if kind not in FORMATS:
            parser.error(f"unknown format {kind!r} in --formats; there are {', '.join(FORMATS)}")
        if not FORMATS[kind].available:
            parser.error(f"--formats {kind} needs {FORMATS[kind].needs}, which is not installed")
    if not formats:
        parser.error(f"--formats names no format; there are {', '.join(FORMATS)}")
    for figure in figures:
        if not formats_of(figure, formats):
            parser.error(f"{figure.name} is a still figure; --formats {given} shows animations")
    return formats


def _kept(
    parser: argparse.ArgumentParser,
    figure: Figure,
    folder: Path,
    size: str,
    arguments: dict[str, Any],
) -> xarray.Dataset:
    """The data of an earlier run, or an error: they are missing, or of another making."""
    path = provenance.data_path(folder, figure)
    try:
        data = provenance.read_data(path)
    except FileNotFoundError:
        parser.error(f"--reuse-data: there is no {path}; run without --reuse-data first")
    except ValueError as error:
        parser.error(f"--reuse-data: {error}")
    if why := figure.disagreement(data, size, arguments):
        parser.error(f"--reuse-data: the data in {path} are not the ones asked for: {why}")
    return data


if __name__ == "__main__":
    sys.exit(run(main))
