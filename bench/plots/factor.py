"""A panel over the study's x factor: means, t intervals and every seed of each arm."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.markers import CARETDOWNBASE, CARETUPBASE

from bench.plots.axes import GRAY, line_look
from bench.results.format import join, significant
from bench.results.results import Results, short

_ARROW: dict[str, Any] = {"linestyle": "none", "markersize": 6, "clip_on": False, "zorder": 5}


def draw_factor(axes: Axes, numbers: pd.DataFrame, results: Results) -> None:
    """Draws one panel's rows on a scaled axis; arms stand side by side at each value of x."""
    levels = results.x_values
    arms = [arm for arm in results.arms if arm in set(numbers["arm"].dropna())]
    for i, arm in enumerate(arms):
        shift = min(0.2, 0.6 / len(arms)) * (i - (len(arms) - 1) / 2)
        mine = numbers[numbers["arm"] == arm]
        mine = mine.assign(at=[levels.index(value) + shift for value in mine["x"]])
        draw_arm(axes, mine, line_look(results.arms, arm), arm)
    explain(axes, numbers)
    axes.set_xticks(range(len(levels)), levels)
    axes.set(xlim=(-0.5, len(levels) - 0.5), xlabel=results.x_name)
    axes.grid(visible=False, axis="x")


def draw_arm(axes: Axes, mine: pd.DataFrame, look: dict[str, Any], arm: str) -> None:
    """One arm's rows at their places ``at``: means, intervals, seeds and lost runs."""
    means = mine[mine["kind"] == "mean"]
    axes.plot(means["at"], means["value"], **look, markersize=5.5, label=arm, zorder=3)
    known = means.dropna(subset=["low", "high"])
    axes.vlines(
        known["at"], known["low"], known["high"], color=look["color"], linewidth=1, zorder=2
    )
    seeds = mine[mine["kind"] == "seed"]
    for status, face in (("ok", look["color"]), ("collapsed", "white")):
        dots = seeds[seeds["status"] == status]
        axes.plot(
            dots["at"] + 0.07,
            dots["value"],
            linestyle="none",
            marker=".",
            markersize=6,
            markerfacecolor=face,
            markeredgecolor=look["color"],
            markeredgewidth=0.7,
            zorder=4,
        )
    for edge, marker, cut in _cut(axes, known):
        arrows = axes.plot(cut["at"], [edge] * len(cut), **{**look, **_ARROW, "marker": marker})
        arrows[0].set_in_layout(False)  # half of it lies outside, where nothing makes room
    # A cross at the top edge for each run that has no value, one below the other.
    lost = mine[mine["kind"] == "lost"]
    heights = 0.975 - 0.035 * lost.groupby("at").cumcount()
    axes.plot(lost["at"], heights, "x", color=look["color"], transform=axes.get_xaxis_transform())


def _cut(axes: Axes, known: pd.DataFrame) -> list[tuple[float, Any, pd.DataFrame]]:
    """At the lower and the upper edge of the axes: its height, a sign, and what goes beyond it."""
    low, high = axes.get_ylim()
    below, above = known[known["low"] < low], known[known["high"] > high]
    return [(low, CARETDOWNBASE, below), (high, CARETUPBASE, above)]


def explain(axes: Axes, numbers: pd.DataFrame) -> None:
    """Legend entries, after the arms', for the signs that occur."""
    if any(len(cut) for _, _, cut in _cut(axes, numbers[numbers["kind"] == "mean"])):
        look: dict[str, Any] = {"linestyle": "none", "color": GRAY, "markersize": 6}
        axes.plot([], [], marker=CARETUPBASE, label="interval goes on", **look)
    hollow: dict[str, Any] = {"linestyle": "none", "color": GRAY, "markerfacecolor": "white"}
    if (numbers["status"] == "collapsed").any():
        axes.plot([], [], marker=".", markersize=7, label="collapsed", **hollow)
    if (numbers["kind"] == "lost").any():
        axes.plot([], [], marker="x", label="diverged or failed (no value)", **hollow)


def held_factors(results: Results) -> str:
    """Says that factors beside x are held where they were chosen; empty where none varies."""
    others = [k for place in results.cells for k in place.cell.factors if k != results.study.x]
    varied = [
        short(key)
        for key in dict.fromkeys(others)
        if len({p.cell.factors[key] for p in results.cells if key in p.cell.factors}) > 1
    ]
    return f" {join(varied)}: as chosen for each family." if varied else ""


def describe(numbers: pd.DataFrame, what: str, x: str) -> str:
    """Alternative text: every mean that is drawn."""
    means = numbers[numbers["kind"] == "mean"]
    parts = []
    for arm, rows in means.groupby("arm", sort=False):
        points = zip(rows["x"], rows["value"], strict=True)
        parts.append(f"{arm}: " + ", ".join(f"{significant(v)} at {at}" for at, v in points))
    return f"{what} against {x}, means over seeds. {'; '.join(parts)}."
