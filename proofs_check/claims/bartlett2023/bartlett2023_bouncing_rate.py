"""How fast SAM settles on its 2-cycle, and why it leaves every other one.

Derivation. On the cycle along eᵢ, h = ηλᵢ, the ascent point is at Aᵢ + ρ = 2ρ/(2 − h). A deviation
along eᵢ is multiplied by 1 − h. One along eⱼ, r = λⱼ/λᵢ, tilts the gradient by r times its angle;
ascent and descent together multiply it by m = 1 − hr − (2 − h)r². From 1 − m = hr + (2 − h)r² and
1 + m = (1 − r)(2 + (2 − h)r) follows |m| < 1 for r < 1 and m < −1 for r > 1.
"""

from functools import partial
from itertools import product

import numpy as np
import sympy

from dynamics import SAM, USAM, Criteria, StableSAM, batched, ensemble, one_step
from landscapes import Quadratic
from proofs_check.claim import Claim, Control, Finding, Provenance, register
from proofs_check.evidence import Evidence, Exhibit, Kind, Size, call, equality, join, value
from proofs_check.papers import BARTLETT2023
from proofs_check.predictions import multiplier, transversal_multiplier
from proofs_check.prover import Identity, Implication
from proofs_check.symbols import curvature, eta, h, ratio, rho

LONGITUDINAL = 1 - h
TRANSVERSAL = 1 - h * ratio - (2 - h) * ratio**2
AMPLITUDE = h * rho / (2 - h)
HYPOTHESES = (curvature > 0, rho > 0, h > 0, h < 2, ratio > 0)
m = sympy.Symbol("m_j", real=True)

# After one step from a deviation δ the transversal one is off by less than 2r²δ² of the terms of
# m (the length of the gradient is even in δ), r ≤ 10: 2e-10. The longitudinal map is affine; its
# difference cancels three of sixteen digits, leaving 1e-12.
_DEVIATION, _LONGITUDINAL_DEVIATION, _ONE_STEP_TOLERANCE = 1e-6, 1e-3, 1e-9
# Long runs start 1e-2 of the amplitude away and are read where that has fallen to 1e-7 and to
# 1e-12. For these spectra and steps the second rate is at most the 1.28th power of the first, so
# that by then other modes have at most 8 (1e-5)^0.56 of its square; over T = ln 1e5/|ln q| steps
# that changes the rate by at most 0.5 · 0.013/T, less than 4e-4.
SPECTRA = ((1.0, 0.5, 0.3), (2.5, 1.6, 0.2), (0.8, 0.792, 0.32))
STEPS = (0.3, 1.0, 1.2, 1.6, 1.9)
_LONG_RUN_TOLERANCE = 1e-3
_NEVER = Criteria(cycle_tolerance=1e-300)  # a run is not to stop on its way to the cycle


def proof():
    running = {eta: h / curvature}
    inside = (h > 0, h < 2, ratio > 0)
    return (
        Identity("along the cycle, of the code", multiplier(SAM).subs(running), LONGITUDINAL),
        Identity(
            "across the cycle, of the code", transversal_multiplier(SAM).subs(running), TRANSVERSAL
        ),
        Identity("1 + m factors", 1 + TRANSVERSAL, (1 - ratio) * (2 + (2 - h) * ratio)),
        Identity("1 − m factors", 1 - TRANSVERSAL, ratio * (h + (2 - h) * ratio)),
        Implication(
            "the cycle of the largest curvature attracts",
            (*inside, ratio < 1),
            sympy.And(-1 < TRANSVERSAL, TRANSVERSAL < 1),
            mutation=(inside, sympy.And(-1 < TRANSVERSAL, TRANSVERSAL < 1)),
        ),
        Implication(
            "a cycle with a larger curvature beside it repels",
            (*inside, ratio > 1),
            TRANSVERSAL < -1,
            mutation=((*inside, ratio > sympy.Rational(9, 10)), TRANSVERSAL < -1),
        ),
    )


def multipliers(size: Size, algorithm, transversal) -> Evidence:
    """Each multiplier by itself, on every cycle of random spectra: one step from beside it."""
    n, dim = size.runs(4000), 3
    random = np.random.default_rng(1)
    spectra = 10 ** random.uniform(-0.5, 0.5, (n, dim))
    i, j = random.integers(0, dim, (2, n))
    case = np.arange(n)
    lam = spectra[case, i]
    at = {
        curvature: lam, ratio: spectra[case, j] / lam, h: random.uniform(0.01, 1.99, n),
        rho: 10 ** random.uniform(-2, 1, n),
    }  # fmt: skip
    cycle = np.zeros((n, dim))
    cycle[case, i] = value(AMPLITUDE, at)
    start = cycle.copy()
    start[case, j] += np.where(i == j, _LONGITUDINAL_DEVIATION, _DEVIATION) * cycle[case, i]
    rate = at[h] / lam
    after = batched(lambda landscape, *run: one_step(landscape, algorithm, *run))(
        Quadratic.batch(spectra), start, rate, at[rho]
    )
    observed = (after + cycle)[case, j] / (start - cycle)[case, j]
    predicted = np.where(i == j, value(LONGITUDINAL, at), value(transversal, at))
    terms = 1 + at[h] * at[ratio] + (2 - at[h]) * at[ratio] ** 2

    def witness(k: int) -> Exhibit:
        landscape = Quadratic(spectrum=spectra[k])
        pasted = call(landscape, algorithm, start[k], rate[k], at[rho][k], n_steps=1)
        return Exhibit(pasted, f"mode {j[k]} multiplied by {observed[k]}, not {predicted[k]}")

    return equality(
        observed, predicted, witness, tolerance=_ONE_STEP_TOLERANCE, scale=terms, quantities=at
    )


