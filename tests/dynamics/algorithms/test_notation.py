"""The listing of algorithms is written by the rules that are run."""

from __future__ import annotations

from dataclasses import replace

import optax
import pytest

from dynamics import ALGORITHMS, GD, SAM, USAM, HeavyBall, Optax, SampleOrder, StableSAM, one_over_t
from dynamics.__main__ import main
from dynamics.algorithms.notation import formula

WRITTEN = {
    "GD": "w⁺ = w − η g",
    "SAM": "w⁺ = w − η ∇L(w + ρ g/‖g‖)",
    "USAM": "w⁺ = w − η ∇L(w + ρ g)",
    "StableSAM": "w⁺ = w − η ‖g‖ g′/‖g′‖; g′ = ∇L(w + ρ g/‖g‖)",
    "ClippedStableSAM(0.3)":
        "w⁺ = w − η min(max(‖g‖/‖g′‖, 0.3), 0.548) g′; g′ = ∇L(w + ρ g/‖g‖)",
    "ScaledSAM": "w⁺ = w − η ∇L(w + (ρ/‖u‖_∞) u); u = g/‖g‖",
    "LpSAM(3)": "w⁺ = w − η ∇L(w + (ρ/Σ(|u|^1.5)^(1/3)) sign(u)∘|u|^0.5); u = g/‖g‖",
    "UnifiedSAM(1/t)": "w⁺ = w − η ∇L(w + ρ ((1 − 1/t) g + (1/t) g/‖g‖))",
    "RepeatedUSAM": "w⁺ = w − η ∇L(w′ + ρ ∇L(w′)); w′ = w + ρ g",
    "PenalisedUSAM": "w⁺ = w − η (g + ρ ∇²L(w) g)",
    "NesterovGD": "w⁺ = w − η (g + 0.9 v⁺); v⁺ = 0.9 v + g",
    "SGD": "w⁺ = w − η gᵢ",
    "1-SAM": "w⁺ = w − η ∇Lᵢ(w + ρ gᵢ/‖gᵢ‖)",
    "DNSAM": "w⁺ = w − η ∇Lᵢ(w + (ρ/‖G‖) gᵢ)",
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_it_is_what_the_papers_write(name: str):
    assert formula(ALGORITHMS[name]) == WRITTEN[name]


def test_no_two_are_written_alike():
    assert len({formula(a) for a in ALGORITHMS.values()}) == len(ALGORITHMS)


def test_it_is_the_rule_that_is_written():
    downhill = replace(SAM, ascent=lambda here, rho: -(rho * here.g.unit()))
    assert formula(downhill) == "w⁺ = w − η ∇L(w + −(ρ g/‖g‖))"
    assert formula(replace(StableSAM, descent=GD.descent)) == formula(SAM)


def test_what_is_composed_is_written_too():
    assert formula(USAM.with_base(HeavyBall(0.5))) == "w⁺ = w − η v⁺; v⁺ = 0.5 v + ∇L(w + ρ g)"
    assert formula(USAM.with_order(SampleOrder(2))) == "w⁺ = w − η ∇Lᵢ(w + ρ gᵢ)"
    assert formula(GD.with_base(Optax(optax.adam(1.0), "adam"))) == "w⁺ = w − η adam(g)"
    decreasing = replace(SAM, schedule=lambda t, eta, rho: (eta * one_over_t(t), rho))
    assert formula(decreasing) == "w⁺ = w − η(t) ∇L(w + ρ(t) g/‖g‖)"


# -- the command line ------------------------------------------------------------------------


def test_all_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[: len(ALGORITHMS)]] == list(ALGORITHMS)
    assert max(map(len, lines)) <= 120


def test_a_page_says_what_the_algorithm_is_made_of(capsys: pytest.CaptureFixture[str]):
    assert main(["1-SAM", "HeavyBallSAM"]) == 0
    out = capsys.readouterr().out
    assert "draws    SampleOrder(batch=1, seed=0, replacement=True)" in out
    assert "base     heavy ball 0.9" in out
    for name in ("1-SAM", "HeavyBallSAM"):
        assert formula(ALGORITHMS[name]) in out and ALGORITHMS[name].source in out


def test_a_wrong_name_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as refused:
        main(["sma"])
    assert refused.value.code == 2
    assert "unknown algorithm 'sma'; did you mean SAM?" in capsys.readouterr().err
