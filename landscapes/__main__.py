"""The command line: `python -m landscapes`."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from landscapes import LANDSCAPES
from landscapes.page import COLUMNS, page, rows

# Of a list that goes into a file or a pipe.
_TABLE_WIDTH = 160
_CAPTION = (
    "β: smoothness, μ: strong convexity, α: Polyak–Łojasiewicz constant, on their domain. "
    "The facts are those of each one's first example; the page of a NAME has the others."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the list or the pages asked for, and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m landscapes",
        description="Lists the landscapes, or says what is known about those that are named.",
        epilog="Exit status: 0, or 2 for wrong usage.",
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help="landscapes to print the page of")
    names = parser.parse_args(arguments).name
    for name in names:
        if name not in LANDSCAPES:
            parser.error(f"unknown landscape {name!r}{_nearest(name)}")
    if names:
        print("\n\n\n".join(page(LANDSCAPES[name]) for name in dict.fromkeys(names)))
        return 0
    out = Console() if sys.stdout.isatty() else Console(width=_TABLE_WIDTH)
    table = Table(*COLUMNS, show_lines=True, caption=_CAPTION)
    for row in rows():
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)
    return 0


def _nearest(name: str) -> str:
    lower = {known.lower(): known for known in LANDSCAPES}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.4)
    return f"; did you mean {lower[close[0]]}?" if close else f"; there are {', '.join(LANDSCAPES)}"


if __name__ == "__main__":
    sys.exit(main())
