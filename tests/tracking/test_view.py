"""What MLflow's page is told to show of a study."""

import dataclasses

import pytest
from stored_records import put
from synthetic_study import IDENTITY, STUDY, baseline_record, pictures, run_record, trial_record

from bench.palette import COLOURS
from bench.tracking.bundle import VIEWS, Bundle, write_bundle
from bench.tracking.delivery import planned_step
from bench.tracking.mlflow import Store
from bench.tracking.view import COLOUR, KEY, dress, read_view, view_page, view_tag

RECORDS = [run_record(arm, 2, 0) for arm in ("vae", "gan", "wgan")] + [baseline_record("memoriser")]
RUNNING = dataclasses.replace(
    run_record("gan", 3, 0), run_id="running", finished=False, metrics={"train/generator_loss": 1.0}
)


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


def state(records=RECORDS, study=STUDY):
    return read_view(view_tag(study, records))


def test_first_section_has_distance_curve_and_samples():
    shown = state(
        [dataclasses.replace(one, metrics=one.metrics | {"train/loss": 1.0}) for one in RECORDS]
    )
    sections = [(one["name"], one["display"]) for one in shown["compareRunSections"]]
    assert sections[:2] == [("Families", True), ("Losses", True)]
    # Every other value has a place, closed, before MLflow makes an open one for it.
    assert sections[2:] == [(name, False) for name in ("cost", "test", "test_best", "train", "val")]
    first = [one for one in shown["compareRunCharts"] if one["metricSectionId"] == "Families"]
    assert [one["type"] for one in first] == ["SCATTER", "LINE", "IMAGE"]
    assert first[0]["xaxis"]["key"] == "model.depth"
    assert first[0]["yaxis"]["key"] == "distance"
    assert first[1]["metricKey"] == "val/fd_digits_n297"
    assert first[2]["imageKeys"] == ["samples"]
    losses = [one for one in shown["compareRunCharts"] if one["metricSectionId"] == "Losses"]
    assert [one["metricKey"] for one in losses] == ["train/loss"]


def test_list_has_distance_status_family_and_what_was_varied_sorted_by_distance():
    shown = state()
    assert shown["selectedColumns"] == [
        "metrics.`distance`",
        "tags.`status`",
        "tags.`family`",
        "params.`model.depth`",
        "params.`train.seed`",
    ]
    assert (shown["orderByKey"], shown["orderByAsc"]) == ("metrics.`distance`", True)
    assert shown["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "family"}]


def test_view_of_the_widest_study_fits_into_a_tag_of_mlflow():
    assert len(view_tag(STUDY, RECORDS)) < 5_000


def test_runs_by_themselves_are_shown_by_model():
    charts = state(study=None)["compareRunCharts"]
    assert charts[0]["xaxis"]["key"] == "model"


def test_store_of_an_older_version_is_shown_as_a_new_one(store):
    experiment = put(store, IDENTITY, [*RECORDS, RUNNING, trial_record("vae", 1, 9.0)])
    assert dress(store, experiment, STUDY) == 6
    shown = {
        run.tags["config_digest"]: run
        for run in store.stored_runs(experiment)
        if "config_digest" in run.tags
    }
    gan = shown["gan20"]
    assert gan.metrics["distance"] == gan.metrics["test/fd_digits_n500"]
    assert gan.tags[COLOUR] == COLOURS[1]
    assert shown["memoriser"].tags[COLOUR] == COLOURS[3]
    assert "distance" not in shown["gan30"].metrics  # which trains still
    tag = store.experiment_tags(experiment)[VIEWS + KEY]
    assert dress(store, experiment, STUDY) == 0
    assert store.experiment_tags(experiment)[VIEWS + KEY] == tag


def test_what_the_page_shows_is_no_value_of_a_run(store, tmp_path):
    experiment = put(store, IDENTITY, RECORDS)
    before = store.records(experiment)
    write_bundle(tmp_path / "before.zip", store, IDENTITY, experiment, pictures=False)
    dress(store, experiment, STUDY)
    assert store.records(experiment) == before
    write_bundle(tmp_path / "after.zip", store, IDENTITY, experiment, pictures=False)
    assert Bundle(tmp_path / "after.zip").digest == Bundle(tmp_path / "before.zip").digest


def test_address_opens_the_view_in_the_page_for_training():
    page = view_page("7")
    assert page.startswith("#/experiments/7/runs?")
    assert f"viewStateShareKey={KEY}" in page
    assert "workflowType=machine_learning" in page


@pytest.mark.parametrize(
    ("seen", "planned"),
    [(0, 0), (504, 500), (512, 500), (1_536, 1_500), (2_016, 2_000), (2_048, 2_000)],
)
def test_pictures_of_families_that_see_other_numbers_of_images_stand_side_by_side(seen, planned):
    params = {"train.num_images": "2000", "train.num_validations": "4"}
    assert planned_step(seen, params) == planned
    assert planned_step(seen, {}) == seen


def test_slider_begins_where_most_families_have_their_last_samples(store):
    experiment = put(store, IDENTITY, RECORDS[:2], pictures())
    dress(store, experiment, STUDY)
    shown = read_view(store.experiment_tags(experiment)[VIEWS + KEY])
    assert [one["step"] for one in shown["compareRunCharts"] if one["type"] == "IMAGE"] == [24_000]
