"""A report compares the runs of the settings that its study has at present, and no others with them."""

import dataclasses
import json

import pytest
from synthetic_study import IDENTITY, STUDY, pictures, study_records

from bench.errors import UsageError
from bench.report.writer import report_text
from bench.results.present import PRESENT, settings_digest
from bench.results.results import read_results


def of(params, *, version="0.1.0", name="zz"):
    """The compared runs once more, with other settings and later ids."""
    return [
        dataclasses.replace(
            record,
            run_id=f"{name}_{record.run_id}",
            params={**record.params, **params},
            tags={**record.tags, "bench_version": version},
        )
        for record in study_records()
        if record.tags["role"] == "run"
    ]


def results_of(records, facts=None):
    return read_results(STUDY, IDENTITY, records, pictures(), facts=facts)


def recorded(records):
    """What `bench run` says of the study when these are its runs."""
    cells = {cell.arm: cell for cell in STUDY.cells("classroom")}
    params = {record.tags["family"]: record.params for record in records}
    found = {arm: settings_digest(cells[arm], each, STUDY) for arm, each in params.items()}
    return {PRESENT: json.dumps(found)}


def shown(results):
    return {run.record.run_id for run in results.arm_runs}


def test_runs_of_another_budget_than_the_study_says_are_left_out_and_named():
    mine = study_records()
    former = of({"train.num_images": "48000"})
    former = [r for r in former if r.params["model.depth"] == "4"]
    results = results_of([*mine, *former])
    assert shown(results) == {r.run_id for r in mine if r.tags["role"] == "run"}
    assert results.budget() == "24,000"
    text = report_text(results)
    said = f"{len(former)} runs of other settings than the study's present ones are left out"
    assert (
        f"{said} (train.num\\_images 48000)." in text or f"{said} (train.num_images 48000)." in text
    )
    assert "repeat a cell and seed" not in text


def test_what_was_recorded_as_planned_counts_where_the_study_says_nothing_of_a_setting():
    new = of({"model.lr": "0.01"})
    mine = study_records()
    for facts, counts in ((recorded(new), new), (recorded(mine), mine)):
        results = results_of([*mine, *new], facts)
        assert shown(results) == {r.run_id for r in counts if r.tags["role"] == "run"}


def test_runs_of_an_edited_study_that_was_not_begun_since_stay_while_they_are_alike():
    former = of({"train.num_images": "48000"})
    assert shown(results_of(former)) == {r.run_id for r in former}
    assert shown(results_of(former, recorded(study_records()))) == {r.run_id for r in former}
    both = [*former, *of({"train.num_images": "96000"}, name="yy")]
    with pytest.raises(
        UsageError, match=r"of 2 kinds of settings \(train.num_images .* records which these are"
    ):
        results_of(both)


def test_of_settings_that_nobody_has_recorded_those_of_the_newest_version_count():
    newer = of({"model.lr": "0.01"}, version="0.2.0", name="aa")
    results = results_of([*study_records(), *newer])
    assert shown(results) == {r.run_id for r in newer}
    with pytest.raises(
        UsageError, match=r"model.lr 0.001, model.lr 0.01|model.lr 0.01, model.lr 0.001"
    ):
        results_of([*study_records(), *of({"model.lr": "0.01"})])
