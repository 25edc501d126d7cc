"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

# Importing a module registers its rows.
from benchmarks import (  # noqa: F401
    accelerator,
    against_c,
    compilation,
    grid,
    growth,
    products,
    registry,
    report,
)
from benchmarks.row import ROWS, Found, Group, Row, Settings, Size, Standing, number, take
from landscapes.console import (
    DONE,
    FAILED,
    INTERRUPTED,
    Interruption,
    nearest,
    run,
    screens,
    why_unwritable,
)

MEASURED = DONE
_PLOTTED = ("growth-runs", "growth-steps")
_FORMATS = (".png", ".pdf", ".svg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the rows and returns the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    rows = _chosen(parser, given.row)
    if given.list:
        for one in rows:
            print(f"{one.name}\n    {one.job}\n    mark: {one.mark}")
        return MEASURED
    if given.repeats < 1:
        parser.error(f"--repeats must be at least 1; got {given.repeats}")
    _check_files(parser, given.json, given.plot, rows)
    settings = Settings(Size(given.size), given.repeats)

    # Results go to standard output, progress to standard error.
    out, err = screens(report.TABLE_WIDTH)
    out.print(report.heading(settings), highlight=False, markup=False)
    found: list[Found] = []
    interrupted = False
    try:
        with Interruption() as interruption:
            for i, one in enumerate(rows, start=1):
                err.print(f"[{i}/{len(rows)}] {one.name} …", end=" ", highlight=False, markup=False)
                begin = perf_counter()
                done = take(one, settings)
                interruption.check()  # one that came inside a library, and was swallowed there
                found.append(dataclasses.replace(done, seconds=perf_counter() - begin))
                err.print(_told(found[-1]), highlight=False, markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        interrupted = True
        err.print()
    out.print(report.table(found))
    for one in found:
        if one.measurement and one.measurement.detail:
            out.print()
            out.print(report.detail(one.measurement.detail))
    out.print(f"\n{report.summary(found, settings)}", highlight=False, markup=False)
    if given.json:
        report.write_json(Path(given.json), found, settings, complete=not interrupted)
    plotted = {
        one.row.name: one.measurement.data
        for one in found
        if one.row.name in _PLOTTED and one.measurement
    }
    if given.plot and plotted:
        growth.plot(plotted, Path(given.plot))
    if interrupted:
        err.print(f"interrupted: {len(found)} of {len(rows)} rows measured", style="bold")
        return INTERRUPTED
    return FAILED if any(one.verdict is Standing.FAILED for one in found) else MEASURED


def _told(found: Found) -> str:
    value = f"{number(found.measurement.value)} " if found.measurement else ""
    return f"{value}({found.row.mark}): {found.verdict.value}, {found.seconds:.1f} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures how fast the simulator is, beside the marks that it is to reach.",
        epilog="Exit status: 0 when every row was measured or says why not, met or not; 1 when "
        "answers disagree or a row breaks; 2 for wrong usage; 130 when interrupted, after the "
        "table of what was measured until then.",
    )
    parser.add_argument("row", nargs="*", metavar="ROW", help="names of rows; all by default")
    parser.add_argument("--list", action="store_true", help="list the rows and measure nothing")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", dest="size", action="store_const", const=Size.QUICK.value, default="usual",
        help="sizes that only show that everything runs",
    )  # fmt: skip
    size.add_argument(
        "--full", dest="size", action="store_const", const=Size.FULL.value,
        help="the sizes of the marks where the usual ones are smaller: tens of minutes",
    )  # fmt: skip
    parser.add_argument(
        "--repeats", type=int, default=5, metavar="N",
        help="times each side of a ratio is timed; the best counts (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write what was measured into FILE")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the rows growth-runs and growth-steps into FILE (.png)"
    )
    return parser


def _chosen(parser: argparse.ArgumentParser, names: list[str]) -> list[Row]:
    for name in names:
        if name not in ROWS:
            parser.error(f"unknown row {name!r}{nearest(name, ROWS, '--list names them')}")
    groups = list(Group)
    chosen = [ROWS[name] for name in dict.fromkeys(names or ROWS)]
    return sorted(chosen, key=lambda one: groups.index(one.group))


def _check_files(
    parser: argparse.ArgumentParser, json: str | None, plot: str | None, rows: Sequence[Row]
) -> None:
    """Refuses, before minutes are spent, what could not be written at the end."""
    for option, name in (("--json", json), ("--plot", plot)):
        if name is not None and (why := why_unwritable(name)):
            parser.error(f"{option} must name a file that can be written; got {name!r}: {why}")
    if plot is not None:
        if Path(plot).suffix not in _FORMATS:
            parser.error(f"--plot must end in {', '.join(_FORMATS)}; got {plot!r}")
        if not any(one.name in _PLOTTED for one in rows):
            parser.error(f"--plot draws {' and '.join(_PLOTTED)}; name one of them as a ROW")


if __name__ == "__main__":
    sys.exit(run(main))
