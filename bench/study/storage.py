"""The only importer of Optuna: a grid that it is told of, a search that it is asked about."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage, _CachedStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from bench.errors import Undelivered, UsageError, disk_trouble
from bench.plan.space import KNOWN, Choice, Int, LogUniform, Range, Space
from bench.records import Scalar, TrialResult
from bench.tracking.address import database_path
from bench.tracking.claim_table import TablePlace
from bench.tracking.database import Schema, is_damaged, prepare, remove
from bench.tracking.opening import first_line, remedy
from bench.tracking.postgres import is_postgres, prepare_postgres

if TYPE_CHECKING:
    from optuna.storages._rdb.models import TrialModel

LARGEST = 2**31 - 1
FINAL = {"ok", "collapsed", "diverged", "pruned"}
OBJECTIVE = "validation distance"
UNFINISHED = (TrialState.RUNNING, TrialState.WAITING)
IMPORTANCE = "PED-ANOVA, best tenth of the trials (Watanabe et al. 2023, arXiv 2304.10255)"

Values = dict[str, Scalar]
Session = Any
"""Of SQLAlchemy, as Optuna gives it."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best configuration of an arm.

    Attributes:
        trial: Its number.
        values: What the search chose.
        value: Its validation value.
    """

    trial: int
    values: Values
    value: float


class Told(NamedTuple):
    """A run of a grid as Optuna is told of it.

    Attributes:
        key: Its own.
        values: Its place in the grid.
        result: How it ended.
        run_id: In the tracking store.
    """

    key: str
    values: Values
    result: TrialResult
    run_id: str


class OptunaGrid:
    """A grid as Optuna's dashboard shows it: told how each run ended, never asked.

    Args:
        name: Of the study in Optuna.
        storage: Optuna's storage.
        values: Every value of each key that is fixed beforehand.
    """

    def __init__(self, name: str, storage: str, values: Mapping[str, Sequence[Scalar]]) -> None:
        self._study = _opened(name, storage)
        self._storage, self._values = storage, values
        self._rows = _rows(self._study)
        kept = self._rows or self._study._storage  # noqa: SLF001 - of the study, all trials are kept
        # A driver of an older version may have left some open, and one in the queue cannot be told.
        for trial in kept.get_all_trials(self._id, deepcopy=False, states=UNFINISHED):
            kept.set_trial_state_values(trial._trial_id, TrialState.FAIL)  # noqa: SLF001
        self._told = _told(self._study)

    def tell(self, runs: Iterable[Told]) -> None:
        """Adds runs with their results, once for each that needs no other attempt."""
        new: dict[str, Told] = {}
        for each in runs:  # two arms may mean one configuration
            if each.key not in self._told:
                new.setdefault(each.key, each)
        if trials := [self._trial(each) for each in new.values()]:
            self._add(trials)
        self._told |= {each.key for each in new.values() if each.result.status in FINAL}

    def _add(self, trials: Sequence[FrozenTrial]) -> None:
        """Adds them once, also where the database took them and its answer was lost."""
        if self._rows is None:
            self._study.add_trials(trials)
            return
        with _session(self._rows) as session:
            first = _next_number(session, self._id)
        try:
            _add_rows(self._rows, self._id, trials)
        except StorageInternalError:  # Optuna waits for what is locked
            with _session(self._rows) as session:
                there = _digests(session, self._id, first)
            left = [t for t in trials if t.user_attrs["config_digest"] not in there]
            self._study.add_trials(left)

    def _trial(self, told: Told) -> FrozenTrial:
        result, (state, value) = told.result, _ended(told.result)
        trial = create_trial(
            state=state,
            value=value,
            params=dict(told.values),
            distributions={k: self._distribution(k, v) for k, v in told.values.items()},
            user_attrs={
                "config_digest": told.key,
                "status": result.status,
                "run_id": told.run_id,
            },
        )
        seconds = sum(result.metrics.get(f"cost/{part}_seconds", 0.0) for part in ("train", "eval"))
        if trial.datetime_start is not None:
            trial.datetime_start -= timedelta(seconds=seconds)
        return trial

    @property
    def _id(self) -> int:
        return int(self._study._study_id)  # noqa: SLF001 - what a storage calls it

    def delete(self) -> None:
        """Forgets every run."""
        optuna.delete_study(study_name=self._study.study_name, storage=self._storage)

    def _distribution(self, key: str, value: Scalar) -> BaseDistribution:
        # A parameter of Optuna has one kind for good: 0.5 and 1 are both numbers with a point.
        known = self._values.get(key, [value])
        if is_choice(known):
            return CategoricalDistribution(tuple(known))
        if all(isinstance(each, int) for each in known):
            return IntDistribution(-LARGEST, LARGEST)
        return FloatDistribution(-1e30, 1e30)


def is_choice(values: Sequence[Scalar]) -> bool:
    """Whether values are a choice, since one of them is no number."""
    return any(isinstance(value, bool | str) for value in values)


class OptunaSearch:
    """The trials of one arm, by number: known ones, random ones, TPE's, those pruned by the median.

    A trial that failed keeps its number and is tried again with what it had; Optuna calls that
    another trial. What is chosen at random depends on ``seed`` and the number alone.

    Args:
        name: Of the study in Optuna.
        storage: Optuna's storage.
        space: What to choose from.
        startup: How many trials are known or random, and never pruned.
        seed: Of the choices.
        known: What the first trials have.
    """

    def __init__(
        self,
        name: str,
        storage: str,
        space: Space,
        *,
        startup: int,
        seed: int,
        known: Sequence[Values] = (),
    ) -> None:
        # That none of the first trials is pruned is up to ``should_prune``: with several workers a
        # later one may end before them.
        self._study = _opened(name, storage, pruner=MedianPruner(n_startup_trials=1))
        self._storage, self._startup, self._seed, self._known = storage, startup, seed, known
        self._space = {key: _distribution(found) for key, found in space.items()}
        self._open: dict[int, Trial] = {}

    def done(self) -> set[int]:
        """Numbers of the trials that need no other attempt."""
        return {number for number, trial in self._latest().items() if _final(trial)}

    def chosen(self) -> dict[int, Values]:
        """The values of each trial that has them all, by number."""
        latest = self._latest().items()
        return {n: dict(t.params) for n, t in latest if t.params.keys() == self._space.keys()}

    def resume(self) -> None:
        """Takes up the trials that a former driver left open."""
        taken = set(self._latest())
        for frozen in self._study.get_trials(deepcopy=False, states=UNFINISHED):
            # Without a number, the driver died between asking and numbering.
            free = next(i for i in range(len(taken) + 1) if i not in taken)
            number = frozen.user_attrs.get("number", free)
            taken.add(number)
            self._study.sampler = self._sampler(number)
            self._open[number] = self._attached(frozen)
            self._open[number].set_user_attr("number", number)

    def take(self, number: int) -> Values:
        """The values of a trial, chosen where it is new; then it is open."""
        latest = self._latest().get(number)
        if latest is not None and _final(latest):
            return dict(latest.params)
        if number not in self._open:
            self._open[number] = self._ask(number, latest)
        trial = self._open[number]
        # Given values come back as they were; a driver may have died between two of them.
        suggest = trial._suggest  # noqa: SLF001 - for any kind of distribution
        return {key: suggest(key, found) for key, found in self._space.items()}

    def sampler_name(self, number: int) -> str:
        """``known``, ``random`` or ``tpe``."""
        if number < len(self._known):
            return KNOWN
        return "random" if number < self._startup else "tpe"

    def should_prune(self, number: int, curve: Sequence[float]) -> bool:
        """Whether a trial with these values so far, one for each validation, is to end now."""
        trial = self._open.get(number)
        if trial is None:  # told already, repeated for a store that does not know it
            told = self._latest()[number]
            return told.state == TrialState.PRUNED and len(curve) >= len(told.intermediate_values)
        known = len(self._latest()[number].intermediate_values)
        for step, value in enumerate(curve[known:], start=known + 1):
            trial.report(value, step)
        return number >= self._startup and trial.should_prune()

    def tell(self, number: int, result: TrialResult, run_id: str) -> None:
        """Closes a trial with its result; one that was told before stays as it is."""
        if trial := self._open.pop(number, None):
            trial.set_user_attr("status", result.status)
            trial.set_user_attr("run_id", run_id)
            state, value = _ended(result)
            self._study.tell(trial, value, state=state)

    def whole(self, num_trials: int) -> list[Found]:
        """The whole trials among the first ones, the best first."""
        whole = [
            Found(trial=number, values=dict(trial.params), value=trial.value)
            for number, trial in self._latest().items()
            if number < num_trials and trial.state == TrialState.COMPLETE
            if trial.value is not None
        ]
        return sorted(whole, key=lambda found: (found.value, found.trial))

    def importance(self, num_trials: int) -> tuple[dict[str, float], int]:
        """Share of each key in what makes a trial one of the best, and the trials it is from.

        Of the first so many trials; empty where fewer than the start-up trials have a value.
        """
        trials = [
            trial
            for number, trial in sorted(self._latest().items())
            if number < num_trials and trial.state == TrialState.COMPLETE
        ]
        if len(trials) < self._startup:
            return {}, len(trials)
        # Imported here: it looks for scikit-learn, which takes a second and is not needed.
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        counted = optuna.create_study()
        counted.add_trials(trials)
        found = get_param_importances(counted, evaluator=PedAnovaImportanceEvaluator())
        return {key: float(share) for key, share in found.items()}, len(trials)

    def delete(self) -> None:
        """Forgets every trial."""
        optuna.delete_study(study_name=self._study.study_name, storage=self._storage)

    def _attached(self, frozen: FrozenTrial) -> Trial:
        """An open trial of a former driver."""
        if frozen.state != TrialState.WAITING:
            return Trial(self._study, frozen._trial_id)  # noqa: SLF001 - Optuna's way to re-attach
        # The driver died between enqueueing and asking; asking gives the oldest one.
        return self._study.ask(self._space)

    def _latest(self) -> dict[int, FrozenTrial]:
        """The last attempt of each number."""
        trials = self._study.get_trials(deepcopy=False)
        return {t.user_attrs["number"]: t for t in trials if "number" in t.user_attrs}

    def _ask(self, number: int, failed: FrozenTrial | None) -> Trial:
        given = dict(failed.params) if failed is not None else self._given(number)
        if given is not None:
            self._study.enqueue_trial(given, user_attrs={"number": number})
            return self._study.ask(self._space)
        self._study.sampler = self._sampler(number)
        trial = self._study.ask(self._space)
        trial.set_user_attr("number", number)
        return trial

    def _given(self, number: int) -> Values | None:
        """What a new trial has; None where it is chosen."""
        return dict(self._known[number]) if number < len(self._known) else None

    def _sampler(self, number: int) -> BaseSampler:
        """The number is part of the seed: a continued search must not repeat its first draws."""
        seed = (self._seed + number) % LARGEST
        if number < self._startup:
            return RandomSampler(seed=seed)
        # Never TPE's own start-up: the trials before have been random already.
        return TPESampler(n_startup_trials=1, multivariate=True, constant_liar=True, seed=seed)


def claim_place(storage: str, name: str) -> TablePlace:
    """Where a storage keeps who runs a study.

    Raises:
        UsageError: The storage does not open.
    """
    with _in_a_sentence(storage):
        _prepare(storage)
        return TablePlace(storage, name)


def _opened(name: str, storage: str, pruner: MedianPruner | None = None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _in_a_sentence(storage):
        if isinstance(storage, str):  # not a test's, in memory
            _prepare(storage)
        study = optuna.create_study(
            study_name=name,
            storage=_reached(storage),
            direction="minimize",
            pruner=pruner,
            load_if_exists=True,
        )
        if not study.metric_names:  # what the dashboard calls the objective
            with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
                study.set_metric_names([OBJECTIVE])
    return study


def _reached(storage: str) -> str | RDBStorage:
    """A server may have been started again since a connection was made: each is tried before its use."""
    if isinstance(storage, str) and is_postgres(storage):
        return RDBStorage(storage, engine_kwargs={"pool_pre_ping": True})
    return storage


@contextlib.contextmanager
def answering(storage: str | None) -> Iterator[None]:
    """What is told and asked inside is answered by a storage that several machines share.

    Raises:
        Undelivered: It does not answer.
    """
    try:
        yield
    except StorageInternalError as error:
        if storage is None:
            raise
        why = first_line(str(error.__cause__ or error))
        raise Undelivered(
            f"storage '{storage}' does not answer ({why}): all runs keep what they did: start it "
            "again, then give the same command"
        ) from error


def _prepare(storage: str) -> None:
    """Makes the tables, where several processes may do so at once and the library minds."""
    if path := database_path(storage):
        prepare(path, _schema())
    elif is_postgres(storage):
        prepare_postgres(storage, _schema())


@contextlib.contextmanager
def _in_a_sentence(storage: str) -> Iterator[None]:
    """What goes wrong with a storage, as what is to be done about it.

    Raises:
        UsageError: The storage does not open.
        DiskTrouble: Its disk does not take it.
    """
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        if trouble := disk_trouble(error, storage):
            raise trouble from error
        said = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"storage '{storage}' does not open ({first_line(said)}): {remedy(said, None)}, or "
            "give --storage a database URL such as sqlite:///optuna.db, or leave it out"
        ) from error


def _schema() -> Schema:
    from optuna.storages._rdb.models import BaseModel

    return Schema(
        owner="Optuna",
        tables=set(BaseModel.metadata.tables),
        revision=None,  # Optuna looks at it itself
        kept={"studies": "1"},
        make=lambda uri: RDBStorage(uri).engine.dispose(),
        option="--storage",
        upgrade="optuna storage upgrade --storage",
    )


def renew_damaged(path: Path) -> None:
    """Moves a damaged database aside, so that another one is made in its place.

    What it held is told again from the folders of the runs; a search chooses its trials again by
    their numbers, and those whose results are there are not trained again.
    """
    if is_damaged(path):
        remove(kept := path.with_name(f"{path.name}.damaged"))
        path.replace(kept)
        remove(path)
        print(f"'{path}' was damaged, is kept as '{kept.name}' and made anew", file=sys.stderr)


def _ended(result: TrialResult) -> tuple[TrialState, float | None]:
    """How Optuna counts a result, and its value."""
    if result.status == "pruned":
        return TrialState.PRUNED, None
    if result.value is None or math.isnan(result.value):
        # ``diverged`` has no value, and neither has a run whose data set has no detector.
        return TrialState.FAIL, None
    return TrialState.COMPLETE, result.value


def _final(trial: FrozenTrial) -> bool:
    """Whether a trial needs no other attempt: an ordinary failure gets one at the next start."""
    return trial.state.is_finished() and trial.user_attrs.get("status") in FINAL


def _rows(study: optuna.Study) -> RDBStorage | None:
    """The database of a study, past Optuna's cache of all trials, 14 kB each; None where it has none."""
    storage = study._storage  # noqa: SLF001 - Optuna shows it to nobody
    return storage._backend if isinstance(storage, _CachedStorage) else None  # noqa: SLF001


