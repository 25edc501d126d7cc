"""Each departure is called by its name and by no other, and what is right is said to be so."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import dynamics
from dynamics import (
    ALGORITHMS,
    ASAM,
    GD,
    NSAM,
    SAM,
    SGD,
    USAM,
    Algorithm,
    ArrayVector,
    HeavyBall,
    OneSAM,
    Optax,
    StableSAM,
    conformance,
    direction,
)
from dynamics.conformance import EXPLANATIONS, Report, probes
from dynamics.conformance.arithmetic import NumberVector
from dynamics.conformance.suspects import Suspect, candidates
from landscapes import Formula
from tests.support import foreign_optimizers as foreign
from tests.support import oracle
from tests.support.foreign_optimizers import ETA, RHO

check_optimizer: Any = dynamics.check_optimizer  # also called with what its types forbid


def found(report: Report) -> list[str]:
    return [departure.name for departure in report.departures]


# -- what it compares with -----------------------------------------------------------------------


def test_the_probe_is_the_loss_that_witnesses_name():
    landscape = Formula(probes.LOSS)
    examples = [Formula(probes.LOSS + added) for added in probes.EXAMPLES]
    for w in (*probes.STARTS, *probes.FRESH, probes.ORIGIN):
        expected = landscape.gradient(w)
        np.testing.assert_allclose(probes.gradient(w), expected, rtol=1e-14, atol=1e-15)
        drawn = [probes.example_gradient(w, t) for t in (1, 2, 3)]
        for t, g in enumerate(drawn, 1):
            expected = examples[probes.drawn(t)].gradient(w)
            np.testing.assert_allclose(g, expected, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(np.mean(drawn, axis=0), probes.gradient(w), atol=1e-15)
    assert not probes.gradient(probes.ORIGIN).any()


@pytest.mark.parametrize("algorithm", candidates(), ids=str)
def test_suspects_are_the_algorithms(algorithm: Algorithm):
    # Against the oracle, which shares nothing with the rules; ASAM(0) is not registered.
    if algorithm.name not in oracle.DIRECTIONS:
        assert algorithm == ASAM(0)
        return
    landscape = Formula(probes.LOSS)
    starts, n_steps = np.stack(probes.STARTS, axis=-1), probes.N_STEPS
    paths = Suspect.plain(algorithm).path(starts, ETA, RHO, n_steps)
    for i, start in enumerate(probes.STARTS):
        expected = oracle.path(landscape, algorithm.name, start, ETA, RHO, n_steps)
        np.testing.assert_allclose(paths[:, :, i], expected, rtol=0, atol=1e-13)
        one = Suspect.plain(algorithm).path(start, ETA, RHO, n_steps)
        np.testing.assert_allclose(one, expected, rtol=0, atol=1e-13)


@pytest.mark.slow
def test_vectors_of_numbers_are_those_of_arrays():
    w = (np.array([0.3, -1.2]), np.array([2.5]))
    ours, theirs = NumberVector(w), ArrayVector(tuple(jnp.asarray(c) for c in w))
    for name in ("norm", "largest", "total"):
        one, other = (float(getattr(v, name)()) for v in (ours, theirs))
        assert one == pytest.approx(other, rel=1e-15)
    for name in ("unit", "absolute", "sign"):
        pairs = zip(*(getattr(v, name)().components for v in (ours, theirs)), strict=True)
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-15)
    assert not NumberVector((np.zeros(2), np.zeros(1))).unit().components[0].any()


# -- what is right -------------------------------------------------------------------------------

RIGHT: list[tuple[Callable, Algorithm]] = [
    (foreign.gd, GD), (foreign.sam, SAM), (foreign.usam, USAM), (foreign.stable_sam, StableSAM),
]  # fmt: skip


@pytest.mark.parametrize(("step", "algorithm"), RIGHT, ids=lambda x: getattr(x, "__name__", ""))
def test_right_step_functions_conform(step: Any, algorithm: Algorithm):
    report = check_optimizer(step)
    assert report.conforms and report.conforms_elsewhere
    assert report.algorithm is algorithm
    assert str(report) == f"{algorithm}, exactly; used as a step function"
    assert check_optimizer(step, eta=0.03, rho=0.4, expected=algorithm).conforms


@pytest.mark.slow
@pytest.mark.parametrize(
    "algorithm", [a for a in candidates() if a.base is None and a.is_autonomous], ids=str
)
def test_every_registered_map_is_recognised(algorithm: Algorithm):
    def step(gradient, w, eta, rho):
        def of_vector(v):
            return type(v)((gradient(v.components[0]),))

        v = NumberVector((w,))
        return w - eta * direction(of_vector, algorithm, v, rho).components[0]

    report = check_optimizer(step)
    assert report.algorithm == algorithm, str(report)
    assert report.conforms, str(report)


def test_compiled_step_functions_conform():
    @jax.jit
    def compiled(w, eta, rho):
        g = probes.gradient(w)
        length = jnp.linalg.norm(g)
        unit = jnp.where(length > 0, g / jnp.where(length > 0, length, 1), 0)
        return w - eta * probes.gradient(w + rho * unit)

    report = check_optimizer(lambda gradient, w, eta, rho: compiled(w, eta, rho))
    assert report.conforms and report.algorithm is SAM


# -- what is not ---------------------------------------------------------------------------------

BROKEN: list[tuple[Any, Algorithm, list[str]]] = [
    (foreign.sam_without_a_guard, SAM, ["nan_at_critical_point"]),
    (foreign.sam_that_never_stays, SAM, ["moves_at_critical_point"]),
    (foreign.downhill, SAM, ["wrong_sign"]),
    (foreign.downhill_raw, USAM, ["wrong_sign"]),
    (foreign.accumulated, SAM, ["accumulated_gradient"]),
    (foreign.accumulated_stable, StableSAM, ["accumulated_gradient"]),
    (foreign.per_tensor, SAM, ["per_tensor_norm"]),
    (foreign.never_applied, GD, ["perturbation_never_applied"]),
    (foreign.never_removed, SAM, ["perturbation_never_removed"]),
    (foreign.in_single_precision, SAM, ["float32"]),
    (foreign.with_decay, SAM, ["weight_decay"]),
    (foreign.WithMomentum(0.7, False), SAM, ["momentum"]),
    (foreign.WithMomentum(0.7, True), SAM, ["nesterov_momentum"]),
    (foreign.adaptive_sam, ASAM(0), ["epsilon_in_norm"]),
    (foreign.epsilon_and_downhill, SAM, ["wrong_sign", "epsilon_in_norm"]),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "algorithm", "names"),
    BROKEN,
    ids=[f"{i}-{n[0]}" for i, (_, _, n) in enumerate(BROKEN)],
)
def test_broken_step_functions_are_called_by_name(
    step: Any, algorithm: Algorithm, names: list[str]
):
    report = check_optimizer(step)
    assert found(report) == names, str(report)
    assert report.algorithm == algorithm
    assert not report.conforms
    assert report.conforms_elsewhere == (names[0].endswith("at_critical_point"))


@pytest.mark.parametrize("epsilon", [1e-2, 1e-8, 1e-12, 1e-30])
def test_the_size_of_an_epsilon_is_estimated_and_where_it_stands(epsilon: float):
    for make, how in (
        (foreign.sam_with_epsilon, "added to the norm"),
        (foreign.sam_with_epsilon_under_the_root, "under the root"),
        (foreign.sam_with_a_least_norm, "as the least norm"),
    ):
        report = check_optimizer(make(epsilon))
        assert report.algorithm is SAM and found(report) == ["epsilon_in_norm"], str(report)
        (departure,) = report.departures
        assert departure.size == pytest.approx(epsilon, rel=1e-3), how
        assert departure.detail == how


def test_the_sizes_of_momentum_and_decay_are_estimated():
    for step, size in (
        (foreign.WithMomentum(0.7, False), 0.7), (foreign.WithMomentum(0.4, True), 0.4),
        (foreign.with_decay, 0.03),
    ):  # fmt: skip
        (departure,) = check_optimizer(step).departures
        assert departure.size == pytest.approx(size, rel=1e-9)


def test_momentum_of_a_registered_algorithm_is_no_departure():
    report = check_optimizer(foreign.WithMomentum(0.9, False))
    assert report.conforms and report.algorithm is ALGORITHMS["HeavyBallSAM"]
    assert check_optimizer(
        foreign.WithMomentum(0.7, False), expected=SAM.with_base(HeavyBall(0.7))
    ).conforms


UNKNOWN = [
    (foreign.another_radius, "the nearest is "),
    (foreign.nonsense, "none is near; "),
    (foreign.gsam, "the nearest is "),
    (foreign.on_one_tensor, "none is near; "),
    (foreign.adam, "none is near; "),
]


@pytest.mark.slow
@pytest.mark.parametrize(("step", "detail"), UNKNOWN, ids=[s.__name__ for s, _ in UNKNOWN])
def test_what_is_like_nothing_is_said_to_be(step: Any, detail: str):
    report = check_optimizer(step)
    assert report.algorithm is None and found(report) == ["unrecognised"]
    assert not report.conforms and not report.conforms_elsewhere
    assert "no known algorithm" in str(report)
    assert report.departures[0].detail.startswith(detail)


# -- several at once -----------------------------------------------------------------------------

BOTH_GRADIENTS = "in both gradients"
# What is combined, the algorithm, and each departure with its number and what its detail holds.
COMBINED: list[tuple[dict[str, Any], str, list[tuple[str, float | None, str]]]] = [
    ({"momentum": 0.9, "decoupled": 0.01, "epsilon": 1e-12}, "HeavyBallSAM",
     [("weight_decay", 0.01, "decoupled"), ("epsilon_in_norm", 1e-12, "added")]),
    ({"momentum": 0.6, "coupled": 0.02}, "SAM",
     [("momentum", 0.6, ""), ("weight_decay", 0.02, "coupled")]),
    ({"momentum": 0.8, "nesterov": True, "coupled": 0.003, "epsilon": 1e-8}, "SAM",
     [("nesterov_momentum", 0.8, ""), ("weight_decay", 0.003, "coupled"),
      ("epsilon_in_norm", 1e-8, "added")]),
    ({"momentum": 0.8, "nesterov": True, "decoupled": 0.003}, "SAM",
     [("nesterov_momentum", 0.8, ""), ("weight_decay", 0.003, "decoupled")]),
    ({"momentum": 0.8, "coupled": 0.01, "decoupled": 0.03}, "SAM",
     [("momentum", 0.8, ""), ("weight_decay", 0.01, "coupled"),
      ("weight_decay", 0.03, "decoupled")]),
    ({"ascent": "raw", "momentum": 0.5, "dampening": 0.2}, "USAM",
     [("momentum", 0.5, ""), ("dampening", 0.2, "")]),
    ({"momentum": 0.7, "in_both": 0.04}, "SAM",
     [("momentum", 0.7, ""), ("weight_decay", 0.04, BOTH_GRADIENTS)]),
    ({"momentum": 0.9, "in_both": 5e-4, "epsilon": 1e-12}, "HeavyBallSAM",
     [("weight_decay", 5e-4, BOTH_GRADIENTS), ("epsilon_in_norm", 1e-12, "added")]),
    ({"in_both": 0.04, "epsilon": 1e-3}, "SAM",
     [("weight_decay", 0.04, BOTH_GRADIENTS), ("epsilon_in_norm", 1e-3, "added")]),
    ({"momentum": 0.9, "clip": ("torch", 0.8), "coupled": 5e-4, "epsilon": 1e-12}, "HeavyBallSAM",
     [("weight_decay", 5e-4, "coupled"), ("clipping", 0.8, "by the norm + 1e-6"),
      ("epsilon_in_norm", 1e-12, "added")]),
    ({"momentum": 0.7, "clip": ("tensor", 0.6), "decoupled": 0.02}, "SAM",
     [("momentum", 0.7, ""), ("weight_decay", 0.02, "decoupled"),
      ("clipping", 0.6, "the second gradient, by the norm of each tensor")]),
    ({"clip": ("value", 0.5)}, "SAM", [("clipping", 0.5, "entry by entry")]),
    ({"ascent": "raw", "clip_first": ("norm", 0.9)}, "USAM",
     [("clipping", 0.9, "the first gradient, by the norm")]),
    ({"momentum": 0.6, "kept": 2.0}, "SAM",
     [("restore_with_wrong_sign", None, ""), ("momentum", 0.6, "")]),
    ({"kept": 1.0, "momentum": 0.9, "coupled": 0.01}, "HeavyBallSAM",
     [("perturbation_never_removed", None, ""), ("weight_decay", 0.01, "coupled")]),
    ({"kept": 0.3, "epsilon": 1e-12}, "SAM",
     [("perturbation_partly_removed", 0.3, ""), ("epsilon_in_norm", 1e-12, "added")]),
    ({"sign": -1.0, "per_tensor": True, "momentum": 0.9, "epsilon": 1e-8}, "HeavyBallSAM",
     [("wrong_sign", None, ""), ("per_tensor_norm", None, ""),
      ("epsilon_in_norm", 1e-8, "added")]),
    ({"accumulates": True, "momentum": 0.9, "coupled": 0.01}, "HeavyBallSAM",
     [("accumulated_gradient", None, ""), ("weight_decay", 0.01, "coupled")]),
    ({"rate": lambda t: 0.9**t}, "SAM", [("learning_rate_schedule", None, "1, 0.9, 0.81")]),
    ({"rate": lambda t: min(1.0, (t + 1) / 3), "momentum": 0.9, "decoupled": 0.01},
     "HeavyBallSAM",
     [("weight_decay", 0.01, "decoupled"), ("learning_rate_schedule", None, "0.333, 0.667, 1")]),
    ({"rate": lambda t: 1.5}, "SAM", [("learning_rate", 1.5, "")]),
    ({"ascent": "adaptive", "momentum": 0.8, "epsilon": 1e-12}, "ASAM(0)",
     [("momentum", 0.8, ""), ("epsilon_in_norm", 1e-12, "added")]),
    ({"ascent": "none", "momentum": 0.95, "decoupled": 0.1, "clip": ("norm", 0.7)}, "GD",
     [("momentum", 0.95, ""), ("weight_decay", 0.1, "decoupled"), ("clipping", 0.7, "")]),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "algorithm", "departures"), COMBINED, ids=["-".join(h) for h, _, _ in COMBINED]
)
def test_departures_that_are_combined_are_named_together(
    how: dict[str, Any], algorithm: str, departures: list[tuple[str, float | None, str]]
):
    report = check_optimizer(foreign.Combined(**how))
    assert str(report.algorithm) == algorithm, str(report)
    assert found(report) == [name for name, _, _ in departures], str(report)
    for departure, (name, size, detail) in zip(report.departures, departures, strict=True):
        # A number in the norm is read off one step, where it is all but lost beside the rest.
        assert detail in departure.detail, str(departure)
        if size is None:
            assert departure.size is None
        else:
            share = 1e-3 if name == "epsilon_in_norm" else 1e-7
            assert departure.size == pytest.approx(size, rel=share), str(departure)


def test_what_is_combined_is_said_in_one_line():
    step = foreign.Combined(momentum=0.8, decoupled=0.01, epsilon=1e-12)
    assert str(check_optimizer(step)).startswith(
        "SAM + momentum 0.8 + decoupled weight decay 0.01 + epsilon 1e-12; used as a step function"
    )


# -- on examples ---------------------------------------------------------------------------------

ON_EXAMPLES: list[tuple[Callable, str, list[str]]] = [
    (foreign.n_sam, "n-SAM", []),
    (foreign.dnsam, "DNSAM", []),
    (foreign.one_sam, "1-SAM", []),
    (foreign.whole_sam, "SAM", []),
    (foreign.usam_on_examples, "minibatch USAM", []),
    (foreign.n_sam_with_epsilon_and_decay, "n-SAM", ["weight_decay", "epsilon_in_norm"]),
]


@pytest.mark.parametrize(
    ("step", "algorithm", "names"), ON_EXAMPLES, ids=[s.__name__ for s, _, _ in ON_EXAMPLES]
)
def test_who_asks_for_the_whole_gradient_may_be_one_that_draws(
    step: Callable, algorithm: str, names: list[str]
):
    report = check_optimizer(step)
    assert str(report.algorithm) == algorithm and found(report) == names, str(report)


@pytest.mark.slow
def test_one_that_draws_may_be_expected():
    assert check_optimizer(foreign.sam, expected=OneSAM).conforms
    assert check_optimizer(foreign.gd, expected=SGD).conforms
    report = check_optimizer(foreign.sam, expected=NSAM)
    assert found(report) == ["unrecognised"]
    assert report.departures[0].witness.examples == probes.EXAMPLES


def test_an_algorithm_with_a_schedule_or_a_base_of_its_own_may_be_expected():
    decreasing = replace(SAM, schedule=lambda t, eta, rho: (eta / t, rho))
    step = foreign.Combined(rate=lambda t: 1 / (t + 1))
    assert check_optimizer(step, expected=decreasing).conforms
    theirs = SAM.with_base(Optax(optax.sgd(1.0, momentum=0.7), "sgd"))
    step = foreign.Combined(momentum=0.7, coupled=0.01)
    assert found(check_optimizer(step, expected=theirs)) == ["weight_decay"]


@pytest.mark.slow
def test_what_is_expected_is_compared_with():
    report = check_optimizer(foreign.gd, expected=SAM)
    assert found(report) == ["perturbation_never_applied"]
    assert found(check_optimizer(foreign.usam, expected=SAM)) == ["unrecognised"]
    assert check_optimizer(foreign.gd, expected=GD).conforms


def test_a_witness_can_be_pasted_and_shows_the_difference():
    for step in (foreign.downhill, foreign.WithMomentum(0.7, False), foreign.sam_without_a_guard):
        report = check_optimizer(step)
        (departure,) = report.departures
        pasted: dict[str, Any] = {}
        exec(str(departure.witness), pasted)
        landscape = Formula(pasted["loss"])
        w = expected = np.array(pasted["w"])
        with np.errstate(invalid="ignore"):
            for _ in range(pasted["n_steps"]):
                w = step(landscape.gradient, w, pasted["eta"], pasted["rho"])
                expected = foreign.sam(landscape.gradient, expected, pasted["eta"], pasted["rho"])
        np.testing.assert_allclose(w, pasted["got"], rtol=1e-12)
        np.testing.assert_allclose(expected, pasted["expected"], rtol=1e-12)
        assert not np.allclose(pasted["expected"], pasted["got"], rtol=1e-6)
        assert departure.name in str(report) and EXPLANATIONS[departure.name] in str(report)


# -- optax ---------------------------------------------------------------------------------------


def contributed(eta: float = ETA, rho: float = RHO, **settings: Any) -> Any:
    ascent = optax.chain(optax.contrib.normalize(), optax.sgd(rho))
    return optax.contrib.sam(optax.sgd(eta), ascent, **settings)


@pytest.mark.slow
def test_sam_of_optax_is_sam_but_for_critical_points():
    for optimizer in (contributed(sync_period=2), contributed(opaque_mode=True)):
        report = check_optimizer(optimizer, eta=ETA, rho=RHO)
        assert report.algorithm is SAM and report.conforms_elsewhere
        assert found(report) == ["nan_at_critical_point"]
        assert np.isnan(report.departures[0].witness.got).all()
    assert "2 calls a step" in check_optimizer(contributed(), eta=ETA, rho=RHO).used_as


@pytest.mark.slow
def test_sam_of_optax_with_a_period_of_one_leaps_back():
    report = check_optimizer(contributed(sync_period=1), eta=ETA, rho=RHO)
    assert found(report) == ["stale_iterate", "nan_at_critical_point"]
    assert report.algorithm is GD and not report.conforms_elsewhere


@pytest.mark.slow
def test_transformations_are_recognised_and_can_be_made_anew():
    report = check_optimizer(lambda eta, rho: optax.sgd(eta))
    assert report.conforms and report.algorithm is GD
    report = check_optimizer(lambda eta, rho: optax.sgd(eta, momentum=0.9, nesterov=True))
    assert report.conforms and report.algorithm is ALGORITHMS["NesterovGD"]
    report = check_optimizer(contributed, gradients_per_step=2)
    assert report.algorithm is SAM
    decay = optax.chain(optax.add_decayed_weights(0.05), optax.sgd(ETA))
    assert found(check_optimizer(decay, eta=ETA, rho=RHO)) == ["weight_decay"]
    downhill = optax.contrib.sam(
        optax.sgd(ETA), optax.chain(optax.contrib.normalize(), optax.sgd(-RHO)), sync_period=2
    )
    assert found(check_optimizer(downhill, eta=ETA, rho=RHO))[0] == "wrong_sign"
    raw = optax.contrib.sam(optax.sgd(ETA), optax.sgd(RHO), sync_period=2)
    report = check_optimizer(raw, eta=ETA, rho=RHO)
    assert report.conforms and report.algorithm is USAM
    assert found(check_optimizer(lambda eta, rho: optax.adam(eta))) == ["unrecognised"]


# -- torch ---------------------------------------------------------------------------------------

TORCH: dict[str, tuple[Algorithm, list[str]]] = {
    "two steps": (SAM, []),
    "closure": (SAM, []),
    "SGD": (GD, []),
    "with epsilon": (SAM, ["epsilon_in_norm"]),
    "downhill": (SAM, ["wrong_sign"]),
    "never removed": (SAM, ["perturbation_never_removed"]),
    "never applied": (GD, ["perturbation_never_applied"]),
    "accumulating": (SAM, ["accumulated_gradient"]),
    "per tensor": (SAM, ["per_tensor_norm"]),
    "with momentum": (ALGORITHMS["HeavyBallSAM"], []),
    "with decay": (SAM, ["weight_decay"]),
}


@pytest.mark.parametrize("name", TORCH)
def test_optimisers_of_torch(name: str):
    pytest.importorskip("torch")
    report = check_optimizer(foreign.torch_optimizers()[name])
    algorithm, names = TORCH[name]
    assert found(report) == names, str(report)
    assert report.algorithm == algorithm
    assert "a torch optimiser" in report.used_as


# -- what is refused -----------------------------------------------------------------------------


def no_work(*_: Any) -> None:
    raise AssertionError("it was run")


NONSENSE = "optimizer must be a step function .*; got "
REFUSED: list[tuple[tuple, dict[str, Any], str]] = [
    ((None,), {}, NONSENSE + "None"),
    (("sgd",), {}, NONSENSE + "'sgd'"),
    ((3.0,), {}, NONSENSE + "3.0"),
    ((SAM,), {}, NONSENSE),
    ((dict,), {}, NONSENSE + "<class 'dict'>"),
    ((lambda w: w,), {}, NONSENSE),
    ((lambda a, b, c, d, e: a,), {}, NONSENSE),
    ((lambda g, w, e, r: no_work(),), {"eta": 0.0}, "eta must be positive and finite; got 0.0"),
    (
        (lambda g, w, e, r: no_work(),),
        {"eta": "fast"},
        "eta must be positive and finite; got 'fast'",
    ),
    ((lambda g, w, e, r: no_work(),), {"rho": -1.0}, "rho must be positive and finite; got -1.0"),
    (
        (lambda g, w, e, r: no_work(),),
        {"rho": float("nan")},
        "rho must be positive and finite; got nan",
    ),
    (
        (lambda g, w, e, r: no_work(),),
        {"rho": [0.1, 0.2]},
        "rho must be positive and finite; got .0.1, 0.2.",
    ),
    ((lambda e, r: no_work(),), {"gradients_per_step": 0}, "gradients_per_step must be a whole"),
    ((lambda e, r: no_work(),), {"expected": "SAM"}, "expected must be an Algorithm .*; got 'SAM'"),
    ((optax.sgd(0.1),), {}, "eta and rho must be those that the transformation was made with"),
    ((optax.sgd(0.1),), {"eta": 0.1}, "got eta=0.1, rho=None"),
    ((lambda e, r: 3,), {}, "must make a gradient transformation of optax; it made 3"),
    (
        (lambda g, w, e, r: w[:2],),
        {},
        r"a point, shape \(3,\); got shape \(2,\)",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    REFUSED,
    ids=[f"{i}-{r[2][:30]}" for i, r in enumerate(REFUSED)],
)
def test_nonsense_is_refused(arguments: tuple, given: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        check_optimizer(*arguments, **given)


def test_errors_of_the_optimiser_are_its_own():
    def failing(gradient, w, eta, rho):
        raise ZeroDivisionError("theirs")

    with pytest.raises(ZeroDivisionError, match="theirs"):
        check_optimizer(failing)


def test_torch_and_optax_are_not_imported_without_need():
    for module in Path(conformance.__file__).parent.glob("*.py"):
        for node in ast.parse(module.read_text(encoding="utf-8")).body:  # not within functions
            if isinstance(node, ast.Import | ast.ImportFrom):
                text = ast.unparse(node)
                assert "torch" not in text and "optax" not in text, module
