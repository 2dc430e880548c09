"""Cells of one family seed by seed: what its seeds share, and what each step along x does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.measures import scale_of
from bench.results.decisions import ALPHA
from bench.results.results import Results, once
from bench.stats.tests import SEEDS_FOR_INTERVAL, Difference, holm, paired, step_level
from bench.stats.variance import SeedEffect, seed_effect


@dataclass(frozen=True)
class Step:
    """One level of x against the one before it, over the seeds that both have.

    Attributes:
        before: The level before.
        after: The level.
        difference: The level against the one before, its interval at the level of its step of the
            correction.
        p: Holm-corrected over the steps of the family.
        seeds: Number of pairs.
    """

    before: str
    after: str
    difference: Difference
    p: float
    seeds: int


@dataclass(frozen=True)
class FamilyBlocks:
    """One family along x.

    Attributes:
        arm: The family.
        effect: What its seeds share over the cells; None where that cannot be told.
        steps: From level to level; those without three common seeds are left out.
    """

    arm: str
    effect: SeedEffect | None
    steps: tuple[Step, ...]


Values = dict[int, float]


@once
def family_blocks(results: Results) -> list[FamilyBlocks]:
    """Each family that has two cells along x with three common seeds."""
    found = [_blocks(results, arm) for arm in results.arms]
    return [each for each in found if each.steps]


def _blocks(results: Results, arm: str) -> FamilyBlocks:
    metric = results.test_metric
    cells = [(str(x), place.by_seed(metric)) for x, place in results.along_x(arm)]
    return FamilyBlocks(
        arm,
        _effect([values for _, values in cells], metric),
        _steps(cells, metric),
    )


def _effect(cells: Sequence[Values], metric: str) -> SeedEffect | None:
    common = sorted(set.intersection(*map(set, cells))) if cells else []
    values = [[cell[seed] for seed in common] for cell in cells]
    every = [value for cell in values for value in cell]
    if len(common) < SEEDS_FOR_INTERVAL:
        return None
    if scale_of(metric) == "log" and min(every) > 0:
        values = [[math.log(value) for value in cell] for cell in values]
    return seed_effect(values)


def _steps(cells: Sequence[tuple[str, Values]], metric: str) -> tuple[Step, ...]:
    tested = []
    for (before, first), (after, second) in pairwise(cells):
        seeds = sorted(first.keys() & second.keys())
        if len(seeds) >= SEEDS_FOR_INTERVAL:
            new, old = ([cell[seed] for seed in seeds] for cell in (second, first))
            tested.append((before, after, paired(new, old, scale_of(metric)), len(seeds)))
    p = [d.p for _, _, d, _ in tested]
    return tuple(
        Step(before, after, d.at(step_level(p, i, ALPHA)), corrected, n)
        for i, ((before, after, d, n), corrected) in enumerate(zip(tested, holm(p), strict=True))
    )


def step_between(
    results: Results, arm: str, start: str, end: str
) -> tuple[Difference, float] | None:
    """What the step from one level of x to the one beside it does, and its corrected p."""
    steps = (s for one in family_blocks(results) if one.arm == arm for s in one.steps)
    for step in steps:
        if (step.before, step.after) == (start, end):
            return step.difference, step.p
        if (step.after, step.before) == (start, end):
            return -step.difference, step.p
    return None
