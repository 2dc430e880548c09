"""Validation values at half the budget (protocol rule 23)."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results.curves import Point, points_of
from bench.results.numbers import Results
from bench.results.runs import Run

_NEAR = 0.1
"""How far from half the budget a validation may lie, as a share of the budget."""


def half_values(results: Results) -> dict[str, float]:
    """Run id to the primary measure logged nearest to half of its budget, along the x factor.

    Runs without a validation near are left out.
    """
    places = [place for arm in results.arms for _, place in results.along_x(arm)]
    runs = [run for place in places for run in place.valued]
    points = points_of(results, runs, results.primary)
    found = {run.record.run_id: at_half(run, points.get(run.record.run_id, [])) for run in runs}
    return {run_id: value for run_id, value in found.items() if value is not None}


def at_half(run: Run, points: Sequence[Point]) -> float | None:
    """The value logged nearest to half of the run's budget; None where none is near."""
    images = float(run.param("train.num_images") or 0)
    apart = [(abs(x - images / 2), y) for x, y in points]
    return min(apart)[1] if apart and min(apart)[0] <= _NEAR * images else None
