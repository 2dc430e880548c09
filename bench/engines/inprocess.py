"""Trials in this process, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from bench.engines import Judge, Outcome
from bench.engines.task import Task, perform
from bench.runtime import stop_requests


class InProcess:
    """Runs a task when its outcome is waited for; Ctrl-C stops it at its next log."""

    def __init__(self) -> None:
        self._work: tuple[Task, Judge] | None = None

    @property
    def free(self) -> int:
        """One task at a time."""
        return int(self._work is None)

    def submit(self, task: Task, judge: Judge) -> None:
        """Remembers the task."""
        self._work = task, judge

    def wait(self, timeout: float) -> Sequence[Outcome]:  # noqa: ARG002 - it works instead of waiting
        """Runs the task.

        Raises:
            Interrupted: By Ctrl-C or SIGTERM.
        """
        if self._work is None:
            return []
        (task, judge), self._work = self._work, None
        with stop_requests() as should_stop:
            return [Outcome(task, perform(task, should_stop, judge))]

    def close(self) -> None:
        """Nothing is left running."""
