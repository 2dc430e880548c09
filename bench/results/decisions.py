"""What a study's declared comparisons decide: Welch's test, Holm's correction, the floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.measures import Scale, centre, scale_of
from bench.plan.study import DISTANCE, FRESH_SEED, Planned
from bench.records import LOOKS
from bench.results.results import Results, once
from bench.results.summary import floor_of_test_metric, tag_values
from bench.stats.groups import (
    Improvement,
    Permutation,
    improvement,
    permutation_test,
    sign_flip_test,
    smallest_p,
    smallest_sign_flip_p,
)
from bench.stats.sequential import over_looks, per_look
from bench.stats.tests import (
    LEVEL,
    SEEDS_FOR_INTERVAL,
    Difference,
    detectable,
    holm,
    paired,
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
        seeds: Of the values; empty where nobody asks.
        num_collapsed: Runs with a value that collapsed.
    """

    values: tuple[float, ...] = ()
    num_lost: int = 0
    seeds: tuple[int, ...] = ()
    num_collapsed: int = 0

    def of_first(self, number: int) -> Group:
        """The runs of its first seeds that have a value."""
        kept = [
            (v, s) for v, s in zip(self.values, self.seeds, strict=True) if s % FRESH_SEED < number
        ]
        return Group(tuple(v for v, _ in kept), 0, tuple(s for _, s in kept))


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two groups to be compared, as the study declared it.

    Attributes:
        planned: The declaration.
        first: Runs of its ``a``.
        second: Runs of its ``b``.
        spread: The floor's spread, below which a difference is none; None where not measured.
        scale: Where the measure lives.
        is_one_model: Whether both arms train one model, apart in its settings alone: their runs of a
            seed then share its start and order of images, and are compared as pairs.
        looks: Numbers of seeds at which a study that grows until it is decided is looked at.
    """

    planned: Planned
    first: Group
    second: Group
    spread: float | None = None
    scale: Scale = "plain"
    is_one_model: bool = False
    looks: tuple[int, ...] = ()

    @property
    def is_testable(self) -> bool:
        """Whether both groups have enough values for an interval."""
        smaller = min(len(self.first.values), len(self.second.values))
        return smaller >= SEEDS_FOR_INTERVAL

    @cached_property
    def matched(self) -> tuple[list[float], list[float]] | None:
        """The values of the seeds that both have; None of two models, or below three such seeds."""
        first, second = (
            dict(zip(g.seeds, g.values, strict=True)) if g.seeds else {}
            for g in (self.first, self.second)
        )
        seeds = sorted(first.keys() & second.keys())
        if not self.is_one_model or len(seeds) < SEEDS_FOR_INTERVAL:
            return None
        return [first[seed] for seed in seeds], [second[seed] for seed in seeds]

    @property
    def is_paired(self) -> bool:
        """Whether it is compared seed by seed."""
        return self.matched is not None

    @property
    def compared(self) -> tuple[Sequence[float], Sequence[float]]:
        """The values that the test reads: of the seeds that both have where it is paired, else all."""
        return self.matched or (self.first.values, self.second.values)

    @property
    def num_common(self) -> int | None:
        """Seeds that both have, where it is paired and one of them has others too; else None."""
        everything = {len(self.first.values), len(self.second.values)}
        number = len(self.compared[0])
        return number if self.is_paired and everything != {number} else None

    def test(self) -> Difference | None:
        """Student's paired test, else Welch's; None below three values each."""
        if not self.is_testable:
            return None
        return (paired if self.is_paired else welch)(*self.compared, self.scale)

    def p(self, now: Difference) -> float:
        """Not corrected for other pairs; of a study that grows, for all of its looks.

        The smallest of the looks until now that saw the difference on the side where it is now.
        """
        if not self.looks:
            return now.p
        there = min(len(g.values) + g.num_lost for g in (self.first, self.second))
        tests = [
            replace(self, first=self.first.of_first(n), second=self.second.of_first(n)).test()
            for n in self.looks
            if n <= there
        ]
        seen = [t.p for t in tests if t is not None and t.difference * now.difference > 0]
        return over_looks(min(seen, default=1.0), self.looks)


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
        """How far the means of what is compared are from each other, in units of the measure."""
        first, second = (centre(values, self.pair.scale) for values in self.pair.compared)
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

    @property
    def excludes(self) -> float | None:
        """The difference that matters, where the interval holds none as large; else None."""
        d, size = self.difference, self.pair.planned.matters
        if d is None or size is None or d.is_ratio != (self.pair.scale == "log"):
            return None
        return size if -size < d.low and d.high < size else None

    @property
    def is_decided(self) -> bool:
        """Whether it shows a difference, or excludes one that matters."""
        return self.excludes is not None or (self.p is not None and self.p < ALPHA)

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
        """The permutation test; None where not even its smallest p is below the threshold.

        Of pairs by their signs, else by splits of the pooled runs.
        """
        if self.pair.matched is not None:
            first, second = _on_scale(self.pair, *self.pair.matched)
            if smallest_sign_flip_p(len(first)) >= self.threshold:
                return None
            return sign_flip_test([a - b for a, b in zip(first, second, strict=True)])
        first, second = _ranked(self.pair)
        if not first or not second or smallest_p(len(first), len(second)) >= self.threshold:
            return None
        return permutation_test(first, second)


def decide(pairs: Sequence[Pair]) -> list[Comparison]:
    """Every declared pair by its test, Holm-corrected over all of them.

    A pair that cannot be tested yet counts in the correction, so that a verdict does not weaken
    when its runs come in.
    """
    differences = [pair.test() for pair in pairs]
    looks = pairs[0].looks if pairs else ()
    p = [1.0 if d is None else pair.p(d) for pair, d in zip(pairs, differences, strict=True)]
    levels = [1 - per_look(1 - step_level(p, i, ALPHA), looks) for i in range(len(p))]
    return [
        Comparison(
            pair=pair,
            difference=difference and difference.at(level),
            p=None if difference is None else corrected,
            threshold=per_look(ALPHA / len(pairs), looks),
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
    groups = (pair.first, pair.second)
    first, second = (
        [*(sign * value for value in values), *[math.inf] * group.num_lost]
        for values, group in zip(
            _on_scale(pair, *(group.values for group in groups)), groups, strict=True
        )
    )
    return first, second


def _on_scale(
    pair: Pair, first: Sequence[float], second: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Both as logarithms on a log scale, where all of them have one."""
    every = (*first, *second)
    of = math.log if pair.scale == "log" and every and min(every) > 0 else float
    return [of(value) for value in first], [of(value) for value in second]


