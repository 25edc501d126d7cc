"""Measurements that need a process of their own: memory, first calls, imports."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.row import Unmeasured

_ROOT = Path(__file__).parent.parent


def in_child(function: str, *arguments: Any, environment: Mapping[str, str] | None = None) -> Any:
    """What `module:function` returns for these arguments in a fresh interpreter.

    Arguments and the result pass through JSON.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", function, json.dumps(arguments)],
        env=os.environ | {"PYTHONPATH": path} | dict(environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise RuntimeError(f"{function} in a process of its own: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def import_seconds(module: str) -> float:
    """What importing it takes here; this module imports nothing large itself."""
    begin = perf_counter()
    importlib.import_module(module)
    return perf_counter() - begin


def peak_resident() -> int:
    """The most memory that this process has had resident, in bytes.

    Not `getrusage` where the system's own count is there: a child's `ru_maxrss` begins at the
    peak of the process that started it.
    """
    if found := _status("VmHWM"):
        return found
    try:
        import resource
    except ImportError:
        raise Unmeasured("this system does not tell the peak of a process's memory") from None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def reset_peak() -> int:
    """Forgets the peak so far, where the system can, and returns what is resident now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak_resident()
    return _status("VmRSS") or peak_resident()


def _status(key: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(key)), None)


if __name__ == "__main__":
    _module, _, _name = sys.argv[1].partition(":")
    print(json.dumps(getattr(importlib.import_module(_module), _name)(*json.loads(sys.argv[2]))))
