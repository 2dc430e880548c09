"""Pictures that runs have logged, side by side: which runs each figure shows, and where."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from bench.plots import Drawing, plot
from bench.plots.boards import (
    MOST_COLUMNS,
    PANEL,
    board,
    evenly,
    how_drawn,
    line_title,
    median_run,
    ranked_runs,
)
from bench.results.format import significant
from bench.results.results import GAUSSIAN, REAL_IMAGES, Results
from bench.results.runs import RecordedRun

_MOST_LEVELS = 6
"""Values of the x factor of which samples are shown."""

_MOST_PAIRS = 5
"""Values of the x factor of which reconstructions are shown."""

_BEST_SIDE, _BEST_COLUMNS = 160, 7
"""Pixels that the samples of a family's best run may be wide, and how many families are side by side."""

_COLUMNS = 3
"""Families side by side where each has one picture."""

Panel = tuple[str, str, str, str]
"""Row, column, title and the id of the run."""

Panels = Callable[[Results], list[Panel]]


def grids(
    name: str,
    *,
    title: str,
    summary: str,
    order: int,
    picture: str,
    caption: str,
    alt: str,
    side: int = PANEL,
) -> Callable[[Panels], Panels]:
    """Decorator that registers a figure by the function that says which runs it shows.

    Args:
        name: Of the figure.
        title: Heading above it.
        summary: One line for ``bench list``.
        order: Place in the report.
        picture: What is shown of each run.
        caption: ``{measure}`` stands for the measure of validation, ``{drawn}`` for how panels show samples.
        alt: What stands before the titles in the alternative text.
        side: Pixels that samples may be wide.
    """

    def register(panels: Panels) -> Panels:
        def numbers(results: Results) -> pd.DataFrame:
            return pd.DataFrame(panels(results), columns=["row", "column", "title", "run_id"])

        @plot(name, title=title, summary=summary, order=order, numbers=numbers, reads_pictures=True)
        def draw(rows: pd.DataFrame, results: Results) -> Drawing | None:
            figure = board(rows, results, picture, side)
            if figure is None:
                return None
            said = caption.format(measure=results.selection_metric_name, drawn=how_drawn(results))
            shown = "; ".join(rows["title"]).replace("\n", ", ")
            return Drawing(figure, said, f"{alt}: {shown}.")

        return panels

    return register


@grids(
    "best_samples",
    title="Samples of each family's best run beside real images",
    summary="samples of each family's best run beside real images, small",
    order=6,
    picture="samples",
    caption=(
        "The first samples of one fixed noise, not selected by eye, of each family's chosen cell: the "
        "seed of the lowest validation {measure}. {drawn}"
    ),
    alt="Grids of samples, real images first",
    side=_BEST_SIDE,
)
def best_samples(results: Results) -> list[Panel]:
    """Real images, then each family that has a value."""
    real = results.baseline(REAL_IMAGES)
    panels = [
        ("", "", f"{arm}\n{_seed_of(results, arm, run)}", run.record.run_id)
        for arm in results.arms
        for _, run in ranked_runs(results, results.chosen(arm))[:1]
    ]
    if panels and real is not None:
        shown = [("", "", "real images\ntrain split", run.record.run_id) for run in real.valued[:1]]
        panels = [*shown, *panels]
    return _in_rows(panels, _BEST_COLUMNS)


@grids(
    "sample_grids",
    title="Samples",
    summary="samples of every arm side by side, beside real images",
    order=60,
    picture="samples",
    caption=(
        "The first samples of one fixed noise, not selected by eye: of each cell that is shown the "
        "seed whose validation distance is the median. Last column: references. {drawn}"
    ),
    alt="Grids of samples",
)
def sample_grids(results: Results) -> list[Panel]:
    """Rows are values of the x factor, columns arms.

    The last column holds references, one below the other: real images, then baselines.
    """
    levels = evenly(results.x_values, _MOST_LEVELS)
    panels = [
        (level, arm, line_title(results, arm, level, run), run.record.run_id)
        for level in levels
        for arm in results.arms
        if (run := median_run(results, dict(results.lines(arm)).get(level)))
    ]
    ranked = sorted(results.baselines, key=lambda p: (p.arm != REAL_IMAGES, p.arm != GAUSSIAN))
    for level, place in zip(levels if panels else [], ranked, strict=False):
        name = "real (train split)" if place.arm == REAL_IMAGES else place.arm.replace("_", " ")
        panels.extend((level, "", name, run.record.run_id) for run in place.valued[:1])
    is_wide = len({row for row, *_ in panels}) == 1 and len(panels) > MOST_COLUMNS + 1
    return _in_rows(panels, MOST_COLUMNS) if is_wide else panels


