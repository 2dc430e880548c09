"""Trials in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.engines import Outcome
from bench.work import Task, perform


class InProcess:
    """Runs a task when its outcome is waited for.

    Args:
        should_stop: Asked at each log of a run.
    """

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self._task: Task | None = None

    @property
    def free(self) -> int:
        """One task at a time."""
        return int(self._task is None)

    def submit(self, task: Task) -> None:
        """Remembers the task."""
        self._task = task

    def wait(self, timeout: float) -> Sequence[Outcome]:  # noqa: ARG002 - it works instead of waiting
        """Runs the task.

        Raises:
            Interrupted: ``should_stop`` said so.
        """
        if self._task is None:
            return []
        task, self._task = self._task, None
        return [Outcome(task, perform(task, self._should_stop))]

    def close(self) -> None:
        """Nothing is left running."""
