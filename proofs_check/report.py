"""The ledger as a table, as JSON and as a folder of pages."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sympy
from rich.table import Table

from dynamics import device_name
from landscapes.console import versions, write_text
from proofs_check.claim import Claim, Finding
from proofs_check.evidence import Size
from proofs_check.ledger import Row
from proofs_check.prover import Verdict

_COLOURS = {
    Finding.HOLDS: "green",
    Finding.FAILS: "red",
    Finding.VACUOUS: "magenta",
    Finding.OPEN: "yellow",
}
# Widths of the columns: the longest id fits on one line.
_WIDTHS = {
    "claim": 34, "from": 13, "proof": 22, "evidence": 32, "controls": 8, "finding": 12,
}  # fmt: skip
TABLE_WIDTH = sum(_WIDTHS.values()) + 3 * len(_WIDTHS) + 1
_PACKAGES = ("jax", "jaxlib", "numpy", "sympy", "z3-solver", "xarray")


def proof_text(row: Row) -> str:
    """The machine proof in a few words: PROVED 4/4 (2 SymPy, 2 z3)."""
    if row.verdict is None:
        return "none possible"
    provers = Counter(p.prover for p in row.proofs)
    by = ", ".join(f"{n} {prover}" for prover, n in sorted(provers.items()))
    counts = Counter(p.verdict for p in row.proofs)
    if row.verdict is Verdict.PROVED and any(p.of_emptiness for p in row.proofs):
        return f"EMPTY hypotheses, {len(row.proofs)}/{len(row.proofs)} ({by})"
    found = ", ".join(f"{v.name} {counts[v]}/{len(row.proofs)}" for v in Verdict if counts[v])
    return f"{found} ({by})" + (", in part" if row.claim.beyond_the_proof else "")


def evidence_text(row: Row) -> str:
    """The simulated evidence in a few words."""
    return f"{row.judgement.support.name.replace('_', ' ')} · {row.judgement}"


def controls_text(row: Row) -> str:
    return f"{sum(c.caught for c in row.controls)}/{len(row.controls)}"


def table(rows: Sequence[Row]) -> Table:
    """The ledger as a table for the terminal."""
    shown = Table(title="Ledger", show_lines=True, title_style="bold")
    for heading, width in _WIDTHS.items():
        shown.add_column(heading, width=width, overflow="fold")
    for row in rows:
        label = f"[{_COLOURS[row.finding]}]{row.finding.name}[/]"
        if row.claim.corrected_by:
            label += "\n→ see correction"
        if not row.as_recorded:
            label += f"\n[bold red]recorded: {row.claim.recorded.name}[/]"
        name = f"[bold]{row.claim.id}[/]\n{row.claim.title}"
        origin = row.claim.origin.replace(", ", ",\n")
        shown.add_row(
            name, origin, proof_text(row), evidence_text(row), controls_text(row),
            label,
        )  # fmt: skip
    return shown


def summary(rows: Sequence[Row], size: Size) -> str:
    """One line under the table."""
    counts = Counter(row.finding for row in rows)
    parts = ", ".join(f"{counts[f]} {f.name}" for f in Finding if counts[f])
    runs = sum(row.judgement.n_runs + row.judgement.n_outside for row in rows)
    seconds = sum(row.seconds for row in rows)
    many = "claim" if len(rows) == 1 else "claims"
    return (
        f"{len(rows)} {many}: {parts}; {runs:,} runs at size {size.value} in {seconds:.0f} s "
        f"on {device_name()}, float64"
    )


def corrections(rows: Sequence[Row]) -> list[str]:
    """A line for each claim that fails or is empty: how, and what is true instead."""
    lines = []
    for row in rows:
        if row.finding in (Finding.FAILS, Finding.VACUOUS):
            instead = f" True instead: {row.claim.corrected_by}." if row.claim.corrected_by else ""
            lines.append(f"{row.claim.id} {row.finding.name}: {row.reason}.{instead}")
    return lines


def changes(rows: Sequence[Row]) -> list[str]:
    """A line for each finding that is not the recorded one, with the reason."""
    return [
        f"{row.claim.id}: found {row.finding.name}, recorded {row.claim.recorded.name}: "
        f"{row.reason}"
        for row in rows
        if not row.as_recorded
    ]


def as_json(rows: Sequence[Row], size: Size, *, complete: bool) -> dict[str, Any]:
    """The whole ledger, for machines."""
    return {
        "ledger": [_row_json(row) for row in rows],
        "size": size.value,
        "complete": complete,
        "as_recorded": all(row.as_recorded for row in rows),
        "device": device_name(),
        "precision": "float64",
        "python": platform.python_version(),
        "versions": versions(*_PACKAGES),
    }


def _row_json(row: Row) -> dict[str, Any]:
    claim, seen = row.claim, row.judgement
    return {
        "id": claim.id,
        "title": claim.title,
        "paper": claim.paper.key,
        "source": claim.source,
        "provenance": claim.provenance.value,
        "origin": claim.origin,
        "statement": claim.statement,
        "latex": claim.latex,
        "kind": claim.kind.value,
        "hypotheses": [str(relation) for relation in claim.hypotheses],
        "proof": {
            "verdict": row.verdict.value if row.verdict else None,
            "none_because": claim.unproved_because or None,
            "not_covered": claim.beyond_the_proof or None,
            "steps": [
                {
                    "name": p.name,
                    "verdict": p.verdict.value,
                    "prover": p.prover,
                    "detail": p.detail,
                }
                for p in row.proofs
            ],
        },
        "evidence": {
            "support": seen.support.value,
            "runs": seen.n_runs,
            "outside": seen.n_outside,
            "worst": seen.worst if seen.n_runs else None,
            "unit": seen.unit,
            "tightness": seen.tightness,
            "witness": {"call": seen.witness.call, "shows": seen.witness.shows}
            if seen.witness
            else None,
        },
        "controls": [
            {
                "name": c.control.name,
                "caught": c.caught,
                "support": c.judgement.support.value,
                "expected": c.control.expected.value,
            }
            for c in row.controls
        ],
        "finding": row.finding.value,
        "recorded": claim.recorded.value,
        "reason": row.reason,
        "corrected_by": claim.corrected_by,
        "seconds": round(row.seconds, 3),
    }


def markdown_table(rows: Sequence[Row]) -> str:
    """The ledger as a table for the README and the report."""
    lines = [
        "| claim | says | from | proof | evidence | controls | finding |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        finding = f"**{row.finding.name}**"
        if row.claim.corrected_by:
            finding += f", see `{row.claim.corrected_by}`"
        title = row.claim.title.replace("|", r"\|")
        lines.append(
            f"| `{row.claim.id}` | {title} | {row.claim.origin} | {proof_text(row)} | "
            f"{evidence_text(row)} | {controls_text(row)} | {finding} |"
        )
    return "\n".join(lines)


_BEGIN, _END = "<!-- ledger -->", "<!-- /ledger -->"


def with_table(text: str, rows: Sequence[Row]) -> str:
    """The text with the table between its ledger marks replaced by that of `rows`.

    Raises `ValueError` if the marks are not there, once each and in order.
    """
    before, begun, rest = text.partition(_BEGIN)
    _, ended, after = rest.partition(_END)
    if not (begun and ended) or _BEGIN in rest:
        raise ValueError(f"expected one {_BEGIN} followed by one {_END}")
    return f"{before}{_BEGIN}\n{markdown_table(rows)}\n{_END}{after}"


def update_table(page: Path, rows: Sequence[Row]) -> None:
    """Replaces the table between the ledger marks of a page. Raises as `with_table` does."""
    write_text(page, with_table(page.read_text("utf-8"), rows))


def write_report(folder: Path, rows: Sequence[Row], size: Size, *, complete: bool) -> None:
    """`ledger.md`, `ledger.json`, a page for each claim and `references.bib`."""
    partly = "" if complete else " (interrupted: only what was finished)"
    heading = f"# Ledger{partly}\n\n{summary(rows, size)}.\n\n"
    pages = folder / "claims"
    pages.mkdir(parents=True, exist_ok=True)
    write_text(folder / "ledger.md", heading + markdown_table(rows) + "\n")
    write_json(folder / "ledger.json", rows, size, complete=complete)
    papers = {row.claim.paper.key: row.claim.paper for row in rows}
    bibliography = "\n\n".join(papers[key].bibtex for key in sorted(papers))
    write_text(folder / "references.bib", bibliography + "\n")
    for row in rows:
        write_text(pages / f"{row.claim.id}.md", _page(row))


def write_json(path: Path, rows: Sequence[Row], size: Size, *, complete: bool) -> None:
    text = json.dumps(as_json(rows, size, complete=complete), indent=2, ensure_ascii=False)
    write_text(path, text + "\n")


def describe(claim: Claim) -> str:
    """What a claim says and where it comes from, in a few lines."""
    return (
        f"{claim.statement}\n\n$$ {claim.latex} $$\n\n"
        f"{claim.paper.authors} ({claim.paper.year}), {claim.source}; {claim.provenance.value}. "
        f"Kind: {claim.kind.value}."
    )


def _page(row: Row) -> str:
    claim = row.claim
    lines = [f"# {claim.id} ({claim.origin})", "", describe(claim), ""]
    if claim.remark:
        lines += [claim.remark, ""]
    hypotheses = ", ".join(f"${sympy.latex(relation)}$" for relation in claim.hypotheses)
    lines += [f"Hypotheses: {hypotheses}.", "", "## Proof", ""]
    lines += [
        f"{i}. {p.name}: {p.verdict.name} by {p.prover}{f' ({p.detail})' if p.detail else ''}"
        for i, p in enumerate(row.proofs, 1)
    ] or [f"None: {claim.unproved_because}"]
    if claim.beyond_the_proof:
        lines += ["", f"Not covered by the steps: {claim.beyond_the_proof}"]
    lines += ["", "## Evidence", "", evidence_text(row), ""]
    if row.judgement.witness:
        lines += ["```python", row.judgement.witness.call, "```", row.judgement.witness.shows, ""]
    lines += ["## Controls", ""]
    lines += [
        f"* {c.control.name}: {c.judgement.support.value}, {'caught' if c.caught else 'NOT caught'}"
        for c in row.controls
    ]
    lines += ["", f"## Finding: {row.finding.name}", "", row.reason + "."]
    if claim.corrected_by:
        lines += ["", f"Corrected statement: `{claim.corrected_by}`."]
    return "\n".join(lines) + "\n"
