"""Programs as WebAssembly, for a page: the runs of a landscape and an algorithm, bit for bit.

A module exports one function,

    run(groups: i64, runs: i64, inputs: i32, outputs: i32)

and imports `env.__linear_memory` and the mutable global `env.__stack_pointer: i32`, which begins at
the end of room that nothing else uses (64 KiB are plenty) and is a multiple of 16. `runs` is a
multiple of `WebAssembly.width`, and `groups` is runs/width. `inputs` and `outputs` are addresses of
tables of addresses, 32 bits each, one for each of `WebAssembly.inputs` and `outputs`: arrays of
little-endian numbers, `int8` and `bool` one byte each. What belongs to each run lies with the runs
along the last axis; what is the same for all runs is there once. An output may lie where the input
of its name does.

`advance` takes runs from step `span.begin` to `span.end`. At first `outcome`, `n_steps`, `period`
and `amplitude` are 0, `size` is max |start|, and `real` is 1 (0 leaves a run out). If not all steps
are taken in one call, the next is given what the last returned, and spans meet at a multiple of
`check_every`. `steps` takes step t of each run, and keeps a run that would leave the ball of
`radius` where it is: `within` is 1 at first.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import jax
import numpy as np

from dynamics.algorithms.algorithm import Algorithm, an_algorithm
from dynamics.engine import native
from dynamics.engine.batch import Runs, Span
from dynamics.engine.native import assembly
from dynamics.engine.native.target import WASM
from dynamics.engine.native_program import NativeProgram
from dynamics.engine.programs import structure_of
from dynamics.engine.rest import Thresholds
from landscapes import Landscape, a_landscape
from landscapes.checks import shown


@dataclass(frozen=True)
class Array:
    """One array of a module.

    Attributes:
        name: of a landscape's numbers, `landscape` and which of them.
        dtype: as NumPy names it.
        shape: without the axis over runs.
        over_runs: whether there is such an axis; it is the last.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    over_runs: bool


@dataclass(frozen=True)
class WebAssembly:
    """A module, and the arrays it reads and writes, in the order of its tables.

    Attributes:
        content: the module.
        width: how many runs it takes side by side.
        inputs, outputs: what the tables point to.
    """

    content: bytes
    width: int
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]

    def layout(self) -> dict[str, Any]:
        """All but the content, as JSON has it."""
        return {
            "width": self.width,
            "inputs": [asdict(a) for a in self.inputs],
            "outputs": [asdict(a) for a in self.outputs],
        }


def web_assembly(
    landscape: Landscape, algorithm: Algorithm, kind: Literal["advance", "steps"] = "advance"
) -> WebAssembly:
    """The module that advances runs of the algorithm on landscapes of this structure.

    Args:
        kind: "advance", whole runs with their outcomes, or "steps", single steps for paths.

    Raises `ValueError` for another kind, for what is no landscape or no algorithm, and for a pair
    whose program consists of more than WebAssembly is made for here; the message says of what.
    """
    a_landscape(landscape)
    an_algorithm("algorithm", algorithm)
    algorithm.check(landscape)
    if kind not in ("advance", "steps"):
        raise ValueError(f'kind must be "advance" or "steps"; got {shown(kind)}')
    try:
        program = NativeProgram(structure_of(landscape).instance(), algorithm)
        compiled = program.runs if kind == "advance" else program.step
        machine = WASM.machine()
        content = assembly.module(
            machine.emit_object(WASM.optimised(compiled.text, machine)), "run"
        )
    except (native.NotElementwise, assembly.NotSelfContained) as beyond:
        raise ValueError(
            f"{algorithm} on {shown(landscape)} cannot be translated to WebAssembly: {beyond}. "
            "Take fewer coordinates or examples, or run it here"
        ) from beyond
    inputs = (*_fixed(landscape, kind), *_over_runs(landscape, algorithm, program, kind))
    names = [a.name for a in inputs]
    carried = inputs[names.index("component 0") :]
    outputs = tuple(
        Array(a.name, dtype.name, shape, over_runs=True)
        for a, (dtype, shape) in zip(carried, compiled.outputs, strict=False)
    )
    return WebAssembly(content, WASM.width, inputs, outputs)


def _fixed(landscape: Landscape, kind: str) -> tuple[Array, ...]:
    """What is the same for all runs."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(landscape)]
    found = [
        Array(f"landscape {k}", leaf.dtype.name, leaf.shape, False) for k, leaf in enumerate(leaves)
    ]
    if kind == "steps":
        return (*found, Array("radius", "float64", (), False))
    kinds = dict(zip(Thresholds._fields, NativeProgram.threshold_types, strict=True))
    kinds |= {f"span.{name}": dtype for name, dtype in zip(
        Span._fields, ("int32", "int32", "bool"), strict=True)}  # fmt: skip
    return (*found, *(Array(name, dtype, (), False) for name, dtype in kinds.items()))


def _over_runs(
    landscape: Landscape, algorithm: Algorithm, program: NativeProgram, kind: str
) -> tuple[Array, ...]:
    """What belongs to each run."""
    shapes = landscape.component_shapes
    names = [f"component {k}" for k in range(len(shapes))]
    names += [f"memory {k}" for k in range(len(program.points) - len(shapes))]
    carried = [
        Array(name, dtype.name, shape, True)
        for name, (dtype, shape) in zip(names, program.points, strict=True)
    ]
    kinds: dict[str, str] = {"within": "bool", "eta": "float64", "rho": "float64", "t": "int32"}
    if kind == "advance":
        scalars = (*Runs._fields[1:], "eta", "rho", "size", "real")
        kinds = dict(zip(scalars, NativeProgram.scalar_types, strict=True))
    if algorithm.order is not None:
        kinds["order"] = "int32"
    return (*carried, *(Array(name, dtype, (), True) for name, dtype in kinds.items()))
