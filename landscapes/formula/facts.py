"""What can be proved about a loss that is given as an expression."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np
import sympy

from landscapes.critical.algebra import Unsolvable
from landscapes.critical.intervals import Enclosure, Interval
from landscapes.critical.located import Located, critical_set, name_of
from landscapes.critical.points import RADII, CriticalSearch, locate
from landscapes.critical.search import System, outside_is_free
from landscapes.critical.spectra import Evaluator, NotFinite, spectrum
from landscapes.expressions.expression import evaluate
from landscapes.expressions.functions import LogCosh
from landscapes.facts import (
    Box,
    Constant,
    CriticalKind,
    DoesNotExist,
    Facts,
    Stated,
    Symmetry,
    Unknown,
)

_MOST_TERMS = 3000
# Between a bound of the loss and its value at a critical point, relative to the loss elsewhere.
_CLOSE = 1e-12
# Between two roundings of one value: cancellation may lose most of its digits.
_CLOSE_TO_ROUNDING = 1e-3
# Putting images into more operations may take minutes.
_MOST_OPERATIONS = 100
_ODD_FUNCTIONS = (sympy.sin, sympy.tan, sympy.sinh, sympy.tanh, sympy.atan)
_CUTS = 4000  # boxes for the proof that a leading form is positive

Point = tuple[sympy.Symbol, ...]


def facts_of(
    expression: sympy.Expr, point: Point, box: Box | None = None
) -> tuple[Facts, CriticalSearch]:
    """The facts about the loss, and how its critical points were found.

    `box` is searched where algebra does not reach; None chooses one.
    """
    located, report = locate(expression, point, box)
    polynomial = as_polynomial(expression, point)
    values = [_loss(expression, point, one) for one in located]
    reached = [value for value in values if np.isfinite(value)]
    least = _minimum(expression, point, polynomial, min(reached, default=None), report)
    sets, names = [], set()
    for one, value in zip(located, values, strict=True):
        lowest = isinstance(least, float) and value <= least + _CLOSE * abs(least)
        if lowest and one.kind is CriticalKind.DEGENERATE and one.rises:
            one = replace(one, kind=CriticalKind.MINIMUM)
        name = name_of(one, lowest, point)
        while name in names:
            name += "′"
        names.add(name)
        sets.append(critical_set(one, name))
    smoothness, strong, polyak = _constants(polynomial, point, bool(sets))
    smooth = [v for one, v in zip(located, values, strict=True)
              if one.kind is not CriticalKind.NOT_SMOOTH]  # fmt: skip
    if isinstance(least, float) and any(v - least > _CLOSE * abs(v) for v in smooth):
        polyak = DoesNotExist("at a critical point the gradient is 0 above the infimum")
    facts = Facts(
        critical_sets=tuple(sets),
        minimum_loss=least,
        smoothness=smoothness,
        strong_convexity=strong,
        polyak_lojasiewicz=polyak,
        symmetries=tuple(_symmetries(expression, point, polynomial)),
        complete=report.complete,
        reason=report.reason,
        curves=report.curves,
    )
    return facts, report


def as_polynomial(expression: Any, point: Point) -> sympy.Poly | None:
    """The expression as a polynomial, unless it is none or has too many terms."""
    if not expression.is_polynomial(*point):
        return None
    degree = _degree(expression)
    if comb(len(point) + degree, degree) > _MOST_TERMS:
        return None
    return sympy.Poly(expression, *point)


def _degree(e: Any) -> int:
    if e.is_Symbol:
        return 1
    if e.is_Add:
        return max(map(_degree, e.args))
    if e.is_Mul:
        return sum(map(_degree, e.args))
    return _degree(e.base) * int(e.exp) if e.is_Pow and e.exp.is_Integer else 0


def _loss(expression: Any, point: Point, one: Located) -> float:
    """The loss on a critical set; NaN where it is not defined."""
    if any(value.is_Float for value in one.values.values()):
        return float(evaluate([expression], dict(zip(point, one.base, strict=True)), np)[0])
    free: dict[Any, Any] = {w: 0 for w in point if w not in one.values}
    at = {w: sympy.sympify(one.values.get(w, 0)).subs(free) for w in point}
    try:
        found = Evaluator(at)(expression)
    except (NotFinite, Unsolvable):
        return float("nan")
    return 0.0 if found.sign in (0, None) else float(found.middle)


# -- the infimum -----------------------------------------------------------------------------


def _minimum(
    expression: sympy.Expr,
    point: Point,
    polynomial: sympy.Poly | None,
    least: float | None,
    report: CriticalSearch,
) -> float | Unknown:
    if polynomial is not None and _falls_along_a_ray(polynomial):
        return -np.inf
    if report.method == "none":
        return Unknown(report.reason)
    if least is not None and report.complete:
        if polynomial is not None and _is_coercive(polynomial):
            return least
        system = System(expression, point)
        if any(outside_is_free(system, radius, inward=True) for radius in RADII):
            return least
    bound = _enclosed_everywhere(expression, point)
    if np.isfinite(bound):
        lowest, size = _lowest_met(System(expression, point))
        room = _CLOSE * max(size, abs(bound))
        if least is not None and least - bound <= room:
            return least
        if lowest - bound <= room:
            return bound  # attained, or all but, on a family that is not listed
    return Unknown("no bound from below was proved that the loss attains")


def _enclosed_everywhere(expression: Any, point: Point) -> float:
    whole = Enclosure({w: Interval(np.array([-np.inf]), np.array([np.inf])) for w in point})
    bound = float(np.ravel(whole.over_boxes(expression).low)[0])
    return bound if np.isfinite(bound) else -np.inf


def _lowest_met(system: System) -> tuple[float, float]:
    """The lowest loss at which Newton's method ends from a few points, and its size at those."""
    starts = system.starts(np.random.default_rng(0).uniform(-2, 2, (20, system.dim)))
    losses = [system.loss_at(w) for w in system.newton(starts)]
    sizes = [abs(v) for v in map(system.loss_at, starts) if np.isfinite(v)]
    return min((v for v in losses if np.isfinite(v)), default=np.inf), float(
        np.median(sizes or [0.0])
    )


