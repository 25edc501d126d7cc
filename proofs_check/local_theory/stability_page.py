"""How what `stability` finds reads: as text, as a table in LaTeX, as HTML for notebooks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import sympy

from landscapes import Unknown
from proofs_check.local_theory.filters import CurvatureFilter
from proofs_check.local_theory.point_stability import Attractor, PointStability

# An exact number that takes more characters is shown by its decimals.
_LONGEST = 46
_LARGEST_NUMBER = 10**6
_GREEK = {"eta": "η", "rho": "ρ", "lambda": "λ"}


def written(expression: Any) -> str:
    """An expression in one line, with Greek letters."""
    if isinstance(expression, Unknown):
        return f"unknown: {expression.reason}"
    if isinstance(expression, sympy.Piecewise):
        pieces: Any = expression.args
        cases = [
            written(value) + ("" if where == sympy.true else f" if {_relation(where)}")
            for value, where in pieces
        ]
        return f"({', else '.join(cases)})"
    names = {s: sympy.Symbol(_GREEK.get(s.name, s.name)) for s in expression.free_symbols}
    shown = _tidy(expression)
    text = sympy.sstr(shown.xreplace(names))
    if shown.is_finite and not shown.free_symbols and not (shown.is_Rational or shown.is_Float):
        text += f" = {sympy.sstr(shown.evalf(6))}"
    text = text.replace("**", "^").replace("sqrt", "√").replace("oo", "∞")
    return text.replace("*", "·").replace("-", "−")


def _relation(where: Any) -> str:
    if isinstance(where, sympy.And):
        return " and ".join(map(_relation, where.args))
    return f"{written(where.lhs)} {where.rel_op} {written(where.rhs)}"


def _tidy(expression: Any) -> Any:
    """Without roots in denominators, and by its decimals where it is long."""
    if not expression.free_symbols:
        expression = sympy.radsimp(expression)
    numbers = expression.atoms(sympy.Rational)
    long = any(max(abs(r.p), r.q) > _LARGEST_NUMBER for r in numbers)
    if long and expression.free_symbols:
        above, below = sympy.fraction(sympy.together(expression))
        scale = max(abs(r) for r in (above * below).atoms(sympy.Rational))
        return sympy.expand(above / scale).evalf(6) / sympy.expand(below / scale).evalf(6)
    return expression.evalf(6) if long or len(sympy.sstr(expression)) > _LONGEST else expression


def in_latex(expression: Any) -> str:
    """An expression in LaTeX."""
    if isinstance(expression, Unknown):
        return rf"\text{{unknown: {expression.reason}}}"
    return sympy.latex(_tidy(expression))


def as_text(
    title: str,
    admitted: CurvatureFilter | Unknown,
    points: Sequence[PointStability],
) -> str:
    """A page: the filter, then each critical point."""
    lines = [title, ""]
    if isinstance(admitted, CurvatureFilter):
        kept = " and ".join(f"{written(c)} ≥ 0" for c in admitted.conditions)
        lines += [f"comes to rest only at curvatures λ with {kept}", ""]
    for point in points:
        lines += [
            f"{point.name}  ({point.kind.value})",
            *(f"    {row}" for row in _rows(point)),
            "",
        ]
    return "\n".join(lines).rstrip()


def _rows(point: PointStability) -> list[str]:
    curvatures = ", ".join(written(v) for v in point.spectrum) or "none: the loss is not smooth"
    rows = [f"curvatures   {curvatures}"]
    if point.multipliers:
        each = zip(point.critical.across, point.multipliers, strict=True)
        rows += [
            f"multiplier   {' and '.join(map(written, m))}   for λ = {written(v)}" for v, m in each
        ]
    rows.append(f"attracting   {_what(point)}")
    attracting = [c for c in point.cycles if c.attracts.ends != (0, 0)]
    for cycle in attracting:
        ends = cycle.attracts.ends
        of_several = "" if len(attracting) == 1 or ends is None else f"   for {_between(ends)}"
        rows.append(f"amplitude    {written(cycle.amplitude)}{of_several}")
    for beside in point.four_cycles:
        ends = beside.attracts.ends
        rows.append(
            f"beside it    a, b, −a, −b along λ = {written(beside.curvature)}, "
            f"a = {written(beside.far)}, b = {written(beside.near)}"
            + ("" if ends is None else f", for {_between(ends)}")
        )
    return rows + [f"remark       {r}" for r in point.remarks]


def _what(point: PointStability) -> str:
    found = point.eta_range
    if point.attractor is Attractor.NOTHING or isinstance(found, Unknown):
        return written(found) if isinstance(found, Unknown) else "nothing, at no η"
    locally = ", locally" if point.four_cycles else ""
    return f"{point.attractor.value}{locally}, for {_between(found)}"


def _between(ends: tuple[Any, Any]) -> str:
    lower, upper = ends
    return f"{written(lower)} < η" + ("" if upper == sympy.oo else f" < {written(upper)}")


def _cells(point: PointStability) -> list[str]:
    """Name, curvatures, multipliers, threshold, amplitude; all but the first in LaTeX."""
    spectrum = ",\\ ".join(map(in_latex, point.spectrum))
    factors = ";\\ ".join(",\\ ".join(map(in_latex, m)) for m in point.multipliers)
    threshold = in_latex(point.threshold)
    amplitude = "" if point.cycle is None else in_latex(point.cycle.amplitude)
    return [point.name, spectrum, factors, threshold, amplitude]


_TITLES = ("critical point", "curvatures", "multipliers", r"threshold of $\eta$", "2-cycle")


def as_latex(points: Sequence[PointStability]) -> str:
    """A `tabular`."""
    rows = [
        " & ".join([name, *(f"${c}$" if c else "" for c in cells)]) + r" \\"
        for name, *cells in map(_cells, points)
    ]
    title = " & ".join(_TITLES) + r" \\ \hline"
    return "\n".join([r"\begin{tabular}{lllll}", title, *rows, r"\end{tabular}"])


def as_html(title: str, points: Sequence[PointStability]) -> str:
    """A table with formulas between dollars, which notebooks set."""
    head = "".join(f"<th>{t}</th>" for t in _TITLES)
    rows = []
    for point in points:
        name, *cells = _cells(point)
        shown = "".join(f"<td>{'$' + html.escape(c) + '$' if c else ''}</td>" for c in cells)
        rows.append(f"<tr><td>{html.escape(name)}</td>{shown}</tr>")
    return f"<p>{html.escape(title)}</p><table><tr>{head}</tr>{''.join(rows)}</table>"
