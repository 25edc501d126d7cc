"""SAM on a quadratic ends up bouncing across the steepest direction, between two points.

Derivation. On the axis of λᵢ, w⁺ = w − ηλᵢ(w + ρ) = −w gives the amplitude Aᵢ of an exact 2-cycle.
In s_t = (−1)^t w_t a step of SAM is s⁺ = s − ∇J(s), J(s) = ½sᵀ(2I − ηΛ)s − ηρ‖Λs‖, and exactly

    J(s) − J(s⁺) = (η/2)‖∇J(s)‖²_Λ + ηρ(‖Λs⁺‖ − ⟨Λs, Λs⁺⟩/‖Λs‖),

where Cauchy and Schwarz make the bracket ≥ 0. J is bounded below iff ηλ₁ < 2, so ∇J(s_t) → 0,
and its zeros are ±Aᵢeᵢ. Those with i ≥ 2 are strict saddles (bartlett2023_bouncing_rate), which
almost no start ends at.
"""

from functools import partial

import numpy as np
import sympy

from dynamics import SAM, USAM, Criteria, Outcome, StableSAM, ensemble, normal_starts
from landscapes import Quadratic
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Evidence, Exhibit, Kind, Size, call, equality, join, value
from proofs_check.papers import BARTLETT2023
from proofs_check.predictions import cycle_amplitude
from proofs_check.prover import Identity
from proofs_check.sampling.modes import POINT, POSITIVE, SPECTRUM, length, step_taken
from proofs_check.symbols import curvature, eta, rho

AMPLITUDE = eta * rho * curvature / (2 - eta * curvature)
HYPOTHESES = (curvature > 0, rho > 0, eta > 0, eta * curvature < 2)
amplitude = sympy.Symbol("A_1", real=True)

# The largest curvature comes first, simple but not by much; curvatures on both sides of 1. All of
# one dimension, so that one compiled program serves them.
SPECTRA = ((1.0, 0.5, 0.3), (1.0, 0.99, 0.4), (2.5, 1.6, 0.2), (0.4, 0.39, 0.04))
STEPS = (0.05, 0.3, 0.7, 1.0, 1.2, 1.6, 1.9, 1.98)  # values of h = ηλ₁ in (0, 2)
# A run counts as a cycle once two steps move it by at most 2e-12 of the amplitude. With m the
# slowest multiplier it then is within 2e-12/(1 − m²) of its end; the slowest here is that of
# λ/λ₁ = 0.08 at h = 0.05, m = 0.984. That makes 6.1e-11.
CRITERIA = Criteria(cycle_tolerance=1e-12, max_period=2)
TOLERANCE = 1e-9
_STEPS = 20_000


def proof():
    taken = step_taken(SAM)
    after = tuple(t - s for t, s in zip(taken, POINT, strict=True))  # s⁺ = −w⁺ where w = s

    def scaled(s):
        return tuple(lam * c for lam, c in zip(SPECTRUM, s, strict=True))

    def potential(s):
        stiff = sum((2 - eta * lam) * c**2 for lam, c in zip(SPECTRUM, s, strict=True))
        return stiff / 2 - eta * rho * length(scaled(s))

    slope = tuple(sympy.diff(potential(POINT), s) for s in POINT)
    norm_squared = sum(lam * g**2 for lam, g in zip(SPECTRUM, slope, strict=True))
    here, there = scaled(POINT), scaled(after)
    product = sum(a * b for a, b in zip(here, there, strict=True))
    descent = eta / 2 * norm_squared + eta * rho * (length(there) - product / length(here))
    return (
        Identity("amplitude of the cycle of the running code", cycle_amplitude(SAM), AMPLITUDE),
        Identity("the ascent point of the cycle", AMPLITUDE + rho, 2 * rho / (2 - eta * curvature)),
        *(
            Identity(f"∂J/∂s{i + 1} is the step of the running code", s - t, g, positive=POSITIVE)
            for i, (s, t, g) in enumerate(zip(POINT, after, slope, strict=True))
        ),
        Identity(
            "descent of J", potential(POINT) - potential(after), descent, positive=POSITIVE
        ),
    )  # fmt: skip


