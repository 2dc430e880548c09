"""Which run stands in which cell."""

import dataclasses

import pytest
from synthetic_study import IDENTITY, STUDY, pictures, study_records

from bench.plan.study import Study
from bench.report.writer import report_text
from bench.results.results import read_results


def rounded(record):
    """The same run in bf16."""
    return dataclasses.replace(
        record,
        run_id=f"rounded_{record.run_id}",
        params={**record.params, "train.precision": "bf16"},
        tags={**record.tags, "precision": "bf16", "bf16_unit": "amx_bf16"},
    )


def results_of(records, precision=None):
    settings = {"train.num_images": 24_000}
    if precision:
        settings["precision"] = precision
    tiers = {"classroom": {"dataset": "digits", "settings": settings}}
    study = Study(**{**STUDY.model_dump(), "tiers": tiers})
    return read_results(study, IDENTITY, records, pictures())


@pytest.mark.parametrize(
    ("asked", "counts"), [(None, "fp32"), ("fp32", "fp32"), ("bf16", "bf16"), ("auto", "bf16")]
)
def test_runs_of_two_precisions_are_never_in_one_cell(asked, counts):
    every = study_records()
    part = [r for r in every if r.tags["seed"] != "2" or r.tags["role"] != "run"]
    results = results_of([*part, *map(rounded, every)], asked)
    assert {run.precision for place in results.arm_cells for run in place.runs} == {counts}
    assert {len(place.runs) for place in results.arm_cells} == {3 if counts == "bf16" else 2}
    left_out = {run.precision for run in results.unplaced_runs if run.tags.role != "baseline"}
    assert left_out == {"fp32", "bf16"} - {counts}


def test_report_names_the_precision_of_each_family_where_runs_say_it():
    records = study_records()
    assert "| precision |" not in report_text(results_of(records))
    both = [rounded(r) if r.tags["family"] == "vae" else r for r in records]
    text = report_text(results_of(both))
    assert "| precision | Networks train in bf16 (`vae`), fp32 (`gan`), fp32 (`wgan`)." in text
    assert "`train.precision=bf16`" in text
    assert "| bf16 by | `amx_bf16` |" in text
