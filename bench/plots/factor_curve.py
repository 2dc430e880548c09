"""Test distance against the study's x factor, with baselines and the floor."""

from __future__ import annotations

import pandas as pd

from bench.plan.study import FRESH_SEED
from bench.plots import Drawing, plot
from bench.plots.axes import label_lines, legend_below, panels, scale_y
from bench.plots.factor import describe, draw_factor, held_factors
from bench.plots.references import in_sight, named_lines, reference_rows
from bench.results.results import Results
from bench.results.trends import factor_rows


def numbers(results: Results) -> pd.DataFrame:
    """``factor_rows`` of the test metric, and a row of ``kind`` line for each reference."""
    rows = factor_rows(results, results.test_metric, lambda run: run.value(results.test_metric))
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame.from_records([*rows, *reference_rows(results)])


@plot(
    "factor_curve",
    title="Test distance",
    summary="test distance against the x factor, with baselines and floor",
    order=10,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """One panel; references are horizontal lines named at the right."""
    name, x = results.test_metric_name, results.x_name
    figure, (axes,) = panels(1, height=4.4, ylabel=f"test {name} (lower is better)")
    scale_y(axes, in_sight(rows))
    draw_factor(axes, rows, results)
    named = named_lines(rows)
    label_lines(axes, named)
    axes.set_title(f"Test distance after {results.budget()} real images per run")
    legend_below(figure, axes)
    caption = (
        f"Distance to the test split against {x}, last checkpoint. Small dots are seeds (hollow: "
        "collapsed), lines join their means (geometric ones of a Frechet distance), bars are 95 % t intervals over seeds, an arrow "
        f"where one goes on beyond the edge. It shows what is learnt after {results.budget()} images: within a small budget a "
        "deeper or larger network may be late, which does not make it worse."
        f"{held_factors(results)}{_of_choosing_seeds(results)}"
    )
    references = "".join(f" {text}." for _, text in sorted(named))
    return Drawing(figure, caption, describe(rows, f"Test {name}", x) + references)


def _of_choosing_seeds(results: Results) -> str:
    """That the table has other numbers; empty where no chosen cell was run on fresh seeds."""
    if not any(place.runs[0].seed >= FRESH_SEED for place in results.chosen_cells):
        return ""
    return (
        " These are the seeds that chose the cells; the answer and the tables of families have the chosen "
        "ones on fresh seeds, whose values differ."
    )
