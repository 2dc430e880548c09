"""Runs as tasks of Ray Core: on this machine, or on every node of a cluster.

With ``_ray_cluster.py`` and ``_ray_node.py`` all that knows Ray. The driver asks and tells as with
any engine; a node gets a resolved task and gives its result back. A run whose worker or node is lost
continues from its checkpoint, which lies where all nodes see it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.engines import Loss, Outcome, Placement, ShouldPrune, engine
from bench.engines._dependencies import Dependencies, dependencies_of, shared_environment
from bench.engines._ray_cluster import (
    answering,
    connect,
    in_time,
    leave,
    live_nodes,
    require_nodes,
    require_ray,
    room,
    this_machine,
)
from bench.engines._ray_node import LAST_WORD_SECONDS, Coordinator, RemoteTask, work
from bench.engines.worker import STOP_SECONDS
from bench.errors import NoWorkers, UsageError
from bench.registry import in_a_line
from bench.runtime import num_cores

if TYPE_CHECKING:
    import torch

    from bench.engines.task import Task

ASK_SECONDS = 0.1
"""How long the driver listens before it answers trials that wait."""
LOOK_SECONDS = 20.0
"""How often it looks whether anything can run at all."""


@engine("ray")
class RayTasks:
    """One task of Ray for each run, on this machine or on a cluster; needs the extra ``ray``."""

    placement: ClassVar[Placement] = Placement()

    def __init__(self, jobs: int, logs: Path) -> None:
        require_ray()
        self._jobs, self._logs = jobs, logs
        self._busy: dict[Any, tuple[Task, ShouldPrune]] = {}
        self._dependencies: dict[tuple[tuple[str, str], ...], Dependencies] = {}
        self._stored: dict[str, Any] = {}
        self._coordinator: Any = None
        self._looked = time.monotonic()
        self._ended_by = 0.0  # when a worker that was told to end is surely gone

    @classmethod
    def placed(cls, placement: Placement) -> type[RayTasks]:
        """The engine for that place."""
        return type(cls.__name__, (cls,), {"placement": placement, "__doc__": cls.__doc__})

    @classmethod
    def num_jobs(cls, asked: int | None, device: torch.device) -> int:
        """What is asked for, else as many as the nodes hold at a time.

        Raises:
            UsageError: No Ray, no cluster at that address, or no node that could run one.
        """
        require_ray()
        if cls.placement.address is None:
            return asked or max(1, room(cls.placement, this_machine(), device.type))
        connect(cls.placement, jobs=1)
        most = sum(room(cls.placement, node, device.type) for node in live_nodes())
        if not most:
            raise UsageError(
                f"no node of the Ray cluster has {cls.placement.phrase(device.type)}: start one that "
                "has, or ask for less with --cpus-per-run or --gpus-per-run"
            )
        return asked or most

    @classmethod
    def speedup(cls, jobs: int) -> float:
        """Timed on this machine; of a cluster each run has what it asks for."""
        from bench.engines import _timing

        here = cls.placement.address is None
        return _timing.speedup(min(jobs, num_cores())) if here else float(jobs)

    @property
    def free(self) -> int:
        """Tasks that may be submitted now."""
        return self._jobs - len(self._busy)

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:
        """Hands the task to Ray, which places it.

        Raises:
            UsageError: A node does not see what it needs.
        """
        if self._coordinator is None:
            self._open(task)
        import ray

        # Else Ray gives the next run to a worker that is about to end.
        time.sleep(max(0.0, self._ended_by - time.monotonic()))
        placed = self.placement
        remote = ray.remote(work).options(
            num_cpus=placed.cpus,
            num_gpus=placed.gpus if task.device == "cuda" else 0,
            max_retries=0,  # a loss is the driver's to count: it continues from the checkpoint
        )
        needed = self._dependencies_of(task)
        there = replace(task, folder=_absolute(task.folder))
        sent = RemoteTask(
            there,
            needed,
            self._stored,
            self._coordinator,
            shared_environment(),
            self._logs.absolute(),
        )
        with answering():
            self._busy[remote.remote(sent)] = task, should_prune

    def wait(self, timeout: float) -> Sequence[Outcome]:
        """Outcomes of what has ended or was lost; trials get their answers.

        Raises:
            DiskTrouble: A worker met it, as every other one would.
            NoWorkers: No node is left that could run anything, or the cluster is lost.
            UsageError: A node lacks what a task needs.
        """
        if not self._busy:
            return []
        with answering():
            done = self._ended(timeout)
            if not done:
                self._look()
        return [self._outcome(reference) for reference in done]

    def _ended(self, timeout: float) -> list[Any]:
        """References of the tasks that end within a while."""
        import ray

        until = time.monotonic() + timeout
        while True:
            left = max(0.0, until - time.monotonic())
            pause = min(left, ASK_SECONDS) if self._has_trials else left
            done, _ = ray.wait(list(self._busy), num_returns=len(self._busy), timeout=0)
            done = done or ray.wait(list(self._busy), timeout=pause)[0]
            self._answer()
            if done or time.monotonic() >= until:
                return list(done)

    def close(self) -> None:
        """Asks running tasks to save a checkpoint, and leaves the cluster; a Ray of our own ends.

        One that was there before stays, without the tasks.
        """
        if self._coordinator is None:
            return
        import ray

        try:
            with contextlib.suppress(ray.exceptions.RayError):
                self._coordinator.stop.remote()  # those that cannot be told hear that it is lost
                left = self._left(STOP_SECONDS)
                for reference in left:
                    ray.cancel(reference, force=True)
        finally:
            self._coordinator, self._busy = None, {}
            leave()

    def _left(self, seconds: float) -> list[Any]:
        """Tasks that have not ended after a while."""
        import ray

        busy = list(self._busy)
        return ray.wait(busy, num_returns=len(busy), timeout=seconds)[1] if busy else []

    def _dependencies_of(self, task: Task) -> Dependencies:
        """What a task needs; what may have to travel is given to Ray, each content once."""
        import ray

        key = tuple(sorted(p for p in task.params.items() if p[0].startswith(("data.", "eval."))))
        if key not in self._dependencies:
            self._dependencies[key] = needed = dependencies_of(task)
            for each in needed.files if self.placement.address else ():
                if each.digest not in self._stored:
                    self._stored[each.digest] = ray.put(Path(each.source).read_bytes())
        return self._dependencies[key]

    @property
    def _has_trials(self) -> bool:
        return any(task.stage == "trial" for task, _ in self._busy.values())

    def _open(self, task: Task) -> None:
        """Ray, a place where runs ask, and a look at every node."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

        connect(self.placement, self._jobs)
        self._logs.mkdir(parents=True, exist_ok=True)
        self._coordinator = (
            ray.remote(Coordinator)
            .options(
                num_cpus=0,
                max_concurrency=10_000,
                scheduling_strategy=On(ray.get_runtime_context().get_node_id(), soft=False),
            )
            .remote()
        )
        require_nodes(task, self._logs)

    def _answer(self) -> None:
        """Answers the trials that ask whether they are to end."""
        if not self._has_trials:
            return
        import ray

        judges = {
            _absolute(task.folder): should_prune for task, should_prune in self._busy.values()
        }
        for folder, curve in ray.get(self._coordinator.questions.remote()):
            self._coordinator.answer.remote(folder, folder not in judges or judges[folder](curve))

    def _outcome(self, reference: Any) -> Outcome:
        """What became of a task."""
        import ray

        task, _ = self._busy.pop(reference)
        try:
            kind, said = ray.get(reference)
        except ray.exceptions.OutOfMemoryError:
            reason = "out of memory: Ray ended its worker process: raise --cpus-per-run, or lower "
            return Outcome(task, None, Loss(f"{reason}train.batch_size", out_of_memory=True))
        except ray.exceptions.RayError as error:
            self._require_coordinator()
            said = in_a_line(getattr(error, "cause", None) or error)
            return Outcome(task, None, Loss(f"its worker was lost ({said}): see {self._logs}"))
        if kind == "result":
            return Outcome(task, said)
        if kind == "interrupted":
            self._require_coordinator()
            self._ended_by = time.monotonic() + 2 * LAST_WORD_SECONDS
            return Outcome(task, None, Loss("its worker was told to stop"))
        raise said

    def _require_coordinator(self) -> None:
        """Whom runs ask is there: without it each of them stops, and the next one too.

        Raises:
            NoWorkers: It is lost.
        """
        import ray

        with answering():
            ray.get(self._coordinator.questions.remote(), timeout=STOP_SECONDS)

    def _look(self) -> None:
        """Whether a node is left that could run anything.

        Raises:
            NoWorkers: None is, or nobody answers.
        """
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._require_coordinator()
        device = next(iter(self._busy.values()))[0].device
        if not any(room(self.placement, node, device) for node in in_time(live_nodes)):
            raise NoWorkers(
                f"no node of the Ray cluster is left that has {self.placement.phrase(device)}: start "
                "one and give the same command again"
            )


def _absolute(folder: str) -> str:
    return str(Path(folder).absolute())
