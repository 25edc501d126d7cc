"""The common look: one for each algorithm, everywhere, and left behind by nobody."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from dynamics import ALGORITHMS, SAM, Outcome
from figures import style

pytestmark = pytest.mark.figures


def test_style_is_left_behind():
    before = dict(matplotlib.rcParams)
    with style.applied():
        assert matplotlib.rcParams["svg.fonttype"] == "none"
        assert matplotlib.rcParams["pdf.fonttype"] == 42
    assert dict(matplotlib.rcParams) == before


def test_the_known_algorithms_look_as_ever():
    looks = {name: style.look(name) for name in ("GD", "SAM", "USAM", "StableSAM")}
    assert [look.marker for look in looks.values()] == ["o", "^", "s", "D"]
    assert looks["SAM"].colour == "#d55e00"
    assert set(style.OUTCOME_COLOURS) == set(Outcome)


def test_a_look_belongs_to_a_name_whatever_is_registered(monkeypatch: pytest.MonkeyPatch):
    before = {name: style.look(name) for name in ALGORITHMS}
    assert len({(look.colour, look.marker) for look in before.values()}) == len(before)
    new = style.look("New")
    monkeypatch.setitem(ALGORITHMS, "New", replace(SAM, name="New"))
    assert style.look("New") == new
    assert {name: style.look(name) for name in before} == before
    # Whoever is not known has a look that follows from the name and is nobody else's.
    strangers = [style.look(name) for name in ("mine", "yours")]
    assert strangers == [style.look(name) for name in ("mine", "yours")]
    assert strangers[0] != strangers[1]
    assert not {s.marker for s in strangers} & {look.marker for look in before.values()}


# Viénot, Brettel and Mollon (1999), linear RGB: what a dichromat without red or green cones sees.
_BLIND = {
    "red": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "green": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


@pytest.mark.parametrize("missing", _BLIND)
def test_areas_and_algorithms_are_told_apart_without_red_or_green(missing: str):
    def seen(colour: str) -> np.ndarray:
        linear = np.array(_BLIND[missing]) @ (np.array(to_rgb(colour)) ** 2.2)
        return np.clip(linear, 0, 1) ** (1 / 2.2)

    areas = [*style.OUTCOME_COLOURS.values(), style.OTHER_MINIMUM, style.NEAR_SADDLE]
    for colours in (areas, [style.look(a).colour for a in ("GD", "SAM", "USAM", "StableSAM")]):
        for i, first in enumerate(colours):
            for second in colours[:i]:
                assert np.abs(seen(first) - seen(second)).max() > 0.1, (first, second)


def test_tints_and_entries_of_legends():
    # Half strength of (136, 204, 238)/255: half way to white, e.g. (1 + 136/255)/2 = 0.7667.
    assert style.pale("#88ccee") == pytest.approx((0.7667, 0.9, 0.9667), abs=1e-4)
    assert style.line("edge", "--").get_color() == style.PREDICTION
    assert style.line("edge", "--").get_linestyle() == "--"
    entry = style.points("SAM")
    assert (entry.get_marker(), entry.get_linestyle(), entry.get_label()) == ("^", "None", "SAM")
