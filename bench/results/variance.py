"""What the spread over seeds is made of, and whether two factors act on the distance apart."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

from bench.results.format import code
from bench.results.results import Results, short
from bench.results.runs import CellRuns
from bench.stats.tests import SEEDS_FOR_INTERVAL
from bench.stats.variance import Interaction, Spread, interaction, split_spread

_ROOM = 2
"""Fewest levels of a factor that can interact."""


@dataclass(frozen=True)
class Crossing:
    """Two factors and every run of their grid.

    Attributes:
        first: What is crossed.
        second: With what.
        where: Empty, or ``in `vae```.
        found: The F test; None where it cannot be made, or there are fewer than three seeds.
        runs: Runs with a value.
        lost: Runs without one.
        is_log: Whether logarithms were tested; else a value is not positive.
    """

    first: str
    second: str
    where: str
    found: Interaction | None
    runs: int
    lost: int
    is_log: bool


Cells = list[tuple[Hashable, Hashable, CellRuns]]


def crossings(results: Results) -> list[Crossing]:
    """Families by x; then the two factors of each arm that has just two, others would be noise."""
    x = results.study.x
    found = []
    if x is not None and len(results.arms) >= _ROOM:
        cells: Cells = [
            (arm, str(level), place)
            for arm in results.arms
            for level, place in results.along_x(arm)
        ]
        found.append(_crossing(results, ("family", short(x), ""), cells))
    for arm in results.arms:
        varied = _varied(results, arm)
        if len(varied) == _ROOM:
            one, two = varied
            grid: Cells = [
                (str(p.cell.factors[one]), str(p.cell.factors[two]), p)
                for p in results.cells_of(arm)
            ]
            found.append(_crossing(results, (short(one), short(two), f"in {code(arm)}"), grid))
    return found


def _varied(results: Results, arm: str) -> list[str]:
    """Factors with several values within an arm, x first."""
    places = results.cells_of(arm)
    keys = [
        key
        for key in (places[0].cell.factors if places else ())
        if len({place.cell.factors[key] for place in places}) >= _ROOM
    ]
    return sorted(keys, key=lambda key: key != results.study.x)


def _crossing(results: Results, names: tuple[str, str, str], cells: Cells) -> Crossing:
    metric = results.test_metric
    runs = [
        (value, a, b, (place.arm, seed))
        for a, b, place in cells
        for seed, value in place.by_seed(metric).items()
    ]
    seeds = {run.seed for _, _, place in cells for run in place.valued}
    values, first, second, blocks = zip(*runs, strict=True) if runs else ((), (), (), ())
    is_log = all(value > 0 for value in values)
    y = [math.log(value) for value in values] if is_log else values
    few = len(seeds) < SEEDS_FOR_INTERVAL
    found = None if few else interaction(y, first, second, blocks)
    lost = sum(place.num_lost for _, _, place in cells)
    return Crossing(*names, found, len(runs), lost, is_log)


@dataclass(frozen=True)
class SpreadParts:
    """A family's spread.

    Attributes:
        arm: The family.
        values: Distances at the chosen cell.
        spread: At the chosen cell; None below three seeds or without its sampling noise.
        reference: Standard deviation over other reference images; None where not measured.
        pooled: Sampling's share of the variance over seeds, over all cells; None as ``spread``.
    """

    arm: str
    values: list[float]
    spread: Spread | None
    reference: float | None
    pooled: float | None


def spread_parts(results: Results, arm: str) -> SpreadParts:
    """Of one family."""
    place = results.headline(arm)
    if place is None:
        return SpreadParts(arm, [], None, None, None)
    reference = place.values(f"test/reference_sd_{results.test_metric_name}")
    return SpreadParts(
        arm,
        place.values(results.test_metric),
        _spread(results, place),
        math.sqrt(math.fsum(v**2 for v in reference) / len(reference)) if reference else None,
        _pooled([s for p in results.cells_of(arm) if (s := _spread(results, p))]),
    )


def _spread(results: Results, place: CellRuns) -> Spread | None:
    values = place.values(results.test_metric)
    noise = place.values(f"test/sampling_sd_{results.test_metric_name}")
    return split_spread(values, noise) if len(values) >= SEEDS_FOR_INTERVAL and noise else None


def _pooled(spreads: list[Spread]) -> float | None:
    """Sampling variance over variance, both weighted by degrees of freedom."""
    total = math.fsum((s.n - 1) * s.sd**2 for s in spreads)
    return math.fsum((s.n - 1) * s.sampling**2 for s in spreads) / total if total > 0 else None
