"""One run is one run: every entry speaks of the same points, to the last bit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dynamics import (
    Algorithm,
    HeavyBallSAM,
    NesterovStableSAM,
    OneSAM,
    Outcome,
    batched,
    ensemble,
    one_step,
    open_sweep,
    sweep,
    trajectory,
)
from landscapes import LANDSCAPES, FiniteSum, Landscape
from tests.support.cases import CORE, probes

pytestmark = pytest.mark.slow

FIRST = [cls.examples()[0] for cls in LANDSCAPES.values()]
# At step 1 nothing has grown yet; at step 2,000 the last bit of a chaotic run is all of it.
STEPS = (1, 100, 2000)
BESIDE = 40


def algorithms(landscape: Landscape) -> list[Algorithm]:
    """The core, one with a memory (in turn one of two), and one that draws where one can."""
    remembers = (HeavyBallSAM, NesterovStableSAM)[landscape.dim % 2]
    return [*CORE, remembers, *([OneSAM] if isinstance(landscape, FiniteSum) else [])]


def assert_same(found: Any, expected: Any, what: object) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype == np.float64
    assert found.tobytes() == expected.tobytes(), what


@pytest.mark.parametrize("landscape", FIRST, ids=lambda one: type(one).__name__)
def test_every_entry_speaks_of_the_same_run(landscape: Landscape, tmp_path: Path):
    starts, several = probes(landscape.dim, 2), algorithms(landscape)
    curvature = max(float(np.abs(np.linalg.eigvalsh(landscape.hessian(w))).max()) for w in starts)
    # One that comes to rest, and one beyond the edge, where it cycles, wanders or diverges.
    grid: dict[str, Any] = {"eta": (0.3 / curvature, 2.3 / curvature), "rho": (0.02, 0.21)}
    free: dict[str, Any] = {"early_stop": False}
    end = STEPS[-1]
    observed = {"iterate": ("last", "trace"), "loss": "last"}
    runs = sweep(
        landscape, several, **grid, starts=starts, n_steps=end, observables=observed, **free
    )
    store = tmp_path / "runs.zarr"
    with ThreadPoolExecutor(2) as pool:
        sweep(
            landscape, several, **grid, starts=starts, n_steps=end, observables=observed, **free,
            store=store, executor=pool,
        )  # fmt: skip
    stored = open_sweep(store)
    for name in ("final", "final_loss", "iterate_trace"):
        assert_same(stored[name], runs[name], name)
    assert_same(runs.iterate_last, runs.final, "iterate_last")
    assert_same(runs.loss_last, runs.final_loss, "loss_last")
    assert_same(runs.iterate_trace.isel(step=-1), runs.final, "the end of the trace")
    crowd = np.concatenate(
        [starts, np.random.default_rng(5).standard_normal((BESIDE, landscape.dim))]
    )
    for n_steps in STEPS:
        beside = sweep(landscape, several, **grid, starts=crowd, n_steps=n_steps, **free)
        at = runs.iterate_trace.sel(step=n_steps)
        assert_same(beside.final.isel(start=slice(len(starts))), at, n_steps)
    for algorithm in several:
        of_one = runs.sel(algorithm=algorithm.name)
        drawn = {"order": 1} if algorithm.order is not None else {}
        for eta, rho in ((runs.eta[0], runs.rho[1]), (runs.eta[1], runs.rho[0])):
            given: dict[str, Any] = {"eta": float(eta), "rho": float(rho)}
            which = of_one.sel(eta=eta, rho=rho).isel(start=1)
            path = trajectory(landscape, algorithm, starts[1], **given, n_steps=end, **drawn)
            # A sweep ends where a run leaves the ball; a trajectory goes on to the last number.
            left = which.outcome == Outcome.DIVERGED
            length = int(which.n_steps) if left else end + 1
            assert_same(path[:length], which.iterate_trace[:length], (algorithm, given))
            if algorithm.order is None:
                alone = ensemble(
                    landscape, algorithm, starts=starts[1:], **given, n_steps=STEPS[1], **free
                )
                assert_same(alone.final[0], which.iterate_trace[STEPS[1]], (algorithm, given))
                at_once = one_step(landscape, algorithm, starts[1], *given.values())
                assert_same(at_once, path[1], (algorithm, given))
                of_all = batched(lambda w, e, r, a=algorithm: one_step(landscape, a, w, e, r))(
                    path[:3], np.full(3, given["eta"]), np.full(3, given["rho"])
                )
                if algorithm.base is None:
                    assert_same(of_all, path[1:4], (algorithm, given))
