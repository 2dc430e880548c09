"""The figures of a calibration card: distance by dose, and against the number of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from bench.calibration.numbers import Calibration, DoseResponse, Floor, ProbeResults
from bench.measures import MeasureName
from bench.plots import few_colours, png, style
from bench.plots.axes import GRAY, legend_below, line_look, panels, scale_y
from bench.results.format import count, join, significant

_MOST_NAMED = 6
_FEW_DECADES = 1_000
_SHORT = 1e-4, 1e5
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_BAR: dict[str, Any] = {"capsize": 2.5, "elinewidth": 1.0, "linewidth": 1.3}
_HOLLOW: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markerfacecolor": "white",
    "zorder": 3,
}
_BAND: dict[str, Any] = {"color": GRAY, "alpha": 0.3, "linewidth": 0, "zorder": 0}


def card_figures(calibration: Calibration, folder: Path) -> dict[str, str]:
    """Draws ``doses_<measure>.png`` for every distance, and ``against_n.png``.

    Returns:
        Name of each figure to the markdown that shows it.
    """
    shown = {}
    with style():
        drawings = {f"doses_{stem(each)}": doses(each) for each in calibration.answers}
        drawings["against_n"] = against_n(calibration.answers)
        for name, (figure, alt) in drawings.items():
            (folder / f"{name}.png").write_bytes(few_colours(png(figure)))
            shown[name] = f"![{alt}](figures/{name}.png)"
    return shown


def stem(results: ProbeResults) -> str:
    """The distance without its n, ``fd_mnist``: a file keeps its name when n changes."""
    return MeasureName.parse(results.name).series.name


def doses(results: ProbeResults) -> tuple[Figure, str]:
    """A panel per corruption and one for the ceilings, all on one scale; and its alt text."""
    figure, axes = panels(
        len(results.responses) + 1, top=4.6, height=0, sharey=True, ylabel=results.name
    )
    floor = results.floor
    for each in axes:
        each.axhspan(floor.mean - floor.spread, floor.mean + floor.spread, **_BAND)
        each.axhline(floor.mean, color=GRAY, linewidth=0.9)
    for each, response in zip(axes, results.responses, strict=False):
        _draw_response(each, response, floor)
    _draw_ceilings(axes[-1], results)
    _scale(axes[0], results)
    return figure, f"{results.name} by dose. {_described(results)}"


def against_n(every: Sequence[ProbeResults]) -> tuple[Figure, str]:
    """A panel per distance: real images and a damaged set against the number of images."""
    figure, axes = panels(len(every), top=0.7, height=2.1, columns=2)
    alts = [_draw_curves(each, results) for each, results in zip(axes, every, strict=True)]
    legend_below(figure, *axes)
    return figure, f"Distance against n. {'; '.join(alts)}."


def _draw_curves(axes: Axes, results: ProbeResults) -> str:
    """One panel of ``against_n``; what it shows, in words."""
    said = []
    names = sorted(results.curves, key=lambda name: name != "real")
    for name in names:
        points = results.curves[name]
        x, means, spreads = zip(*((p.x, p.mean, p.spread) for p in points), strict=True)
        axes.errorbar(x, means, spreads, label=name, **line_look(names, name), **_BAR)
        ends = f"{significant(means[0])} at {count(x[0])} to {significant(means[-1])}"
        said.append(f"{stem(results)}, {name}: {ends} at {count(x[-1])}")
    shown = [p for points in results.curves.values() for p in points]
    if min(p.mean for p in shown) > 0:
        scale_y(axes, [p.mean for p in shown])
    else:  # around 0 in both directions: bars in sight
        scale_y(axes, [p.mean + side * p.spread for p in shown for side in (-1, 1)], log=False)
    axes.set(xscale="log", title=stem(results), xlabel="images on either side (n)")
    named = x[::-1][:: 1 + (len(x) > _MOST_NAMED)]  # every second one where they would touch
    axes.set_xticks(named, [count(n) for n in named])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_plain))
    return "; ".join(said)


def _draw_response(axes: Axes, response: DoseResponse, floor: Floor) -> None:
    look, points = line_look(["dose"], "dose"), pd.DataFrame(list(response.points))
    axes.errorbar(1 + points.index, points["mean"], points["spread"], **look, **_BAR)
    hollow = points[points["x"].isin(response.verdict(floor).within)]
    axes.plot(1 + hollow.index, hollow["mean"], **_HOLLOW, markeredgecolor=look["color"])
    axes.plot(0, floor.mean, color=GRAY, marker="o", linestyle="none")
    named = [f"{dose:g}" for dose in (response.identity, *points["x"])]
    axes.set_xticks(range(len(named)), named)
    axes.set(title=response.corruption, xlabel=response.unit)


def _draw_ceilings(axes: Axes, results: ProbeResults) -> None:
    places = range(len(results.ceilings))
    axes.plot(places, list(results.ceilings.values()), "kD")
    axes.set_xticks(places, [name.replace(" ", "\n") for name in results.ceilings])
    axes.set(xlim=(-0.6, len(places) - 0.4), title="ceilings")


def _scale(axes: Axes, results: ProbeResults) -> None:
    """Limits around all that is drawn; logarithmic, and linear around zero where values reach it."""
    floor = results.floor
    means = [p.mean for response in results.responses for p in response.points]
    ends = [floor.mean - floor.spread, floor.mean + floor.spread]
    values = [*ends, *means, *results.ceilings.values()]
    if min(values) > 0 and max(values) < _FEW_DECADES * min(values):
        scale_y(axes, values)
        return
    if min(values) > 0:
        axes.set(yscale="log", ylim=(min(values) / 1.6, max(values) * 1.8))
        axes.yaxis.set_major_locator(LogLocator(numticks=12))
    else:
        top = max(map(abs, values)) or 1.0
        linear = min(abs(floor.mean) + floor.spread or top, top)
        powers = range(math.ceil(math.log10(linear)), math.floor(math.log10(top)) + 1)
        axes.set_yscale("symlog", linthresh=linear)
        axes.set_ylim(min(*values, -linear) - 0.3 * linear, 1.6 * top)
        named = [float(f"{-linear:.0e}"), 0, *(10.0**power for power in powers)]
        axes.yaxis.set_major_locator(FixedLocator(named))
    axes.yaxis.set(minor_locator=NullLocator(), major_formatter=FuncFormatter(_plain))


def _plain(value: float, _: object) -> str:
    """``100,000`` and ``0.001``, never ``1e+05``; powers of ten that are too long as such."""
    if value and not _SHORT[0] <= abs(value) <= _SHORT[1]:
        return f"10{f'{math.log10(abs(value)):.0f}'.translate(_RAISED)}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:g}"


def _described(results: ProbeResults) -> str:
    floor = results.floor
    responses = [
        f"{each.corruption}: " + ", ".join(f"{significant(p.mean)} at {p.x:g}" for p in each.points)
        for each in results.responses
    ]
    ceilings = [f"{name} {significant(value)}" for name, value in results.ceilings.items()]
    return (
        f"Floor {significant(floor.mean)}, spread {significant(floor.spread)}. "
        f"{'. '.join(responses)}. Ceilings: {join(ceilings)}."
    )
