"""Where trials run. An engine takes tasks and gives outcomes; it knows nothing of studies."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.errors import UsageError
from bench.records import TrialResult
from bench.registry import Registry
from bench.text import shown

if TYPE_CHECKING:  # a worker imports this first: what takes seconds comes later
    import torch

    from bench.engines.task import Task

ShouldPrune = Callable[[list[float]], bool]
"""Whether a trial with these validation values so far is to end now."""


@dataclass(frozen=True)
class Loss:
    """How a worker died with its task.

    Attributes:
        reason: In words, with the remedy.
        out_of_memory: Whether lack of memory was why.
    """

    reason: str = "its worker process died"
    out_of_memory: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a task came back.

    Attributes:
        task: The task.
        result: Its result; None where the worker died.
        loss: How it died.
    """

    task: Task
    result: TrialResult | None
    loss: Loss = Loss()


class Engine(Protocol):
    """Runs tasks, several at a time.

    Args:
        jobs: How many at a time.
        logs: Folder for what the workers print.
    """

    def __init__(self, jobs: int, logs: Path) -> None: ...

    @staticmethod
    def num_jobs(asked: int | None, device: torch.device) -> int:
        """How many at a time: what is asked for, else what is best on the device.

        Raises:
            UsageError: It cannot run so many.
        """

    @staticmethod
    def speedup(jobs: int) -> float:
        """What so many at a time do, in what one does."""

    @property
    def free(self) -> int:
        """Tasks that may be submitted now."""

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:
        """Starts a task; ``should_prune`` is asked here, by a trial that waits for the answer."""

    def wait(self, timeout: float) -> Sequence[Outcome]:
        """Outcomes that are there within ``timeout`` seconds; may be none.

        Raises:
            NoWorkers: Nothing can be run.
        """

    def close(self) -> None:
        """Asks running tasks to save a checkpoint and ends the workers."""


ENGINES: Registry[type[Engine]] = Registry("engine", "bench.engines")
engine = ENGINES.register


def num_jobs(text: str, name: str | None, device: torch.device) -> int:
    """``--jobs`` as a number; ``auto`` is what the engine says.

    Raises:
        UsageError: Neither, no such engine, or it cannot run so many.
    """
    if text != "auto" and not re.fullmatch("[1-9][0-9]{0,2}", text):
        raise UsageError(f"--jobs takes a whole number in 1..999, or auto, got {shown(text)}")
    asked = None if text == "auto" else int(text)
    return ENGINES.get(name or "local").num_jobs(asked, device)


def speedup(jobs: int, name: str | None) -> float:
    """What so many at a time do on an engine, in what one does."""
    return ENGINES.get(name or "local").speedup(jobs)


def open_engine(name: str | None, jobs: int, logs: Path) -> Engine:
    """The engine of that name; without one, worker processes where there are several jobs.

    Raises:
        UsageError: No such engine.
    """
    return ENGINES.get(name or ("local" if jobs > 1 else "inprocess"))(jobs, logs)
