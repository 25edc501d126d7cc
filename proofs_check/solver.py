"""z3, asked for real numbers that meet polynomial relations.

z3 is imported at the first question: it takes longer to import than all claims, and most that is
done with a claim asks nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import reduce
from typing import Any, NamedTuple

import sympy

# Every query of the ledger is decided within 2 s on one core; 30 s is a hang, not a hard case.
_TIMEOUT_MILLISECONDS = 30_000


class Answer(Enum):
    """Whether there are values that meet all relations."""

    SATISFIABLE = "there are"
    IMPOSSIBLE = "there are none"
    UNKNOWN = "not decided"


class Reply(NamedTuple):
    """What was answered, and the values where some were found: `a = 1, b = 2`."""

    answer: Answer
    values: str = ""


def ask(relations: Sequence[Any]) -> Reply:
    """Whether real values meet all relations, each polynomial or rational.

    To z3 a quotient by 0 has whatever value suits. That IMPOSSIBLE comes out even so makes a proof
    stronger; but SATISFIABLE could rest on it: see `find`.

    Raises `TypeError` for what is not polynomial, `KeyboardInterrupt` if one came meanwhile.
    """
    import z3

    solver = z3.SolverFor("QF_NRA")
    solver.set("timeout", _TIMEOUT_MILLISECONDS)
    for relation in relations:
        solver.add(to_z3(sympy.sympify(relation)))
    answer = solver.check()
    # z3 takes an interrupt for itself and answers unknown.
    if answer == z3.unknown and "interrupt" in solver.reason_unknown():
        raise KeyboardInterrupt
    if answer == z3.unsat:
        return Reply(Answer.IMPOSSIBLE)
    if answer != z3.sat:
        return Reply(Answer.UNKNOWN)
    model = solver.model()
    values = sorted((str(d), model[d]) for d in model.decls() if d.arity() == 0)
    return Reply(Answer.SATISFIABLE, ", ".join(f"{name} = {value}" for name, value in values))


def find(relations: Sequence[Any]) -> Reply:
    """As `ask`, but no denominator may be 0."""
    powers = {p for r in relations for p in sympy.sympify(r).atoms(sympy.Pow)}
    bases = {p.base for p in powers if p.exp.is_negative}
    return ask((*relations, *(sympy.Ne(base, 0) for base in sorted(bases, key=str))))


def is_met(relations: Sequence[Any]) -> bool:
    """Whether values that meet all relations were found, no denominator being 0."""
    return find(relations).answer is Answer.SATISFIABLE


def to_z3(e: Any) -> Any:
    """A polynomial or rational expression, or a Boolean combination of relations, for z3."""
    import z3

    if isinstance(e, sympy.Symbol):
        return z3.Real(e.name)
    if isinstance(e, sympy.Rational):
        return z3.RealVal(f"{e.p}/{e.q}")
    if e in (sympy.true, sympy.false):
        return z3.BoolVal(bool(e))
    if isinstance(e, sympy.Pow) and e.exp.is_Integer:
        power = reduce(lambda a, b: a * b, [to_z3(e.base)] * abs(int(e.exp)))
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
    return combine(*(to_z3(a) for a in e.args))
