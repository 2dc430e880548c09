"""A study in the tracking store: told of every run, asked only what it has been told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.engines.task import Task
from bench.records import RunRecord, RunTags, TrialResult
from bench.study.plan import PlannedRun, StudyPlan
from bench.tracking.mlflow import Store
from bench.training.checkpoint import examine


class Ended(NamedTuple):
    """A run that needs no other attempt.

    Attributes:
        run: Which.
        result: What its folder holds.
        run_id: In the tracking store.
    """

    run: PlannedRun
    result: TrialResult
    run_id: str


class TrackedStudy:
    """A study and its experiment in the tracking store.

    Args:
        plan: What is to be run.
        store: Tracking.
    """

    def __init__(self, plan: StudyPlan, store: Store) -> None:
        self.plan, self.store = plan, store
        self.experiment_id = store.experiment(plan.identity.key)

    def ended(self, runs: Iterable[PlannedRun]) -> list[Ended]:
        """Those of the runs that have a result in their folder, of which the store was told."""
        told = {
            record.about.folder: record.run_id
            for record in self.records()
            if record.finished and record.about.status
        }
        found = ((run, self.plan.result(run), told.get(self.plan.address(run))) for run in runs)
        return [Ended(run, result, run_id) for run, result, run_id in found if result and run_id]

    def left(self, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        """The others: to be run, or only told to a store that knows nothing of them."""
        ended = {each.run.key for each in self.ended(runs)}
        return [run for run in runs if run.key not in ended]

    def records(self) -> list[RunRecord]:
        """Every run of the experiment."""
        return self.store.records(self.experiment_id)

    def describe(self, tags: dict[str, str]) -> None:
        """Sets tags of the experiment."""
        self.store.describe_experiment(self.experiment_id, tags)

    def task(self, run: PlannedRun) -> Task:
        """All that a worker needs to know of a run, which is tracked from here on."""
        params = run.config.params()
        examine(self.plan.folder / run.key)  # says here what a worker would say in its log
        return Task(
            params=params,
            run_id=self._run_id(run, params),
            folder=str(self.plan.folder / run.key),
            uri=self.store.uri,
            stage=run.stage,
            device=self.plan.device.type,
            deterministic=self.plan.deterministic,
            plugins=tuple(map(str, self.plan.plugins)),
        )

    def _run_id(self, run: PlannedRun, params: dict[str, str]) -> str:
        """The run of this configuration in the store, made where it is missing."""
        address = self.plan.address(run)
        in_folder = None if run.stage == "run" else address
        found = self.store.run_of(self.experiment_id, run.config.digest, in_folder)
        if found is not None:
            # Its maker may have died before the parameters were in.
            self.store.log_params(found, params)
            return found
        identity = self.plan.identity
        tags = RunTags(
            study=identity.study,
            study_key=identity.key,
            family=run.cell.arm,
            model=run.config.name,
            dataset=identity.dataset,
            tier=identity.tier,
            seed=run.seed,
            role=run.role,
            config_digest=run.config.digest,
            folder=address,
            command=self.plan.command,
            trial=run.trial,
            sampler=run.sampler,
        )
        return self.store.create_run(
            self.experiment_id, name=run.label, params=params, tags=tags.to_tags()
        )
