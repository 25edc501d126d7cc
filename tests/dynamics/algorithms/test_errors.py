"""Algorithms that make no sense are refused when they are made, naming what is accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dynamics
from dynamics import plain_descent
from dynamics.algorithms import algorithm as algorithm_module
from dynamics.algorithms.notation import formula
from landscapes import Quadratic
from tests.support.algorithm_cases import SAME, apart, path

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


# -- rules of one's own ----------------------------------------------------------------------------


def own(**rules: Any) -> Any:
    return made(name="Mine", **rules)


def test_rules_may_divide_and_multiply_from_the_right():
    def ascent(here, rho):
        return abs(here.g) * rho / here.g.norm()

    expected = made(ascent=lambda here, rho: (rho / here.g.norm()) * here.g.absolute())
    found, same = (path(a, n_steps=2) for a in (own(ascent=ascent), expected))
    assert apart(found, same) <= SAME
    assert formula(own(ascent=ascent)) == "w⁺ = w − η ∇L(w + ρ |g|/‖g‖)"


def decides(here, rho):
    return here.g if here.g.norm() > 1 else rho * here.g


OWN_RULES: list[tuple[dict[str, Any], str]] = [
    ({"ascent": lambda here, rho: None}, "the ascent rule <lambda> of Mine must .*returned None"),
    ({"descent": lambda here, up, rho: up.g.norm()}, "the descent rule <lambda> of Mine must ret"),
    ({"ascent": decides}, "the ascent rule decides of Mine decides by a number .*write here.g.sm"),
    ({"ascent": lambda here, rho: here.g * here.g}, "multiplied by v.dot"),
    ({"ascent": lambda here, rho: here.g / here.g}, "a vector is divided by a number"),
    ({"ascent": lambda here, rho: here.gradients}, "failed: .*operations of Vector"),
    ({"descent": lambda here, up, rho: np.sin(up.g)}, "the descent rule <lambda> of Mine failed"),
]


@pytest.mark.parametrize(("rules", "message"), OWN_RULES, ids=[m[:30] for _, m in OWN_RULES])
def test_errors_of_rules_name_the_rule_and_the_cure(rules: dict[str, Any], message: str):
    with pytest.raises(TypeError, match=message):
        path(own(**rules), n_steps=1)


def test_what_is_no_algorithm_is_refused_with_what_to_write():
    run: Any = dynamics.trajectory
    sweep: Any = dynamics.sweep
    bowl = Quadratic((1.0, 0.5))
    with pytest.raises(ValueError, match=r"if ASAM makes one, write ASAM\(…\)"):
        run(bowl, ASAM, (1.0, 0.5), eta=0.1, n_steps=2)
    with pytest.raises(ValueError, match=r'write ALGORITHMS\["SAM"\]'):
        sweep(bowl, "SAM", eta=0.1, starts=[(1.0, 0.5)], n_steps=2)
    with pytest.raises(ValueError, match=r"if ASAM makes one, write ASAM\(…\)"):
        sweep(bowl, ASAM, eta=0.1, starts=[(1.0, 0.5)], n_steps=2)
    found = sweep(bowl, {"GD": GD}, eta=0.1, starts=[(1.0, 0.5)], n_steps=2)
    assert found.attrs["algorithms"].startswith("GD: ")


def test_an_algorithm_may_be_registered_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(algorithm_module, "ALGORITHMS", {})
    dynamics.register(made())
    with pytest.warns(UserWarning, match="the algorithm A is replaced"):
        again = dynamics.register(made(source="again"))
    assert algorithm_module.ALGORITHMS == {"A": again}
