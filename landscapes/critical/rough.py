"""Where a loss, its gradient or its Hessian may fail to be smooth.

A formula is smooth wherever no radicand is 0, no divisor, and no argument of a logarithm. Of these
places,

* those at which the loss is infinite do not belong to its domain, and are left out;
* a radicand b that is nowhere negative does no harm in b^p with p > 1: its gradient vanishes with
  it, |∇b|² ≤ Cb, so that b^p, its gradient and its Hessian are 0 there, and continuous;
* the others are listed as not smooth, or named as what could not be decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from landscapes.critical.algebra import Solution, Unsolvable, real_solutions
from landscapes.critical.exact import HEIGHTS, directions_of, member
from landscapes.critical.located import Located, as_floats, at_point, floats, kind_of
from landscapes.critical.search import System, TooLong
from landscapes.critical.signs import bounds, is_nonnegative, is_positive
from landscapes.critical.spectra import Evaluator, NotFinite, is_zero, spectrum
from landscapes.expressions.functions import Modulus
from landscapes.facts import CriticalKind, Unknown


@dataclass
class Rough:
    """What was found.

    Attributes:
        sets: the places that are not smooth, and critical points at which the derivatives that
            are written down are 0/0 but have a limit.
        unlisted: places that are known but not listed, or not decided, in words.
    """

    sets: list[Located] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)


def rough_places(system: System) -> Rough:
    """Where the loss may not be smooth, as far as algebra tells."""
    found = Rough()
    loss = system.loss
    harmless: list[tuple[Any, list[Any]]] = []
    for base, exponent in _roots(loss):
        if is_positive(base):
            continue
        everywhere = is_nonnegative(base)
        equations = _where_it_vanishes(base) if everywhere else [base]
        if everywhere and exponent > 1:
            harmless.append((base, equations))
        else:
            text = f"{base} is 0"
            _add(found, system, equations, text, f"where {base} = 0 the loss may not be smooth")
    for term in sympy.Add.make_args(loss):
        for equations, text in _undefined(term):
            _add(found, system, equations, text, f"where {text} the loss may not be smooth")
    if harmless:
        _add_limits(found, system, harmless)
    return found


def _roots(loss: Any) -> list[tuple[Any, Any]]:
    """Each radicand with the smallest of its positive exponents that is no whole number."""
    least: dict[Any, Any] = {}
    for power in loss.atoms(sympy.Pow):
        if power.base.free_symbols and not power.exp.is_Integer and power.exp > 0:
            least[power.base] = min(power.exp, least.get(power.base, power.exp))
    moduli = {base for base in least if isinstance(base, Modulus)}  # smooth as they are written
    return sorted(((b, e) for b, e in least.items() if b not in moduli), key=str)


def _where_it_vanishes(base: Any) -> list[Any]:
    """Equations that hold where an expression that is nowhere negative is 0."""
    terms = sympy.Add.make_args(base)
    if all(bounds(t)[0] >= 0 for t in terms):
        return list(terms)
    if base.is_polynomial(*base.free_symbols):
        return [base, *(sympy.diff(base, w) for w in sorted(base.free_symbols, key=str))]
    return [base]


def _undefined(term: Any) -> Iterable[tuple[list[Any], str]]:
    """Where a term of the loss is 0/0, or something that is not defined is made finite."""
    divisors, logs, tangents, rest = [], [], [], []
    for factor in sympy.Mul.make_args(term):
        base, exponent = factor.as_base_exp() if factor.is_Pow else (factor, sympy.S.One)
        if not factor.free_symbols:
            continue
        if factor.is_Pow and exponent < 0 and isinstance(base, sympy.log):
            rest.append(factor)
        elif factor.is_Pow and exponent < 0:
            divisors += [] if _never_zero(base) else [base]
            rest.append(base)
        elif isinstance(base, sympy.log) and exponent.is_Integer and exponent > 0:
            logs.append(base.args[0])
        elif isinstance(base, sympy.tan) and exponent.is_Integer and exponent > 0:
            tangents.append(base)
        else:
            rest.append(factor)
    above = [f for f in sympy.Mul.make_args(term) if f.free_symbols and f in rest]
    if divisors:
        product = sympy.Mul(*divisors)
        numerator = sympy.Mul(*above, *(sympy.log(a) for a in logs), *tangents)
        yield [numerator, product], f"{numerator} and {product} are 0"
    elif logs and (above or tangents or len(logs) > 1):
        yield from (([a], f"{a} is 0") for a in logs if not is_positive(a))
    if tangents and (above or logs or divisors):
        yield [sympy.cos(tangents[0].args[0])], f"{tangents[0]} is not defined"
    for part in [*rest, *logs, *(t.args[0] for t in tangents)]:
        yield from _inside(part)


def _inside(part: Any) -> Iterable[tuple[list[Any], str]]:
    """Where a divisor, a logarithm or a tangent within a function is not defined."""
    for power in part.atoms(sympy.Pow):
        if power.exp < 0 and power.base.free_symbols and not _never_zero(power.base):
            yield [power.base], f"{power.base} is 0"
    for log in part.atoms(sympy.log):
        if log.free_symbols and not is_positive(log.args[0]):
            yield [log.args[0]], f"{log.args[0]} is 0"
    for tangent in part.atoms(sympy.tan):
        yield [sympy.cos(tangent.args[0])], f"{tangent} is not defined"


def _never_zero(base: Any) -> bool:
    return is_positive(base) or is_positive(-base)


def _add(found: Rough, system: System, equations: list[Any], text: str, otherwise: str) -> None:
    """Lists where the equations hold, unless the loss is infinite there."""
    short = otherwise if len(otherwise) < 120 else otherwise[:119] + "…"
    try:
        solved = _solutions(system, equations)
    except Unsolvable:
        found.unlisted.append(short)
        return
    if solved.curves:
        found.unlisted.append(short)
    for values in solved.solutions:
        free = [w for w in system.point if w not in values]
        if any(sympy.Poly(v, *free).total_degree() > 1 for v in values.values() if free):
            found.unlisted.append(short)
            continue
        one = _set_of(system, values, free, text)
        if one is None or any(other.contains(one) for other in found.sets):
            continue
        found.sets = [other for other in found.sets if not one.contains(other)] + [one]


def _solutions(system: System, equations: list[Any]) -> Any:
    """Where they all hold; of 0/0, from the divisor's zeros, if the numerator is no polynomial."""
    try:
        return real_solutions(equations, system.point)
    except Unsolvable:
        if len(equations) != 2:
            raise
    solved = real_solutions(equations[1:], system.point)
    if solved.curves or any(len(s) < system.dim for s in solved.solutions):
        raise Unsolvable("the zeros of a divisor are no points")
    return solved


