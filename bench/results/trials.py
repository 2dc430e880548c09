"""A search as the report reads it: the trials of each arm by number, and what mattered in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.results.results import Results
from bench.results.runs import UNFINISHED

ENOUGH = 10
"""Random trials from which an expected best is estimated (protocol rule 22)."""

FINALIST = "finalist"
"""In place of a sampler: a trial of the second stage, on all images."""

IMPORTANCE = "bench.importance"
"""Fact: what ``bench run`` said of the settings' importance at the end of a search."""


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        number: Its place among the trials of its arm, from 1.
        is_random: Whether it was chosen at random, independent of the others and never pruned.
        value: Of the validation measure at the whole budget; None where it has none.
    """

    number: int
    is_random: bool
    value: float | None


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


def search_measure(results: Results) -> str:
    """The measure that the search lowered, ``val/fd_digits_n297``."""
    said = (run.measured_with.selection_metric for run in results.trials)
    return next(filter(None, said), results.selection_metric)


def trials_of(results: Results, arm: str) -> list[Trial]:
    """The trials of an arm that have ended, by number; of one repeated, the last."""
    name = search_measure(results)
    by_number = {
        run.trial: run
        for run in results.trials
        if run.arm == arm and run.status != UNFINISHED and run.tags.sampler != FINALIST
    }
    return [
        Trial(number, run.tags.sampler == "random", run.value(name))
        for number, (_, run) in enumerate(sorted(by_number.items()), start=1)
    ]


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
