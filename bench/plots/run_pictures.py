"""Pictures that runs have logged, a panel for each arm that has one: one figure for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from bench.plots import DPI, PLOTS, Drawing, Plot
from bench.plots.boards import board, line_title, listed, median_run
from bench.results.numbers import Results
from bench.results.runs import Place, Run

_COLUMNS = 3

KINDS = {
    "interpolation": (
        "Interpolations",
        "Paths between two draws from the prior, one in each row: straight for models with an "
        "encoder, else on a great circle.",
    ),
    "latent_grid": (
        "Planes of latents",
        "The plane of a two-dimensional latent space at the standard normal's quantiles, 0.05 to "
        "0.95: the first latent grows to the right, the second upwards.",
    ),
    "class_grid": (
        "Classes",
        "A class in each column and a noise in each row, the same noise for every class.",
    ),
    "latent_pca": (
        "Classes in latent space",
        "Posterior means of validation images on their first two principal components, coloured "
        "by class, which no model has seen unless it is conditional.",
    ),
}


def numbers(results: Results, name: str) -> pd.DataFrame:
    """Which run is shown where: ``row, column, title, run_id``.

    Of each arm the median seed of its chosen cell; where that has no such picture (a plane needs
    two latents), of the first cell along x that has.
    """
    found = [(arm, shown) for arm in results.arms if (shown := _shown(results, arm, name))]
    rows = [
        (str(i // _COLUMNS), str(i % _COLUMNS), title, run.record.run_id)
        for i, (_, (title, run)) in enumerate(found)
    ]
    return pd.DataFrame(rows, columns=["row", "column", "title", "run_id"])


def _shown(results: Results, arm: str, name: str) -> tuple[str, Run] | None:
    for level, place in _candidates(results, arm):
        run = median_run(results, place)
        if run is not None and results.pictures(run.record.run_id, name):
            return line_title(results, arm, level, run), run
    return None


def _candidates(results: Results, arm: str) -> Iterator[tuple[str, Place]]:
    """The chosen cell, then the others along x."""
    chosen, lines = results.chosen(arm), results.lines(arm)
    yield from (line for line in lines if line[1] is chosen)
    yield from (line for line in lines if line[1] is not chosen)


def draw(rows: pd.DataFrame, results: Results, name: str) -> Drawing | None:
    """The board."""
    figure = board(rows, results, name, dpi=DPI)
    if figure is None:
        return None
    title, said = KINDS[name]
    caption = f"{said} Of each family the seed whose validation distance is the median."
    alt = f"{title}, a panel for each family that has one: {listed(rows['title'])}."
    return Drawing(figure, caption, alt)


for _i, (_name, (_title, _)) in enumerate(KINDS.items()):
    PLOTS.add(
        _name,
        Plot(
            title=_title,
            summary=f"the picture {_name} of every family that has it",
            order=80 + _i,
            numbers=partial(numbers, name=_name),
            draw=partial(draw, name=_name),
        ),
        origin=__name__,
    )
