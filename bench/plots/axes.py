"""Parts that several figures draw: looks, scales, named lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bench.palette import COLOURS
from bench.plots import WIDTH

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")
GRAY = "0.35"

REFERENCE: dict[str, Any] = {
    "color": GRAY,
    "linewidth": 0.9,
    "linestyle": (0, (4, 3)),
    "zorder": 1,
}
"""Looks of a line for what no family has made."""

_LEADER = {"arrowstyle": "-", "color": GRAY, "linewidth": 0.5, "shrinkA": 0}

_LETTERS = 60
"""More in one line of a legend would be wider than a page."""

LOG_SPREAD = 8.0
"""Largest over smallest value from which an axis is logarithmic."""


def line_look(names: Sequence[str], name: str, palette: str = "colorblind") -> dict[str, Any]:
    """Colour, marker and line of one of several names: told apart without colour too.

    ``viridis`` goes from dark to bright, for the ordered values of a factor.
    """
    i = list(names).index(name)
    return {
        "color": _colour(i, len(names), palette),
        "marker": MARKERS[i % len(MARKERS)],
        "linestyle": LINES[i % len(LINES)],
    }


def _colour(i: int, number: int, palette: str) -> Any:
    """The i-th of so many colours."""
    if palette == "colorblind":
        return COLOURS[i % len(COLOURS)]
    return tuple(colormaps[palette](np.linspace(0, 1, number + 2)[i + 1]))


def scale_y(axes: Axes, values: Sequence[float], *, log: bool = True) -> None:
    """Limits around ``values``; a log axis where their range demands one and ``log`` allows."""
    low, high = min(values), max(values)
    if log and low > 0 and high / low > LOG_SPREAD:
        axes.set(yscale="log", ylim=(low / 1.25, high * 1.25))
        axes.yaxis.set(
            major_locator=LogLocator(subs=(1, 2, 5)),
            major_formatter=FuncFormatter(lambda value, _: f"{value:,.6g}"),
            minor_locator=NullLocator(),
        )
        return
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(7))


def label_lines(axes: Axes, lines: Sequence[tuple[float, str]], *, gap: float = 0.055) -> None:
    """Horizontal lines, each named at the right; names move apart instead of overlapping.

    A line outside the limits is only named, with an arrow that says where it would be.

    Args:
        axes: Its limits are set already.
        lines: Height and name of each.
        gap: Least distance of two names, as a share of the axes' height.
    """
    to_axes = axes.transData + axes.transAxes.inverted()
    ordered = sorted(lines)
    heights = [float(to_axes.transform((0, value))[1]) for value, _ in ordered]
    edges = [min(1.0, max(0.0, height)) for height in heights]
    for (value, name), y, edge, place in zip(
        ordered, heights, edges, apart(edges, gap), strict=True
    ):
        is_inside = y == edge
        if is_inside:
            axes.axhline(value, **REFERENCE)
        axes.annotate(
            name if is_inside else f"{'↑' if y > edge else '↓'} {name}",
            xy=(1.0, edge),
            xytext=(1.03, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=GRAY,
            arrowprops=_LEADER if is_inside else None,
            annotation_clip=False,
        )


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Ascending heights moved ``gap`` apart, those that crowd spread around their mean."""
    clusters: list[list[float]] = []
    for height in heights:
        clusters.append([height])
        while (
            len(clusters) > 1
            and _places(clusters[-2], gap)[-1] + gap > _places(clusters[-1], gap)[0]
        ):
            clusters[-2:] = [clusters[-2] + clusters[-1]]
    return [place for cluster in clusters for place in _places(cluster, gap)]


def _places(cluster: list[float], gap: float) -> list[float]:
    lowest = sum(cluster) / len(cluster) - gap * (len(cluster) - 1) / 2
    return [lowest + i * gap for i in range(len(cluster))]


def legend_below(figure: Figure, *panels: Axes, title: str | None = None) -> None:
    """One legend for all panels, under them, each name once; none where they name nothing."""
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    figure.legend(
        list(found.values()),
        list(found),
        loc="outside lower center",
        ncols=min(len(found), 6 if sum(map(len, found)) <= _LETTERS else 3),
        title=title,
    )


def panels(
    number: int,
    *,
    height: float,
    top: float = 0,
    columns: int = 3,
    sharey: bool = False,
    ylabel: str = "",
) -> tuple[Figure, list[Axes]]:
    """A figure as wide as a page with ``number`` axes; the places left over stay empty.

    Args:
        number: Of axes.
        height: Of a row, in inches.
        top: Inches that all rows share.
        columns: Axes side by side at most.
        sharey: Whether all have one y axis.
        ylabel: Beside the first of each row.
    """
    columns = min(columns, number)
    rows = -(-number // columns)
    figure = Figure(figsize=(WIDTH, top + height * rows), layout="constrained")
    cells: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, sharey=sharey).flat)
    for first in cells[::columns]:
        first.set_ylabel(ylabel)
    for spare in cells[number:]:
        spare.set_visible(False)
    return figure, cells[:number]
