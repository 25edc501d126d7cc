"""Landscapes, algorithms and other choices, as they are given on a command line or in a call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from dynamics import Algorithm
from dynamics.algorithms.reading import read_algorithm, read_algorithms
from landscapes import Landscape
from landscapes.checks import shown
from landscapes.reading import read_landscape


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


def chosen_algorithms(given: Any) -> tuple[Algorithm, ...]:
    """One or several algorithms, each given as such or as text; a text may name several.

    Raises `ValueError` for what is none, and for two of one name.
    """
    if isinstance(given, str):
        listed: list[Any] = list(read_algorithms(given))
    elif isinstance(given, Algorithm):
        listed = [given]
    else:
        listed = list(given) if isinstance(given, Iterable) else []
    if not listed:
        raise ValueError(f"algorithms must be Algorithms or names of them; got {given!r}")
    found = []
    for one in listed:
        found.append(read_algorithm(one) if isinstance(one, str) else one)
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
