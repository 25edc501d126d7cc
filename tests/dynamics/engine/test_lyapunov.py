"""Lyapunov exponents: those that are known, by both compilers, and what has none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

from dynamics import GD, SAM, USAM, Algorithm, HeavyBallGD, Outcome, ensemble, sweep, uniform_starts
from dynamics.engine import lyapunov, native
from landscapes import Landscape, LinearNeuron, Quadratic, Saddle, SymbolicLandscape, SymbolicLoss


class Logistic(SymbolicLandscape, registered=False):
    """GD with η = 1 is w ↦ 4w(1 − w), whose exponent is log 2 for almost every start in (0, 1)."""

    formula = "4w³/3 − 3w²/2"
    source = "the logistic map"

    def symbolic(self) -> SymbolicLoss:
        w = sympy.Symbol("w", real=True)
        return SymbolicLoss((w,), 4 * w**3 / 3 - 3 * w**2 / 2, {})


BOTH = {"lyapunov": ("largest", "largest_error", "spectrum", "spectrum_error")}


def test_gd_on_a_quadratic_has_the_logarithms_of_its_multipliers() -> None:
    spectrum, etas = np.array([3.0, 1.0, 0.2]), np.array([0.1, 0.3, 0.6])
    runs = sweep(
        Quadratic(tuple(spectrum)), GD, eta=etas, starts=[1.0, 0.7, -0.4], n_steps=2000,
        observables=BOTH,
    ).isel(algorithm=0, rho=0, missing_dims="ignore")  # fmt: skip
    expected = -np.sort(-np.log(np.abs(1 - etas[:, None] * spectrum)), axis=-1)
    # The directions turn by the ratio of two multipliers a step, at most 0.975: after a fifth of
    # the steps what is left is 1e-4 squared; a sum of 80 logarithms rounds by far less.
    np.testing.assert_allclose(runs.lyapunov_spectrum, expected, rtol=1e-7)
    np.testing.assert_array_equal(runs.lyapunov_largest, runs.lyapunov_spectrum[..., 0])
    assert (runs.lyapunov_largest_error < 1e-7).all()


def test_the_logistic_map_has_log_2() -> None:
    starts = np.linspace(0.11, 0.87, 16)[:, None]
    runs = ensemble(
        Logistic(), GD, eta=1.0, starts=starts, n_steps=20_000, observables=["lyapunov"]
    )
    error = runs.lyapunov_largest_error.values
    assert (error < 0.002).all()
    # Sixteen of Student's t with 19 degrees of freedom: one is beyond 5 in a thousand such tests.
    np.testing.assert_array_less(np.abs(runs.lyapunov_largest - np.log(2)), 5 * error)


def determinants_along(path: np.ndarray, eta: float, rho: float) -> np.ndarray:
    """det(I − ηH(w + ρu)(I + ρ(I − uuᵀ)H(w)/‖g‖)) of SAM on Saddle, u = g/‖g‖, by hand."""
    found = []
    for w in path:
        g = Saddle().reference_gradient(w)
        u, one = g / np.linalg.norm(g), np.eye(2)
        ascent = one + rho * (one - np.outer(u, u)) @ Saddle().hessian(w) / np.linalg.norm(g)
        found.append(np.linalg.det(one - eta * Saddle().hessian(w + rho * u) @ ascent))
    return np.array(found)


def test_exponents_add_up_to_the_mean_logarithm_of_the_determinant() -> None:
    # Of the steps that count: 100 of the 125, whose windows are of 5.
    runs = ensemble(
        Saddle(), SAM, eta=0.1, rho=0.2, starts=[[0.3, -1.2]], n_steps=125,
        observables=BOTH | {"iterate": "trace"},
    )  # fmt: skip
    path = runs.iterate_trace.values[0, -101:-1]
    logarithms = np.log(np.abs(determinants_along(path, eta=0.1, rho=0.2)))
    total = float(runs.lyapunov_spectrum.sum())
    # Both round by some ε, multiplied by the condition of a step, below 1e4.
    assert total == pytest.approx(logarithms.mean(), abs=1e-11)
    # So that a mean over other steps would be seen.
    assert total != pytest.approx(logarithms[:-1].mean(), abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [USAM, HeavyBallGD], ids=lambda one: one.name)
def test_both_compilers_agree(algorithm: Algorithm, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_neuron() -> np.ndarray:
        lyapunov._tangents.cache_clear()
        runs = ensemble(
            LinearNeuron("logcosh"), algorithm, eta=0.1, rho=0.1, starts=[[1.5, 0.4], [2.0, -1.0]],
            n_steps=700, observables=BOTH,
        )  # fmt: skip
        return np.stack([runs[f"lyapunov_{name}"] for name in ("spectrum", "spectrum_error")])

    one = of_neuron()

    def refuse(*_: object) -> None:
        raise native.NotElementwise("by the test")

    monkeypatch.setattr(lyapunov.native, "compile_runs", refuse)
    other = of_neuron()
    lyapunov._tangents.cache_clear()
    assert np.isfinite(one).all()
    np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def test_what_leaves_has_none() -> None:
    runs = ensemble(
        Quadratic((1.0,)), GD, eta=[2.5, 0.5, 1.0], starts=[1.0], n_steps=300,
        observables=["lyapunov"],
    )  # fmt: skip
    assert runs.outcome[0] == Outcome.DIVERGED
    np.testing.assert_array_equal(runs.lyapunov_largest[0], np.nan)
    assert runs.lyapunov_largest[1] == pytest.approx(np.log(0.5), rel=1e-12)
    # A step onto the minimum forgets where it came from.
    assert (float(runs.lyapunov_largest[2]), float(runs.lyapunov_largest_error[2])) == (
        -np.inf,
        np.inf,
    )


def test_what_cannot_be_asked_for_is_refused() -> None:
    def ask(landscape: Landscape, observables: Any) -> None:
        starts = np.ones(landscape.dim)
        sweep(landscape, GD, eta=0.1, starts=starts, n_steps=10, observables=observables)

    with pytest.raises(ValueError, match="largest, largest_error, spectrum, spectrum_error"):
        ask(Saddle(), {"lyapunov": "max"})
    with pytest.raises(ValueError, match="up to dim 4, and the landscape has dim 5"):
        ask(Quadratic((1.0,) * 5), {"lyapunov": "spectrum"})


def test_most_undecided_runs_of_sam_on_the_saddle_are_chaotic_and_none_of_gd() -> None:
    starts = uniform_starts(16, low=(-2, -2), high=(2, 2), seed=20244)
    runs = sweep(
        Saddle(), [GD, SAM], eta=np.geomspace(1e-3, 0.3, 25), rho=0.2, starts=starts,
        n_steps=20_000, observables=["lyapunov"],
    )  # fmt: skip
    positive = runs.lyapunov_largest > 3 * runs.lyapunov_largest_error
    undecided = runs.outcome == Outcome.BUDGET
    of_sam, of_gd = positive.sel(algorithm="SAM"), positive.sel(algorithm="GD")
    # By 131,072 steps and bitwise repeats, 89 % were found (docs/performance.md).
    share = of_sam.values[undecided.sel(algorithm="SAM").values].mean()
    assert 0.8 < share < 1
    assert not of_gd.any()
    assert not of_sam.where(~undecided.sel(algorithm="SAM"), False).any()