def rate(size: Size, algorithm, transversal, spectrum, step) -> Evidence:
    """The rate of the whole: the distance to the cycle, early and late in long runs."""
    n, lam, radius = size.runs(64), spectrum[0], 0.1
    others = np.array(spectrum[1:]) / lam
    crossing = np.abs(value(transversal, {h: np.full_like(others, step), ratio: others}))
    predicted = max(abs(1 - step), *crossing)
    early = int(np.ceil(np.log(1e-5) / np.log(min(predicted, 0.99))))
    cycle = step * radius / (2 - step) * np.eye(len(spectrum))[0]
    random = np.random.default_rng(0)
    away = random.uniform(0.5, 1, (n, len(cycle))) * random.choice([-1, 1], (n, len(cycle)))
    starts = cycle + 0.01 * cycle[0] * away

    def distance(n_steps: int):
        final = ensemble(
            Quadratic(spectrum=spectrum), algorithm, eta=step / lam, rho=radius, starts=starts,
            n_steps=n_steps, criteria=_NEVER,
        ).final.values  # fmt: skip
        return np.linalg.norm(final - np.sign(final[:, :1]) * cycle, axis=-1)

    observed = (distance(2 * early) / distance(early)) ** (1 / early)

    def witness(k: int) -> Exhibit:
        landscape = Quadratic(spectrum=spectrum)
        pasted = call(landscape, algorithm, starts[k], step / lam, radius, 2 * early)
        return Exhibit(pasted, f"a rate of {observed[k]} per step, not {predicted}")

    return equality(
        observed, np.full(n, predicted), witness, tolerance=_LONG_RUN_TOLERANCE, cost=2.0 * early,
        quantities={curvature: lam, h: step, rho: radius, ratio: float(others.max())},
    )  # fmt: skip


def simulate(size: Size, *, algorithm=SAM, transversal=TRANSVERSAL, cases=None) -> Evidence:
    cases = product(SPECTRA, STEPS) if cases is None else cases
    long_runs = (rate(size, algorithm, transversal, *case) for case in cases)
    return join([multipliers(size, algorithm, transversal), *long_runs])


wrong = partial(simulate, cases=())  # a control is caught by its multipliers already

register(
    Claim(
        id="bartlett2023_bouncing_rate",
        title="SAM nears its 2-cycle at the rate max(|1 − h|, |mⱼ|); lower cycles repel",
        paper=BARTLETT2023,
        source="sharpens the iteration bound of Theorem 1 near the cycle",
        provenance=Provenance.DERIVED,
        statement=(
            "On a quadratic let ηλᵢ = h < 2 and r = λⱼ/λᵢ. Beside the cycle of SAM along eᵢ one "
            "step multiplies deviations along eᵢ by 1 − h and those along eⱼ by "
            "mⱼ = 1 − hr − (2 − h)r². Hence |mⱼ| < 1 for λⱼ < λᵢ and mⱼ < −1 for λⱼ > λᵢ: only the "
            "cycle of the largest eigenvalue attracts, with local rate max(|1 − h|, maxⱼ|mⱼ|)."
        ),
        formula=sympy.Eq(m, TRANSVERSAL),
        kind=Kind.EQUALITY,
        hypotheses=HYPOTHESES,
        proof=proof,
        simulate=simulate,
        controls=(
            Control("wrong exponent of r", partial(
                wrong, transversal=1 - h * ratio - (2 - h) * ratio)),
            Control("the multiplier of GD, 1 − hr", partial(wrong, transversal=1 - h * ratio)),
            Control("StableSAM in place of SAM", partial(wrong, algorithm=StableSAM)),
            Control("USAM in place of SAM", partial(wrong, algorithm=USAM)),
            Control("1 % too slow", partial(wrong, transversal=1.01 * TRANSVERSAL)),
        ),
        recorded=Finding.HOLDS,
        beyond_the_proof=(
            "that to first order the modes do not mix, so that the largest of the multipliers is "
            "the rate of the whole."
        ),
    )
)  # fmt: skip
