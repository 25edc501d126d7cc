"""From the step near a critical point and the curvatures there to what attracts, at which η."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from dynamics import Algorithm
from landscapes import CriticalKind, Unknown
from proofs_check.local_theory.critical_spectra import CriticalSpectrum
from proofs_check.local_theory.eta_ranges import EtaRange, contracting, eigenvalues
from proofs_check.local_theory.four_cycles import four_cycles
from proofs_check.local_theory.local_maps import (
    LEADING_ORDER,
    NO_ATTRACTING_CYCLE,
    LocalMap,
    Nature,
    Underivable,
    at_zero,
    local_map,
    remembers,
    run_modes,
)
from proofs_check.local_theory.point_stability import Attractor, Cycle, FourCycle, PointStability
from proofs_check.local_theory.radial import contracts_to_the_edge
from proofs_check.local_theory.two_cycles import CycleFormula, branches, cycle_formulas, other
from proofs_check.symbols import curvature, eta, rho


def attraction(critical: CriticalSpectrum, algorithm: Algorithm, quadratic: bool) -> PointStability:
    """What the critical point is to the algorithm; `quadratic` says whether the loss is."""
    if critical.kind is CriticalKind.NOT_SMOOTH:
        why = "the loss is not smooth there, and what a step does beside it is not derived"
        return PointStability(critical, Attractor.UNKNOWN, unknown=Unknown(why))
    try:
        found = local_map(algorithm)
        if found.by_coordinates and not critical.is_diagonal:
            raise Underivable(
                f"{algorithm} looks at the coordinates one by one, and the Hessian is not diagonal "
                "here: its eigenvalues do not say what a step does"
            )
        if critical.coordinates and critical.kind is not CriticalKind.MINIMUM:
            raise Underivable("the sign of the curvature may vary along the set")
        return _of_nature(critical, algorithm, found, _remarks(critical, found, quadratic))
    except Underivable as why:
        return PointStability(critical, Attractor.UNKNOWN, unknown=Unknown(str(why)))


def _remarks(critical: CriticalSpectrum, found: LocalMap, quadratic: bool) -> list[str]:
    remarks = []
    if critical.set_dimension:
        remarks.append(
            "along the set deviations are multiplied by 1; this is about those across it"
        )
    if found.many_steps:
        remarks.append("in the limit of many steps, t → ∞")
    if not quadratic and found.nature is Nature.JUMP:
        remarks.append(
            "exact where the loss is quadratic as far as the cycle and its ascent points reach, "
            "otherwise to leading order in that reach"
        )
    elif not quadratic and not found.stays_close:
        remarks.append(LEADING_ORDER)
    return remarks


def _of_nature(
    critical: CriticalSpectrum, algorithm: Algorithm, found: LocalMap, remarks: list[str]
) -> PointStability:
    if found.nature is Nature.JUMP:
        if not critical.across or 0 in critical.across:
            raise Underivable("the Hessian is singular across it; a first-order analysis is silent")
        if found.separable:
            return _each_on_its_own(critical, algorithm, remarks)
        if any(_is_positive(v) for v in critical.across):
            return _cycles(critical, algorithm, remarks)
        return _band(critical, algorithm, remarks)
    return _fixed_point(critical, algorithm, found, remarks)


def _is_positive(value: Any) -> bool:
    """Of a curvature; those that vary along a set of minima are."""
    return bool(value.free_symbols) or value > 0


def _jacobian(found: LocalMap, value: Any) -> Any:
    matrix = found.jacobians[1 if _is_positive(value) else -1]
    return matrix if value.free_symbols else matrix.subs(curvature, value)


def _fixed_point(
    critical: CriticalSpectrum, algorithm: Algorithm, found: LocalMap, remarks: list[str]
) -> PointStability:
    matrices = [_jacobian(found, v) for v in critical.across]
    varying = critical.eigenvalues[0] if critical.coordinates else None
    factors = tuple(
        tuple(e if varying is None else e.subs(curvature, varying) for e in eigenvalues(m))
        for m in matrices
    )
    regular = [m for m, v in zip(matrices, critical.across, strict=True) if v != 0]
    held = EtaRange.of((c for m in regular for c in contracting(m)), varying)
    if regular and held.ends == (0, 0):
        return PointStability(critical, Attractor.NOTHING, (held,), factors, remarks=tuple(remarks))
    if not regular or len(regular) < len(matrices):
        reason = "the Hessian is singular across it, where a first-order analysis is silent"
        return PointStability(critical, Attractor.UNKNOWN, (), factors, unknown=Unknown(reason))
    if found.nature is Nature.RADIAL:
        several = len(critical.across) > 1
        remarks.append("the multipliers are those along each eigenvector")
        if several and not contracts_to_the_edge(algorithm, critical.across):
            remarks.append(
                "beyond the threshold it repels along an eigenvector; that it attracts below is "
                "derived along eigenvectors only"
            )
    return PointStability(critical, Attractor.POINT, (held,), factors, remarks=tuple(remarks))


# -- where steps jump over the point -----------------------------------------------------------


def _cycles(critical: CriticalSpectrum, algorithm: Algorithm, remarks: list[str]) -> PointStability:
    found, along, beyond = [], [], False
    for value in dict.fromkeys(v for v in critical.across if _is_positive(v)):
        rest = list(critical.across)
        rest.remove(value)
        for formula in cycle_formulas(algorithm):
            if rest and formula.across is None:
                beyond = True
                continue
            found.append(_cycle(critical, formula, value, rest))
            along.append(value)
    attracting = [c for c in found if c.attracts.ends != (0, 0)]
    if beyond or not attracting:
        raise Underivable(
            "the 2-cycles along a mode are not differentiable across it; others are not derived"
            if beyond
            else NO_ATTRACTING_CYCLE
        )
    if any(not _is_positive(v) for v in critical.across):
        remarks.append("what else may hold runs near it, at other η, is not derived")
    if any(c.attracts.neutral for c in attracting):
        remarks.append("the cycle is one of a continuum, among which runs choose")
    others = [c for c in found if c not in attracting]
    return PointStability(
        critical,
        Attractor.CYCLE,
        tuple(c.attracts for c in attracting),
        attracting[0].multipliers,
        (*attracting, *others),
        _beside(
            critical,
            algorithm,
            [v for v, c in zip(along, found, strict=True) if c in attracting],
            remarks,
        ),
        remarks=tuple(remarks),
    )


def _beside(
    critical: CriticalSpectrum, algorithm: Algorithm, curvatures: Sequence[Any], remarks: list[str]
) -> tuple[FourCycle, ...]:
    """The 4-cycles beside the 2-cycles along these modes, if the algorithm remembers; a remark."""
    if not remembers(algorithm):
        return ()
    found = []
    for value in dict.fromkeys(curvatures):
        varying = value if critical.coordinates else None
        at: dict[Any, Any] = {} if varying is not None else {curvature: value}
        for formula in four_cycles(algorithm):
            exists, stays = (
                EtaRange.of((c.subs(at) for c in conditions), varying)
                for conditions in (formula.exists, formula.stays)
            )
            far, near = (x.subs(curvature, value) for x in (formula.far, formula.near))
            found.append(FourCycle(value, far, near, exists, stays))
    remarks.append(
        "attracting is local here: with a memory, runs that begin near the point, or near the "
        "2-cycle, may end on a longer cycle"
        + (
            "; of those the 4-cycles are derived, and whether they attract along their mode"
            if found
            else "; none of those is derived"
        )
    )
    return tuple(found)


def _cycle(critical: CriticalSpectrum, formula: CycleFormula, value: Any, rest: list[Any]) -> Cycle:
    """The 2-cycle along the mode of this curvature, with the others across it."""
    varying = value if critical.coordinates else None
    at: dict[Any, Any] = {} if varying is not None else {curvature: value}
    conditions = [c.subs(at) for c in formula.stays]
    across = {v: formula.across.subs(other, v).subs(at) for v in rest} if rest else {}  # pyright: ignore[reportOptionalMemberAccess]
    conditions += [c for matrix in across.values() for c in contracting(matrix)]
    amplitude = formula.amplitude.subs(curvature, value)
    along = tuple(e.subs(curvature, value) for e in eigenvalues(formula.along))
    here = critical.across.index(value)
    amplitudes = tuple(
        amplitude if i == here else sympy.S.Zero for i in range(len(critical.across))
    )
    multipliers = tuple(
        along if i == here else eigenvalues(across[v]) for i, v in enumerate(critical.across)
    )
    exists = EtaRange.of((c.subs(at) for c in formula.exists), varying)
    return Cycle(amplitudes, multipliers, exists, EtaRange.of(conditions, varying))


def _each_on_its_own(
    critical: CriticalSpectrum, algorithm: Algorithm, remarks: list[str]
) -> PointStability:
    """A rule that treats each coordinate alone: each has its own cycle."""
    if any(not _is_positive(v) for v in critical.across):
        raise Underivable("a coordinate of negative curvature has no 2-cycle")
    formulas = cycle_formulas(algorithm)
    if len(formulas) != 1:
        raise Underivable(f"{len(formulas)} kinds of 2-cycles combine in each coordinate")
    formula, varying = formulas[0], critical.across[0] if critical.coordinates else None
    at = [{} if varying is not None else {curvature: v} for v in critical.across]
    one = Cycle(
        tuple(formula.amplitude.subs(curvature, v) for v in critical.across),
        tuple(
            tuple(e.subs(curvature, v) for e in eigenvalues(formula.along)) for v in critical.across
        ),
        EtaRange.of((c.subs(here) for here in at for c in formula.exists), varying),
        EtaRange.of((c.subs(here) for here in at for c in formula.stays), varying),
    )
    remarks.append("each coordinate cycles by itself")
    return PointStability(
        critical,
        Attractor.CYCLE,
        (one.attracts,),
        one.multipliers,
        (one,),
        _beside(critical, algorithm, critical.across, remarks),
        remarks=tuple(remarks),
    )


def _band(critical: CriticalSpectrum, algorithm: Algorithm, remarks: list[str]) -> PointStability:
    """At a maximum along one direction: |w| → |aw − b|, which maps |w| ≤ b/(a − 1) into itself.

    That is so iff its value at 0 is at most the fixed point b/(a − 1), where a > 1.
    """
    size, e, r, w = (sympy.Dummy(n, positive=True) for n in ("size", "eta", "rho", "w"))
    ran = run_modes(algorithm, [-size], [w], [sympy.S.Zero], e, r)
    states = list(branches(ran.w))
    if len(critical.across) != 1 or ran.memory or len(states) > 1:
        raise Underivable("at a maximum a step jumps over the point; no 2-cycle is derived there")
    # Just beside the maximum the lengths have one sign: w < ρ, say.
    scale = sympy.Dummy("s", positive=True)
    start = sympy.simplify(at_zero(states[0][0][0].subs(w, scale * w), scale))
    slope = sympy.simplify(at_zero(sympy.diff(states[0][0][0], w).subs(w, scale), scale))
    if not (start.is_positive or start.is_negative):
        raise Underivable("whether a step jumps over the maximum depends on more than its sign")
    if start.is_positive:
        remarks.append("a step leads away from it, however small the deviation")
        return PointStability(critical, Attractor.NOTHING, (), remarks=tuple(remarks))
    width = sympy.factor(start / (1 - slope))
    (value,) = critical.across
    at: Any = {size: -value, e: eta, r: rho}
    conditions = [sympy.factor(c.subs(at)) for c in (slope - 1, width + start)]
    remarks.append("deviations below b/(a − 1) are mapped into themselves, where |w| → |aw − b|")
    multipliers = ((sympy.factor(slope.subs(at)),),)
    return PointStability(
        critical, Attractor.BAND, (EtaRange.of(conditions),), multipliers, remarks=tuple(remarks)
    )
