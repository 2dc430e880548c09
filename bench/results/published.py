"""Published numbers and what was reached of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.plan.claim import COLLAPSED, Published
from bench.results.decisions import metric_of
from bench.results.results import Point, Results
from bench.results.runs import CellRuns, RecordedRun
from bench.stats.tests import SEEDS_FOR_INTERVAL, Interval, t_interval

WHOLE = 0.95
"""Share of their images from which on a run has their budget."""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Ours beside one published number.

    Attributes:
        published: Theirs.
        metric: The tracked name of the value.
        target: Their number; None while the arm that has it has no run.
        targets: Seed to the value that a run of it has there, where their number is an arm's of ours.
        runs: Ours with a value.
        num_sound: How many of them did not collapse.
        share: Real images that ours saw, of theirs; None where theirs are not known.
        is_comparable: Whether both are of one data set.
        most: What a count cannot exceed; else infinity.
    """

    published: Published
    metric: str
    target: float | None
    targets: Mapping[int, float]
    runs: tuple[RecordedRun, ...]
    num_sound: int
    share: float | None
    is_comparable: bool
    most: float

    @property
    def values(self) -> list[float]:
        """One for each run."""
        return [value for run in self.runs if (value := run.value(self.metric)) is not None]

    @property
    def off(self) -> float | None:
        """Our mean less their number."""
        if self.target is None or not self.values:
            return None
        return sum(self.values) / len(self.values) - self.target

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of our mean less their number, seed by seed where both have seeds."""
        if self.target is None or not self.can_be_judged or len(self.values) < SEEDS_FOR_INTERVAL:
            return None
        offs = [
            value - self.targets.get(run.seed, self.target)
            for run, value in zip(self.runs, self.values, strict=True)
        ]
        return t_interval(offs)

    @property
    def is_near(self) -> bool | None:
        """Whether theirs is met: the whole interval as near as is allowed; None where it says neither."""
        if self.interval is None or self.interval.low is None or self.interval.high is None:
            return None
        low, high, within = self.interval.low, self.interval.high, self.published.within
        if -within <= low and high <= within:
            return True
        return False if high < -within or within < low else None

    @property
    def is_whole(self) -> bool:
        """Whether ours had their budget, as far as that is known."""
        return self.share is None or self.share >= WHOLE

    @property
    def can_be_judged(self) -> bool:
        """Whether there are three runs that did not collapse."""
        return self.num_sound >= SEEDS_FOR_INTERVAL


def all_reached(results: Results) -> list[Reached]:
    """What a study has of the numbers of its data set; of all where it has none of that one."""
    found = [reached(results, one) for one in results.study.published]
    return [one for one in found if one.is_comparable] or found


def reached(results: Results, published: Published) -> Reached:
    """What a study has of a published number."""
    metric = metric_of(results, published.measure)
    place = results.headline(published.arm)
    runs = _valued(place, metric)
    target, targets = published.value, dict[int, float]()
    if published.against:
        other = _valued(results.headline(published.against), metric)
        targets = {r.seed: value for r in other if (value := r.value(metric)) is not None}
        target = sum(targets.values()) / len(targets) if targets else None
    seen = [int(run.param("train.num_images") or 0) for run in runs]
    return Reached(
        published=published,
        metric=metric,
        target=target,
        targets=targets,
        runs=tuple(runs),
        num_sound=sum(run.status != COLLAPSED for run in runs),
        share=max(seen) / published.images if seen and published.images else None,
        is_comparable=results.identity.dataset == published.dataset,
        most=place.most(metric) if place else math.inf,
    )


def _valued(place: CellRuns | None, metric: str) -> list[RecordedRun]:
    return [run for run in place.valued if run.value(metric) is not None] if place else []


def hours(results: Results) -> float:
    """Of training and measuring, all runs of the arms together."""
    costs = ("cost/train_seconds", "cost/eval_seconds")
    return sum(run.value(name) or 0 for run in results.arm_runs for name in costs) / 3600


def way(results: Results, name: str, most: int = 8) -> dict[str, list[Point]]:
    """A curve of each arm at a few of its points, each a mean over the arm's runs."""
    found = {}
    for arm in results.arms:
        place = results.headline(arm)
        curves = list(results.points(place.valued if place else (), name).values())
        shared = [dict(curve) for curve in curves]
        at = sorted(set.intersection(*(set(each) for each in shared))) if shared else []
        every = max(1, -(-len(at) // most))
        kept = at[::-1][::every][::-1]
        if kept:
            found[arm] = [(x, sum(each[x] for each in shared) / len(shared)) for x in kept]
    return found
