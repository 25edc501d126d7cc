"""What the suites share: strict numerics, one Hypothesis profile, a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import hypothesis
import jax
import pytest
from jaxtyping import install_import_hook

from tests.support.paths import ROOT

# Where the tests call JAX themselves, they do so in float64 and without silent broadcasting over
# axes. What the library does under a user's own settings is tested in processes of their own.
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

# A first example may compile; a failing one must fail again, and say how.
hypothesis.settings.register_profile(
    "ravine", deadline=None, derandomize=True, print_blob=True, database=None
)
hypothesis.settings.load_profile("ravine")

# The array annotations of the contract are checked on every call. Only there: elsewhere a wrong
# type is to meet the library's own message, not the checker's.
install_import_hook("landscapes.landscape", "beartype.beartype")


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Runs a program in a fresh interpreter with the given environment; returns what it prints."""

    def run(program: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
