"""What a study's declared comparisons decide: Welch's test, Holm's correction, the floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.measures import Scale, centre, scale_of
from bench.plan.study import DISTANCE, Planned
from bench.results.results import Results, once
from bench.results.summary import floor_of_test_metric, tag_values
from bench.stats.groups import Improvement, Permutation, improvement, permutation_test, smallest_p
from bench.stats.tests import (
    LEVEL,
    SEEDS_FOR_INTERVAL,
    Difference,
    detectable,
    holm,
    step_level,
    welch,
)

ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True)
class Group:
    """One arm's runs by one measure.

    Attributes:
        values: One per run that has a value.
        num_lost: Runs that diverged or failed.
    """

    values: tuple[float, ...] = ()
    num_lost: int = 0


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two groups to be compared, as the study declared it.

    Attributes:
        planned: The declaration.
        first: Runs of its ``a``.
        second: Runs of its ``b``.
        spread: The floor's spread, below which a difference is none; None where not measured.
        scale: Where the measure lives.
    """

    planned: Planned
    first: Group
    second: Group
    spread: float | None = None
    scale: Scale = "plain"

    @property
    def is_testable(self) -> bool:
        """Whether both groups have enough values for an interval."""
        smaller = min(len(self.first.values), len(self.second.values))
        return smaller >= SEEDS_FOR_INTERVAL


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A pair and what its test says; the numbers beside the test are made when asked for.

    Attributes:
        pair: What is compared.
        difference: The first against the second, with the interval of ``level``; None below three
            values each.
        p: Holm-corrected over everything declared; None with it.
        threshold: What a p must be below at the strictest step of that correction.
        level: Of the interval: of its step, so that it holds no difference just where p is not below.
    """

    pair: Pair
    difference: Difference | None
    p: float | None
    threshold: float
    level: float = LEVEL

    @property
    def a(self) -> str:
        """The first arm."""
        return self.pair.planned.a

    @property
    def b(self) -> str:
        """The second arm."""
        return self.pair.planned.b

    @property
    def apart(self) -> float:
        """How far the means are from each other, in units of the measure."""
        groups = (self.pair.first, self.pair.second)
        first, second = (centre(group.values, self.pair.scale) for group in groups)
        return abs(first - second)

    @property
    def is_within_floor(self) -> bool:
        """Whether the difference is smaller than the floor's spread (protocol rule 12)."""
        spread = self.pair.spread
        return self.difference is not None and spread is not None and self.apart < spread

    @property
    def winner(self) -> str | None:
        """The better arm; None where there is no difference."""
        if self.difference is None or self.p is None or self.p >= ALPHA or self.is_within_floor:
            return None
        is_lower = self.difference.difference < 0
        return self.a if is_lower == (self.pair.planned.better == "lower") else self.b

    @cached_property
    def least(self) -> float | None:
        """Smallest true difference that would be found with 80 % power at this many seeds."""
        if self.difference is None:
            return None
        return detectable(self.difference, power=POWER, alpha=self.threshold)

    @cached_property
    def improvement(self) -> Improvement | None:
        """P(a run of the first is better), lost runs worse than any value; None without runs."""
        first, second = _ranked(self.pair)
        return improvement(first, second) if first and second else None

    @cached_property
    def permutation(self) -> Permutation | None:
        """The permutation test; None where not even its smallest p is below the threshold."""
        first, second = _ranked(self.pair)
        if not first or not second or smallest_p(len(first), len(second)) >= self.threshold:
            return None
        return permutation_test(first, second)


def decide(pairs: Sequence[Pair]) -> list[Comparison]:
    """Every declared pair by Welch's test, Holm-corrected over all of them.

    A pair that cannot be tested yet counts in the correction, so that a verdict does not weaken
    when its runs come in.
    """
    differences = [
        welch(pair.first.values, pair.second.values, pair.scale) if pair.is_testable else None
        for pair in pairs
    ]
    p = [1.0 if d is None else d.p for d in differences]
    levels = [step_level(p, i, ALPHA) for i in range(len(p))]
    return [
        Comparison(
            pair=pair,
            difference=difference and difference.at(level),
            p=None if difference is None else corrected,
            threshold=ALPHA / len(pairs),
            level=level,
        )
        for pair, difference, corrected, level in zip(
            pairs, differences, holm(p), levels, strict=True
        )
    ]


def best_of_all(arms: Sequence[str], comparisons: Sequence[Comparison]) -> list[str]:
    """Arms whose distance is declared against each other arm's, and lower; at most one."""
    beaten: dict[str, set[str]] = {arm: set() for arm in arms}
    for comparison in comparisons:
        if comparison.winner and comparison.pair.planned.measure == DISTANCE:
            beaten[comparison.winner] |= {comparison.a, comparison.b} - {comparison.winner}
    return [arm for arm in arms if len(arms) > 1 and beaten[arm] == set(arms) - {arm}]


def _ranked(pair: Pair) -> tuple[list[float], list[float]]:
    """Both groups with lower as better, and infinity for each run that was lost.

    On a log scale as logarithms, so that a permutation test compares the same means.
    """
    sign = 1 if pair.planned.better == "lower" else -1
    every = (*pair.first.values, *pair.second.values)
    of = math.log if pair.scale == "log" and every and min(every) > 0 else float
    first, second = (
        [*(sign * of(value) for value in group.values), *[math.inf] * group.num_lost]
        for group in (pair.first, pair.second)
    )
    return first, second


@once
def comparisons(results: Results) -> list[Comparison]:
    """What the study declares (every pair of arms by distance if nothing), at the chosen cells."""
    floor = floor_of_test_metric(results)
    return decide(
        [
            Pair(
                planned=planned,
                first=_group(results, planned, planned.a),
                second=_group(results, planned, planned.b),
                spread=floor.spread if floor and planned.measure == DISTANCE else None,
                scale=scale_of(metric_of(results, planned.measure)),
            )
            for planned in results.study.planned
        ]
    )


def winners(results: Results) -> list[str]:
    """The arm that is bold: lower than every other, and declared against each; at most one."""
    return best_of_all(results.arms, comparisons(results))


def metric_of(results: Results, measure: str) -> str:
    """The tracked name of a declared measure: of several n, the largest."""
    if measure == DISTANCE:
        return results.test_metric
    through = {f"{measure}_{detector}" for detector in tag_values(results.runs, "detector")}
    wanted = {f"test/{name}" for name in (measure, *through)}
    found = [m for m in results.measured if not wanted.isdisjoint({str(m), str(m.series)})]
    return str(max(found, key=lambda m: (m.n or 0, str(m)))) if found else f"test/{measure}"


def _group(results: Results, planned: Planned, arm: str) -> Group:
    place = results.chosen(arm)
    if place is None:
        return Group()
    return Group(tuple(place.values(metric_of(results, planned.measure))), place.num_lost)
