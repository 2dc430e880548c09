"""A search as the report reads it: the trials of each arm by number, and what mattered in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.measures import mean_of, scale_of
from bench.plan.space import FINALIST, FOUND, KNOWN, SETTINGS, Choice, Range
from bench.results.format import span
from bench.results.results import Results
from bench.results.runs import UNFINISHED, CellRuns, RecordedRun
from bench.stats.tests import Difference, paired

ENOUGH = 10
"""Random trials from which an expected best is estimated (protocol rule 22)."""

TRIALS_FOR_IMPORTANCE = 30
"""Whole trials of an arm from which on it is shown what mattered: the best tenth of fewer are one or two."""

IMPORTANCE = "bench.importance"
"""Fact: what ``bench run`` said of the settings' importance at the end of a search."""


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        number: Its place among the trials of its arm, from 1.
        sampler: What chose it: ``random``, independent of the others and never pruned, ``tpe``, or
            ``KNOWN``, nothing: its settings were known before.
        value: Of the validation measure at the whole budget, the mean over its seeds; None where it
            has none.
    """

    number: int
    sampler: str
    value: float | None

    @property
    def is_random(self) -> bool:
        """Whether it counts for the expected best."""
        return self.sampler == "random"


@dataclass(frozen=True)
class Importance:
    """What mattered in a search.

    Attributes:
        evaluator: How it was estimated.
        shares: Arm to setting to share.
        trials: Arm to the number of trials it was estimated from.
    """

    evaluator: str
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    trials: Mapping[str, int] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, Mapping[str, float]]:
        """The shares of the arms that have enough trials to tell them."""
        return {
            arm: shares
            for arm, shares in self.shares.items()
            if self.trials.get(arm, 0) >= TRIALS_FOR_IMPORTANCE
        }

    def num_good(self, arm: str) -> int:
        """How many trials are the best tenth, as Optuna's evaluator counts them."""
        return math.ceil(0.1 * self.trials[arm])


@dataclass(frozen=True)
class Chosen:
    """What a search came to for one arm, on fresh seeds.

    Attributes:
        arm: Of the study.
        found: The cell of what the search found; None where that was known before.
        known: The cell of what was known; None where the search does not begin with it.
        difference: Test distance of found against known, by their common seeds; None below two.
        edges: Settings of the arm's chosen cell that lie at the edge of their range.
    """

    arm: str
    found: CellRuns | None
    known: CellRuns | None
    difference: Difference | None
    edges: Mapping[str, Range]


def chosen_of(results: Results) -> list[Chosen]:
    """Every arm of a search that has runs on fresh seeds."""
    return [_chosen(results, arm) for arm in results.study.spaces if results.chosen(arm)]


def _chosen(results: Results, arm: str) -> Chosen:
    cells = {p.cell.factors.get(SETTINGS, FOUND): p for p in results.cells_of(arm) if p.runs}
    found, known, chosen = cells.get(FOUND), cells.get(KNOWN), results.chosen(arm)
    runs = chosen.runs[:1] if chosen else ()
    return Chosen(
        arm=arm,
        found=found,
        known=known,
        difference=_apart(results.test_metric, found, known) if found and known else None,
        edges={
            key: one
            for key, one in results.study.spaces[arm].items()
            for run in runs
            if (text := run.param(key)) is not None and _is_edge(one, text)
        },
    )


def _apart(metric: str, found: CellRuns, known: CellRuns) -> Difference | None:
    """Paired: both are of one architecture, with the same seeds (protocol rule 21)."""
    a, b = found.by_seed(metric), known.by_seed(metric)
    seeds = sorted(a.keys() & b.keys())
    if len(seeds) < 2:
        return None
    return paired([a[seed] for seed in seeds], [b[seed] for seed in seeds], scale_of(metric))


def _is_edge(found: Range, text: str) -> bool:
    if isinstance(found, Choice):
        return any(found.is_edge(value) for value in found.values if str(value) == text)
    return found.is_edge(float(text))


def search_measure(results: Results) -> str:
    """The measure that the search lowered, ``val/fd_digits_n297``."""
    said = (run.measured_with.selection_metric for run in results.trials)
    return next(filter(None, said), results.selection_metric)


def trials_of(results: Results, arm: str) -> list[Trial]:
    """The trials of an arm that have ended, by number; of one repeated, the last."""
    return _by_number(results, [run for run in _ended(results, arm) if not _is_finalist(run)])


def finalists_of(results: Results, arm: str) -> list[Trial]:
    """The trials of an arm that were trained on all images, likewise."""
    return _by_number(results, [run for run in _ended(results, arm) if _is_finalist(run)])


def _ended(results: Results, arm: str) -> list[RecordedRun]:
    return [run for run in results.trials if run.arm == arm and run.status != UNFINISHED]


def _is_finalist(run: RecordedRun) -> bool:
    return run.tags.sampler == FINALIST


def _by_number(results: Results, runs: Sequence[RecordedRun]) -> list[Trial]:
    name = search_measure(results)
    found: dict[int, dict[int, RecordedRun]] = {}
    for run in runs:
        found.setdefault(run.trial, {})[run.seed] = run
    return [
        Trial(number, next(iter(seeds.values())).tags.sampler, _mean(name, list(seeds.values())))
        for number, (_, seeds) in enumerate(sorted(found.items()), start=1)
    ]


def _mean(name: str, runs: Sequence[RecordedRun]) -> float | None:
    values = [value for run in runs if (value := run.value(name)) is not None]
    if len(values) < len(runs):
        return None
    return mean_of(name, values) if len(values) > 1 else values[0]


def trial_images(results: Results) -> str:
    """Real images of a trial that was not cut short: ``20,000``."""
    stage = [run for run in results.trials if not _is_finalist(run)]
    return span(int(n) for run in stage if (n := run.param("train.num_images")))


def random_values(trials: Sequence[Trial]) -> list[float]:
    """Values of the random trials; one without a value counts as the worst that has one."""
    values = [trial.value for trial in trials if trial.is_random]
    known = [value for value in values if value is not None]
    return [max(known) if value is None else value for value in values] if known else []


def importance(results: Results) -> Importance | None:
    """What the end of the search said; None where there was none, or it cannot be read."""
    try:
        said = json.loads(results.facts[IMPORTANCE])
        return Importance(said["evaluator"], said["values"], said["trials"])
    except (KeyError, TypeError, ValueError):
        return None
