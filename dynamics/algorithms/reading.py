"""Algorithms given as text, as on a command line: names and calls, read and not evaluated."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from dynamics.algorithms import catalogue
from dynamics.algorithms.algorithm import ALGORITHMS, Algorithm
from dynamics.algorithms.bases import HeavyBall, Nesterov
from dynamics.algorithms.sample_order import SampleOrder
from landscapes.checks import shown
from landscapes.console import nearest
from landscapes.reading import called, evaluated, parsed_call

_METHODS = ("with_base", "with_order")
_BASES = {"heavy ball": HeavyBall, "Nesterov": Nesterov}
# As `with_base` names what it makes, so that names in results can be given again.
_NAMED = re.compile(rf"(?P<rest>.+) with (?P<base>{'|'.join(_BASES)}) (?P<momentum>\S+)")


def read_algorithm(text: str) -> Algorithm:
    """The algorithm that a text names.

    A registered name (`SAM`, `1-SAM`), the name under which it is imported (`OneSAM`), a call of a
    family (`LpSAM(4)`), and each of these with another base step or sample order
    (`SAM.with_base(HeavyBall(0.9))`, `SAM.with_order(SampleOrder(batch=4))`). Raises `ValueError`
    for a name that is not known, and for what the family or the base step refuses.
    """
    text = text.strip()
    names = _names()
    if text in ALGORITHMS:
        return ALGORITHMS[text]
    if isinstance(names.get(text), Algorithm):
        return names[text]
    if named := _NAMED.fullmatch(text):
        base = f"{_BASES[named['base']].__name__}({named['momentum']})"
        whole = read_algorithm(named["rest"])
        return whole.with_base(_read(base, text, names))
    if text in names and callable(names[text]):
        raise ValueError(
            f"{text} is a family of algorithms: give its arguments, such as {_example(text)}"
        )
    return _algorithm(_read(text, text, names), text)


def read_algorithms(text: str) -> tuple[Algorithm, ...]:
    """Several algorithms with commas between them, such as `SAM, LpSAM(4)`. Raises `ValueError`."""
    return tuple(read_algorithm(part) for part in _parts(text) if part.strip())


def _read(call_text: str, text: str, names: dict[str, Any]) -> Any:
    call = parsed_call(call_text)
    # The innermost name is what was meant to be an algorithm.
    name = text if call is None else called(call).partition(".")[0]
    if call is None or name not in names:
        every = {**ALGORITHMS, **{n: None for n in names if n[:1].isupper()}}
        raise ValueError(f"unknown algorithm {shown(name)}{nearest(name, every)}")
    return evaluated(call, text, "an algorithm", names, _is_method)


def _is_method(owner: Any, name: str) -> bool:
    return isinstance(owner, Algorithm) and name in _METHODS


def _algorithm(made: Any, text: str) -> Algorithm:
    if not isinstance(made, Algorithm):
        raise ValueError(f"cannot make an algorithm of {shown(text)}: it is {shown(made)}")
    return made


@lru_cache
def _names() -> dict[str, Any]:
    """What may be named: the catalogue's algorithms, families and schedules; bases and orders."""
    own = {
        name: value
        for name, value in vars(catalogue).items()
        if not name.startswith("_")
        and (
            isinstance(value, Algorithm)
            or (inspect.isfunction(value) and value.__module__ == catalogue.__name__)
        )
    }
    return own | {"HeavyBall": HeavyBall, "Nesterov": Nesterov, "SampleOrder": SampleOrder}


def _example(family: str) -> str:
    """A registered member of a family, or a call with its arguments' names."""
    of_it = [name for name in ALGORITHMS if name.startswith(f"{family}(")]
    return of_it[0] if of_it else f"{family}{inspect.signature(_names()[family])}"


def _parts(text: str) -> Iterator[str]:
    """The text cut at commas that stand in no brackets and in no quotes."""
    depth, quote, begin = 0, "", 0
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            yield text[begin:i]
            begin = i + 1
    yield text[begin:]
