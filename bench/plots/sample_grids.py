"""Samples side by side: rows are values of the x factor, columns arms, and real images."""

from __future__ import annotations

import pandas as pd

from bench.plots import DPI, PLOTS, Drawing, Plot
from bench.plots.boards import MOST_COLUMNS, board, evenly, line_title, listed, median_run
from bench.results.numbers import GAUSSIAN, REAL_IMAGES, Results

_MOST_ROWS = 6


def numbers(results: Results) -> pd.DataFrame:
    """Which run is shown where: ``row, column, title, run_id``.

    The last column holds references, one below the other: real images, then baselines.
    """
    lines = {arm: dict(results.lines(arm)) for arm in results.arms}
    levels = evenly(results.levels, _MOST_ROWS)
    rows = []
    for level in levels:
        for arm, line in lines.items():
            if level in line and (run := median_run(results, line[level])):
                title = line_title(results, arm, level, run)
                rows.append((level, arm, title, run.record.run_id))
    ranked = sorted(results.baselines, key=lambda p: (p.arm != REAL_IMAGES, p.arm != GAUSSIAN))
    for level, place in zip(levels if rows else [], ranked, strict=False):
        name = "real (train split)" if place.arm == REAL_IMAGES else place.arm.replace("_", " ")
        rows.extend((level, "", name, run.record.run_id) for run in place.valued[:1])
    return _wrapped(pd.DataFrame(rows, columns=["row", "column", "title", "run_id"]))


def _wrapped(rows: pd.DataFrame) -> pd.DataFrame:
    """A single row that is wider than a page as several."""
    if len(set(rows["row"])) != 1 or len(rows) <= MOST_COLUMNS + 1:
        return rows
    order = range(len(rows))
    places = {"row": [str(i // MOST_COLUMNS) for i in order]}
    return rows.assign(**places, column=[str(i % MOST_COLUMNS) for i in order])


def draw(rows: pd.DataFrame, results: Results) -> Drawing | None:
    """The board; None where no run has a picture of samples."""
    figure = board(rows, results, "samples", dpi=DPI)
    if figure is None:
        return None
    caption = (
        "The first samples of one fixed noise, not selected by eye: of each cell that is shown the "
        "seed whose validation distance is the median. Last column: references. Pixels are not smoothed."
    )
    return Drawing(figure, caption, f"Grids of samples: {listed(rows['title'])}.")


PLOTS.add(
    "sample_grids",
    Plot(
        title="Samples",
        summary="samples of every arm side by side, beside real images",
        order=60,
        numbers=numbers,
        draw=draw,
    ),
    origin=__name__,
)
