"""What must be true of every claim of the ledger; of one of each kind, by running it.

All of them are run by `make verify`, which fails where a finding is not the recorded one or a
control is not caught.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy

import dynamics
import landscapes
from proofs_check import CLAIMS, Finding, Identity, Size, Support, Verdict, check, report
from proofs_check.evidence import judge
from tests.support.paths import ROOT

# One for each kind and finding, the last that is registered.
REPRESENTATIVES = sorted({(c.kind, c.recorded): name for name, c in CLAIMS.items()}.values())
_ROWS = {}
each_representative = pytest.mark.parametrize("name", REPRESENTATIVES)


def row_of(name):
    """The claim's row; each claim is run once for all tests of this file."""
    if name not in _ROWS:
        _ROWS[name] = check(CLAIMS[name])
    return _ROWS[name]


def test_there_are_claims_of_every_kind_of_finding():
    recorded = {claim.recorded for claim in CLAIMS.values()}
    assert {Finding.HOLDS, Finding.FAILS, Finding.VACUOUS} <= recorded
    assert len(CLAIMS) >= 16


@each_representative
@pytest.mark.ledger
def test_the_finding_is_the_recorded_one(name):
    row = row_of(name)
    assert row.as_recorded, row.reason


@each_representative
@pytest.mark.ledger
def test_every_control_is_caught(name):
    row = row_of(name)
    assert len(row.controls) >= 2
    for result in row.controls:
        assert result.caught, f"{result.control.name}: {result.judgement}"


@each_representative
@pytest.mark.ledger
def test_the_evidence_is_thousands_of_runs(name):
    seen = row_of(name).judgement
    assert seen.n_runs + seen.n_outside >= 1000


@pytest.mark.ledger
def test_a_second_run_finds_the_same():
    for name in REPRESENTATIVES[::2]:
        assert row_of(name).judgement == judge(
            CLAIMS[name].simulate(Size.QUICK), CLAIMS[name].hypotheses
        )


@pytest.mark.ledger
def test_the_table_of_the_readme_is_the_ledger():
    """All but the last digits of the evidence, which may differ between machines.

    Of those that are not run here, what does not depend on the run: all but proof and evidence.
    """

    def stable(table):
        return [re.sub(r"(worst [a-z ]+) [-\d.e]+", r"\1", line) for line in table.splitlines()]

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("<!-- ledger -->\n")[2].partition("\n<!-- /ledger -->")[0]
    rows = [row_of(name) for name in REPRESENTATIVES]
    lines = stable(shown)
    assert set(stable(report.markdown_table(rows))) <= set(lines)
    for line, claim in zip(lines[2:], CLAIMS.values(), strict=True):
        title = claim.title.replace("|", r"\|")
        assert line.startswith(f"| `{claim.id}` | {title} | {claim.origin} | ")
        evidence, controls, finding = line.split(" | ")[-3:]
        (runs,) = re.findall(r"· ([\d,]+) runs", evidence)
        assert int(runs.replace(",", "")) >= 1000
        n = len(claim.controls)
        assert (controls, finding.split("*")[2]) == (f"{n}/{n}", claim.recorded.name)


def test_corrections_exist():
    for claim in CLAIMS.values():
        assert claim.corrected_by is None or claim.corrected_by in CLAIMS


@pytest.mark.ledger
def test_every_refutation_comes_with_a_call_that_runs():
    refuted = [n for n in REPRESENTATIVES if row_of(n).judgement.support is Support.REFUTED]
    assert refuted
    for name in refuted:
        witness = row_of(name).judgement.witness
        assert witness is not None
        path = eval(witness.call, vars(landscapes) | vars(dynamics))
        assert path.dtype == np.float64 and np.isfinite(path).all()


@pytest.mark.ledger
def test_what_fails_is_refuted_by_a_machine_or_by_a_run():
    for row in map(row_of, REPRESENTATIVES):
        if row.claim.recorded is Finding.FAILS:
            assert Support.REFUTED is row.judgement.support or Verdict.REFUTED is row.verdict


#: Claims whose steps begin with an inequality that calculus gives, and the step that takes it on.
BEGINNINGS = {
    "dai2023_sam_bound": "descent lemma: the slope along the step, summed",
    "dai2023_sam_bound_corrected": "descent lemma: the slope along the step, summed",
    "dai2023_usam_descends": "descent lemma: the slope along the step, summed",
    "tan2024_stablesam_threshold": "one more mode keeps both sums",
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_what_a_proof_begins_with_is_a_step_and_what_is_not_is_said(name):
    claim = CLAIMS[name]
    assert claim.proof is not None
    assert BEGINNINGS[name] in [step.name for step in claim.proof()]
    assert claim.beyond_the_proof.endswith(".")


def test_the_factor_of_sam_on_a_link_that_falls_is_another():
    """ℓ = cos: the statement without ℓ′(s) > 0 for s > 0 says 0.038, and a step makes 2.698."""
    from proofs_check.claims.dai2023 import dai2023_conservation as conservation
    from proofs_check.evidence import holds, value
    from proofs_check.symbols import eta, rho, x, y

    start = (-0.2083224450418756, 1.2631985928592326)
    rate, radius = 0.7285094644423246, 0.9980070029755711
    path = dynamics.trajectory(
        conservation.COSINE, dynamics.SAM, start, eta=rate, rho=radius, n_steps=1
    )
    made = path[1, 1] ** 2 - path[1, 0] ** 2
    at = {x: start[0], y: start[1], eta: rate, rho: radius}
    derivative = conservation.DERIVATIVES[conservation.COSINE]
    at[conservation.a] = derivative(start[0] * start[1])
    at[conservation.b] = derivative(value(conservation.ASCENT_OF_ANY_LINK[dynamics.SAM], at))
    said = {}
    for name, direction in (("as stated", x * y), ("of any link", conservation.a)):
        k = sympy.sign(direction) / conservation.n
        u, v = eta * rho * k * conservation.b, eta * conservation.b
        said[name] = value(((1 - u) ** 2 - v**2) * (y**2 - x**2), at)
    assert made == pytest.approx(said["of any link"], rel=1e-12)
    assert made == pytest.approx(2.6983, abs=1e-4)
    assert said["as stated"] == pytest.approx(0.0384, abs=1e-4)
    assert not all(holds(relation, at) for relation in CLAIMS["dai2023_conservation"].hypotheses)


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
