"""One driver owns a study: it hands runs to an engine and says how they ended."""

from __future__ import annotations

import contextlib
import glob
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from bench.engines import Engine, Loss
from bench.engines.task import tell_result
from bench.files import alone_in, disk_watched, made_folder
from bench.pieces import SMALLER
from bench.records import TrialResult
from bench.study.ownership import alone
from bench.study.plan import OPTUNA, PlannedRun, StudyPlan
from bench.study.queues import ConfirmQueue, GridQueue, Queue, SearchQueue
from bench.study.renewal import Changed, Place, Renewal
from bench.study.storage import Found, answering, renew_damaged
from bench.study.tracked import Ended, TrackedStudy
from bench.tracking.address import database_path
from bench.tracking.entries import run_id_of
from bench.tracking.mlflow import Store

MAX_LOST = 2


class Observer(Protocol):
    """Who watches a study: the progress bar, or a test."""

    def started(self, run: PlannedRun) -> None:
        """A run has been handed to a worker."""

    def ended(self, run: PlannedRun, result: TrialResult) -> None:
        """A run has its result."""


class Driver:
    """Runs what is left of a study; tracking and Optuna are told.

    Args:
        plan: What is to be run.
        store: Tracking.
    """

    def __init__(self, plan: StudyPlan, store: Store) -> None:
        self.plan = plan
        self.tracked = TrackedStudy(plan, store)
        made_folder(plan.folder)
        self._is_alone = False
        self._renewal = Renewal(plan.root, store, f"{glob.escape(plan.study.name)}-*")
        if plan.storage is None:
            renew_damaged(plan.folder / OPTUNA)
        self._open()

    @property
    def queues(self) -> list[Queue]:
        """Of a sweep the grid and the chosen cells, of a search its stages and what they found."""
        if self._search is None:
            return [self._grid, self._confirm]
        finals = [self._search.finals] if self._search.finals else []
        return [self._search, *finals, self._grid]

    def left(self) -> list[PlannedRun]:
        """What is still to be run, or to be told to a tracking store that does not know it."""
        return [run for queue in self.queues for run in queue.left()]

    def runs(self) -> list[PlannedRun]:
        """Every run, with what a search has found by now; not its trials."""
        return self._grid.runs() + self._confirm.known()

    def best(self) -> dict[str, Found]:
        """What a search has found by now, by arm; nothing of a grid."""
        return {} if self._search is None else self._search.best()

    def changed(self) -> list[Changed]:
        """Runs that something else made, or began, than what makes them now."""
        known = (run for queue in self.queues for run in queue.known())
        return self._renewal.changed(map(self._place, known))

    def renew(self, changed: Sequence[Changed], say: Callable[[str], object]) -> None:
        """Moves them aside and takes the trained states that serve; says what and why.

        A search that one of its trials has not been trained for begins anew.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self.alone():
            if self._search and (trials := [c for p, c in changed if p.stage == "trial"]):
                known = {each.folder for each, _ in changed}
                others = [each for each in map(self._place, self._search.known()) if each.is_there]
                changed = [*changed, *((e, trials[0]) for e in others if e.folder not in known)]
                self._search.forget()
            self._renewal.retire(changed, say)
            if self._search is None:
                self._renewal.take(map(self._place, self.left()), say)
            else:
                self._open()

    def settle(self) -> None:
        """Tells the tracking store what it should know of the runs that have ended.

        Raises:
            UsageError: Another driver works on this study.
        """
        runs = [run for queue in self.queues for run in queue.known()]
        self.tracked.settle(runs, self.alone)

    def run(self, engine: Engine, observer: Observer) -> None:
        """Runs everything that has no final result yet.

        Raises:
            UsageError: Another driver works on this study.
            DiskTrouble: A disk is full, read-only or gone; what was under way is interrupted.
            Undelivered: The tracking store or Optuna's is gone; everything is kept.
        """
        database = database_path(self.tracked.store.uri) or self.plan.folder
        watched = disk_watched(self.plan.folder, database.parent)
        with self.alone(), watched, answering(self.plan.storage):
            for queue in self.queues:
                self._loop(queue, engine, observer)
            self.tracked.deliver()
            for queue in self.queues:
                self.tracked.patiently(queue.close)

    def forget(self) -> None:
        """Discards what Optuna knows of this study, its runs in MLflow, checkpoints and results.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self.alone():
            for queue in self.queues:
                queue.forget()
            self.tracked.store.discard_runs(self.tracked.experiment_id)
            for run in self.plan.folder.glob("*/"):
                with alone_in(run):
                    shutil.rmtree(run)
            self._open()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps a second driver out, from here to the end of what stands inside.

        Raises:
            UsageError: Another driver works on this study, or its runs are another folder's.
        """
        if self._is_alone:
            yield
            return
        with alone(self.tracked):
            self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False

    def _place(self, run: PlannedRun) -> Place:
        return Place(
            label=run.label,
            folder=self.tracked.folder(run),
            config=run.config,
            about=self.tracked.about(run),
            stage=run.stage,
        )

    def _open(self) -> None:
        search = self.plan.study.search
        self._search = SearchQueue(self.tracked, search) if search else None
        self._grid = GridQueue(self.tracked, self._search)
        self._confirm = ConfirmQueue(self.tracked, self._grid)

    def _loop(self, queue: Queue, engine: Engine, observer: Observer) -> None:
        """Keeps the engine busy until the queue is empty; a lost run is tried again."""
        again: deque[PlannedRun] = deque()
        lost: dict[str, int] = {}
        starved: list[str] = []
        busy: dict[str, PlannedRun] = {}
        while True:
            while engine.free and (run := again.popleft() if again else queue.next()):
                task = replace(self.tracked.task(run), smaller=SMALLER ** starved.count(run.key))
                engine.submit(task, partial(queue.should_prune, run))
                observer.started(run)
                busy[task.folder] = run
            if not busy:
                return
            ended: list[Ended] = []
            for outcome in engine.wait(timeout=1.0):
                run = busy.pop(outcome.task.folder)
                starved += [run.key] if outcome.loss.out_of_memory else []
                result = outcome.result or self._after_loss(run, outcome.loss, lost)
                if result is None:
                    again.append(run)
                else:
                    ended.append(Ended(run, result, run_id_of(self.tracked.folder(run))))
            queue.tell(ended)
            for each in ended:
                observer.ended(each.run, each.result)

    def _after_loss(self, run: PlannedRun, loss: Loss, lost: dict[str, int]) -> TrialResult | None:
        """A worker died: None to try again from the checkpoint, a failure after too many."""
        lost[run.key] = lost.get(run.key, 0) + 1
        if lost[run.key] <= MAX_LOST:
            return None
        reason = f"{loss.reason} ({lost[run.key]} times)"
        result = TrialResult(status="failed", reason=reason)
        tell_result(self.tracked.folder(run), self.tracked.about(run), result)
        return result
