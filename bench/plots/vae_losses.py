"""A VAE's loss on train and on validation images in one panel, in nats per image."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bench.plots import Drawing, plot
from bench.plots.axes import GRAY, legend_below, line_look, panels, scale_y
from bench.plots.curves import (
    by_x,
    curve_rows,
    cut_seeds,
    images_seen_axis,
    mark_warm_up,
    warmed_up,
)
from bench.results.results import Results

_KEYS = ["arm", "level", "seed", "images_seen"]
_LOOKS: dict[str, dict[str, Any]] = {
    "train": {"linestyle": "-", "linewidth": 1.2},
    "validation": {"linestyle": "--", "marker": "o", "markersize": 4},
}


def numbers(results: Results) -> pd.DataFrame:
    """Mean over seeds of KL - log p(x|z): ``arm, level, split, images_seen, value``.

    Both with KL factor 1, whatever a run trained on, so that the two may be compared.
    """
    parts = [
        rows
        for arm in results.arms
        for name in results.elbos
        if len(train := _trained(results, arm))
        and (held_out := curve_rows(results, arm, f"val/{name}"))
        for rows in (train, _rows(held_out, "validation", sign=-1))
    ]
    if not parts:
        return pd.DataFrame()
    rows = pd.concat(parts, ignore_index=True)
    keys = ["arm", "level", "split", "images_seen"]
    return rows.groupby(keys, sort=False)["value"].mean().reset_index()


def _trained(results: Results, arm: str) -> pd.DataFrame:
    """The loss at each log; no rows where it has not the two terms."""
    kl, fit = (curve_rows(results, arm, f"train/{name}_nats") for name in ("kl", "reconstruction"))
    if not (kl and fit):
        return pd.DataFrame()
    terms = pd.DataFrame.from_records(kl).merge(pd.DataFrame.from_records(fit), on=_KEYS)
    terms["value"] = terms["value_x"] - terms["value_y"]
    return terms[[*_KEYS, "value"]].assign(split="train")


def _rows(curve: list[dict[str, object]], split: str, *, sign: int) -> pd.DataFrame:
    rows = pd.DataFrame.from_records(curve)
    return rows.assign(split=split, value=sign * rows["value"])


@plot(
    "vae_losses",
    title="Losses of VAEs on train and validation images",
    summary="a VAE's loss on train and validation images against images seen",
    order=51,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """A panel for each arm with a likelihood, whose losses share no scale with another's."""
    arms = rows.groupby("arm", sort=False)
    figure, axes = panels(
        len(arms), top=0.9, height=2.6, columns=2, ylabel="nats per image\n(lower is better)"
    )
    warm = []
    for panel, (arm, mine) in zip(axes, arms, strict=True):
        scale_y(panel, mine["value"].tolist(), log=False)
        _draw_arm(panel, mine, results.x_values)
        panel.set_title(str(arm))
        warm.append(mark_warm_up(panel, results, str(arm)))
    for panel in axes[-2:]:
        panel.set_xlabel("real images seen")
    legend_below(figure, *axes, title=results.x_name or None)
    caption = (
        f"KL divergence less log p(x|z){by_x(results, ', ')}, mean over seeds, with the KL at factor 1: of train "
        "images the mean over the steps since the last log, as the network was then; of validation "
        "images at each validation. What a run minimised, warm-up and factor of the KL included, "
        f"is in the training losses.{warmed_up(warm)}{cut_seeds(results)}"
    )
    ends = "; ".join(f"{arm}: {_gap(mine)}" for arm, mine in arms)
    return Drawing(
        figure, caption, f"Losses of VAEs on train and validation images{by_x(results)}: {ends}."
    )


def _draw_arm(panel: Axes, rows: pd.DataFrame, levels: list[str]) -> None:
    for split, shown in _LOOKS.items():
        panel.plot([], [], color=GRAY, label=split, **shown)
    for (level, kind), mine in rows.groupby(["level", "split"], sort=False):
        look = {**line_look(levels, str(level), "viridis"), "marker": "", **_LOOKS[str(kind)]}
        label = str(level) if kind == "train" and len(levels) > 1 else None
        panel.plot(mine["images_seen"], mine["value"], label=label, **look)
    images_seen_axis(panel)


def _gap(rows: pd.DataFrame) -> str:
    """The last two losses in words, of the level that stands first."""
    first = rows[rows["level"] == rows["level"].iloc[0]]
    last = {split: mine["value"].iloc[-1] for split, mine in first.groupby("split")}
    return f"{last['train']:.1f} on train, {last['validation']:.1f} on validation images"
