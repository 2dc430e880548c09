"""Whether the order of the families is the same by another measure than the headline's."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.measures import MeasureName, largest, mean_of
from bench.results.decisions import is_apart
from bench.results.format import code
from bench.results.learning import half_name, half_values
from bench.results.results import Results, once
from bench.results.runs import CellRuns

Agreement = Literal["same", "within", "beyond", "unknown"]

Values = Mapping[str, Sequence[float]]
"""Arm to its values, one for each run."""


@dataclass(frozen=True)
class View:
    """The families by another measure, or at another time.

    Attributes:
        title: What it is, as words: ``half the budget``.
        order: The families by their mean, the best first; empty where one has no value.
        agreement: ``same`` order as the headline's; another ``within`` the spread of the seeds, or
            ``beyond`` it: some pair stands the other way round with p below 0.05, uncorrected;
            ``unknown`` where it was not measured.
    """

    title: str
    order: tuple[str, ...]
    agreement: Agreement


@once
def headline_order(results: Results) -> tuple[str, ...]:
    """The families by their mean test distance, the lowest first; empty below two that have one."""
    return _order(results.test_metric, _values(results, results.test_metric), results.arms)


@once
def views(results: Results) -> list[View]:
    """Each other measure or time, in the order in which they are said; empty without an order."""
    if not headline_order(results):
        return []
    return [_view(results, title, metric) for title, metric in _looks(results).items()]


def _looks(results: Results) -> dict[str, str]:
    """What is looked at, to the name of its values; an empty one was not measured."""
    test = MeasureName.parse(results.test_metric)
    looks = {
        "half the budget": half_name(results),
        "the checkpoint best by validation": str(replace(test, split="test_best")),
        "kernel distance": _partner(results, ("kd", "kid"), test.detector),
        **{
            name: _partner(results, (name,), test.detector)
            for name in ("precision", "recall", "density", "coverage")
        },
    }
    others = {
        f"the distance by {code(m.detector)}": str(m)
        for m in largest(results.measured)
        if (m.split, m.measure in {"fd", "fid"}, m.ending, m.prefix) == ("test", True, "", "")
        and m.detector != test.detector
    }
    return {**looks, **(others or {"a second detector": ""})}


def _partner(results: Results, measures: Sequence[str], detector: str) -> str:
    """The test value of such a measure in the same features, at the largest n; may be missing."""
    found = [
        m
        for m in results.measured
        if m.split == "test" and m.measure in measures and m.detector == detector and not m.belongs
    ]
    return str(max(found, key=lambda m: (m.n or 0, str(m)))) if found else ""


def _values(results: Results, metric: str) -> Values:
    halves = half_values(results) if metric == half_name(results) else None

    def of(place: CellRuns) -> list[float]:
        if halves is None:
            return place.values(metric)
        return [halves[run.record.run_id] for run in place.runs if run.record.run_id in halves]

    return {place.arm: of(place) for place in results.chosen_cells}


def _view(results: Results, title: str, metric: str) -> View:
    expected, values = headline_order(results), _values(results, metric)
    found = _order(metric, values, expected)
    if set(found) != set(expected):
        return View(title, (), "unknown")
    if found == expected:
        return View(title, found, "same")
    turned = [
        (a, b) for a, b in itertools.combinations(expected, 2) if found.index(b) < found.index(a)
    ]
    is_beyond = any(is_apart(metric, values[a], values[b]) for a, b in turned)
    return View(title, found, "beyond" if is_beyond else "within")


def _order(metric: str, values: Values, arms: Sequence[str]) -> tuple[str, ...]:
    """The arms that have values, the best mean first; empty below two."""
    sign = -1 if MeasureName.parse(metric).better == "higher" else 1
    means = {arm: sign * mean_of(metric, values[arm]) for arm in arms if values.get(arm)}
    return tuple(sorted(means, key=means.__getitem__)) if len(means) > 1 else ()
