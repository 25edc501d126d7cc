"""Tables of what was measured, for reading, and the same numbers in a file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.row import Detail, Found, Settings, Size, Standing, number
from dynamics import device_name
from landscapes.console import versions, write_text

TABLE_WIDTH = 150
_NAME_WIDTH, _MARK_WIDTH = 19, 23
_PACKAGES = ("numpy", "jax", "jaxlib", "optax", "torch", "numba", "threadpoolctl")
_STYLES = {
    Standing.MET: "green",
    Standing.NOT_MET: "bold red",
    Standing.UNMEASURED: "yellow",
    Standing.FAILED: "bold red",
}


def surroundings() -> dict[str, Any]:
    """What the times depend on besides the code."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    found |= {package: version for package, version in versions(*_PACKAGES).items() if version}
    return {
        "device": device_name(), "cores": os.cpu_count(), "load": load(), "versions": found
    }  # fmt: skip


def load() -> float | None:
    """How many programs were running here on average in the last minute, where that is known."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def heading(settings: Settings) -> str:
    here = surroundings()
    versions = ", ".join(f"{name} {v}" for name, v in here["versions"].items())
    busy = ""
    if here["load"] and here["load"] > 0.25 * here["cores"]:
        busy = f"; load average {here['load']}: other work here disturbs the times"
    return (
        f"size {settings.size.value}, {here['device']}, {here['cores']} cores{busy}\n{versions}\n"
        "A ratio is of the best times of several rounds, in each of which the sides take turns;\n"
        "“rounds” are the least and the greatest ratio of a single one."
    )


def table(found: Sequence[Found]) -> Group:
    """One line a row, in groups whose columns stand below each other."""
    parts: list[RenderableType] = []
    for group, members in groupby(found, key=lambda one: one.row.group):
        lines = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
        lines.show_header = not parts  # once, at the top
        lines.add_column("row", width=_NAME_WIDTH, no_wrap=True)
        lines.add_column("measured", width=8, justify="right", no_wrap=True)
        lines.add_column("mark", width=_MARK_WIDTH, no_wrap=True)
        lines.add_column("", width=10, no_wrap=True)
        lines.add_column("job: how it was found", ratio=1)
        for one in members:
            lines.add_row(
                one.row.name,
                number(one.measurement.value) if one.measurement else "–",
                str(one.row.mark),
                Text(one.verdict.value, style=_STYLES[one.verdict]),
                Text(f"{one.row.job}: {one.note}"),
            )
        parts += [Text(f"\n{group.value}", style="bold"), lines]
    return Group(*parts)


def detail(given: Detail) -> Group:
    """A table that belongs to one row."""
    lines = Table(box=None, pad_edge=False)
    for i, title in enumerate(given.headings):
        lines.add_column(title, justify="right" if i else "left", no_wrap=True)
    for line in given.lines:
        lines.add_row(*(cell if isinstance(cell, str) else number(cell) for cell in line))
    return Group(Text(given.title, style="bold"), lines)


def summary(found: Sequence[Found], settings: Settings) -> str:
    counts = ", ".join(
        f"{n} {verdict.value}"
        for verdict in Standing
        if (n := sum(one.verdict is verdict for one in found))
    )
    line = f"{len(found)} rows: {counts or 'nothing measured'}"
    if settings.size is Size.QUICK:
        line += ". The sizes are quick ones, too small for the marks"
    return line


def write_json(path: Path, found: Sequence[Found], settings: Settings, *, complete: bool) -> None:
    """The rows with what was measured of them."""
    rows = [
        {
            "row": one.row.name,
            "job": one.row.job,
            "mark": str(one.row.mark),
            "verdict": one.verdict.value,
            "value": one.measurement.value if one.measurement else None,
            "note": one.note,
            "seconds": round(one.seconds, 2),
            "data": one.measurement.data if one.measurement else {},
        }
        for one in found
    ]
    content = surroundings() | {
        "size": settings.size.value, "repeats": settings.repeats, "complete": complete,
        "rows": rows,
    }  # fmt: skip
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
