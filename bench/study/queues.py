"""What is to be run and who is told how it ended: the trials of a search, the runs, the chosen again."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from bench.config import digest
from bench.measures import mean_of
from bench.plan.space import FINALIST, SETTINGS, Search, middle
from bench.plan.study import FRESH_SEED, Study
from bench.records import SUPERSEDED, RunRecord, Scalar, TrialResult
from bench.study.plan import PlannedRun
from bench.study.storage import (
    IMPORTANCE,
    Found,
    OptunaGrid,
    OptunaSearch,
    Told,
    is_choice,
)
from bench.study.tracked import Ended, TrackedStudy

SEARCH, RUN = "search", "run"
AT_ONCE = 1_000
"""Results that are read before Optuna is told of them."""


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

    def tell(self, ended: Sequence[Ended]) -> None:
        """These runs have ended."""

    def forget(self) -> None:
        """Discards what Optuna knows."""

    def close(self) -> None:
        """All of it has ended."""


class SearchQueue:
    """Trials of every arm, chosen and pruned by Optuna; in ``finals`` those of a second stage.

    Args:
        tracked: The study.
        search: What is searched.
    """

    def __init__(self, tracked: TrackedStudy, search: Search) -> None:
        self._tracked, self._plan = tracked, tracked.plan
        self._arms = {arm: self._opened(arm, search) for arm in search.spaces}
        self._results: dict[tuple[int, str], dict[int, TrialResult]] = {}
        self.finals = FinalQueue(tracked, self, search.finalists) if search.finalists else None

    def left(self) -> list[PlannedRun]:
        """The trials without a result; one that is not chosen yet is in the middle of its space."""
        missing = set(self._missing(self._ended()))
        trials = [run for run in self._plan.trials() if not run.is_finalist]
        return [run for run in trials if _address(run) in missing]

    def all_left(self) -> list[PlannedRun]:
        """What is left of both stages."""
        return self.left() + (self.finals.left() if self.finals else [])

    def leaders(self) -> dict[str, list[Found]]:
        """The trials with a value by arm, the best first; without the arms that have none."""
        found = {arm: one.whole(self._plan.num_trials) for arm, one in self._arms.items()}
        return {arm: trials for arm, trials in found.items() if trials}

    def best(self) -> dict[str, Found]:
        """By arm; without the arms none of whose trials has a value."""
        if self.finals is not None:
            return self.finals.best()
        return {arm: trials[0] for arm, trials in self.leaders().items()}

    def runs(self) -> list[PlannedRun]:
        """The best configurations on fresh seeds, and the baselines."""
        return self._plan.runs({arm: found.values for arm, found in self.best().items()})

    def next(self) -> PlannedRun | None:
        """The next trial, chosen now."""
        if not self._todo:
            return None
        number, arm, seed = self._todo.popleft()
        values = self._arms[arm].take(number)
        return self._plan.trial(arm, number, values, self._arms[arm].sampler_name(number), seed)

    def should_prune(self, run: PlannedRun, curve: list[float]) -> bool:
        """Whether its arm's pruner ends it; one seed of several says too little."""
        return self._plan.trial_seeds == 1 and self._arms[run.cell.arm].should_prune(
            run.number, curve
        )

    def tell(self, ended: Sequence[Ended]) -> None:
        """Tells Optuna, of a trial of several seeds once all have ended."""
        for run, result, run_id in ended:
            results = self._results.setdefault((run.number, run.cell.arm), {})
            results[run.seed] = result
            if len(results) == self._plan.trial_seeds:
                together = _together([each for _, each in sorted(results.items())])
                self._arms[run.cell.arm].tell(run.number, together, run_id)

    def forget(self) -> None:
        """Discards every trial."""
        for one in self._arms.values():
            one.delete()

    def close(self) -> None:
        """Says which trials and runs count now, and which settings mattered.

        With another number of trials another one may be the best, whose runs are there already.
        """
        final = self.finals.known() if self.finals else []
        asked = [each.run for each in self._ended()] + final
        trials = {self._plan.address(run) for run in asked}
        chosen = [run for run in self.runs() if run.role == RUN and run.seed == FRESH_SEED]
        for record in self._tracked.records():
            tags = _counting(record, trials, chosen).items()
            if said := {key: text for key, text in tags if text != record.tags.get(key, "")}:
                self._tracked.store.logger(record.run_id).tags(said)
        found = {arm: one.importance(self._plan.num_trials) for arm, one in self._arms.items()}
        importance = {
            "evaluator": IMPORTANCE,
            "values": {arm: shares for arm, (shares, _) in found.items() if shares},
            "trials": {arm: number for arm, (_, number) in found.items()},
        }
        self._tracked.describe({"bench.importance": json.dumps(importance)})

    @cached_property
    def _todo(self) -> deque[tuple[int, str, int]]:
        """What is left once Optuna has been told of all that ended."""
        ended = self._ended()
        for arm, one in self._arms.items():
            one.resume()
            done = one.done()
            for each in ended:
                if each.run.cell.arm == arm and each.run.number not in done:
                    one.take(each.run.number)
                    self.tell([each])
        return deque(self._missing(ended))

    def known(self) -> list[PlannedRun]:
        """The trials that are chosen, those beyond the number that is asked for as well."""
        return [
            self._plan.trial(arm, number, values, one.sampler_name(number), seed)
            for arm, one in self._arms.items()
            for number, values in one.chosen().items()
            for seed in range(self._plan.trial_seeds)
        ]

    def _ended(self) -> list[Ended]:
        """The trials that have a result."""
        asked = (run for run in self.known() if run.number < self._plan.num_trials)
        return self._tracked.ended(asked)

    def _missing(self, ended: Sequence[Ended]) -> list[tuple[int, str, int]]:
        """Number, arm and seed of the trials without a result, the arms in turn."""
        done = {_address(each.run) for each in ended}
        return [
            (number, arm, seed)
            for number in range(self._plan.num_trials)
            for arm in self._arms
            for seed in range(self._plan.trial_seeds)
            if (number, arm, seed) not in done
        ]

    def _opened(self, arm: str, search: Search) -> OptunaSearch:
        """An arm's trials in Optuna, under a name of all that decides what their values mean."""
        space, known = search.spaces[arm], self._plan.known.get(arm, [])
        meant = {
            "config": self._plan.trial(arm, 0, middle(space)).config.flat(),
            "space": {key: repr(found) for key, found in space.items()},
            "startup": search.startup,
            **({"known": known} if known else {}),
            **({"seeds": self._plan.trial_seeds} if self._plan.trial_seeds > 1 else {}),
        }
        sampler = {"sampler": search.sampler_seed} if search.sampler_seed else {}
        return OptunaSearch(
            f"{self._plan.identity.key}-{arm}-{digest(meant | sampler)[:6]}",
            self._plan.storage_url,
            space,
            startup=search.startup,
            seed=int(digest({"arm": arm, **sampler}), 16),
            known=known,
        )


