"""Validation distance against the number of trials of a search, a panel for each arm."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.plots import Drawing, plot
from bench.plots.axes import GRAY, arm_look, legend_below, panels, scale_y
from bench.results.format import join, plural, significant
from bench.results.results import Results
from bench.results.trials import ENOUGH, Trial, random_values, search_measure, trials_of
from bench.stats.order import best_so_far, expected_best

_EXPECTED = arm_look(["expected"], "expected")["color"]


def numbers(results: Results) -> pd.DataFrame:
    """Rows ``arm, kind, trials, value``; ``kind`` is expected, best, random, tpe or none."""
    rows = []
    for arm in results.arms:
        trials = trials_of(results, arm)
        if any(trial.value is not None for trial in trials):
            rows += [{"arm": arm, **row} for row in _arm_rows(trials)]
    return pd.DataFrame.from_records(rows)


def _arm_rows(trials: list[Trial]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    random = random_values(trials)
    if len(random) >= ENOUGH:
        curve = enumerate(expected_best(random), start=1)
        rows += [{"kind": "expected", "trials": k, "value": v} for k, v in curve]
    best = best_so_far([trial.value for trial in trials])
    for trial, value in zip(trials, best, strict=True):
        kind = "none" if trial.value is None else "random" if trial.is_random else "tpe"
        rows.append({"kind": kind, "trials": trial.number, "value": trial.value})
        if value is not None:
            rows.append({"kind": "best", "trials": trial.number, "value": value})
    return rows


@plot(
    "best_so_far",
    title="Best validation value against number of trials",
    summary="expected best of k random trials, and the search's best so far",
    order=52,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """Panels with one y axis."""
    arms = list(dict.fromkeys(rows["arm"]))
    figure, axes = panels(len(arms), top=1.1, height=2.4, sharey=True)
    scale_y(axes[0], rows["value"].dropna().tolist())
    name = search_measure(results).partition("/")[2]
    for panel, arm in zip(axes, arms, strict=True):
        _draw_arm(panel, rows[rows["arm"] == arm])
        panel.set_title(arm)
        panel.set_xlabel("trials")
    for panel in axes[::3]:
        panel.set_ylabel(f"validation {name}\n(lower is better)")
    legend_below(figure, *axes)
    return Drawing(figure, _caption(rows, arms), _alt(rows, arms, name))


def _draw_arm(axes: Axes, mine: pd.DataFrame) -> None:
    parts = {kind: mine[mine["kind"] == kind] for kind in mine["kind"].unique()}
    plain: dict[str, Any] = {"linestyle": "none", "color": GRAY, "markersize": 4}
    for kind, face, label in (
        ("random", "white", "random trial"),
        ("tpe", GRAY, "trial chosen by TPE"),
    ):
        if kind in parts:
            dots = parts[kind]
            axes.plot(
                dots["trials"], dots["value"], "o", markerfacecolor=face, label=label, **plain
            )
    if "none" in parts:
        at = parts["none"]["trials"]
        axes.plot(
            at,
            [0.97] * len(at),
            "x",
            transform=axes.get_xaxis_transform(),
            label="no value at the whole budget",
            **plain,
        )
    best = parts["best"]
    axes.plot(
        best["trials"],
        best["value"],
        drawstyle="steps-post",
        color="black",
        linewidth=1,
        linestyle="--",
        label="best so far",
    )
    if "expected" in parts:
        curve = parts["expected"]
        axes.plot(
            curve["trials"],
            curve["value"],
            color=_EXPECTED,
            linewidth=2.2,
            label="expected best",
        )
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlim(0.3, float(mine["trials"].max()) + 0.7)


def _caption(rows: pd.DataFrame, arms: list[str]) -> str:
    expected = set(rows[rows["kind"] == "expected"]["arm"])
    few = [arm for arm in arms if arm not in expected]
    said = (
        "Expected best: mean of the lowest validation distance among k random trials, over every "
        "choice of k of them without replacement; those trials are independent and unpruned, and "
        "one without a value counts as the worst of the others. "
    )
    lacking = f"{join(few)}: fewer than {ENOUGH} random trials, too few for an expected best. "
    return (
        f"{said if expected else ''}{lacking if few else ''}The dashed line is one search as it "
        "went, its later trials chosen by TPE: it is not averaged, and another search would go "
        "another way. Trials without a value were pruned, diverged or failed."
    )


def _alt(rows: pd.DataFrame, arms: list[str], name: str) -> str:
    parts = []
    for arm in arms:
        mine = rows[rows["arm"] == arm]
        best, expected = (mine[mine["kind"] == kind] for kind in ("best", "expected"))
        text = f"{arm}: best {significant(best['value'].iloc[-1])} after "
        text += plural(int(mine["trials"].max()), "trial")
        if len(expected):
            ends = expected["value"].iloc[0], expected["value"].iloc[-1]
            text += (
                f", expected best {significant(ends[0])} after 1 random trial and "
                f"{significant(ends[1])} after {len(expected)}"
            )
        parts.append(text)
    return f"Validation {name} against the number of trials. {'; '.join(parts)}."
