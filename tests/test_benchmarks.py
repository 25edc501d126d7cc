"""The benchmark at a tiny size: its engines agree, and it notices when they do not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import __main__ as benchmark
from benchmarks import engines

TINY = ["--runs", "256", "--steps", "12", "--repeats", "1"]


def test_every_engine_does_the_same_job():
    given = engines.job(256)
    assert given.runs == 256
    expected = engines.lean(given, 12)
    assert np.abs(expected - given.each()[1]).max() > 0.1
    rows = benchmark.chosen(given, 1, 12)
    assert len(rows) == (3 if engines.compiler() is None else 4)
    for name, engine, _, _ in rows:
        gap = benchmark.disagreement(expected, engine(given, 12))
        assert gap <= benchmark.COMPARED_TOLERANCE, name


def test_the_table_is_printed_with_the_mark(capsys: pytest.CaptureFixture[str]):
    assert benchmark.main(TINY) == 0
    text = capsys.readouterr().out
    for part in ("256 runs × 12 steps", "Ravine", "NumPy as in the paper", "the mark of 40 is"):
        assert part in text


def test_an_engine_that_is_wrong_is_not_timed(monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(engines, "paper", lambda given, steps: engines.lean(given, steps) + 1e-6)
    assert benchmark.main(TINY) == 1
    assert "NumPy as in the paper disagrees" in capsys.readouterr().out


def test_without_a_compiler_the_rest_runs(monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(engines, "compiler", lambda: None)
    assert benchmark.main(TINY) == 0
    assert "no compiler" in capsys.readouterr().out


def test_wrong_usage_is_refused(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        benchmark.main(["--runs", "100"])
    assert left.value.code == 2
    assert "--runs must be at least 128; got 100" in capsys.readouterr().err
