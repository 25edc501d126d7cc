"""The list of the landscapes and their pages, as the command line prints them."""

from __future__ import annotations

import numpy as np
import pytest

from landscapes import LANDSCAPES, Constant, DoesNotExist, Unknown
from landscapes.__main__ import main
from landscapes.page import COLUMNS, CONSTANTS, page, rows


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_the_list_has_a_row_for_each(capsys: pytest.CaptureFixture[str]):
    assert [row[0] for row in rows()] == sorted(LANDSCAPES)
    assert all(len(row) == len(COLUMNS) and all(row) for row in rows())
    out = printed(capsys)
    assert all(name in out for name in LANDSCAPES)
    assert "L(x, y) = x⁴/4 − xy + y²/2." in out
    assert max(len(line) for line in out.splitlines()) <= 160


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LANDSCAPES))
def test_a_page_says_all_that_is_known(name: str, capsys: pytest.CaptureFixture[str]):
    cls = LANDSCAPES[name]
    text = printed(capsys, name)
    assert text == page(cls) + "\n"
    said = unwrapped(text)
    assert unwrapped(cls.__doc__ or "") in said
    assert unwrapped(cls.formula) in said and unwrapped(cls.source) in said
    for example in cls.examples():
        facts = example.facts
        for one in facts.critical_sets:
            assert one.name in said
            if isinstance(one.spectra, Unknown):
                assert one.spectra.reason in said
            else:
                assert f"{one.spectra[0, 0]:.6g}" in said
        for constant in CONSTANTS:
            fact = getattr(facts, constant)
            assert (str(fact) if isinstance(fact, Constant) else unwrapped(fact.reason)) in said
            assert not isinstance(fact, DoesNotExist) or "does not exist" in said
        assert all(symmetry.name in said for symmetry in facts.symmetries)
        if isinstance(facts.minimum_loss, Unknown):
            assert f"unknown: {facts.minimum_loss.reason}" in said


def test_pages_come_in_the_order_asked_for_and_once(capsys: pytest.CaptureFixture[str]):
    out = printed(capsys, "Saddle", "Beale", "Saddle")
    assert out == "\n\n\n".join(page(LANDSCAPES[n]) for n in ("Saddle", "Beale")) + "\n"


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ("Sadle", "unknown landscape 'Sadle'; did you mean Saddle?"),
        ("saddle", "did you mean Saddle?"),
        ("matrix_sensing", "did you mean MatrixSensing?"),
        ("qqqq", f"unknown landscape 'qqqq'; there are {', '.join(LANDSCAPES)}"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(
    given: str, answer: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as left:
        main(["Saddle", given])
    assert left.value.code == 2
    captured = capsys.readouterr()
    assert answer in unwrapped(captured.err)
    assert captured.out == ""


def test_the_sharpness_of_the_saddle_is_on_its_page(capsys: pytest.CaptureFixture[str]):
    out = printed(capsys, "Saddle")
    assert f"{2 + np.sqrt(2):.6g}, {2 - np.sqrt(2):.6g}" in out
    assert "12.0902 (|w_i| <= 2)" in out
    assert "at the saddle the gradient is 0 above the minimum" in out
