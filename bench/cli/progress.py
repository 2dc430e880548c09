"""The progress bar of a study, on standard error; plain lines where that is no terminal."""

from __future__ import annotations

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.cli.preview import duration
from bench.console import terminal
from bench.records import TrialResult
from bench.study.plan import PlannedRun
from bench.text import masked, one_line


class StudyProgress:
    """Shows runs done, time spent and what is left by the forecast, which it corrects as it goes.

    Args:
        forecast: Seconds per run, by label.
        speedup: What is done at a time, in what one run at a time does.
        silent: Shows nothing.
    """

    def __init__(self, forecast: dict[str, float], speedup: float, *, silent: bool = False) -> None:
        self._forecast, self._speedup = forecast, speedup
        self._total = sum(forecast.values())
        self._spent = 0.0
        self._done = 0
        self._began = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f} runs"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(file=terminal(), force_jupyter=False, quiet=silent),
            disable=silent or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=len(forecast))

    def __enter__(self) -> Self:
        """Starts the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the bar."""
        self._bar.stop()

    def started(self, run: PlannedRun) -> None:
        """Names the run in the bar."""
        self._bar.update(self._task, description=f"{self._left()}  {one_line(run.label)}")

    def ended(self, run: PlannedRun, result: TrialResult) -> None:
        """Moves the bar, or prints a line."""
        # Which cells are chosen is not known before: as long as runs take on average.
        average = self._total / max(1, len(self._forecast))
        self._spent += self._forecast.get(run.label, average)
        self._done += 1
        self._bar.update(self._task, advance=1, description=self._left())
        value = "no value" if result.value is None else f"{result.primary} {result.value:.2f}"
        line = f"[{self._done}/{len(self._forecast)}] {run.label}: {result.status}, {value}, {self._left()}"
        if self._bar.disable or result.reason:
            said = one_line(masked(f"{line} {result.reason}".rstrip()))
            self._bar.console.print(said, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        remaining = self._total - self._spent
        if self._spent > 0:
            remaining *= (time.monotonic() - self._began) / self._spent
        else:
            remaining /= self._speedup
        return f"{duration(max(0.0, remaining))} left"
