"""What a code costs against what it loses: KL and minus reconstruction on test, in nats."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.plots import Drawing, plot
from bench.plots.axes import GRAY, legend_below, line_look, panels
from bench.results.format import nats
from bench.results.results import Results
from bench.results.runs import CellRuns
from bench.results.summary import mean_rate, passports, rate_and_distortion

_MARGIN = 0.1


def numbers(results: Results) -> pd.DataFrame:
    """Rows ``panel, arm, x, kind, rate, distortion``; ``kind`` is mean or seed.

    A panel for each passport, the likelihood and form of the data that both values are of; arms
    with one cell alone have no curve.
    """
    rows = []
    for passport in passports(results):
        for arm in results.arms:
            mine = [
                {"panel": passport, "arm": arm, "x": str(x), **row}
                for x, place in results.along_x(arm)
                for row in _points(place, passport)
            ]
            if len({row["x"] for row in mine}) > 1:
                rows += mine
    return pd.DataFrame.from_records(rows)


def _points(place: CellRuns, passport: str) -> list[dict[str, Any]]:
    found = [("seed", rate_and_distortion(run, passport)) for run in place.valued]
    found.append(("mean", mean_rate(place, passport)))
    return [{"kind": kind, "rate": at[0], "distortion": at[1]} for kind, at in found if at]


@plot(
    "rate_distortion",
    title="Rate and distortion",
    summary="KL against minus reconstruction on test, by the x factor",
    order=25,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """A panel for each passport: rates and distortions of different ones share no axis."""
    figure, axes = panels(
        rows["panel"].nunique(),
        top=0.6,
        height=3.6,
        columns=1,
        ylabel="distortion: minus reconstruction\nin nats (lower is better)",
    )
    for panel, (name, mine) in zip(axes, rows.groupby("panel", sort=False), strict=True):
        _limits(panel, mine)
        _iso_lines(panel)
        for arm, points in mine.groupby("arm", sort=False):
            _draw_arm(panel, points, line_look(results.arms, str(arm)), str(arm))
        panel.set(
            title=f"{name} after {results.budget()} real images per run",
            xlabel="rate: KL to the prior in nats per test image",
        )
    legend_below(figure, *axes)
    caption = (
        f"Small dots are runs, the line joins the means over seeds by {results.x_name}, which "
        "stands beside them. Gray lines have one ELBO each: minus rate minus distortion. Nearer to the "
        "lower left is better; along a gray line a model only trades one for the other. "
        "Different likelihoods have panels of their own and are not compared."
    )
    return Drawing(figure, caption, _alt(rows, results.x_name))


def _limits(axes: Axes, mine: pd.DataFrame) -> None:
    for values, limit in ((mine["rate"], axes.set_xlim), (mine["distortion"], axes.set_ylim)):
        low, high = float(values.min()), float(values.max())
        margin = _MARGIN * (high - low) or 0.05 * abs(high) or 1
        limit(low - margin, high + 1.4 * margin)  # names of lines stand at the top
    axes.grid(visible=False)


def _iso_lines(axes: Axes) -> None:
    """Lines of one ELBO, named where they leave the panel at the top or at the left."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    sums = MaxNLocator(8).tick_values(x0 + y0, x1 + y1)
    for total in (float(t) for t in sums if x0 + y0 < t < x1 + y1):
        axes.axline((x0, total - x0), slope=-1, color=GRAY, alpha=0.45, linewidth=0.7, zorder=0)
        at_top = total - y1
        x, y = (at_top, y1) if x0 <= at_top else (x0, total - x0)
        if x > x1 - 0.1 * (x1 - x0):
            continue  # no room for its name
        align: dict[str, Any] = {"ha": "left", "va": "top"} if y == y1 else {"va": "bottom"}
        axes.annotate(
            f"ELBO {0 - total:,.4g}",
            (x, y),
            xytext=(3, -1 if y == y1 else 1),
            textcoords="offset points",
            fontsize=7,
            color=GRAY,
            **align,
        )


def _draw_arm(axes: Axes, mine: pd.DataFrame, look: dict[str, Any], arm: str) -> None:
    seeds, means = mine[mine["kind"] == "seed"], mine[mine["kind"] == "mean"]
    axes.plot(
        seeds["rate"],
        seeds["distortion"],
        linestyle="none",
        marker=".",
        markersize=4,
        color=look["color"],
        alpha=0.6,
        zorder=5,  # above the names, which would hide runs
    )
    axes.plot(means["rate"], means["distortion"], **look, markersize=5.5, label=arm, zorder=3)
    for level, x, y in zip(means["x"], means["rate"], means["distortion"], strict=True):
        axes.annotate(
            level,
            (x, y),
            xytext=(5, 5),
            textcoords="offset points",
            fontsize=8.5,
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
        )


def _alt(rows: pd.DataFrame, factor: str) -> str:
    means = rows[rows["kind"] == "mean"]
    parts = []
    for (panel, arm), mine in means.groupby(["panel", "arm"], sort=False):
        points = zip(mine["x"], mine["rate"], mine["distortion"], strict=True)
        said = ", ".join(f"{nats(rate)} and {nats(lost)} at {x}" for x, rate, lost in points)
        parts.append(f"{arm} ({panel}): {said}")
    return f"Rate and distortion in nats by {factor}, means over seeds. {'; '.join(parts)}."
