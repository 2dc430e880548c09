"""What is to be run and who is told how it ended: the trials of a search, then the runs."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Protocol

from bench.config import digest
from bench.plan.space import Search, middle
from bench.plan.study import Study
from bench.records import SUPERSEDED, RunRecord, Scalar, TrialResult
from bench.study.plan import PlannedRun
from bench.study.storage import IMPORTANCE, Found, OptunaGrid, OptunaSearch, is_choice
from bench.study.tracked import Ended, TrackedStudy

SEARCH, RUN = "search", "run"


class Queue(Protocol):
    """Runs that are handed out one by one."""

    def left(self) -> list[PlannedRun]:
        """What is still to be run, as far as is known beforehand."""

    def known(self) -> list[PlannedRun]:
        """What is decided already, whether it was run or not."""

    def next(self) -> PlannedRun | None:
        """The next run, or None where all have been given."""

    def should_prune(self, run: PlannedRun, curve: list[float]) -> bool:
        """Whether a run with these validation values so far is to end now."""

    def tell(self, run: PlannedRun, result: TrialResult, run_id: str) -> None:
        """A run has ended."""

    def forget(self) -> None:
        """Discards what Optuna knows."""

    def close(self) -> None:
        """All of it has ended."""


class SearchQueue:
    """Trials of every arm, chosen and pruned by Optuna.

    Args:
        tracked: The study.
        search: What is searched.
    """

    def __init__(self, tracked: TrackedStudy, search: Search) -> None:
        self._tracked, self._plan = tracked, tracked.plan
        self._arms = {arm: self._opened(arm, search) for arm in search.spaces}

    def left(self) -> list[PlannedRun]:
        """The trials without a result; one that is not chosen yet is in the middle of its space."""
        missing = set(self._missing(self._ended()))
        return [run for run in self._plan.trials() if (run.number, run.cell.arm) in missing]

    def best(self) -> dict[str, Found]:
        """By arm; without the arms none of whose trials has a value."""
        found = {arm: one.best(self._plan.num_trials) for arm, one in self._arms.items()}
        return {arm: one for arm, one in found.items() if one is not None}

    def runs(self) -> list[PlannedRun]:
        """The best configurations on fresh seeds, and the baselines."""
        return self._plan.runs({arm: found.values for arm, found in self.best().items()})

    def next(self) -> PlannedRun | None:
        """The next trial, chosen now."""
        if not self._todo:
            return None
        number, arm = self._todo.popleft()
        values = self._arms[arm].take(number)
        return self._plan.trial(arm, number, values, self._arms[arm].sampler_name(number))

    def should_prune(self, run: PlannedRun, curve: list[float]) -> bool:
        """Whether its arm's pruner ends it."""
        return self._arms[run.cell.arm].should_prune(run.number, curve)

    def tell(self, run: PlannedRun, result: TrialResult, run_id: str) -> None:
        """Tells Optuna."""
        self._arms[run.cell.arm].tell(run.number, result, run_id)

    def forget(self) -> None:
        """Discards every trial."""
        for one in self._arms.values():
            one.delete()

    def close(self) -> None:
        """Says which trials and runs count now, and which settings mattered.

        With another number of trials another one may be the best, whose runs are there already.
        """
        trials = {self._plan.address(each.run) for each in self._ended()}
        chosen = [_settings(run.config.params()) for run in self.runs() if run.role == RUN]
        for record in self._tracked.records():
            role = _role(record, trials, chosen)
            if role and role != record.about.role:
                self._tracked.store.logger(record.run_id).tags({"role": role})
        found = {arm: one.importance(self._plan.num_trials) for arm, one in self._arms.items()}
        importance = {
            "evaluator": IMPORTANCE,
            "values": {arm: shares for arm, (shares, _) in found.items() if shares},
            "trials": {arm: number for arm, (_, number) in found.items()},
        }
        self._tracked.describe({"bench.importance": json.dumps(importance)})

    @cached_property
    def _todo(self) -> deque[tuple[int, str]]:
        """Number and arm of what is left once Optuna has been told of all that ended."""
        ended = self._ended()
        for arm, one in self._arms.items():
            one.resume()
            done = one.done()
            for each in ended:
                if each.run.cell.arm == arm and each.run.number not in done:
                    one.take(each.run.number)
                    self.tell(*each)
        return deque(self._missing(ended))

    def known(self) -> list[PlannedRun]:
        """The trials that are chosen, those beyond the number that is asked for as well."""
        return [
            self._plan.trial(arm, number, values)
            for arm, one in self._arms.items()
            for number, values in one.chosen().items()
        ]

    def _ended(self) -> list[Ended]:
        """The trials that have a result."""
        asked = (run for run in self.known() if run.number < self._plan.num_trials)
        return self._tracked.ended(asked)

    def _missing(self, ended: Sequence[Ended]) -> list[tuple[int, str]]:
        """Number and arm of the trials without a result, the arms in turn."""
        done = {(each.run.number, each.run.cell.arm) for each in ended}
        every = [(n, arm) for n in range(self._plan.num_trials) for arm in self._arms]
        return [each for each in every if each not in done]

    def _opened(self, arm: str, search: Search) -> OptunaSearch:
        """An arm's trials in Optuna, under a name of all that decides what their values mean."""
        space = search.spaces[arm]
        meant = {
            "config": self._plan.trial(arm, 0, middle(space)).config.flat(),
            "space": {key: repr(found) for key, found in space.items()},
            "startup": search.startup,
        }
        return OptunaSearch(
            f"{self._plan.identity.key}-{arm}-{digest(meant)[:6]}",
            self._plan.storage_url,
            space,
            startup=search.startup,
            seed=int(digest({"arm": arm}), 16),
        )


