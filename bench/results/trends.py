"""How each family follows the study's x factor, at all of the budget and at half of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from bench.measures import Scale, mean_of, scale_of
from bench.plan.study import DISTANCE
from bench.results.decisions import metric_of
from bench.results.format import code
from bench.results.results import Point, Results, once
from bench.results.runs import CellRuns, RecordedRun
from bench.stats.tests import SEEDS_FOR_INTERVAL, holm, t_interval
from bench.stats.trend import LEVELS_FOR_TREND, Trend, trend


@dataclass(frozen=True)
class Series:
    """What is followed along x.

    Attributes:
        title: Its name in the table.
        of: Run to its value, or None.
        lost: Where a run without a value ranks; None where it is left out.
        metric: Whose values these are.
    """

    title: str
    of: Callable[[RecordedRun], float | None]
    lost: float | None
    metric: str


@dataclass(frozen=True)
class Curve:
    """One family along x.

    Attributes:
        arm: The family.
        series: What is followed.
        means: Level of x, as text, to the mean of the runs that have a value; in x's order.
        runs: Number of runs, lost ones where they rank.
        trend: The rank correlation, both its p Holm-corrected over the families; None below three
            seeds or levels, or where nothing differs.
    """

    arm: str
    series: Series
    means: tuple[tuple[str, float], ...]
    runs: int
    trend: Trend | None = None

    @property
    def lowest(self) -> str:
        """Where the mean is lowest."""
        return min(self.means, key=lambda pair: pair[1])[0]

    @property
    def shape(self) -> str:
        """What the means do along x; a description and no test."""
        steps = [b > a for (_, a), (_, b) in pairwise(self.means) if a != b]
        turns = tuple(b for i, b in enumerate(steps) if i == 0 or b != steps[i - 1])
        return _SHAPES.get(turns, "turns more than once")


_SHAPES: dict[tuple[bool, ...], str] = {
    (): "is constant",
    (False,): "falls",
    (True,): "rises",
    (False, True): "falls, then rises",
    (True, False): "rises, then falls",
}
"""Whether each run of steps rises, to words."""


@once
def trends(results: Results) -> list[list[Curve]]:
    """The families' curves of each series that is followed: of the test distance first."""
    return [along(results, series) for series in followed(results)]


def followed(results: Results) -> list[Series]:
    """The test distance, then ELBOs, active units and whatever else is declared."""
    declared = [(p.measure, p.better) for p in results.study.planned if p.measure != DISTANCE]
    others = {metric_of(results, name): better for name, better in declared}
    elbos = {f"test/{name}": "higher" for name in results.elbos}
    worst = {"lower": math.inf, "higher": -math.inf}
    return [
        _tracked(results.test_metric, math.inf),
        *(_tracked(name, worst[better]) for name, better in {**elbos, **others}.items()),
        _tracked("test/active_units", None),
    ]


def _tracked(metric: str, lost: float | None) -> Series:
    title = f"{metric.partition('/')[0]} {code(metric.partition('/')[2])}"
    return Series(title, lambda run: run.value(metric), lost, metric)


def along(results: Results, series: Series) -> list[Curve]:
    """Each family that has values, its p corrected over all of them."""
    found = [curve for arm in results.arms if (curve := _curve(results, arm, series))]
    known = [curve.trend for curve in found if curve.trend]
    p = iter(holm([t.p for t in known]))
    p_levels = iter(holm([t.p_levels for t in known]))
    return [
        replace(c, trend=c.trend and replace(c.trend, p=next(p), p_levels=next(p_levels)))
        for c in found
    ]


