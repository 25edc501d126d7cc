"""The command line: `python -m landscapes`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from landscapes import LANDSCAPES
from landscapes.console import DONE, run, screens
from landscapes.page import COLUMNS, of_instance, page, rows
from landscapes.reading import read_landscape

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
        description="Lists the landscapes, or says what is known about those that are given.",
        epilog="Exit status: 0, 1 when the output cannot be written, 2 for wrong usage, "
        "130 when interrupted.",
    )
    parser.add_argument(
        "landscape", nargs="*", metavar="L",
        help="a name, for the page with all its examples; a call such as 'Quadratic((9, 1))'; or "
        "a formula such as 'x^4/4 - x*y + y^2/2'",
    )  # fmt: skip
    given = list(dict.fromkeys(parser.parse_args(arguments).landscape))
    if given:
        try:
            print("\n\n\n".join(_page(text) for text in given))
        except ValueError as error:
            parser.error(str(error))
        return DONE
    from rich.markup import escape
    from rich.table import Table

    out, _ = screens(_TABLE_WIDTH)
    table = Table(*COLUMNS, show_lines=True, caption=_CAPTION)
    for row in rows():
        table.add_row(*map(escape, row))
    out.print(table)
    return DONE


def _page(text: str) -> str:
    name = text.strip()
    return page(LANDSCAPES[name]) if name in LANDSCAPES else of_instance(read_landscape(text))


if __name__ == "__main__":
    sys.exit(run(main))
