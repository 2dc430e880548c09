"""What other studies of one store hold of the same data, measured alike: no best without a look there."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from pydantic import TypeAdapter

from bench.measures import mean_of
from bench.plan.study import DISTANCE
from bench.results.decisions import comparisons, is_apart
from bench.results.results import Results, once
from bench.results.runs import CellRuns

SIBLINGS = "bench.siblings"
"""Fact: the cells that other studies had when the report was written."""

NOTABLE = 0.05
"""A mean that is lower elsewhere by less than this share is passed over."""

_KIND = ("model", "model.likelihood", "model.lipschitz", "model.width", "train.num_images")
"""What two cells must share to be of one family, at one width and budget."""


@dataclass(frozen=True)
class Sibling:
    """A cell of another study whose values may stand beside these.

    Attributes:
        study: That study's key.
        arm: Its arm.
        label: The factors that vary within that arm, with this cell's values.
        kind: Model, likelihood, what bounds its critic, width and budget.
        values: Test distances, one for each run.
        chosen: Whether that study has chosen it for its arm.
        beats: The arms that it is lower than, by the tests which that study declares.
    """

    study: str
    arm: str
    label: str
    kind: tuple[str, ...]
    values: tuple[float, ...]
    chosen: bool
    beats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beaten:
    """A family that another study has at a lower mean distance.

    Attributes:
        place: Here.
        sibling: There: the lowest.
        share: By how much of the distance here it is lower.
        is_beyond: Whether a Welch test tells them apart, uncorrected and of the lowest of many.
    """

    place: CellRuns
    sibling: Sibling
    share: float
    is_beyond: bool


@dataclass(frozen=True)
class Reversed:
    """Two families that another study has in the other order, at what it has chosen.

    Attributes:
        lower: Here the lower one.
        higher: Here the higher one.
        there: The cells of ``lower`` and ``higher`` there.
        is_tested: Whether a declared test says so here, and there.
    """

    lower: CellRuns
    higher: CellRuns
    there: tuple[Sibling, Sibling]
    is_tested: tuple[bool, bool]


def fact(results: Results, others: Iterable[Results]) -> dict[str, str]:
    """What those of the other results hold that are measured as ``results`` are."""
    every = (s for theirs in others for group in theirs.groups for s in _cells(results, group))
    return {SIBLINGS: json.dumps([asdict(one) for one in every], sort_keys=True)}


def _cells(results: Results, theirs: Results) -> Iterable[Sibling]:
    """The cells that are measured as ``results`` are."""
    ours, other = results.measured_with, theirs.measured_with
    if replace(other, selection_metric=ours.selection_metric) != ours:
        return
    won = _won(theirs)
    for place in theirs.arm_cells:
        values, kind = tuple(place.headline.values(results.test_metric)), kind_of(place)
        if values and kind:
            is_chosen = theirs.chosen(place.arm) is place
            beats = won.get(place.arm, ()) if is_chosen else ()
            yield Sibling(
                study=theirs.identity.key,
                arm=place.arm,
                label=theirs.label(place),
                kind=kind,
                values=values,
                chosen=is_chosen,
                beats=tuple(beats),
            )


def _won(results: Results) -> Mapping[str, Sequence[str]]:
    """Arm to those that it is lower than, by the declared tests of the distance."""
    won: dict[str, list[str]] = {}
    for one in comparisons(results):
        if one.winner and one.pair.planned.measure == DISTANCE:
            won.setdefault(one.winner, []).append(one.b if one.winner == one.a else one.a)
    return won


def kind_of(place: CellRuns) -> tuple[str, ...]:
    """Model, likelihood, what bounds its critic, width and budget; empty where its runs differ in them."""
    kinds = {tuple(run.param(key) or "" for key in _KIND) for run in place.runs}
    return kinds.pop() if len(kinds) == 1 else ()


@once
def siblings(results: Results) -> list[Sibling]:
    """What the fact says; nothing where somebody has written something else."""
    try:
        found = TypeAdapter(list[Sibling]).validate_json(results.facts.get(SIBLINGS, "[]"))
    except ValueError:
        return []
    return [one for one in found if one.values and all(map(math.isfinite, one.values))]


@once
def beaten(results: Results) -> list[Beaten]:
    """The families that are lower elsewhere by five per cent or more, each by the lowest cell."""
    metric, found = results.test_metric, []
    for place in results.chosen_cells:
        same = [one for one in siblings(results) if one.kind == kind_of(place)]
        mean = place.mean(metric)
        if not same or mean is None:
            continue
        lowest = min(same, key=lambda one: mean_of(metric, one.values))
        share = 1 - mean_of(metric, lowest.values) / mean if mean > 0 else 0.0
        if share >= NOTABLE:
            values = place.values(metric)
            found.append(Beaten(place, lowest, share, is_apart(metric, values, lowest.values)))
    return found


@once
def turned(results: Results) -> list[Reversed]:
    """Pairs whose order another study reverses, where a declared test says so here or there."""
    metric, won, found = results.test_metric, _won(results), []
    there = {(one.study, one.arm, one.kind): one for one in siblings(results) if one.chosen}
    known = [p for p in results.chosen_cells if p.mean(metric) is not None and kind_of(p)]
    for pair in itertools.combinations(known, 2):
        low, high = sorted(pair, key=lambda place: place.mean(metric) or 0.0)
        for study in dict.fromkeys(study for study, _, _ in there):
            a, b = (there.get((study, place.arm, kind_of(place))) for place in (low, high))
            if a is None or b is None or mean_of(metric, a.values) <= mean_of(metric, b.values):
                continue
            tested = (high.arm in won.get(low.arm, ()), a.arm in b.beats)
            if any(tested):
                found.append(Reversed(low, high, (a, b), tested))
    return found
