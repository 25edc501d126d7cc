"""The registered algorithms, each one constant; families are functions of their parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynamics.algorithms.algorithm import Algorithm, register
from dynamics.algorithms.bases import HeavyBall, Nesterov
from dynamics.algorithms.rules import (
    adaptive_ascent,
    adaptively_renormalised_descent,
    bind,
    clipped_descent,
    deterministically_normalised_ascent,
    exact_gradient_descent,
    hessian_ascent,
    mixed_ascent,
    normalised_descent,
    penalised_descent,
    plain_descent,
    power_ascent,
    raw_ascent,
    renormalised_descent,
    repeated_ascent,
    scaled_ascent,
    sign_ascent,
    two_step_ascent,
    unit_ascent,
    whole_unit_ascent,
)
from dynamics.algorithms.sample_order import SampleOrder
from landscapes.checks import real_number, short_number

# -- gradient descent, SAM and what is renormalised ---------------------------------------------

GD = register(Algorithm("GD", None, plain_descent, "gradient descent"))
SAM = register(Algorithm("SAM", unit_ascent, plain_descent, "Foret et al. 2021"))
USAM = register(Algorithm("USAM", raw_ascent, plain_descent, "Andriushchenko and Flammarion 2022"))
StableSAM = register(
    Algorithm("StableSAM", unit_ascent, renormalised_descent, "Tan et al. 2024, Algorithm 1")
)
StableUSAM = register(
    Algorithm("StableUSAM", raw_ascent, renormalised_descent, "Tan et al. 2024, with USAM's ascent")
)
NormalisedGD = register(
    Algorithm("NormalisedGD", None, normalised_descent, "normalised gradient descent")
)


def ClippedStableSAM(floor: float) -> Algorithm:
    """StableSAM with its factor kept in [γ₀, √γ₀], γ₀ = `floor` in (0, 1]; Remark 19."""
    floor = real_number("floor", floor, accepted="in (0, 1]", fits=lambda v: 0 < v <= 1)
    descent = bind(clipped_descent, floor=floor)
    source = "Tan et al. 2024, Remark 19"
    return Algorithm(f"ClippedStableSAM({short_number(floor)})", unit_ascent, descent, source)


register(ClippedStableSAM(0.3))

# -- other balls ---------------------------------------------------------------------------------

SignSAM = register(
    Algorithm("SignSAM", sign_ascent, plain_descent, "Foret et al. 2021, eq. (2), p = ∞")
)
ScaledSAM = register(
    Algorithm("ScaledSAM", scaled_ascent, plain_descent, "SAM's code with an ∞-norm: not SignSAM")
)


def LpSAM(p: float) -> Algorithm:
    """SAM in the ball ‖ε‖_p ≤ ρ, 1 < p < ∞; p = 2 is SAM, and SignSAM the limit p → ∞."""
    p = real_number("p", p, accepted="> 1 and finite (SignSAM is p = inf)", fits=lambda v: v > 1)
    ascent = bind(power_ascent, p=p)
    source = "Foret et al. 2021, eq. (2)"
    return Algorithm(f"LpSAM({short_number(p)})", ascent, plain_descent, source)


register(LpSAM(3))


def ASAM(shift: float) -> Algorithm:
    """Adaptive SAM with T = diag(|wᵢ| + ν), ν = `shift` ≥ 0."""
    shift = real_number("shift", shift, accepted=">= 0 and finite", fits=lambda v: v >= 0)
    source = "Kwon et al. 2021 (recalled)"
    return Algorithm(f"ASAM({short_number(shift)})", _adaptive(shift), plain_descent, source)


def _adaptive(shift: float) -> Any:
    return bind(adaptive_ascent, shift=float(shift))


register(ASAM(0.01))
StableASAM = register(
    Algorithm("StableASAM", _adaptive(0), renormalised_descent, "Tan et al. 2024, section 5.3")
)
StableASAMAdaptiveNorm = register(
    Algorithm(
        "StableASAMAdaptiveNorm",
        _adaptive(0),
        adaptively_renormalised_descent,
        "Tan et al. 2024, the published code, whose norms are the adaptive ones",
    )
)

# -- between SAM and USAM ------------------------------------------------------------------------


def one_over_t(t: Any) -> Any:
    """1/t."""
    return 1 / t


def one_minus_one_over_t(t: Any) -> Any:
    """1 − 1/t."""
    return 1 - 1 / t


def UnifiedSAM(weight: float | Callable[[Any], Any], label: str | None = None) -> Algorithm:
    """Ascent ρ(1 − λ + λ/‖g‖)g, λ = `weight` in [0, 1], or a function of t = 1, 2, … into it.

    `label` is how results show a function.
    """
    if callable(weight):
        label, bound = label or getattr(weight, "__name__", repr(weight)), weight
    else:
        accepted = "in [0, 1], or a function of the step t"
        bound = real_number("weight", weight, accepted=accepted, fits=lambda v: 0 <= v <= 1)
        label = short_number(bound)
    ascent = bind(mixed_ascent, weight=bound)
    return Algorithm(f"UnifiedSAM({label})", ascent, plain_descent, "Oikonomou and Loizou 2025")


register(UnifiedSAM(0.5))
register(UnifiedSAM(one_over_t, "1/t"))
register(UnifiedSAM(one_minus_one_over_t, "1-1/t"))

# -- more of the loss than one gradient ----------------------------------------------------------

_INFERRED = "Bolte, Le and Pauwels 2025: the name; the update is inferred"
_VARIANT = "a variant beside Bolte, Le and Pauwels 2025"
TwoStepUSAM = register(Algorithm("TwoStepUSAM", two_step_ascent, plain_descent, _INFERRED))
RepeatedUSAM = register(Algorithm("RepeatedUSAM", repeated_ascent, plain_descent, _VARIANT))
HessianUSAM = register(Algorithm("HessianUSAM", hessian_ascent, plain_descent, _INFERRED))
ExactGradientUSAM = register(
    Algorithm("ExactGradientUSAM", raw_ascent, exact_gradient_descent, _VARIANT)
)
PenalisedUSAM = register(Algorithm("PenalisedUSAM", raw_ascent, penalised_descent, _VARIANT))

# -- with memory ---------------------------------------------------------------------------------

HeavyBallGD = register(GD.with_base(HeavyBall(0.9), "HeavyBallGD"))
NesterovGD = register(GD.with_base(Nesterov(0.9), "NesterovGD"))
HeavyBallSAM = register(SAM.with_base(HeavyBall(0.9), "HeavyBallSAM"))
HeavyBallUSAM = register(USAM.with_base(HeavyBall(0.9), "HeavyBallUSAM"))
NesterovStableSAM = register(StableSAM.with_base(Nesterov(0.9), "NesterovStableSAM"))

# -- on examples drawn ---------------------------------------------------------------------------

_ONE = SampleOrder(batch=1)
SGD = register(GD.with_order(_ONE, "SGD"))
OneSAM = register(SAM.with_order(_ONE, "1-SAM"))
NSAM = register(
    Algorithm(
        "n-SAM", whole_unit_ascent, plain_descent,
        "Andriushchenko and Flammarion 2022: ascent by all n examples, descent by those drawn",
        order=_ONE,
    )
)  # fmt: skip
DNSAM = register(
    Algorithm(
        "DNSAM", deterministically_normalised_ascent, plain_descent,
        "Compagnoni et al. 2023 (recalled)", order=_ONE,
    )
)  # fmt: skip
