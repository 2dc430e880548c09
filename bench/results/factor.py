"""Values along the study's x factor as rows: means with t intervals, every seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.results.results import Results
from bench.results.runs import RecordedRun
from bench.stats.tests import t_interval

Rows = list[dict[str, Any]]


def factor_rows(
    results: Results, panel: str, value_of: Callable[[RecordedRun], float | None]
) -> Rows:
    """Rows ``panel, arm, x, kind, value``; ``kind`` is mean, seed or lost.

    Means carry ``low``, ``high`` and ``n``, seeds their ``seed`` and ``status``. Arms without a
    single value are left out.
    """
    rows: Rows = []
    for arm in results.arms:
        mine: Rows = []
        for x, place in results.along_x(arm):
            where = {"panel": panel, "arm": arm, "x": str(x)}
            mine.extend({**where, **row} for row in _place_rows(place.runs, value_of))
        if any(row["kind"] == "mean" for row in mine):
            rows.extend(mine)
    return rows


def _place_rows(
    runs: tuple[RecordedRun, ...], value_of: Callable[[RecordedRun], float | None]
) -> Rows:
    rows: Rows = []
    values = []
    for run in runs:
        if run.is_lost:
            rows.append({"kind": "lost", "value": None, "seed": run.seed, "status": run.status})
        elif (value := value_of(run)) is not None:
            values.append(value)
            rows.append({"kind": "seed", "value": value, "seed": run.seed, "status": run.status})
    if values:
        interval = t_interval(values)
        ends = {"low": interval.low, "high": interval.high, "n": interval.n}
        rows.append({"kind": "mean", "value": interval.mean, **ends})
    return rows
