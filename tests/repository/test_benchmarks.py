"""The benchmark at tiny sizes: answers are compared before times, and marks are judged."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import xarray

from benchmarks import __main__ as benchmark
from benchmarks import against_c, c_loop, child, grid, growth, opponents, report, row, timing
from benchmarks.row import ROWS, Disagreement, Group, Measurement, Row, Settings, Size, Standing
from benchmarks.workload import Engine, Workload, check, lean, ravine, workload
from dynamics import SAM
from landscapes import LinearNeuron, Saddle
from landscapes.console import WRONG_USAGE
from tests.support.cases import CORE

QUICK = Settings(Size.QUICK, 1)
needs_compiler = pytest.mark.skipif(c_loop.compiler() is None, reason="no C compiler")


def fake(measure, mark: row.Mark | None = None, name: str = "fake") -> Row:
    return Row(name, Group.C, "a job", row.at_most(2, "× C") if mark is None else mark, measure)


# -- answers -----------------------------------------------------------------------------------


@needs_compiler
def test_every_c_loop_does_its_job():
    for landscape, algorithm in [(Saddle(), a) for a in CORE] + [(LinearNeuron("sqrt"), SAM)]:
        # Not a multiple of the block's 128 runs: the last block is a part of one.
        given = replace(workload(256, landscape, algorithm), eta=np.geomspace(1e-3, 0.3, 61))
        check("C", given, c_loop.c_loop(given))


@pytest.mark.parametrize("name", ["paper", "optax", "torch", "numba"])
def test_every_engine_in_its_place_does_the_job(name):
    if name != "paper":
        pytest.importorskip(name)
    given = workload(256)
    assert np.abs(lean(given)(20) - given.each()[1]).max() > 0.1
    check(name, given, getattr(opponents, name)(given))


def _moved(given: Workload, by: float) -> Engine:
    return lambda n_steps: lean(given)(n_steps) + by


@pytest.mark.parametrize("by", [1e-6, np.nan])
def test_an_engine_that_is_wrong_is_not_timed(by, monkeypatch, capsys):
    def never(*_):
        raise AssertionError("timed")

    monkeypatch.setattr(against_c, "duel", never)
    monkeypatch.setattr(against_c, "ravine", lean)

    def measure(settings: Settings) -> Measurement:
        against_c.compared(workload(256), "Loop", lambda given: _moved(given, by), (9, 9), 1)
        raise AssertionError

    monkeypatch.setitem(ROWS, "fake", fake(measure))
    assert benchmark.main(["fake"]) == benchmark.FAILED
    text = capsys.readouterr().out
    assert "Loop disagrees with the lean loop" in text and "no time counts" in text


def test_the_sweep_itself_is_checked(monkeypatch):
    monkeypatch.setattr(against_c, "ravine", lambda given: _moved(given, 1e-6))
    with pytest.raises(Disagreement, match="Ravine disagrees"):
        against_c.compared(workload(256), "NumPy", lean, (9, 9), 1)


def test_runs_that_leave_are_not_compared_unless_they_are_many():
    given = replace(workload(128), eta=np.geomspace(1e-3, 30.0, 128))
    with pytest.raises(Disagreement, match="of the runs stay"):
        check("lean", given, lean(given))
    with pytest.raises(Disagreement, match="gives shape"):
        check("lean", workload(128), lean(workload(256)))


def test_early_stopping_that_changes_an_outcome_is_caught():
    decided = {
        name: ("run", np.arange(7)) for name in ("outcome", "n_steps", "period", "attractor")
    }
    stopped, whole = xarray.Dataset(decided), xarray.Dataset(decided)
    grid.same_outcomes(stopped, whole)
    for name in decided:
        other = whole.copy(deep=True)
        other[name][3] += 1
        with pytest.raises(Disagreement, match=f"changes {name} of 1 runs"):
            grid.same_outcomes(stopped, other)


# -- rows --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_quick_rows_run(capsys, tmp_path):
    names = ["c-sam-saddle", "instead-numpy", "sensing-products", "import"]
    names += ["growth-runs", "growth-steps", "gpu-float64", "gpu-float32"]
    found, drawn = tmp_path / "found.json", tmp_path / "growth.png"
    options = ["--quick", "--repeats", "1", "--json", str(found), "--plot", str(drawn)]
    assert benchmark.main([*names, *options]) == benchmark.MEASURED
    captured = capsys.readouterr()
    for name in names:
        assert name in captured.out and f"{name} …" in captured.err
    assert "sizes are quick ones" in captured.out
    assert "Growth with the runs" in captured.out
    assert drawn.read_bytes().startswith(b"\x89PNG")
    written = json.loads(found.read_text("utf-8"))
    assert written["complete"] and {one["row"] for one in written["rows"]} == set(names)
    by_name = {one["row"]: one for one in written["rows"]}
    assert by_name["growth-runs"]["value"] > 0
    assert by_name["gpu-float32"]["verdict"] == "unmeasured"


def test_every_row_has_a_mark_and_every_group_a_row(capsys):
    assert {one.group for one in ROWS.values()} == set(Group)
    assert benchmark.main(["--list"]) == benchmark.MEASURED
    listed = capsys.readouterr().out
    for one in ROWS.values():
        assert f"{one.name}\n    {one.job}\n    mark: {one.mark}\n" in listed
    with pytest.raises(ValueError, match="registered already"):
        row.row("import", Group.C, "", row.at_most(1, "s"))(lambda settings: Measurement(1, ""))


@pytest.mark.parametrize(
    ("mark", "met", "missed"),
    [
        (row.at_most(1.5, "× C"), (1.5, 0.2), (1.5001, np.inf, np.nan)),
        (row.at_least(40, "× faster"), (40.0, np.inf), (39.99, 0.0, np.nan)),
    ],
)
def test_marks_are_judged_both_ways(mark, met, missed):
    for values, verdict in ((met, Standing.MET), (missed, Standing.NOT_MET)):
        for value in values:
            given = fake(lambda settings, value=value: Measurement(value, ""), mark)
            assert row.take(given, QUICK).verdict is verdict


def test_a_row_that_breaks_is_told_and_the_others_go_on(monkeypatch, capsys):
    def breaks(settings):
        raise ZeroDivisionError("at once")

    monkeypatch.setitem(ROWS, "breaks", fake(breaks, name="breaks"))
    monkeypatch.setitem(ROWS, "works", fake(lambda settings: Measurement(1.0, "so"), name="works"))
    assert benchmark.main(["breaks", "works"]) == benchmark.FAILED
    text = capsys.readouterr().out
    assert "ZeroDivisionError: at once" in text and "2 rows: 1 met, 1 FAILED" in text


def test_an_interrupt_keeps_what_was_measured(monkeypatch, capsys, tmp_path):
    def interrupted(settings):
        raise KeyboardInterrupt

    monkeypatch.setitem(ROWS, "works", fake(lambda settings: Measurement(1.0, "so"), name="works"))
    monkeypatch.setitem(ROWS, "stops", fake(interrupted, name="stops"))
    written = tmp_path / "found.json"
    arguments = ["works", "stops", "--json", str(written)]
    assert benchmark.main(arguments) == benchmark.INTERRUPTED
    captured = capsys.readouterr()
    assert "1 rows: 1 met" in captured.out and "1 of 2 rows measured" in captured.err
    assert json.loads(written.read_text("utf-8"))["complete"] is False


# -- what is not there -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["optax", "torch", "numba"])
def test_a_package_that_is_missing_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    found = row.take(ROWS[f"instead-{name}"], QUICK)
    assert found.verdict is Standing.UNMEASURED
    assert found.note == f"{name} is not installed: pip install {name}"


def test_without_a_compiler_the_rest_runs(monkeypatch):
    monkeypatch.setattr(c_loop, "compiler", lambda: None)
    found = row.take(ROWS["c-sam-saddle"], QUICK)
    assert found.verdict is Standing.UNMEASURED and "no C compiler" in found.note


@needs_compiler
def test_a_compiler_that_cannot_is_told(monkeypatch):
    monkeypatch.setattr(c_loop, "FLAGS", ("-no-such-flag",))
    c_loop.loops.cache_clear()
    found = row.take(ROWS["c-sam-saddle"], QUICK)
    assert found.verdict is Standing.UNMEASURED and "cannot compile loops.c" in found.note


# -- the clock ---------------------------------------------------------------------------------


def test_the_two_sides_of_a_ratio_take_turns(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(timing, "perf_counter", lambda: now[0])

    def engine(name: str, seconds_per_step: float):
        def run(n_steps: int) -> np.ndarray:
            compiling = 7.0 if name not in calls else 0.0
            calls.append(name)
            now[0] += compiling + seconds_per_step * n_steps
            return np.zeros((1, 2))

        return run

    found = timing.duel(
        timing.Side("A", engine("a", 2.0), 10, 4), timing.Side("B", engine("b", 6.0), 5, 4), 3
    )
    assert "".join(calls) == "aabb" + "ab" * 3
    # 2 s and 6 s a step, of 4 runs; what the first call took longer is apart.
    assert found.slower_than == pytest.approx(1 / 3) and found.faster_than == pytest.approx(3)
    assert found.nanoseconds == pytest.approx((5e8, 15e8))
    assert found.compilation == pytest.approx((7.0, 7.0))


def test_growth_is_the_worst_step_over_proportion():
    def measured(seconds) -> Measurement:
        return growth.growth([10, 100, 1000], 5, seconds, ("n", "s", "ns", "×"), "", 1)

    assert measured(lambda n: 3.0 * n).value == pytest.approx(1)
    found = measured(lambda n: 3.0 * n * (4 if n == 1000 else 1))
    assert found.value == pytest.approx(4) and "100 to 1,000" in found.note


def test_a_process_of_its_own_tells_its_own_peak():
    here, there = child.peak_resident(), child.in_child("benchmarks.child:peak_resident")
    # An interpreter and nothing else; this one holds JAX. (`ru_maxrss` would say as much as here.)
    assert 2**22 < there < 2**26 < here
    with pytest.raises(RuntimeError, match="no_such"):
        child.in_child("benchmarks.child:no_such")


# -- usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["c-sam-sadle"], "unknown row 'c-sam-sadle'; did you mean c-sam-saddle or c-usam-saddle?"),
        (["@"], "unknown row '@'; --list names them"),
        (["--repeats", "0"], "--repeats must be at least 1; got 0"),
        (["--quick", "--full"], "not allowed with"),
        (["--json", "no/such/folder/x.json"], "--json must name a file that can be written"),
        (["--json", f"{__file__}/x.json"], "--json must name a file that can be written"),
        (["--plot", "x.txt"], "--plot must end in .png, .pdf, .svg"),
        (["import", "--plot", "x.png"], "--plot draws growth-runs and growth-steps"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_measured(
    arguments, message, capsys, monkeypatch
):
    monkeypatch.setattr(benchmark, "take", None)
    with pytest.raises(SystemExit) as left:
        benchmark.main(arguments)
    assert left.value.code == WRONG_USAGE
    assert message in capsys.readouterr().err


def test_the_reference_job_is_the_one_of_the_marks():
    assert workload(131_072).runs == 131_072
    given = workload(256)
    assert ravine(given)(1).shape == (256, 2)


@pytest.mark.parametrize(("load", "told"), [(1e6, True), (0.0, False), (None, False)])
def test_other_work_on_the_machine_is_told(load, told, monkeypatch):
    monkeypatch.setattr(report, "load", lambda: load)
    assert ("other work here disturbs the times" in report.heading(QUICK)) is told
