"""Points of the curves that runs have logged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bench.results.numbers import Results
from bench.results.runs import Run

Point = tuple[int, float]


def points_of(results: Results, runs: Sequence[Run], name: str) -> dict[str, list[Point]]:
    """The finite points ``(images_seen, value)`` of a curve by run, read for all runs at once."""
    ids = [run.record.run_id for run in runs if has_curve(run, name)]
    found: Mapping[str, Sequence[Point]]
    if results.curves is None:
        found = {run.record.run_id: run.record.histories.get(name, []) for run in runs}
    else:
        found = results.curves(ids, name) if ids else {}
    finite = {key: [(x, y) for x, y in points if math.isfinite(y)] for key, points in found.items()}
    return {key: points for key, points in finite.items() if points}


def has_curve(run: Run, name: str) -> bool:
    """Whether a curve of that name was logged: its last value is there, or the curve itself."""
    return name in run.record.metrics or name in run.record.histories
