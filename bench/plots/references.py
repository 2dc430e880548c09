"""Lines that figures of the test distance draw for what no family has made, and which are in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bench.plots.axes import REFERENCE, label_lines
from bench.results.format import significant
from bench.results.results import Results
from bench.results.summary import floor_of_test_metric

_COLUMNS = ["kind", "label", "value"]

_SIGHT = 2.0
"""How many times beyond the runs' values a reference line is still drawn."""


_FLOOR = "floor: real train"


def reference_rows(results: Results) -> list[dict[str, Any]]:
    """A row of ``kind`` line for each baseline, and for the floor, of the test distance."""
    known = _baselines(results, results.test_metric)
    if floor := floor_of_test_metric(results):
        known[_FLOOR] = floor.mean
    return [{"kind": "line", "label": label, "value": value} for label, value in known.items()]


def _baselines(results: Results, metric: str) -> dict[str, float]:
    known = {place.arm.replace("_", " "): place.mean(metric) for place in results.baselines}
    return {label: value for label, value in known.items() if value is not None}


def test_lines(results: Results) -> list[tuple[float, str]]:
    """Height and name of each reference of the test distance."""
    return named_lines(pd.DataFrame.from_records(reference_rows(results), columns=_COLUMNS))


def validation_lines(results: Results) -> list[tuple[float, str]]:
    """Height and name of each reference of the validation distance."""
    known = _baselines(results, results.selection_metric)
    name = results.selection_metric.replace("val/", "val/floor_train_", 1)
    floors = (run.value(name) for place in results.baselines for run in place.valued)
    if (floor := next((value for value in floors if value is not None), None)) is not None:
        known[_FLOOR] = floor
    return [(value, f"{label} {significant(value)}") for label, value in known.items()]


def draw_lines(panels: Sequence[Axes], named: Sequence[tuple[float, str]]) -> None:
    """The references in every panel of one y axis, named beside the first row, or an arrow to them."""
    places = [panel.get_subplotspec() for panel in panels]
    last = next((i for i, place in enumerate(places) if place and place.is_last_col()), -1)
    beside = panels[last]
    for panel in panels:
        low, high = panel.get_ylim()
        for value, _ in named:
            if panel is not beside and low <= value <= high:
                panel.axhline(value, **REFERENCE)
    label_lines(beside, named)


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
