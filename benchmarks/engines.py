"""The engines that are compared: each advances SAM on the saddle landscape, all runs at once."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynamics import SAM, Criteria, sweep, uniform_starts
from landscapes import Saddle
from landscapes.checks import Real

RHO = 0.1
SOURCE = Path(__file__).with_name("sam_saddle.c")
# -fno-math-errno lets the root be one instruction; no option here lets the compiler reorder sums.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC")


@dataclass(frozen=True)
class Job:
    """η × starts: 128 log-spaced learning rates and uniform starts in [−2, 2]²."""

    eta: Real
    starts: Real

    @property
    def runs(self) -> int:
        return len(self.eta) * len(self.starts)

    def each(self) -> tuple[Real, Real]:
        """η `(runs,)` and start `(runs, 2)` of every run, starts running fastest."""
        eta = np.repeat(self.eta, len(self.starts))
        return eta, np.tile(self.starts, (len(self.eta), 1))


def job(runs: int) -> Job:
    """The reference job with (about) this many runs: 131,072 are 128 η × 1,024 starts."""
    starts = uniform_starts(max(1, runs // 128), low=(-2.0, -2.0), high=(2.0, 2.0), seed=0)
    return Job(np.geomspace(0.001, 0.3, 128), starts)


# An engine takes a job and a number of steps and gives the last iterates, shape (runs, 2).
Engine = Callable[[Job, int], Real]


def ravine(given: Job, n_steps: int) -> Real:
    """The public sweep, outcomes and all, with every step done."""
    found = sweep(
        Saddle(), SAM, eta=given.eta, rho=RHO, starts=given.starts, n_steps=n_steps,
        criteria=Criteria(), early_stop=False,
    )  # fmt: skip
    return found["final"].values.reshape(-1, 2)


def ravine_early(given: Job, n_steps: int) -> Real:
    """The public sweep as it is used: decided runs stop."""
    found = sweep(
        Saddle(), SAM, eta=given.eta, rho=RHO, starts=given.starts, n_steps=n_steps,
    )  # fmt: skip
    return found["final"].values.reshape(-1, 2)


def paper(given: Job, n_steps: int) -> Real:
    """NumPy as one writes it from the paper: the whole batch, a power, a norm."""

    def gradient(w: Real) -> Real:
        x, y = w[:, 0], w[:, 1]
        return np.stack([x**3 - y, y - x], axis=1)

    eta, w = given.each()
    for _ in range(n_steps):
        g = gradient(w)
        g_asc = gradient(w + RHO * g / np.linalg.norm(g, axis=1, keepdims=True))
        w = w - eta[:, None] * g_asc
    return w


def lean(given: Job, n_steps: int) -> Real:
    """NumPy with coordinates apart and multiplications for powers."""
    eta, w = given.each()
    x, y = w[:, 0].copy(), w[:, 1].copy()
    for _ in range(n_steps):
        gx, gy = x * x * x - y, y - x
        scale = RHO / np.sqrt(gx * gx + gy * gy)
        a, b = x + scale * gx, y + scale * gy
        x, y = x - eta * (a * a * a - b), y - eta * (b - a)
    return np.stack([x, y], axis=1)


def compiler() -> str | None:
    """The C compiler, or None where there is none."""
    return next((found for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), None)


def c_loop() -> Engine | None:
    """The loop in C, compiled for this processor; None without a compiler that can do it."""
    with_compiler = compiler()
    if with_compiler is None:
        return None
    key = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:12]
    library = Path(tempfile.mkdtemp(prefix="ravine-")) / f"sam_saddle_{key}.so"
    command = [with_compiler, *FLAGS, str(SOURCE), "-o", str(library), "-lm"]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        return None
    advance = ctypes.CDLL(os.fspath(library)).advance
    double = np.ctypeslib.ndpointer(dtype=np.float64, flags="C_CONTIGUOUS")
    advance.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_double, double, double, double]
    advance.restype = None

    def run(given: Job, n_steps: int) -> Real:
        eta, w = given.each()
        x, y = np.ascontiguousarray(w[:, 0]), np.ascontiguousarray(w[:, 1])
        advance(len(eta), n_steps, RHO, eta, x, y)
        return np.stack([x, y], axis=1)

    return run
