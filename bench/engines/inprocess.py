"""Trials in this process, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.engines import Outcome, ShouldPrune, engine
from bench.errors import Interrupted, UsageError
from bench.runtime import stop_requests

if TYPE_CHECKING:
    import torch

    from bench.engines.task import Task


@engine("inprocess")
class InProcess:
    """One run after the other, in the process of the command.

    A task runs when its outcome is waited for; Ctrl-C stops it at its next step.
    """

    def __init__(self, jobs: int, logs: Path) -> None:  # noqa: ARG002 - it prints where all is printed
        self._task: tuple[Task, ShouldPrune] | None = None
        self._stopped = False

    @staticmethod
    def num_jobs(asked: int | None, device: torch.device) -> int:  # noqa: ARG004 - on any
        """One.

        Raises:
            UsageError: More are asked for.
        """
        if asked not in {None, 1}:
            raise UsageError(
                f"engine 'inprocess' runs one at a time, got {asked} jobs: take --engine local"
            )
        return 1

    @staticmethod
    def speedup(jobs: int) -> float:
        """There is but one."""
        return float(jobs)

    @property
    def free(self) -> int:
        """One task at a time."""
        return int(self._task is None)

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:
        """Remembers the task."""
        self._task = task, should_prune

    def wait(self, timeout: float) -> Sequence[Outcome]:  # noqa: ARG002 - it works instead of waiting
        """Runs the task.

        Raises:
            Interrupted: By Ctrl-C, SIGTERM or SIGHUP.
        """
        from bench.engines.task import run_task

        if self._task is None:
            return []
        if self._stopped:  # asked for when the last run had ended already
            raise Interrupted("stopped between two runs")
        (task, should_prune), self._task = self._task, None
        with stop_requests() as should_stop:
            outcome = Outcome(task, run_task(task, should_stop, should_prune))
            self._stopped = should_stop()
        return [outcome]

    def close(self) -> None:
        """Nothing is left running."""
