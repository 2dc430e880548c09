"""Where trials run. An engine takes tasks and gives outcomes; it knows nothing of studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.engines.task import Task
from bench.records import TrialResult

ShouldPrune = Callable[[list[float]], bool]
"""Whether a trial with these validation values so far is to end now."""


@dataclass(frozen=True)
class Outcome:
    """How a task came back.

    Attributes:
        task: The task.
        result: Its result; None where the worker died or was stopped.
    """

    task: Task
    result: TrialResult | None


class Engine(Protocol):
    """Runs tasks, several at a time."""

    @property
    def free(self) -> int:
        """Tasks that may be submitted now."""
        ...

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:
        """Starts a task; ``should_prune`` is asked here, by a trial that waits for the answer."""
        ...

    def wait(self, timeout: float) -> Sequence[Outcome]:
        """Outcomes that are there within ``timeout`` seconds; may be none."""
        ...

    def close(self) -> None:
        """Asks running tasks to save a checkpoint and ends the workers."""
        ...
