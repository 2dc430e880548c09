"""Runs whose seeds train as one program, in this process: for a GPU, which small networks leave idle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from bench.engines import Outcome, ShouldPrune, engine
from bench.engines.task import Task, run_task
from bench.errors import Interrupted, UsageError
from bench.records import TrialResult
from bench.runtime import stop_requests
from bench.tracking.mirrors import MIRRORS
from bench.training.together import Together

MOST = 64
"""Runs that train at a time where nobody says how many."""

HELD = 1000
"""Runs that wait, so that those of one configuration are found among them: studies go seed by seed."""

GIB = 2**30


@engine("seeds")
class Seeds:
    """Runs that differ in their seed alone train as one program on a GPU; all others one by one.

    Their numbers are those of single runs but for rounding; each keeps its own checkpoints, and
    may go on without the others. A trial runs alone, and so does a run that is to repeat to the
    last bit, or whose model cannot be batched.
    """

    def __init__(self, jobs: int, logs: Path) -> None:  # noqa: ARG002 - it prints where all is printed
        self._jobs = jobs
        self._held: list[tuple[Task, ShouldPrune]] = []
        self._stopped = False

    @staticmethod
    def num_jobs(asked: int | None, device: torch.device) -> int:
        """What is asked for, else one for each free GiB of a GPU.

        Raises:
            UsageError: Several on a CPU, where nothing is gained.
        """
        if device.type == "cuda":
            return asked or min(MOST, max(1, torch.cuda.mem_get_info(device)[0] // GIB))
        if asked not in {None, 1}:
            raise UsageError(
                f"engine 'seeds' trains several runs at once on a GPU alone, got {asked} jobs on "
                f"'{device.type}': take --engine local"
            )
        return 1

    @staticmethod
    def speedup(jobs: int) -> float:  # noqa: ARG004 - the GPU's
        """Not known beforehand."""
        return 1.0

    @property
    def free(self) -> int:
        """How many more may wait; one trial is waited for before the next is chosen."""
        has_trial = any(task.stage == "trial" for task, _ in self._held)
        most = HELD if self._jobs > 1 else 1
        return 0 if has_trial else most - len(self._held)

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:
        """Remembers the task."""
        self._held.append((task, should_prune))

    def wait(self, timeout: float) -> Sequence[Outcome]:  # noqa: ARG002 - it works instead of waiting
        """Runs the first task that it holds, with all that differ from it in their seed.

        Raises:
            Interrupted: By Ctrl-C, SIGTERM or SIGHUP.
        """
        if not self._held:
            return []
        if self._stopped:  # asked for when the last runs had ended already
            raise Interrupted("stopped between two runs")
        (first, should_prune), *_ = self._held
        alike = [task for task, _ in self._held if task is first or _together(task, first)]
        group = alike[: self._jobs]
        self._held = [one for one in self._held if one[0] not in group]
        with stop_requests() as should_stop:
            if len(group) > 1:
                results = _run_together(group, should_stop)
            else:
                results = [run_task(first, should_stop, should_prune)]
            self._stopped = should_stop()
        return [Outcome(task, result) for task, result in zip(group, results, strict=True)]

    def close(self) -> None:
        """Nothing is left running."""


def _together(one: Task, other: Task) -> bool:
    """Whether two tasks may train as one program; a mirror follows one run at a time."""
    alike = _but_seed(one) == _but_seed(other)
    return alike and one.stage == "run" and not one.deterministic and not MIRRORS.names()


def _but_seed(task: Task) -> dict[str, object]:
    """All that makes a run, but its seed and where it is written."""
    params = {key: value for key, value in task.params.items() if key != "train.seed"}
    return {**vars(task), "params": params, "about": None, "folder": None}


def _run_together(tasks: Sequence[Task], should_stop: Callable[[], bool]) -> list[TrialResult]:
    """Each in a thread of its own; what ends one without a result stops the others.

    Raises:
        Interrupted: They were stopped.
        DiskTrouble: A disk is full, read-only or gone.
    """
    together, broken = Together(len(tasks)), threading.Event()

    def run(task: Task) -> TrialResult:
        with together.joined():
            try:
                return run_task(
                    task, lambda: should_stop() or broken.is_set(), advance=together.advance
                )
            except BaseException:
                broken.set()
                raise

    # None is cancelled where another fails: those that have joined wait for all.
    with ThreadPoolExecutor(len(tasks)) as pool:
        runs = [pool.submit(run, task) for task in tasks]
    return [run.result() for run in runs]
