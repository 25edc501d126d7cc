"""Landscapes, algorithms and other choices, as they are given on a command line or in a call."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np

from dynamics import ALGORITHMS, Algorithm
from landscapes import LANDSCAPES, Formula, Landscape
from landscapes.checks import shown


def nearest(name: str, names: Iterable[str]) -> str:
    """What to add to a complaint about an unknown name."""
    known = {n.lower(): n for n in names}
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    if close:
        return f"; did you mean {' or '.join(known[n] for n in close)}?"
    return f"; there are {', '.join(known.values())}"


def chosen_landscapes(given: Any) -> tuple[Landscape, ...]:
    """One or several landscapes, each given as such or as text.

    Raises `ValueError` for what is none.
    """
    single = isinstance(given, (str, Landscape))
    listed = [given] if single else list(given) if isinstance(given, Iterable) else []
    if not listed:
        raise ValueError(f"landscape must be a Landscape, its name or a formula; got {given!r}")
    found = tuple(read_landscape(one) if isinstance(one, str) else one for one in listed)
    for one in found:
        if not isinstance(one, Landscape):
            raise ValueError(f"landscape must be a Landscape, its name or a formula; got {one!r}")
    if len({repr(one) for one in found}) < len(found):
        raise ValueError(f"landscapes must differ; got {', '.join(map(repr, found))}")
    return found


def read_landscape(text: str) -> Landscape:
    """The landscape that a text names.

    A registered name (`Saddle`: without arguments, or its first example), a call with literal
    arguments (`LinearNeuron("sqrt")`), or else a formula (`x^4/4 - x*y + y^2/2`). The text is read
    and never evaluated. Raises `ValueError` for a name that is not known, and for what the
    landscape or the formula's parser refuses.
    """
    text = text.strip()
    if text in LANDSCAPES:
        try:
            return LANDSCAPES[text]()
        except (TypeError, ValueError):  # it has arguments without a default
            return LANDSCAPES[text].examples()[0]
    if text.isidentifier():
        raise ValueError(f"unknown landscape {text!r}{nearest(text, LANDSCAPES)}")
    return _called(text) or Formula(text)


def _called(text: str) -> Landscape | None:
    """The landscape of a call such as `Quadratic((10, 1))`; None if the text is no such call."""
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return None
    if call.func.id not in LANDSCAPES:
        return None
    try:
        positional = [ast.literal_eval(argument) for argument in call.args]
        named = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        return LANDSCAPES[call.func.id](*positional, **named)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot make a landscape of {shown(text)}: {error}") from None


def chosen_algorithms(given: Any) -> tuple[Algorithm, ...]:
    """One or several algorithms, each given as such or by its name.

    Raises `ValueError` for what is none, and for two of one name.
    """
    single = isinstance(given, (str, Algorithm))
    listed = [given] if single else list(given) if isinstance(given, Iterable) else []
    if not listed:
        raise ValueError(f"algorithms must be Algorithms or names of them; got {given!r}")
    found = []
    for one in listed:
        if isinstance(one, str) and one not in ALGORITHMS:
            raise ValueError(f"unknown algorithm {one!r}{nearest(one, ALGORITHMS)}")
        found.append(ALGORITHMS[one] if isinstance(one, str) else one)
        if not isinstance(found[-1], Algorithm):
            raise ValueError(f"algorithms must be Algorithms or names of them; got {one!r}")
    if len({a.name for a in found}) < len(found):
        raise ValueError(f"algorithms must have distinct names; got {', '.join(map(str, found))}")
    return tuple(found)


def plain(name: str, value: Any, default: Any) -> Any:
    """The value as JSON has it. Raises `ValueError` if it is not of the default's kind."""
    made = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    made = list(made) if isinstance(made, tuple) else made
    kinds = (int, float) if isinstance(default, float) else type(default)
    if default is None:
        fits = made is None or isinstance(made, (int, float, str, list))
    else:
        fits = isinstance(made, kinds) and isinstance(made, bool) == isinstance(default, bool)
    if not fits:
        raise ValueError(f"{name} must be of the kind of {default!r}; got {shown(value)}")
    return made