def _falls_along_a_ray(polynomial: sympy.Poly) -> bool:
    """Whether the loss tends to −∞ along a coordinate axis or a diagonal."""
    terms = polynomial.terms()
    if not all(c.is_Rational for _, c in terms):
        return False
    for direction in product((-1, 0, 1), repeat=len(polynomial.gens)):
        along: dict[int, Any] = {}
        for powers, coefficient in terms:
            factor = np.prod([d**n for d, n in zip(direction, powers, strict=True)])
            along[sum(powers)] = along.get(sum(powers), 0) + coefficient * int(factor)
        highest = max((n for n, c in along.items() if n and c != 0), default=0)
        if highest and along[highest] < 0:
            return True
    return False


def _is_coercive(polynomial: sympy.Poly) -> bool:
    """Whether the loss is proved to tend to +∞ in all directions.

    Let dᵢ be the degree of the pure powers of wᵢ. With weight 1/dᵢ for wᵢ, terms of weight below 1
    are lost far out against those of weight 1, if these are positive away from the origin; terms of
    weight above 1 must not be negative. By homogeneity it is enough to look where max |wᵢ| = 1.
    """
    dim = len(polynomial.gens)
    pure = [
        max((p[i] for p, _ in polynomial.terms() if sum(p) == p[i]), default=0) for i in range(dim)
    ]
    if not all(pure) or not all(c.is_Rational for c in polynomial.coeffs()):
        return False
    leading = []
    for powers, coefficient in polynomial.terms():
        weight = sum(sympy.Rational(n, d) for n, d in zip(powers, pure, strict=True))
        if weight == 1:
            leading.append((powers, coefficient))
        elif weight > 1 and (coefficient < 0 or any(n % 2 for n in powers)):
            return False
    form: Any = sympy.Poly(dict(leading), *polynomial.gens).as_expr()
    return _positive_on_faces(form, polynomial.gens)


def _positive_on_faces(form: Any, point: Any) -> bool:
    dim = len(point)
    low, high = -np.ones((2 * dim, dim)), np.ones((2 * dim, dim))
    for i in range(dim):
        low[i, i], high[dim + i, i] = 1.0, -1.0
    looked = 0
    while len(low):
        looked += len(low)
        if looked > _CUTS:
            return False
        enclosure = Enclosure({w: Interval(low[:, i], high[:, i]) for i, w in enumerate(point)})
        left = ~(enclosure.over_boxes(form).low > 0)
        low, high = low[left], high[left]
        rows, axis = np.arange(len(low)), (high - low).argmax(axis=1) if len(low) else 0
        cut = (low[rows, axis] + high[rows, axis]) / 2
        if dim == 1:
            return not len(low)
        first, second = high.copy(), low.copy()
        first[rows, axis], second[rows, axis] = cut, cut
        low, high = np.concatenate([low, second]), np.concatenate([first, high])
    return True


