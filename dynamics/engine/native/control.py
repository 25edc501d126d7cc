"""Jaxprs: the order of their equations, calls, branches and loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from dynamics.engine.native.elementary import FUNCTIONS, by_roots, threefry2x32
from dynamics.engine.native.operations import apply, constant_float
from dynamics.engine.native.values import (
    TRACED,
    Function,
    NotElementwise,
    Value,
    is_over_runs,
    literal,
    value_of,
)

_CALLS = ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call")
_CONTROL = ("while", "cond", "scan")
# A called jaxpr of more instructions is a function of its own. To call it takes some twenty
# instructions, which below this would be a share of it that is felt.
_LONG = 300
# ... and so is an elementary function of more: it is called in many places.
_LONG_ELEMENTARY = 200


def program(to: Function, closed: Any, inputs: Sequence[Value]) -> list[Value]:
    """The outputs of a closed jaxpr."""
    jaxpr = closed.jaxpr
    values: dict[Any, Value] = dict(zip(jaxpr.invars, inputs, strict=True))
    values |= {v: literal(c) for v, c in zip(jaxpr.constvars, closed.consts, strict=True)}

    def read(variable: Any) -> Value:
        if hasattr(variable, "val"):  # a literal
            return literal(np.asarray(variable.val, variable.aval.dtype))
        return values[variable]

    for equation in _needed(jaxpr):
        operands = [read(v) for v in equation.invars]
        name = equation.primitive.name
        if name in _CALLS:
            outputs = _call(to, _called(equation), operands)
        elif name in FUNCTIONS:
            outputs = [_elementary(to, equation, operands)]
        elif name == "threefry2x32":
            avals = [v.aval for v in equation.invars]
            operands = [to.spread_as(v, a) for v, a in zip(operands, avals, strict=True)]
            outputs = program(to, _words(tuple(a.shape for a in avals)), operands)
        elif name == "while":
            outputs = _loop(to, equation.params, operands)
        elif name == "cond":
            outputs = _branch(to, equation.params["branches"], operands)
        elif name == "optimization_barrier":  # against reorderings, which there are none of here
            outputs = operands
        else:
            outputs = [apply(to, equation, operands)]
        values |= dict(zip(equation.outvars, outputs, strict=True))
    return [read(v) for v in jaxpr.outvars]


@lru_cache(maxsize=1024)
def _needed(jaxpr: Any) -> list[Any]:
    """The equations that an output depends on: derivatives leave some behind that none does."""
    wanted, found = {v for v in jaxpr.outvars if not hasattr(v, "val")}, []
    for equation in reversed(jaxpr.eqns):
        if not wanted.isdisjoint(equation.outvars):
            found.append(equation)
            wanted.update(v for v in equation.invars if not hasattr(v, "val"))
    return found[::-1]


@lru_cache
def _traced(function: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> Any:
    with jax.enable_x64(True):
        return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s, np.float64) for s in shapes))


@lru_cache
def _words(shapes: tuple[tuple[int, ...], ...]) -> Any:
    with jax.enable_x64(True):
        given = [jax.ShapeDtypeStruct(shape, np.uint32) for shape in shapes]
        return jax.make_jaxpr(threefry2x32)(*given)


def _elementary(to: Function, equation: Any, operands: Sequence[Value]) -> Value:
    """An elementary function of each entry: in place or, if it is long, by a function."""
    name, avals = equation.primitive.name, [v.aval for v in equation.invars]
    if any(aval.dtype != np.float64 for aval in avals):
        raise NotElementwise(f"{name} of {', '.join(str(aval.dtype) for aval in avals)}")
    function = FUNCTIONS[name]
    if name == "pow":
        exponents = {constant_float(entry) for entry in operands[1].named()}
        function = (by_roots(exponents.pop()) if len(exponents) == 1 else None) or function
    of_entry = _traced(function, tuple((TRACED,) if is_over_runs(aval) else () for aval in avals))
    if _instructions(of_entry.jaxpr) < _LONG_ELEMENTARY:
        (found,) = program(to, _traced(function, tuple(aval.shape for aval in avals)), operands)
        return found
    shape = np.broadcast_shapes(*(o.entries.shape for o in operands))
    columns = [np.broadcast_to(o.entries, shape).ravel() for o in operands]
    results = [
        _by_function(
            to, of_entry,
            [value_of([x], (), o.dtype, o.over_runs) for x, o in zip(entry, operands, strict=True)],
        )[0]
        for entry in zip(*columns, strict=True)
    ]  # fmt: skip
    names = [str(result.entries) for result in results]
    return value_of(names, shape, results[0].dtype, results[0].over_runs)


def _called(equation: Any) -> Any:
    return equation.params.get("jaxpr", equation.params.get("call_jaxpr"))


# -- calls ---------------------------------------------------------------------------------------


def _call(to: Function, closed: Any, operands: list[Value]) -> list[Value]:
    """What a called jaxpr makes of the operands: in place, or if it is long, by a function.

    JAX calls the same jaxpr again where it can, and then the same function serves: a step that
    is taken in a dozen places is compiled once.
    """
    if _instructions(closed.jaxpr) < _LONG:
        return program(to, closed, operands)
    return _by_function(to, closed, operands)


def _by_function(to: Function, closed: Any, operands: list[Value]) -> list[Value]:
    """The same by a function of the module, which is made when it is first called."""
    # As loops and branches do: so the function depends on the jaxpr alone.
    avals = [v.aval for v in closed.jaxpr.invars]
    operands = [to.spread_as(v, a) for v, a in zip(operands, avals, strict=True)]
    places, size = _framed(operands)
    key = id(closed.jaxpr)
    if key not in to.module.shared:
        inner = Function(to.module)
        begin = [_loaded(inner, "%frame", v, at) for v, at in zip(operands, places, strict=True)]
        made = program(inner, closed, begin)
        results, whole = _framed(made, size)
        for value, offsets in zip(made, results, strict=True):
            _stored(inner, "%frame", value, offsets)
        name = to.name("call")
        _add(to, name, inner)
        # The jaxpr is kept with it, so that its number is not given to another.
        to.module.shared[key] = name, whole, made, results, closed
    name, whole, made, results, _ = to.module.shared[key]
    frame = _run(to, name, whole, operands, places)
    return [_loaded(to, frame, v, offsets) for v, offsets in zip(made, results, strict=True)]


@lru_cache(maxsize=1024)
def _instructions(jaxpr: Any) -> int:
    """About how many instructions it is translated to."""
    total = 0
    for equation in _needed(jaxpr):
        name = equation.primitive.name
        entries = max(v.aval.size // (TRACED if is_over_runs(v.aval) else 1)
                      for v in equation.outvars)  # fmt: skip
        if name in _CALLS:
            total += _instructions(_called(equation).jaxpr)
        elif name in FUNCTIONS:
            # In place, or as a call.
            shapes = tuple((TRACED,) if is_over_runs(v.aval) else () for v in equation.invars)
            length = _instructions(_traced(FUNCTIONS[name], shapes).jaxpr)
            total += entries * min(length, _LONG_ELEMENTARY)
        elif name == "cond":
            total += sum(_instructions(branch.jaxpr) for branch in equation.params["branches"])
        else:
            total += entries
    return total


# -- branches ------------------------------------------------------------------------------------


def _branch(to: Function, branches: Sequence[Any], operands: list[Value]) -> list[Value]:
    which, *inputs = operands
    if which.over_runs or len(branches) != 2:
        raise NotElementwise("a branch that differs between runs, or of more than two ways")
    labels, after = [to.name("branch") for _ in branches], to.name("join")
    (chosen,) = which.named()
    if which.dtype != "bool":
        chosen = to.put(f"icmp ne {which.type} {chosen}, 0")
    to.do(f"br i1 {chosen}, label %{labels[1]}, label %{labels[0]}")
    ends, results = [], []
    for label, taken in zip(labels, branches, strict=True):
        to.begin(label)
        outputs = program(to, taken, inputs)
        avals = [v.aval for v in taken.jaxpr.outvars]
        results.append([to.spread_as(o, a) for o, a in zip(outputs, avals, strict=True)])
        ends.append(to.block)
        to.do(f"br label %{after}")
    to.begin(after)

    def join(kind: str, a: str, b: str) -> str:
        return to.put(f"phi {kind} [ {a}, %{ends[0]} ], [ {b}, %{ends[1]} ]")

    return [
        value_of(
            [join(no.type, a, b) for a, b in zip(no.named(), yes.named(), strict=True)],
            no.entries.shape, no.dtype, no.over_runs,
        )
        for no, yes in zip(*results, strict=True)
    ]  # fmt: skip


# -- loops ---------------------------------------------------------------------------------------


def _loop(to: Function, parameters: Any, operands: list[Value]) -> list[Value]:
    n_constants = parameters["cond_nconsts"] + parameters["body_nconsts"]
    avals = [v.aval for v in parameters["body_jaxpr"].jaxpr.outvars]
    carried = [to.spread_as(v, a) for v, a in zip(operands[n_constants:], avals, strict=True)]
    operands = [*operands[:n_constants], *carried]
    if _is_straight(parameters["body_jaxpr"].jaxpr):
        return _outlined(to, parameters, operands, n_constants)
    return _inlined(to, parameters, operands, n_constants)


def _is_straight(jaxpr: Any) -> bool:
    """Whether there is no control flow in it."""
    return not any(
        equation.primitive.name in _CONTROL
        or (equation.primitive.name in _CALLS and not _is_straight(_called(equation).jaxpr))
        for equation in jaxpr.eqns
    )


def _inlined(to: Function, parameters: Any, operands: list[Value], n_constants: int) -> list[Value]:
    n_cond, begin = parameters["cond_nconsts"], operands[n_constants:]
    head, inside, after = (to.name(kind) for kind in ("head", "body", "exit"))
    before = to.block
    to.do(f"br label %{head}")
    to.begin(head)
    carried, places = [], []
    for value in begin:
        names = []
        for entry in value.named():
            # A loop's value is, at its head, either the one from before or the one that the body
            # made last. The second has no name yet, for the body is written after the head needs
            # it: so the line is left open here and completed once the body stands.
            places.append(len(to.lines))
            names.append(to.put(f"phi {value.type} [ {entry}, %{before} ]"))
        carried.append(value_of(names, value.entries.shape, value.dtype, value.over_runs))
    (go_on,) = program(to, parameters["cond_jaxpr"], [*operands[:n_cond], *carried])
    if go_on.over_runs:
        raise NotElementwise("a loop whose length differs between runs")
    to.do(f"br i1 {go_on.named()[0]}, label %{inside}, label %{after}")
    to.begin(inside)
    outputs = program(to, parameters["body_jaxpr"], [*operands[n_cond:n_constants], *carried])
    following = [to.spread(o) if c.over_runs else o for o, c in zip(outputs, carried, strict=True)]
    to.do(f"br label %{head}")
    ends = [entry for value in following for entry in value.named()]
    for place, entry in zip(places, ends, strict=True):
        to.lines[place] += f", [ {entry}, %{to.block} ]"
    to.begin(after)
    return carried


def _outlined(
    to: Function, parameters: Any, operands: list[Value], n_constants: int
) -> list[Value]:
    """An innermost loop as a function of its own, in whose registers nothing else has a claim.

    Its operands are passed, and its results returned, through a frame in memory.
    """
    inner = Function(to.module)
    places, size = _framed(operands)
    begin = [_loaded(inner, "%frame", v, at) for v, at in zip(operands, places, strict=True)]
    ends = _inlined(inner, parameters, begin, n_constants)
    results = places[n_constants:]
    for value, offsets in zip(ends, results, strict=True):
        _stored(inner, "%frame", value, offsets)
    name = to.name("loop")
    _add(to, name, inner)
    frame = _run(to, name, size, operands, places)
    return [_loaded(to, frame, v, offsets) for v, offsets in zip(ends, results, strict=True)]


# -- functions of their own ----------------------------------------------------------------------


def _framed(values: Sequence[Value], begin: int = 0) -> tuple[list[list[int]], int]:
    """Where the entries of values lie in a frame, and where what follows them would."""
    places = []
    for value in values:
        places.append(list(range(begin, begin + value.entries.size)))
        begin += value.entries.size
    return places, begin


def _stored(to: Function, frame: str, value: Value, offsets: list[int]) -> None:
    for offset, entry in zip(offsets, value.named(), strict=True):
        to.store(frame, offset, value.type, entry)


def _loaded(to: Function, frame: str, like: Value, offsets: list[int]) -> Value:
    names = [to.load(frame, offset, like.type) for offset in offsets]
    return value_of(names, like.entries.shape, like.dtype, like.over_runs)


def _add(to: Function, name: str, inner: Function) -> None:
    inner.do("ret void")
    to.module.add(f"define internal void @{name}(ptr noalias %frame) noinline", inner)


def _run(to: Function, name: str, size: int, operands: list[Value], places: list[list[int]]) -> str:
    """The frame of a call with these operands."""
    frame = to.frame(size)
    for value, offsets in zip(operands, places, strict=True):
        _stored(to, frame, value, offsets)
    to.do(f"call void @{name}(ptr {frame})")
    return frame
