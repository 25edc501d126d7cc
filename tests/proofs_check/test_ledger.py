"""The ledger and its command line, on small claims made for the purpose."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from typing import Any

import numpy as np
import pytest
import sympy

from proofs_check import (
    CLAIMS,
    Claim,
    Contradiction,
    Control,
    Exhibit,
    Finding,
    Identity,
    Kind,
    Provenance,
    Support,
    __main__,
    check,
    report,
)
from proofs_check import (
    claim as claims_module,
)
from proofs_check.evidence import upper_bound
from proofs_check.papers import DAI2023
from proofs_check.symbols import eta

q = sympy.Symbol("q", real=True)

TRUE = Identity("true", q, q)
FALSE = Identity("false", q, q + 1)
UNKNOWN = Identity("unknown", sympy.sqrt(q**2), q)
EMPTY = Contradiction("empty", (q > 0, q < 0), needed=(0, 1))


def runs(observed, bound=1.0, q_from=1.0):
    """A run for each observed value, set against the bound; q counts them up from `q_from`."""
    observed = np.asarray(observed, dtype=float)
    at = {q: q_from + np.arange(len(observed)), eta: np.ones(len(observed))}
    return lambda size: upper_bound(
        observed,
        np.full(len(observed), bound),
        lambda i: Exhibit(f"run({i})", "x"),
        quantities=at,
    )


CAUGHT = Control("caught", runs([2.0], q_from=10.0))
MISSED = Control("missed", runs([0.5], q_from=10.0))


def make(steps=(TRUE,), observed=(0.5, 0.7), controls=(CAUGHT,), hypotheses=(q > 0,), **changes):
    settings = {
        "id": "a_claim",
        "title": "a claim",
        "paper": DAI2023,
        "source": "nowhere",
        "provenance": Provenance.DERIVED,
        "statement": "something",
        "formula": q <= 1,
        "kind": Kind.UPPER_BOUND,
        "hypotheses": hypotheses,
        "proof": (lambda: tuple(steps)) if steps else None,
        "unproved_because": "" if steps else "a test",
        "simulate": runs(observed),
        "controls": controls,
        "recorded": Finding.HOLDS,
    }
    return Claim(**(settings | changes))


@pytest.mark.parametrize(
    ("claim", "finding", "reason"),
    [
        (make(), Finding.HOLDS, "its steps are proved; the runs"),
        (make(beyond_the_proof="almost all."), Finding.HOLDS, "a part of it"),
        (make(steps=()), Finding.HOLDS, "it has no proof"),
        (make(observed=(0.5, 3.0)), Finding.FAILS, "run(1)"),
        (make(steps=(TRUE, FALSE)), Finding.FAILS, "false"),
        (make(steps=(UNKNOWN, TRUE)), Finding.OPEN, "unknown"),
        (make(proof=lambda: (1 / 0,)), Finding.OPEN, "ZeroDivisionError"),
        (make(proof=lambda: ({}["a step"],)), Finding.OPEN, "KeyError"),
        (make(controls=(CAUGHT, MISSED)), Finding.OPEN, "missed"),
        (make(steps=(EMPTY,), hypotheses=(q > 5,)), Finding.VACUOUS, "contradict"),
        (make(steps=(TRUE, FALSE), refuted_step="false"), Finding.FAILS, "false"),
        (make(steps=(FALSE, FALSE), refuted_step="true"), Finding.OPEN, "is to be refuted"),
        (make(observed=(3.0,), refuted_step="true"), Finding.OPEN, "is to be refuted"),
        # That no run was in the domain is not a proof that the domain is empty …
        (make(hypotheses=(q > 5,)), Finding.OPEN, "no run"),
        # … and where a proof of emptiness meets a run in the domain, one of the two is wrong.
        (make(steps=(EMPTY,)), Finding.OPEN, "proved contradictory"),
    ],
)
def test_finding(claim, finding, reason):
    row = check(claim)
    assert row.finding is finding
    assert reason in row.reason


def test_what_fails_or_is_empty_has_a_line_and_what_holds_has_none():
    vacuous = make(steps=(EMPTY,), hypotheses=(q > 5,), id="empty_one")
    failing = make(observed=(3.0,), id="failing_one", corrected_by="a_claim")
    lines = report.corrections([check(one) for one in (vacuous, failing, make())])
    assert [line.split()[:2] for line in lines] == [
        ["empty_one", "VACUOUS:"],
        ["failing_one", "FAILS:"],
    ]
    assert "True instead: a_claim" in lines[1] and "instead" not in lines[0]


def test_a_bar_in_a_title_does_not_end_a_cell_of_the_table():
    line = report.markdown_table([check(make(title="max(|a|, b)"))]).splitlines()[-1]
    assert r"| max(\|a\|, b) |" in line


@pytest.mark.parametrize("marks", ["", "<!-- ledger -->", "<!-- /ledger --> <!-- ledger -->"])
def test_a_page_has_one_place_for_the_table(marks):
    whole = "before <!-- ledger --> old <!-- /ledger --> after"
    for page in (marks, f"{whole} {marks}") if "<!-- ledger -->" in marks else (marks,):
        with pytest.raises(ValueError, match="expected one"):
            report.with_table(page, [])
    shown = report.with_table(whole, [])
    assert shown.startswith("before ") and shown.endswith(" after") and "old" not in shown


def test_controls_are_judged_apart_from_the_claim():
    row = check(make(observed=(0.5, 0.6)))
    assert row.controls[0].judgement.n_runs == 1
    expected = Control("true variant", runs([0.5]), expected=Support.CONSISTENT)
    assert check(make(observed=(3.0,), controls=(expected,))).finding is Finding.FAILS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"controls": ()}, "negative control"),
        ({"proof": None}, "reason for having none"),
        ({"unproved_because": "it has a proof"}, "either a proof or a reason"),
        ({"recorded": Finding.FAILS}, "corrected claim"),
    ],
)
def test_a_claim_must_be_complete(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_a_second_definition_replaces_the_first_and_says_so(monkeypatch):
    monkeypatch.setattr(claims_module, "CLAIMS", dict(CLAIMS))
    order = list(CLAIMS)
    again = make(id=order[0])
    with pytest.warns(UserWarning, match=f"{order[0]} is defined already; this one replaces it"):
        assert claims_module.register(again) is again
    assert claims_module.CLAIMS[order[0]] is again and list(claims_module.CLAIMS) == order


@pytest.mark.slow
def test_what_is_not_used_is_not_imported(run_python):
    """A solver, tables and the claims' formulas take longer than all the rest."""
    program = """
import sys, proofs_check
late = {"z3", "xarray", "scipy", "matplotlib", "proofs_check.claims"}
print(sorted(late & set(sys.modules)))
from proofs_check import CLAIMS
print(len(CLAIMS) >= 16 and CLAIMS is proofs_check.CLAIMS, sorted(late & set(sys.modules)))
"""
    assert run_python(program) == "[]\nTrue ['proofs_check.claims']"


