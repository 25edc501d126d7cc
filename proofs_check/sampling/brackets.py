"""Evidence for stability thresholds: runs just below and just above a predicted edge."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics import Algorithm, Outcome, ensemble, normal_starts
from landscapes import Quadratic
from proofs_check.claim import Control
from proofs_check.evidence import Evidence, Exhibit, Size, both_sides, call, join, value
from proofs_check.symbols import curvature, eta, rho

if TYPE_CHECKING:
    import xarray

# A bracket of 1 %: on a quadratic the multiplier then differs from −1 by about 0.02, so the
# deviation changes by a factor 1e12 within 1,400 steps, well inside the budget.
FACTORS = (0.99, 1.01)
_STEPS = 8000
# Spectra with λ₁ on both sides of 1 and condition numbers up to 8: StableSAM's slowest local
# rate is about 2/κ² per step, so κ = 8 needs some 800 steps for ten digits.
SPECTRA = ((1.0,), (3.1,), (0.6, 0.35, 0.08), (5.0, 2.2, 0.7))
RADII = (0.05, 0.5, 3.0)

Decide = Callable[["xarray.Dataset"], np.ndarray]


def outcome(expected: Outcome) -> Decide:
    """Runs whose outcome is the expected one."""
    return lambda runs: runs.outcome.values == expected


diverged = outcome(Outcome.DIVERGED)


def bracket(
    algorithm: Algorithm,
    edge: Any,
    size: Size,
    *,
    below: Decide,
    above: Decide = diverged,
    factors: tuple[float, ...] = FACTORS,
    stretch: float = 1.0,
) -> Evidence:
    """Runs on quadratics at `factors` times the `edge`, a formula in λ (the largest) and ρ.

    `stretch` multiplies the edge: a control that claims a threshold elsewhere.
    """
    parts = []
    starts_per_case = size.runs(64)
    for index, spectrum in enumerate(SPECTRA):
        cases = [(f, r) for f in factors for r in RADII]
        f, r = (np.repeat(column, starts_per_case) for column in np.array(cases).T)
        landscape = Quadratic(spectrum=spectrum)
        predicted = stretch * value(edge, {curvature: np.full_like(r, spectrum[0]), rho: r})
        runs = ensemble(
            landscape,
            algorithm,
            eta=f * predicted,
            rho=r,
            starts=normal_starts(len(f), len(spectrum), seed=index),
            n_steps=_STEPS,
        )
        parts.append(
            both_sides(
                f,
                below(runs),
                above(runs),
                runs.n_steps.values / _STEPS,
                _witness(landscape, algorithm, runs),
                quantities={curvature: np.full_like(r, spectrum[0]), rho: r, eta: f * predicted},
                cost=np.full(len(f), float(len(spectrum))),
            )
        )
    return join(parts)


def displaced(simulate: Callable[..., Evidence]) -> tuple[Control, Control]:
    """The controls that claim the edge elsewhere, for evidence that takes a `stretch`.

    At 3 % both runs of a 1 % bracket lie on one side of the true edge.
    """
    return (
        Control("edge 3 % too far out", partial(simulate, stretch=1.03)),
        Control("edge 3 % too far in", partial(simulate, stretch=0.97)),
    )


def _witness(
    landscape: Quadratic, algorithm: Algorithm, runs: xarray.Dataset
) -> Callable[[int], Exhibit]:
    def witness(i: int) -> Exhibit:
        run = runs.isel(run=i)
        pasted = call(landscape, algorithm, run.starts, run.eta, run.rho, _STEPS)
        label = Outcome(int(run.outcome)).name
        return Exhibit(pasted, f"{label} at step {int(run.n_steps)}")

    return witness
