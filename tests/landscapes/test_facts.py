"""Every fact that a landscape states about itself is true, and tight where it says so.

What is tried is `landscapes.fact_checks`, which users call on losses of their own; here it is tried
on the project's, it must notice what is false, and what only they promise is added.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy

from dynamics import GD, sweep
from landscapes import (
    Box,
    Constant,
    CriticalKind,
    DoesNotExist,
    Facts,
    Formula,
    Landscape,
    LogCoshRidge,
    Quadratic,
    Saddle,
    ScalarFactorisation,
    SymbolicLandscape,
    SymbolicLoss,
    Symmetry,
    Unknown,
    check_landscape,
    critical_point,
)
from landscapes.fact_checks import CHECKS, ends_of_newtons_method
from proofs_check import stability
from tests.support.cases import each_landscape, instances, probes

each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@pytest.mark.slow
@each_check
@each_landscape()
def test_what_is_stated_is_true(landscape: Landscape, check: Any):
    assert [str(one) for one in check(landscape)] == []


def test_there_are_facts_to_test():
    facts = [one.facts for one in instances()]
    assert all(one.critical_sets for one in facts)
    assert sum(len(one.symmetries) for one in facts) >= len(facts)
    for name in ("smoothness", "strong_convexity", "polyak_lojasiewicz"):
        assert any(isinstance(getattr(one, name), Constant) for one in facts)
        assert any(isinstance(getattr(one, name), DoesNotExist) for one in facts)
    assert Constant(np.inf, Box(np.inf)).value in [
        one.smoothness.value for one in facts if isinstance(one.smoothness, Constant)
    ]


def test_only_losses_of_drawn_data_list_their_critical_points_in_part():
    incomplete = {type(one).__name__ for one in instances() if not one.facts.complete}
    assert incomplete == {"MatrixSensing", "ThresholdNeuron"}


@each_landscape()
def test_critical_sets_keep_away_from_the_probes(landscape: Landscape):
    elsewhere = probes(landscape.dim)
    for one in landscape.facts.critical_sets:
        assert one.distance(elsewhere).shape == (len(elsewhere),)
        assert one.distance(elsewhere).min() > 0.1  # probes keep 0.15 from 0 and from ±1


@each_landscape()
def test_what_is_unknown_has_a_reason(landscape: Landscape):
    facts = landscape.facts
    constants = (facts.smoothness, facts.strong_convexity, facts.polyak_lojasiewicz)
    for fact in (*constants, facts.minimum_loss, *(one.spectra for one in facts.critical_sets)):
        assert not isinstance(fact, (Unknown, DoesNotExist)) or len(fact.reason) > 10


def test_newtons_method_finds_what_could_be_missing():
    assert len(ends_of_newtons_method(Saddle())) > 100


# -- what is false is noticed ----------------------------------------------------------------------


class Stated(SymbolicLandscape, registered=False):
    """The saddle's loss, with facts of anybody's choice."""

    given: Facts

    def __init__(self, given: Facts) -> None:
        self._set(given=given)

    def symbolic(self) -> SymbolicLoss:
        x, y = sympy.symbols("x y", real=True)
        return SymbolicLoss((x, y), x**4 / 4 - x * y + y**2 / 2)

    @property
    def facts(self) -> Facts:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.given


TRUE = Saddle().facts
ONE, OTHER, CENTRE = TRUE.critical_sets
MOVED = critical_point("minimum", CriticalKind.MINIMUM, (1, 1.01), tuple(ONE.spectra[0]))  # pyright: ignore
SQUARE: Any = lambda w: w[..., 0] ** 2  # noqa: E731
FALSE: list[tuple[dict[str, Any], str]] = [
    ({"critical_sets": (MOVED, OTHER, CENTRE)}, "minimum: the gradient is"),
    ({"critical_sets": (ONE, OTHER, replace(CENTRE, kind=CriticalKind.MINIMUM))}, "called minimum"),
    ({"critical_sets": (replace(ONE, spectra=ONE.spectra * 1.001), OTHER, CENTRE)}, "curvatures"),  # pyright: ignore
    ({"critical_sets": (ONE, OTHER)}, "is missing from a list that is called complete"),
    ({"critical_sets": (ONE, ONE, OTHER, CENTRE)}, "two critical sets have this name"),
    ({"critical_sets": (ONE, OTHER, replace(CENTRE, distance=SQUARE))}, "distance"),
    ({"minimum_loss": -0.3}, "infimum of the loss: -0.3"), ({"minimum_loss": -0.2}, "infimum"),
    ({"minimum_loss": -np.inf}, "the least loss met"),
    ({"smoothness": Constant(12.0, Box(2.0))}, "but a curvature is 12.09"),
    ({"smoothness": Constant(13.0, Box(2.0))}, "the largest met is 12.09"),
    ({"strong_convexity": Constant(-0.6)}, "but a curvature is -0.618"),
    ({"strong_convexity": DoesNotExist("it falls without bound")}, "said not to exist"),
    ({"polyak_lojasiewicz": Constant(0.1)}, "Polyak–Łojasiewicz: 0.1"),
    ({"symmetries": (Symmetry("x -> -x", lambda w: w * np.array([-1.0, 1.0])),)}, "loss changes"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("change", "words"), FALSE, ids=[words for _, words in FALSE])
def test_a_false_fact_is_found_with_the_point(change: dict[str, Any], words: str):
    report = check_landscape(Stated(replace(TRUE, **change)))
    assert not report.passed
    assert any(words in str(one) for one in report.false), str(report)
    assert "FALSE" in str(report)


@pytest.mark.slow
def test_a_report_says_what_was_tried():
    report = check_landscape(Stated(TRUE))
    assert report.passed and not report.unknown
    assert "nothing is found to be false" in str(report)
    own = check_landscape(Formula("x**4/4 - x*y + y**2/2"))
    assert own.passed and "symmetries" in own.checked and "smoothness" not in own.unknown
    with pytest.raises(ValueError, match="landscape must be a Landscape such as"):
        check_landscape(Saddle)  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_sweeps_and_stability_warn_of_what_is_false_at_a_probe():
    false = Stated(replace(TRUE, critical_sets=(MOVED, OTHER, CENTRE)))
    with pytest.warns(UserWarning, match="a stated fact of .* is false: minimum: the gradient is"):
        sweep(false, GD, eta=0.1, starts=[(0.4, 0.3)], n_steps=10)
    with pytest.warns(UserWarning, match="check_landscape says more"):
        stability(false, GD)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sweep(Stated(TRUE), GD, eta=0.1, starts=[(0.4, 0.3)], n_steps=10)


class Broken(Stated, registered=False):
    @property
    def facts(self) -> Facts:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise ZeroDivisionError("in facts")


def test_errors_in_facts_come_before_the_simulation(monkeypatch: pytest.MonkeyPatch):
    module = sys.modules["dynamics.sweep"]
    monkeypatch.setattr(module, "carry_out", lambda *_: pytest.fail("it began"))
    with pytest.raises(ZeroDivisionError, match="in facts"):
        sweep(Broken(TRUE), GD, eta=0.1, starts=[(0.4, 0.3)], n_steps=10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "landscape", [Quadratic((2.0, 0.5)), LogCoshRidge.examples()[0], ScalarFactorisation(1.6)]
)
def test_landscapes_of_all_kinds_pass_as_a_whole(landscape: Landscape):
    assert check_landscape(landscape).passed
