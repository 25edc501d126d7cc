"""Tells of runs done while a sweep goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from landscapes.checks import shown
from landscapes.console import bars

Progress = Callable[[int, int], None]


class Reporter:
    """The `progress` argument as a context whose value is called with how many more are done.

    True draws a bar with the time gone, the time left and the runs per second; a function is
    called with runs done and runs in all, and what it raises ends the sweep.
    """

    def __init__(self, progress: Any) -> None:
        if not (isinstance(progress, bool) or callable(progress)):
            raise ValueError(f"progress must be True, False or a function; got {shown(progress)}")
        self._progress, self._done, self._total, self._bar = progress, 0, 0, None

    def of(self, total: int, *, done: int = 0) -> Reporter:
        """For so many runs, of which some were done before."""
        self._total, self._done = total, done
        return self

    def __enter__(self) -> Callable[[int], None]:
        if self._progress is True:
            self._bar = bars(speed_of="runs")
            self._task = self._bar.add_task("runs", total=self._total, completed=self._done)
            self._bar.start()
        elif self._done:
            self._advance(0)
        return self._advance

    def _advance(self, count: int) -> None:
        self._done += count
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        elif callable(self._progress):
            self._progress(self._done, self._total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
