"""Ctrl-C that is not lost.

A `KeyboardInterrupt` raised inside a callback of a compiled library (the garbage collector's hook
of XLA, a solver's signal handler) is printed there and forgotten. So the signal is remembered, and
raised again at the next place where the program asks.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interruption:
    """While the context lasts, an interrupt is raised as usual and also remembered."""

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
