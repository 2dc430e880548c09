"""Validation distance against real images seen, a panel for each arm."""

from __future__ import annotations

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.axes import legend_below, panels, scale_y
from bench.plots.curves import by_x, curve_rows, cut_seeds, draw_curves, means
from bench.plots.references import draw_lines, validation_lines
from bench.results.format import significant
from bench.results.results import Results


def numbers(results: Results) -> pd.DataFrame:
    """``curve_rows`` of the validation measure for every arm."""
    return pd.DataFrame.from_records(
        [row for arm in results.arms for row in curve_rows(results, arm, results.selection_metric)]
    )


@plot(
    "learning_curves",
    title="Learning curves",
    summary="validation distance against images seen",
    order=40,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Panels with one y axis, so that families can be compared."""
    name, ends = results.selection_metric_name, []
    figure, axes = panels(
        rows["arm"].nunique(),
        top=0.9,
        height=2.5,
        sharey=True,
        ylabel=f"validation {name}\n(lower is better)",
    )
    scale_y(axes[0], rows["value"].tolist())
    for panel, (arm, mine) in zip(axes, rows.groupby("arm", sort=False), strict=True):
        draw_curves(panel, mine, results.x_values, seeds=True)
        panel.set(title=arm, xlabel="real images seen")
        last = means(mine).groupby("level", sort=False)["value"].last()
        level = " ({})" if results.x_name else ""
        said = (f"{significant(v)}{level.format(k)}" for k, v in last.items())
        ends.append(f"{arm} ends at {', '.join(said)}")
    draw_lines(axes, validation_lines(results))
    legend_below(figure, *axes, title=results.x_name or None)
    caption = (
        f"Validation distance against images seen{by_x(results, ', ')}: thick lines are means over seeds, thin "
        f"lines single seeds, dashed lines what images that no family made get. Runs that diverged or failed are left out.{cut_seeds(results)}"
    )
    return Drawing(figure, caption, f"Validation {name}{by_x(results)}. {'; '.join(ends)}.")
