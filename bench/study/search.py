"""A search for each arm's best configuration, then that configuration on fresh seeds."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.config import digest
from bench.engines import Engine
from bench.plan.space import Search
from bench.plan.study import FlatValues
from bench.records import SUPERSEDED, RunRecord, TrialResult
from bench.study.driver import Driver, GridQueue, Observer
from bench.study.grid import PlannedRun, expand, stand_ins, trial_of
from bench.study.storage import IMPORTANCE, TrialBook

SEARCH, RUN = "search", "run"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best configuration of an arm.

    Attributes:
        trial: Its number.
        values: What the search chose.
        value: Its validation value.
    """

    trial: int
    values: FlatValues
    value: float


@dataclass(kw_only=True)
class SearchDriver:
    """Runs what is left of a search and of the runs with what it found.

    Attributes:
        driver: Whose books these are.
        num_trials: For each arm alike.
        num_seeds: Fresh ones for each best configuration.
    """

    driver: Driver
    num_trials: int
    num_seeds: int

    def run(self, engine: Engine, observer: Observer) -> None:
        """Searches, then runs the best configurations and the baselines.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self.driver.alone():
            todo = deque(self.trials_left())
            self.driver.loop(TrialQueue(self, todo), engine, observer)
            self._give_roles()
            runs = deque(self.driver.left(self.runs()))
            self.driver.loop(GridQueue(self.driver.book, runs), engine, observer)
            self._keep_importance()

    def settle(self) -> None:
        """Says anew which trials and runs count, where nothing is left to run.

        With another number of trials another one may be the best, whose runs are there already.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self.driver.alone():
            self._give_roles()
            self._keep_importance()

    def left(self) -> list[PlannedRun]:
        """What is still to be run; what is not chosen yet stands in the middle of its space."""
        study, identity = self.driver.study, self.driver.identity
        missing = set(self.trials_left())
        if not missing:
            return self.driver.left(self.runs())
        trials = stand_ins(study, identity, self.num_trials)
        runs = expand(study, identity, self.num_seeds)
        trials = [run for run in trials if (run.trial, run.cell.arm) in missing]
        return trials + self.driver.left(runs)

    def trials_left(self) -> list[tuple[int, str]]:
        """Number and arm of the trials without a final result, the arms in turn."""
        tracked = self.driver.tracked("folder")
        done = {arm: book.done() for arm, book in self.books.items()}
        return [
            (number, arm)
            for number in range(self.num_trials)
            for arm in self.books
            if number not in done[arm]
            or self.driver.address(self.trial(arm, number)) not in tracked
        ]

    def trial(self, arm: str, number: int) -> PlannedRun:
        """A trial with its configuration, which is chosen now where it is new."""
        book = self.books[arm]
        run = trial_of(self.driver.study, self.driver.identity, arm, book.take(number))
        return replace(run, trial=number, sampler=book.sampler_name(number))

    def best(self) -> dict[str, Found]:
        """By arm; without the arms none of whose trials has a value."""
        found = {arm: book.best(self.num_trials) for arm, book in self.books.items()}
        return {
            arm: Found(trial=one[0], values=one[1], value=one[2])
            for arm, one in found.items()
            if one is not None
        }

    def runs(self) -> list[PlannedRun]:
        """The best configurations on fresh seeds, and the baselines."""
        best = {arm: found.values for arm, found in self.best().items()}
        return expand(self.driver.study, self.driver.identity, self.num_seeds, best)

    def forget(self) -> None:
        """Discards every trial and run.

        Raises:
            UsageError: Another driver works on this study.
        """
        with self.driver.alone():
            for book in self.books.values():
                book.delete()
            del self.books
            self.driver.discard()

    @cached_property
    def books(self) -> dict[str, TrialBook]:
        """One for each arm, its name made of all that decides what a trial's value means."""
        return {arm: self._book(arm) for arm in self._search.spaces}

    def _book(self, arm: str) -> TrialBook:
        search, identity = self._search, self.driver.identity
        inside = trial_of(self.driver.study, identity, arm, search.middle(arm))
        meant = digest(
            {
                "config": inside.config.flat(),
                "space": {key: repr(found) for key, found in search.spaces[arm].items()},
                "startup": search.startup,
            }
        )
        return TrialBook(
            f"{identity.key}-{arm}-{meant[:6]}",
            self.driver.storage_url(),
            search.spaces[arm],
            startup=search.startup,
            seed=int(digest({"arm": arm}), 16),
        )

    @property
    def _search(self) -> Search:
        assert self.driver.study.search is not None
        return self.driver.study.search

    def _give_roles(self) -> None:
        """Tags what is tracked: trials and runs that count, and those that no longer do."""
        trials = {
            self.driver.address(self.trial(arm, number))
            for arm, book in self.books.items()
            for number in book.done()
            if number < self.num_trials
        }
        chosen = [_settings(run.config.flat()) for run in self.runs() if run.role == RUN]
        for record in self.driver.store.records(self.driver.experiment_id):
            role = _role(record, trials, chosen)
            if role and role != record.about.role:
                self.driver.store.logger(record.run_id).tags({"role": role})

    def _keep_importance(self) -> None:
        """Which settings mattered, as a tag of the experiment."""
        found = {arm: book.importance(self.num_trials) for arm, book in self.books.items()}
        text = json.dumps(
            {
                "evaluator": IMPORTANCE,
                "values": {arm: shares for arm, (shares, _) in found.items() if shares},
                "trials": {arm: number for arm, (_, number) in found.items()},
            }
        )
        store = self.driver.store
        store.describe_experiment(self.driver.experiment_id, {"bench.importance": text})


class TrialQueue:
    """Trials of every arm, judged by the books of their arms.

    Args:
        search: Whose trials.
        todo: Number and arm of what is left.
    """

    def __init__(self, search: SearchDriver, todo: deque[tuple[int, str]]) -> None:
        self._search, self._todo = search, todo
        for book in search.books.values():
            book.resume()

    def next(self) -> PlannedRun | None:
        """The next trial, chosen now."""
        if not self._todo:
            return None
        number, arm = self._todo.popleft()
        return self._search.trial(arm, number)

    def judge(self, run: PlannedRun, curve: list[float]) -> bool:
        """Whether its arm's pruner ends it."""
        return self._search.books[run.cell.arm].judge(_number(run), curve)

    def tell(self, run: PlannedRun, result: TrialResult, run_id: str) -> None:
        """Writes the result down."""
        self._search.books[run.cell.arm].tell(_number(run), result, run_id)


def _number(run: PlannedRun) -> int:
    assert run.trial is not None
    return run.trial


def _role(record: RunRecord, trials: Collection[str], chosen: Sequence[dict[str, str]]) -> str:
    """What a record is to the study now; baselines and images made elsewhere stay what they are."""
    role = record.about.role
    if role not in {SEARCH, RUN, SUPERSEDED}:
        return role
    if record.about.trial is not None:
        return SEARCH if record.about.folder in trials else SUPERSEDED
    return RUN if _settings(record.params) in chosen else SUPERSEDED


def _settings(flat: dict[str, str] | FlatValues) -> dict[str, str]:
    """A configuration as text, without its seed."""
    return {key: str(value) for key, value in flat.items() if key != "train.seed"}
