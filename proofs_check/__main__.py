"""The command line: `python -m proofs_check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynamics import device_name
from landscapes.console import (
    DONE,
    FAILED,
    INTERRUPTED,
    Interruption,
    bars,
    nearest,
    run,
    screens,
    why_unwritable,
)
from proofs_check import CLAIMS, report
from proofs_check.claim import Claim
from proofs_check.evidence import Size
from proofs_check.ledger import Row, check_all

AS_RECORDED, CHANGED = DONE, FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the ledger and returns the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    claims = _chosen(parser, given.claim, given.paper)
    if given.list:
        for claim in claims:
            print(f"{claim.id}\n    {claim.title}\n    {claim.origin}: {claim.source}")
        return AS_RECORDED
    _check_writable(parser, given.json, given.report)
    _check_marked(parser, given.update_table)
    size = Size(given.size)

    # Results go to standard output, progress and complaints to standard error.
    out, err = screens(report.TABLE_WIDTH)
    err.print(f"{len(claims)} claims at size {size.value} on {device_name()}")
    rows: list[Row] = []
    interrupted = False
    with bars(err, counted=True) as progress:
        task = progress.add_task("", total=len(claims))

        def begin(claim: Claim) -> None:
            interruption.check()
            progress.update(task, description=claim.id)
            if not err.is_terminal:
                err.print(f"[{len(rows) + 1}/{len(claims)}] {claim.id}", highlight=False)

        def done(row: Row) -> None:
            rows.append(row)
            progress.update(task, advance=1)
            interruption.check()

        try:
            with Interruption() as interruption:
                check_all(claims, size, done, begin)
        except KeyboardInterrupt:
            interrupted = True
    out.print(report.table(rows))
    for line in report.corrections(rows):
        out.print(line, highlight=False, markup=False)
    out.print(report.summary(rows, size), highlight=False)
    failed = not _written(given, rows, size, err, complete=not interrupted)
    for line in report.changes(rows):
        err.print(f"CHANGED {line}", style="bold red", highlight=False, markup=False)
    if interrupted:
        err.print(f"interrupted: {len(rows)} of {len(claims)} claims done", style="bold")
        return INTERRUPTED
    return CHANGED if failed or report.changes(rows) else AS_RECORDED


def _written(given: Any, rows: list[Row], size: Size, err: Any, *, complete: bool) -> bool:
    """Writes what was asked for, each file whole or not at all; says what cannot be written."""
    asked = [
        (given.json, lambda path: report.write_json(path, rows, size, complete=complete)),
        (given.report, lambda path: report.write_report(path, rows, size, complete=complete)),
        (given.update_table if complete else None, lambda page: report.update_table(page, rows)),
    ]
    failed = False
    for name, write in asked:
        if name is not None:
            try:
                write(Path(name))
            except (OSError, ValueError) as error:
                failed = True
                err.print(f"error: cannot write {name}: {error}", highlight=False, markup=False)
    return not failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m proofs_check",
        description="Runs theorem claims: machine proofs, simulated evidence, negative controls.",
        epilog="Exit status: 0 when every finding is the recorded one, 1 when one is not or "
        "something cannot be written, 2 for wrong usage, 130 when interrupted.",
    )
    parser.add_argument("claim", nargs="*", metavar="CLAIM", help="ids of claims; all by default")
    parser.add_argument("--paper", metavar="P", help="only the claims of this paper")
    parser.add_argument(
        "--size", choices=[s.value for s in Size], default=Size.QUICK.value,
        help="how much is simulated (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--report", metavar="DIR", help="write a page for each claim into DIR")
    parser.add_argument("--json", metavar="FILE", help="write the ledger into FILE")
    parser.add_argument(
        "--update-table", metavar="PAGE", help="replace the table between the ledger marks of PAGE"
    )
    parser.add_argument("--list", action="store_true", help="list the claims and run nothing")
    return parser


def _chosen(parser: argparse.ArgumentParser, ids: list[str], paper: str | None) -> list[Claim]:
    for name in ids:
        if name not in CLAIMS:
            parser.error(f"unknown claim {name!r}{nearest(name, CLAIMS, '--list names them')}")
    papers = sorted({claim.paper.key for claim in CLAIMS.values()})
    if paper is not None and paper not in papers:
        parser.error(f"unknown paper {paper!r}; there are {', '.join(papers)}")
    chosen = [CLAIMS[i] for i in dict.fromkeys(ids)] if ids else list(CLAIMS.values())
    chosen = [c for c in chosen if paper in (None, c.paper.key)]
    if not chosen:
        parser.error(f"none of the claims given is of the paper {paper!r}")
    return chosen


def _check_writable(parser: argparse.ArgumentParser, file: str | None, folder: str | None) -> None:
    """Finds out before the run, not after it, that its results could not be written."""
    if file is not None and (why := why_unwritable(file)):
        parser.error(f"cannot write --json {file}: {why}")
    if folder is not None and (why := why_unwritable(folder, folder=True)):
        parser.error(f"cannot write into --report {folder}: {why}")


def _check_marked(parser: argparse.ArgumentParser, page: str | None) -> None:
    """Likewise for a page whose table could not be replaced."""
    if page is None:
        return
    try:
        report.with_table(Path(page).read_text("utf-8"), [])
    except (OSError, ValueError) as error:
        parser.error(f"cannot update the table of {page}: {error}")
    if why := why_unwritable(page):
        parser.error(f"cannot update the table of {page}: {why}")


if __name__ == "__main__":
    sys.exit(run(main))
