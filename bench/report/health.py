"""The report's section on health: what to know about runs that ended, and which settings to turn."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.tables import statuses
from bench.results.facts import arm_runs
from bench.results.format import MISSING, count, plural, table
from bench.results.numbers import Results
from bench.results.runs import UNFINISHED

_MOST_ROWS = 60


def health(results: Sequence[Results]) -> str:
    """How many runs have no warning, and a row for each cell and kind of warning."""
    ended = [run for group in results for run in arm_runs(group) if run.status != UNFINISHED]
    judged = [run for run in ended if run.warnings is not None]
    if not judged:
        return ""
    well = sum(not run.warnings for run in judged)
    said = [f"{count(well)} of {plural(len(judged), 'run')} {_have(well)} no warning."]
    if len(judged) < len(ended):
        said.append(f"{plural(len(ended) - len(judged), 'run')} not judged: failed, or older.")
    rows = [row for group in results for row in _rows(group)]
    if not rows:
        return " ".join(said)
    said.append(
        "Warnings come from the training curves and the validation split, never from the test "
        "split; where several runs of a cell have one, its first run's words stand here, each run's "
        "own in runs.csv."
    )
    if len(rows) > _MOST_ROWS:
        said.append(f"{plural(len(rows) - _MOST_ROWS, 'further row')} in runs.csv.")
    header = ["family", "cell", "status", "runs", "warning", "what to turn"]
    return f"{' '.join(said)}\n\n{table(header, rows[:_MOST_ROWS], left=6)}"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _rows(results: Results) -> list[list[str]]:
    return [
        [
            f"`{place.arm}`",
            results.label(place) or MISSING,
            statuses(place),
            f"{len(found)} of {len(place.runs)}",
            found[0].sentence,
            found[0].turn or MISSING,
        ]
        for arm in results.arms
        for place in results.places_of(arm)
        for found in place.warnings().values()
    ]