def _seed_of(results: Results, arm: str, run: RecordedRun) -> str:
    """``depth 3, seed 1``: the chosen cell and the seed."""
    place = results.chosen(arm)
    label = results.label(place) if place else ""
    return ", ".join(filter(None, [label, f"seed {run.seed}"]))


def _in_rows(panels: list[Panel], columns: int) -> list[Panel]:
    """The same panels, so many side by side."""
    return [
        (str(i // columns), str(i % columns), title, run_id)
        for i, (_, _, title, run_id) in enumerate(panels)
    ]


@grids(
    "seed_grids",
    title="Samples of the best, median and worst seed",
    summary="samples of each family's best, median and worst seed for the same noise",
    order=65,
    picture="samples",
    caption=(
        "Samples of one fixed noise at each family's chosen cell: of its seeds the best, the "
        "median and the worst by validation {measure}, which stands above each. "
        "Nothing was selected by eye; seeds that diverged or failed have no samples."
    ),
    alt="Grids of samples by seed",
)
def seed_grids(results: Results) -> list[Panel]:
    """How much the seed alone changes: arms with a single seed have no column."""
    panels = [
        (rank, arm, f"{arm}\n{rank}, seed {run.seed}: {significant(value)}", run.record.run_id)
        for rank in ("best", "median", "worst")
        for arm in results.arms
        for value, run in _of_rank(results, arm, rank)
    ]
    # Many arms would make a board wider than a page: they stand below each other then.
    is_wide = len({arm for _, arm, _, _ in panels}) > MOST_COLUMNS
    return [(b, a, title, run_id) for a, b, title, run_id in panels] if is_wide else panels


def _of_rank(results: Results, arm: str, rank: str) -> list[tuple[float, RecordedRun]]:
    """An arm's best, median or worst seed by validation; of two seeds, none is the median."""
    known = ranked_runs(results, results.chosen(arm))
    fewest, at = {
        "best": (2, 0),
        "median": (3, (len(known) - 1) // 2),
        "worst": (2, len(known) - 1),
    }[rank]
    return known[at : at + 1] if len(known) >= fewest else []


@grids(
    "reconstructions",
    title="Reconstructions",
    summary="validation images beside their reconstructions",
    order=70,
    picture="reconstructions",
    caption=(
        "Pairs of a validation image and, at its right, its reconstruction; of each cell that is "
        "shown the seed whose validation distance is the median."
    ),
    alt="Grids of reconstructions",
)
def reconstructions(results: Results) -> list[Panel]:
    """A row for each arm with an encoder, its values of the x factor side by side."""
    panels = []
    for arm in results.arms:
        line = dict(results.lines(arm))
        for level in evenly(list(line), _MOST_PAIRS):
            run = median_run(results, line[level])
            if run and run.value("test/reconstruction_error") is not None:
                title = line_title(results, arm, level, run)
                panels.append((arm, level, title, run.record.run_id))
    return panels


def of_each_family(results: Results, picture: str) -> list[Panel]:
    """Of each arm the median seed of its chosen cell.

    Where that has no such picture (a plane needs two latents), of the first cell along x that has.
    """
    found = (_first_shown(results, arm, picture) for arm in results.arms)
    return _in_rows([panel for panel in found if panel], _COLUMNS)


def _first_shown(results: Results, arm: str, picture: str) -> Panel | None:
    chosen = results.chosen(arm)
    for level, place in sorted(results.lines(arm), key=lambda line: line[1] is not chosen):
        run = median_run(results, place)
        if run is not None and results.pictures(run.record.run_id, picture):
            return "", "", line_title(results, arm, level, run), run.record.run_id
    return None


_OF_EACH_FAMILY = {
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
"""Picture to the title and the caption of its figure."""

for _order, (_name, (_title, _said)) in enumerate(_OF_EACH_FAMILY.items(), start=80):
    grids(
        _name,
        title=_title,
        summary=f"the picture {_name} of every family that has it",
        order=_order,
        picture=_name,
        caption=f"{_said} Of each family the seed whose validation distance is the median.",
        alt=f"{_title}, a panel for each family that has one",
    )(partial(of_each_family, picture=_name))
