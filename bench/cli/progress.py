"""The progress bar of a study, and a line of each run that is under way, on standard error.

Where that is no terminal: a plain line of each run that ends.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.cli.preview import duration
from bench.cli.running import Running, lines
from bench.console import guard_streams, terminal
from bench.records import TrialResult
from bench.study.plan import PlannedRun
from bench.text import masked, one_line

REFRESHES = 4
"""In a second."""


class StudyProgress:
    """Shows runs done, time spent and what is left by the forecast, which it corrects as it goes.

    Args:
        folder: Of the study.
        forecast: Seconds per run, by label.
        speedup: What is done at a time, in what one run at a time does.
        silent: Shows nothing.
    """

    def __init__(
        self, folder: Path, forecast: dict[str, float], speedup: float, *, silent: bool = False
    ) -> None:
        self._folder, self._forecast, self._speedup = folder, forecast, speedup
        self._total = sum(forecast.values())
        self._spent = 0.0
        self._done = 0
        self._began = time.monotonic()
        self._console = Console(file=terminal(), force_jupyter=False, quiet=silent)
        self._bar = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f} runs"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
        )
        self._task = self._bar.add_task("", total=len(forecast))
        self._runs: dict[str, Running] = {}
        self._drawn = contextlib.ExitStack()
        self._is_drawn = _is_drawn(self._console)

    def __enter__(self) -> Self:
        """Starts the bar."""
        self._drawn.enter_context(_drawn(Group(self._bar, _Lines(self._runs)), self._console))
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the bar."""
        self._drawn.close()

    def started(self, run: PlannedRun) -> None:
        """A line for the run."""
        self._bar.update(self._task, description=self._left())
        folder, images = self._folder / run.key, run.config.train.num_images
        self._runs[run.key] = Running(run.label, folder, images)

    def ended(self, run: PlannedRun, result: TrialResult) -> None:
        """Moves the bar, or prints a line."""
        # Which cells are chosen is not known before: as long as runs take on average.
        average = self._total / max(1, len(self._forecast))
        self._spent += self._forecast.get(run.label, average)
        self._done += 1
        self._runs.pop(run.key, None)
        total = max(len(self._forecast), self._done)  # more seeds may choose other cells
        self._bar.update(self._task, advance=1, total=total, description=self._left())
        value = "no value" if result.value is None else f"val {result.primary} {result.value:.2f}"
        line = f"[{self._done}/{total}] {run.label}: {result.status}, {value}, {self._left()}"
        if not self._is_drawn or result.reason:
            said = one_line(masked(f"{line} {result.reason}".rstrip()))
            self._console.print(said, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        remaining = self._total - self._spent
        if self._spent > 0:
            remaining *= (time.monotonic() - self._began) / self._spent
        else:
            remaining /= self._speedup
        return f"{duration(max(0.0, remaining))} left"


@contextlib.contextmanager
def run_progress(run: Running, *, silent: bool = False) -> Iterator[None]:
    """Shows one run's line while it is under way; nothing is left of it."""
    console = Console(file=terminal(), force_jupyter=False, quiet=silent)
    with _drawn(_Lines({run.label: run}), console, transient=True):
        yield


class _Lines:
    """The lines of runs, each as its journal has it when they are drawn; at most half the screen."""

    def __init__(self, runs: dict[str, Running]) -> None:
        self.runs = runs
        self._lock = threading.Lock()

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[Text]:
        with self._lock:
            runs = list(self.runs.values())
            for run in runs:
                run.follow()
            width = options.max_width - len("^C")  # which a terminal writes behind the last line
            said = lines(runs, width, max(1, options.size.height // 2))
        for line in said:
            yield Text(line, no_wrap=True, overflow="crop")


@contextlib.contextmanager
def _drawn(what: RenderableType, console: Console, *, transient: bool = False) -> Iterator[None]:
    """Inside, it stands below whatever is printed."""
    if not _is_drawn(console):
        yield
        return
    with Live(
        what,
        console=console,
        refresh_per_second=REFRESHES,
        transient=transient,
        redirect_stdout=sys.stdout.isatty(),
    ):
        guard_streams()  # what is printed meanwhile goes through others
        yield


def _is_drawn(console: Console) -> bool:
    return not console.quiet and sys.stderr.isatty()
