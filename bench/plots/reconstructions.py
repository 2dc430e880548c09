"""Validation images beside their reconstructions, for the models that have them."""

from __future__ import annotations

import pandas as pd

from bench.plots import DPI, PLOTS, Drawing, Plot
from bench.plots.boards import board, evenly, line_title, listed, median_run
from bench.results.numbers import Results

_MOST_COLUMNS = 5


def numbers(results: Results) -> pd.DataFrame:
    """Which run is shown where: ``row, column, title, run_id``; a row for each arm with an encoder."""
    rows = []
    for arm in results.arms:
        line = dict(results.lines(arm))
        for level in evenly(list(line), _MOST_COLUMNS):
            run = median_run(results, line[level])
            if run and run.value("test/reconstruction_error") is not None:
                title = line_title(results, arm, level, run)
                rows.append((arm, level, title, run.record.run_id))
    return pd.DataFrame(rows, columns=["row", "column", "title", "run_id"])


def draw(rows: pd.DataFrame, results: Results) -> Drawing | None:
    """The board; None where no run has a picture of reconstructions."""
    figure = board(rows, results, "reconstructions", dpi=DPI)
    if figure is None:
        return None
    caption = (
        "Pairs of a validation image and, at its right, its reconstruction; of each cell that is "
        "shown the seed whose validation distance is the median."
    )
    return Drawing(figure, caption, f"Grids of reconstructions: {listed(rows['title'])}.")


PLOTS.add(
    "reconstructions",
    Plot(
        title="Reconstructions",
        summary="validation images beside their reconstructions",
        order=70,
        numbers=numbers,
        draw=draw,
    ),
    origin=__name__,
)
