"""Runs that did not end well, and what to know about the health of those that ended."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from bench.report.sections import section
from bench.results.format import MISSING, code, count, join, plural, prose, table
from bench.results.results import Results
from bench.results.runs import UNFINISHED, CellRuns, RecordedRun
from bench.results.summary import run_link

_MOST_CELLS = 12


@section("Health", after="Runs that did not end well, or not yet")
def health(results: Results) -> str:
    """How many runs have no warning, and a row for each family and kind of warning."""
    ended = [run for group in results.groups for run in group.arm_runs if run.status != UNFINISHED]
    judged = [run for run in ended if run.tags.warnings is not None]
    if not judged:
        return ""
    well = sum(not run.tags.warnings for run in judged)
    have = "has" if well == 1 else "have"
    said = f"{count(well)} of {plural(len(judged), 'run')} {have} no warning."
    if len(judged) < len(ended):
        said += f" {plural(len(ended) - len(judged), 'run')} not judged: failed, or older."
    rows = [row for group in results.groups for arm in group.arms for row in _rows(group, arm)]
    if not rows:
        return said
    header = ["family", "warning", "status", "cells (runs)", "for example", "what to turn there"]
    return (
        f"{said} Warnings come from the training curves and the validation split, never from the "
        "test split. The example is the first of its cells; each run's own words stand in "
        f"runs.csv.\n\n{table(header, rows, left=6)}"
    )


def _rows(results: Results, arm: str) -> list[list[str]]:
    """One row for each kind of warning that runs of the arm have."""
    places = results.cells_of(arm)
    warned = [(run, w) for place in places for run in place.every for w in run.tags.warnings or ()]
    rows = []
    for kind in dict.fromkeys(warning.kind for _, warning in warned):
        runs = [run for run, warning in warned if warning.kind == kind]
        first = next(warning for _, warning in warned if warning.kind == kind)
        statuses = Counter(run.status for run in runs)
        rows.append(
            [
                code(arm),
                prose(kind.replace("_", " ")),
                ", ".join(f"{n} {prose(status)}" for status, n in sorted(statuses.items())),
                _cells(results, places, runs),
                prose(first.sentence),
                prose(first.turn) or MISSING,
            ]
        )
    return rows


def _cells(results: Results, places: Sequence[CellRuns], warned: Sequence[RecordedRun]) -> str:
    """``depth 4 (2 of 3), depth 5 (3 of 3)``."""
    ids = {run.record.run_id for run in warned}
    counts = [(place, sum(run.record.run_id in ids for run in place.every)) for place in places]
    named = [
        f"{prose(results.label(place)) or 'all'} ({n} of {len(place.every)})"
        for place, n in counts
        if n
    ]
    rest = len(named) - _MOST_CELLS
    return ", ".join(named[:_MOST_CELLS]) + (f" and {plural(rest, 'other')}" if rest > 0 else "")


_MOST_ROWS = 100


@section("Runs that did not end well, or not yet", after="Trends at half the budget")
def failed_runs(results: Results) -> str:
    """Runs that did not end well, each with its reason; empty where all did."""
    rows = [
        [
            code(run.arm),
            prose(group.label(place)) or MISSING,
            str(run.seed),
            *said,
            run_link(results, run),
        ]
        for group in results.groups
        for place in group.cells
        for run in place.every
        if (said := _reason(run))
    ]
    if not rows:
        return ""
    rest = len(rows) - _MOST_ROWS
    more = f"\n\n{plural(rest, 'further run')} in runs.csv." if rest > 0 else ""
    header = ["family", "cell", "seed", "status", "reason", "run"]
    return table(header, rows[:_MOST_ROWS], left=6) + more


def _reason(run: RecordedRun) -> tuple[str, str] | None:
    if run.status != "ok":
        return prose(run.status), prose(run.tags.reason) or "no reason recorded"
    odd = [
        name
        for name, value in sorted(run.record.metrics.items())
        if name.startswith(("val/", "test")) and not math.isfinite(value)
    ]
    return (run.status, f"not finite and left out: {prose(join(odd))}") if odd else None
