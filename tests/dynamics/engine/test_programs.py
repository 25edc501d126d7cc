"""The ways in which one program is compiled: which is taken, and that they find the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dynamics import ALGORITHMS, SAM, Algorithm, Outcome, StableSAM
from dynamics.engine import native, programs
from dynamics.engine.native_program import NativeProgram
from dynamics.engine.xla_program import XLAProgram
from landscapes import CrossedValleys, Landscape, LinearNeuron, MatrixSensing, Quadratic, Saddle
from tests.support.backends import assert_bits, compiled, run
from tests.support.cases import CORE, each_landscape, instances, probes
from tests.support.native_cases import set_width

EPS = np.finfo(np.float64).eps
each_algorithm = pytest.mark.parametrize("algorithm", CORE, ids=str)


def is_native(landscape: Landscape, algorithm: Algorithm = StableSAM, platform="cpu") -> bool:
    found = programs.program(landscape, algorithm, platform)
    assert type(found) in (NativeProgram, XLAProgram)
    return type(found) is NativeProgram


# -- which is taken --------------------------------------------------------------------------


NEURONS = [LinearNeuron(link) for link in ("logcosh", "sqrt", "square")]
NATIVE = [Saddle(), *NEURONS, *Quadratic.examples()]
BY_XLA = MatrixSensing.examples()


# What is left to XLA: large products of matrices.
LEFT_TO_XLA = {"MatrixSensing"}


def translates(landscape: Landscape, algorithm: Algorithm = StableSAM) -> bool:
    """Whether a program is native, found without compiling it."""
    try:
        NativeProgram(landscape, algorithm)
    except native.NotElementwise:
        return False
    return True


@pytest.mark.slow
def test_which_landscapes_are_native_is_known():
    by_xla = {type(one).__name__ for one in instances() if not translates(one)}
    # Of these, some examples: a power as link, many examples, a sine in a formula, a large matrix.
    assert by_xla - {"LinearNeuron", "ThresholdNeuron", "Formula", "Quadratic"} == LEFT_TO_XLA
    for landscape in NATIVE:
        assert translates(landscape), landscape


@pytest.mark.slow
def test_which_algorithms_are_native_is_known():
    assert all(translates(CrossedValleys(), a) for a in ALGORITHMS.values())


def test_the_platform_decides_as_well():
    assert is_native(Saddle())
    assert not is_native(Saddle(), platform="gpu")


# -- native and XLA --------------------------------------------------------------------------


def gentle(landscape: Landscape, starts: np.ndarray) -> dict[str, float]:
    """η and ρ at which no step moves a start by more than a tenth, ρ well inside ‖w‖."""
    curvature = max(float(np.abs(np.linalg.eigvalsh(landscape.hessian(w))).max()) for w in starts)
    return {"eta": 0.1 / curvature, "rho": 0.07 / max(1.0, curvature), "n_steps": 8}


# Each landscape, and each algorithm twice.
PAIRS = [(one, CORE[i % 4]) for i, one in enumerate(NATIVE)]


@pytest.mark.slow
@pytest.mark.parametrize(("landscape", "algorithm"), PAIRS, ids=lambda one: type(one).__name__)
def test_a_few_steps_are_those_of_xla(landscape: Landscape, algorithm: Algorithm):
    starts = probes(landscape.dim, 3)
    chosen: Any = gentle(landscape, starts)
    found, other = (run(k, landscape, algorithm, starts, **chosen).final for k in ("native", "xla"))
    for end, expected, start in zip(found, other, starts, strict=True):
        # XLA contracts products and sums, so a step may round w − ηd once less, ε/2, and ηd, a
        # tenth of w, a few times less. In 8 steps an error grows by less than 1.2⁸ = 4.3, and
        # what comes in is 8·(ε/2 + 0.4 ε): 31 ε together. All iterates are near the start, of
        # which every step takes less than a tenth; in all it moves by more than 1e-4.
        atol = 32 * EPS * np.abs(start).max() * 1.2**8
        np.testing.assert_allclose(end, expected, rtol=0, atol=atol)
        assert np.abs(end - start).max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("landscape", "algorithm"), PAIRS, ids=lambda one: type(one).__name__)
def test_outcomes_of_long_runs_are_the_same(landscape: Landscape, algorithm: Algorithm):
    starts = np.concatenate([probes(landscape.dim, 40), [np.full(landscape.dim, 1e13)]])
    chosen: Any = gentle(landscape, starts[:-1]) | {"starts": starts, "n_steps": 3000}
    native, xla = (run(kind, landscape, algorithm, **chosen) for kind in ("native", "xla"))
    for name in ("outcome", "period"):
        np.testing.assert_array_equal(getattr(native, name), getattr(xla, name), err_msg=name)
    assert native.outcome[-1] == Outcome.DIVERGED
    # Rounding may decide at which of two checks a cycle is near enough, and at which of its
    # points it then stands; its size is known to about the tolerance of the sum, 1e-8.
    cycles = native.outcome == Outcome.CYCLE
    assert (np.abs(native.n_steps - xla.n_steps) <= np.where(cycles, 100, 0)).all()
    np.testing.assert_allclose(native.amplitude, xla.amplitude, rtol=1e-6)
    # From these starts all runs contract: what 3,000 steps round differently, ε|w| each, adds up.
    gap = np.abs(native.final - xla.final)[:-1][~cycles[:-1]]
    assert gap.max(initial=0.0) <= 3000 * EPS * np.abs(starts[:-1]).max()


# -- lengths without scaling -----------------------------------------------------------------


def sizes() -> np.ndarray:
    """Dense where a square starts to lose bits, is subnormal, vanishes and overflows."""
    ends = [-320, -309, -300, -250, -200, 200, 250, 300]
    middle = [-140, -100, -30, -8, -3, 0, 1, 3, 8, 30, 100, 140]
    return 10.0 ** np.concatenate(
        [ends, middle, np.arange(-166, -148, 0.5), np.arange(148, 158, 0.5)]
    )


def strange_runs(dim: int) -> dict[str, np.ndarray]:
    """Starts, η and ρ, run by run: ordinary ones beside those of every size, 0 and −0 too."""
    random = np.random.default_rng(7)
    directions = probes(dim, 6)
    starts = (sizes()[:, None, None] * directions).reshape(-1, dim)
    starts = np.concatenate([starts, probes(dim, 100), np.zeros((2, dim)), -np.zeros((2, dim))])
    largest = np.abs(starts).max(axis=1)
    of_size = np.where(largest > 0, largest, 1.0)
    n = len(starts)
    # ρ of the size of the start, where the ascent shows, of another size, and 0.
    kinds = np.stack([0.3 * of_size, np.full(n, 0.2), np.zeros(n), random.choice(sizes(), n)])
    rho = kinds[random.integers(0, 4, n), np.arange(n)]
    # η that converges, cycles, is thrown out, and moves nothing.
    eta = random.choice([0.05, 0.4, 0.9, 1.3, 1e-20], n)
    order = random.permutation(n)
    return {"starts": starts[order], "eta": eta[order], "rho": rho[order]}


QUICK = [Saddle(), LinearNeuron("sqrt"), Quadratic((0.3, 2.5, 0.9)), Quadratic((1.7,))]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [SAM, StableSAM], ids=str)  # those that take lengths
@each_landscape(QUICK)
def test_quick_lengths_change_no_bit(landscape: Landscape, algorithm: Algorithm):
    given: Any = strange_runs(landscape.dim) | {"n_steps": 30, "check_every": 7, "max_period": 2}
    for radius in (1e12, 1e300):
        found, expected = (
            run(kind, landscape, algorithm, **given, divergence_radius=radius)
            for kind in ("native", "exact")
        )
        assert_bits(found, expected)
        assert len(np.unique(found.outcome)) >= 3


@pytest.mark.slow
def test_what_underflows_in_a_unit_vector_is_known_to_the_least_number():
    # Of v/‖v‖ with ‖v‖ ≥ 2, an entry below 2.2e-308‖v‖ or so is rounded to multiples of 5e-324,
    # in one way by a length with scaling and in another without; ‖v‖ makes that visible.
    landscape, least, n_steps = Quadratic((1.7, 0.4)), 5e-324, 5
    starts = np.array([[2.0**490, 2.0**-540], [5.3, 1e-320], [7e5, 3.3e-318]])
    given: Any = {"eta": 0.1, "rho": 0.2, "n_steps": n_steps, "divergence_radius": 1e300}
    one, other = (run(k, landscape, StableSAM, starts, **given) for k in ("native", "exact"))
    np.testing.assert_array_equal(one.final[:, 0], other.final[:, 0])
    gap = np.abs(one.final - other.final)[:, 1]
    assert 0 < gap.max()
    # In each step η‖g‖ times two roundings of half that number, and one of the iterate's own.
    lengths = 1.7 * starts[:, 0]
    assert (gap <= n_steps * (0.1 * lengths * least + least)).all()


@pytest.mark.slow
@pytest.mark.parametrize("width", [8, 32, 64])
def test_the_number_of_runs_in_a_vector_changes_no_bit(width: int, monkeypatch):
    given: Any = strange_runs(2) | {"n_steps": 30, "divergence_radius": 1e300}
    expected = run("native", Saddle(), StableSAM, **given)
    set_width(monkeypatch, width)
    programs.forget_programs()  # what reads the loss was compiled for the usual width
    kind = f"native, {width} wide"
    try:
        assert compiled(kind, Saddle(), StableSAM).tile == width
        assert_bits(run(kind, Saddle(), StableSAM, **given), expected)
    finally:
        programs.forget_programs()
