"""What a variable of a jaxpr becomes in LLVM, and the functions that are being written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynamics.engine.native.target import ALIGNMENT, ATTRIBUTES, LANES

#: Programs are traced with so many runs, a number that no other axis has: an array whose first
#: axis has it is an array over runs.
TRACED = 7919
# A program of more instructions takes longer to compile here than XLA takes for its own (measured:
# at 12,000 from 1.5 to 3.5 s, at 29,000 about 14 s, against 6 to 10 s), though it would run faster.
_MOST_INSTRUCTIONS = 14_000

_TYPES = {
    "float64": "double", "uint64": "i64", "int64": "i64", "uint32": "i32", "int32": "i32",
    "int8": "i8", "bool": "i1",
}  # fmt: skip
#: Bits of the numbers that are understood.
BITS = {"float64": 64, "uint64": 64, "int64": 64, "uint32": 32, "int32": 32, "int8": 8, "bool": 1}


class NotElementwise(Exception):
    """The program contains an operation that is left to XLA."""


def llvm_type(dtype: str, over_runs: bool) -> str:
    if dtype not in _TYPES:
        raise NotElementwise(f"arrays of {dtype}")
    return f"<{LANES} x {_TYPES[dtype]}>" if over_runs else _TYPES[dtype]


def is_over_runs(aval: Any) -> bool:
    return aval.shape[:1] == (TRACED,)


@dataclass(frozen=True)
class Value:
    """A variable of the jaxpr: an LLVM value for each of its entries.

    Attributes:
        entries: names of LLVM values, in the variable's shape without the axis over runs.
        dtype: of the entries, as NumPy names it.
        over_runs: whether each entry is a vector of runs, or a scalar.
    """

    entries: np.ndarray
    dtype: str
    over_runs: bool

    @property
    def type(self) -> str:
        """The LLVM type of an entry."""
        return llvm_type(self.dtype, self.over_runs)

    def named(self) -> list[str]:
        return [str(entry) for entry in self.entries.ravel()]


def value_of(names: Sequence[str], shape: tuple[int, ...], dtype: str, over_runs: bool) -> Value:
    """The value with these entries, in the order of `ravel`."""
    if len(names) == 0:
        raise NotElementwise("an empty array")
    entries = np.empty(len(names), dtype=object)
    entries[:] = names
    return Value(entries.reshape(shape), dtype, over_runs)


def literal(array: Any) -> Value:
    """A constant of the program."""
    array = np.asarray(array)
    if array.shape[:1] == (TRACED,):
        raise NotElementwise("a constant for each run")
    dtype = array.dtype.name
    llvm_type(dtype, over_runs=False)
    return value_of([constant(x, dtype) for x in array.ravel()], array.shape, dtype, False)


def constant(value: Any, dtype: str) -> str:
    if dtype == "float64":
        return f"0x{np.float64(value).view(np.uint64):016X}"
    if dtype == "bool":
        return "true" if value else "false"
    return str(int(value))


class Module:
    """The functions written so far, and what they need."""

    def __init__(self) -> None:
        self.declared: set[str] = set()
        # What is called more than once, by the number of its jaxpr.
        self.shared: dict[Any, Any] = {}
        self._functions: list[str] = []
        self.names = 0

    def name(self, kind: str) -> str:
        self.names += 1
        if self.names > _MOST_INSTRUCTIONS:
            raise NotElementwise(f"more than {_MOST_INSTRUCTIONS} instructions")
        return f"{kind}{self.names}"

    def add(self, header: str, function: Function) -> None:
        lines = [
            f"{header} nounwind {ATTRIBUTES} {{",
            "entry:",
            *function.allocations,
            *function.lines,
        ]
        self._functions.append("\n".join([*lines, "}"]))

    def __str__(self) -> str:
        return "\n".join([*sorted(self.declared), *self._functions])


class Function:
    """The instructions written so far, and the block that the next one belongs to."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.allocations: list[str] = []
        self.lines: list[str] = []
        self.block = "entry"

    def name(self, kind: str = "v") -> str:
        return self.module.name(kind)

    def put(self, instruction: str) -> str:
        """Adds an instruction that has a result, and names it."""
        name = f"%{self.name()}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction: str) -> None:
        self.lines.append(f"  {instruction}")

    def begin(self, block: str) -> None:
        self.lines.append(f"{block}:")
        self.block = block

    def intrinsic(self, name: str, result: str, *arguments: tuple[str, str]) -> str:
        """A call of an LLVM intrinsic; arguments are pairs of type and value."""
        self.module.declared.add(f"declare {result} @{name}({', '.join(t for t, _ in arguments)})")
        given = ", ".join(f"{t} {v}" for t, v in arguments)
        return self.put(f"call {result} @{name}({given})")

    def frame(self, size: int) -> str:
        """Room for so many entries."""
        name = f"%{self.name('frame')}"
        self.allocations.append(f"  {name} = alloca [{size} x [{LANES} x i64]], align {ALIGNMENT}")
        return name

    def store(self, frame: str, place: int, kind: str, value: str) -> None:
        where = self.put(f"getelementptr [{LANES} x i64], ptr {frame}, i64 {place}")
        self.do(f"store {kind} {value}, ptr {where}, align {ALIGNMENT}")

    def load(self, frame: str, place: int, kind: str) -> str:
        where = self.put(f"getelementptr [{LANES} x i64], ptr {frame}, i64 {place}")
        return self.put(f"load {kind}, ptr {where}, align {ALIGNMENT}")

    # -- values --------------------------------------------------------------------------

    def spread(self, value: Value) -> Value:
        """The value over runs: a scalar becomes the same in every run."""
        if value.over_runs:
            return value
        of_one, of_runs = value.type, llvm_type(value.dtype, True)

        def splat(scalar: str) -> str:
            if not scalar.startswith("%"):
                return f"splat ({of_one} {scalar})"
            one = self.put(f"insertelement {of_runs} poison, {of_one} {scalar}, i64 0")
            mask = f"<{LANES} x i32> zeroinitializer"
            return self.put(f"shufflevector {of_runs} {one}, {of_runs} poison, {mask}")

        return self.map(splat, value.dtype, value, over_runs=True)

    def spread_as(self, value: Value, aval: Any) -> Value:
        """The value over runs, if the variable that `aval` describes is."""
        return self.spread(value) if is_over_runs(aval) else value

    def aligned(self, *operands: Value) -> list[Value]:
        """The operands, all over runs if one is."""
        wide = [o for o in operands if o.over_runs]
        if not wide:
            return list(operands)
        axes = max(o.entries.ndim for o in wide)

        def of_all(value: Value) -> Value:
            # `vmap` gives what is the same for all runs a first axis of length 1.
            if not value.over_runs and value.entries.ndim > axes:
                value = Value(value.entries[0], value.dtype, over_runs=False)
            return self.spread(value)

        return [of_all(o) for o in operands]

    def map(
        self, instruction: Callable[..., str], dtype: str, *operands: Value, over_runs: bool
    ) -> Value:
        """`instruction` for each entry; operands of one entry serve all."""
        shape = np.broadcast_shapes(*(o.entries.shape for o in operands))
        columns = [np.broadcast_to(o.entries, shape).ravel() for o in operands]
        names = [instruction(*entries) for entries in zip(*columns, strict=True)]
        return value_of(names, shape, dtype, over_runs)