def _set_of(
    system: System, values: Solution, free: list[sympy.Symbol], text: str
) -> Located | None:
    """The place, if some of it has to be listed: not if the loss is infinite on all of it."""
    exact = [values.get(w, w) for w in system.point]
    members = [member(exact, free, i, HEIGHTS) for i in range(len(HEIGHTS) if free else 1)]
    if all(_is_infinite(system, m) for m in members):
        return None
    base = floats([sympy.sympify(e).subs(dict.fromkeys(free, 0)) for e in exact])
    directions = directions_of(exact, free) if free else np.zeros((system.dim, 0))
    shown = np.stack([floats(m) for m in members])
    reason = f"no Hessian is known where {text}"
    return Located(
        values, base, directions, shown, Unknown(reason), CriticalKind.NOT_SMOOTH, len(free)
    )


def _is_infinite(system: System, exact: list[Any]) -> bool:
    """Whether a term of the loss is infinite at the point."""
    value = Evaluator(dict(zip(system.point, exact, strict=True)))
    for term in sympy.Add.make_args(system.loss):
        try:
            value(term)
        except NotFinite as why:
            if why.infinite:
                return True
        except Unsolvable:
            continue
    return False


def _add_limits(found: Rough, system: System, harmless: list[tuple[Any, list[Any]]]) -> None:
    """Critical points at which harmless radicands vanish: there their powers count as 0."""
    zeros = {
        power: sympy.S.Zero
        for power in system.loss.atoms(sympy.Pow)
        if power.base in {base for base, _ in harmless} and not power.exp.is_Integer
    }
    for base, equations in harmless:
        without = system.loss.xreplace({p: z for p, z in zeros.items() if p.base == base})
        slopes = [sympy.diff(without, w) for w in system.point]
        otherwise = f"where {base} = 0 a critical point may be missing"
        try:
            solved = real_solutions([*equations, *slopes], system.point)
            for values in solved.solutions:
                _add_limit(found, system, zeros, values)
        except (Unsolvable, TooLong):
            found.unlisted.append(otherwise)
            continue
        if solved.curves:
            found.unlisted.append(otherwise)


def _add_limit(found: Rough, system: System, zeros: dict, values: Solution) -> None:
    free = [w for w in system.point if w not in values]
    if any(sympy.Poly(v, *free).total_degree() > 1 for v in values.values() if free):
        raise Unsolvable("the critical points lie on a curve")
    exact = [values.get(w, w) for w in system.point]
    members = [member(exact, free, i, HEIGHTS) for i in range(len(HEIGHTS) if free else 1)]
    vanishing = {p: z for p, z in zeros.items() if _vanishes(p.base, system, exact)}
    remaining: Any = system.loss.xreplace(vanishing)
    without = System(remaining, system.point)
    spectra = [spectrum(without, m) for m in members]
    known = [s for s in spectra if s is not None]
    if len(known) < len(spectra):
        return  # the loss is not smooth there for another reason, by which it is listed
    if not free:
        one = at_point(values, exact, known[0])
    else:
        at_zero = floats([sympy.sympify(e).subs(dict.fromkeys(free, 0)) for e in exact])
        shown = np.stack([floats(m) for m in members])
        one = Located(
            values, at_zero, directions_of(exact, free), shown, as_floats(known),
            kind_of(known, len(free)), min(s.zeros for s in known),
            all(s.decided for s in known),
        )  # fmt: skip
    if not any(other.contains(one) for other in found.sets):
        found.sets.append(one)


def _vanishes(base: Any, system: System, exact: list[Any]) -> bool:
    at = dict(zip(system.point, exact, strict=True))
    return is_zero(base.subs(at, simultaneous=True))