class GridQueue:
    """Whole runs, in order; Optuna is told of them.

    Args:
        tracked: The study.
        search: What comes before; None of a grid.
    """

    def __init__(self, tracked: TrackedStudy, search: SearchQueue | None = None) -> None:
        self._tracked, self._plan, self._search = tracked, tracked.plan, search

    def runs(self) -> list[PlannedRun]:
        """Every run, with what the search has found by now."""
        return self._search.runs() if self._search else self._plan.runs()

    def known(self) -> list[PlannedRun]:
        """Every run, with what the search has found by now."""
        return self.runs()

    def left(self) -> list[PlannedRun]:
        """The runs without a result; before the search has ended, with what stands in."""
        searching = self._search is not None and self._search.left()
        return self._tracked.left(self._plan.runs() if searching else self.runs())

    def next(self) -> PlannedRun | None:
        """The next run."""
        return self._todo.popleft() if self._todo else None

    def should_prune(self, run: PlannedRun, curve: list[float]) -> bool:  # noqa: ARG002 - whole
        """A curve over a factor is of whole runs (protocol rule 22)."""
        return False

    def tell(self, run: PlannedRun, result: TrialResult, run_id: str) -> None:
        """Tells Optuna."""
        values = {"arm": run.cell.arm, "seed": run.seed, **run.cell.factors}
        self._optuna.tell(run.key, values, result, run_id)

    def forget(self) -> None:
        """Discards Optuna's grid."""
        self._optuna.delete()

    def close(self) -> None:
        """Nothing: every run counts."""

    @cached_property
    def _todo(self) -> deque[PlannedRun]:
        """What is left once Optuna has been told of all that ended."""
        runs = self.runs()
        for each in self._tracked.ended(runs):
            self.tell(*each)
        left: dict[str, PlannedRun] = {}
        for run in self._tracked.left(runs):
            left.setdefault(run.key, run)  # two arms may mean one configuration
        return deque(left.values())

    @cached_property
    def _optuna(self) -> OptunaGrid:
        # A categorical parameter's choices are fixed for good, and so is whether a number is whole:
        # with others of them it is another study in Optuna.
        study = self._plan.study
        names = [*(arm.name for arm in study.arms), *study.baselines]
        values = _values(study)
        fixed = {key: each for key, each in values.items() if _is_fixed(each)}
        named = {"arms": names, **({"values": fixed} if fixed else {})}
        name = f"{self._plan.identity.key}-{digest(named)[:6]}"
        return OptunaGrid(name, self._plan.storage_url, {"arm": names, **values})


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


def _role(record: RunRecord, trials: Collection[str], chosen: Sequence[dict[str, str]]) -> str:
    """What a record is to the study now; baselines and images made elsewhere stay what they are."""
    about = record.about
    if about.is_retired or about.role not in {SEARCH, RUN, SUPERSEDED}:
        return about.role
    if about.trial is not None:
        return SEARCH if about.folder in trials else SUPERSEDED
    return RUN if _settings(record.params) in chosen else SUPERSEDED


def _settings(params: dict[str, str]) -> dict[str, str]:
    """A configuration as text, without its seed."""
    return {key: value for key, value in params.items() if key != "train.seed"}
