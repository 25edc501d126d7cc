"""The commands as processes of their own: poor terminals, full devices, closed pipes, Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGES = ("landscapes", "dynamics", "proofs_check", "figures")


def started(*arguments: str, path: Path | None = None, **given) -> subprocess.Popen[str]:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"PYTHONPATH": f"{path}:{ROOT}" if path else str(ROOT)}
    environment |= given.pop("env", {})
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, text=True,
        stderr=subprocess.PIPE, errors="backslashreplace", **given,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    error = process.communicate(timeout=120)[1]
    return process.returncode, error


def test_an_interrupt_during_import_is_one_line_and_130(tmp_path: Path, interruptible):
    # In place of the first library that takes long; the second of these swallows it.
    loads = "import os, signal, time\n{}\ntime.sleep(60)\n"
    send = "os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "raised").mkdir()
    (tmp_path / "lost").mkdir()
    (tmp_path / "raised" / "jax.py").write_text(loads.format(send))
    swallowed = f"try:\n    {send}\n    time.sleep(1)\nexcept BaseException:\n    pass"
    (tmp_path / "lost" / "jax.py").write_text(loads.format(swallowed))
    running = [started(package, path=tmp_path / "raised") for package in PACKAGES]
    running.append(started("figures", path=tmp_path / "lost"))
    for process in running:
        assert ended(process) == (130, "interrupted\n")


@pytest.mark.slow
def test_streams_that_fail_are_one_line(tmp_path: Path):
    with open("/dev/full", "w", encoding="utf-8") as full:
        a_full_device = started("landscapes", stdout=full)
        nothing_to_say_it_on = started("dynamics", "sma", stdout=full)
    read, write = os.pipe()
    os.close(read)
    a_closed_pipe = started("dynamics", stdout=write)
    os.close(write)
    closed = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m dynamics >&-'], cwd=ROOT, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True, check=False, timeout=120,
    )  # fmt: skip
    no_space = "error: cannot write to standard output: No space left on device\n"
    assert ended(a_full_device) == (1, no_space)
    assert ended(a_closed_pipe) == (141, "")
    status, said = ended(nothing_to_say_it_on)
    assert status == 2 and said.endswith("unknown algorithm 'sma'; did you mean SAM?\n")
    assert (closed.returncode, closed.stderr) == (
        1, "error: cannot write to standard output: it is closed\n",
    )  # fmt: skip


@pytest.mark.slow
def test_terminals_without_letters_and_users_without_a_home():
    poor = {"PYTHONIOENCODING": "ascii", "TERM": "dumb", "LC_ALL": "C"}
    homeless = {"HOME": "/proc/nowhere", "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    table = started("landscapes", stdout=subprocess.PIPE, env=poor)
    listed = started("dynamics", "LpSAM(4)", stdout=subprocess.PIPE, env=poor)
    figures = started("figures", "--list", stdout=subprocess.PIPE, env=poor | homeless)
    said, error = table.communicate(timeout=120)
    assert (table.returncode, error) == (0, "") and said.isascii()
    # Spelled out before it is laid out: the columns are in line.
    assert len({len(line) for line in said.splitlines() if line.startswith(("|", "+"))}) == 1
    assert "beta: smoothness, mu: strong convexity" in said
    said, error = listed.communicate(timeout=120)
    assert (listed.returncode, error) == (0, "") and said.isascii()
    assert "w+ = w - eta grad L(w + (rho/" in said
    said, error = figures.communicate(timeout=120)
    assert (figures.returncode, error) == (0, "") and "stability_region" in said


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_they_explain_themselves(package: str):
    done = started(package, "--help", stdout=subprocess.PIPE)
    said, error = done.communicate(timeout=120)
    assert (done.returncode, error) == (0, "")
    assert "Exit status: 0" in " ".join(said.split())
