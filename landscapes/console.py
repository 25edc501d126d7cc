"""What all command lines share: names nearly right, files, interrupts, progress, versions, streams.

Each package imports this module first, so that an interrupt is answered even while the others load.
So it imports the standard library only, and of that what loads fast.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
#: As a shell reports a program that a closed pipe has ended: `python -m landscapes | head -1`.
READER_GONE = 128 + 13
COMMANDS = ("landscapes", "dynamics", "proofs_check", "figures", "benchmarks")


# -- names -------------------------------------------------------------------------------------


def nearest(name: str, names: Iterable[str], otherwise: str | None = None) -> str:
    """What to add to a complaint about an unknown name: those it may mean, or all there are.

    `otherwise` is said instead of all of them.
    """
    import difflib

    known = {n.lower(): n for n in names}
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    alike = [difflib.SequenceMatcher(None, n, name.lower()).ratio() for n in close]
    close = [n for n, one in zip(close, alike, strict=True) if one > 0.9 * alike[0]]
    if close:
        return f"; did you mean {' or '.join(known[n] for n in close)}?"
    return f"; {otherwise or 'there are ' + ', '.join(known.values())}"


# -- files -------------------------------------------------------------------------------------


def replacing(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file whole or not at all: what fails or is interrupted leaves the old one in place.

    `write` is called with the path of a new file in the same folder and with the same ending. A
    device or a pipe cannot be replaced, and is written as it is. Raises `OSError`.
    """
    if _is_special(path):
        write(path)
        return
    whole = Path(os.path.realpath(path))  # a link stays a link
    partial = whole.with_name(f".{whole.stem[:60]}.{os.getpid()}.partial{whole.suffix}")
    try:
        write(partial)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(whole, partial)
        os.replace(partial, whole)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text whole or not at all, in UTF-8 whatever the terminal's encoding is."""
    replacing(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def why_unwritable(path: str | Path, *, folder: bool = False) -> str:
    """Why `replacing` cannot write this file, or any into this folder; empty if it can.

    A folder that is missing is made.
    """
    file = Path(path)
    try:
        if folder:
            file.mkdir(parents=True, exist_ok=True)
        elif file.is_dir():
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        elif _is_special(file):
            return "" if os.access(file, os.W_OK) else os.strerror(errno.EACCES)
        home = file if folder else Path(os.path.realpath(file)).parent
        with tempfile.TemporaryFile(dir=home):
            return ""
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # a zero byte in the name
        return str(error)


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


# -- interrupts --------------------------------------------------------------------------------


class Interruption:
    """While the context lasts, Ctrl-C is raised as usual and also remembered.

    A `KeyboardInterrupt` raised inside a callback of a compiled library (the garbage collector's
    hook of XLA, a solver's signal handler) is printed there and forgotten. So the signal is
    remembered, and raised again at the next place where the program asks.
    """

    seen = False

    def __enter__(self) -> Interruption:
        # Signal handlers belong to the main thread; elsewhere there is nothing to remember.
        self._installed = threading.current_thread() is threading.main_thread()
        if self._installed:
            self._previous: Any = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        self.seen = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raises `KeyboardInterrupt` if one has come and not been let through."""
        if self.seen:
            raise KeyboardInterrupt


def begin_command() -> None:
    """Where `python -m` is about to run one of our packages, prepares for that; else does nothing.

    Ctrl-C while modules load ends the process with one line: there is
    nothing yet to be kept, and a library that is being loaded may swallow an exception.
    """
    if _command() not in COMMANDS:
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    import logging

    # Matplotlib says in two lines that it has no home to keep its fonts in, and goes on without;
    # but not where there is no telling where a home would be.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        Path.home()
    except RuntimeError:
        if "MPLCONFIGDIR" not in os.environ:
            os.environ["MPLCONFIGDIR"] = home = tempfile.mkdtemp(prefix="ravine-")
            atexit.register(shutil.rmtree, home, ignore_errors=True)


def _command() -> str:
    """The module that `python -m` is about to run; empty if it is not what runs."""
    if sys.argv[:1] != ["-m"] or len(sys.orig_argv) < len(sys.argv):
        return ""
    return sys.orig_argv[-len(sys.argv)].removeprefix("-m")


def _leave(signum: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


# -- the streams of a command ------------------------------------------------------------------


def run(main: Callable[[], int]) -> int:
    """Runs a command line and returns its exit status, whatever becomes of its streams.

    What is not to be said in the encoding of a terminal is spelled out. Output that cannot be
    written does not stop the work, which may be about files; the status tells of it in the end.
    Ctrl-C and failures of the system are one line on standard error.
    """
    import subprocess

    from landscapes import streams

    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.showwarning = _warn
    # Nobody asked for JAX's cache to be there; without it things take longer and are the same.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation")
    for number in range(3):  # so that no file gets the number of a stream that is closed
        _keep_open(number)
    out, err = streams.Stream(sys.stdout), streams.Stream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        status = main()
    except SystemExit as stop:  # of argparse: 0 after help, 2 for wrong usage
        status = stop.code if isinstance(stop.code, int) else FAILED
    except KeyboardInterrupt:
        status = _failed("interrupted", INTERRUPTED)
    except MemoryError as error:
        status = _failed(f"error: not enough memory: {error}")
    except (OSError, subprocess.SubprocessError) as error:
        status = _failed(f"error: {error}")
    out.flush()
    err.flush()
    if isinstance(out.failure, BrokenPipeError):
        return status or READER_GONE
    if out.failure is not None:
        why = out.failure.strerror or out.failure
        return _failed(f"error: cannot write to standard output: {why}", status or FAILED)
    return status


def _failed(line: str, status: int = FAILED) -> int:
    sys.stderr.write(f"{' '.join(line.split())}\n")
    return status


def _warn(message: Any, category: Any, filename: str, lineno: int, *_: Any) -> None:
    sys.stderr.write(f"warning: {' '.join(str(message).split())}\n")


def _keep_open(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_RDWR), number)


# -- results, and progress ---------------------------------------------------------------------


def screens(width: int) -> tuple[Any, Any]:
    """Rich's consoles for results, on standard output, and for progress, on standard error.

    `width` is that of results that go into a file or a pipe.
    """
    from rich.console import Console

    from landscapes.streams import spelled

    class Screen(Console):
        # Spelled out before it is laid out, so that the columns of a table stay in line.
        def render_str(self, text: str, **options: Any) -> Any:
            return super().render_str(spelled(text, self.encoding), **options)

    out = Screen() if sys.stdout.isatty() else Screen(width=width)
    return out, Screen(stderr=True)


def bars(screen: Any = None, *, counted: bool = False, speed_of: str = "") -> Any:
    """Rich's bars of progress with the time gone: a context, to which tasks are added.

    `counted` shows how many are done of how many, in place of the percentage. `speed_of` adds the
    time left and how many of these are done in a second.
    """
    from rich import progress
    from rich.text import Text

    class Speed(progress.ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.3g} {speed_of}/s" if speed else "")

    share = progress.MofNCompleteColumn() if counted else progress.TaskProgressColumn()
    columns = [
        progress.TextColumn("{task.description}"), progress.BarColumn(), share,
        progress.TimeElapsedColumn(),
    ]  # fmt: skip
    if speed_of:
        left = (progress.TextColumn("gone,"), progress.TimeRemainingColumn())
        columns += [*left, progress.TextColumn("left"), Speed()]
    # Parts may end minutes apart: the speed is that of the last ten.
    return progress.Progress(*columns, console=screen, speed_estimate_period=600)


def versions(*packages: str) -> dict[str, str | None]:
    """The versions of packages; None for one that is not installed, as when run from its source."""
    return {package: _version(package) for package in packages}


@lru_cache  # each is read from a file, which takes longer than many a sweep
def _version(package: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


begin_command()
