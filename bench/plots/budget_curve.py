"""Validation distance against the study's x factor at half the budget and at all of it."""

from __future__ import annotations

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.axes import legend_below, panels, scale_y
from bench.plots.factor import describe, draw_factor
from bench.plots.references import draw_lines, validation_lines
from bench.results.results import Results
from bench.results.trends import factor_rows, half_values


def numbers(results: Results) -> pd.DataFrame:
    """``factor_rows`` of the validation measure, at half the budget and at all of it."""
    values, metric = half_values(results), results.selection_metric
    half = factor_rows(results, "half", lambda run: values.get(run.record.run_id), metric)
    full = factor_rows(results, "full", lambda run: run.value(metric), metric)
    return pd.DataFrame.from_records(half + full if half and full else [])


@plot(
    "budget_curve",
    title="Half the budget",
    summary="validation distance against the x factor at half the budget and all of it",
    order=30,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Two panels with one y axis."""
    name = results.selection_metric_name
    figure, axes = panels(
        2, height=3.7, sharey=True, ylabel=f"validation {name}\n(lower is better)"
    )
    scale_y(axes[0], rows["value"].dropna().tolist())
    alts = []
    for panel, part, share in zip(axes, ("half", "full"), (0.5, 1), strict=True):
        mine, after = rows[rows["panel"] == part], f"after {results.budget(share)} images"
        draw_factor(panel, mine, results)
        panel.set_title(after)
        alts.append(describe(mine, f"Validation {name} {after}", results.x_name))
    draw_lines(axes, validation_lines(results))
    legend_below(figure, *axes)
    caption = (
        f"The same networks on the validation split at half the budget and at all of it: what "
        f"still falls from left to right had not finished learning. {name} counts other images "
        "than the test distance above and is not to be compared with it."
    )
    return Drawing(figure, caption, " ".join(alts))
