"""Checks of what a user passes in: each says what was received and what is accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


def shown(value: object, limit: int = 60) -> str:
    """`value` as it goes into an error message: on one line and of bounded length."""
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def real_array(name: str, value: Any, *, ndim: int | tuple[int, ...], accepted: str) -> Real:
    """`value` as a new float64 array of finite entries with one of the given numbers of axes.

    Raises `ValueError` naming the argument, what was received and what is accepted.
    """
    try:
        array = np.array(value)
        if array.dtype.kind not in "iuf":  # NumPy would read numbers out of strings and booleans
            raise TypeError
        array = array.astype(np.float64, copy=False)  # it is a copy already
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be {accepted}; got {shown(value)}") from None
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed:
        raise ValueError(f"{name} must be {accepted}; got an array of shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must be {accepted}; got an empty array")
    if not np.isfinite(array).all():
        bad = array[~np.isfinite(array)][0]
        raise ValueError(f"{name} must be finite; got {bad} among {shown(value)}")
    return array


def whole_number(name: str, value: Any, *, minimum: int, maximum: int | None = None) -> int:
    """`value` as an `int` between the bounds, both included, or a `ValueError` that says so."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not whole or value < minimum or (maximum is not None and value > maximum):
        most = "" if maximum is None else f" and <= {maximum}"
        raise ValueError(f"{name} must be a whole number >= {minimum}{most}; got {shown(value)}")
    return int(value)


def one_of(name: str, value: Any, accepted: tuple[str, ...]) -> str:
    """`value` if it is one of the accepted words, or a `ValueError` that lists them."""
    if not (isinstance(value, str) and value in accepted):
        raise ValueError(f"{name} must be one of {', '.join(accepted)}; got {shown(value)}")
    return value
