"""Bad input is refused before anything is compiled, by a message that says what would do."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import dynamics
from dynamics import (
    GD,
    OBSERVABLES,
    REDUCTIONS,
    SAM,
    grid_starts,
    line_starts,
    normal_starts,
    uniform_starts,
)
from dynamics.engine import engine
from landscapes import Quadratic, Saddle

# They are called here with what their types forbid.
sweep: Any = dynamics.sweep
ensemble: Any = dynamics.ensemble
trajectory: Any = dynamics.trajectory
Criteria: Any = dynamics.Criteria

LANDSCAPE = Quadratic((0.3, 1.9))
GOOD: dict[str, Any] = {"eta": 0.1, "rho": 0.2, "starts": [(1.0, 2.0), (0.5, -1.0)], "n_steps": 3}
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch: pytest.MonkeyPatch):
    """Fails the test if anything gets as far as being compiled."""

    def reached(*_: Any, **__: Any) -> None:
        raise AssertionError("bad input reached the compiled code")

    monkeypatch.setattr(engine, "run", reached)
    monkeypatch.setattr(sys.modules["dynamics.experiments.blocks"], "observe", reached)
    monkeypatch.setattr(sys.modules["dynamics.trajectory"], "_path", reached)


def test_good_input_does_reach_it():
    # Otherwise every refusal below would be vacuous.
    for call in (
        lambda: sweep(LANDSCAPE, SAM, **GOOD),
        lambda: ensemble(LANDSCAPE, SAM, **GOOD),
        lambda: trajectory(LANDSCAPE, SAM, (1.0, 2.0), eta=0.1, n_steps=3),
    ):
        with pytest.raises(AssertionError, match="reached the compiled code"):
            call()


NUMBERS: list[tuple[dict[str, Any], str]] = [
    ({"eta": 0.0}, r"eta must be > 0; got 0.0 in 0.0"),
    ({"eta": [0.1, -0.3]}, r"eta must be > 0; got -0.3 in \[0.1, -0.3\]"),
    ({"eta": NAN}, "eta must be finite; got nan"),
    ({"eta": [0.1, INF]}, "eta must be finite; got inf"),
    ({"eta": []}, "eta must be a number or a list > 0; got an empty array"),
    ({"eta": "fast"}, "eta must be a number or a list > 0; got 'fast'"),
    ({"eta": None}, "eta must be "),
    ({"eta": [[0.1]]}, r"eta must be a number or a list > 0; got an array of shape \(1, 1\)"),
    ({"rho": -0.1}, "rho must be >= 0; got -0.1 in -0.1"),
    ({"rho": [0.1, NAN]}, "rho must be finite; got nan"),
    ({"rho": -INF}, "rho must be finite; got -inf"),
    ({"rho": []}, "rho must be a number or a list >= 0; got an empty array"),
    ({"starts": []}, "starts must be points of .* got an empty array"),
    ({"starts": np.ones((0, 2))}, "starts must be points of .* got an empty array"),
    ({"starts": [(1.0, NAN)]}, "starts must be finite; got nan"),
    ({"starts": [(1.0, INF)]}, "starts must be finite; got inf"),
    ({"starts": [(1.0, 2.0, 3.0)]}, r"starts must be .*\(n, 2\) or \(2,\); got shape \(1, 3\)"),
    ({"starts": np.ones((2, 2, 2))}, r"starts must be .*shape \(2, 2, 2\)"),
    ({"starts": 1.0}, "starts must be .*; got 1.0, a single number$"),
    ({"starts": [(1.0, 2.0), (1.0,)]}, "starts must be points of"),
    ({"n_steps": 0}, "n_steps must be a whole number >= 1 and <= 2147483647; got 0"),
    ({"n_steps": -3}, "n_steps must be a whole number >= 1 and <= 2147483647; got -3"),
    ({"n_steps": 2.0}, "n_steps must be a whole number >= 1 and <= 2147483647; got 2.0"),
    ({"n_steps": True}, "n_steps must be a whole number >= 1 and <= 2147483647; got True"),
    ({"chunk_size": 0}, "chunk_size must be a whole number >= 1; got 0"),
    ({"chunk_size": 10.5}, "chunk_size must be a whole number >= 1; got 10.5"),
    (
        {"observables": {"los": "last"}},
        f"observables must be among {', '.join(OBSERVABLES)}, lyapunov; got",
    ),
    (
        {"observables": {"loss": ("last", "median")}},
        f"the reduction of loss must be among {', '.join(REDUCTIONS)}; got 'median'",
    ),
]
cases = pytest.mark.parametrize(("bad", "message"), NUMBERS, ids=[str(b)[:40] for b, _ in NUMBERS])


@cases
def test_sweep_refuses(bad: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        sweep(LANDSCAPE, (GD, SAM), **(GOOD | bad))


@cases
def test_ensemble_refuses(bad: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        ensemble(LANDSCAPE, SAM, **(GOOD | bad))


@cases
def test_trajectory_refuses(bad: dict[str, Any], message: str):
    if not set(bad) <= {"eta", "rho", "starts", "n_steps"}:
        assert set(bad) <= {"chunk_size", "observables"}  # arguments that a path does not have
        return
    given = GOOD | {"starts": (1.0, 2.0)} | bad
    with pytest.raises(ValueError, match=message.replace("starts must", "start must")):
        trajectory(
            LANDSCAPE, SAM, given["starts"],
            eta=given["eta"], rho=given["rho"], n_steps=given["n_steps"],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("algorithms", "message"),
    [
        ([], r"algorithms must be one or more Algorithms; got \[\]"),
        (None, "algorithms must be one or more Algorithms; got None"),
        ("SAM", "algorithms must be one or more Algorithms; got 'SAM'"),
        ([SAM, "GD"], "algorithms must be Algorithms such as dynamics.SAM; got 'GD'"),
        ([SAM, GD, SAM], "algorithms must have distinct names; got SAM, GD, SAM"),
    ],
)
def test_algorithms_are_checked(algorithms: Any, message: str):
    with pytest.raises(ValueError, match=message):
        sweep(LANDSCAPE, algorithms, **GOOD)


@pytest.mark.parametrize(
    ("landscape", "cure"),
    [
        (None, "got None"),
        ("Saddle", r"got 'Saddle'; write Saddle\(…\)"),
        ("x**2", r"got 'x\*\*2'; write Formula\('x\*\*2'\)"),
        (Saddle, r"; write Saddle\(\)"),
        (SAM, "got Algorithm"),
    ],
)
def test_landscapes_are_checked(landscape: Any, cure: str):
    for run in (sweep, ensemble):
        with pytest.raises(ValueError, match="landscape must be a Landscape such as.*" + cure):
            run(landscape, SAM, **GOOD)
    with pytest.raises(ValueError, match="landscape must be a Landscape such as.*" + cure):
        trajectory(landscape, SAM, (1.0, 2.0), eta=0.1, n_steps=1)


def test_a_function_that_makes_starts_is_to_be_called():
    with pytest.raises(ValueError, match=r"uniform_starts makes some, call it, as in uniform_st"):
        sweep(LANDSCAPE, SAM, **(GOOD | {"starts": uniform_starts}))


def test_a_path_is_of_one_algorithm_from_one_start():
    good: dict[str, Any] = {"eta": 0.1, "n_steps": 3}
    for algorithm in ("SAM", (SAM, GD)):
        with pytest.raises(ValueError, match="algorithm must be an Algorithm such as SAM; got"):
            trajectory(LANDSCAPE, algorithm, (1.0, 2.0), **good)
    for bad, message in (
        ({"start": [(1.0, 2.0), (3.0, 4.0)]}, "start must be a single one; got 2"),
        ({"eta": (0.1, 0.2)}, "eta must be a single one; got 2"),
        ({"rho": (0.1, 0.2, 0.3)}, "rho must be a single one; got 3"),
    ):
        given = {"start": (1.0, 2.0)} | good | bad
        with pytest.raises(ValueError, match=message):
            trajectory(LANDSCAPE, SAM, **given)


def test_the_runs_of_an_ensemble_go_together():
    for bad, message in (
        ({"eta": [0.1, 0.2, 0.3]}, "starts must have one entry per run, 3, or one for all; got 2"),
        ({"rho": [0.1] * 5}, "starts must have one entry per run, 5, or one for all; got 2"),
        ({"eta": [0.1, 0.2], "rho": [0.1] * 3, "starts": (1, 2)}, "eta must have one entry per"),
    ):
        with pytest.raises(ValueError, match=message):
            ensemble(LANDSCAPE, SAM, **(GOOD | bad))


@pytest.mark.parametrize(
    "name", ["gradient_tolerance", "cycle_tolerance", "attractor_tolerance", "divergence_radius"]
)
def test_criteria_are_positive_and_finite(name: str):
    for value in (0.0, -1e-3, NAN, INF):
        with pytest.raises(ValueError, match=f"{name} must be positive and finite; got {value}"):
            Criteria(**{name: value})
    assert getattr(Criteria(**{name: 0.5}), name) == 0.5


@pytest.mark.parametrize("name", ["max_period", "check_every"])
def test_criteria_count_in_whole_numbers(name: str):
    for value in (0, -1, 1.5, "2", True):
        with pytest.raises(
            ValueError, match=f"{name} must be a whole number >= 1 and <= .*; got {value!r}"
        ):
            Criteria(**{name: value})


STARTS: list[tuple[Any, str]] = [
    (lambda: uniform_starts(0, low=(0,), high=(1,)), "n must be a whole number >= 1; got 0"),
    (lambda: uniform_starts(3, low=(0, 1), high=(1, 1)), "low must be below high; got low="),
    (lambda: uniform_starts(3, low=(0,), high=(1, 2)), "low must be below high; got low="),
    (lambda: uniform_starts(3, low=(NAN,), high=(1,)), "low must be finite; got nan"),
    (lambda: uniform_starts(3, low=0.0, high=(1,)), r"low must be a corner of a box, shape \(dim"),
    (lambda: uniform_starts(3, low=(0,), high=(1,), seed=-1), "seed must be a whole number >= 0"),
    (lambda: normal_starts(3, 0), "dim must be a whole number >= 1; got 0"),
    (lambda: normal_starts(0, 2), "n must be a whole number >= 1; got 0"),
    (lambda: normal_starts(3, 2, scale=0.0), "scale must be positive and finite; got 0.0"),
    (lambda: normal_starts(3, 2, scale=INF), "scale must be positive and finite; got inf"),
    (lambda: grid_starts(1, low=(0,), high=(1,)), "n must be a whole number >= 2; got 1"),
    (lambda: line_starts(1, begin=(0,), end=(1,)), "n must be a whole number >= 2; got 1"),
    (lambda: line_starts(3, begin=(0,), end=(1, 2)), "begin and end must have one shape"),
    (lambda: line_starts(3, begin=(INF,), end=(1,)), "begin must be finite; got inf"),
]


@pytest.mark.parametrize(("make", "message"), STARTS, ids=[m[:40] for _, m in STARTS])
def test_starts_are_checked(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()


# -- types and sizes that nobody means --------------------------------------------------------

ODDITIES: list[tuple[str, Any]] = [
    ("n_steps", lambda: sweep(LANDSCAPE, SAM, **(GOOD | {"n_steps": 2**31}))),
    ("check_every", lambda: Criteria(check_every=2**31)),
    ("max_period", lambda: Criteria(max_period=200)),
    ("criteria", lambda: sweep(LANDSCAPE, SAM, **GOOD, criteria="strict")),
    ("gradient_tolerance", lambda: Criteria(gradient_tolerance="small")),
    ("mean_last", lambda: sweep(LANDSCAPE, SAM, **GOOD, mean_last=0)),
    ("trace_every", lambda: sweep(LANDSCAPE, SAM, **GOOD, trace_every=0)),
    ("observables", lambda: sweep(LANDSCAPE, SAM, **GOOD, observables="loss")),
    ("observables", lambda: sweep(LANDSCAPE, SAM, **GOOD, observables={"loss": 3})),
    ("algorithm", lambda: ensemble(LANDSCAPE, [SAM, GD], **GOOD)),
    ("devices", lambda: sweep(LANDSCAPE, SAM, **GOOD, devices="cpu")),
    ("landscape", lambda: trajectory("Saddle", SAM, (1, 2), eta=0.1, n_steps=3)),
    ("eta", lambda: sweep(LANDSCAPE, SAM, **(GOOD | {"eta": "0.1"}))),
]


@pytest.mark.parametrize(
    ("name", "call"), ODDITIES, ids=[f"{i}-{g[0]}" for i, g in enumerate(ODDITIES)]
)
def test_oddities_are_refused_by_name(name: str, call: Any):
    with pytest.raises(ValueError, match=f"{name}.* must be .*; got"):
        call()
