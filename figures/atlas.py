"""What `stability_region` needs to know of a landscape: where runs start, which edges to draw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynamics import Algorithm
from landscapes import (
    CriticalKind,
    CriticalSet,
    Landscape,
    LinearNeuron,
    Quadratic,
    Ravine,
    Saddle,
    ScalarFactorisation,
    Unknown,
)
from landscapes.checks import Real, shown
from proofs_check.evidence import value
from proofs_check.laws.saddles import capture_edge, capture_formula
from proofs_check.local_theory.local_maps import local_map
from proofs_check.predictions import (
    cycle_amplitudes,
    equation_in_latex,
    last_drifting_product,
    threshold,
)
from proofs_check.symbols import curvature, eta, rho

#: Sharpness of the minima near which runs start on the ravines.
SHARPNESS = 10.0
#: The kinds of predicted curves: how they are drawn, and what they are.
KINDS: dict[str, tuple[Any, str]] = {
    "home": ("-", "edge of stability of the sharpest minima"),
    "flattest": ("--", "edge of stability of the flattest"),
    "sliding": (":", "last 2-cycle sliding to the origin"),
    "capture": ("-.", "edge of capture by a saddle"),
}
_BETA = {curvature: r"\beta"}


@dataclass(frozen=True)
class Case:
    """A landscape, the box its runs start in, and the curvatures that edges are drawn for.

    `curvatures` has the sharpness λ₁ of a minimum for "home" and "flattest", where there is one.
    """

    landscape: Landscape
    label: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    curvatures: dict[str, float]

    @property
    def saddles(self) -> list[tuple[float, float]]:
        """The largest and the smallest curvature of each strict saddle among the starts."""
        found = []
        for one in self.landscape.facts.critical_sets:
            if one.kind is CriticalKind.SADDLE and not isinstance(one.spectra, Unknown):
                inside = ((one.points > self.low) & (one.points < self.high)).all(axis=-1)
                found += [(s[0], s[-1]) for s in one.spectra[inside] if s[0] > 0 > s[-1]]
        return list(dict.fromkeys(found))


def _along(sharpness: float) -> dict[str, tuple[Landscape, str, tuple[float, float]]]:
    """Landscapes whose minima form a curve, with a label and the minimum of this sharpness."""
    # On xy = 1 it is x² + 1/x², hence x = e^{a/2} with 2 cosh a the sharpness.
    x = np.exp(np.arccosh(sharpness / 2) / 2)
    listed = (
        (Ravine(), "ravine", (0.0, (sharpness - 1) ** 0.5)),
        (ScalarFactorisation(1.0), "½(1 − xy)²", (x, 1 / x)),
        (LinearNeuron("logcosh"), "log cosh(xy)", (0.0, sharpness**0.5)),
    )
    return {repr(landscape): (landscape, label, at) for landscape, label, at in listed}


_RAVINES = _along(SHARPNESS)
RAVINES: tuple[Landscape, ...] = tuple(landscape for landscape, _, _ in _RAVINES.values())


def case_of(landscape: Landscape) -> Case:
    """How this landscape is treated: near a given minimum, or as its facts suggest."""
    curvatures = _curvatures(landscape.facts.critical_sets)
    if repr(landscape) in _RAVINES:
        _, label, home = _RAVINES[repr(landscape)]
        low = tuple(float(c + d) for c, d in zip(home, (0.01, -0.01), strict=True))
        high = tuple(float(c + d) for c, d in zip(home, (0.1, 0.01), strict=True))
        at_home = float(np.linalg.eigvalsh(landscape.hessian(np.array(home)))[-1])
        return Case(landscape, label, low, high, {"home": at_home} | curvatures)
    low, high = _box(landscape)
    return Case(landscape, _label(landscape), low, high, curvatures)


def _curvatures(critical: Iterable[CriticalSet]) -> dict[str, float]:
    """The sharpness of the sharpest isolated minimum, and of the flattest minimum listed."""
    critical = list(critical)
    minima = [one for one in critical if one.kind is CriticalKind.MINIMUM]
    stated = [(one, one.spectra) for one in minima if not isinstance(one.spectra, Unknown)]
    isolated = [float(s[0, 0]) for _, s in stated if len(s) == 1 and s[0, -1] > 0]
    listed = [float(sharpness) for _, s in stated for sharpness in s[:, 0]]
    found = {"home": max(isolated)} if isolated else {}
    # Where minima degenerate, there is no flattest one.
    degenerate = any(one.kind is CriticalKind.DEGENERATE for one in critical)
    if listed and not degenerate and min(listed) < found.get("home", np.inf):
        found["flattest"] = min(listed)
    return found


def _box(landscape: Landscape) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A box around the critical points that are known."""
    if isinstance(landscape, Quadratic):
        return (-1.0,) * landscape.dim, (1.0,) * landscape.dim
    points = [one.points for one in landscape.facts.critical_sets] or [np.zeros((1, landscape.dim))]
    every = np.concatenate(points)
    low, high = every.min(axis=0) - 1, every.max(axis=0) + 1
    return tuple(map(float, low)), tuple(map(float, high))


