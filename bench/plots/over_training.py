"""Samples of each family as its training went on, the same noise at each moment."""

from __future__ import annotations

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.boards import board, how_drawn, median_run
from bench.results.results import Results

SHARES = (0.0, 0.125, 0.25, 0.5, 1.0)
"""Of the images of a run: the validations nearest to these are shown."""

SIDE = 160
"""Pixels that samples may be wide."""


def moments(steps: list[int]) -> list[int]:
    """Of ascending steps the first, the last, and those nearest to the shares between them."""
    nearest = (min(steps, key=lambda step: abs(step - share * steps[-1])) for share in SHARES)
    return list(dict.fromkeys(nearest))


def numbers(results: Results) -> pd.DataFrame:
    """A row of the board for each family: the median seed of its chosen cell, ``step`` by ``step``."""
    runs = [(arm, run) for arm in results.arms if (run := median_run(results, results.chosen(arm)))]
    points = results.points([run for _, run in runs], results.selection_metric)
    return pd.DataFrame.from_records(
        [
            {
                "row": arm,
                "column": str(place),
                "title": f"{arm}, seed {run.seed}\n{step:,} images",
                "run_id": run.record.run_id,
                "step": step,
            }
            for arm, run in runs
            if (logged := points.get(run.record.run_id))
            for place, step in enumerate(moments(sorted(x for x, _ in logged)))
        ]
    )


@plot(
    "over_training",
    title="Samples as training goes on",
    summary="samples of each family after some images, more, and all, from the same noise",
    order=62,
    numbers=numbers,
    reads_pictures=True,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing | None:
    """A row for each family; None where no run has pictures of its validations."""
    figure = board(rows, results, "samples", SIDE)
    if figure is None:
        return None
    shown = "; ".join(
        f"{arm} at {', '.join(f'{step:,}' for step in mine['step'])}"
        for arm, mine in rows.groupby("row", sort=False)
    )
    caption = (
        "The first samples of one fixed noise after so many real images, of each family's chosen cell: "
        f"the seed whose validation distance is the median. {how_drawn(results)}"
    )
    return Drawing(figure, caption, f"Grids of samples by images seen: {shown}.")