def _told(study: optuna.Study) -> set[str]:
    """Configurations of the trials that are final; of a database without all else that it holds."""
    if (rows := _rows(study)) is None:
        return {t.user_attrs["config_digest"] for t in study.get_trials() if _final(t)}
    from optuna.storages._rdb.models import TrialModel, TrialUserAttributeModel

    said, finished = TrialUserAttributeModel, [s for s in TrialState if s.is_finished()]
    with _session(rows) as session:
        asked = session.query(said.trial_id, said.value_json).join(TrialModel)
        asked = asked.filter(
            TrialModel.study_id == study._study_id,  # noqa: SLF001
            TrialModel.state.in_(finished),
        )
        statuses, digests = (asked.filter(said.key == k) for k in ("status", "config_digest"))
        final = {trial for trial, status in statuses if json.loads(status) in FINAL}
        return {json.loads(digest) for trial, digest in digests if trial in final}


def _add_rows(storage: RDBStorage, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    """Adds finished trials by a few statements for all of them, where Optuna has 25 for each.

    Raises:
        StorageInternalError: The database does not take them, or its answer was lost.
    """
    from optuna.storages._rdb.models import StudyModel

    with _session(storage) as session:
        StudyModel.find_or_raise_by_id(study_id, session, for_update=True)  # numbers are given here
        first = _next_number(session, study_id)
        session.add_all([_row(study_id, n, trial) for n, trial in enumerate(trials, first)])


def _next_number(session: Session, study_id: int) -> int:
    """Of the trial that comes next; to count those that are there takes ever longer."""
    from optuna.storages._rdb.models import TrialModel

    numbers = session.query(TrialModel.number).filter(TrialModel.study_id == study_id)
    last = numbers.order_by(TrialModel.trial_id.desc()).first()
    return last[0] + 1 if last else 0


def _digests(session: Session, study_id: int, first: int) -> set[str]:
    """Configurations of the trials from a number on."""
    from optuna.storages._rdb.models import TrialModel, TrialUserAttributeModel

    said = TrialUserAttributeModel
    asked = session.query(said.value_json).join(TrialModel)
    asked = asked.filter(TrialModel.study_id == study_id, TrialModel.number >= first)
    return {json.loads(digest) for (digest,) in asked.filter(said.key == "config_digest")}


def _session(storage: RDBStorage) -> AbstractContextManager[Session]:
    """A transaction, whose errors are a ``StorageInternalError``."""
    from optuna.storages._rdb.storage import _create_scoped_session

    made: AbstractContextManager[Session] = _create_scoped_session(storage.scoped_session)
    return made


def _row(study_id: int, number: int, trial: FrozenTrial) -> TrialModel:
    """A trial in the words of Optuna's tables."""
    from optuna.storages._rdb import models

    value, kind = models.TrialValueModel.value_to_stored_repr(trial.value)
    return models.TrialModel(
        study_id=study_id,
        number=number,
        state=trial.state,
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        values=[models.TrialValueModel(objective=0, value=value, value_type=kind)]
        if trial.value is not None
        else [],
        params=[
            models.TrialParamModel(
                param_name=key,
                param_value=found.to_internal_repr(trial.params[key]),
                distribution_json=distribution_to_json(found),
            )
            for key, found in trial.distributions.items()
        ],
        user_attributes=[
            models.TrialUserAttributeModel(key=key, value_json=json.dumps(text))
            for key, text in trial.user_attrs.items()
        ],
    )


def _distribution(found: Range) -> BaseDistribution:
    if isinstance(found, Choice):
        return CategoricalDistribution(found.values)
    if isinstance(found, Int):
        return IntDistribution(found.low, found.high)
    return FloatDistribution(found.low, found.high, log=isinstance(found, LogUniform))
