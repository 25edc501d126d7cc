"""A theorem as an object that can be run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import sympy

from proofs_check.evidence import Evidence, Kind, Size, Support
from proofs_check.prover import ProofStep


class Provenance(Enum):
    """How the statement came to us. Only the first is ever presented as the paper's own."""

    READ = "read in the source"
    SUMMARY = "read in a summary of the source"
    RECALLED = "reconstructed from memory; wording and constants may differ from the paper's"
    DERIVED = "derived here"

    @property
    def label(self) -> str:
        """It in a word or two, for tables and titles."""
        return {
            Provenance.READ: "as read",
            Provenance.SUMMARY: "as summarised",
            Provenance.RECALLED: "as recalled",
            Provenance.DERIVED: "derived here",
        }[self]


class Finding(Enum):
    """What is known of a claim once everything has been run."""

    HOLDS = "holds"
    FAILS = "fails"
    VACUOUS = "vacuous"
    OPEN = "open"


@dataclass(frozen=True)
class Paper:
    """A source, with what a citation needs."""

    key: str
    authors: str
    title: str
    year: int
    venue: str

    @property
    def bibtex(self) -> str:
        names = " and ".join(self.authors.split(", "))
        return (
            f"@article{{{self.key},\n  author = {{{names}}},\n  title = {{{self.title}}},\n"
            f"  year = {{{self.year}}},\n  journal = {{{self.venue}}}\n}}"
        )


@dataclass(frozen=True)
class Control:
    """A deliberately wrong version of a claim's evidence; the check must notice.

    Attributes:
        name: what is wrong with it.
        simulate: the evidence for the wrong version.
        expected: the verdict that shows that the check can tell: REFUTED for a wrong version;
            CONSISTENT for a true variant, which a check that refuses everything would not pass.
        hypotheses: the relations that select its runs, where what is wrong is that one of the
            claim's is missing; None for the claim's own.
    """

    name: str
    simulate: Callable[[Size], Evidence]
    expected: Support = Support.REFUTED
    hypotheses: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Claim:
    """One statement of the literature.

    Attributes:
        id: the name of its module; stable, since figures and reports cite it.
        title: what it says, in a few words.
        paper: where it comes from, or whose algorithm it is about.
        source: number in the paper.
        provenance: how we have the statement.
        statement: the statement in words, hypotheses included.
        formula: the statement's formula; its LaTeX is made from it.
        kind: what is asserted.
        hypotheses: SymPy relations; they select the runs that count and are given to z3.
        proof: the symbolic part: a function that returns the steps, or None where no machine
            proof is possible (`unproved_because` then says why).
        simulate: the simulated part.
        controls: wrong versions that must be caught.
        recorded: the finding on record; the ledger fails when it comes out otherwise.
        corrected_by: id of the claim that says what is true instead.
        refuted_step: name of the one step of a failing claim's proof that a machine refutes; the
            other steps, which show how it fails, must be proved.
        beyond_the_proof: what of the statement no step of the proof covers, and rests on the runs
            alone; empty if the steps cover all of it.
        remark: what a reader should know besides.
    """

    id: str
    title: str
    paper: Paper
    source: str
    provenance: Provenance
    statement: str
    formula: Any
    kind: Kind
    hypotheses: tuple[Any, ...]
    proof: Callable[[], tuple[ProofStep, ...]] | None
    simulate: Callable[[Size], Evidence]
    controls: tuple[Control, ...]
    recorded: Finding
    corrected_by: str | None = None
    refuted_step: str = ""
    unproved_because: str = ""
    beyond_the_proof: str = ""
    remark: str = ""

    def __post_init__(self) -> None:
        if not self.controls:
            raise ValueError(f"{self.id} has no negative control: a check must be able to fail")
        if (self.proof is None) != bool(self.unproved_because):
            raise ValueError(f"{self.id} must have either a proof or a reason for having none")
        if self.recorded is Finding.FAILS and not self.corrected_by:
            raise ValueError(f"{self.id} fails and must name the corrected claim")

    @property
    def latex(self) -> str:
        return sympy.latex(self.formula)

    @property
    def origin(self) -> str:
        """The paper and how we have the statement: `dai2023, as recalled`."""
        return f"{self.paper.key}, {self.provenance.label}"


CLAIMS: dict[str, Claim] = {}


def register(claim: Claim) -> Claim:
    """Adds a claim to the ledger.

    A claim of a name that is taken replaces the other in its place, with a warning: the cell of a
    notebook is run again.
    """
    if claim.id in CLAIMS:
        warnings.warn(
            f"a claim named {claim.id} is defined already; this one replaces it", stacklevel=2
        )
    CLAIMS[claim.id] = claim
    return claim