def simulate(
    size: Size, *, algorithm=SAM, formula=AMPLITUDE, axis=0, spectra=SPECTRA
) -> Evidence:  # fmt: skip
    parts = []
    starts_per_case = size.runs(64)
    for index, spectrum in enumerate(spectra):
        h = np.repeat(STEPS, starts_per_case)
        # Radii and distances of the starts over three decades each.
        random = np.random.default_rng(index)
        radius = 10 ** random.uniform(-2, 1, len(h))
        starts = normal_starts(len(h), len(spectrum), seed=index)
        starts *= 10 ** random.uniform(-1.5, 1.5, (len(h), 1))
        at = {curvature: np.full_like(h, spectrum[0]), eta: h / spectrum[0], rho: radius}
        landscape = Quadratic(spectrum=spectrum)
        runs = ensemble(
            landscape, algorithm, eta=at[eta], rho=radius, starts=starts, n_steps=_STEPS,
            criteria=CRITERIA,
        )  # fmt: skip
        predicted = value(formula, at)
        final = runs.final.values
        ends = np.sign(final[:, [axis]]) * np.eye(len(spectrum))[axis] * predicted[:, None]
        cycles = (runs.outcome.values == Outcome.CYCLE) & (runs.period.values == 2)
        distance = np.where(cycles, np.linalg.norm(final - ends, axis=-1), np.inf)

        def witness(i: int, runs=runs, landscape=landscape) -> Exhibit:
            run = runs.isel(run=i)
            label = Outcome(int(run.outcome)).name
            pasted = call(landscape, algorithm, run.starts, run.eta, run.rho, max(1, run.n_steps))
            return Exhibit(pasted, f"{label}, period {int(run.period)}, at {run.final.values}")

        parts.append(
            equality(
                distance, np.zeros_like(h), witness, tolerance=TOLERANCE, scale=predicted,
                quantities=at, cost=float(len(spectrum)),
            )
        )  # fmt: skip
    return join(parts)


wrong = partial(simulate, spectra=SPECTRA[:2])  # a control needs no more to be caught

register(
    Claim(
        id="bartlett2023_bouncing",
        title="SAM ends on the 2-cycle ±A₁e₁, A₁ = ηρλ₁/(2 − ηλ₁), for all ηλ₁ < 2",
        paper=BARTLETT2023,
        source="Theorem 1 and Lemma 5, there for η < 1/(2λ₁); the range is extended here",
        provenance=Provenance.DERIVED,
        statement=(
            "On a strongly convex quadratic whose largest eigenvalue λ₁ is simple, with "
            "eigenvector e₁, and for ρ > 0 and 0 < ηλ₁ < 2, SAM converges from almost every "
            "start to the cycle of period 2 between A₁e₁ and −A₁e₁, A₁ = ηρλ₁/(2 − ηλ₁)."
        ),
        formula=sympy.Eq(amplitude, AMPLITUDE),
        kind=Kind.EQUALITY,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=simulate,
        controls=(
            Control("wrong exponent of λ₁", partial(
                simulate, formula=eta * rho * curvature**2 / (2 - eta * curvature),
                spectra=SPECTRA[2:])),
            Control("amplitude 0.001 % too large", partial(wrong, formula=1.00001 * AMPLITUDE)),
            Control("the cycle lies along e₂", partial(wrong, axis=1)),
            Control("StableSAM in place of SAM", partial(wrong, algorithm=StableSAM)),
            Control("USAM in place of SAM", partial(wrong, algorithm=USAM)),
        ),
        recorded=Finding.HOLDS,
        beyond_the_proof=(
            "that every run ends on a zero of ∇J, which the derivation takes from the descent of "
            "J, and that almost no start ends at a saddle ±Aᵢeᵢ, i ≥ 2."
        ),
        remark=(
            "Two modes stand for all in the identity of the descent: a further one enters only "
            "through ‖Λs‖. The same limit for ηλ₁ < 1 is in Theorem 4.8 of Wen, Ma and Li, “How "
            "Does Sharpness-Aware Minimization Minimize Sharpness?”, ICLR 2023, arXiv:2211.05729."
        ),
    )
)  # fmt: skip
