"""Compiles elementwise JAX programs to loops that keep every run in registers for all its steps.

XLA's CPU code makes a pass over memory for every array that a step produces, and a call for every
pass. A batch of toy losses is all passes and calls. Here the same program, as JAX traces it,
becomes one LLVM function in which an array over runs is a vector value, a `while_loop` is a loop,
and nothing is stored before the end. No formula is written a second time: what is translated is
the jaxpr of the very function that XLA would be given.

    values      what a variable of the jaxpr becomes, and the functions under construction
    operations  one rule for each primitive; a new one is one function
    arrays      the rules of shapes, reductions and products of matrices
    gathering   the rule for entries that are chosen by their numbers
    elementary  exp, log, tanh and their like, written in those
    control     jaxprs, calls, branches and loops
    target      what machine code is made for
    assembly    an object of WebAssembly as a module
    machine     the whole function: inputs, outputs, machine code, and how it is called

Only what such programs consist of is understood: elementwise arithmetic and functions, comparisons,
selections, small products, and control flow by scalars. For anything else `compile_runs` raises
`NotElementwise`, and the caller leaves the program to XLA. Floating-point operations are those of
IEEE 754, in the order of the jaxpr, never contracted and never flushed: results depend neither on
the processor nor on how many runs a vector has.
"""

from dynamics.engine.native import arrays as arrays
from dynamics.engine.native import gathering as gathering
from dynamics.engine.native.machine import Compiled as Compiled
from dynamics.engine.native.machine import compile_runs as compile_runs
from dynamics.engine.native.target import HOST as HOST
from dynamics.engine.native.target import Target as Target
from dynamics.engine.native.values import NotElementwise as NotElementwise
