"""Runs by one way of compiling them, whichever would be taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dynamics import Algorithm, Criteria
from dynamics.engine import engine, programs
from dynamics.engine.batch import Result
from dynamics.engine.lanes import together
from dynamics.engine.native_program import NativeProgram
from dynamics.engine.program import Program
from dynamics.engine.xla_program import XLAProgram
from landscapes import Landscape

_MADE: dict[tuple[str, str, Algorithm], Program] = {}


def compiled(kind: str, landscape: Landscape, algorithm: Algorithm) -> Program:
    """ "native", "xla", "exact": native, but every length is taken with scaling.

    Anything else is native as well, and another instance.
    """
    if kind == "native":
        found = programs.program(landscape, algorithm, "cpu")
        assert type(found) is NativeProgram
        return found
    key = kind, repr(landscape), algorithm
    if key not in _MADE:
        _MADE[key] = _made(kind, landscape, algorithm)
    return _MADE[key]


def _made(kind: str, landscape: Landscape, algorithm: Algorithm) -> Program:
    if kind == "xla":
        return XLAProgram(landscape, algorithm, "cpu")
    return NativeProgram(landscape, algorithm, quick=kind != "exact")


def use(patch: pytest.MonkeyPatch, kind: str, landscape: Landscape, algorithm: Algorithm) -> None:
    """Whatever is run from now on is run by the program of that kind."""
    patch.setattr(engine, "program", lambda *_, **__: compiled(kind, landscape, algorithm))


def run(
    kind: str, landscape: Landscape, algorithm: Algorithm, starts: np.ndarray, eta: Any, rho: Any,
    n_steps: int, **criteria: Any,
) -> Result:  # fmt: skip
    """Runs given one by one, or with one η and ρ for all, advanced by the program of that kind."""
    one_by_one = together(np.atleast_1d(eta), np.atleast_1d(rho), starts)
    with pytest.MonkeyPatch.context() as patch:
        use(patch, kind, landscape, algorithm)
        return engine.run(
            landscape, algorithm, one_by_one, n_steps=n_steps, criteria=Criteria(**criteria),
            early_stop=True, chunk_size=None, devices=None, progress=lambda _: None,
        )  # fmt: skip


def assert_bits(found: Result, expected: Result, which: Any = slice(None)) -> None:
    """`found` is `expected` of those runs, to the last bit, and has no NaN."""
    for name, one, other in zip(Result._fields, found, expected, strict=True):
        assert not np.isnan(one).any(), name
        one, other = np.ascontiguousarray(one), np.ascontiguousarray(other[which])
        if one.tobytes() != other.tobytes():
            np.testing.assert_array_equal(one, other, err_msg=name)
            raise AssertionError(f"{name}: a zero of the other sign")
