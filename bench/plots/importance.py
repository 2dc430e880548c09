"""Which settings mattered in a search, a panel for each arm."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.axes import arm_look, panels
from bench.results.format import join, plural, share
from bench.results.results import Results, short
from bench.results.trials import importance


def numbers(results: Results) -> pd.DataFrame:
    """Rows ``arm, setting, share``, the largest first."""
    found = importance(results)
    rows = [
        {"arm": arm, "setting": key, "share": value}
        for arm in results.arms
        for key, value in _largest_first(found.shares.get(arm, {}) if found else {})
    ]
    return pd.DataFrame.from_records(rows)


def _largest_first(values: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(values.items(), key=lambda item: (-item[1], item[0]))


@plot(
    "importance",
    title="Which settings mattered",
    summary="importance of each searched setting, with its evaluator",
    order=54,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing | None:
    """Bars with their shares beside them."""
    found = importance(results)
    if found is None:
        return None
    arms = list(dict.fromkeys(rows["arm"]))
    longest = max(len(rows[rows["arm"] == arm]) for arm in arms)
    figure, axes = panels(len(arms), height=1.1 + 0.26 * longest)
    alts = []
    for panel, arm in zip(axes, arms, strict=True):
        mine = rows[rows["arm"] == arm]
        names = [short(key) for key in mine["setting"]]
        bars = panel.barh(names, mine["share"], color=arm_look(results.arms, arm)["color"])
        panel.bar_label(bars, [share(v) for v in mine["share"]], padding=3, fontsize=8)
        panel.invert_yaxis()
        panel.set_xlim(0, 1.18 * max(1e-9, float(mine["share"].max())))
        panel.set_title(f"{arm}: {plural(found.trials.get(arm, 0), 'whole trial')}")
        panel.set_xlabel("share of importance")
        panel.grid(visible=False, axis="y")
        named = zip(names, mine["share"], strict=True)
        alts.append(f"{arm}: " + ", ".join(f"{name} {share(v)}" for name, v in named))
    figure.suptitle(f"Importance of settings\nby {found.evaluator}", fontsize=9.5)
    without = [arm for arm in results.arms if arm not in arms]
    lacking = f" {join(without)}: too few whole trials." if without else ""
    caption = (
        f"Share of each setting in what makes a trial good, estimated by {found.evaluator} from "
        "the trials that had the whole budget. It holds for the ranges that were searched, and "
        f"differs between evaluators.{lacking}"
    )
    alt = f"Importance of settings by {found.evaluator}. {'; '.join(alts)}."
    return Drawing(figure, caption, alt)
