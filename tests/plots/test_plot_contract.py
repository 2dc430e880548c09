"""What every registered figure keeps to."""

import dataclasses

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
from bench.plots.over_training import moments
from bench.report.writer import report_text
from bench.results.results import read_results

VALIDATED, MODES = "val/fd_digits_n297", "val/covered_n297"


def with_modes(records):
    """The same runs on data of ten modes, of which each covers one more with every validation."""
    return [
        dataclasses.replace(
            record,
            metrics={**record.metrics, MODES: 4.0, f"{MODES}_real": 9.9},
            histories={
                **record.histories,
                MODES: [(x, i + 1.0) for i, (x, _) in enumerate(record.histories[VALIDATED])],
            },
        )
        if VALIDATED in record.histories
        else record
        for record in records
    ]


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
    if name == "modes_curve":
        return results_of(with_modes(troubled_records()))
    return searched if name in SEARCHES else results


def without_x():
    """Results of one arm whose factor is its own."""
    study = Study(
        name="depth_sweep",
        question="Which depth?",
        arms=(Arm(name="gan", model="gan", factors={"depth": (1, 2, 3, 4, 5)}),),
        tiers=STUDY.tiers,
    )
    return results_of(with_modes(r for r in study_records() if r.tags["family"] == "gan"), study)


def drawn(plot, results):
    rows = plot.numbers(results)
    with style():
        drawing = plot.draw(rows, results)
        return drawing, png(drawing.figure)


@pytest.mark.parametrize("name", PLOTS.names())
def test_numbers_do_not_depend_on_the_order_of_records(name, shown):
    records = search_records() if name in SEARCHES else troubled_records()
    records = with_modes(records) if name == "modes_curve" else records
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
    drawing, _ = drawn(PLOTS.get(name), without_x())
    assert "gan" in drawing.alt


@pytest.mark.parametrize("name", ["learning_curves", "loss_curves", "modes_curve"])
def test_lines_that_differ_by_nothing_have_no_legend(name):
    assert drawn(PLOTS.get(name), results_of(with_modes(study_records())))[0].figure.legends
    alone, _ = drawn(PLOTS.get(name), without_x())
    assert not alone.figure.legends
    assert "settings" not in alone.caption
    assert "chosen" not in alone.alt


def test_images_seen_are_told_in_thousands_and_millions():
    rows = PLOTS.get("learning_curves").numbers(results_of(study_records()))
    rows["images_seen"] *= 100
    drawing = PLOTS.get("learning_curves").draw(rows, results_of(study_records()))
    drawing.figure.canvas.draw()
    labels = [label.get_text() for label in drawing.figure.axes[0].get_xticklabels()]
    assert {"500k", "1.5M"} <= set(labels)


def test_every_plot_has_its_own_place_and_a_summary():
    plots = [plot for _, plot in PLOTS.items()]
    assert len({plot.order for plot in plots}) == len(plots)
    assert all(plot.summary and plot.title for plot in plots)


def test_modes_are_drawn_up_to_those_of_real_images():
    rows = PLOTS.get("modes_curve").numbers(results_of(with_modes(study_records())))
    assert set(rows["most"]) == {10}
    gan = rows[(rows["arm"] == "gan") & (rows["level"] == "2") & (rows["seed"] == 0)]
    assert gan["value"].tolist() == [1, 2, 3, 4]
    drawing, _ = drawn(PLOTS.get("modes_curve"), results_of(with_modes(study_records())))
    assert drawing.figure.axes[0].get_ylim() == pytest.approx((0, 10.6))
    assert PLOTS.get("modes_curve").numbers(results_of(study_records())).empty  # none are known


def test_modes_stand_on_the_first_screen():
    words = {name: f"words of {name}" for name in ("headline", "learning_curves", "modes_curve")}
    text = report_text(results_of(with_modes(study_records())), words)
    glance = text.partition("## Answer at a glance")[2].partition("\n## ")[0]
    assert "words of headline" in glance
    assert "words of modes_curve" in glance
    assert "words of learning_curves" not in glance


def test_samples_of_the_median_seed_are_shown_as_training_goes_on():
    asked = []
    kept = pictures()

    def read(run_id, name):
        asked.append(name)
        return None if "wgan" in run_id else kept(run_id, name)

    results = read_results(STUDY, IDENTITY, study_records(), read)
    rows = PLOTS.get("over_training").numbers(results)
    vae = rows[rows["row"] == "vae"]
    assert vae["step"].tolist() == [6_000, 12_000, 24_000]
    assert len(set(vae["run_id"])) == 1
    assert vae["title"].iloc[0].endswith("\n6,000 images")
    drawing, _ = drawn(PLOTS.get("over_training"), results)
    assert {"samples@6000", "samples@12000", "samples@24000"} == set(asked)
    assert len(drawing.figure.images) == 6  # of wgan none is kept


def test_few_moments_of_many_validations_are_shown():
    assert moments(list(range(100, 4_100, 100))) == [100, 500, 1_000, 2_000, 4_000]
    assert moments([24_000]) == [24_000]
