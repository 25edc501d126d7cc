"""The reference: one run at a time, in plain NumPy, with gradients written by hand.

Slow and obvious on purpose, and independent of everything else in this package: it shares no
line with the rules, the kernel or the printed gradients that it is there to check. (Two things it
takes as data: the Hessian of the landscape, and which examples a step draws.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynamics.algorithms.sample_order import SampleOrder
from landscapes import FiniteSum, Landscape
from landscapes.checks import Real


@dataclass(frozen=True)
class Step:
    """What one step may look at: gradients of what is drawn and of all, the Hessian, ρ and t."""

    g: Callable[[Real], Real]
    whole: Callable[[Real], Real]
    hessian: Callable[[Real], Any]
    rho: float
    t: int


def _norm(v: Real) -> float:
    largest = np.abs(v).max()
    return 0.0 if largest == 0 else float(largest * np.sqrt(np.sum((v / largest) ** 2)))


def _unit(v: Real) -> Real:
    largest = np.abs(v).max()
    if largest == 0:
        return v
    v = v / largest
    return v / np.sqrt(np.sum(v * v))


def _gd(w: Real, s: Step) -> Real:
    return s.g(w)


def _sam(w: Real, s: Step) -> Real:
    return s.g(w + s.rho * _unit(s.g(w)))


def _usam(w: Real, s: Step) -> Real:
    return s.g(w + s.rho * s.g(w))


def _stable_sam(w: Real, s: Step) -> Real:
    return _norm(s.g(w)) * _unit(_sam(w, s))


def _stable_usam(w: Real, s: Step) -> Real:
    return _norm(s.g(w)) * _unit(_usam(w, s))


def _normalised_gd(w: Real, s: Step) -> Real:
    return _unit(s.g(w))


def _clipped_stable_sam(w: Real, s: Step) -> Real:
    g, g_asc = s.g(w), _sam(w, s)
    factor = _norm(g) / _norm(g_asc) if g_asc.any() else 0.0
    return min(max(factor, 0.3), np.sqrt(0.3)) * g_asc


def _sign_sam(w: Real, s: Step) -> Real:
    return s.g(w + s.rho * np.sign(s.g(w)))


def _scaled_sam(w: Real, s: Step) -> Real:
    g = s.g(w)
    return s.g(w + s.rho * g / np.abs(g).max()) if g.any() else g


def _cubic_sam(w: Real, s: Step) -> Real:
    # p = 3, q = 3/2: ε = ρ sign(g)|g|^½ / (Σ|g|^{3/2})^{1/3}.
    g = _unit(s.g(w))
    if not g.any():
        return g
    size = np.abs(g)
    return s.g(w + s.rho * np.sign(g) * np.sqrt(size) / np.cbrt(np.sum(size * np.sqrt(size))))


def _adaptive_ascent(w: Real, s: Step, shift: float) -> Real:
    scale = np.abs(w) + shift
    return w + s.rho * scale * _unit(scale * s.g(w))


def _asam(w: Real, s: Step) -> Real:
    return s.g(_adaptive_ascent(w, s, 0.01))


def _stable_asam(w: Real, s: Step) -> Real:
    return _norm(s.g(w)) * _unit(s.g(_adaptive_ascent(w, s, 0.0)))


def _stable_asam_adaptive_norm(w: Real, s: Step) -> Real:
    w_asc = _adaptive_ascent(w, s, 0.0)
    after = _norm(np.abs(w_asc) * s.g(w_asc))
    return (_norm(np.abs(w) * s.g(w)) / after if after else 0.0) * s.g(w_asc)


def _unified(w: Real, s: Step, weight: float) -> Real:
    g = s.g(w)
    return s.g(w + s.rho * ((1 - weight) * g + weight * _unit(g)))


def _two_step_usam(w: Real, s: Step) -> Real:
    return s.g(w + s.rho * s.g(w + s.rho * s.g(w)))


def _repeated_usam(w: Real, s: Step) -> Real:
    y = w + s.rho * s.g(w)
    return s.g(y + s.rho * s.g(y))


def _hessian_usam(w: Real, s: Step) -> Real:
    return s.g(w + s.rho * s.hessian(w) @ s.g(w))


def _exact_gradient_usam(w: Real, s: Step) -> Real:
    g_asc = _usam(w, s)
    return g_asc + s.rho * s.hessian(w) @ g_asc


def _penalised_usam(w: Real, s: Step) -> Real:
    g = s.g(w)
    return g + s.rho * s.hessian(w) @ g


def _n_sam(w: Real, s: Step) -> Real:
    return s.g(w + s.rho * _unit(s.whole(w)))


def _dnsam(w: Real, s: Step) -> Real:
    length = _norm(s.whole(w))
    return s.g(w + s.rho * s.g(w) / length) if length else s.g(w)


def direction(landscape: Landscape, algorithm: str, w: Real, rho: float) -> Real:
    """What is subtracted, before η, by an algorithm without memory, schedule or drawing."""
    step = Step(
        landscape.reference_gradient, landscape.reference_gradient, landscape.hessian, rho, 1
    )
    return DIRECTIONS[algorithm](w, step)


def farthest(landscape: Landscape, algorithm: str, w: Real, rho: float) -> float:
    """The largest coordinate at which a step from w asks for a gradient."""
    asked = [np.abs(w).max()]

    def gradient(at: Real) -> Real:
        asked.append(np.abs(at).max())
        return landscape.reference_gradient(at)

    DIRECTIONS[algorithm](w, Step(gradient, gradient, landscape.hessian, rho, 1))
    return max(asked)


# What is subtracted, before the base step and η, by each registered algorithm.
DIRECTIONS: dict[str, Callable[[Real, Step], Real]] = {
    "GD": _gd,
    "SAM": _sam,
    "USAM": _usam,
    "StableSAM": _stable_sam,
    "StableUSAM": _stable_usam,
    "NormalisedGD": _normalised_gd,
    "ClippedStableSAM(0.3)": _clipped_stable_sam,
    "SignSAM": _sign_sam,
    "ScaledSAM": _scaled_sam,
    "LpSAM(3)": _cubic_sam,
    "ASAM(0.01)": _asam,
    "StableASAM": _stable_asam,
    "StableASAMAdaptiveNorm": _stable_asam_adaptive_norm,
    "UnifiedSAM(0.5)": lambda w, s: _unified(w, s, 0.5),
    "UnifiedSAM(1/t)": lambda w, s: _unified(w, s, 1 / s.t),
    "UnifiedSAM(1-1/t)": lambda w, s: _unified(w, s, 1 - 1 / s.t),
    "TwoStepUSAM": _two_step_usam,
    "RepeatedUSAM": _repeated_usam,
    "HessianUSAM": _hessian_usam,
    "ExactGradientUSAM": _exact_gradient_usam,
    "PenalisedUSAM": _penalised_usam,
    "HeavyBallGD": _gd,
    "NesterovGD": _gd,
    "HeavyBallSAM": _sam,
    "HeavyBallUSAM": _usam,
    "NesterovStableSAM": _stable_sam,
    "SGD": _gd,
    "1-SAM": _sam,
    "n-SAM": _n_sam,
    "DNSAM": _dnsam,
}
# Of those with memory: the name's beginning, and what η multiplies, of d and the velocity.
MOMENTUM = 0.9
BASES = {"HeavyBall": lambda d, v: v, "Nesterov": lambda d, v: d + MOMENTUM * v}
# Those that draw one example a step.
DRAWING = ("SGD", "1-SAM", "n-SAM", "DNSAM")


def path(
    landscape: Landscape,
    algorithm: str,
    start: Real,
    eta: float,
    rho: float,
    n_steps: int,
    order: int = 0,
) -> Real:
    """All iterates of one run, shape `(n_steps + 1, dim)`, inf and NaN included."""
    w, velocity = np.array(start, dtype=np.float64), np.zeros(landscape.dim)
    multiplied = next((f for name, f in BASES.items() if algorithm.startswith(name)), None)
    drawn = None
    if algorithm in DRAWING:
        assert isinstance(landscape, FiniteSum)
        drawn = SampleOrder(1).examples(landscape.n_examples, n_steps, run=order)[:, 0]
    iterates = [w]
    with np.errstate(all="ignore"):
        for t in range(1, n_steps + 1):
            s = Step(
                _gradient(landscape, drawn, t), landscape.reference_gradient, landscape.hessian,
                rho, t,
            )  # fmt: skip
            d = DIRECTIONS[algorithm](w, s)
            if multiplied is not None:
                velocity = MOMENTUM * velocity + d
                d = multiplied(d, velocity)
            w = w - eta * d
            iterates.append(w)
    return np.array(iterates)


def _gradient(landscape: Landscape, drawn: Real | None, t: int) -> Callable[[Real], Real]:
    if drawn is None or not isinstance(landscape, FiniteSum):
        return landscape.reference_gradient
    return lambda w: landscape.reference_example_gradient(w, int(drawn[t - 1]))
