"""What was measured here of what others have reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.measures import scale_of
from bench.plan.claim import COLLAPSED, DIVERGED, HALF, MATCHED, ROSE, Claim
from bench.plan.study import Planned
from bench.results.decisions import Group, Pair, metric_of
from bench.results.results import Point, Results
from bench.results.runs import CellRuns, RecordedRun
from bench.results.trends import at_half
from bench.stats.tests import SEEDS_FOR_INTERVAL, Difference, welch

_LOSSES = ("train/loss", "train/generator_loss", "train/decoder_loss")
"""Of which one is read of a model: its first."""


@dataclass(frozen=True)
class Ours:
    """What was measured for one arm.

    Attributes:
        arm: Whose.
        values: One for each run that has one: at the chosen cell, of how runs end in all cells.
        num_curves: Runs whose curve was read for it.
        seeds: Of the values of the headline's runs.
    """

    arm: str
    values: tuple[float, ...] = ()
    num_curves: int = 0
    seeds: tuple[int, ...] = ()


def ours_of(results: Results, claim: Claim, arm: str) -> Ours:
    """What stands beside a claim for one of its arms."""
    if claim.measure in {DIVERGED, COLLAPSED}:
        runs = [run for place in results.cells_of(arm) for run in place.every]
        ended = [run for run in runs if run.has_values or run.is_lost]
        return Ours(arm, tuple(float(run.status == claim.measure) for run in ended))
    place = results.headline(arm)
    if place is None:
        return Ours(arm)
    if claim.measure not in {HALF, ROSE, MATCHED}:
        known = place.by_seed(metric_of(results, claim.measure))
        return Ours(arm, tuple(known.values()), seeds=tuple(known))
    names = _LOSSES if claim.measure == ROSE else (results.selection_metric,)
    curves = next(filter(None, (_curves(results, place, name) for name in names)), [])
    found = {run.seed: _of_curve(results, claim, run, points) for run, points in curves}
    known = {seed: value for seed, value in found.items() if value is not None}
    return Ours(arm, tuple(known.values()), len(curves), tuple(known))


def difference(results: Results, metric: str, first: Ours, second: Ours) -> Difference:
    """By the test that a declared comparison of both has: seed by seed where they are of one model.

    Raises:
        ValueError: One has fewer than two values.
    """
    models = {arm.name: arm.model for arm in results.study.arms}
    pair = Pair(
        planned=Planned(a=first.arm, b=second.arm),
        first=Group(first.values, seeds=first.seeds),
        second=Group(second.values, seeds=second.seeds),
        scale=scale_of(metric),
        is_one_model=models[first.arm] == models[second.arm],
    )
    return pair.test() or welch(first.values, second.values, pair.scale)


def num_sound(results: Results, claim: Claim, arm: str) -> int:
    """Runs that did not collapse, of the chosen cell; along a factor the seeds that have one."""
    return len({run.seed for run in _runs(results, claim, arm) if run.status != COLLAPSED})


def _runs(results: Results, claim: Claim, arm: str) -> list[RecordedRun]:
    """Those with values of the chosen cell; along a factor those of every cell."""
    if claim.rises or claim.falls:
        places = [place for _, place in results.along_x(arm)]
    else:
        places = list(filter(None, [results.headline(arm)]))
    return [run for place in places for run in place.valued]


def sound_arms(results: Results, claim: Claim) -> tuple[str, ...]:
    """The arms by which a claim can be judged: all, or those that stand once collapsed ones are left out.

    An arm stands with three runs that did not collapse. Fewer than two are left, or not the one that
    the claim says is best, or one lacks runs that did not collapse either: then none.
    """
    stands = [num_sound(results, claim, arm) >= SEEDS_FOR_INTERVAL for arm in claim.arms]
    standing = tuple(arm for arm, sound in zip(claim.arms, stands, strict=True) if sound)
    if all(stands):
        return standing
    others = [arm for arm in claim.arms if arm not in standing]
    can_do_without = (
        claim.measure != MATCHED
        and len(standing) > 1
        and claim.winner in {"", *standing}
        and all(_has_collapsed(results, claim, arm) for arm in others)
    )
    return standing if can_do_without else ()


def _has_collapsed(results: Results, claim: Claim, arm: str) -> bool:
    """Whether it would stand but for its runs that collapsed."""
    return len({run.seed for run in _runs(results, claim, arm)}) >= SEEDS_FOR_INTERVAL


def _of_curve(
    results: Results, claim: Claim, run: RecordedRun, points: Sequence[Point]
) -> float | None:
    if claim.measure == HALF:
        return at_half(run, points)
    if claim.measure == ROSE:
        return rising_share(points)
    mark = best_on_the_way(results, claim.arms[1])
    return None if mark is None else first_below(points, mark)


def best_on_the_way(results: Results, arm: str) -> float | None:
    """Mean over the arm's runs of the best validation value that each had at any time."""
    place = results.headline(arm)
    curves = _curves(results, place, results.selection_metric) if place else []
    best = [min(value for _, value in points) for _, points in curves]
    return sum(best) / len(best) if best else None


def _curves(results: Results, place: CellRuns, name: str) -> list[tuple[RecordedRun, list[Point]]]:
    """One curve a run of that place, by seed."""
    found = results.points(place.valued, name)
    return [(run, found[run.record.run_id]) for run in place.valued if run.record.run_id in found]


def rising_share(points: Sequence[Point]) -> float:
    """Share of the steps from one log to the next at which the value rose."""
    steps = [b > a for (_, a), (_, b) in pairwise(points)]
    return sum(steps) / len(steps) if steps else 0.0


def first_below(points: Sequence[Point], mark: float) -> int | None:
    """Images seen at the first point that is not above ``mark``; None where none is."""
    return next((images for images, value in points if value <= mark), None)
