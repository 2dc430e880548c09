"""Panels of curves over images seen: a line for each value of the x factor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.measures import mean_of
from bench.plots.axes import line_look
from bench.results.results import Results
from bench.results.runs import CellRuns, RecordedRun

MOST_SEEDS = 20
"""Seeds of a cell whose curves are read and drawn."""

WARM_UP = "KL warm-up"


def curve_rows(results: Results, arm: str, name: str) -> list[dict[str, Any]]:
    """Rows ``arm, name, level, seed, images_seen, value`` of the runs that have values."""
    shown = [(level, run) for level, place in results.lines(arm) for run in drawn(place)]
    points = results.points([run for _, run in shown], name)
    return [
        {"arm": arm, "name": name, "level": level, "seed": run.seed, "images_seen": x, "value": y}
        for level, run in shown
        for x, y in points.get(run.record.run_id, [])
    ]


def drawn(place: CellRuns) -> tuple[RecordedRun, ...]:
    """The runs whose curves are drawn: the first seeds that have values."""
    return place.valued[:MOST_SEEDS]


def cut_seeds(results: Results) -> str:
    """Says so where cells have more seeds than are drawn; empty otherwise."""
    places = [place for arm in results.arms for _, place in results.lines(arm)]
    are_cut = any(len(place.valued) > MOST_SEEDS for place in places)
    return f" Of each cell the first {MOST_SEEDS} seeds." if are_cut else ""


def mark_warm_up(axes: Axes, results: Results, arm: str) -> bool:
    """Shades the images over which an arm's KL factor rises; whether it has such ones."""
    runs = [run for _, place in results.lines(arm) for run in drawn(place)]
    ends = [
        float(share) * int(images)
        for run in runs
        if (share := run.param("kl_warmup")) and (images := run.param("train.num_images"))
    ]
    if not any(ends):
        return False
    axes.axvspan(0, max(ends), color="0.5", alpha=0.13, linewidth=0, label=WARM_UP, zorder=0)
    return True


def by_x(results: Results, before: str = " ") -> str:
    """``by depth`` with what stands before it: how a panel's lines differ; empty where by nothing."""
    return f"{before}by {results.x_name}" if results.x_name else ""


def warmed_up(marked: Sequence[bool]) -> str:
    """Says what is shaded; empty where nothing is."""
    return " Shaded: while the KL factor rises to its full weight." if any(marked) else ""


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over the seeds at each logged point, ``level, images_seen, value``, of one name."""
    mean = partial(mean_of, str(rows["name"].iloc[0]))
    points = rows.groupby(["level", "images_seen"], sort=False)["value"]
    return points.agg(lambda values: mean(values.tolist())).reset_index()


def draw_curves(axes: Axes, rows: pd.DataFrame, levels: list[str], *, seeds: bool) -> None:
    """Mean lines, and the seeds thinly behind them.

    Args:
        axes: One panel.
        rows: ``curve_rows`` of one arm and name.
        levels: Every level of the figure, for colours that agree between panels.
        seeds: Whether each seed is drawn too.
    """
    for level, mean in means(rows).groupby("level", sort=False):
        look = line_look(levels, str(level), "viridis")
        if seeds:
            for _, one in rows[rows["level"] == level].groupby("seed"):
                axes.plot(
                    one["images_seen"], one["value"], color=look["color"], linewidth=0.6, alpha=0.45
                )
        every, label = max(1, math.ceil(len(mean) / 6)), level if len(levels) > 1 else None
        axes.plot(
            mean["images_seen"], mean["value"], **look, markersize=4, markevery=every, label=label
        )
    images_seen_axis(axes)


def images_seen_axis(axes: Axes) -> None:
    """Few ticks along the images seen, in thousands or millions."""
    axes.xaxis.set(major_locator=MaxNLocator(4), major_formatter=FuncFormatter(_in_short))


def _in_short(images: float, _: object) -> str:
    """24000 to ``24k`` and 1500000 to ``1.5M``, so that tick labels stand apart."""
    unit, letter = next((each for each in ((1e6, "M"), (1e3, "k")) if images >= each[0]), (1.0, ""))
    return f"{images / unit:.4g}{letter}"
