"""One driver owns a study: it hands runs to an engine and keeps Optuna's and MLflow's books."""

from __future__ import annotations

import contextlib
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from bench.config import digest
from bench.engines import Engine
from bench.engines.task import Task
from bench.errors import UsageError
from bench.plan.study import Identity, Study
from bench.records import RunTags, Scalar, TrialResult
from bench.study.grid import PlannedRun, arm_names
from bench.study.storage import GridBook, is_choice
from bench.tracking.mlflow import Store

MAX_LOST = 2


class Observer(Protocol):
    """Who watches a study: the progress bar, or a test."""

    def started(self, run: PlannedRun) -> None:
        """A run has been handed to a worker."""
        ...

    def ended(self, run: PlannedRun, result: TrialResult) -> None:
        """A run has its result."""
        ...


class Queue(Protocol):
    """What is to be run, and who is told how it ended."""

    def next(self) -> PlannedRun | None:
        """The next run, or None where all have been given."""
        ...

    def judge(self, run: PlannedRun, curve: list[float]) -> bool:
        """Whether a run with these validation values so far is to end now."""
        ...

    def tell(self, run: PlannedRun, result: TrialResult, run_id: str) -> None:
        """A run has ended."""
        ...


@dataclass(kw_only=True)
class Driver:
    """Runs what is left of a study and keeps Optuna's and MLflow's books.

    Attributes:
        study: The question.
        identity: Which tier, data set and ``--set`` values.
        store: Tracking.
        experiment_id: MLflow's experiment of this identity.
        folder: Checkpoints, results and, by default, Optuna's storage.
        storage: Optuna's storage; None takes ``folder/optuna.db``.
        task_settings: Device, threads and plugins for every task.
        tags: For every run: ``study tier git_commit command ...``.
    """

    study: Study
    identity: Identity
    store: Store
    experiment_id: str
    folder: Path
    storage: str | None = None
    task_settings: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def run(self, runs: Sequence[PlannedRun], engine: Engine, observer: Observer) -> None:
        """Runs everything that has no final result yet.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self.alone():
            self.loop(GridQueue(self.book, deque(self.left(runs))), engine, observer)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps a second driver out; the system frees the lock of a dead one.

        Raises:
            UsageError: Another driver works on this study.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".driver.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise UsageError(
                f"study '{self.identity.key}' is being run by another process: wait for it, or "
                "stop it and run the same command again"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def left(self, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        """The runs without a final result in Optuna's storage and in the tracking store."""
        done = self.book.done() & self.tracked("config_digest")
        return [run for run in runs if run.key not in done]

    def tracked(self, tag: str) -> set[str]:
        """That tag's value for every run that has a result in the tracking store."""
        records = self.store.records(self.experiment_id)
        return {r.tags[tag] for r in records if {"status", tag} <= r.tags.keys()}

    def forget(self) -> None:
        """Discards Optuna's book of this study, its runs in MLflow, checkpoints and results.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self.alone():
            self.discard()

    def discard(self) -> None:
        """The same, where no other driver can come between."""
        self.book.delete()
        del self.book
        self.store.discard_runs(self.experiment_id)
        for result in self.folder.glob("*/"):
            shutil.rmtree(result)

    def loop(self, queue: Queue, engine: Engine, observer: Observer) -> None:
        """Keeps the engine busy until the queue is empty; a lost run is tried again."""
        again: deque[PlannedRun] = deque()
        lost: dict[str, int] = {}
        busy: dict[str, PlannedRun] = {}
        while True:
            while engine.free and (run := again.popleft() if again else queue.next()):
                task = self._task(run)
                engine.submit(task, partial(queue.judge, run))
                observer.started(run)
                busy[task.folder] = run
            if not busy:
                return
            for outcome in engine.wait(timeout=1.0):
                run = busy.pop(outcome.task.folder)
                result = outcome.result or self._after_loss(run, outcome.task.run_id, lost)
                if result is None:
                    again.append(run)
                    continue
                queue.tell(run, result, outcome.task.run_id)
                observer.ended(run, result)

    @cached_property
    def book(self) -> GridBook:
        """Optuna's book of the grid."""
        # A categorical parameter's choices are fixed for good, and so is whether a number is whole:
        # with others of them it is another study in Optuna, which finds the results in the folders.
        names, values = arm_names(self.study), _values(self.study)
        fixed = {key: each for key, each in values.items() if _is_fixed(each)}
        named = {"arms": names, **({"values": fixed} if fixed else {})}
        name = f"{self.identity.key}-{digest(named)[:6]}"
        return GridBook(name, self.storage_url(), {"arm": names, **values})

    def storage_url(self) -> str:
        """Optuna's storage."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.storage or f"sqlite:///{self.folder.absolute() / 'optuna.db'}"

    def address(self, run: PlannedRun) -> str:
        """Where the run's folder lies under ``--root``: the tag ``folder``."""
        return f"{self.folder.name}/{run.key}"

    def _task(self, run: PlannedRun) -> Task:
        params = run.config.params()
        return Task(
            params=params,
            run_id=self._tracked_id(run, params),
            folder=str(self.folder / run.key),
            uri=self.store.uri,
            stage="run" if run.trial is None else "trial",
            **self.task_settings,
        )

    def _tracked_id(self, run: PlannedRun, params: Mapping[str, str]) -> str:
        """The MLflow run of this configuration, made where it is missing."""
        folder = None if run.trial is None else self.address(run)
        found = self.store.run_of(self.experiment_id, run.config.digest, folder)
        if found is not None:
            # Its maker may have died before the parameters were in.
            self.store.log_params(found, params)
            return found
        tags = RunTags(
            study=self.study.name,
            study_key=self.identity.key,
            family=run.cell.arm,
            model=run.config.name,
            dataset=self.identity.dataset,
            tier=self.identity.tier,
            seed=run.seed,
            role=run.role,
            config_digest=run.config.digest,
            folder=self.address(run),
            trial=run.trial,
            sampler=run.sampler if run.trial is not None else "",
        )
        return self.store.create_run(
            self.experiment_id, name=run.label, params=params, tags={**self.tags, **tags.to_tags()}
        )

    def _after_loss(self, run: PlannedRun, run_id: str, lost: dict[str, int]) -> TrialResult | None:
        """A worker died: None to try again from the checkpoint, a failure after too many."""
        lost[run.key] = lost.get(run.key, 0) + 1
        if lost[run.key] <= MAX_LOST:
            return None
        reason = f"its worker process died {lost[run.key]} times: see worker*.log"
        result = TrialResult(status="failed", reason=reason)
        self.store.fail_run(run_id, result.tags())
        return result