class FinalQueue:
    """The best trials of every arm, and what was known before, on all images of a run.

    Args:
        tracked: The study.
        trials: The search's first stage.
        number: How many of the best trials of each arm.
    """

    def __init__(self, tracked: TrackedStudy, trials: SearchQueue, number: int) -> None:
        self._tracked, self._plan = tracked, tracked.plan
        self._trials, self._number = trials, number

    def left(self) -> list[PlannedRun]:
        """Those without a result; before the first stage has ended, with what stands in."""
        if not self._trials.left():
            return self._tracked.left(self.known())
        return [run for run in self._plan.trials() if run.is_finalist]

    def known(self) -> list[PlannedRun]:
        """The finalists, as far as the first stage has come."""
        return [
            self._plan.trial(arm, one.trial, one.values, FINALIST, seed)
            for arm, leaders in self._trials.leaders().items()
            for one in self._chosen(arm, leaders)
            for seed in range(self._plan.finalist_seeds)
        ]

    def best(self) -> dict[str, Found]:
        """By arm; without the arms none of whose finalists has a value on all images."""
        results: dict[tuple[str, int], list[TrialResult]] = {}
        for each in self._tracked.ended(self.known()):
            results.setdefault((each.run.cell.arm, each.run.number), []).append(each.result)
        best: dict[str, Found] = {}
        for arm, leaders in self._trials.leaders().items():
            for one in self._chosen(arm, leaders):
                ended = results.get((arm, one.trial), [])
                value = _together(ended).value if len(ended) == self._plan.finalist_seeds else None
                if value is not None and (arm not in best or value < best[arm].value):
                    best[arm] = replace(one, value=value)
        return best

    def next(self) -> PlannedRun | None:
        """The next finalist."""
        return self._todo.popleft() if self._todo else None

    def should_prune(self, run: PlannedRun, curve: list[float]) -> bool:  # noqa: ARG002 - whole
        """A finalist is trained to its end."""
        return False

    def tell(self, ended: Sequence[Ended]) -> None:
        """Nothing: Optuna chose it by its trial, and its folder holds the result."""

    def forget(self) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        """Nothing: the search says which of them count."""

    @cached_property
    def _todo(self) -> deque[PlannedRun]:
        return deque(self._tracked.left(self.known()))

    def _chosen(self, arm: str, leaders: Sequence[Found]) -> list[Found]:
        """The best trials, and that with the known settings wherever it came."""
        known = self._plan.known.get(arm, [])[:1]
        others = [one for one in leaders if one.values not in known][: self._number]
        return [one for one in leaders if one.values in known] + others


