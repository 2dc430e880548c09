"""Test distance against what it cost: parameters, seconds, updates, images; with Pareto fronts."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bench.plots import Drawing, plot
from bench.plots.axes import GRAY, LOG_SPREAD, arm_look, legend_below, panels, scale_y
from bench.results.format import significant
from bench.results.results import Results
from bench.results.runs import CellRuns

_UPDATES = re.compile(r"cost/updates_.+")
_GENERATOR = "cost/updates_generator"
_SAME = 0.05
_NEAR = 0.15
"""Names nearer to each other than this share of a panel's width would overlap."""

COSTS = {
    "parameters": "parameters",
    "seconds": "seconds of training",
    "updates": "updates of the generator",
    "images": "real images seen",
}


def numbers(results: Results) -> pd.DataFrame:
    """Rows ``panel, arm, cell, cost, value, is_front``: means over the seeds of each cell.

    A cost that is the same for all cells has no panel, nor has a single cell.
    """
    rows: list[dict[str, Any]] = []
    for panel in COSTS:
        known: list[dict[str, Any]] = [
            {"panel": panel, "arm": p.arm, "cell": results.label(p), "cost": cost, "value": value}
            for p in results.arm_cells
            if (cost := _cost(p, panel)) is not None
            and (value := p.mean(results.test_metric)) is not None
        ]
        if _differ([row["cost"] for row in known]):
            costs, values = ([row[key] for row in known] for key in ("cost", "value"))
            front = _front(list(zip(costs, values, strict=True)))
            rows += [{**row, "is_front": f} for row, f in zip(known, front, strict=True)]
    # Where nothing else differs, seconds tell of the machine alone.
    return pd.DataFrame.from_records(rows if {row["panel"] for row in rows} - {"seconds"} else [])


def _differ(costs: list[float]) -> bool:
    """Whether a cost tells cells apart: whole batches alone make a percent or two."""
    return bool(costs) and max(costs) > (1 + _SAME) * min(costs)


def _cost(place: CellRuns, panel: str) -> float | None:
    if panel == "updates":
        return _updates(place)
    name = {"parameters": "num_parameters", "seconds": "train_seconds", "images": "images_seen"}
    return place.mean(f"cost/{name[panel]}")


def _updates(place: CellRuns) -> float | None:
    """Of the generator; of a model with one phase, that one's."""
    found = {m for run in place.valued for m in run.record.metrics if _UPDATES.fullmatch(m)}
    if _GENERATOR in found:
        return place.mean(_GENERATOR)
    return place.mean(found.pop()) if len(found) == 1 else None


def _front(points: list[tuple[float, float]]) -> list[bool]:
    """Whether no other point costs no more and is no worse, one of both less."""
    lowest: dict[float, float] = {}
    best = float("inf")
    for cost in sorted({cost for cost, _ in points}):
        value = min(v for c, v in points if c == cost)
        if value < best:
            lowest[cost] = best = value
    return [lowest.get(cost) == value for cost, value in points]


@plot(
    "quality_cost",
    title="Quality and cost",
    summary="test distance against parameters, seconds, updates and images, with Pareto fronts",
    order=35,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Panels with one y axis."""
    names = list(dict.fromkeys(rows["panel"]))
    figure, axes = panels(len(names), top=1.0, height=3.0, columns=2, sharey=True)
    scale_y(axes[0], rows["value"].tolist())
    _make_room(axes[0])
    alts = []
    for panel, name in zip(axes, names, strict=True):
        mine = rows[rows["panel"] == name]
        _scale_x(panel, mine["cost"].tolist())
        _draw_front(panel, mine[mine["is_front"]].sort_values("cost"))
        for arm in dict.fromkeys(mine["arm"]):
            _draw_arm(panel, mine[mine["arm"] == arm], arm_look(results.arms, arm), arm)
        panel.set_xlabel(COSTS[name])
        alts.append(_alt(mine, COSTS[name]))
    for panel in axes[::2]:
        panel.set_ylabel(f"test {results.test_metric_name}\n(lower is better)")
    legend_below(figure, *axes)
    caption = (
        "Each point is a cell, the mean over its seeds. Filled points are the Pareto front, which "
        "the line joins: no other cell is both as cheap and as good; for each hollow one another "
        "is, and is better in one of the two. A front of means says nothing of their spread. "
        "Seconds depend on the machine and on what else it did. A model of one phase updates "
        "everything in it."
    )
    return Drawing(figure, caption, " ".join(alts))


def _make_room(axes: Axes) -> None:
    """Space under the lowest point for its name: under a front there is nothing else."""
    low, high = axes.get_ylim()
    is_log = axes.get_yscale() == "log"
    axes.set_ylim(low * (low / high) ** 0.06 if is_log else low - 0.06 * (high - low), high)


def _scale_x(axes: Axes, values: list[float]) -> None:
    low, high = min(values), max(values)
    if low > 0 and high / low > LOG_SPREAD:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.3, high * 1.3)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=7))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        margin = 0.08 * (high - low)
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _brief(x)))


def _brief(value: float) -> str:
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.4g}{name}"
    return f"{value:.4g}"


def _draw_front(axes: Axes, front: pd.DataFrame) -> None:
    """Steps from the cheapest to the best, a few of the cells named."""
    axes.plot(
        front["cost"],
        front["value"],
        drawstyle="steps-post",
        color=GRAY,
        linewidth=1,
        linestyle="--",
        label="Pareto front",
        zorder=1,
    )
    to_axes = axes.transData + axes.transAxes.inverted()
    last = -1.0
    for cell, x, y in zip(
        front["cell"][::-1], front["cost"][::-1], front["value"][::-1], strict=True
    ):
        at = float(to_axes.transform((x, y))[0])
        if last < 0 or last - at > _NEAR:
            axes.annotate(
                cell,
                (x, y),
                xytext=(0, -6),
                textcoords="offset points",
                ha="right" if at > 1 - _NEAR / 2 else "left" if at < _NEAR / 2 else "center",
                va="top",
                fontsize=7.5,
            )
            last = at


def _draw_arm(axes: Axes, mine: pd.DataFrame, look: dict[str, Any], arm: str) -> None:
    plain: dict[str, Any] = {
        "linestyle": "none",
        "color": look["color"],
        "marker": look["marker"],
        "markersize": 6,
    }
    beaten, front = mine[~mine["is_front"]], mine[mine["is_front"]]
    axes.plot(beaten["cost"], beaten["value"], markerfacecolor="white", zorder=2, **plain)
    axes.plot(front["cost"], front["value"], zorder=3, **plain)
    axes.plot([], [], label=arm, **plain)


def _alt(mine: pd.DataFrame, cost: str) -> str:
    front = mine[mine["is_front"]].sort_values("cost")
    points = [
        f"{arm} {cell} ({significant(value)} for {_brief(x)})".replace("  ", " ")
        for arm, cell, value, x in zip(
            front["arm"], front["cell"], front["value"], front["cost"], strict=True
        )
    ]
    return f"Test distance against {cost}: the Pareto front has {', '.join(points)}."
