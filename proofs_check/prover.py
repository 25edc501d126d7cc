"""Machine proofs: identities by SymPy, polynomial statements by z3.

A verdict is PROVED only when a machine has shown it. "simplify did not return 0" and z3's
"unknown" are UNDECIDED. A z3 proof counts only if its hypotheses can be met at all and if its
mutation (a hypothesis dropped, or a stronger conclusion) is found false: an `unsat` that comes
from contradictory hypotheses would be "proof" of everything.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import sympy

from proofs_check import solver
from proofs_check.solver import Answer


class Verdict(Enum):
    """What a machine says of a statement."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Proof:
    """The result of one step: the verdict, the prover, and a model or a reason.

    `of_emptiness` says that what was asked is whether the hypotheses can hold at all.
    """

    name: str
    verdict: Verdict
    prover: str
    detail: str = ""
    of_emptiness: bool = False


class ProofStep(Protocol):
    """Something a machine can be asked."""

    @property
    def name(self) -> str: ...

    def check(self) -> Proof: ...


@dataclass(frozen=True)
class Identity:
    """left = right for all values of the symbols, those in `positive` being positive.

    PROVED when SymPy reduces left − right to 0. REFUTED when the two differ at a random
    rational point by more than rounding at 30 digits can explain. UNDECIDED otherwise.
    """

    name: str
    left: Any
    right: Any
    positive: tuple[sympy.Symbol, ...] = ()

    def check(self) -> Proof:
        known = {s: sympy.Dummy(s.name, positive=True) for s in self.positive}
        difference = sympy.sympify(self.left - self.right).xreplace(known)
        counterexample = _differs_somewhere(difference)
        if counterexample:
            return Proof(self.name, Verdict.REFUTED, "SymPy", counterexample)
        if sympy.simplify(difference) == 0:
            return Proof(self.name, Verdict.PROVED, "SymPy")
        return Proof(self.name, Verdict.UNDECIDED, "SymPy", "simplify did not return 0")


def _differs_somewhere(difference: sympy.Expr) -> str:
    """A point where the expression is not 0, or an empty string. Points are seeded."""
    draw = random.Random(0)
    free: Any = difference.free_symbols
    symbols = sorted(free, key=lambda s: (s.name, s.is_positive is True))
    for _ in range(5):
        point = {s: sympy.Rational(draw.randint(1, 99), draw.randint(100, 199)) for s in symbols}
        value: Any = difference.subs(list(point.items())).doit().evalf(30)
        if value.is_number and abs(value) > sympy.Float("1e-20"):
            at = ", ".join(f"{s.name} = {v}" for s, v in point.items())
            return f"the sides differ by {value.evalf(6)} at {at}"
    return ""


@dataclass(frozen=True)
class Implication:
    """`given` implies `then`, for all real values of the symbols.

    z3 is asked for values that meet `given` and not `then`: none → PROVED; found, no denominator
    being 0 → REFUTED, with the values; unknown → UNDECIDED.

    Attributes:
        given: polynomial relations.
        then: a polynomial relation.
        mutation: a changed `(given, then)` that must be REFUTED for the proof to count.
    """

    name: str
    given: tuple[Any, ...]
    then: Any
    mutation: tuple[tuple[Any, ...], Any]

    def check(self) -> Proof:
        against = (*self.given, sympy.Not(self.then))
        answer = solver.ask(against).answer
        if answer is Answer.SATISFIABLE:
            return _refuted(self.name, "counterexample", against)
        if answer is not Answer.IMPOSSIBLE:
            return Proof(self.name, Verdict.UNDECIDED, "z3", "z3 answered unknown")
        if not solver.is_met(self.given):
            detail = "the hypotheses were not found satisfiable"
            return Proof(self.name, Verdict.UNDECIDED, "z3", detail)
        changed_given, changed_then = self.mutation
        if not solver.is_met((*changed_given, sympy.Not(changed_then))):
            detail = "the mutated statement was not refuted, so the proof shows nothing"
            return Proof(self.name, Verdict.UNDECIDED, "z3", detail)
        return Proof(self.name, Verdict.PROVED, "z3", "mutation refuted")


@dataclass(frozen=True)
class Contradiction:
    """The relations in `given` cannot all hold.

    PROVED when z3 finds no values for all of them, and finds some for all but the one at each
    index in `needed`: what is contradictory is the whole, not a part of it.
    """

    name: str
    given: tuple[Any, ...]
    needed: tuple[int, ...]

    def check(self) -> Proof:
        answer = solver.ask(self.given).answer
        if answer is Answer.SATISFIABLE:
            return _refuted(self.name, "all hold at", self.given)
        if answer is not Answer.IMPOSSIBLE:
            return Proof(self.name, Verdict.UNDECIDED, "z3", "z3 answered unknown")
        for index in self.needed:
            rest = self.given[:index] + self.given[index + 1 :]
            if not solver.is_met(rest):
                detail = f"still contradictory without: {self.given[index]}"
                return Proof(self.name, Verdict.UNDECIDED, "z3", detail)
        detail = "satisfiable without any one of those needed"
        return Proof(self.name, Verdict.PROVED, "z3", detail, of_emptiness=True)


def prove(steps: Sequence[ProofStep]) -> tuple[Proof, ...]:
    """All steps, in order."""
    return tuple(step.check() for step in steps)


def overall(proofs: Sequence[Proof]) -> Verdict | None:
    """The verdict on the whole: refuted if a step is, proved if all are; None without steps."""
    verdicts = {p.verdict for p in proofs}
    for verdict in (Verdict.REFUTED, Verdict.UNDECIDED, Verdict.PROVED):
        if verdict in verdicts:
            return verdict
    return None


def _refuted(name: str, label: str, relations: Sequence[Any]) -> Proof:
    """REFUTED by values that meet the relations, if there are some without a division by 0."""
    found = solver.find(relations)
    if found.answer is Answer.SATISFIABLE:
        return Proof(name, Verdict.REFUTED, "z3", f"{label}: {found.values}")
    detail = "the only values found have a denominator that is 0"
    return Proof(name, Verdict.UNDECIDED, "z3", detail)
