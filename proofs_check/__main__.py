"""The command line: `python -m proofs_check`."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynamics import device_name
from proofs_check import CLAIMS, report
from proofs_check.claim import Claim
from proofs_check.evidence import Size
from proofs_check.interruption import Interruption
from proofs_check.ledger import Row, check_all

AS_RECORDED, CHANGED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


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
    out = Console() if sys.stdout.isatty() else Console(width=report.TABLE_WIDTH)
    err = Console(stderr=True)
    err.print(f"{len(claims)} claims at size {size.value} on {device_name()}")
    rows: list[Row] = []
    interrupted = False
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=err) as progress:
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
    if given.json:
        report.write_json(Path(given.json), rows, size, complete=not interrupted)
    if given.report:
        report.write_report(Path(given.report), rows, size, complete=not interrupted)
    if given.update_table and not interrupted:
        page = Path(given.update_table)
        page.write_text(report.with_table(page.read_text("utf-8"), rows), encoding="utf-8")
    for line in report.changes(rows):
        err.print(f"CHANGED {line}", style="bold red", highlight=False, markup=False)
    if interrupted:
        err.print(f"interrupted: {len(rows)} of {len(claims)} claims done", style="bold")
        return INTERRUPTED
    return CHANGED if report.changes(rows) else AS_RECORDED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m proofs_check",
        description="Runs theorem claims: machine proofs, simulated evidence, negative controls.",
        epilog="Exit status: 0 when every finding is the recorded one, 1 when one is not, "
        "2 for wrong usage, 130 when interrupted.",
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
            parser.error(f"unknown claim {name!r}{_nearest(name, list(CLAIMS))}")
    papers = sorted({claim.paper.key for claim in CLAIMS.values()})
    if paper is not None and paper not in papers:
        parser.error(f"unknown paper {paper!r}; there are {', '.join(papers)}")
    chosen = [CLAIMS[i] for i in dict.fromkeys(ids)] if ids else list(CLAIMS.values())
    chosen = [c for c in chosen if paper in (None, c.paper.key)]
    if not chosen:
        parser.error(f"none of the claims given is of the paper {paper!r}")
    return chosen


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return f"; did you mean {' or '.join(close)}?" if close else "; see --list"


def _check_writable(parser: argparse.ArgumentParser, file: str | None, folder: str | None) -> None:
    """Finds out before the run, not after it, that its results could not be written."""
    if file is not None:
        path, existed = Path(file), Path(file).exists()
        try:
            with path.open("a", encoding="utf-8"):
                pass
            if not existed:
                path.unlink()
        except OSError as error:
            parser.error(f"cannot write --json {file}: {error.strerror}")
    if folder is not None:
        probe = Path(folder) / ".writable"
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            parser.error(f"cannot write into --report {folder}: {error.strerror}")


def _check_marked(parser: argparse.ArgumentParser, page: str | None) -> None:
    """Likewise for a page whose table could not be replaced."""
    if page is None:
        return
    try:
        report.with_table(Path(page).read_text("utf-8"), [])
        with Path(page).open("a", encoding="utf-8"):
            pass
    except (OSError, ValueError) as error:
        parser.error(f"cannot update the table of {page}: {error}")


if __name__ == "__main__":
    sys.exit(main())
