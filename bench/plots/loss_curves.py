"""Training losses against real images seen, a panel for each arm and loss."""

from __future__ import annotations

import re

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.axes import legend_below, panels, scale_y
from bench.plots.curves import (
    by_x,
    curve_rows,
    cut_seeds,
    draw_curves,
    drawn,
    mark_warm_up,
    means,
    warmed_up,
)
from bench.results.results import Results

_LOSS = re.compile(r"train/(\w+_)?loss")
SUMMED = "train/summed_loss"
"""Of a game, whose players each have a loss."""


def numbers(results: Results) -> pd.DataFrame:
    """Mean over seeds of every ``train/...loss``, of a game their sum as well.

    Columns ``arm, name, level, images_seen, value``.
    """
    parts = []
    for arm in results.arms:
        runs = [run for _, place in results.lines(arm) for run in drawn(place)]
        logged = {name for run in runs for name in (*run.record.metrics, *run.record.histories)}
        losses = {
            name: pd.DataFrame.from_records(rows)
            for name in sorted(filter(_LOSS.fullmatch, logged))
            if (rows := curve_rows(results, arm, name))
        }
        if len(losses) > 1:
            losses[SUMMED] = _summed(list(losses.values()))
        parts += [means(rows).assign(arm=arm, name=name) for name, rows in losses.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _summed(losses: list[pd.DataFrame]) -> pd.DataFrame:
    """What the players minimise, added up at each log of a run that has all of it."""
    keys = ["arm", "level", "seed", "images_seen"]
    points = pd.concat(losses).groupby(keys, sort=False)["value"].agg(["sum", "size"])
    whole = points[points["size"] == len(losses)].reset_index()
    return whole.rename(columns={"sum": "value"}).assign(name=SUMMED)


@plot(
    "loss_curves",
    title="Training losses",
    summary="training losses against images seen",
    order=50,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Panels with axes of their own: losses of different families mean different things."""
    losses = rows.groupby(["arm", "name"], sort=False)
    figure, axes = panels(len(losses), top=0.9, height=2.2, ylabel="training loss")
    warm = []
    for panel, ((arm, name), mine) in zip(axes, losses, strict=True):
        scale_y(panel, mine["value"].tolist(), log=False)
        draw_curves(panel, mine, results.x_values, seeds=False)
        panel.set_title(f"{arm}\n{str(name).partition('/')[2]}{_unit(results, str(arm))}")
        warm.append(mark_warm_up(panel, results, str(arm)))
    for panel in axes[-3:]:
        panel.set_xlabel("real images seen")
    legend_below(figure, *axes, title=results.x_name or None)
    shown = "; ".join(f"{arm}: {str(name).partition('/')[2]}" for (arm, name), _ in losses)
    caption = (
        f"What was minimised, mean over seeds and over the steps since the last log{by_x(results, ', ')}. "
        "Losses of different families share no scale, and none of them measures quality; "
        "summed_loss adds up those of a game's players."
        f"{warmed_up(warm)}{cut_seeds(results)}"
    )
    return Drawing(figure, caption, f"Training losses against images seen{by_x(results)}: {shown}.")


def _unit(results: Results, arm: str) -> str:
    """Of a bound on a likelihood nats; what a game minimises has no unit."""
    runs = [run for _, place in results.lines(arm) for run in drawn(place)]
    is_bound = any(run.has_curve("train/reconstruction_nats") for run in runs)
    return " (nats per image)" if is_bound else ""
