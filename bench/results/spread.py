"""What the spread of a distance over seeds is made of, at each family's chosen cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.results.results import Results
from bench.results.runs import CellRuns
from bench.stats.tests import SEEDS_FOR_INTERVAL
from bench.stats.variance import Spread, split_spread


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
    place = results.chosen(arm)
    if place is None:
        return SpreadParts(arm, [], None, None, None)
    reference = place.values(f"test/reference_sd_{results.test_metric_name}")
    return SpreadParts(
        arm,
        place.values(results.test_metric),
        _spread(results, place),
        _root_mean_square(reference) if reference else None,
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


def _root_mean_square(values: list[float]) -> float:
    return math.sqrt(math.fsum(value**2 for value in values) / len(values))