class GridQueue:
    """Runs of a grid, in order; none of them is judged.

    Args:
        book: Who is told.
        todo: What is left.
    """

    def __init__(self, book: GridBook, todo: deque[PlannedRun]) -> None:
        self._book, self._todo = book, todo
        if todo:
            book.resume()

    def next(self) -> PlannedRun | None:
        """The next run, now in the book."""
        if not self._todo:
            return None
        run = self._todo.popleft()
        self._book.take(run.key, {"arm": run.cell.arm, "seed": run.seed, **run.cell.factors})
        return run

    def judge(self, run: PlannedRun, curve: list[float]) -> bool:  # noqa: ARG002 - a full grid
        """A curve over a factor is of whole runs (protocol rule 22)."""
        return False

    def tell(self, run: PlannedRun, result: TrialResult, run_id: str) -> None:
        """Writes the result down."""
        self._book.tell(run.key, result, run_id)


def _values(study: Study) -> dict[str, list[Scalar]]:
    """Every value of each factor, over all arms."""
    found: dict[str, list[Scalar]] = {}
    for factors in (study.factors, *(arm.factors for arm in study.arms)):
        for key, values in factors.items():
            known = found.setdefault(key, [])
            known.extend(value for value in values if value not in known)
    return found


def _is_fixed(values: Sequence[Scalar]) -> bool:
    """Whether Optuna would not take other values of this key later: choices, and 0.5 beside 1."""
    return is_choice(values) or len({type(value) for value in values}) > 1