# -- the command line --------------------------------------------------------------------------


@pytest.fixture
def two_claims(monkeypatch):
    """The registry holds one claim that holds and one that fails, both as recorded."""
    failing = make(
        id="failing_one", observed=(3.0,), recorded=Finding.FAILS, corrected_by="holding_one"
    )
    claims = {"holding_one": make(id="holding_one"), "failing_one": failing}
    monkeypatch.setattr(__main__, "CLAIMS", claims)
    return claims


def test_exit_0_when_all_findings_are_the_recorded_ones(two_claims, capsys, tmp_path):
    file, folder = tmp_path / "ledger.json", tmp_path / "report"
    assert __main__.main(["--json", str(file), "--report", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "holding_one" in out and "1 HOLDS" in out
    assert "failing_one FAILS: refuted by a run: run(0)" in out
    assert "True instead: holding_one" in out
    ledger = json.loads(file.read_text())
    assert ledger["complete"] and ledger["as_recorded"]
    assert [row["finding"] for row in ledger["ledger"]] == ["holds", "fails"]
    assert ledger["ledger"][1]["evidence"]["witness"]["call"] == "run(0)"
    assert "failing_one" in (folder / "ledger.md").read_text()
    assert "FAILS" in (folder / "claims" / "failing_one.md").read_text()
    assert "@article{dai2023" in (folder / "references.bib").read_text()


@pytest.mark.parametrize("provenance", Provenance)
def test_how_a_statement_came_to_us_stands_wherever_it_stands(
    provenance, monkeypatch, capsys, tmp_path
):
    """In the console's table, in the list, in the README's table, in titles of pages, in JSON."""
    claim = make(provenance=provenance)
    monkeypatch.setattr(__main__, "CLAIMS", {claim.id: claim})
    assert __main__.main(["--report", str(tmp_path), "--list"]) == 0
    assert f"dai2023, {provenance.label}" in capsys.readouterr().out
    assert __main__.main(["--report", str(tmp_path)]) == 0
    assert provenance.label in capsys.readouterr().out
    label = f"dai2023, {provenance.label}"
    assert f"| {label} |" in (tmp_path / "ledger.md").read_text()
    page = (tmp_path / "claims" / "a_claim.md").read_text()
    assert page.startswith(f"# a_claim ({label})\n") and provenance.value in page
    assert json.loads((tmp_path / "ledger.json").read_text())["ledger"][0]["origin"] == label


def test_only_what_was_read_is_presented_as_read():
    labels = {one.label for one in Provenance}
    assert len(labels) == len(Provenance)
    assert [one for one in Provenance if "read" in one.label] == [Provenance.READ]


def test_exit_1_says_which_finding_changed_and_why(two_claims, capsys):
    two_claims["holding_one"] = make(id="holding_one", observed=(3.0,))
    assert __main__.main([]) == 1
    captured = capsys.readouterr()
    assert "CHANGED holding_one: found FAILS, recorded HOLDS" in " ".join(captured.err.split())
    assert "recorded:" in captured.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["holding_on"], "did you mean holding_one"),
        (["zzz"], "--list names them"),
        (["--paper", "nobody2020"], "there are dai2023"),
        (["--size", "huge"], "invalid choice"),
        (["--json", "no/such/folder/ledger.json"], "cannot write --json"),
        (["--nonsense"], "unrecognized"),
    ],
)
def test_exit_2_before_anything_is_run(two_claims, capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(__main__, "check_all", lambda *_: pytest.fail("the run began"))
    with pytest.raises(SystemExit) as ended:
        __main__.main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_exit_2_when_the_report_folder_is_a_file(two_claims, capsys, tmp_path):
    (tmp_path / "taken").write_text("here first")
    with pytest.raises(SystemExit) as ended:
        __main__.main(["--report", str(tmp_path / "taken")])
    assert ended.value.code == 2
    assert (tmp_path / "taken").read_text() == "here first"


def test_the_writability_check_leaves_nothing_behind(two_claims, tmp_path, monkeypatch):
    monkeypatch.setattr(__main__, "check_all", lambda *_: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(RuntimeError):
        __main__.main(["--json", str(tmp_path / "ledger.json")])
    assert list(tmp_path.iterdir()) == []


def test_exit_130_keeps_what_is_finished(two_claims, capsys, tmp_path):
    def interrupted(size):
        raise KeyboardInterrupt

    two_claims["failing_one"] = make(id="failing_one", simulate=interrupted)
    file = tmp_path / "ledger.json"
    assert __main__.main(["--json", str(file)]) == 130
    captured = capsys.readouterr()
    assert "holding_one" in captured.out
    assert "1 of 2 claims done" in captured.err
    ledger = json.loads(file.read_text())
    assert not ledger["complete"]
    assert [row["id"] for row in ledger["ledger"]] == ["holding_one"]


def test_an_interrupt_that_a_library_swallows_ends_the_run_all_the_same(
    two_claims, capsys, interruptible
):
    def swallowed(size):
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        return runs([0.5])(size)

    two_claims["holding_one"] = make(id="holding_one", simulate=swallowed)
    assert __main__.main([]) == 130
    assert "1 of 2 claims done" in capsys.readouterr().err


def test_list_runs_nothing(two_claims, capsys, monkeypatch):
    monkeypatch.setattr(__main__, "check_all", lambda *_: pytest.fail("the run began"))
    assert __main__.main(["--list"]) == 0
    assert "holding_one" in capsys.readouterr().out
    assert __main__.main(["--list", "failing_one"]) == 0
    assert "holding_one" not in capsys.readouterr().out.split("\n")[0]


def test_claims_are_checked_by_id_and_wrong_ones_are_named(monkeypatch):
    monkeypatch.setitem(CLAIMS, "holding_one", make(id="holding_one"))
    assert check("holding_one", "quick").finding is Finding.HOLDS
    with pytest.raises(ValueError, match="no claim 'holding_on'; did you mean holding_one"):
        check("holding_on")
    wrong: Any = 3
    with pytest.raises(ValueError, match="claim must be a Claim or the id of one; got 3"):
        check(wrong)
    with pytest.raises(ValueError, match="size must be 'quick' or 'full'; got 'huge'"):
        check("holding_one", "huge")
