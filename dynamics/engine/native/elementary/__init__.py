"""The elementary functions, written in operations that every processor rounds alike.

A library's are either scalar, ten times as slow, or rounded differently by every version. These
are the same everywhere, and tests/dynamics/native/test_elementary.py says how near they are. Each
is a reduction whose error is carried along and a Taylor polynomial: there is no table of
coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynamics.engine.native.elementary.exponential import (
    cosh,
    exp,
    expm1,
    log,
    log1p,
    logistic,
    sinh,
    tanh,
)
from dynamics.engine.native.elementary.powers import by_roots as by_roots
from dynamics.engine.native.elementary.powers import pow as power
from dynamics.engine.native.elementary.trigonometric import atan, cos, sin, tan
from dynamics.engine.native.elementary.words import threefry2x32 as threefry2x32

#: By the primitive's name.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        exp, expm1, tanh, sinh, cosh, log, log1p, logistic, sin, cos, tan, atan, power
    )
}  # fmt: skip