@once
def comparisons(results: Results) -> list[Comparison]:
    """What the study declares (every pair of arms by distance if nothing), at the chosen cells."""
    floor = floor_of_test_metric(results)
    models = {arm.name: arm.model for arm in results.study.arms}
    return decide(
        [
            Pair(
                planned=planned,
                first=_group(results, planned, planned.a),
                second=_group(results, planned, planned.b),
                spread=floor.spread if floor and planned.measure == DISTANCE else None,
                scale=scale_of(metric_of(results, planned.measure)),
                is_one_model=len({models[planned.a], models[planned.b]}) == 1,
                looks=declared_looks(results),
            )
            for planned in results.study.planned
        ]
    )


def declared_looks(results: Results) -> tuple[int, ...]:
    """Of a study that grows until it is decided; none of others."""
    return tuple(int(n) for n in results.facts.get(LOOKS, "").split(",") if n.isdecimal())


def winners(results: Results) -> list[str]:
    """The arm that is bold: lower than every other, and declared against each; at most one."""
    return best_of_all(results.arms, comparisons(results))


def is_apart(metric: str, a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether Welch's test tells two groups apart, uncorrected: a description and no decision."""
    enough = min(len(a), len(b)) >= SEEDS_FOR_INTERVAL
    return enough and welch(a, b, scale_of(metric)).p < ALPHA


def metric_of(results: Results, measure: str) -> str:
    """The tracked name of a declared measure: of several n, the largest."""
    if measure == DISTANCE:
        return results.test_metric
    through = {f"{measure}_{detector}" for detector in tag_values(results.runs, "detector")}
    wanted = {f"test/{name}" for name in (measure, *through)}
    found = [m for m in results.measured if not wanted.isdisjoint({str(m), str(m.series)})]
    return str(max(found, key=lambda m: (m.n or 0, str(m)))) if found else f"test/{measure}"


def _group(results: Results, planned: Planned, arm: str) -> Group:
    place = results.headline(arm)
    if place is None:
        return Group()
    metric = metric_of(results, planned.measure)
    known = place.by_seed(metric)
    return Group(tuple(known.values()), place.num_lost, tuple(known), place.num_collapsed(metric))
