"""Families between real images and noise, and measures that take noise for images."""

from synthetic_study import BASELINES, IDENTITY, STUDY, study_records

from bench.measures import MeasureName
from bench.report.sections.scale import distances
from bench.results.results import read_results
from bench.results.scale import FLOOR, is_left_out, scale

LEGIBLE = MeasureName.parse("test/legible")


def results_of(records):
    return read_results(STUDY, IDENTITY, records, lambda _run_id, _name: None)


def test_marks_go_from_real_images_to_noise():
    marks = scale(results_of(study_records()))
    assert [mark.name for mark in marks] == [
        *(FLOOR, "memoriser", "gan", "wgan", "vae", "pixel_gaussian", "uniform_noise"),
    ]
    assert [mark.mean for mark in marks] == sorted(mark.mean for mark in marks)
    assert [mark.name for mark in marks if mark.is_lowest] == ["gan"]
    assert {mark.name for mark in marks if mark.comparison} == {"vae", "wgan"}
    assert {mark.name for mark in marks if not mark.is_family} == {FLOOR, *BASELINES}


def test_table_says_what_each_family_is_against_the_lowest():
    text = distances(results_of(study_records()))
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
    assert rows[0] == ["images of", "against `gan`, the lowest family", "test `fd_digits_n500` ↓"]
    assert {len(row) for row in rows} == {3}
    by_name = {row[0]: row[1] for row in rows}
    assert by_name["`gan` (depth 3)"] == "the lowest mean"
    assert by_name["`vae` (depth 2)"].startswith("higher by a factor of 1.")
    assert by_name["`uniform_noise`"] == "every value drawn at random"


def test_families_that_no_test_tells_apart_are_said_to_be_so():
    text = distances(results_of(study_records({"vae": 9.5, "gan": 6.5, "wgan": 6.6})))
    assert "`wgan` (depth 2) | not told apart (p = " in text


def test_confidence_is_left_out_where_noise_looks_more_real_than_every_family():
    records = study_records()
    assert not is_left_out(results_of(records), LEGIBLE)
    for record in records:
        if record.tags["family"] == "uniform_noise":
            record.metrics["test/legible"] = 0.961
    assert is_left_out(results_of(records), LEGIBLE)
    assert not is_left_out(results_of(records), MeasureName.parse("test/classes"))
