"""Lines that figures of the test distance draw for what no family has made, and which are in sight."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.results.format import significant
from bench.results.results import Results
from bench.results.summary import floor_of_test_metric

_SIGHT = 2.0
"""How many times beyond the runs' values a reference line is still drawn."""


def reference_rows(results: Results) -> list[dict[str, Any]]:
    """A row of ``kind`` line for each baseline, and for the floor."""
    known = {
        place.arm.replace("_", " "): place.mean(results.test_metric) for place in results.baselines
    }
    if floor := floor_of_test_metric(results):
        known["floor: real train"] = floor.mean
    lines = [(label, value) for label, value in known.items() if value is not None]
    return [{"kind": "line", "label": label, "value": value} for label, value in lines]


def named_lines(rows: pd.DataFrame) -> list[tuple[float, str]]:
    """Height and name of each reference."""
    lines = rows[rows["kind"] == "line"]
    return [
        (value, f"{label} {significant(value)}")
        for value, label in zip(lines["value"], lines.get("label", []), strict=True)
    ]


def in_sight(rows: pd.DataFrame) -> list[float]:
    """The runs' values and the references near them: far ones would flatten the curves."""
    is_line = rows["kind"] == "line"
    values: list[float] = rows.loc[~is_line, "value"].dropna().tolist()
    low, high = min(values) / _SIGHT, max(values) * _SIGHT
    lines: list[float] = rows.loc[is_line, "value"].tolist()
    return values + [value for value in lines if low <= value <= high]
