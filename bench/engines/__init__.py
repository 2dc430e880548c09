"""Where trials run. An engine takes tasks and gives outcomes; it knows nothing of studies."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

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


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where an engine that reaches beyond this machine puts runs.

    Attributes:
        address: Of the cluster; None for this machine.
        cpus: Cores of each run.
        gpus: Share of a GPU of each run that trains on one.

    Raises:
        UsageError: A number that no machine has.
    """

    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.25

    def __post_init__(self) -> None:
        for option, got in (("--cpus-per-run", self.cpus), ("--gpus-per-run", self.gpus)):
            if not 0 < got < math.inf:
                raise UsageError(
                    f"{option} takes a number above 0, got {got:g}: give 1, or a part of it"
                )
        if self.gpus > 1 and self.gpus % 1:
            raise UsageError(
                f"--gpus-per-run takes a part of one GPU or whole ones, got {self.gpus:g}: give 1, "
                "which is all that a run uses"
            )

    def phrase(self, device: str) -> str:
        """``1 CPU and 0.25 GPU``."""
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if device == "cuda" else "")


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


def engine_of(
    chosen: type[Engine] | str | None, placement: Placement = Placement()
) -> type[Engine]:
    """The engine of that name, at that place; without a name, worker processes.

    Raises:
        UsageError: No such engine, or one that runs on this machine alone is to be placed.
    """
    name = chosen if isinstance(chosen, str) else "local"
    found = ENGINES.get(name) if chosen is None or isinstance(chosen, str) else chosen
    if placement == Placement():
        return found
    if placed := getattr(found, "placed", None):
        return cast("type[Engine]", placed(placement))
    raise UsageError(
        f"engine '{name}' runs on this machine: --ray-address, --cpus-per-run and "
        "--gpus-per-run go with --engine ray"
    )


def num_jobs(text: str, chosen: type[Engine] | str | None, device: torch.device) -> int:
    """``--jobs`` as a number; ``auto`` is what the engine says.

    Raises:
        UsageError: Neither, no such engine, or it cannot run so many.
    """
    if text != "auto" and not re.fullmatch("[1-9][0-9]{0,2}", text):
        raise UsageError(f"--jobs takes a whole number in 1..999, or auto, got {shown(text)}")
    return engine_of(chosen).num_jobs(None if text == "auto" else int(text), device)


def speedup(jobs: int, chosen: type[Engine] | str | None) -> float:
    """What so many at a time do on an engine, in what one does."""
    return engine_of(chosen).speedup(jobs)


def open_engine(chosen: type[Engine] | str | None, jobs: int, logs: Path) -> Engine:
    """The engine that was chosen, else worker processes where there are several jobs.

    Raises:
        UsageError: No such engine.
    """
    return engine_of(chosen or ("local" if jobs > 1 else "inprocess"))(jobs, logs)
