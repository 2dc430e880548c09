"""``runs.csv``: every record as a row, with all that a report reads of it; read back by verify."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping

from bench.records import RunRecord
from bench.results.learning import half_name, half_values
from bench.results.results import Results
from bench.results.runs import UNFINISHED, RecordedRun
from bench.text import printable

_FIRST = (
    "family",
    "model",
    "seed",
    "status",
    "reason",
    "health",
    "role",
    "config_digest",
    "git_commit",
    "bench_version",
    "data_digest",
    "detector",
    "detector_digest",
    "passport",
    "primary",
    "test_reads",
    "device",
    "threads",
)
"""Tags that stand in front of the others."""

_LEFT_OUT = {"command", "folder", "measures"}
"""Tags that no report reads, and that may name folders of the machine."""

_NOT_FINITE = "not_finite"

_FORMULA = re.compile("'*[=+@\t-]")
"""Beginnings that a spreadsheet takes for a formula, behind any number of our marks."""


def runs_table(results: Results) -> str:
    """Every record as CSV: tags, parameters, last values, and the validation at half the budget.

    A value that is not finite is left empty, and named in the column ``not_finite``. Before a text
    that a spreadsheet would take for a formula stands ``'``.
    """
    rows = [(run, "yes") for group in results.groups for run in group.runs]
    rows += [(run, "no") for group in results.groups for run in group.unplaced_runs]
    rows += [(run, "trial") for group in results.groups for run in group.trials]
    runs = [run for run, _ in rows]
    said = {tag for run in runs for tag in run.record.tags if _is_tag(tag)}
    tags = [*_FIRST, *sorted(said - {*_FIRST} - _LEFT_OUT)]
    params = sorted({key for run in runs for key in run.record.params} - {*tags})
    values = _values(results, runs)
    metrics = sorted({name for each in values.values() for name in each})
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        map(spreadsheet_cell, ["run_id", "used", *tags, _NOT_FINITE, *params, *metrics])
    )
    for run, is_used in rows:
        known = values[run.record.run_id]
        cells = [run.record.run_id, is_used, *_fields(run, known, tags, params, metrics)]
        writer.writerow(map(spreadsheet_cell, cells))
    return buffer.getvalue()


def read_records(text: str) -> list[RunRecord]:
    """The records that ``runs_table`` wrote, without their curves."""
    rows = read_rows(text)
    return [_record({_text(name): _text(cell) for name, cell in row.items()}) for row in rows]


def read_rows(text: str) -> list[dict[str, str]]:
    """The rows that ``runs_table`` wrote.

    Raises:
        ValueError: No such table: columns are missing, a row has more or fewer cells, or a run
            stands there twice.
    """
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if "run_id" not in (reader.fieldnames or ()):
        raise ValueError("no column run_id")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise ValueError(f"row {number} has another number of cells than the header")
    ids = [row["run_id"] for row in rows]
    if len({*ids}) < len(ids):
        raise ValueError("a run twice")
    return rows


def spreadsheet_cell(text: str) -> str:
    """A text with ``'`` before what a spreadsheet would take for a formula, unless it is a number."""
    shown = printable(text)
    return f"'{shown}" if _FORMULA.match(shown) and not _is_number(shown) else shown


def _text(cell: str) -> str:
    """What ``spreadsheet_cell`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _values(results: Results, runs: Iterable[RecordedRun]) -> dict[str, dict[str, float]]:
    """Run id to its last values, and to that at half of its budget, which the answer reads."""
    halves = {
        run_id: {half_name(group): value}
        for group in results.groups
        for run_id, value in half_values(group).items()
    }
    return {(i := run.record.run_id): {**run.record.metrics, **halves.get(i, {})} for run in runs}


def _fields(
    run: RecordedRun,
    known: Mapping[str, float],
    tags: Iterable[str],
    params: Iterable[str],
    metrics: Iterable[str],
) -> list[str]:
    record = run.record
    said = {**record.tags, "status": run.status}
    values = (known.get(name, math.nan) for name in metrics)
    odd = sorted(name for name, value in known.items() if not math.isfinite(value))
    return [
        *(said.get(tag, "") for tag in tags),
        " ".join(odd),
        *(record.params.get(name, "") for name in params),
        *(repr(value) if math.isfinite(value) else "" for value in values),
    ]


def _record(row: dict[str, str]) -> RunRecord:
    """What a value is, its name says: ``test/...``, ``model.depth``, ``status``."""
    known = {name: v for name, v in row.items() if v and name not in {"run_id", "used"}}
    odd = known.pop(_NOT_FINITE, "").split()
    metrics = {name: float(value) for name, value in known.items() if "/" in name}
    return RunRecord(
        run_id=row["run_id"],
        params={name: value for name, value in known.items() if _is_param(name)},
        tags={name: value for name, value in known.items() if _is_tag(name)},
        metrics=metrics | dict.fromkeys(odd, math.nan),
        finished=row.get("status", UNFINISHED) != UNFINISHED,
    )


def _is_tag(name: str) -> bool:
    return not {".", "/"} & set(name)


def _is_param(name: str) -> bool:
    """``model`` is the one parameter without a prefix, and a tag as well."""
    return name == "model" or ("." in name and "/" not in name)
