"""The only importer of Optuna: one driver owns a study, enumerates its grid and tells results."""

from __future__ import annotations

import contextlib
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import optuna
from filelock import FileLock, Timeout
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, Trial, TrialState

from bench.config import RunConfig, digest, full_key, known_keys
from bench.engines import Engine
from bench.errors import UsageError
from bench.models import configure, find
from bench.plan import Cell, Identity, Study
from bench.records import Scalar, TrialResult
from bench.tracking import Store
from bench.work import Task

MAX_LOST = 2
LARGEST = 2**31 - 1
RESERVED = {"data.dataset": "--dataset", "train.seed": "--seeds"}


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of the grid.

    Attributes:
        cell: Its place.
        seed: Its seed; 0 for a baseline.
        config: What it does.
    """

    cell: Cell
    seed: int
    config: RunConfig

    @property
    def label(self) -> str:
        """Short name, such as ``gan depth=3 seed=1``."""
        factors = " ".join(f"{k.rpartition('.')[2]}={v}" for k, v in self.cell.factors.items())
        return " ".join(part for part in (self.cell.arm, factors, f"seed={self.seed}") if part)


class Observer(Protocol):
    """Who watches a study: the progress bar, or a test."""

    def started(self, run: PlannedRun) -> None:
        """A run has been handed to a worker."""
        ...

    def ended(self, run: PlannedRun, result: TrialResult) -> None:
        """A run has its result."""
        ...


def expand(study: Study, identity: Identity, num_seeds: int) -> list[PlannedRun]:
    """Every run of the grid, seed by seed, so that a study half done is a whole one of fewer seeds.

    Raises:
        UsageError: A ``--set`` key that no model of the study knows, that is a factor, or
            that has an option of its own; or a value out of range.
    """
    cells = study.cells(identity.tier)
    _check_overrides(identity.overrides, cells)
    return [
        PlannedRun(cell=cell, seed=seed, config=_configured(cell, identity, seed))
        for seed in range(num_seeds)
        for cell in cells
        if seed == 0 or not cell.baseline
    ]


def full_overrides(study: Study, tier: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """``--set`` values with full keys, so that two spellings are one identity."""
    named: dict[str, str] = {}
    for cell in study.cells(tier):
        known = _keys(cell.model)
        for key, value in overrides.items():
            if _fits(key, known):
                named[full_key(key, known)] = value
    unknown = [key for key in overrides if not any(_same(key, full) for full in named)]
    if unknown:
        _check_overrides({key: overrides[key] for key in unknown}, study.cells(tier))
    return dict(sorted(named.items()))


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
    _trials: dict[str, Trial] = field(default_factory=dict)
    _lost: dict[str, int] = field(default_factory=dict)

    def run(self, runs: Sequence[PlannedRun], engine: Engine, observer: Observer) -> None:
        """Runs everything that has no final result yet.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self._alone():
            self._run(runs, engine, observer)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps a second driver out; the system frees the lock of a dead one."""
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
        done = {
            t.user_attrs["config_digest"]
            for t in self._optuna().get_trials(deepcopy=False)
            if _final(t)
        }
        tracked = {
            record.tags.get("config_digest")
            for record in self.store.records(self.experiment_id)
            if "status" in record.tags
        }
        return [run for run in runs if run.config.digest not in done & tracked]

    def forget(self) -> None:
        """Discards Optuna's book of this study, its runs in MLflow, checkpoints and results.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self._alone():
            book = self._optuna()
            optuna.delete_study(study_name=book.study_name, storage=self._storage())
            self.store.discard_runs(self.experiment_id)
            for result in self.folder.glob("*/"):
                shutil.rmtree(result)

    def _run(self, runs: Sequence[PlannedRun], engine: Engine, observer: Observer) -> None:
        todo = deque(self.left(runs))
        if not todo:
            return
        book = self._optuna()
        self._trials = self._unfinished(book)
        by_folder = {str(self._folder(run)): run for run in todo}
        busy = 0
        while todo or busy:
            while todo and engine.free:
                run = todo.popleft()
                engine.submit(self._task(book, run))
                observer.started(run)
                busy += 1
            for outcome in engine.wait(timeout=1.0):
                run = by_folder[outcome.task.folder]
                busy -= 1
                result = outcome.result or self._after_loss(run)
                if result is None:
                    todo.appendleft(run)
                    continue
                self._tell(book, run, result, outcome.task.run_id)
                observer.ended(run, result)

    def _optuna(self) -> optuna.Study:
        self.folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # A categorical parameter's choices are fixed for good, so other arms are another study.
        arms = digest({"arms": _arm_names(self.study)})[:6]
        try:
            return optuna.create_study(
                study_name=f"{self.identity.key}-{arms}",
                storage=self._storage(),
                direction="minimize",
                load_if_exists=True,
            )
        except Exception as error:
            raise UsageError(
                f"storage '{self._storage()}' does not open ({type(error).__name__}): give "
                "--storage a database URL such as sqlite:///optuna.db, or leave it out"
            ) from error

    def _storage(self) -> str:
        return self.storage or f"sqlite:///{self.folder.absolute() / 'optuna.db'}"

    def _task(self, book: optuna.Study, run: PlannedRun) -> Task:
        key = run.config.digest
        if key not in self._trials:
            self._trials[key] = self._ask(book, run)
        params = {name: str(value) for name, value in run.config.flat().items()}
        return Task(
            params=params,
            run_id=self._tracked(run, params),
            folder=str(self._folder(run)),
            uri=self.store.uri,
            **self.task_settings,
        )

    def _ask(self, book: optuna.Study, run: PlannedRun) -> Trial:
        values: dict[str, Scalar] = {"arm": run.cell.arm, "seed": run.seed, **run.cell.factors}
        book.enqueue_trial(dict(values), user_attrs={"config_digest": run.config.digest})
        return book.ask({key: self._distribution(key, value) for key, value in values.items()})

    def _unfinished(self, book: optuna.Study) -> dict[str, Trial]:
        """Trials that a former driver left open, by configuration; they are taken up again."""
        trials = {}
        for frozen in book.get_trials(
            deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)
        ):
            if frozen.state == TrialState.WAITING:
                # The driver died between enqueueing and asking; asking gives the oldest one.
                fixed = frozen.system_attrs["fixed_params"]
                trial = book.ask({k: self._distribution(k, v) for k, v in fixed.items()})
            else:
                trial = Trial(book, frozen._trial_id)  # noqa: SLF001 - Optuna's way to re-attach
            trials[trial.user_attrs["config_digest"]] = trial
        return trials

    def _distribution(self, key: str, value: Scalar) -> BaseDistribution:
        if key == "arm":
            return CategoricalDistribution(_arm_names(self.study))
        if isinstance(value, bool | str):
            known = {
                **self.study.factors,
                **{k: v for a in self.study.arms for k, v in a.factors.items()},
            }
            return CategoricalDistribution(known[key])
        if isinstance(value, int):
            return IntDistribution(-LARGEST, LARGEST)
        return FloatDistribution(-1e30, 1e30)

    def _tracked(self, run: PlannedRun, params: Mapping[str, str]) -> str:
        """The MLflow run of this configuration, made where it is missing."""
        found = self.store.run_of(self.experiment_id, run.config.digest)
        if found is not None:
            # Its maker may have died before the parameters were in.
            self.store.log_params(found, params)
            return found
        tags = {
            **self.tags,
            "study": self.study.name,
            "study_key": self.identity.key,
            "family": run.cell.arm,
            "model": run.config.name,
            "dataset": self.identity.dataset,
            "tier": self.identity.tier,
            "seed": str(run.seed),
            "role": "baseline" if run.cell.baseline else "run",
            "config_digest": run.config.digest,
            "folder": f"{self.folder.name}/{run.config.digest}",
        }
        return self.store.create_run(self.experiment_id, name=run.label, params=params, tags=tags)

    def _folder(self, run: PlannedRun) -> Path:
        return self.folder / run.config.digest

    def _after_loss(self, run: PlannedRun) -> TrialResult | None:
        """A worker died: None to try again from the checkpoint, a failure after too many."""
        key = run.config.digest
        self._lost[key] = self._lost.get(key, 0) + 1
        if self._lost[key] <= MAX_LOST:
            return None
        reason = f"its worker process died {self._lost[key]} times: see worker*.log"
        run_id = self.store.run_of(self.experiment_id, key)
        if run_id is not None:
            self.store.fail_run(run_id, reason)
        return TrialResult(status="failed", reason=reason)

    def _tell(self, book: optuna.Study, run: PlannedRun, result: TrialResult, run_id: str) -> None:
        trial = self._trials.pop(run.config.digest)
        trial.set_user_attr("status", result.status)
        trial.set_user_attr("run_id", run_id)
        if result.value is None:
            # ``diverged`` has no value, and neither has a run whose data set has no detector.
            book.tell(trial, state=TrialState.FAIL)
        else:
            book.tell(trial, result.value)


