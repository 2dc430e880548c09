"""Validation distance against the number of trials of a search, a panel for each arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.plots import Drawing, plot
from bench.plots.axes import GRAY, legend_below, line_look, panels, scale_y
from bench.results.format import join, plural, significant
from bench.results.results import Results
from bench.results.trials import ENOUGH, Trial, random_values, search_measure, trials_of

_DOT = {"linestyle": "none", "color": GRAY, "markersize": 4}
_LOOKS: dict[str, dict[str, Any]] = {
    "random": {**_DOT, "marker": "o", "markerfacecolor": "white", "label": "random trial"},
    "known": {**_DOT, "marker": "D", "markersize": 4.5, "label": "settings known before"},
    "tpe": {**_DOT, "marker": "o", "label": "trial chosen by TPE"},
    "none": {**_DOT, "marker": "x", "label": "no value at the whole budget"},
    "best": {
        "drawstyle": "steps-post",
        "color": "black",
        "linewidth": 1,
        "linestyle": "--",
        "label": "best so far",
    },
    "expected": {
        "color": line_look(["expected"], "expected")["color"],
        "linewidth": 2.2,
        "label": "expected best",
    },
}
"""How each ``kind`` of row is drawn, in this order."""


def expected_best(values: Sequence[float]) -> list[float]:
    """Expected lowest of k of these n values, drawn without replacement, for k = 1..n.

    Dodge et al. 2019 (arXiv 1909.03004), for a measure that is better when lower. They
    draw with replacement, which is biased where k nears n (Tang et al. 2020, arXiv 2004.13705);
    without, the i-th lowest is the lowest of k with probability C(n - i, k - 1) / C(n, k), and the
    mean is unbiased for every k up to n.
    """
    ordered, n = sorted(values), len(values)
    best = []
    for k in range(1, n + 1):
        probability, total = k / n, 0.0
        for i, value in enumerate(ordered[: n - k + 1], start=1):
            total += probability * value
            probability *= (n - i - k + 1) / max(1, n - i)
        best.append(total)
    return best


def best_so_far(values: Sequence[float | None]) -> list[float | None]:
    """The lowest value up to each place; None before the first value."""
    firsts = (values[:end] for end in range(1, len(values) + 1))
    return [min((v for v in first if v is not None), default=None) for first in firsts]


def numbers(results: Results) -> pd.DataFrame:
    """Rows ``arm, kind, trials, value``; ``kind`` is expected, best, known, random, tpe or none."""
    rows = []
    for arm in results.arms:
        trials = trials_of(results, arm)
        if any(trial.value is not None for trial in trials):
            rows += [{"arm": arm, **row} for row in _arm_rows(trials)]
    return pd.DataFrame.from_records(rows)


def _arm_rows(trials: list[Trial]) -> list[dict[str, Any]]:
    random = random_values(trials)
    expected = expected_best(random) if len(random) >= ENOUGH else []
    rows: list[dict[str, Any]] = [
        {"kind": "expected", "trials": k, "value": v} for k, v in enumerate(expected, start=1)
    ]
    best = best_so_far([trial.value for trial in trials])
    for trial, value in zip(trials, best, strict=True):
        kind = "none" if trial.value is None else trial.sampler
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
    name, by_arm = search_measure(results).partition("/")[2], rows.groupby("arm", sort=False)
    figure, axes = panels(
        len(by_arm),
        top=1.1,
        height=2.4,
        sharey=True,
        ylabel=f"validation {name}\n(lower is better)",
    )
    scale_y(axes[0], rows["value"].dropna().tolist())
    for panel, (arm, mine) in zip(axes, by_arm, strict=True):
        _draw_arm(panel, mine)
        panel.set(title=arm, xlabel="trials")
    legend_below(figure, *axes)
    alts = [_alt(mine, str(arm)) for arm, mine in by_arm]
    alt = f"Validation {name} against the number of trials. {'; '.join(alts)}."
    return Drawing(figure, _caption(rows), alt)


def _draw_arm(axes: Axes, mine: pd.DataFrame) -> None:
    for kind, look in _LOOKS.items():
        part = mine[mine["kind"] == kind]
        if len(part):  # what has no value stands at the top
            place = axes.get_xaxis_transform() if kind == "none" else axes.transData
            axes.plot(part["trials"], part["value"].fillna(0.97), transform=place, **look)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlim(0.3, float(mine["trials"].max()) + 0.7)


def _caption(rows: pd.DataFrame) -> str:
    expected = set(rows[rows["kind"] == "expected"]["arm"])
    few = [arm for arm in rows["arm"].unique() if arm not in expected]
    said = (
        "Expected best: mean of the lowest validation distance among k random trials, over every "
        "choice of k of them without replacement; those trials are independent and unpruned, and "
        "one without a value counts as the worst of the others. "
    )
    lacking = f"{join(few)}: fewer than {ENOUGH} random trials, too few for an expected best. "
    by_tpe = ", its later trials chosen by TPE" if "tpe" in set(rows["kind"]) else ""
    return (
        f"{said if expected else ''}{lacking if few else ''}The dashed line is one search as it "
        f"went{by_tpe}: it is not averaged, and another search would go "
        "another way. Trials without a value were pruned, diverged or failed."
    )


def _alt(mine: pd.DataFrame, arm: str) -> str:
    best, expected = (mine[mine["kind"] == kind]["value"].tolist() for kind in ("best", "expected"))
    text = f"{arm}: best {significant(best[-1])} after {plural(int(mine['trials'].max()), 'trial')}"
    if not expected:
        return text
    return (
        f"{text}, expected best {significant(expected[0])} after 1 random trial and "
        f"{significant(expected[-1])} after {len(expected)}"
    )
