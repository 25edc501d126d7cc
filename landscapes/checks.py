"""Checks of what a user passes in: each says what was received and what is accepted.

What counts as a number is decided here and nowhere else. It is whatever stands for one finite real
value: Python's and NumPy's numbers, `Fraction`, `Decimal`, SymPy's numbers, arrays without axes,
and in place of an array whatever NumPy reads as one, such as pandas' `Series` and `Index`. Truth
values, text, complex numbers, NaN and masked arrays are none.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from numbers import Real as RealNumber
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


def shown(value: object, limit: int = 60) -> str:
    """`value` as it goes into an error message: on one line and of bounded length."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # such as of an integer of more digits than Python writes
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def real_array(name: str, value: Any, *, ndim: int | tuple[int, ...], accepted: str) -> Real:
    """`value` as a new float64 array of finite entries with one of the given numbers of axes.

    Raises `ValueError` naming the argument, what was received and what is accepted.
    """
    array = numbers(name, value, accepted)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed:
        raise ValueError(f"{name} must be {accepted}; got {_with_shape(value, array)}")
    if array.size == 0:
        raise ValueError(f"{name} must be {accepted}; got an empty array")
    if not np.isfinite(array).all():
        bad = array[~np.isfinite(array)][0]
        among = "" if array.ndim == 0 else f" among {shown(value)}"
        raise ValueError(f"{name} must be finite; got {bad}{among}")
    return array


def real_number(
    name: str,
    value: Any,
    *,
    accepted: str = "a number",
    fits: Callable[[float], bool] | None = None,
) -> float:
    """`value` as a finite `float` that fits, or a `ValueError` that says so."""
    if fits is None:
        return float(real_array(name, value, ndim=0, accepted=accepted))
    array = numbers(name, value, accepted)
    if array.ndim or not np.isfinite(array) or not fits(float(array)):
        raise ValueError(f"{name} must be {accepted}; got {shown(value)}")
    return float(array)


def short_number(value: float) -> str:
    """The number as text that reads as the same number again, in few digits if few suffice."""
    text = f"{value:g}"
    return text if float(text) == value else repr(float(value))


def positive_number(name: str, value: Any) -> float:
    """`value` as a finite `float` above zero, or a `ValueError` that says so."""
    return real_number(name, value, accepted="positive and finite", fits=lambda v: v > 0)


def whole_number(name: str, value: Any, *, minimum: int, maximum: int | None = None) -> int:
    """`value` as an `int` between the bounds, both included, or a `ValueError` that says so."""
    most = "" if maximum is None else f" and <= {maximum}"
    refusal = f"{name} must be a whole number >= {minimum}{most}; got {shown(value)}"
    try:
        if _is_truth(value) or isinstance(value, np.ma.MaskedArray):
            raise TypeError
        whole = operator.index(value)
    except TypeError:
        raise ValueError(refusal + _as_whole(value)) from None
    if whole < minimum or (maximum is not None and whole > maximum):
        raise ValueError(refusal)
    return whole


def one_of(name: str, value: Any, accepted: tuple[str, ...]) -> str:
    """`value` if it is one of the accepted words, or a `ValueError` that lists them."""
    if not (isinstance(value, str) and value in accepted):
        raise ValueError(f"{name} must be one of {', '.join(accepted)}; got {shown(value)}")
    return value


# -- the parts ---------------------------------------------------------------------------------


def numbers(name: str, value: Any, accepted: str) -> Real:
    """`value` as a new float64 array of any shape, its entries finite or not.

    Raises `ValueError` if it is no numbers.
    """
    if isinstance(value, np.ndarray) and value.dtype == np.float64 and type(value) is np.ndarray:
        return value.copy()
    if _holds(value, lambda one: isinstance(one, np.ma.MaskedArray)):
        raise ValueError(
            f"{name} must be {accepted}; got a masked array, whose masked entries have no value: "
            "give its .compressed() or .filled(…)"
        )
    try:
        # NumPy would read numbers out of text and truth values. Beside numbers it turns the latter
        # into numbers itself, so that they are to be looked for before.
        if _holds(value, _is_truth):
            raise TypeError
        array = np.array(value)
        if array.dtype.kind == "O":
            array = np.array([_float(one) for one in array.flat]).reshape(array.shape)
        if array.dtype.kind not in "iuf":
            raise TypeError
    except OverflowError:
        raise ValueError(f"{name} must be {accepted}; got {shown(value)}, too large") from None
    except (TypeError, ValueError, RuntimeError):
        truth = ", a truth value" if _is_truth(value) else ""
        raise ValueError(f"{name} must be {accepted}; got {shown(value)}{truth}") from None
    with np.errstate(over="ignore"):  # of what is wider than float64; seen as inf
        return np.asarray(array.astype(np.float64))


def _holds(value: Any, is_one: Callable[[Any], bool]) -> bool:
    """Whether `value` is one, or a list with one in it."""
    if isinstance(value, (list, tuple)):
        return any(_holds(one, is_one) for one in value)
    return is_one(value)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"


def _float(entry: Any) -> float:
    """One entry of an array of objects. Raises `TypeError` if it is no real number."""
    if _is_truth(entry):
        raise TypeError
    if isinstance(entry, (RealNumber, Decimal)):
        return float(entry)
    # SymPy's, known by what they say of themselves: to import SymPy takes longer than most runs.
    if getattr(entry, "is_number", False) and getattr(entry, "is_extended_real", False):
        return float(entry)
    if hasattr(entry, "__array__"):
        inner = np.asarray(entry)
        if inner.ndim == 0 and inner.dtype.kind in "iuf":
            return float(inner)
    raise TypeError


def _with_shape(value: Any, array: Real) -> str:
    return f"an array of shape {array.shape}" if array.ndim else f"{shown(value)}, a single number"


def _as_whole(value: Any) -> str:
    """What to write instead of a number that is whole but not by its type."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return f", a float; write {int(value)}"
    return ""
