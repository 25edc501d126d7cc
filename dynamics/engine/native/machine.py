"""A whole function over runs: its inputs and outputs in memory, its machine code, its calls."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import jax
import llvmlite.binding as llvm
import numpy as np

from dynamics.engine.native.control import program
from dynamics.engine.native.target import HOST, LANES
from dynamics.engine.native.values import (
    TRACED,
    Function,
    Module,
    NotElementwise,
    Value,
    is_over_runs,
    llvm_type,
    value_of,
)

# An output: its type, and its shape without the axis over runs.
Kind = tuple[np.dtype, tuple[int, ...]]
# Compilation keeps global state.
_lock = threading.Lock()


def compile_runs(
    function: Callable[..., Any], fixed: Sequence[Any], over_runs: Sequence[Kind]
) -> Compiled:
    """`function(*fixed, *over_runs)` in machine code for this processor.

    Args:
        function: traced by JAX once, in float64; returns arrays over runs, in any structure.
        fixed: examples of the arguments that are the same for all runs, of any structure.
        over_runs: type and shape, without the axis over runs, of each other argument.

    Raises:
        NotElementwise: if the function contains an operation that is left to XLA.
    """
    return Compiled(*_translate(function, fixed, over_runs))


class Compiled:
    """A function over runs in machine code. It releases the interpreter while it runs.

    The code is made when it is first called, for often it is enough to know that it can be.

    Attributes:
        text: of its module, of whatever target.
        outputs: type and shape of each output, without the axis over runs.
        instructions: how many it was translated to.
    """

    def __init__(self, text: str, outputs: Sequence[Kind], instructions: int) -> None:
        self.text, self.outputs, self.instructions = text, outputs, instructions

    @cached_property
    def _call(self) -> Any:
        with _lock:
            if "_engine" not in vars(self):
                self._engine = _machine_code(self.text)  # owns the code
        pointer = ctypes.c_void_p
        kind = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, pointer, pointer)
        return kind(self._engine.get_function_address("run"))

    def __call__(
        self,
        fixed: Sequence[Any],
        over_runs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray] | None = None,
    ) -> Sequence[np.ndarray]:
        """The outputs, runs along the last axis.

        Args:
            fixed: the leaves of what is the same for all runs, of the types they were traced with.
            over_runs: an array with runs along its last axis for each of the others; their number
                is a multiple of `HOST.width`.
            outputs: where to write, C-contiguous; it may be the memory of an input of its shape.
        """
        runs = over_runs[0].shape[-1]
        width = HOST.width
        if runs < width or runs % width:
            raise ValueError(f"the number of runs must be a multiple of {width}, > 0; got {runs}")
        given = [np.ascontiguousarray(a) for a in (*fixed, *over_runs)]
        if outputs is None:
            outputs = [np.empty((*shape, runs), dtype) for dtype, shape in self.outputs]
        self._call(runs // width, runs, _pointers(given), _pointers(outputs))
        return outputs

    def again(
        self,
        fixed: Sequence[Any],
        carried: Sequence[np.ndarray],
        others: Sequence[np.ndarray],
        times: int,
    ) -> None:
        """Applies the function `times` times, each time to what it made the time before.

        Args:
            fixed: as above.
            carried: an array for each output, and the first of the inputs over runs, C-contiguous.
                Along its last axis there is room for `HOST.width` runs, which are given, and after
                them for what each application makes of them.
            others: the other inputs over runs, of the same length: what each application takes.
        """
        # A call goes through vectors of runs one after the other. Here its outputs lie one vector
        # further on than its inputs, so that each vector is what was made of the one before.
        given = [np.ascontiguousarray(a) for a in (*fixed, *carried, *others)]
        ahead = (a.ctypes.data + HOST.width * a.itemsize for a in carried)
        made = (ctypes.c_void_p * len(carried))(*ahead)
        self._call(times, carried[0].shape[-1], _pointers(given), made)


def _pointers(arrays: Sequence[np.ndarray]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))


def _translate(
    function: Callable[..., Any], fixed: Sequence[Any], over_runs: Sequence[Kind]
) -> tuple[str, list[Kind], int]:
    """The module as text, its outputs, and the number of its instructions."""
    shapes = [*map(np.shape, jax.tree.leaves(fixed)), *(shape for _, shape in over_runs)]
    if any(TRACED in shape for shape in shapes):
        raise NotElementwise(f"an axis of length {TRACED}, which is taken for the one over runs")
    traced = [jax.ShapeDtypeStruct((TRACED, *shape), dtype) for dtype, shape in over_runs]
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(lambda *given: jax.tree.leaves(function(*given)))(*fixed, *traced)
    variables = list(enumerate(closed.jaxpr.invars))
    to, inputs = Function(Module()), {}
    for i, variable in variables:
        if not is_over_runs(variable.aval):
            inputs[variable] = _input(to, i, variable.aval)
    to.do("br label %group")
    to.begin("group")
    counter = len(to.lines)
    # The number of the group is 0 at first and afterwards what the end of this loop makes of it, in
    # a block whose name is known only then: the line is completed below.
    to.lines.append("")
    to.do(f"%begin = mul i64 %g, {LANES}")
    for i, variable in variables:
        if is_over_runs(variable.aval):
            inputs[variable] = _input(to, i, variable.aval)
    outputs, kinds = program(to, closed, [inputs[v] for _, v in variables]), []
    for i, (value, variable) in enumerate(zip(outputs, closed.jaxpr.outvars, strict=True)):
        if not is_over_runs(variable.aval):
            raise NotElementwise("an output that is the same for all runs")
        _output(to, i, to.spread(value))
        kinds.append((np.dtype(value.dtype), value.entries.shape))
    to.do("%next = add i64 %g, 1")
    to.do("%more = icmp slt i64 %next, %groups")
    to.lines[counter] = f"  %g = phi i64 [ 0, %entry ], [ %next, %{to.block} ]"
    to.do("br i1 %more, label %group, label %done")
    to.begin("done")
    to.do("ret void")
    pointers = "ptr noalias %inputs, ptr noalias %outputs"
    to.module.add(f"define void @run(i64 %groups, i64 %runs, {pointers})", to)
    return str(to.module), kinds, to.module.names


def _input(to: Function, index: int, aval: Any) -> Value:
    dtype, wide = np.dtype(aval.dtype).name, is_over_runs(aval)
    shape, names = aval.shape[wide:], []
    base = _array(to, "%inputs", index)
    stored = "i8" if dtype == "bool" else llvm_type(dtype, False)
    for k in range(int(np.prod(shape))):
        kind = f"<{LANES} x {stored}>" if wide else stored
        where = _address(to, base, k, stored, wide)
        value = to.put(f"load {kind}, ptr {where}, align {1 if stored == 'i8' else 4}")
        if dtype == "bool":
            value = to.put(f"icmp ne {kind} {value}, {'zeroinitializer' if wide else '0'}")
        names.append(value)
    return value_of(names, shape, dtype, wide)


def _output(to: Function, index: int, value: Value) -> None:
    base = _array(to, "%outputs", index)
    stored = "i8" if value.dtype == "bool" else llvm_type(value.dtype, False)
    for k, entry in enumerate(value.named()):
        where = _address(to, base, k, stored, True)
        if value.dtype == "bool":
            entry = to.put(f"zext {value.type} {entry} to <{LANES} x i8>")
        to.do(f"store <{LANES} x {stored}> {entry}, ptr {where}, align 1")


def _array(to: Function, table: str, index: int) -> str:
    return to.put(f"load ptr, ptr {to.put(f'getelementptr ptr, ptr {table}, i64 {index}')}")


def _address(to: Function, base: str, k: int, stored: str, wide: bool) -> str:
    """Where entry k of an array is: of all runs, row after row, or of one scalar after another."""
    if wide:
        row = to.put(f"mul i64 %runs, {k}")
        offset = to.put(f"add i64 {row}, %begin")
        return to.put(f"getelementptr {stored}, ptr {base}, i64 {offset}")
    return to.put(f"getelementptr {stored}, ptr {base}, i64 {k}")


def _machine_code(text: str) -> Any:
    machine = HOST.machine()
    engine = llvm.create_mcjit_compiler(HOST.optimised(text, machine), machine)
    engine.finalize_object()
    return engine
