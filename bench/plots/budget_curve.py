"""Validation distance against the study's x factor at half the budget and at all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from bench.plots import PLOTS, WIDTH, Drawing, Plot
from bench.results.axes import legend_below, scale_y
from bench.results.curves import points_of
from bench.results.factor import describe, draw_factor, factor_rows
from bench.results.facts import arm_runs, budget
from bench.results.numbers import Results, short
from bench.results.runs import Run

_NEAR = 0.1
"""How far from half the budget a validation may lie, as a share of the budget."""


def numbers(results: Results) -> pd.DataFrame:
    """``factor_rows`` of the validation measure, at half the budget and at all of it."""
    places = [place for arm in results.arms for _, place in results.along_x(arm)]
    points = points_of(results, [run for p in places for run in p.valued], results.primary)
    half = factor_rows(results, "half", partial(_at_half, curves=points))
    full = factor_rows(results, "full", lambda run: run.value(results.primary))
    return pd.DataFrame.from_records(half + full if half and full else [])


def _at_half(run: Run, curves: Mapping[str, Sequence[tuple[int, float]]]) -> float | None:
    """The value logged nearest to half the run's budget; None without one near."""
    images = float(run.param("train.num_images") or 0)
    points = [(abs(x - images / 2), y) for x, y in curves.get(run.record.run_id, [])]
    if not points or min(points)[0] > _NEAR * images:
        return None
    return min(points)[1]


def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Two panels with one y axis."""
    figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True).tolist()
    x, name = short(results.study.x or ""), results.primary_name
    scale_y(axes[0], rows["value"].dropna().tolist())
    alts = []
    for panel, part, share in zip(axes, ("half", "full"), (0.5, 1), strict=True):
        images = budget(arm_runs(results), share)
        draw_factor(panel, rows[rows["panel"] == part], results)
        panel.set_title(f"after {images} images")
        alts.append(
            describe(rows[rows["panel"] == part], f"Validation {name} after {images} images", x)
        )
    axes[0].set_ylabel(f"validation {name}\n(lower is better)")
    legend_below(figure, *axes)
    caption = (
        f"The same networks on the validation split at half the budget and at all of it: what "
        f"still falls from left to right had not finished learning. {name} counts other images "
        "than the test distance above and is not to be compared with it."
    )
    return Drawing(figure, caption, " ".join(alts))


PLOTS.add(
    "budget_curve",
    Plot(
        title="Half the budget",
        summary="validation distance against the x factor at half the budget and all of it",
        order=30,
        numbers=numbers,
        draw=draw,
    ),
    origin=__name__,
)
