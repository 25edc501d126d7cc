"""Landscapes given as text, as on the command lines."""

from __future__ import annotations

from typing import Any

import pytest

from landscapes import LANDSCAPES, Formula, LinearNeuron, Quadratic, QuadraticSum, Saddle
from landscapes.__main__ import main
from landscapes.console import WRONG_USAGE
from landscapes.reading import read_landscape


@pytest.mark.parametrize("name", LANDSCAPES)
def test_every_registered_landscape_has_a_name_that_can_be_given(name: str):
    assert type(read_landscape(name)) is LANDSCAPES[name]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Saddle", Saddle()),
        (" Quadratic((9.0, 2.5)) ", Quadratic((9.0, 2.5))),
        ("LinearNeuron(link='sqrt')", LinearNeuron("sqrt")),
        ("a*x^2 + y^4/4", None),
        ("Formula('a*x^2 + y^2', a=1.5)", Formula("a*x^2 + y^2", a=1.5)),
        ("Quadratic((1/4, 2*3 - 1))", Quadratic((0.25, 5.0))),
        ("QuadraticSum.around((1, -2))", QuadraticSum.around((1, -2))),
    ],
)
def test_a_landscape_is_read(text: str, same: Any):
    read = read_landscape(text)
    if same is None:
        assert isinstance(read, Formula)
        assert read.text == text
    else:
        assert repr(read) == repr(same)
    assert repr(read_landscape(repr(read))) == repr(read)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Sadle", "unknown landscape 'Sadle'; did you mean Saddle"),
        ("zzzz", "there are "),
        ("Quadratic((-1, 2))", "cannot make a landscape of"),
        ("Quadratic(open('f'))", "cannot make a landscape of"),
        ("Quadratic(1, 2, 3, 4)", "cannot make a landscape of"),
        ("Quadratik((9, 1))", "unknown landscape 'Quadratik'; did you mean Quadratic?"),
        ("Quadratic(spectrun=(1, 2))", "write Quadratic(spectrum=None, *, hessian=None"),
        ("Saddle.symbolic()", "Saddle.symbolic cannot be called here"),
        ("Saddle.__init_subclass__()", "cannot be called here"),
        ("Saddle.examples()", "cannot be called here"),
        ("Quadratic((9**9**9, 1))", "is no number, text or list"),
        ("Quadratic(**{})", "no call that is read here"),
        ("Quadratic((1,) * 10**9)", "is no number, text or list"),
        ("Quadratic([1 for _ in (1, 2)])", "is no number, text or list"),
        ("Quadratic((1/0, 1))", "cannot make a landscape of"),
        ("Formula(Saddle)", "cannot make a landscape of"),
        ("__import__('os').abort()", ""),
        ("x +", ""),
        ("(" * 500, ""),
    ],
)
def test_what_is_no_landscape_is_refused(text: str, says: str):
    with pytest.raises(ValueError) as refused:
        read_landscape(text)
    assert says in str(refused.value)
    assert str(refused.value)


def test_the_command_takes_names_calls_and_formulas(capsys: pytest.CaptureFixture[str]):
    assert main(["Saddle", "Quadratic((9, 1))", "x^4/4 - x*y + y^2/2", "Saddle"]) == 0
    out = capsys.readouterr().out
    assert out.count("Saddle()\n======") == 1
    assert "Quadratic(spectrum=[9.0, 1.0])\n===" in out and "curvatures (9, 1)" in out
    assert "Formula(text='x^4/4 - x*y + y^2/2')\n===" in out and "saddle (0, 0)" in out
    with pytest.raises(SystemExit) as left:
        main(["Saddle", "Quadratic((9, -1))"])
    captured = capsys.readouterr()
    assert left.value.code == WRONG_USAGE and captured.out == ""
    assert captured.err.splitlines()[-1].startswith("python -m landscapes: error: cannot make a")
