"""Whether the order of the families is the same by another measure than the headline's."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.measures import Better, MeasureName, largest
from bench.results.format import code
from bench.results.learning import half_values
from bench.results.results import Results, once
from bench.results.runs import CellRuns
from bench.stats.tests import SEEDS_FOR_INTERVAL, welch

_ALPHA = 0.05

Agreement = Literal["same", "within", "beyond", "unknown"]

Values = Mapping[str, Sequence[float]]
"""Arm to its values, one for each run; lower is better."""


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
    return _order(_values(results, results.test_metric, "lower"), results.arms)


@once
def views(results: Results) -> list[View]:
    """Each other measure or time, in the order in which they are said; empty without an order."""
    if not headline_order(results):
        return []
    return [_view(results, title, values) for title, values in _looks(results).items()]


def _looks(results: Results) -> dict[str, Values]:
    """What is looked at, to the values."""
    test = MeasureName.parse(results.test_metric)
    looks = {
        "half the budget": _halves(results),
        "the checkpoint best by validation": _values(
            results, str(replace(test, split="test_best")), "lower"
        ),
        "kernel distance": _values(
            results, _partner(results, ("kd", "kid"), test.detector), "lower"
        ),
        **{
            name: _values(results, _partner(results, (name,), test.detector), "higher")
            for name in ("precision", "recall", "density", "coverage")
        },
    }
    others = [
        m
        for m in largest(results.measured)
        if (m.split, m.measure in {"fd", "fid"}, m.ending, m.prefix) == ("test", True, "", "")
        and m.detector != test.detector
    ]
    looks |= {
        f"the distance by {code(m.detector)}": _values(results, str(m), "lower") for m in others
    }
    return looks if others else {**looks, "a second detector": {}}


def _partner(results: Results, measures: Sequence[str], detector: str) -> str:
    """The test value of such a measure in the same features, at the largest n; may be missing."""
    found = [
        m
        for m in results.measured
        if m.split == "test" and m.measure in measures and m.detector == detector and not m.belongs
    ]
    return str(max(found, key=lambda m: (m.n or 0, str(m)))) if found else ""


def _halves(results: Results) -> Values:
    known = half_values(results)

    def of(place: CellRuns) -> list[float]:
        return [known[run.record.run_id] for run in place.runs if run.record.run_id in known]

    return _by_arm(results, of)


def _values(results: Results, metric: str, better: Better) -> Values:
    sign = 1 if better == "lower" else -1
    return _by_arm(results, lambda place: [sign * value for value in place.values(metric)])


def _by_arm(results: Results, of: Callable[[CellRuns], list[float]]) -> Values:
    return {place.arm: of(place) for place in results.chosen_cells}


def _view(results: Results, title: str, values: Values) -> View:
    expected = headline_order(results)
    found = _order({arm: values.get(arm, ()) for arm in expected}, expected)
    if set(found) != set(expected):
        return View(title, (), "unknown")
    if found == expected:
        return View(title, found, "same")
    turned = [
        (a, b) for a, b in itertools.combinations(expected, 2) if found.index(b) < found.index(a)
    ]
    is_beyond = any(_is_apart(values[a], values[b]) for a, b in turned)
    return View(title, found, "beyond" if is_beyond else "within")


def _order(values: Values, arms: Sequence[str]) -> tuple[str, ...]:
    """By the mean, on a log scale where all are positive; as in ``arms`` where equal."""
    known = {arm: _scaled(values)[arm] for arm in arms if values.get(arm)}
    if len(known) < 2:
        return ()
    return tuple(sorted(known, key=lambda arm: math.fsum(known[arm]) / len(known[arm])))


def _scaled(values: Values) -> Values:
    every = [value for each in values.values() for value in each]
    if any(value <= 0 for value in every):
        return values
    return {arm: [math.log(value) for value in each] for arm, each in values.items()}


def _is_apart(a: Sequence[float], b: Sequence[float]) -> bool:
    scaled = _scaled({"a": a, "b": b})
    if min(len(a), len(b)) < SEEDS_FOR_INTERVAL:
        return False
    return welch(scaled["a"], scaled["b"]).p < _ALPHA
