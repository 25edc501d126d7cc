"""The critical points of a loss that is given as an expression: found, proved and classified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy

from landscapes.checks import Real
from landscapes.critical.algebra import Curve, Solution, Unsolvable
from landscapes.critical.exact import equation_of, located, shown_curve, solved_gradient
from landscapes.critical.located import Located, at_point
from landscapes.critical.rough import rough_places
from landscapes.critical.search import Searched, System, TooLong, outside_is_free, search
from landscapes.critical.spectra import Evaluator, NotFinite, Spectrum, spectrum
from landscapes.facts import EVERYWHERE, Box, CriticalCurve, CriticalKind

# The boxes that are searched where algebra does not reach: the first outside which there is proved
# to be nothing, or else the largest that is decided with little effort and holds a few points only.
RADII = (4.0, 8.0, 16.0)
_LITTLE, _FEW = 1 / 8, 24
_WELL_CONDITIONED = 1e-5  # smallest by largest curvature, of which rounding leaves ten digits
_REFINED = 3  # steps of Newton's method, each of which doubles the digits, from 16 on


@dataclass(frozen=True)
class CriticalSearch:
    """How critical points were found, and what is proved about the list of them.

    Attributes:
        method: "exact" for algebra, "interval" for a search whose every point is certified to
            exist and to be the only one nearby, "none" for a formula that is too long for either.
        box: where no other critical point is; None if there may be others anywhere.
        reason: why the list may be incomplete; empty if it is not.
        curves: families of critical points that are no points, lines or planes.
    """

    method: str
    box: Box | None
    reason: str = ""
    curves: tuple[CriticalCurve, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the list is proved to hold all critical points, and all that are not smooth."""
        return self.box == EVERYWHERE


def locate(
    expression: sympy.Expr, point: tuple[sympy.Symbol, ...], box: Box | None = None
) -> tuple[list[Located], CriticalSearch]:
    """The critical points of the expression, from the largest families to single points.

    `box` is searched where algebra does not reach; None chooses one.
    """
    try:
        system = System(expression, point)
    except TooLong as why:
        return [], CriticalSearch("none", None, str(why))
    rough = rough_places(system)
    try:
        found, report = _exact(system)
    except Unsolvable as beyond:
        found, report = _searched(system, str(beyond), box)
    for one in rough.sets:
        # Of a place that is not smooth, what the derivatives say there is beside the point.
        if one.kind is CriticalKind.NOT_SMOOTH:
            found = [*(other for other in found if not one.contains(other)), one]
        elif not any(other.contains(one) for other in found):
            found.append(one)
    if rough.unlisted:
        reasons = [*dict.fromkeys(rough.unlisted)][:3]
        reason = "; ".join([*reasons, *([report.reason] if report.reason else [])])
        report = CriticalSearch(report.method, None, reason, report.curves)
    order = {kind: i for i, kind in enumerate(CriticalKind)}
    found.sort(key=lambda one: (-one.directions.shape[1], order[one.kind], [-x for x in one.base]))
    return found, report


def _exact(system: System) -> tuple[list[Located], CriticalSearch]:
    found, curves = located(system, solved_gradient(system))
    if not curves:
        return found, CriticalSearch("exact", EVERYWHERE)
    shown = "; ".join(map(equation_of, curves[:3]))
    reason = f"the critical points on {shown} are not listed: they are no point, line or plane"
    return found, CriticalSearch("exact", None, reason, _shown(system, curves[:3]))


def _shown(system: System, curves: list[Curve]) -> tuple[CriticalCurve, ...]:
    found = [shown_curve(system, curve) for curve in curves]
    return tuple(one for one in found if one is not None)


# -- by search -------------------------------------------------------------------------------


