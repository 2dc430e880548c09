"""The families at equal cost: at the same images, seconds of training, parameters."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.measures import choice, mean_of, scale_of
from bench.results.results import Results, once
from bench.results.runs import CellRuns, RecordedRun
from bench.stats.tests import SEEDS_FOR_INTERVAL, welch

PROCESSOR, CLOCK = "cost/processor_seconds", "cost/train_seconds"
PARAMETERS = "cost/num_parameters"

_SAME = 0.05
"""Costs that differ by less than this share are called equal; and the level of a test."""

Curve = Sequence[tuple[float, float]]
"""Cost and value, the cost ascending."""


@dataclass(frozen=True)
class AtCost:
    """The families at one cost.

    Attributes:
        metric: The validation measure.
        amount: How much of it; None where there is none at which all can be held.
        values: Arm to one value for each seed; empty where it has none at that cost.
        collapsed: Whether every run behind the values has collapsed.
        lost: Arm to its runs that ended without a value.
    """

    metric: str
    amount: float | None = None
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    collapsed: bool = False
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def lowest(self) -> str:
        """The arm with the lowest mean; empty unless every arm has a value."""
        if len(self.values) < 2 or not all(self.values.values()):
            return ""
        return min(self.values, key=lambda arm: mean_of(self.metric, self.values[arm]))

    @property
    def near(self) -> list[str]:
        """The arms that the lowest is not below by Welch's test, corrected over the pairs of arms."""
        pairs = math.comb(len(self.values), 2)
        others = (arm for arm in self.values if arm != self.lowest)
        return [arm for arm in others if self._p(self.lowest, arm) * pairs >= _SAME]

    def _p(self, a: str, b: str) -> float:
        one, two = self.values[a], self.values[b]
        few = min(len(one), len(two)) < SEEDS_FOR_INTERVAL
        return 1.0 if few else welch(one, two, scale_of(self.metric)).p


@once
def at_equal_images(results: Results) -> AtCost:
    """At the images that every run of the chosen cells has seen, which is their budget."""
    curves = _curves(results, _chosen_runs(results))
    return _at_least_cost(results, curves)


@once
def at_equal_seconds(results: Results) -> AtCost:
    """At the seconds of training that every run of the chosen cells has had."""
    name, runs = clock(results), _chosen_runs(results)
    if not name:
        return AtCost(results.selection_metric)
    ticks, curves = results.points(runs, name), _curves(results, runs)
    spent = {
        run.record.run_id: _over_time(curve, dict(ticks.get(run.record.run_id, [])), total)
        for run in runs
        if (curve := curves.get(run.record.run_id)) and (total := run.value(name))
    }
    return _at_least_cost(results, spent)


@once
def clock(results: Results) -> str:
    """What tells the seconds: of the processor where every run has them; empty where none can."""
    runs = _chosen_runs(results)
    known = (n for n in (PROCESSOR, CLOCK) if runs and all(run.value(n) for run in runs))
    return next(known, "")


@once
def at_equal_parameters(results: Results) -> AtCost:
    """At the most parameters that every arm has, between two of its cells along the study's factor.

    None after a search, which varies size along with all else: nothing lies between its cells.
    """
    sizes = {arm: _sizes(results, arm) for arm in results.arms}
    if results.study.search or len(sizes) < 2 or not all(sizes.values()):
        return AtCost(results.selection_metric)
    amount = min(max(known) for known in sizes.values())
    if max(min(known) for known in sizes.values()) > amount * (1 + _SAME):
        return AtCost(results.selection_metric)
    values = {arm: _at_size(results, known, amount) for arm, known in sizes.items()}
    places = [place for known in sizes.values() for place in known.values()]
    return _at(results, amount, values, places)


def _chosen_runs(results: Results) -> list[RecordedRun]:
    return [run for place in results.chosen_cells for run in place.valued]


def _at(
    results: Results,
    amount: float,
    values: Mapping[str, Sequence[float]],
    places: Sequence[CellRuns],
) -> AtCost:
    lost: Counter[str] = Counter()
    for place in places:
        lost[place.arm] += place.num_lost
    collapsed = all(run.status == "collapsed" for place in places for run in place.valued)
    return AtCost(results.selection_metric, amount, values, collapsed, lost)


def _curves(results: Results, runs: Sequence[RecordedRun]) -> dict[str, Curve]:
    """Run id to its validations over images; where no curve was kept, the last one."""
    metric = results.selection_metric
    logged = results.points(runs, metric)
    ends = {run.record.run_id: _end(run, metric) for run in runs}
    return {key: sorted(dict(logged.get(key, end)).items()) for key, end in ends.items()}


def _end(run: RecordedRun, metric: str) -> Curve:
    images, value = float(run.param("train.num_images") or 0), run.value(metric)
    return [(images, value)] if images and value is not None else []


def _over_time(curve: Curve, ticks: Mapping[float, float], total: float) -> Curve:
    """The same curve over seconds: as logged, else taken as even over the images, of which what is
    only fitted sees none.
    """
    end = curve[-1][0]
    even = ((images, total * images / end if end else total, value) for images, value in curve)
    return [(ticks.get(images, seconds), value) for images, seconds, value in even]


def _at_least_cost(results: Results, curves: Mapping[str, Curve]) -> AtCost:
    """Each run where it has spent what the one that spent least has in all."""
    runs = _chosen_runs(results)
    if not runs or not all(curves.get(run.record.run_id) for run in runs):
        return AtCost(results.selection_metric)
    amount = min(curve[-1][0] for curve in curves.values())
    values = {
        place.arm: [
            value
            for run in place.valued
            if (value := _between(curves[run.record.run_id], amount)) is not None
        ]
        for place in results.chosen_cells
    }
    return _at(results, amount, values, results.chosen_cells)


def _sizes(results: Results, arm: str) -> dict[float, CellRuns]:
    """Numbers of parameters to the arm's cell that has them, of several the one of lowest mean.

    Of the cells that differ from the chosen one in the factor alone: nothing else moves the distance.
    """
    metric, lines = results.selection_metric, results.lines(arm)
    places = [p for _, p in lines if p.mean(metric) is not None and p.mean(PARAMETERS)]
    found = {}
    for size, group in itertools.groupby(sorted(places, key=_size), key=_size):
        cells = list(group)
        best = choice([p.mean(metric) for p in cells], [p.num_lost for p in cells])
        found[size] = cells[best or 0]
    return found


def _size(place: CellRuns) -> float:
    return place.mean(PARAMETERS) or 0.0


def _at_size(results: Results, sizes: Mapping[float, CellRuns], amount: float) -> list[float]:
    """Of each seed that every size has, the value at that number of parameters."""
    by_seed = {size: place.by_seed(results.selection_metric) for size, place in sizes.items()}
    seeds = sorted(set.intersection(*(set(known) for known in by_seed.values())))
    least, most = min(sizes), max(sizes)
    within = min(max(amount, least), most)  # they may differ by as little as is called equal
    curves = ([(size, known[seed]) for size, known in by_seed.items()] for seed in seeds)
    return [value for curve in curves if (value := _between(curve, within)) is not None]


def _between(curve: Curve, cost: float) -> float | None:
    """The value at that cost, between its neighbours on logarithmic scales; None before the first."""
    costs, values = zip(*curve, strict=True)
    if cost < costs[0]:
        return None
    if cost in costs:
        return float(dict(curve)[cost])
    if min(values) <= 0:
        return float(np.interp(cost, costs, values))
    return math.exp(np.interp(math.log(cost), np.log(costs), np.log(values)))
