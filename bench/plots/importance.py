"""Which settings mattered in a search, a panel for each arm."""

from __future__ import annotations

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.axes import line_look, panels
from bench.results.format import join, plural, share
from bench.results.results import Results, short
from bench.results.trials import TRIALS_FOR_IMPORTANCE, importance, trial_images


def numbers(results: Results) -> pd.DataFrame:
    """Rows ``arm, setting, share``, the largest first."""
    found = importance(results)
    shares = found.told if found else {}
    rows = [
        {"arm": arm, "setting": key, "share": value}
        for arm in results.arms
        for key, value in sorted(shares.get(arm, {}).items(), key=lambda item: (-item[1], item[0]))
    ]
    return pd.DataFrame.from_records(rows)


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
    by_arm, alts = rows.groupby("arm", sort=False), []
    figure, axes = panels(len(by_arm), height=1.1 + 0.26 * by_arm.size().max())
    for panel, (arm, mine) in zip(axes, by_arm, strict=True):
        names = [short(key) for key in mine["setting"]]
        shares = [share(value) for value in mine["share"]]
        bars = panel.barh(names, mine["share"], color=line_look(results.arms, str(arm))["color"])
        panel.bar_label(bars, shares, padding=3, fontsize=8)
        panel.invert_yaxis()
        panel.set(
            xlim=(0, 1.18 * max(1e-9, float(mine["share"].max()))),
            title=f"{arm}: best {found.num_good(str(arm))} of {plural(found.trials[str(arm)], 'trial')}",
            xlabel="share of importance",
        )
        panel.grid(visible=False, axis="y")
        alts.append(f"{arm}: " + ", ".join(map(" ".join, zip(names, shares, strict=True))))
    figure.suptitle(f"Importance of settings\nby {found.evaluator}", fontsize=9.5)
    shown = list(map(str, rows["arm"].unique()))
    without = [arm for arm in results.arms if arm not in shown]
    lacking = (
        f" {join(without)}: fewer than {TRIALS_FOR_IMPORTANCE} whole trials." if without else ""
    )
    good = ", ".join(
        f"{arm} {found.num_good(str(arm))} of {found.trials[str(arm)]}" for arm in shown
    )
    caption = (
        f"Share of each setting in what makes a trial good ({good}), estimated by {found.evaluator} "
        f"from the trials that saw {trial_images(results)} images to their end; the runs above saw "
        f"{results.budget()}. It holds for the ranges that were searched, and differs between "
        f"evaluators.{lacking}"
    )
    alt = f"Importance of settings by {found.evaluator}. {'; '.join(alts)}."
    return Drawing(figure, caption, alt)
