"""What the command lines share: names, files that are whole or not there, interrupts, streams."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from landscapes import console, streams
from landscapes.console import (
    DONE,
    FAILED,
    INTERRUPTED,
    READER_GONE,
    Interruption,
    nearest,
    replacing,
    run,
    versions,
    why_unwritable,
    write_text,
)
from landscapes.streams import Stream, spelled


def test_the_nearest_names_are_those_that_may_be_meant():
    names = ("Saddle", "Beale", "Quadratic", "QuadraticSum")
    assert nearest("sadle", names) == "; did you mean Saddle?"
    assert nearest("Quadratics", names) == "; did you mean Quadratic or QuadraticSum?"
    assert nearest("zzz", names) == f"; there are {', '.join(names)}"
    assert nearest("zzz", names, "see --list") == "; see --list"


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_what_fails_leaves_the_old_file(tmp_path: Path, error: Any):
    path = tmp_path / "image.png"
    path.write_text("old")

    def write(partial: Path) -> None:
        assert partial.suffix == ".png" and partial.parent == tmp_path
        partial.write_text("ne")
        raise error

    with pytest.raises((KeyboardInterrupt, OSError)):
        replacing(path, write)
    assert path.read_text() == "old"
    with pytest.raises((KeyboardInterrupt, OSError)):
        replacing(tmp_path / "new.png", write)
    assert list(tmp_path.iterdir()) == [path]


def test_a_replaced_file_keeps_its_place_its_rights_and_its_links(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    path, link = tmp_path / "folder" / "a.json", tmp_path / "link.json"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_text(link, "η")
    assert link.is_symlink() and path.read_bytes() == "η".encode()
    assert path.stat().st_mode & 0o777 == 0o640
    longest = tmp_path / ("n" * 250 + ".txt")
    write_text(longest, "x")
    assert longest.read_text() == "x"


def test_a_device_is_written_to_and_not_replaced():
    write_text(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError):
        write_text(Path("/dev/full"), "x")
    assert Path("/dev/full").is_char_device()


def test_what_cannot_be_written_is_told_beforehand(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    assert why_unwritable(file) == why_unwritable(tmp_path / "new") == ""
    assert why_unwritable("/dev/null") == ""
    assert why_unwritable(tmp_path / "a" / "b", folder=True) == ""
    assert [p.name for p in sorted(tmp_path.rglob("*"))] == ["a", "b", "file"]
    assert "directory" in why_unwritable(tmp_path)
    assert "No such file" in why_unwritable(tmp_path / "none" / "new")
    assert "directory" in why_unwritable(file / "new")
    assert why_unwritable(file, folder=True) and why_unwritable(file / "x", folder=True)
    assert why_unwritable("/proc/nowhere/x", folder=True)
    assert "null" in why_unwritable("a\0b") and why_unwritable(tmp_path / ("x" * 300))


# -- interrupts --------------------------------------------------------------------------------


@pytest.fixture
def default_handler():
    """As where SIGINT does not arrive ignored, whatever the tests were started by."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def test_an_interrupt_that_was_swallowed_is_raised_again(default_handler):
    with Interruption() as interruption:
        interruption.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_command_is_the_module_that_is_run(monkeypatch: pytest.MonkeyPatch):
    for given, original, command in (
        (["-m", "a", "b"], ["python", "-W", "error", "-m", "figures", "a", "b"], "figures"),
        (["-m"], ["python", "-mdynamics"], "dynamics"),
        (["-m", "figures"], ["python", "-m", "pytest", "figures"], "pytest"),
        (["x.py", "a"], ["python", "x.py", "a"], ""),
        (["-c"], ["python", "-c", "-m figures"], ""),
    ):
        monkeypatch.setattr(sys, "argv", given)
        monkeypatch.setattr(sys, "orig_argv", original)
        assert console._command() == command


