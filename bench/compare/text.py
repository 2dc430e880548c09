"""Runs side by side as markdown, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bench.compare.config_groups import ConfigGroup
from bench.compare.runs import Row, SideBySide
from bench.measures import Better
from bench.results.decisions import Comparison
from bench.results.format import (
    MISSING,
    NOT_APPLICABLE,
    bare_p,
    bounds,
    code,
    count,
    effect,
    footnotes,
    join,
    measured,
    seconds,
    span,
    table,
)
from bench.results.runs import RecordedRun

_ARROWS: dict[Better | None, str] = {"lower": " ↓", "higher": " ↑", None: ""}
_ELSEWHERE = "another row"


def markdown(found: SideBySide) -> str:
    """The table, its notes, and the runs of each column."""
    shows_test = len(found.columns) == 2 and any(row.comparisons for row in found.rows)
    header = ["measure", *(code(column.label) for column in found.columns)]
    lines = [
        ["runs", *(_counted(run.status for run in column.runs) for column in found.columns)],
        *(_line(row, found.columns) for row in found.rows),
    ]
    if shows_test:
        header += ["difference, or ratio (×) [95 % interval]", "p"]
        tests = [["", ""], *(_test_cells(row) for row in found.rows)]
        lines = [[*line, *cells] for line, cells in zip(lines, tests, strict=True)]
    text = table(header, lines)
    missing = f"{MISSING}: not measured." if f" {MISSING} " in text else ""
    notes = "\n".join(f"- {note}" for note in [*found.notes, footnotes(text), missing] if note)
    runs = "\n".join(f"- {code(column.label)}: {_named(column.runs)}" for column in found.columns)
    return f"{text}\n\n{notes}\n\nRuns:\n\n{runs}"


def to_json(found: SideBySide) -> dict[str, Any]:
    """JSON values, every number whole."""
    return {
        "columns": {c.label: [run.record.run_id for run in c.runs] for c in found.columns},
        "rows": [_row_json(row, found.columns) for row in found.rows],
        "notes": list(found.notes),
    }


def _line(row: Row, columns: Sequence[ConfigGroup]) -> list[str]:
    apart = f" ({join(row.apart)})" if row.apart else ""
    arrow = _ARROWS[row.measure.better]
    return [
        f"{code(row.measure.name)}{arrow}{apart}",
        *(_cell(row, i, c) for i, c in enumerate(columns)),
    ]


def _cell(row: Row, i: int, column: ConfigGroup) -> str:
    values = column.values(row.metric)
    if i not in row.members:
        if values:
            return _ELSEWHERE
        return NOT_APPLICABLE if column.lacks(row.measure) else MISSING
    if row.measure.split == "cost":
        return span(values, seconds if row.metric.endswith("_seconds") else count)
    text = measured(row.metric, values, num_lost=column.num_lost)
    return f"**{text}**" if i == row.best else text


def _counted(statuses: Iterable[str]) -> str:
    """``2 ok, 1 diverged``."""
    return ", ".join(f"{number} {status}" for status, number in Counter(statuses).items())


def _test_cells(row: Row) -> list[str]:
    """Difference or ratio, and p, of the only pair of two columns."""
    d = row.comparisons[0].difference if row.comparisons else None
    return ["", ""] if d is None else [effect(d), bare_p(d.p)]


def _named(runs: Sequence[RecordedRun]) -> str:
    return ", ".join(f"seed {run.seed} {code(run.record.run_id)}" for run in runs)


def _row_json(row: Row, columns: Sequence[ConfigGroup]) -> dict[str, Any]:
    return {
        "measure": row.metric,
        "better": row.measure.better,
        "apart": list(row.apart),
        "values": {columns[i].label: columns[i].values(row.metric) for i in row.members},
        "best": None if row.best is None else columns[row.best].label,
        "tests": [_test_json(comparison, columns) for comparison in row.comparisons],
    }


def _test_json(comparison: Comparison, columns: Sequence[ConfigGroup]) -> dict[str, Any]:
    d = comparison.difference
    return {
        "pair": [columns[int(arm)].label for arm in (comparison.a, comparison.b)],
        "ratio" if d and d.is_ratio else "difference": d and bounds(d),
        "p": d and d.p,
        "p_holm": comparison.p,
    }
