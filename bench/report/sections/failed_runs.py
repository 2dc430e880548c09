"""Runs that did not end well, or not yet."""

from __future__ import annotations

import math

from bench.report.sections import section
from bench.results.format import MISSING, join, plural, table
from bench.results.results import Results
from bench.results.runs import RecordedRun
from bench.results.summary import run_link

_MOST_ROWS = 100


@section("Runs that did not end well, or not yet", after="Trends at half the budget")
def failed_runs(results: Results) -> str:
    """Runs that did not end well, each with its reason; empty where all did."""
    rows = []
    for group in results.groups:
        for place in group.cells:
            for run in place.runs:
                if said := _reason(run):
                    where = group.label(place) or MISSING
                    seed = str(run.seed)
                    rows.append([f"`{run.arm}`", where, seed, *said, run_link(results, run)])
    if not rows:
        return ""
    rest = len(rows) - _MOST_ROWS
    more = f"\n\n{plural(rest, 'further run')} in runs.csv." if rest > 0 else ""
    header = ["family", "cell", "seed", "status", "reason", "run"]
    return table(header, rows[:_MOST_ROWS], left=6) + more


def _reason(run: RecordedRun) -> tuple[str, str] | None:
    if run.status != "ok":
        return run.status, run.tags.reason or "no reason recorded"
    odd = [
        name
        for name, value in sorted(run.record.metrics.items())
        if name.startswith(("val/", "test")) and not math.isfinite(value)
    ]
    return (run.status, f"not finite and left out: {join(odd)}") if odd else None
