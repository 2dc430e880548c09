"""Modes covered against real images seen, a panel for each arm, of data whose modes are known."""

from __future__ import annotations

import math

import pandas as pd

from bench.measures import largest
from bench.plots import Drawing, plot
from bench.plots.axes import REFERENCE, legend_below, panels
from bench.plots.curves import by_x, curve_rows, cut_seeds, draw_curves, means
from bench.results.format import significant
from bench.results.results import Results

MARGIN = 1.06
"""Height of the y axis over the number of modes."""


def numbers(results: Results) -> pd.DataFrame:
    """``curve_rows`` of the modes that validation's samples cover, and ``most`` that true ones do."""
    name = next(
        (
            str(each)
            for each in largest(results.measured)
            if (each.split, each.measure, each.ending) == ("val", "covered", "")
        ),
        "",
    )
    most = min((place.most(name) for place in results.chosen_cells if name), default=math.inf)
    shown = results.arms if math.isfinite(most) else ()
    rows = [row for arm in shown for row in curve_rows(results, arm, name)]
    return pd.DataFrame.from_records([{**row, "most": most} for row in rows])


@plot(
    "modes_curve",
    title="Modes covered as training goes on",
    summary="modes that samples cover against images seen, where the modes are known",
    order=7,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Panels with one y axis that begins at no mode."""
    most, ends = float(rows["most"].max()), []
    figure, axes = panels(
        rows["arm"].nunique(),
        columns=4,
        top=0.9,
        height=1.9,
        sharey=True,
        ylabel="modes covered",
    )
    axes[0].set_ylim(0, most * MARGIN)
    for panel, (arm, mine) in zip(axes, rows.groupby("arm", sort=False), strict=True):
        draw_curves(panel, mine, results.x_values, seeds=True)
        panel.axhline(most, **REFERENCE)
        panel.set(title=arm, xlabel="real images seen")
        last = means(mine).groupby("level", sort=False)["value"].last()
        ends.append(f"{arm} {', '.join(significant(value) for value in last)}")
    legend_below(figure, *axes, title=results.x_name or None)
    caption = (
        f"True modes that have a good sample among those of a validation, against images seen "
        f"({results.budget()} in all){by_x(results, ', ')}: thick lines are means over seeds, thin lines single "
        f"seeds, the dashed line is what real images cover. Runs that diverged or failed are left "
        f"out.{cut_seeds(results)}"
    )
    return Drawing(figure, caption, f"Modes covered at the end, of {most:g}: {'; '.join(ends)}.")
