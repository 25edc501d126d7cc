"""Algorithms that make no sense are refused when they are made, naming what is accepted."""

from __future__ import annotations

from typing import Any

import pytest

import dynamics
from dynamics import plain_descent

# They are called here with what their types forbid.
Algorithm: Any = dynamics.Algorithm
ASAM: Any = dynamics.ASAM
GD: Any = dynamics.GD
ClippedStableSAM: Any = dynamics.ClippedStableSAM
HeavyBall: Any = dynamics.HeavyBall
LpSAM: Any = dynamics.LpSAM
Nesterov: Any = dynamics.Nesterov
Optax: Any = dynamics.Optax
UnifiedSAM: Any = dynamics.UnifiedSAM
NAN, INF = float("nan"), float("inf")


def made(**parts: Any) -> Any:
    return Algorithm(
        **{"name": "A", "ascent": None, "descent": plain_descent, "source": ""} | parts
    )


BAD: list[tuple[Any, str]] = [
    (lambda: made(name=""), "name must be a non-empty string; got ''"),
    (lambda: made(name=3), "name must be a non-empty string; got 3"),
    (lambda: made(ascent="unit"), "ascent must be a rule or None; got 'unit'"),
    (lambda: made(descent=None), "descent must be a rule; got None"),
    (lambda: made(base=0.9), r"base must be a Base such as HeavyBall\(0.9\); got 0.9"),
    (lambda: made(base=HeavyBall), r"base must be a Base such as HeavyBall\(0.9\); got <class"),
    (lambda: made(order=4), "order must be a SampleOrder or None; got 4"),
    (lambda: made(schedule=(0.1, 0.2)), r"schedule must be a function or None; got \(0.1, 0.2\)"),
    (lambda: GD.with_base(0.9), "base must be a Base"),
    (lambda: GD.with_order(4), "order must be a SampleOrder or None; got 4"),
    *((lambda p=p: LpSAM(p), r"p must be > 1 and finite \(SignSAM is p = inf\); got ")
      for p in (1, 0.5, -2, INF, NAN, "2", None)),
    *((lambda s=s: ASAM(s), "shift must be >= 0 and finite; got ") for s in (-0.1, INF, NAN, "0")),
    *((lambda f=f: ClippedStableSAM(f), r"floor must be in \(0, 1\]; got ")
      for f in (0, -1, 1.1, NAN, None)),
    *((lambda w=w: UnifiedSAM(w), r"weight must be in \[0, 1\], or a function of the step t; got ")
      for w in (-0.1, 1.1, NAN, "1/t", None)),
    *((lambda b=b, m=m: b(m), r"momentum must be in \[0, 1\); got ")
      for b in (HeavyBall, Nesterov) for m in (1, -0.1, 1.5, NAN, INF, "0.9", None)),
    *((lambda t=t: Optax(t, "x"), r"transformation must be a gradient transformation of optax, "
      r"such as optax.adam\(1.0\); got ") for t in (None, "adam", 1.0, lambda g: g)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"), BAD, ids=[f"{i}-{m[:20]}" for i, (_, m) in enumerate(BAD)]
)
def test_it_is_refused(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_edges_of_what_is_accepted_are():
    for make in (
        lambda: LpSAM(1.001), lambda: LpSAM(1e6), lambda: ASAM(0), lambda: ClippedStableSAM(1),
        lambda: UnifiedSAM(0), lambda: UnifiedSAM(1), lambda: HeavyBall(0), lambda: Nesterov(0.999),
    ):  # fmt: skip
        make()
