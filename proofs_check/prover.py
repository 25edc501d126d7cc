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
from functools import reduce
from typing import Any, Protocol

import sympy
import z3

# Every query of the ledger is decided within 2 s on one core; 30 s is a hang, not a hard case.
_TIMEOUT_MILLISECONDS = 30_000


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
            return f"the sides differ by {sympy.Float(value.as_real_imag()[0], 6)} at {at}"
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
        answer = _ask(against)[0]
        if answer == z3.sat:
            return _refuted(self.name, "counterexample", against)
        if answer != z3.unsat:
            return Proof(self.name, Verdict.UNDECIDED, "z3", "z3 answered unknown")
        if _find(self.given)[0] != z3.sat:
            detail = "the hypotheses were not found satisfiable"
            return Proof(self.name, Verdict.UNDECIDED, "z3", detail)
        changed_given, changed_then = self.mutation
        if _find((*changed_given, sympy.Not(changed_then)))[0] != z3.sat:
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
        answer = _ask(self.given)[0]
        if answer == z3.sat:
            return _refuted(self.name, "all hold at", self.given)
        if answer != z3.unsat:
            return Proof(self.name, Verdict.UNDECIDED, "z3", "z3 answered unknown")
        for index in self.needed:
            rest = self.given[:index] + self.given[index + 1 :]
            if _find(rest)[0] != z3.sat:
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


# -- from SymPy to z3 --------------------------------------------------------------------------


def _refuted(name: str, label: str, relations: Sequence[Any]) -> Proof:
    """REFUTED by values that meet the relations, if there are some without a division by 0."""
    answer, model = _find(relations)
    if answer == z3.sat:
        return Proof(name, Verdict.REFUTED, "z3", f"{label}: {model}")
    detail = "the only values found have a denominator that is 0"
    return Proof(name, Verdict.UNDECIDED, "z3", detail)


def _find(relations: Sequence[Any]) -> tuple[Any, str]:
    """As `_ask`, but no denominator may be 0.

    To z3 a quotient by 0 has whatever value suits. That `unsat` comes out even so makes a proof
    stronger; but `sat` could rest on it, so values are looked for here.
    """
    powers = {p for r in relations for p in sympy.sympify(r).atoms(sympy.Pow)}
    bases = {p.base for p in powers if p.exp.is_negative}
    return _ask((*relations, *(sympy.Ne(base, 0) for base in sorted(bases, key=str))))


def _ask(relations: Sequence[Any]) -> tuple[Any, str]:
    solver = z3.SolverFor("QF_NRA")
    solver.set("timeout", _TIMEOUT_MILLISECONDS)
    for relation in relations:
        solver.add(_to_z3(sympy.sympify(relation)))
    answer = solver.check()
    # z3 takes an interrupt for itself and answers unknown.
    if answer == z3.unknown and "interrupt" in solver.reason_unknown():
        raise KeyboardInterrupt
    if answer != z3.sat:
        return answer, ""
    model = solver.model()
    values = sorted((str(d), model[d]) for d in model.decls() if d.arity() == 0)
    return answer, ", ".join(f"{name} = {value}" for name, value in values)


def _to_z3(e: Any) -> Any:
    """A polynomial or rational expression, or a Boolean combination of relations, for z3.

    A quotient by 0 may have any value in z3, so a proof never rests on dividing by zero.
    """
    if isinstance(e, sympy.Symbol):
        return z3.Real(e.name)
    if isinstance(e, sympy.Rational):
        return z3.RealVal(f"{e.p}/{e.q}")
    if e in (sympy.true, sympy.false):
        return z3.BoolVal(bool(e))
    if isinstance(e, sympy.Pow) and e.exp.is_Integer:
        power = reduce(lambda a, b: a * b, [_to_z3(e.base)] * abs(int(e.exp)))
        return power if e.exp > 0 else 1 / power
    combine = {
        sympy.Add: lambda *a: sum(a[1:], a[0]),
        sympy.Mul: lambda *a: reduce(lambda b, c: b * c, a),
        sympy.And: z3.And,
        sympy.Or: z3.Or,
        sympy.Not: z3.Not,
        sympy.Eq: lambda a, b: a == b,
        sympy.Ne: lambda a, b: a != b,
        sympy.StrictLessThan: lambda a, b: a < b,
        sympy.LessThan: lambda a, b: a <= b,
        sympy.StrictGreaterThan: lambda a, b: a > b,
        sympy.GreaterThan: lambda a, b: a >= b,
    }.get(type(e))
    if combine is None:
        raise TypeError(f"z3 is given polynomial relations only; got {type(e).__name__}: {e}")
    return combine(*(_to_z3(a) for a in e.args))