def test_a_library_that_wants_a_home_gets_one(monkeypatch: pytest.MonkeyPatch, default_handler):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(console, "_command", lambda: "pytest")
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    console.begin_command()
    assert "MPLCONFIGDIR" not in os.environ
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.setattr(console, "_command", lambda: "figures")
    console.begin_command()
    assert Path(os.environ["MPLCONFIGDIR"]).is_dir()
    assert signal.getsignal(signal.SIGINT) is console._leave


# -- streams -----------------------------------------------------------------------------------


class Broken(io.StringIO):
    """A stream that takes so many writes, and then fails."""

    def __init__(self, takes: int, error: OSError) -> None:
        super().__init__()
        self.takes, self.error, self.end = takes, error, os.open(os.devnull, os.O_WRONLY)

    def write(self, text: str) -> int:
        self.takes -= 1
        if self.takes < 0:
            raise self.error
        return super().write(text)

    def fileno(self) -> int:
        return self.end


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, default_handler):
    """Runs a main with standard output replaced; returns the status and what was complained."""
    monkeypatch.setattr(console, "_keep_open", lambda _: None)

    def of(main: Callable[[], int], out: Any = None) -> tuple[int, str]:
        said = io.StringIO()
        with warnings.catch_warnings():
            monkeypatch.setattr(sys, "stdout", io.StringIO() if out is None else out)
            monkeypatch.setattr(sys, "stderr", said)
            status = run(main)
        return status, said.getvalue()

    return of


def test_output_that_cannot_be_written_does_not_stop_the_work(command):
    done = []

    def main() -> int:
        for i in range(3):
            print(i)
            done.append(i)
        return DONE

    full, gone = OSError(errno.ENOSPC, "No space left"), BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert command(main) == (DONE, "")
    line = "error: cannot write to standard output: No space left\n"
    assert command(main, Broken(1, full)) == (FAILED, line)
    assert command(main, Broken(1, gone)) == (READER_GONE, "")
    assert command(lambda: main() or 5, Broken(0, gone)) == (5, "")
    assert done == [0, 1, 2] * 4
    closed = Stream(None)
    closed.write("η")
    closed.flush()
    assert closed.failure is not None and not closed.isatty()


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KeyboardInterrupt(), INTERRUPTED, "interrupted\n"),
        (OSError(errno.ENOSPC, "Full", "x"), FAILED, "error: [Errno 28] Full: 'x'\n"),
        (MemoryError("needs\n3 GiB"), FAILED, "error: not enough memory: needs 3 GiB\n"),
        (SystemExit(2), 2, ""),
        (SystemExit(0), 0, ""),
    ],
)  # fmt: skip
def test_an_end_is_a_status_and_a_line(command, error, status, line):
    def main() -> int:
        raise error

    assert command(main) == (status, line)


def test_a_warning_is_one_line(command):
    def main() -> int:
        warnings.simplefilter("always")
        warnings.warn("two\nlines", UserWarning, stacklevel=1)
        return DONE

    assert command(main) == (DONE, "warning: two lines\n")


@pytest.mark.parametrize(
    ("text", "ascii"),
    [
        ("η ≤ 2/λ₁", "eta <= 2/lambda1"),
        ("w⁺ = w − ηg", "w+ = w - etag"),
        ("x⁴ − b⁻¹ + 10⁻¹²", "x^4 - b^-1 + 10^-12"),
        ("‖∇L‖ ÷ √2 Łoś Δ …", "||grad L|| ? sqrt2 Los Delta ..."),
        ("漢", "?"),
    ],
)
def test_letters_that_a_terminal_lacks_are_spelled_out(text: str, ascii: str):
    assert spelled(text, "ascii") == ascii
    assert spelled(text, "utf-8") == text
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    out = Stream(stream)
    out.write(text)
    out.flush()
    assert stream.buffer.getvalue().decode("ascii") == ascii  # type: ignore[attr-defined]


def test_the_name_of_a_file_is_written_as_it_is():
    assert "a\udcff".encode("utf-8", streams._SPELLED) == b"a\xff"


def test_versions_are_those_installed():
    import numpy

    assert versions("numpy", "no-such-package") == {
        "numpy": numpy.__version__, "no-such-package": None,
    }  # fmt: skip
