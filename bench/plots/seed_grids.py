"""How much the seed alone changes: samples of the best, the median and the worst seed."""

from __future__ import annotations

import pandas as pd

from bench.plots import DPI, PLOTS, Drawing, Plot
from bench.plots.boards import MOST_COLUMNS, board, listed
from bench.results.format import significant
from bench.results.numbers import Results
from bench.results.runs import Place, Run


def numbers(results: Results) -> pd.DataFrame:
    """Which run is shown where: ``row, column, title, run_id``; arms with a single seed have none."""
    rows = []
    for arm in results.arms:
        place = results.chosen(arm)
        for rank, value, run in _ranked(results, place) if place else []:
            title = f"{arm}\n{rank}, seed {run.seed}: {significant(value)}"
            rows.append((rank, arm, title, run.record.run_id))
    order = ["best", "median", "worst"]
    rows.sort(key=lambda row: (order.index(row[0]), results.arms.index(row[1])))
    # Many arms would make a board wider than a page: they stand below each other then.
    side = ["row", "column"] if len({arm for _, arm, _, _ in rows}) <= MOST_COLUMNS else None
    columns = [*(side or ["column", "row"]), "title", "run_id"]
    return pd.DataFrame(rows, columns=columns)[["row", "column", "title", "run_id"]]


def _ranked(results: Results, place: Place) -> list[tuple[str, float, Run]]:
    """Best, median and worst seed by validation; of two seeds, best and worst."""
    known = [(v, r.seed, r) for r in place.valued if (v := r.value(results.primary)) is not None]
    known.sort(key=lambda found: found[:2])
    if len(known) < 2:
        return []
    ranks = {"best": 0, "median": (len(known) - 1) // 2, "worst": len(known) - 1}
    if len(known) == 2:
        del ranks["median"]
    return [(rank, known[i][0], known[i][2]) for rank, i in ranks.items()]


def draw(rows: pd.DataFrame, results: Results) -> Drawing | None:
    """The board; None where no run has a picture of samples."""
    figure = board(rows, results, "samples", dpi=DPI)
    if figure is None:
        return None
    caption = (
        "Samples of one fixed noise at each family's chosen cell: of its seeds the best, the "
        f"median and the worst by validation {results.primary_name}, which stands above each. "
        "Nothing was selected by eye; seeds that diverged or failed have no samples."
    )
    return Drawing(figure, caption, f"Grids of samples by seed: {listed(rows['title'])}.")


PLOTS.add(
    "seed_grids",
    Plot(
        title="Samples of the best, median and worst seed",
        summary="samples of each family's best, median and worst seed for the same noise",
        order=65,
        numbers=numbers,
        draw=draw,
    ),
    origin=__name__,
)
