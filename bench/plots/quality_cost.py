"""Test distance against what it cost: parameters, seconds, updates, images; with Pareto fronts."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bench.plots import Drawing, plot
from bench.plots.axes import GRAY, LOG_SPREAD, legend_below, line_look, panels, scale_y
from bench.plots.references import draw_lines, test_lines
from bench.results.format import significant
from bench.results.results import Results
from bench.results.runs import CellRuns

_SAME = 0.05
"""Costs that differ by less than this share do not tell cells apart: whole batches make some."""
_NEAR = 0.15
"""Names nearer to each other than this share of a panel's width would overlap."""

_ROOM = 0.2
"""Share of a panel's height under its lowest point, for names."""

_LINE = 10
"""Points between two lines of names."""

COSTS = {
    "parameters": "parameters",
    "seconds": "seconds of training",
    "updates": "updates of the generator",
    "images": "real images seen",
}
_METRICS = {
    "parameters": "cost/num_parameters",
    "seconds": "cost/train_seconds",
    "images": "cost/images_seen",
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
            if (cost := p.mean(_METRICS.get(panel) or _updates(p))) is not None
            and (value := p.mean(results.test_metric)) is not None
        ]
        costs, values = ([row[key] for row in known] for key in ("cost", "value"))
        if known and max(costs) > (1 + _SAME) * min(costs):
            front = _front(list(zip(costs, values, strict=True)))
            rows += [{**row, "is_front": f} for row, f in zip(known, front, strict=True)]
    # Where nothing else differs, seconds tell of the machine alone.
    return pd.DataFrame.from_records(rows if {row["panel"] for row in rows} - {"seconds"} else [])


def _updates(place: CellRuns) -> str:
    """The metric that counts those of the generator; of a model with one phase, that one's."""
    logged = {name for run in place.valued for name in run.record.metrics}
    found = [name for name in logged if name.startswith("cost/updates_")]
    return found[0] if len(found) == 1 else "cost/updates_generator"


def _front(points: list[tuple[float, float]]) -> list[bool]:
    """Whether no other point costs no more and is no worse, one of both less."""
    return [
        not any(c <= cost and v <= value and (c, v) != (cost, value) for c, v in points)
        for cost, value in points
    ]


@plot(
    "quality_cost",
    title="Quality and cost",
    summary="test distance against parameters, seconds, updates and images, with Pareto fronts",
    order=35,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Panels with one y axis."""
    figure, axes = panels(
        rows["panel"].nunique(),
        top=1.0,
        height=3.0,
        columns=2,
        sharey=True,
        ylabel=f"test {results.test_metric_name}\n(lower is better)",
    )
    scale_y(axes[0], rows["value"].tolist())
    _make_room(axes[0])
    alts = []
    for panel, (name, mine) in zip(axes, rows.groupby("panel", sort=False), strict=True):
        cost = COSTS[str(name)]
        _scale_x(panel, mine["cost"].tolist())
        _draw_front(panel, mine[mine["is_front"]].sort_values("cost"))
        for arm, points in mine.groupby("arm", sort=False):
            _draw_arm(panel, points, line_look(results.arms, str(arm)), str(arm))
        panel.set_xlabel(cost)
        alts.append(_alt(mine, cost))
    draw_lines(axes, test_lines(results))
    legend_below(figure, *axes)
    caption = (
        "Each point is a cell, the mean over its seeds. Filled points are the Pareto front, which "
        "the line joins: no other cell is both as cheap and as good; for each hollow one another "
        "is, and is better in one of the two. A front of means says nothing of their spread. "
        "Seconds depend on the machine and on what else it did. A model of one phase updates "
        "everything in it. Dashed lines are what images that no family made get."
    )
    return Drawing(figure, caption, " ".join(alts))


def _make_room(axes: Axes) -> None:
    """Space under the lowest point for its name: under a front there is nothing else."""
    low, high = axes.get_ylim()
    is_log = axes.get_yscale() == "log"
    axes.set_ylim(low * (low / high) ** _ROOM if is_log else low - _ROOM * (high - low), high)


def _scale_x(axes: Axes, values: list[float]) -> None:
    low, high = min(values), max(values)
    if low > 0 and high / low > LOG_SPREAD:
        axes.set(xscale="log", xlim=(low / 1.3, high * 1.3))
        ticks = LogLocator(subs=(1, 3), numticks=7)
        axes.xaxis.set(major_locator=ticks, minor_locator=NullLocator())
    else:
        margin = 0.08 * (high - low)
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(_brief))


def _brief(value: float, _: object = None) -> str:
    unit, name = next((pair for pair in ((1e6, "M"), (1e3, "k")) if value >= pair[0]), (1, ""))
    return f"{value / unit:.4g}{name}"


def _draw_front(axes: Axes, front: pd.DataFrame) -> None:
    """Steps from the cheapest to the best, a cells named."""
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
    places = [float(to_axes.transform(point)[0]) for point in front[["cost", "value"]].to_numpy()]
    names = [cell or arm for cell, arm in zip(front["cell"], front["arm"], strict=True)]
    for name, x, y, at, line in zip(
        names, front["cost"], front["value"], places, _lines(places), strict=True
    ):
        axes.annotate(
            name,
            (x, y),
            xytext=(0, -6 - _LINE * line),
            textcoords="offset points",
            ha="right" if at > 1 - _NEAR / 2 else "left" if at < _NEAR / 2 else "center",
            va="top",
            fontsize=7.5,
            arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.4} if line else None,
        )


def _lines(places: list[float]) -> list[int]:
    """On which line below its point each name stands, so that no two on one line overlap."""
    ends: list[float] = []
    found = []
    for at in sorted(places):
        line = next((i for i, end in enumerate(ends) if at - end > _NEAR), len(ends))
        ends[line : line + 1] = [at]
        found.append(line)
    order = sorted(range(len(places)), key=places.__getitem__)
    return [found[order.index(i)] for i in range(len(places))]


def _draw_arm(axes: Axes, mine: pd.DataFrame, look: dict[str, Any], arm: str) -> None:
    plain = {**look, "linestyle": "none", "markersize": 6}
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
