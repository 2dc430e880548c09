"""Trends of the validation distance at half the budget beside those at all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.report.sections.trends import Curve, Measure, along, trend_table
from bench.results.facts import arm_runs, budget
from bench.results.halfway import half_values
from bench.results.numbers import Results, short


def half_trends(results: Results) -> str:
    """Trends of validation at half the budget and at all of it; empty without curves."""
    values, primary = half_values(results), results.primary
    parts = [budget(arm_runs(results), part) for part in (0.5, 1)]
    names = [f"validation `{results.primary_name}` after {images}" for images in parts]
    at_half = Measure(names[0], lambda run: values.get(run.record.run_id), math.inf)
    at_end = Measure(names[1], lambda run: run.value(primary), math.inf)
    half, full = along(results, at_half), along(results, at_end)
    if not values or not half or not full:
        return ""
    moved = [_moved(results, a, b, parts) for b in full for a in half if a.arm == b.arm]
    said = "\n".join(f"- {text}" for text in moved)
    note = "Columns as under Trends. What moves between half and all of it may not be at its end."
    return f"{said}\n\n{trend_table(results, [half, full])}\n\n{note}"


def _moved(results: Results, half: Curve, full: Curve, parts: Sequence[str]) -> str:
    """Where the lowest mean lies at half the budget and at all of it."""
    x = short(results.study.x or "")
    first, last = (min(c.means, key=lambda pair: pair[1])[0] for c in (half, full))
    start = f"`{full.arm}`: the lowest validation mean is at {x} {first} after {parts[0]} images"
    return f"{start} and {'still ' if first == last else ''}at {last} after {parts[1]}."