def _label(landscape: Landscape) -> str:
    if isinstance(landscape, Quadratic):
        return f"quadratic, κ = {max(landscape.spectrum) / min(landscape.spectrum):g}"
    if isinstance(landscape, Saddle):
        return "saddle"
    return shown(landscape.arguments().get("text", landscape), 34).strip("'")


# -- what is predicted -------------------------------------------------------------------------


def curves(
    cases: list[Case], algorithms: Iterable[Algorithm], etas: Real, rhos: Real
) -> dict[str, Any]:
    """The predicted curves as variables, each a list of points within the plane's limits."""
    found = [
        (case.label, algorithm.name, *curve)
        for case in cases
        for algorithm in algorithms
        for curve in _curves(case, algorithm, etas, rhos)
    ]
    names = ("curve_landscape", "curve_algorithm", "curve_kind", "curve_formula")
    says = ("the panel's landscape", "the panel's algorithm", "what is predicted", "it in LaTeX")
    texts = {
        name: ("curve", np.array([f[i] for f in found], dtype=object), {"long_name": long_name})
        for i, (name, long_name) in enumerate(zip(names, says, strict=True))
    }
    shape = (len(found), len(rhos))
    points = {
        name: (("curve", "rho_edge"), np.array([f[i] for f in found]).reshape(shape),
               {"long_name": f"{name[6:]} on a predicted curve", "units": "1"})
        for i, name in ((4, "curve_eta"), (5, "curve_rho"))
    }  # fmt: skip
    return texts | points


def _curves(
    case: Case, algorithm: Algorithm, etas: Real, rhos: Real
) -> Iterable[tuple[str, str, Real, Real]]:
    """Kind, formula, η and ρ of each curve of one panel."""
    # A rule of the user's may be beyond SymPy in many ways, or its step may depend on where the
    # minimum lies: then nothing is drawn.
    try:
        local_map(algorithm)
        edge = threshold(algorithm)
        cycles = bool(cycle_amplitudes(algorithm))
        captures = [(at, capture_edge(algorithm, *at, rhos)) for at in case.saddles]
    except Exception:
        return
    slides = cycles and repr(case.landscape) in _RAVINES  # it never rests where it starts
    for kind, sharpness in case.curvatures.items():
        if not (kind == "home" and slides):
            at = value(edge, {curvature: sharpness, rho: rhos})
            symbol = _BETA if kind == "home" else {curvature: r"\lambda_{\min}"}
            yield kind, _latex(eta, edge, symbol), np.broadcast_to(at, rhos.shape), rhos
    if isinstance(case.landscape, LinearNeuron) and cycles:
        last = last_drifting_product(algorithm)
        formula = _latex(eta * rho**2, last.n(4), {})
        yield "sliding", formula, value(last / rho**2, {rho: rhos}), rhos
    for (top, negative), at in captures:
        held = np.isfinite(at)
        if held.any():
            # Where it does not capture, the line runs to the left, along the first ρ that does.
            border = np.where(held, at, etas[0])
            formula = capture_formula(algorithm, top, negative, rhos[held][-1])
            formula = formula.replace(r"\frac", r"\dfrac")
            yield "capture", formula, border, np.where(held, rhos, rhos[held][0])


def _latex(left: Any, right: Any, names: Any) -> str:
    return equation_in_latex(left, right, names).replace(r"\frac", r"\dfrac")
