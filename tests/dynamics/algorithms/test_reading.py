"""Algorithms given as text, as on the command lines."""

from __future__ import annotations

import pytest

from dynamics import (
    ALGORITHMS,
    ASAM,
    GD,
    SAM,
    HeavyBall,
    LpSAM,
    Nesterov,
    OneSAM,
    SampleOrder,
    UnifiedSAM,
    one_over_t,
)
from dynamics.__main__ import main
from dynamics.algorithms.algorithm import Algorithm
from dynamics.algorithms.reading import read_algorithm, read_algorithms


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_registered_algorithm_has_a_name_that_can_be_given(name: str):
    assert read_algorithm(name) is ALGORITHMS[name]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (" OneSAM ", OneSAM),
        ("LpSAM(4)", LpSAM(4)),
        ("LpSAM(p=7/2)", LpSAM(3.5)),
        ("UnifiedSAM(one_over_t, '1/t')", UnifiedSAM(one_over_t, "1/t")),
        ("SAM.with_base(HeavyBall(0.25))", SAM.with_base(HeavyBall(0.25))),
        ("ASAM(.3).with_base(Nesterov(.5), 'mine')", ASAM(0.3).with_base(Nesterov(0.5), "mine")),
        ("SAM.with_order(SampleOrder(batch=4))", SAM.with_order(SampleOrder(4))),
        ("GD.with_base(None)", GD.with_base(None)),
    ],
)
def test_an_algorithm_is_read(text: str, same: Algorithm):
    assert read_algorithm(text) == same


@pytest.mark.parametrize(
    "algorithm",
    [LpSAM(4.123456789), SAM.with_base(HeavyBall(1 / 3)), ASAM(0.1).with_base(Nesterov(0.5))],
)  # fmt: skip
def test_a_name_that_results_show_can_be_given_again(algorithm: Algorithm):
    assert read_algorithm(algorithm.name) == algorithm


def test_several_stand_between_commas():
    assert read_algorithms("SAM, LpSAM(4),UnifiedSAM(one_over_t, 'a,b') ,") == (
        SAM, LpSAM(4), UnifiedSAM(one_over_t, "a,b"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sma", "unknown algorithm 'sma'; did you mean SAM?"),
        ("LpSAN(4)", "unknown algorithm 'LpSAN'; did you mean LpSAM?"),
        ("LpSAM", "a family of algorithms: give its arguments, such as LpSAM(3)"),
        ("LpSAM(1)", "cannot make an algorithm of 'LpSAM(1)': p must be > 1"),
        ("LpSAM()", "write LpSAM(p)"),
        ("HeavyBall(0.9)", "it is HeavyBall(momentum=0.9)"),
        ("SAM.with_base(HeavyBal(0.9))", "unknown name 'HeavyBal'; did you mean HeavyBall?"),
        ("SAM.with_base(2)", "base must be a Base"),
        ("SAM.check(1)", "SAM.check cannot be called here"),
        ("SAM.with_base.__call__(None)", "unknown algorithm"),
        ("SAM.with_base(__import__('os'))", "unknown name '__import__'"),
        ("SAM + GD", "unknown algorithm"),
        ("", "unknown algorithm"),
        ("SAM with heavy ball x", "unknown name 'x'"),
        ("(" * 500, "unknown algorithm"),
    ],
)
def test_what_is_no_algorithm_is_refused(text: str, says: str):
    with pytest.raises(ValueError) as refused:
        read_algorithm(text)
    assert says in str(refused.value)


def test_the_command_takes_calls(capsys: pytest.CaptureFixture[str]):
    assert main(["LpSAM(4)", "SAM.with_base(HeavyBall(0.9))"]) == 0
    out = capsys.readouterr().out
    assert "ascent   power_ascent(p=4.0)" in out and "base     heavy ball 0.9" in out
