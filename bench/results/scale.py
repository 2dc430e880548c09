"""Everything that has a test distance on one scale: real images, families, baselines, noise."""

from __future__ import annotations

from dataclasses import dataclass

from bench.measures import MeasureName
from bench.plan.study import DISTANCE
from bench.results.decisions import Comparison, comparisons
from bench.results.results import Results, once
from bench.results.runs import CellRuns
from bench.results.summary import floor_of_test_metric

FLOOR = "real images"
"""Name of the mark that training images against the test split make."""

NOISE = "uniform_noise"
"""The baseline that draws every pixel at random."""

_SURE = {"legible"}
"""Measures of how sure a classifier is, which it may be of noise too."""


@dataclass(frozen=True)
class Mark:
    """One row of the scale.

    Attributes:
        name: Arm, baseline, or ``FLOOR``.
        mean: Its test distance, the mean over its runs.
        place: Its runs; None of the floor, which is no run's.
        comparison: With the family of the lowest mean, of a family; None where none was declared.
        is_lowest: Whether it is that family.
    """

    name: str
    mean: float
    place: CellRuns | None = None
    comparison: Comparison | None = None
    is_lowest: bool = False

    @property
    def is_family(self) -> bool:
        """Whether a family made it, and no baseline and nobody elsewhere."""
        return self.place is not None and not self.place.cell.baseline


@once
def scale(results: Results) -> list[Mark]:
    """Every mark that has a value, the nearest to real images first."""
    metric = results.test_metric
    known = {p.arm: (p, m) for p in results.chosen_cells if (m := p.mean(metric)) is not None}
    lowest = min(known, key=lambda arm: known[arm][1], default="")
    marks = [
        Mark(arm, mean, place, _against(results, arm, lowest), arm == lowest)
        for arm, (place, mean) in known.items()
    ]
    marks += [Mark(p.arm, m, p) for p in results.baselines if (m := p.mean(metric)) is not None]
    if floor := floor_of_test_metric(results):
        marks.append(Mark(FLOOR, floor.mean))
    return sorted(marks, key=lambda mark: mark.mean)


def _against(results: Results, arm: str, lowest: str) -> Comparison | None:
    """The declared test of an arm's distance against that of the lowest mean."""
    return next(
        (
            one
            for one in comparisons(results)
            if one.pair.planned.measure == DISTANCE and {one.a, one.b} == {arm, lowest}
        ),
        None,
    )


def is_left_out(results: Results, name: MeasureName) -> bool:
    """Whether a measure of how sure a classifier is takes noise for real images.

    By it noise is then nearer to the real images' value than every family's mean.
    """
    if name.measure not in _SURE:
        return False
    metric, noise = str(name), results.baseline(NOISE)
    real = next((v for run in results.runs if (v := run.value(f"{metric}_real")) is not None), None)
    at_noise = noise.mean(metric) if noise else None
    means = [m for p in results.chosen_cells if (m := p.mean(metric)) is not None]
    if real is None or at_noise is None or not means:
        return False
    return all(abs(at_noise - real) < abs(mean - real) for mean in means)
