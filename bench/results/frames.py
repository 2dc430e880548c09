"""Runs as pandas frames: one row for each run, and their curves in long form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from bench.records import RunRecord, RunTags
from bench.results.results import Point
from bench.results.runs import RecordedRun

FIRST = ("study", "tier", "dataset", "family", "model", "seed", "role", "status", "reason")
"""Columns behind the run's id."""

LEFT_OUT = {"command", "folder", "measures", "trained_by", "measured_by", "study_key"}
"""Tags that are no facts of a run: what was typed, where it lies, JSON for ourselves."""

CURVE_COLUMNS = ("run_id", "family", "seed", "name", "images_seen", "value")

Histories = Callable[[Sequence[str], str], Mapping[str, Sequence[Point]]]
"""``histories(run_ids, name)``: the points of the runs that have any."""

_NUMBERS = {one.name for one in fields(RunTags) if one.type != "str"}


def results_frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """One row for each run: what it is, whether it counts, its settings, its last values.

    ``counts`` is False where another run took the place of this one: reports leave it out. Settings
    are numbers where all of a column are, else text; what a run does not have is missing.
    """
    runs = [RecordedRun(record) for record in records]
    said = {tag for run in runs for tag in run.record.tags if not tag.startswith("bench.")}
    tags = said - LEFT_OUT - {*FIRST}
    params = {key for run in runs for key in run.record.params} - {"model"}
    values = {name for run in runs for name in run.record.metrics}
    columns: dict[str, pd.Series[Any]] = {"run_id": _text([run.record.run_id for run in runs])}
    for tag in (*FIRST, *sorted(tags)):
        columns[tag] = _tag(runs, tag)
    columns["counts"] = pd.Series(
        [not (run.is_superseded or run.tags.is_retired) for run in runs], dtype="bool"
    )
    for key in sorted(params):
        columns[key] = _setting([run.record.params.get(key) for run in runs])
    for name in sorted(values):
        found = [run.record.metrics.get(name) for run in runs]
        columns[name] = pd.Series(found, dtype="float64")
    return pd.DataFrame(columns)


def curves_frame(records: Sequence[RunRecord], histories: Histories) -> pd.DataFrame:
    """Every curve of training and validation: a row for each run, name and number of images seen."""
    runs = {record.run_id: RecordedRun(record) for record in records}
    named = {name for record in records for name in record.metrics}
    rows = []
    for name in sorted(name for name in named if name.startswith(("train/", "val/"))):
        having = [run_id for run_id, run in runs.items() if name in run.record.metrics]
        for run_id, points in histories(having, name).items():
            run = runs[run_id]
            rows += [(run_id, run.arm, run.seed, name, seen, value) for seen, value in points]
    place = {run_id: number for number, run_id in enumerate(runs)}
    rows.sort(key=lambda row: (place[row[0]], row[3], row[4]))
    frame = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    return frame.astype({"seed": "int64", "images_seen": "int64", "value": "float64"})


def _tag(runs: Sequence[RecordedRun], tag: str) -> pd.Series[Any]:
    if tag == "status":
        return _text([run.status for run in runs])
    if tag == "seed":
        return pd.Series([run.seed for run in runs], dtype="int64")
    if tag in _NUMBERS:
        return pd.Series([getattr(run.tags, tag) for run in runs], dtype="Int64")
    return _text([run.record.tags.get(tag) for run in runs])


def _setting(texts: Sequence[str | None]) -> pd.Series[Any]:
    """A column of settings, which are tracked as text."""
    there = [text for text in texts if text is not None]
    if {*there} <= {"True", "False"}:
        return pd.Series([None if t is None else t == "True" for t in texts], dtype="boolean")
    for kind, dtype in ((int, "Int64"), (float, "float64")):
        if all(_is(kind, text) for text in there):
            return pd.Series([None if t is None else kind(t) for t in texts], dtype=dtype)
    return _text(texts)


def _is(kind: type[int | float], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _text(texts: Sequence[str | None]) -> pd.Series[Any]:
    return pd.Series(list(texts), dtype="object")
