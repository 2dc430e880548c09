"""Validation at half the budget beside all of it (protocol rule 23)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.results.results import Point, Results, once
from bench.results.runs import RecordedRun
from bench.results.trends import Curve, Series, along

_NEAR = 0.1
"""How far from half the budget a validation may lie, as a share of the budget."""


@once
def half_values(results: Results) -> dict[str, float]:
    """Run id to the primary measure logged nearest to half of its budget, along the x factor.

    Runs without a validation near are left out.
    """
    places = [place for arm in results.arms for _, place in results.along_x(arm)]
    runs = [run for place in places for run in place.valued]
    points = results.points(runs, results.selection_metric)
    found = {run.record.run_id: at_half(run, points.get(run.record.run_id, [])) for run in runs}
    return {run_id: value for run_id, value in found.items() if value is not None}


def at_half(run: RecordedRun, points: Sequence[Point]) -> float | None:
    """The value logged nearest to half of the run's budget; None where none is near."""
    images = float(run.param("train.num_images") or 0)
    apart = [(abs(x - images / 2), y) for x, y in points]
    return min(apart)[1] if apart and min(apart)[0] <= _NEAR * images else None


def both_budgets(results: Results) -> tuple[list[Curve], list[Curve]]:
    """How validation follows the x factor at half the budget, and at all of it."""
    values, name = half_values(results), results.selection_metric_name
    half, full = (f"validation `{name}` after {results.budget(part)}" for part in (0.5, 1))
    return (
        along(results, Series(half, lambda run: values.get(run.record.run_id), math.inf)),
        along(results, Series(full, lambda run: run.value(results.selection_metric), math.inf)),
    )
