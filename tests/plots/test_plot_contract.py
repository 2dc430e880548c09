"""What every registered figure keeps to."""

import pandas as pd
import pytest
from synthetic_study import IDENTITY, STUDY, pictures, study_records, troubled_records

from bench.plan import Arm, Study
from bench.plots import PLOTS, png, style
from bench.results.numbers import read_results


def results_of(records, study=STUDY):
    return read_results(study, IDENTITY, records, pictures())[0]


@pytest.fixture(scope="module")
def results():
    return results_of(troubled_records())


def drawn(plot, results):
    rows = plot.numbers(results)
    with style():
        drawing = plot.draw(rows, results)
        return drawing, png(drawing.figure)


@pytest.mark.parametrize("name", PLOTS.names())
def test_numbers_do_not_depend_on_the_order_of_records(name, results):
    again = results_of(troubled_records()[::-1])
    pd.testing.assert_frame_equal(PLOTS.get(name).numbers(results), PLOTS.get(name).numbers(again))


@pytest.mark.parametrize("name", PLOTS.names())
def test_drawing_has_words_and_is_a_picture(name, results):
    drawing, data = drawn(PLOTS.get(name), results)
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
