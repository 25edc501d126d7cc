"""What is known about landscapes, in words: the list of all, and the page of one."""

from __future__ import annotations

import inspect
import textwrap
from collections import Counter
from collections.abc import Iterator

import numpy as np

from landscapes.checks import shown
from landscapes.facts import Constant, CriticalSet, DoesNotExist, Stated, Unknown
from landscapes.landscape import LANDSCAPES, NOTHING_STATED, Landscape

#: The columns of the list.
COLUMNS = ("landscape", "loss", "critical sets", "β", "μ", "α")
CONSTANTS = {
    "smoothness": "smoothness β",
    "strong_convexity": "strong convexity μ",
    "polyak_lojasiewicz": "Polyak–Łojasiewicz α",
}
WIDTH = 100
# Of a set with many points, and of a point with many coordinates, only so many are printed.
_MOST_POINTS, _MOST_NUMBERS = 5, 6


def rows() -> list[tuple[str, ...]]:
    """The list, one row for each landscape, with the facts of its first example."""
    return [_row(name, cls) for name, cls in sorted(LANDSCAPES.items())]


def page(cls: type[Landscape]) -> str:
    """All that is known about a landscape, with the facts of each of its examples."""
    lines = [cls.__name__ + _signature(cls)]
    lines += ["=" * len(lines[0]), "", inspect.getdoc(cls) or "", ""]
    lines += [f"In LaTeX  {cls.formula}", *_wrapped("Source    ", cls.source)]
    for example in cls.examples():
        heading = shown(example, WIDTH)
        lines += ["", heading, "-" * len(heading), *facts(example)]
    return "\n".join(lines)


def of_instance(landscape: Landscape) -> str:
    """What is known about one landscape."""
    cls = type(landscape)
    heading = shown(landscape, WIDTH)
    lines = [heading, "=" * len(heading), "", f"In LaTeX  {cls.formula}"]
    return "\n".join([*lines, *_wrapped("Source    ", cls.source), "", *facts(landscape)])


def facts(landscape: Landscape) -> Iterator[str]:
    """The facts of one landscape, line by line."""
    stated = landscape.facts
    extent = "all there are" if stated.complete else "those that are known; there may be more"
    yield f"Critical sets ({extent})"
    if not stated.complete and stated.reason:
        yield from _wrapped("  ", stated.reason)
    for one in stated.critical_sets:
        yield from _critical_set(one)
    yield "Constants"
    for name, title in CONSTANTS.items():
        yield from _wrapped(f"  {title:<22}", _in_words(getattr(stated, name)))
    yield from _wrapped(f"  {'infimum of the loss':<22}", _in_words(stated.minimum_loss))
    named = [symmetry.name for symmetry in stated.symmetries]
    yield from _wrapped("Symmetries  ", "; ".join(named) or "none is stated")


def _signature(cls: type[Landscape]) -> str:
    """The constructor's arguments and their defaults, without types."""
    given = inspect.signature(cls)
    bare = [one.replace(annotation=one.empty) for one in given.parameters.values()]
    return str(given.replace(parameters=bare, return_annotation=given.empty))


def _row(name: str, cls: type[Landscape]) -> tuple[str, ...]:
    examples = cls.examples()
    stated = examples[0].facts if examples else NOTHING_STATED
    kinds = Counter(one.kind.value for one in stated.critical_sets)
    found = ", ".join(f"{kind} × {count}" for kind, count in kinds.items())
    loss = (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")
    return (
        name,
        loss,
        found if stated.complete else f"{found}, …",
        *(_in_brief(getattr(stated, constant)) for constant in CONSTANTS),
    )


def _critical_set(one: CriticalSet) -> Iterator[str]:
    kind = one.kind.value
    yield f"  {one.name}" if one.name.startswith(kind) else f"  {kind}: {one.name}"
    for i, point in enumerate(one.points[:_MOST_POINTS]):
        if not isinstance(one.spectra, Unknown):
            yield f"    {_numbers(point)}  curvatures {_numbers(one.spectra[i])}"
    if len(one.points) > _MOST_POINTS:
        yield f"    … and {len(one.points) - _MOST_POINTS} more of its points"
    if isinstance(one.spectra, Unknown):
        yield from _wrapped("    curvatures unknown: ", one.spectra.reason)


def _in_words(fact: Stated | float) -> str:
    if isinstance(fact, DoesNotExist):
        return f"does not exist: {fact.reason}"
    if isinstance(fact, Unknown):
        return f"unknown: {fact.reason}"
    return str(fact) if isinstance(fact, Constant) else f"{fact:.8g}"


def _in_brief(fact: Stated) -> str:
    """In as few characters as a table has room for."""
    if isinstance(fact, DoesNotExist):
        return "none"
    if isinstance(fact, Unknown):
        return "unknown"
    local = "" if np.isinf(fact.domain.radius) else f" ({fact.domain})"
    return f"{'∞' if np.isinf(fact.value) else f'{fact.value:.4g}'}{local}"


def _numbers(values: np.ndarray) -> str:
    text = ", ".join(f"{v:.6g}" for v in values[:_MOST_NUMBERS])
    return f"({text}{', …' if len(values) > _MOST_NUMBERS else ''})"


def _wrapped(title: str, text: str) -> list[str]:
    """The text beside its title, in lines of the page's width."""
    return textwrap.wrap(text, WIDTH, initial_indent=title, subsequent_indent=" " * len(title))
