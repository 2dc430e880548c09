"""What a referee looks for in a figure: cut bars, warm-up, references and every point of a front."""

import dataclasses

import pytest
from synthetic_study import IDENTITY, STUDY, pictures, study_records

from bench.plots import PLOTS, style
from bench.plots.curves import WARM_UP
from bench.plots.quality_cost import _lines
from bench.results.results import read_results


def results_of(records):
    return read_results(STUDY, IDENTITY, records, pictures())


def drawn(name, results):
    plot = PLOTS.get(name)
    with style():
        return plot.draw(plot.numbers(results), results).figure


def labels(figure):
    return {label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]}


def test_interval_beyond_the_edge_is_marked():
    records = study_records()
    assert "interval goes on" not in labels(drawn("headline", results_of(records)))
    for record in records:
        if record.run_id.startswith("run_gan_5_"):
            record.metrics["test/fd_digits_n500"] = 12.0 * (1 + int(record.tags["seed"])) ** 2
    assert "interval goes on" in labels(drawn("factor_curve", results_of(records)))


@pytest.mark.parametrize("name", ["loss_curves", "vae_losses"])
def test_warm_up_is_shaded_for_as_long_as_it_lasts(name):
    warm = [
        dataclasses.replace(r, params={**r.params, "model.kl_warmup": "0.5"})
        if r.tags["family"] == "vae"
        else r
        for r in study_records()
    ]
    figure = drawn(name, results_of(warm))
    (patch,) = [p for axes in figure.axes for p in axes.patches if p.get_label() == WARM_UP]
    assert (patch.get_x(), patch.get_width()) == (0, 12_000)
    plain = [
        dataclasses.replace(r, params={**r.params, "model.kl_warmup": "0.0"})
        for r in study_records()
    ]
    assert WARM_UP not in labels(drawn(name, results_of(plain)))


@pytest.mark.parametrize("name", ["learning_curves", "budget_curve", "quality_cost"])
def test_baselines_are_named_or_pointed_at(name):
    records = study_records()
    for record in records:
        if record.tags["role"] == "baseline":
            record.metrics["val/fd_digits_n297"] = record.metrics["test/fd_digits_n500"]
    texts = [t.get_text() for axes in drawn(name, results_of(records)).axes for t in axes.texts]
    for reference in ("memoriser", "pixel gaussian", "uniform noise"):
        assert sum(reference in text for text in texts) == 1


def test_every_point_of_a_front_has_its_name():
    results = results_of(study_records())
    rows = PLOTS.get("quality_cost").numbers(results)
    texts = [t.get_text() for axes in drawn("quality_cost", results).axes for t in axes.texts]
    assert sum(text.startswith("depth ") for text in texts) == int(rows["is_front"].sum())


def test_names_on_one_line_stand_apart():
    places = [0.5, 0.1, 0.12, 0.14, 0.9]
    lines = _lines(places)
    assert lines == [0, 0, 1, 2, 0]


def test_best_runs_stand_behind_real_images():
    rows = PLOTS.get("best_samples").numbers(results_of(study_records()))
    assert rows["title"].iloc[0] == "real images\ntrain split"
    values = {r.run_id: r.metrics.get("val/fd_digits_n297") for r in study_records()}
    best = min(v for run_id, v in values.items() if run_id.startswith("run_gan_3_"))
    (gan,) = rows.loc[rows["title"].str.startswith("gan\n"), "run_id"]
    assert values[gan] == best