def _curve(results: Results, arm: str, series: Series) -> Curve | None:
    """Not corrected; None where x is no number or has two levels, or no run has a value."""
    points: list[tuple[float, float, int]] = []
    means = []
    for x, place in results.along_x(arm):
        level = _number(x)
        if level is None:
            return None
        values = _values(place, series)
        points += [(level, value, seed) for seed, value in values.items()]
        finite = [value for value in values.values() if math.isfinite(value)]
        if finite:
            means.append((level, str(x), mean_of(series.metric, finite)))
    if not means or len(results.along_x(arm)) < LEVELS_FOR_TREND:
        return None
    levels, values_, seeds = (list(each) for each in zip(*points, strict=True))
    few = len(set(seeds)) < SEEDS_FOR_INTERVAL or len(means) < LEVELS_FOR_TREND
    found = None if few else trend(levels, values_, seeds, scale_of(series.metric))
    return Curve(arm, series, tuple((name, m) for _, name, m in sorted(means)), len(points), found)


def _values(place: CellRuns, series: Series) -> dict[int, float]:
    """One value per seed; that of a lost run where it ranks."""
    values = {run.seed: series.lost if run.is_lost else series.of(run) for run in place.runs}
    return {seed: value for seed, value in values.items() if value is not None}


def _number(x: object) -> float | None:
    try:
        return float(str(x))
    except ValueError:
        return None


_NEAR = 0.1
"""How far from half the budget a validation may lie, as a share of the budget."""


@once
def half_values(results: Results) -> dict[str, float]:
    """Run id to the primary measure logged nearest to half of its budget, along the x factor.

    Runs without a validation near are left out.
    """
    runs = [
        run for arm in results.arms for _, place in results.along_x(arm) for run in place.valued
    ]
    points = results.points(runs, results.selection_metric)
    found = {run.record.run_id: at_half(run, points.get(run.record.run_id, [])) for run in runs}
    return {run_id: value for run_id, value in found.items() if value is not None}


def at_half(run: RecordedRun, points: Sequence[Point]) -> float | None:
    """The value logged nearest to half of the run's budget; None where none is near."""
    images = float(run.param("train.num_images") or 0)
    apart = [(abs(x - images / 2), y) for x, y in points]
    return min(apart)[1] if apart and min(apart)[0] <= _NEAR * images else None


@once
def both_budgets(results: Results) -> tuple[list[Curve], list[Curve]]:
    """How validation follows the x factor at half the budget, and at all of it."""
    values, name = half_values(results), results.selection_metric_name
    metric = results.selection_metric
    half, full = (f"validation {code(name)} after {results.budget(part)}" for part in (0.5, 1))
    return (
        along(results, Series(half, lambda run: values.get(run.record.run_id), math.inf, metric)),
        along(results, Series(full, lambda run: run.value(metric), math.inf, metric)),
    )


Rows = list[dict[str, Any]]


def factor_rows(
    results: Results,
    panel: str,
    value_of: Callable[[RecordedRun], float | None],
    metric: str = "",
) -> Rows:
    """Rows ``panel, arm, x, kind, value``; ``kind`` is mean, seed or lost.

    Means and their intervals are on the scale of ``metric``, which is ``panel`` if left out.

    Means carry ``low``, ``high`` and ``n``, seeds their ``seed`` and ``status``. Arms without a
    single value are left out.
    """
    rows: Rows = []
    for arm in results.arms:
        mine = [
            {"panel": panel, "arm": arm, "x": str(x), **row}
            for x, place in results.along_x(arm)
            for row in place_rows(place.runs, value_of, scale_of(metric or panel))
        ]
        if any(row["kind"] == "mean" for row in mine):
            rows.extend(mine)
    return rows


def place_rows(
    runs: tuple[RecordedRun, ...], value_of: Callable[[RecordedRun], float | None], scale: Scale
) -> Rows:
    """Rows ``kind, value`` of one cell: its mean, its seeds and what was lost."""
    rows: Rows = []
    values = []
    for run in runs:
        if run.is_lost:
            rows.append({"kind": "lost", "value": None, "seed": run.seed, "status": run.status})
        elif (value := value_of(run)) is not None:
            values.append(value)
            rows.append({"kind": "seed", "value": value, "seed": run.seed, "status": run.status})
    if values:
        interval = t_interval(values, scale)
        ends = {"low": interval.low, "high": interval.high, "n": interval.n}
        rows.append({"kind": "mean", "value": interval.mean, **ends})
    return rows