# -- constants and symmetries ----------------------------------------------------------------


def _constants(
    polynomial: sympy.Poly | None, point: Point, critical: bool
) -> tuple[Stated, Stated, Stated]:
    if polynomial is None or polynomial.total_degree() > 2:
        unknown = Unknown("no constant is derived for a formula that is not quadratic")
        if polynomial is None:
            return unknown, unknown, unknown
        degree = polynomial.total_degree()
        return DoesNotExist(f"the curvature of degree {degree - 2} is unbounded"), unknown, unknown
    found = spectrum(
        System(polynomial.as_expr(), point), [sympy.S.Zero] * len(point), critical=True
    )
    assert found is not None
    exact = [float(v) for v in reversed(found.values)]
    polyak: Stated = DoesNotExist("the loss is unbounded below")
    if exact[0] >= 0 and critical and exact[-1] > 0:
        polyak = Constant(next(v for v in exact if v > 0))
    return Constant(max(map(abs, exact))), Constant(exact[0]), polyak


def _symmetries(expression: Any, point: Point, polynomial: sympy.Poly | None) -> list[Symmetry]:
    plain = expression.replace(LogCosh, lambda s: sympy.log(sympy.cosh(s)))

    # What an image changes at a point is no symmetry: found at once, where a proof may take long.
    probe = {w: 0.31 + 0.17 * k for k, w in enumerate(point)}

    def value(image: dict[sympy.Symbol, Any]) -> float:
        at = {w: float(image.get(w, w).subs(probe)) for w in point}
        with np.errstate(all="ignore"):
            found = evaluate([expression], at, np)[0]
        return np.nan if isinstance(found, complex) else float(found)

    def same(image: dict[sympy.Symbol, Any]) -> bool:
        here, there = value({}), value(image)
        if np.isfinite(here) and not abs(here - there) <= _CLOSE_TO_ROUNDING * abs(here):
            return False
        if polynomial is not None:
            inside: Any = polynomial.as_expr()
            moved = sympy.Poly(inside.subs(image, simultaneous=True), *point)
            return moved == polynomial
        if _parity(plain, {w for w in image if image[w] == -w}) == 1 and all(
            v == -w for w, v in image.items()
        ):
            return True
        return short and plain.subs(image, simultaneous=True) == plain

    short = plain.count_ops() <= _MOST_OPERATIONS
    dim, found = len(point), []
    names = [str(w) for w in point]
    for i, w in enumerate(point):
        if dim > 1 and same({w: -w}):
            signs = np.where(np.arange(dim) == i, -1.0, 1.0)
            image = ", ".join(f"-{n}" if j == i else n for j, n in enumerate(names))
            found.append(Symmetry(f"({', '.join(names)}) -> ({image})", _scaled(signs)))
    if len(found) < dim and same({w: -w for w in point}):
        found.append(Symmetry("w -> -w", lambda w: -w))
    for i, j in combinations(range(dim), 2):
        if same({point[i]: point[j], point[j]: point[i]}):
            order = list(range(dim))
            order[i], order[j] = j, i
            image = ", ".join(names[k] for k in order)
            found.append(Symmetry(f"({', '.join(names)}) -> ({image})", _permuted(order)))
    return found


def _parity(e: Any, odd: set[sympy.Symbol]) -> int | None:
    """1 if changing the sign of the odd symbols leaves e as it is, −1 if it changes that of e.

    None if neither is seen from how e is written.
    """
    if e.is_Symbol or not e.args:
        return -1 if e in odd else 1
    parities: list[int] = []
    for part in e.args:
        if (parity := _parity(part, odd)) is None:
            return None
        parities.append(parity)
    if all(p == 1 for p in parities):
        return 1
    if e.is_Add:
        return parities[0] if len(set(parities)) == 1 else None
    if e.is_Mul:
        return math.prod(parities)
    if e.is_Pow and e.exp.is_Integer:
        return -1 if e.exp % 2 else 1
    if isinstance(e, (sympy.cos, sympy.cosh, sympy.Abs, LogCosh)):
        return 1
    return -1 if isinstance(e, _ODD_FUNCTIONS) else None


def _scaled(signs: Any) -> Any:
    return lambda w: w * signs


def _permuted(order: list[int]) -> Any:
    index = np.array(order)
    return lambda w: w[..., index]
