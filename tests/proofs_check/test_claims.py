"""Every claim of the ledger, one by one, and what must be true of them all."""

from __future__ import annotations

import re

import numpy as np
import pytest

import dynamics
import landscapes
from proofs_check import CLAIMS, Finding, Identity, Size, Support, Verdict, check, report
from proofs_check.evidence import judge
from tests.support.paths import ROOT

_ROWS = {}


def row_of(name):
    """The claim's row; each claim is run once for all tests of this file."""
    if name not in _ROWS:
        _ROWS[name] = check(CLAIMS[name])
    return _ROWS[name]


def test_there_are_claims_of_every_kind_of_finding():
    recorded = {claim.recorded for claim in CLAIMS.values()}
    assert {Finding.HOLDS, Finding.FAILS, Finding.VACUOUS} <= recorded
    assert len(CLAIMS) >= 16


@pytest.mark.parametrize("name", CLAIMS)
def test_the_finding_is_the_recorded_one(name):
    row = row_of(name)
    assert row.as_recorded, row.reason


@pytest.mark.parametrize("name", CLAIMS)
def test_every_control_is_caught(name):
    row = row_of(name)
    assert len(row.controls) >= 2
    for result in row.controls:
        assert result.caught, f"{result.control.name}: {result.judgement}"


@pytest.mark.parametrize("name", CLAIMS)
def test_the_evidence_is_thousands_of_runs(name):
    seen = row_of(name).judgement
    assert seen.n_runs + seen.n_outside >= 1000


def test_a_second_run_finds_the_same():
    for name in list(CLAIMS)[::5]:
        assert row_of(name).judgement == judge(
            CLAIMS[name].simulate(Size.QUICK), CLAIMS[name].hypotheses
        )


def test_the_table_of_the_readme_is_the_ledger():
    """All but the last digits of the evidence, which may differ between machines."""

    def stable(table):
        return [re.sub(r"(worst [a-z ]+) [-\d.e]+", r"\1", line) for line in table.splitlines()]

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("<!-- ledger -->\n")[2].partition("\n<!-- /ledger -->")[0]
    rows = [row_of(name) for name in CLAIMS]
    assert stable(shown) == stable(report.markdown_table(rows))


def test_corrections_exist():
    for claim in CLAIMS.values():
        assert claim.corrected_by is None or claim.corrected_by in CLAIMS


def test_every_refutation_comes_with_a_call_that_runs():
    refuted = [n for n in CLAIMS if row_of(n).judgement.support is Support.REFUTED]
    assert refuted
    for name in refuted:
        witness = row_of(name).judgement.witness
        assert witness is not None
        path = eval(witness.call, vars(landscapes) | vars(dynamics))
        assert path.dtype == np.float64 and np.isfinite(path).all()


def test_what_fails_is_refuted_by_a_machine_or_by_a_run():
    for name, claim in CLAIMS.items():
        if claim.recorded is Finding.FAILS:
            row = row_of(name)
            assert Support.REFUTED is row.judgement.support or Verdict.REFUTED is row.verdict


@pytest.mark.parametrize("name", CLAIMS)
def test_statements_are_complete(name):
    claim = CLAIMS[name]
    assert claim.statement.endswith(".") and len(claim.title) < 90
    assert claim.latex
    if claim.proof is None:
        assert claim.unproved_because
    else:
        names = [step.name for step in claim.proof()]
        assert len(set(names)) == len(names)
        assert all(
            isinstance(s, Identity) or getattr(s, "mutation", None) or getattr(s, "needed", None)
            for s in claim.proof()
        )
