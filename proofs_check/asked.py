"""Checks of the η and ρ that a prediction is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscapes.checks import Real, numbers, shown


def radii(value: Any) -> Real:
    """ρ as a float64 array of the same shape, or a `ValueError`: finite numbers >= 0."""
    return _not_negative("rho", value)


def rates(value: Any) -> Real:
    """η, likewise."""
    return _not_negative("eta", value)


def _not_negative(name: str, value: Any) -> Real:
    accepted = "finite and >= 0, a number or an array of them"
    array = numbers(name, value, accepted)
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        among = "" if array.ndim == 0 else f" among {shown(value)}"
        raise ValueError(f"{name} must be {accepted}; got {array[bad][0]}{among}")
    return array
