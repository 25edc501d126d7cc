"""Runs claims and says what is found, beside what is on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from landscapes.checks import shown
from landscapes.console import nearest
from proofs_check.claim import Claim, Control, Finding
from proofs_check.evidence import Judgement, Size, Support, judge
from proofs_check.prover import Proof, Verdict, overall, prove


@dataclass(frozen=True)
class ControlResult:
    """One control: what it did and what it had to do."""

    control: Control
    judgement: Judgement

    @property
    def caught(self) -> bool:
        return self.judgement.support is self.control.expected


@dataclass(frozen=True)
class Row:
    """A claim with everything that was found out about it.

    `proofs` and `judgement` are two verdicts side by side; they are never merged into one.
    """

    claim: Claim
    proofs: tuple[Proof, ...]
    judgement: Judgement
    controls: tuple[ControlResult, ...]
    seconds: float

    @property
    def verdict(self) -> Verdict | None:
        """The machine's verdict on all steps; None where the claim has none."""
        return overall(self.proofs)

    @property
    def finding(self) -> Finding:
        return _finding(self)[0]

    @property
    def reason(self) -> str:
        """Why the finding is what it is."""
        return _finding(self)[1]

    @property
    def as_recorded(self) -> bool:
        return self.finding is self.claim.recorded


def check(claim: Claim | str, size: Size | str = Size.QUICK) -> Row:
    """Runs one claim, given as such or by its id: proofs, evidence, controls.

    Raises `ValueError` for anything else, and for a size that is none, by name or otherwise.
    """
    claim = _a_claim(claim)
    size = _a_size(size)
    begin = time.perf_counter()
    proofs = _proofs(claim)
    judgement = judge(claim.simulate(size), claim.hypotheses)
    controls = tuple(
        ControlResult(control, judge(control.simulate(size), hypotheses_of(control, claim)))
        for control in claim.controls
    )
    return Row(claim, proofs, judgement, controls, time.perf_counter() - begin)


def _a_claim(value: Any) -> Claim:
    if isinstance(value, Claim):
        return value
    if not isinstance(value, str):
        raise ValueError(f"claim must be a Claim or the id of one; got {shown(value)}")
    from proofs_check import CLAIMS  # here, since the claims import what checks them

    if value not in CLAIMS:
        raise ValueError(
            f"there is no claim {value!r}{nearest(value, CLAIMS, 'CLAIMS has them all')}"
        )
    return CLAIMS[value]


def _a_size(value: Any) -> Size:
    try:
        return Size(value)
    except ValueError:
        accepted = " or ".join(repr(size.value) for size in Size)
        raise ValueError(f"size must be {accepted}; got {shown(value)}") from None


def _proofs(claim: Claim) -> tuple[Proof, ...]:
    """The claim's steps, checked. A derivation that breaks down leaves the claim undecided."""
    if claim.proof is None:
        return ()
    try:
        return prove(claim.proof())
    except Exception as error:  # whatever SymPy raises when the code no longer fits the steps
        detail = f"{type(error).__name__}: {error}"
        return (Proof("deriving the steps", Verdict.UNDECIDED, "SymPy", detail),)


def hypotheses_of(control: Control, claim: Claim) -> tuple[Any, ...]:
    """The relations that select a control's runs: its own, or else the claim's."""
    return claim.hypotheses if control.hypotheses is None else control.hypotheses


def check_all(
    claims: Iterable[Claim], size: Size, done: Callable[[Row], None], begin: Callable[[Claim], None]
) -> list[Row]:
    """Runs claims one after the other and reports each as it begins and ends."""
    rows = []
    for claim in claims:
        begin(claim)
        rows.append(check(claim, size))
        done(rows[-1])
    return rows


def _finding(row: Row) -> tuple[Finding, str]:
    missed = [c for c in row.controls if not c.caught]
    if missed:
        names = "; ".join(
            f"“{c.control.name}” came out {c.judgement.support.value}, "
            f"not {c.control.expected.value}"
            for c in missed
        )
        return Finding.OPEN, f"the check cannot tell: control {names}"
    refuted = [p for p in row.proofs if p.verdict is Verdict.REFUTED]
    on_record = row.claim.refuted_step
    if on_record and [p.name for p in row.proofs if p.verdict is not Verdict.PROVED] != [on_record]:
        steps = "; ".join(f"“{p.name}” {p.verdict.value} {p.detail}" for p in row.proofs)
        return Finding.OPEN, f"“{on_record}” is to be refuted and all else proved; found {steps}"
    witness = row.judgement.witness
    if refuted:
        reason = f"“{refuted[0].name}” is refuted by {refuted[0].prover}: {refuted[0].detail}"
        if witness:
            reason += f"; {witness.call} shows {witness.shows}"
        return Finding.FAILS, reason
    if row.judgement.support is Support.REFUTED:
        shown = f"{witness.call} shows {witness.shows}" if witness else "no witness"
        return Finding.FAILS, f"refuted by a run: {shown}"
    if row.verdict is Verdict.UNDECIDED:
        undecided = next(p for p in row.proofs if p.verdict is Verdict.UNDECIDED)
        return Finding.OPEN, f"“{undecided.name}” is undecided: {undecided.detail}"
    empty = any(p.of_emptiness for p in row.proofs)
    if row.judgement.support is Support.OUT_OF_DOMAIN:
        if empty:
            return Finding.VACUOUS, "the hypotheses contradict each other"
        return Finding.OPEN, "no run met the hypotheses, and nothing shows that none can"
    if empty:
        n = row.judgement.n_runs
        return Finding.OPEN, f"the hypotheses are proved contradictory, yet {n} runs meet them"
    if not row.proofs:
        return Finding.HOLDS, "the runs are consistent with it; it has no proof"
    if row.claim.beyond_the_proof:
        return Finding.HOLDS, "its steps are proved, which is a part of it; the runs are consistent"
    return Finding.HOLDS, "its steps are proved; the runs are consistent"
