"""The hand-written loops of `loops.c`, compiled for this processor when a compiler is there."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.row import Unmeasured
from benchmarks.workload import Engine, Workload
from landscapes.checks import Real

SOURCE = Path(__file__).with_name("loops.c")
# -fno-math-errno lets a root be one instruction. -fno-thread-jumps keeps gcc from tearing a loop
# with two roots into branches that it then cannot vectorise: 10 times as slow. No option here lets
# the compiler reorder sums.
FLAGS = (
    "-O3", "-march=native", "-fno-math-errno", "-fno-thread-jumps", "-fopenmp", "-shared", "-fPIC",
)  # fmt: skip


def compiler() -> str | None:
    """The C compiler, or None where there is none."""
    return next((found for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), None)


@lru_cache
def loops(with_compiler: str) -> ctypes.CDLL:
    """`loops.c`, compiled and loaded."""
    # OpenMP's threads would otherwise spin for a while after each loop, in the other side's time.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with tempfile.TemporaryDirectory(prefix="ravine-") as folder:
        library = Path(folder) / "loops.so"
        command = [with_compiler, *FLAGS, str(SOURCE), "-o", str(library), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            complaint = next(iter(done.stderr.splitlines()), f"exit status {done.returncode}")
            raise Unmeasured(f"{with_compiler} cannot compile {SOURCE.name}: {complaint}")
        return ctypes.CDLL(os.fspath(library))


def c_loop(given: Workload) -> Engine:
    """The loop of the workload's map; only the loop and a copy of the starts are in its time."""
    with_compiler = compiler()
    if with_compiler is None:
        raise Unmeasured("no C compiler (gcc, cc or clang) is on the PATH")
    name = f"{given.algorithm.name}_{type(given.landscape).__name__}".lower()
    advance = getattr(loops(with_compiler), name)
    double = np.ctypeslib.ndpointer(dtype=np.float64, flags="C_CONTIGUOUS")
    advance.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_double, double, double, double]
    advance.restype = None
    eta, starts = given.each()
    columns = np.ascontiguousarray(starts.T)

    def run(n_steps: int) -> Real:
        w = columns.copy()
        advance(given.runs, n_steps, given.rho, eta, w[0], w[1])
        return w.T

    return run
