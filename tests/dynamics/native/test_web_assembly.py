"""WebAssembly: the same runs as here, to the last bit, in a runtime made by others."""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np
import pytest

from dynamics import ALGORITHMS, GD, SAM, USAM, Algorithm, Outcome, StableSAM, ensemble, trajectory
from dynamics.engine.web_assembly import WebAssembly, web_assembly
from landscapes import BoundedSine, CrossedValleys, Landscape, LinearNeuron, MatrixSensing, Saddle

wasmtime = pytest.importorskip("wasmtime")
_PAGE, _ROOM_OF_STACK = 2**16, 2**16
RUNS, STEPS, RADIUS = 500, 2000, 1e6


def called(module: WebAssembly, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the module makes of arrays by name, runs along the last axis."""
    arrays = [np.ascontiguousarray(given[a.name], a.dtype) for a in module.inputs]
    runs = max(a.shape[-1] for a, one in zip(arrays, module.inputs, strict=True) if one.over_runs)
    room = _ROOM_OF_STACK + sum(a.nbytes + 16 for a in arrays) + 8 * 2**10
    store = wasmtime.Store(engine := wasmtime.Engine())
    memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(room // _PAGE + 2, None)))
    kind = wasmtime.GlobalType(wasmtime.ValType.i32(), True)
    stack = wasmtime.Global(store, kind, wasmtime.Val.i32(_ROOM_OF_STACK))
    linker = wasmtime.Linker(engine)
    linker.define(store, "env", "__linear_memory", memory)
    linker.define(store, "env", "__stack_pointer", stack)
    instance = linker.instantiate(store, wasmtime.Module(engine, module.content))
    top, places = _ROOM_OF_STACK, {}

    def put(content: bytes) -> int:
        nonlocal top
        at, top = top, top + len(content) + -len(content) % 16
        memory.write(store, content, at)
        return at

    for array, one in zip(arrays, module.inputs, strict=True):
        places[one.name] = put(array.tobytes())
    tables = [
        put(np.array([places[a.name] for a in of], np.uint32).tobytes())
        for of in (module.inputs, module.outputs)
    ]
    instance.exports(store)["run"](store, runs // module.width, runs, *tables)
    found = {}
    for one in module.outputs:
        dtype, shape = np.dtype(one.dtype), (*one.shape, runs)
        begin = places[one.name]
        content = memory.read(store, begin, begin + dtype.itemsize * int(np.prod(shape)))
        found[one.name] = np.frombuffer(bytes(content), dtype).reshape(shape)
    return found


def given_to(module: WebAssembly, landscape: Landscape, runs: dict[str, Any]) -> dict[str, Any]:
    """All inputs by name: those of the landscape, those that are given, and nothing elsewhere."""
    leaves = {f"landscape {k}": leaf for k, leaf in enumerate(_leaves(landscape))}
    components = landscape.split(runs.pop("starts"))
    given = leaves | {f"component {k}": np.moveaxis(c, 0, -1) for k, c in enumerate(components)}
    n = len(runs["eta"])
    empty = {
        a.name: np.zeros((*a.shape, *[n] * a.over_runs), a.dtype)
        for a in module.inputs if a.name not in given
    }  # fmt: skip
    return given | empty | runs


def joined(landscape: Landscape, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The points, shape (runs, dim)."""
    n = len(landscape.component_shapes)
    components = tuple(np.moveaxis(arrays[f"component {k}"], -1, 0) for k in range(n))
    return np.ascontiguousarray(landscape.join(components))


def _leaves(landscape: Landscape) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(landscape)]


# Pairs, and the outcomes that their runs reach.
PAIRS = [
    (Saddle(), SAM, "BUDGET CYCLE DIVERGED"),
    (Saddle(), GD, "BUDGET CONVERGED CYCLE DIVERGED"),
    (LinearNeuron("logcosh"), StableSAM, "CONVERGED"),
    (BoundedSine(2.3, 3.7), USAM, "CONVERGED"),
    (CrossedValleys(), ALGORITHMS["1-SAM"], "BUDGET"),
    (CrossedValleys(), ALGORITHMS["HeavyBallSAM"], "BUDGET"),
    (MatrixSensing.examples()[0], ALGORITHMS["LpSAM(3)"], "BUDGET"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("landscape", "algorithm", "reached"), PAIRS, ids=str)
def test_whole_runs_are_those_of_this_machine(
    landscape: Landscape, algorithm: Algorithm, reached: str
):
    random = np.random.default_rng(6)
    starts = random.uniform(-1.5, 1.5, (RUNS, landscape.dim))
    eta, rho = 10 ** random.uniform(-2.5, 0.1, RUNS), random.choice([0.0, 0.05, 0.2, 0.7], RUNS)
    expected = ensemble(landscape, algorithm, eta=eta, rho=rho, starts=starts, n_steps=STEPS)
    module = web_assembly(landscape, algorithm)
    found = called(module, given_to(module, landscape, {
        "starts": starts, "eta": eta, "rho": rho, "real": np.ones(RUNS), "order": np.arange(RUNS),
        "size": np.abs(starts).max(axis=1), "span.begin": 0, "span.end": STEPS,
        "span.early_stop": True, "gradient_tolerance": 1e-10, "cycle_tolerance": 1e-8,
        "max_period": 4, "divergence_radius": 1e12, "check_every": 100,
    }))  # fmt: skip
    for name in ("outcome", "n_steps", "period", "amplitude"):
        np.testing.assert_array_equal(found[name], expected[name].values, err_msg=name)
    final = joined(landscape, found)
    assert final.tobytes() == expected.final.values.tobytes()
    assert set(reached.split()) <= {Outcome(int(o)).name for o in found["outcome"]}


@pytest.mark.parametrize(
    ("landscape", "algorithm"), [(Saddle(), SAM), (CrossedValleys(), ALGORITHMS["1-SAM"])], ids=str
)
def test_single_steps_are_those_of_a_path(landscape: Landscape, algorithm: Algorithm):
    start = np.random.default_rng(2).uniform(-1, 1, (4, landscape.dim))
    module = web_assembly(landscape, algorithm, "steps")
    given = given_to(module, landscape, {
        "starts": start, "eta": np.full(4, 0.07), "rho": np.full(4, 0.2), "radius": RADIUS,
        "within": np.ones(4), "order": np.zeros(4), "t": np.ones(4),
    })  # fmt: skip
    paths = [trajectory(landscape, algorithm, w, eta=0.07, rho=0.2, n_steps=20) for w in start]
    for t in range(1, 21):
        given |= called(module, given | {"t": np.full(4, t)})
        np.testing.assert_array_equal(joined(landscape, given), [path[t] for path in paths])


def test_a_module_says_what_it_reads():
    module = web_assembly(Saddle(), SAM)
    layout = json.loads(json.dumps(module.layout()))
    assert layout["width"] == 4
    assert [a["name"] for a in layout["outputs"]] == [
        "component 0", "component 1", "outcome", "n_steps", "period", "amplitude",
    ]  # fmt: skip
    assert len(module.content) < 40_000


def test_what_cannot_be_translated_is_refused():
    large = MatrixSensing.examples()[-1]
    with pytest.raises(ValueError, match="cannot be translated to WebAssembly: a product of more"):
        web_assembly(large, SAM)
    wrong: Any = "gpu"
    with pytest.raises(ValueError, match='kind must be "advance" or "steps"; got \'gpu\''):
        web_assembly(Saddle(), SAM, wrong)