def _searched(system: System, why: str, wanted: Box | None) -> tuple[list[Located], CriticalSearch]:
    box, searched, proved = _in_a_box(system) if wanted is None else _in_this_box(system, wanted)
    found = [_certified(system, one.centre) for one in searched.points]
    found += _degenerate(system, searched, found, box)
    if len(searched.undecided):
        near = ", ".join(f"{x:.3g}" for x in searched.undecided[0].mean(axis=0))
        where = "the search" if wanted is None else f"the search of {box}"
        reason = f"{why}; {where} could not decide about some places, one near ({near})"
        return found, CriticalSearch("interval", None, reason)
    if proved:
        return found, CriticalSearch("interval", EVERYWHERE)
    reason = f"{why}; searched in {box}; nothing is known outside {box}"
    return found, CriticalSearch("interval", box, reason)


def _in_this_box(system: System, box: Box) -> tuple[Box, Searched, bool]:
    """The box, what was found in it, and whether there is proved to be nothing outside."""
    low, high = box.corners(system.dim)
    inner = float(min((-low).min(), high.min()))  # the largest |w_i| ≤ radius in the box
    return box, search(system, box), inner > 0 and outside_is_free(system, inner)


def _in_a_box(system: System) -> tuple[Box, Searched, bool]:
    for radius in RADII:
        if outside_is_free(system, radius):
            return Box(radius), search(system, Box(radius)), True
    box = Box(RADII[0])
    searched = search(system, box)
    for radius in RADII[1:]:
        if len(searched.undecided) or searched.effort > _LITTLE or len(searched.points) > _FEW:
            break
        wider = search(system, Box(radius))
        if len(wider.undecided) or len(wider.points) > _FEW:
            break
        box, searched = Box(radius), wider
    return box, searched, False


def _certified(system: System, centre: Real) -> Located:
    """The critical point that is proved to be alone near this one.

    The Hessian is proved to be regular around it: no eigenvalue is 0. What rounding may have done
    to a small one is undone with more digits.
    """
    values: Solution = {w: sympy.Float(x) for w, x in zip(system.point, centre, strict=True)}
    curvatures = np.linalg.eigvalsh(system.hessian_at(centre))[::-1]
    if np.abs(curvatures).min() > _WELL_CONDITIONED * np.abs(curvatures).max():
        found = Spectrum(tuple(mpmath.mpf(v) for v in curvatures), True)
        return at_point(values, list(values.values()), found)
    at = [mpmath.mpf(x) for x in centre]
    exact = [sympy.Float(x, 17) for x in centre]
    for _ in range(_REFINED):
        value = Evaluator(dict(zip(system.point, exact, strict=True)))
        try:
            slopes = mpmath.matrix([value(g).middle for g in system.gradient])
            hessian = mpmath.matrix([[value(h).middle for h in row] for row in system.hessian])
            with mpmath.workdps(80):
                step = mpmath.lu_solve(hessian, slopes)
                at = [x - s for x, s in zip(at, step, strict=True)]
                exact = [sympy.Float(x, 80) for x in at]
        except (NotFinite, Unsolvable, ZeroDivisionError):
            break
    found = spectrum(system, exact, critical=True)
    assert found is not None
    return at_point(values, exact, found)


def _degenerate(
    system: System, searched: Searched, found: list[Located], box: Box
) -> list[Located]:
    """Points at which the search got stuck and the gradient vanishes exactly.

    They are simple fractions that Newton's method comes near to, and are put into the gradient.
    """
    new: list[Located] = []
    starts = system.starts(searched.undecided).mean(axis=1)
    most = 2 * max(RADII[-1], *np.abs(box.corners(system.dim)).ravel())
    for w in system.newton(starts, 100) if len(starts) else ():
        if not np.isfinite(w).all() or np.abs(w).max() > most:
            continue
        exact = [sympy.nsimplify(round(float(x), 3), rational=True) for x in w]
        at: Any = dict(zip(system.point, exact, strict=True))
        if any(g.subs(at) != 0 for g in system.gradient):
            continue
        spectrum_there = spectrum(system, exact)
        if spectrum_there is None:
            continue
        one = at_point(at, exact, spectrum_there)
        # Where some are degenerate in a row, they are members of a family, not points.
        if not any(other.contains(one) for other in (*found, *new)):
            new.append(one)
    return new if len(new) <= 3 else []
