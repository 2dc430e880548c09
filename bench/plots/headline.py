"""Test distance of each family at its chosen cell, with baselines: the answer at a glance."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.measures import scale_of
from bench.plots import Drawing, plot
from bench.plots.axes import label_lines, legend_below, line_look, panels, scale_y
from bench.plots.factor import draw_arm, explain
from bench.plots.references import in_sight, named_lines, reference_rows
from bench.results.format import significant
from bench.results.results import Results
from bench.results.trends import place_rows

_UPRIGHT = 6
"""Families whose names stand side by side."""


def numbers(results: Results) -> pd.DataFrame:
    """Rows ``arm, kind, value`` of the chosen cells, and of ``kind`` line for each reference."""
    metric = results.test_metric
    rows = [
        {"arm": place.arm, **row}
        for place in results.chosen_cells
        for row in place_rows(place.runs, lambda run: run.value(metric), scale_of(metric))
    ]
    if not any(row["kind"] == "mean" for row in rows):
        return pd.DataFrame()
    return pd.DataFrame.from_records([*rows, *reference_rows(results)])


@plot(
    "headline",
    title="Test distance by family",
    summary="test distance of each family, with baselines and floor",
    order=5,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """A place for each family; references are horizontal lines named at the right."""
    name, arms = results.test_metric_name, [place.arm for place in results.chosen_cells]
    figure, (axes,) = panels(1, height=3.6, ylabel=f"test {name}\n(lower is nearer to real images)")
    scale_y(axes, [*in_sight(rows), *rows["low"].dropna(), *rows["high"].dropna()])
    for i, arm in enumerate(arms):
        mine = rows[rows["arm"] == arm].assign(at=float(i))
        draw_arm(axes, mine, {**line_look(results.arms, arm), "linestyle": "none"}, arm)
    explain(axes, rows)
    named = named_lines(rows)
    label_lines(axes, named)
    labels = [f"{p.arm}\n{results.label(p)}".strip() for p in results.chosen_cells]
    slant: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(arms) > _UPRIGHT else {}
    axes.set_xticks(range(len(arms)), labels, **slant)
    axes.set(
        xlim=(-0.5, len(arms) - 0.5),
        xlabel="family",
        title=f"After {results.budget()} real images per run",
    )
    axes.grid(visible=False, axis="x")
    legend_below(figure, axes)
    caption = (
        "Distance between generated images and the test split, last checkpoint. Large signs are "
        "means over seeds with 95 % intervals, small dots are seeds (hollow: collapsed), dashed "
        "lines are what images that no family made get."
    )
    return Drawing(figure, caption, _alt(rows, named))


def _alt(rows: pd.DataFrame, named: list[tuple[float, str]]) -> str:
    means = rows[rows["kind"] == "mean"]
    parts = [f"{a} {significant(v)}" for a, v in zip(means["arm"], means["value"], strict=True)]
    references = "".join(f" {text}." for _, text in sorted(named))
    return f"Test distance by family, means over seeds: {', '.join(parts)}.{references}"
