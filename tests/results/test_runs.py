"""Which run stands in which cell."""

import dataclasses
import math

import pytest
from synthetic_study import IDENTITY, STUDY, pictures, study_records

from bench.plan.study import FRESH_SEED, Study
from bench.records import CONFIRM
from bench.report.writer import report_text
from bench.results.decisions import comparisons
from bench.results.format import measured
from bench.results.results import read_results
from bench.results.runs import RecordedRun
from bench.results.tracked import _first_seeds


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


def confirming(record, value):
    """The same cell on a fresh seed."""
    seed = str(FRESH_SEED + int(record.tags["seed"]))
    metrics = {"val/fd_digits_n297": value, "test/fd_digits_n500": value}
    return dataclasses.replace(
        record,
        run_id=f"fresh_{record.run_id}",
        params={**record.params, "train.seed": seed},
        tags={**record.tags, "role": CONFIRM, "seed": seed},
        metrics={**record.metrics, **metrics},
    )


def chosen_again(records, arm="vae", value=50.0):
    """Runs on fresh seeds of the cell that an arm chooses, all of that value."""
    chosen = results_of(records).chosen(arm)
    return [confirming(run.record, value) for run in chosen.runs]


def test_headline_is_of_fresh_seeds_and_the_choice_is_not():
    records = study_records()
    before = results_of(records)
    after = results_of([*records, *chosen_again(records)])
    assert after.chosen("vae").cell == before.chosen("vae").cell
    assert after.chosen("vae").values("val/fd_digits_n297") == before.chosen("vae").values(
        "val/fd_digits_n297"
    )
    assert after.headline("vae").values(after.test_metric) == [50.0] * 3
    assert after.headline("gan") is after.chosen("gan")
    curve = [place.values(after.test_metric) for _, place in after.along_x("vae")]
    assert curve == [place.values(before.test_metric) for _, place in before.along_x("vae")]


def test_comparison_and_answer_are_of_fresh_seeds():
    records = study_records()
    after = results_of([*records, *chosen_again(records)])
    pairs = [c.pair for c in comparisons(after) if "vae" in {c.a, c.b}]
    assert [(p.first if p.planned.a == "vae" else p.second).values for p in pairs] == [
        (50.0,) * 3
    ] * 2
    text = report_text(after)
    assert "50.0" in text.partition("\n## Findings")[0]
    assert "| 3 fresh |" in text
    assert (
        "`vae` at the chosen cell: runs on 3 fresh seeds, which had no part in the choice" in text
    )
    assert "Not yet so, and flattered by the choice: `gan` and `wgan`." in text


def test_fresh_seeds_that_have_not_ended_say_nothing_yet():
    records = study_records()
    begun = [dataclasses.replace(r, finished=False) for r in chosen_again(records)]
    results = results_of([*records, *begun])
    assert results.headline("vae") is results.chosen("vae")


def test_first_seeds_are_the_first_of_a_sweep_and_the_first_fresh_ones():
    records = study_records()
    kept = [RecordedRun(r) for r in _first_seeds([*records, *chosen_again(records)], 2)]
    assert {run.seed for run in kept if run.is_confirming} == {FRESH_SEED, FRESH_SEED + 1}
    assert {run.seed for run in kept if run.tags.role == "run"} == {0, 1}


def test_interval_of_a_count_ends_where_no_count_can_lie():
    records = study_records()
    for record in records:
        record.params["model.latent_dim"] = "16"
        record.metrics["test/active_units"] = 16.0 - (record.tags["seed"] == "0")
        record.metrics["test/classes"] = 9.9 - int(record.tags["seed"]) / 3
        record.metrics["test/covered_n500"] = 8.0 - int(record.tags["seed"])
        record.metrics["test/covered_n500_real"] = 8.0
    vae = results_of(records).chosen("vae")
    counts = {"test/active_units": 16, "test/classes": 10, "test/covered_n500": 8}
    for metric, most in counts.items():
        assert vae.most(metric) == most
        text = measured(metric, vae.values(metric), most=vae.most(metric))
        assert text.endswith(f", {most}.0]")
    assert vae.most("test/fd_digits_n500") == math.inf


def test_sweep_without_all_of_its_fresh_seeds_says_that_its_values_flatter():
    own = study_records()
    fresh = [run for arm in ("vae", "gan", "wgan") for run in chosen_again(own, arm)]
    assert "9 runs of chosen cells on fresh seeds are missing" in report_text(results_of(own))
    assert "on fresh seeds is missing" not in report_text(results_of([*own, *fresh]))
    begun = dataclasses.replace(fresh[0], finished=False, metrics={})
    results = results_of([*own, begun, *fresh[1:]])
    assert "1 run of chosen cells on fresh seeds is missing" in report_text(results)
    assert results.headline("vae") is results.chosen("vae")


def test_fresh_seeds_of_a_cell_that_is_not_chosen_any_more_are_said_with_the_remedy():
    own = study_records()
    fresh = [run for arm in ("gan", "wgan") for run in chosen_again(own, arm)]
    former = [confirming(r, 50.0) for r in own if r.run_id.startswith("run_vae_3")]
    results = results_of([*own, *fresh, *former])
    assert results.headline("vae") is results.chosen("vae")
    state = report_text(results).partition("The question")[0]
    assert "3 runs of chosen cells on fresh seeds are missing" in state
    assert "Those of `vae` at depth 3 do not count: the seeds reported here choose another" in state
    assert "--seeds 3` runs what is missing." in state
    others = report_text(results_of([*own, *fresh]))
    assert "do not count" not in others
