"""What every registered figure keeps to."""

import pandas as pd
import pytest
from synthetic_study import (
    IDENTITY,
    SEARCH,
    SEARCH_FACTS,
    STUDY,
    pictures,
    search_records,
    study_records,
    troubled_records,
)

from bench.plan.study import Arm, Study
from bench.plots import PLOTS, png, style
from bench.results.results import read_results


def results_of(records, study=STUDY):
    return read_results(study, IDENTITY, records, pictures())


@pytest.fixture(scope="module")
def results():
    return results_of(troubled_records())


@pytest.fixture(scope="module")
def searched():
    return read_results(SEARCH, IDENTITY, search_records(), pictures(), facts=SEARCH_FACTS)


SEARCHES = {"best_so_far", "importance"}


@pytest.fixture
def shown(name, results, searched):
    """Results that the figure of that name has something to show of."""
    return searched if name in SEARCHES else results


def drawn(plot, results):
    rows = plot.numbers(results)
    with style():
        drawing = plot.draw(rows, results)
        return drawing, png(drawing.figure)


@pytest.mark.parametrize("name", PLOTS.names())
def test_numbers_do_not_depend_on_the_order_of_records(name, shown):
    records = search_records() if name in SEARCHES else troubled_records()
    again = read_results(shown.study, IDENTITY, records[::-1], pictures(), facts=dict(shown.facts))
    rows = PLOTS.get(name).numbers(shown)
    assert len(rows)
    pd.testing.assert_frame_equal(rows, PLOTS.get(name).numbers(again))


@pytest.mark.parametrize("name", PLOTS.names())
def test_drawing_has_words_and_is_a_picture(name, shown):
    drawing, data = drawn(PLOTS.get(name), shown)
    assert data.startswith(b"\x89PNG")
    assert drawing.caption.endswith(".")
    assert drawing.alt.endswith(".")
    assert "\n" not in drawing.alt + drawing.caption


@pytest.mark.parametrize("name", PLOTS.names())
def test_study_with_only_baselines_draws_nothing(name):
    only = results_of([r for r in study_records() if r.tags["role"] == "baseline"])
    assert PLOTS.get(name).numbers(only).empty


@pytest.mark.parametrize("name", ["learning_curves", "loss_curves", "sample_grids"])
def test_study_without_x_shows_the_chosen_cells(name):
    study = Study(
        name="depth_sweep",
        question="Which depth?",
        arms=(Arm(name="gan", model="gan", factors={"depth": (1, 2, 3, 4, 5)}),),
        tiers=STUDY.tiers,
    )
    records = [r for r in study_records() if r.tags["family"] == "gan"]
    drawing, _ = drawn(PLOTS.get(name), results_of(records, study))
    assert "gan" in drawing.alt


def test_every_plot_has_its_own_place_and_a_summary():
    plots = [plot for _, plot in PLOTS.items()]
    assert len({plot.order for plot in plots}) == len(plots)
    assert all(plot.summary and plot.title for plot in plots)