def _together(results: Sequence[TrialResult]) -> TrialResult:
    """How a trial of several seeds ended: as the first without a value, else with their mean."""
    first, *others = results
    valued = [each.value for each in results if each.value is not None]
    if len(valued) < len(results):
        return next(each for each in results if each.value is None)
    return replace(first, value=mean_of(f"val/{first.primary}", valued)) if others else first


def _address(run: PlannedRun) -> tuple[int, str, int]:
    """Number, arm and seed of a trial."""
    return run.number, run.cell.arm, run.seed


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
        searching = self._search is not None and self._search.all_left()
        return self._tracked.left(self._plan.runs() if searching else self.runs())

    def next(self) -> PlannedRun | None:
        """The next run."""
        return self._todo.popleft() if self._todo else None

    def should_prune(self, run: PlannedRun, curve: list[float]) -> bool:  # noqa: ARG002 - whole
        """A curve over a factor is of whole runs (protocol rule 22)."""
        return False

    def tell(self, ended: Sequence[Ended]) -> None:
        """Tells Optuna, of all of them at once: one by one it takes longer than a small run."""
        if ended:
            self._optuna.tell(
                Told(run.key, self._values(run), result, run_id) for run, result, run_id in ended
            )

    def forget(self) -> None:
        """Discards Optuna's grid."""
        self._optuna.delete()

    def close(self) -> None:
        """Nothing: every run counts."""

    @cached_property
    def _todo(self) -> deque[PlannedRun]:
        return self.told(self.runs())

    def _values(self, run: PlannedRun) -> dict[str, Scalar]:
        """Its place in the grid."""
        return {"arm": run.cell.arm, "seed": run.seed, **run.cell.factors}

    def told(self, runs: Sequence[PlannedRun]) -> deque[PlannedRun]:
        """What is left of the runs once Optuna has been told of all that ended."""
        for start in range(0, len(runs), AT_ONCE):
            self.tell(self._tracked.ended(runs[start : start + AT_ONCE]))
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


class ConfirmQueue:
    """The chosen cells of a sweep on fresh seeds, once all of the grid has ended.

    Args:
        tracked: The study.
        grid: What they are chosen from; Optuna is told of them through it.
    """

    def __init__(self, tracked: TrackedStudy, grid: GridQueue) -> None:
        self._tracked, self._grid = tracked, grid

    def known(self) -> list[PlannedRun]:
        """Those of the cells that are chosen by now."""
        return self._tracked.plan.confirming()

    def left(self) -> list[PlannedRun]:
        """The runs without a result; another cell may be chosen before the grid has ended."""
        return self._tracked.left(self.known())

    def next(self) -> PlannedRun | None:
        """The next run."""
        return self._todo.popleft() if self._todo else None

    def should_prune(self, run: PlannedRun, curve: list[float]) -> bool:  # noqa: ARG002 - whole
        """A headline is of whole runs."""
        return False

    def tell(self, ended: Sequence[Ended]) -> None:
        """Tells Optuna."""
        self._grid.tell(ended)

    def forget(self) -> None:
        """Nothing: the grid forgets them."""

    def close(self) -> None:
        """Nothing: a report uses those of the cells that it chooses."""

    @cached_property
    def _todo(self) -> deque[PlannedRun]:
        return self._grid.told(self.known())


def _values(study: Study) -> dict[str, list[Scalar]]:
    """Every value of each factor, over all arms."""
    settings = study.search.settings if study.search else ()
    found: dict[str, list[Scalar]] = {SETTINGS: list(settings)} if settings else {}
    for factors in (study.factors, *(arm.factors for arm in study.arms)):
        for key, values in factors.items():
            known = found.setdefault(key, [])
            known.extend(value for value in values if value not in known)
    return found


def _is_fixed(values: Sequence[Scalar]) -> bool:
    """Whether Optuna would not take other values of this key later: choices, and 0.5 beside 1."""
    return is_choice(values) or len({type(value) for value in values}) > 1


def _counting(
    record: RunRecord, trials: Collection[str], chosen: Sequence[PlannedRun]
) -> dict[str, str]:
    """What a record is to the study now; baselines and images made elsewhere stay what they are."""
    about = record.about
    if about.is_retired or about.role not in {SEARCH, RUN, SUPERSEDED}:
        return {}
    if about.trial is not None:
        return {"role": SEARCH if about.folder in trials else SUPERSEDED}
    settings = _settings(record.params)
    same = [run for run in chosen if _settings(run.config.params()) == settings]
    if not same:
        return {"role": SUPERSEDED}
    return {"role": RUN, SETTINGS: str(same[0].cell.factors.get(SETTINGS, ""))}


def _settings(params: dict[str, str]) -> dict[str, str]:
    """A configuration as text, without its seed."""
    return {key: value for key, value in params.items() if key != "train.seed"}
