"""Observables: each reduction is that of the trajectory, each quantity that of NumPy."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dynamics import (
    GD,
    OBSERVABLES,
    REDUCTIONS,
    SAM,
    Criteria,
    Outcome,
    StableSAM,
    ensemble,
    sweep,
    trajectory,
)
from dynamics.engine.observables import register
from landscapes import CriticalKind, Landscape, LinearNeuron, MatrixSensing, Quadratic, Saddle

N_STEPS, MEAN_LAST, EVERY = 23, 5, 4
LANDSCAPES = [Saddle(), LinearNeuron("logcosh")]


def top(landscape: Landscape, w: np.ndarray) -> tuple[float, np.ndarray]:
    values, vectors = np.linalg.eigh(landscape.hessian(w))
    return values[-1], vectors[:, -1]


def nearest_minimum(landscape: Landscape, w: np.ndarray) -> float:
    sets = landscape.facts.critical_sets
    return min(float(one.distance(w)) for one in sets if one.kind is CriticalKind.MINIMUM)


def alignment(landscape: Landscape, w: np.ndarray) -> float:
    g = landscape.reference_gradient(w)
    return float(abs(g @ top(landscape, w)[1]) / np.linalg.norm(g)) if g.any() else 0.0


BY_HAND = {
    "iterate": lambda _, w: w,
    "loss": lambda landscape, w: float(landscape.loss(w)),
    "gradient_norm": lambda landscape, w: np.linalg.norm(landscape.reference_gradient(w)),
    "point_norm": lambda landscape, w: np.linalg.norm(w),
    "sharpness": lambda landscape, w: top(landscape, w)[0],
    "alignment": alignment,
    "distance_to_minima": nearest_minimum,
}
REDUCED = {
    "last": lambda values: values[-1],
    "max": lambda values: values.max(axis=0),
    "min": lambda values: values.min(axis=0),
    "argmin": lambda values: values.argmin(axis=0),
    "mean_last": lambda values: values[-MEAN_LAST:].mean(axis=0),
    "trace": lambda values: values[::EVERY],
}


def test_every_observable_and_reduction_is_here():
    assert set(BY_HAND) == set(OBSERVABLES)
    assert set(REDUCED) == set(REDUCTIONS)
    assert all(function.__doc__ for function in OBSERVABLES.values())


@pytest.mark.slow
@pytest.mark.parametrize("landscape", LANDSCAPES, ids=lambda one: type(one).__name__)
def test_reductions_are_those_of_the_trajectory(landscape: Landscape):
    starts = [(1.3, -0.6), (0.4, 1.7), (0.0, 0.0)]
    found = sweep(
        landscape, SAM, eta=0.11, rho=0.13, starts=starts, n_steps=N_STEPS,
        observables={name: REDUCTIONS for name in OBSERVABLES},
        mean_last=MEAN_LAST, trace_every=EVERY,
    ).squeeze()  # fmt: skip
    np.testing.assert_array_equal(found["step"], np.arange(0, N_STEPS + 1, EVERY))
    for i, start in enumerate(starts):
        path = trajectory(landscape, SAM, start, eta=0.11, rho=0.13, n_steps=N_STEPS)
        for name, by_hand in BY_HAND.items():
            values = np.array([by_hand(landscape, w) for w in path])
            for reduction, reduced in REDUCED.items():
                variable = found[f"{name}_{reduction}"]
                steps = ("step",) if reduction == "trace" else ()
                assert variable.dims == ("start", *steps, *(("dim",) if name == "iterate" else ()))
                if reduction == "argmin" and name in ("sharpness", "alignment"):
                    # NumPy's values differ from these by rounding: where they tie, either is it.
                    at = values[variable[i]]
                    np.testing.assert_allclose(at, values.min(), rtol=1e-10, atol=1e-12)
                    continue
                # One path, read by two compilers; alignment divides by a gap of eigenvalues and
                # by ‖g‖ ≥ 1e-2.
                np.testing.assert_allclose(
                    variable[i], reduced(values), rtol=1e-10, atol=1e-12, err_msg=variable.name
                )


def test_a_mean_over_more_than_all_is_over_all():
    found = sweep(
        Saddle(), SAM, eta=0.1, rho=0.2, starts=(1.3, -0.6), n_steps=4,
        observables={"loss": "mean_last"}, mean_last=100,
    )  # fmt: skip
    path = trajectory(Saddle(), SAM, (1.3, -0.6), eta=0.1, rho=0.2, n_steps=4)
    assert float(found["loss_mean_last"].squeeze()) == pytest.approx(
        Saddle().loss(path).mean(), rel=1e-13
    )


def test_what_diverges_is_held_inside_and_is_never_nan():
    found = sweep(
        Saddle(), StableSAM, eta=0.7, rho=0.2, starts=[(3.1, -2.2), (0.9, 1.2)], n_steps=60,
        observables={"point_norm": REDUCTIONS, "loss": ("max", "trace")}, trace_every=10,
    ).squeeze()  # fmt: skip
    assert found.outcome.values.tolist()[0] == 3
    for name in found:
        assert not np.isnan(found[name]).any()
    held = np.linalg.norm(found["final"][0])
    assert float(found["point_norm_last"][0]) == pytest.approx(held, rel=1e-10)
    assert float(found["point_norm_max"].max()) <= 1e12


@pytest.mark.parametrize("landscape", [Saddle(), MatrixSensing(1, 1, 3, seed=1)], ids=str)
def test_what_starts_outside_the_ball_stays_there_though_a_step_leads_inside(landscape: Landscape):
    # In machine code, and by XLA. A second run that stays inside keeps the block going.
    start = np.full(landscape.dim, 3.0)
    gradient = landscape.gradient(start)
    eta = float(start @ gradient / (gradient @ gradient))
    radius = 0.8 * float(np.linalg.norm(start))
    assert np.linalg.norm(start - eta * gradient) < radius
    runs = sweep(
        landscape, GD, eta=eta, starts=[start, 0.1 * start], n_steps=3, early_stop=False,
        criteria=Criteria(divergence_radius=radius), observables={"iterate": "trace"},
    )  # fmt: skip
    outside = runs.isel(start=0).squeeze()
    assert outside.outcome == Outcome.DIVERGED and outside.n_steps == 0
    assert (np.atleast_1d(outside.final) == start).all()
    assert (outside.iterate_trace.values.reshape(4, -1) == start).all()


def test_they_depend_on_their_run_and_go_with_every_shape():
    eta, rho = (0.05, 0.2), (0.1, 0.3)
    starts = [(1.3, -0.6), (0.4, 1.7), (-1.1, 0.2)]
    grid = sweep(
        Saddle(), SAM, eta=eta, rho=rho, starts=starts, n_steps=9,
        observables={"sharpness": ("max", "trace")}, trace_every=3,
    )  # fmt: skip
    assert grid["sharpness_trace"].dims == ("algorithm", "rho", "eta", "start", "step")
    runs = ensemble(
        Saddle(), SAM, eta=eta[1], rho=rho[0], starts=starts, n_steps=9,
        observables={"sharpness": ("max", "trace")}, trace_every=3,
    )  # fmt: skip
    for name in ("sharpness_max", "sharpness_trace"):
        expected = grid[name].sel(algorithm="SAM", eta=eta[1], rho=rho[0]).values
        np.testing.assert_allclose(runs[name].values, expected, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("landscape", [Quadratic((0.3, 1.2)), MatrixSensing(2, 1, 3, seed=1)])
def test_the_distance_to_the_minima_is_known_of_landscapes_with_parameters(landscape: Landscape):
    start = np.linspace(0.3, 1.1, landscape.dim)
    found = sweep(
        landscape, SAM, eta=0.05, rho=0.1, starts=start, n_steps=3,
        observables={"distance_to_minima": "last"},
    )  # fmt: skip
    path = trajectory(landscape, SAM, start, eta=0.05, rho=0.1, n_steps=3)
    assert float(found["distance_to_minima_last"].squeeze()) == pytest.approx(
        nearest_minimum(landscape, path[-1]), rel=1e-10
    )


def flow(landscape: Landscape, w: np.ndarray):
    """−∇L(w) and ‖w‖²: three numbers."""
    return jnp.append(-landscape.gradient(w), w @ w)


def test_functions_of_ones_own_may_be_vectors():
    options = {"eta": 0.1, "rho": 0.2, "starts": (1.3, -0.6), "n_steps": 6, "trace_every": 2}
    found = sweep(Saddle(), SAM, **options, observables={flow: ("last", "trace", "argmin")})
    path = trajectory(Saddle(), SAM, (1.3, -0.6), eta=0.1, rho=0.2, n_steps=6)
    expected = np.column_stack([-Saddle().gradient(path), (path**2).sum(axis=1)])
    assert found.flow_trace.dims[-2:] == ("step", "flow_axis")
    # Three operations of it are rounded, one after the other, at numbers of size 1.
    np.testing.assert_allclose(found.flow_trace.squeeze(), expected[::2], atol=1e-15)
    np.testing.assert_array_equal(found.flow_last.squeeze(), found.flow_trace.squeeze()[-1])
    np.testing.assert_array_equal(found.flow_argmin.squeeze(), expected.argmin(axis=0))
    # A list asks for last values; a function is known by its name.
    listed = sweep(Saddle(), SAM, **options, observables=[flow, "loss"])
    np.testing.assert_array_equal(listed.flow_last, found.flow_last)
    np.testing.assert_array_equal(listed.loss_last, listed.final_loss)


def test_what_is_no_observable_is_refused():
    def branches(landscape: Landscape, w: np.ndarray):
        return 1.0 if w[0] > 0 else 0.0

    options = {"eta": 0.1, "starts": (1.3, -0.6), "n_steps": 3}
    for given, message in (
        ({branches: "last"}, "branches must be a JAX function of a landscape and a point w"),
        ([lambda landscape, w: w], "must have a name"),
        ("loss", "must be a mapping"),
        ({"loss": "median"}, "the reduction of loss must be among last, max, min, argmin"),
        ({flow: "last", "flow": "last"}, "observables must be among"),
    ):
        with pytest.raises(ValueError, match=message):
            sweep(Saddle(), SAM, **options, observables=given)


def test_a_name_is_replaced_with_a_warning(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(OBSERVABLES, "flow", flow)

    def again(landscape: Landscape, w: np.ndarray):
        return w[0]

    again.__name__ = "flow"
    with pytest.warns(UserWarning, match="flow is defined again, and replaced"):
        register(again)
    assert register(again) is OBSERVABLES["flow"]  # the same once more says nothing
    found = sweep(
        Saddle(), SAM, eta=0.1, starts=(1.3, -0.6), n_steps=3, observables={"flow": "last"}
    )
    assert found.flow_last.item() == found.final[..., 0].item()