def _final(trial: FrozenTrial) -> bool:
    """Whether a trial needs no other attempt: an ordinary failure gets one at the next start."""
    finished = trial.state in {TrialState.COMPLETE, TrialState.FAIL}
    return finished and trial.user_attrs.get("status") in {"ok", "collapsed", "diverged"}


def _arm_names(study: Study) -> list[str]:
    return [*(arm.name for arm in study.arms), *study.baselines]


def _keys(model: str) -> list[str]:
    return known_keys(find(model)[1].settings)


def _fits(key: str, known: list[str]) -> bool:
    return any(_same(key, full) for full in known)


def _same(key: str, full: str) -> bool:
    return key == full or ("." not in key and full.split(".", 1)[1] == key)


def _configured(cell: Cell, identity: Identity, seed: int) -> RunConfig:
    fixed = {"data.dataset": identity.dataset, "train.seed": seed}
    return configure(cell.model, cell.settings, _known(identity.overrides, cell.model), fixed)


def _known(overrides: Mapping[str, str], model: str) -> dict[str, str]:
    known = _keys(model)
    return {key: value for key, value in overrides.items() if _fits(key, known)}


def _check_overrides(overrides: Mapping[str, str], cells: Sequence[Cell]) -> None:
    everything = sorted({key for cell in cells for key in _keys(cell.model)})
    factors = {key for cell in cells for key in cell.factors}
    for key in overrides:
        full = full_key(key, everything)
        if full in RESERVED:
            raise UsageError(
                f"'{key}' has an option of its own: use {RESERVED[full]} instead of --set"
            )
        if full in factors:
            raise UsageError(
                f"'{key}' is a factor of this study, which runs all its values: leave it out"
            )
