"""ELBO against the study's x factor, for the arms that have a likelihood."""

from __future__ import annotations

from functools import partial

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.axes import legend_below, panels, scale_y
from bench.plots.factor import describe, draw_factor
from bench.results.format import join
from bench.results.results import Results
from bench.results.runs import RecordedRun
from bench.results.summary import elbo_remark
from bench.results.trends import factor_rows


def numbers(results: Results) -> pd.DataFrame:
    """``factor_rows`` of every ``elbo_<passport>``, its name in ``panel``."""
    rows = [
        row
        for name in results.elbos
        for row in factor_rows(results, name, partial(RecordedRun.value, metric=f"test/{name}"))
    ]
    return pd.DataFrame.from_records(rows)


@plot(
    "elbo_curve",
    title="ELBO",
    summary="test ELBO against the x factor, for models with a likelihood",
    order=20,
    numbers=numbers,
)
def draw(rows: pd.DataFrame, results: Results) -> Drawing:
    """A panel for each name: ELBOs of different likelihoods never share an axis."""
    x, elbos = results.x_name, rows.groupby("panel", sort=False)
    figure, axes = panels(
        len(elbos),
        top=0.5,
        height=3.2,
        columns=1,
        ylabel="nats per test image\n(higher is better)",
    )
    for panel, (name, mine) in zip(axes, elbos, strict=True):
        scale_y(panel, mine["value"].dropna().tolist(), log=False)
        draw_factor(panel, mine, results)
        panel.set_title(f"{name} after {results.budget()} real images per run")
    legend_below(figure, *axes)
    without = [arm for arm in results.arms if arm not in set(rows["arm"])]
    absent = f" {join(without)}: not applicable, or no value yet." if without else ""
    said = f"ELBO on the test split against {x}, last checkpoint; dots and bars as above.{absent}"
    caption = f"{said} {elbo_remark(results)}".rstrip()
    alts = [describe(mine, f"Test {name} in nats", x) for name, mine in elbos]
    return Drawing(figure, caption, " ".join(alts))
