"""How much memory there is, and how much of it a sweep may take."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

from landscapes.checks import shown, whole_number

_UNITS = {"B": 1} | {
    f"{prefix}{unit}": base**power
    for power, prefix in enumerate("KMGT", start=1)
    for unit, base in (("B", 1000), ("iB", 1024))
}
#: What a sweep takes when it is not told: the rest is for what the caller does with the results.
_SHARE_OF_FREE = 0.75
# A control group (a container, a batch job) may allow less than the machine has: the limit and
# the usage, as the two versions of the kernel's interface name them.
_GROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def memory_limit_in_bytes(value: Any) -> int:
    """`memory_limit` in bytes; None is a share of what is free. `ValueError` for anything else."""
    if value is None:
        return int(_SHARE_OF_FREE * free_memory())
    if not isinstance(value, str):
        with contextlib.suppress(ValueError):
            return whole_number("memory_limit", value, minimum=1)
    else:
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?B)\s*", value, flags=re.IGNORECASE)
        units = {name.lower(): size for name, size in _UNITS.items()}
        if found and found[2].lower() in units and 0 < float(found[1]) < float("inf"):
            return max(1, int(float(found[1]) * units[found[2].lower()]))
    raise ValueError(
        "memory_limit must be a number of bytes > 0, a text such as '2GiB' or '500 MB', or None; "
        f"got {shown(value)}"
    )


def in_words(n_bytes: float) -> str:
    """A number of bytes as one reads it, such as `1.5 GiB`."""
    n_bytes = min(n_bytes, 2**100)  # an integer may be larger than any float
    for unit in ("B", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.3g} GiB"


def free_memory() -> int:
    """Bytes that this process can still have without anything being swapped out."""
    import psutil

    free = psutil.virtual_memory().available
    for root, limit, usage in _GROUPS:
        for folder in _own_groups(root):
            try:
                most = (folder / limit).read_text().strip()
                used = int((folder / usage).read_text())
            except (OSError, ValueError):
                continue
            if most.isdigit():  # "max" where there is no limit
                free = min(free, max(0, int(most) - used))
    return free


def _own_groups(root: Path) -> list[Path]:
    """The control groups that this process is in, as far as they can be seen from inside."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    paths = [fields[2] for line in lines if len(fields := line.split(":", 2)) == 3
             and fields[1] in ("", "memory")]  # fmt: skip
    return [root, *(root / path.lstrip("/") for path in paths)]
