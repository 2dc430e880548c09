"""A study in the tracking store: told of every run, asked only what it has been told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, TypeVar

from bench.engines.task import Task, is_begun, tell_result
from bench.plan.space import SETTINGS
from bench.records import RunRecord, RunTags, TrialResult
from bench.study.plan import PlannedRun, StudyPlan
from bench.text import masked
from bench.tracking.attached import note_of_report
from bench.tracking.delivery import PLACED, deliver, deliver_all
from bench.tracking.entries import About, header_of, is_told, run_id_of
from bench.tracking.mlflow import Store
from bench.tracking.patience import patiently, say
from bench.tracking.view import colour_tag, dress

T = TypeVar("T")


class Ended(NamedTuple):
    """A run that needs no other attempt.

    Attributes:
        run: Which.
        result: What its folder holds.
        run_id: In the tracking store; empty where it was not told yet.
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
        self._facts: dict[str, str] = {}

    def ended(self, runs: Iterable[PlannedRun]) -> list[Ended]:
        """Those of the runs that have a result in their folder."""
        found = ((run, self.plan.result(run)) for run in runs)
        return [Ended(run, result, run_id_of(self.folder(run))) for run, result in found if result]

    def left(self, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        """The others."""
        ended = {run.key for run in runs if self.plan.result(run)}
        return [run for run in runs if run.key not in ended]

    def settle(
        self, runs: Iterable[PlannedRun], alone: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Tells the store what it lacks of runs that have ended, and what others changed there.

        A run whose journal cannot tell it begins anew. ``alone`` is entered if there is anything.

        Raises:
            Undelivered: The store does not answer.
        """
        ended = {each.run.key: each for each in self.ended(runs)}.values()
        records = {record.run_id: record for record in self.records()}
        placed = [record for record in records.values() if record.about.role in PLACED]
        by_folder = {record.about.folder: record for record in placed if record.about.status}
        known = ((e, records.get(e.run_id) or by_folder.get(self._address(e))) for e in ended)
        late = [(each, record) for each, record in known if not self._is_settled(each, record)]
        kept = {self._address(each): each.run_id for each in ended if each.run_id in records}
        doubles = [r for r in placed if kept.get(r.about.folder, r.run_id) != r.run_id]
        if late or doubles:
            with alone():
                self.patiently(lambda: self._settle(late, doubles))

    def _settle(
        self, late: Iterable[tuple[Ended, RunRecord | None]], doubles: Iterable[RunRecord]
    ) -> None:
        for each, record in late:
            folder = self.folder(each.run)
            if record is not None and (wrong := _wrong_tags(folder, each.result, record)):
                say(f"tags of {each.run.label} were changed and are set again: {', '.join(wrong)}")
                self.store.logger(record.run_id).tags(wrong)
            if record is not None and not record.finished and is_told(folder):
                self.store.end_run(record.run_id, ok=each.result.status != "failed")
            if is_begun(folder):
                tell_result(folder, self.about(each.run), each.result)
                deliver(folder, self.store)
        for record in doubles:
            say(f"run {record.run_id} was restored beside one that tells the same: deleted again")
            self.store.delete_run(record.run_id)

    def deliver(self) -> None:
        """Sends what journals of this study still hold, and waits for a store that is gone.

        Raises:
            Undelivered: It does not answer.
        """
        deliver_all(sorted(self.plan.folder.glob("*/")), self.store)

    def records(self) -> list[RunRecord]:
        """Every run of the experiment."""
        return self.patiently(lambda: self.store.records(self.experiment_id))

    def patiently(self, ask: Callable[[], T]) -> T:
        """What the store answers; one that is gone is waited for.

        Raises:
            Undelivered: It does not return.
        """
        return patiently(ask, uri=self.store.uri)

    def describe(self, tags: dict[str, str]) -> None:
        """Sets tags of the experiment; above its runs stays the answer of a report, if there is one."""
        self._facts |= tags
        self.patiently(lambda: self._describe(tags))

    def dress(self) -> None:
        """Has MLflow's page open at what the runs have, and say which of them its answer is of."""
        self.patiently(lambda: dress(self.store, self.experiment_id, self.plan.study))
        self.patiently(lambda: self._describe({}))

    def folder(self, run: PlannedRun) -> Path:
        """Where a run's checkpoints, its result and its journal lie."""
        return self.plan.folder / run.key

    def task(self, run: PlannedRun) -> Task:
        """All that a worker needs to know of a run."""
        is_begun(self.folder(run))  # says here what a worker would say in its log
        return Task(
            params=run.config.params(),
            about=self.about(run),
            folder=str(self.folder(run)),
            uri=self.store.uri,
            stage=run.stage,
            device=self.plan.device.type,
            deterministic=self.plan.deterministic,
            plugins=tuple(map(str, self.plan.plugins)),
        )

    def about(self, run: PlannedRun) -> About:
        """What the store is told of a run before it begins."""
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
            config_digest=run.digest,
            folder=self.plan.address(run),
            command=self.plan.command,
            trial=run.trial,
            sampler=run.sampler,
            settings=str(run.cell.factors.get(SETTINGS, "")),
        )
        return About(
            experiment=identity.key,
            name=run.label,
            params=run.config.params(),
            tags=tags.to_tags(),
            facts=self._facts,
            look=colour_tag(self.plan.study, run.cell.arm),
        )

    def _describe(self, tags: dict[str, str]) -> None:
        told = self.store.experiment_tags(self.experiment_id) | tags
        above = note_of_report(self.store, self.experiment_id, told)
        self.store.describe_experiment(self.experiment_id, {**tags, **above})

    def _address(self, each: Ended) -> str:
        return self.plan.address(each.run)

    def _is_settled(self, each: Ended, record: RunRecord | None) -> bool:
        folder = self.folder(each.run)
        return (
            record is not None
            and record.finished
            and is_told(folder)
            and not _wrong_tags(folder, each.result, record)
        )


def _wrong_tags(folder: Path, result: TrialResult, record: RunRecord) -> dict[str, str]:
    """What a run said as it began and ended, where the store says otherwise.

    A search may have given it another role since, and what was found may be known now.
    """
    header = header_of(folder)
    said = {**({} if header is None else header.about.tags), **result.tags()}
    return {
        key: text
        for key, text in said.items()
        if key not in {"role", "settings"}
        and (there := record.tags.get(key, "")) != text
        and there != masked(text)
    }
