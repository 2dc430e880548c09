"""Training losses against real images seen, a panel for each arm and loss."""

from __future__ import annotations

import re

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.axes import legend_below, panels, scale_y
from bench.plots.curves import curve_rows, cut_seeds, draw_curves, drawn, means
from bench.results.results import Results

_LOSS = re.compile(r"train/(\w+_)?loss")


def numbers(results: Results) -> pd.DataFrame:
    """Mean over seeds of every ``train/...loss``: ``arm, name, level, images_seen, value``."""
    parts = []
    for arm in results.arms:
        runs = [run for _, place in results.lines(arm) for run in drawn(place)]
        logged = {name for run in runs for name in (*run.record.metrics, *run.record.histories)}
        names = {name for name in logged if _LOSS.fullmatch(name)}
        for name in sorted(names):
            rows = pd.DataFrame.from_records(curve_rows(results, arm, name))
            if len(rows):
                parts.append(means(rows).assign(arm=arm, name=name))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@plot(
    "loss_curves",
    title="Training losses",
    summary="training losses against images seen",
    order=50,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Panels with axes of their own: losses of different families mean different things."""
    pairs = list(dict.fromkeys(zip(rows["arm"], rows["name"], strict=True)))
    levels = results.x_values
    figure, axes = panels(len(pairs), top=0.9, height=2.2)
    for panel, (arm, name) in zip(axes, pairs, strict=True):
        mine = rows[(rows["arm"] == arm) & (rows["name"] == name)]
        scale_y(panel, mine["value"].tolist(), log=False)
        draw_curves(panel, mine, levels, seeds=False)
        panel.set_title(f"{arm}\n{name.partition('/')[2]}")
    for panel in axes[-3:]:
        panel.set_xlabel("real images seen")
    x = results.x_name or "settings"
    legend_below(figure, *axes, title=x)
    shown = "; ".join(f"{arm}: {name.partition('/')[2]}" for arm, name in pairs)
    caption = (
        f"What was minimised, mean over seeds and over the steps since the last log, by {x}. "
        "Losses of different families share no scale, and none of them measures quality."
        f"{cut_seeds(results)}"
    )
    return Drawing(figure, caption, f"Training losses against images seen by {x}: {shown}.")
