"""The page of replications: what it calls reproduced, and what it does not."""

import dataclasses

import pydantic
import pytest
from synthetic_study import IDENTITY, STUDY, study_records

from bench.plan.claim import Published
from bench.plan.study import Study
from bench.report.replication import page
from bench.report.writer import report_text
from bench.results.published import all_reached, reached, way
from bench.results.results import read_results


def published(**values):
    standard = {
        "source": "Somebody 2020",
        "dataset": "digits",
        "arm": "gan",
        "measure": "distance",
        "value": 6.5,
        "within": 1.0,
        "protocol": "by hand",
    }
    return Published(**{**standard, **values})


def results_of(one, records=None):
    """The synthetic study with one published number: gan has 6.5 at its best, vae 9.5."""
    study = Study(**{**STUDY.model_dump(), "published": (one.model_dump(),)})
    return read_results(study, IDENTITY, records or study_records(), lambda _run, _name: None)


def row(one, records=None):
    """The cells of the number in the page's first table."""
    text = page([results_of(one, records)], "bench replication")
    line = next(line for line in text.splitlines() if line.startswith("| [") and "](#" in line)
    return line.strip("| ").split(" | ")


def verdict(one, records=None):
    return row(one, records)[-1]


def test_a_number_that_is_met_by_three_runs_is_reproduced():
    assert verdict(published()).startswith("reproduced: ")
    said = verdict(published(value=3, within=1))
    assert said.startswith("not reproduced: 3.")
    assert said.endswith("above theirs, where 1 is allowed")


def test_a_mean_that_is_near_is_no_reproduction_while_its_interval_reaches_beyond():
    said = verdict(published(value=6.5, within=0.01))
    assert said.startswith("undecided: ")
    assert said.endswith("], where 0.01 is allowed")
    assert verdict(published(value=600, within=0.01)).startswith("not reproduced: ")


def test_an_arm_of_ours_stands_beside_it_seed_by_seed():
    one = reached(results_of(p := published(value=None, against="vae", within=10)), p)
    assert set(one.targets) == {run.seed for run in one.runs}
    assert one.interval.mean == pytest.approx(one.off)


def test_two_runs_or_runs_that_collapsed_give_no_verdict():
    assert verdict(published(), study_records(seeds=(0, 1))).startswith("no verdict of 2 runs: ")
    collapsed = [
        dataclasses.replace(r, tags={**r.tags, "status": "collapsed"})
        if r.tags["seed"] == "1"
        else r
        for r in study_records()
    ]
    assert verdict(published(), collapsed).startswith("no verdict, 1 of 3 runs collapsed: ")
    every = [
        dataclasses.replace(r, tags={**r.tags, "status": "collapsed"}) for r in study_records()
    ]
    assert verdict(published(), every).startswith("no verdict, its 3 runs collapsed: ")
    only = [r for r in every if r.tags["seed"] == "1"]
    assert verdict(published(), only).startswith("no verdict, its 1 run collapsed: ")


def test_a_smaller_budget_is_not_comparable_and_says_how_far():
    said = verdict(published(value=3, images=240_000))
    assert said.startswith("not comparable yet: 3.")
    assert said.endswith("above theirs after 10 % of their images")


def test_a_number_that_is_met_exactly_is_neither_above_nor_below():
    exact = sum(reached(results_of(p := published()), p).values) / 3
    assert verdict(published(value=exact, images=240_000)) == (
        "not comparable yet: the same as theirs after 10 % of their images"
    )


def test_numbers_of_other_data_sets_are_left_out_beside_those_of_this_one():
    both = (published(), published(dataset="mnist", value=70))
    study = Study(**{**STUDY.model_dump(), "published": [one.model_dump() for one in both]})
    results = read_results(study, IDENTITY, study_records(), lambda _run, _name: None)
    assert [one.target for one in all_reached(results)] == [6.5]
    text = report_text(results)
    table = text.partition("### Published numbers beside ours")[2].partition("\n#")[0]
    assert "- Somebody 2020, of `gan`: by hand." in table
    assert "reproduced: " in table
    assert "70" not in table


def test_a_report_has_no_table_of_published_numbers_of_other_data_alone():
    text = report_text(results_of(published(dataset="mnist")))
    assert "Published numbers beside ours" not in text


def test_a_number_of_another_data_set_is_not_comparable():
    assert verdict(published(dataset="mnist")) == "not comparable: theirs is of mnist"


def test_the_interval_of_a_count_ends_at_the_most_that_it_can_be():
    name = "test/covered_n500"
    records = [
        dataclasses.replace(
            r,
            metrics={**r.metrics, name: 8.0 - (r.tags["seed"] == "1"), f"{name}_real": 8.0},
        )
        for r in study_records()
    ]
    said = row(published(measure="covered_n500", value=6.3), records)[4]
    assert said.startswith("7.7 [")
    assert said.endswith(", 8.0]")


def test_a_number_may_be_that_of_another_arm():
    cells = row(published(value=None, against="vae", within=10))
    assert "(`vae`)" in cells[3]
    assert cells[-1].startswith("reproduced: 3.")


def test_an_arm_without_runs_has_not_been_run():
    records = [record for record in study_records() if record.tags["family"] != "gan"]
    one = published()
    assert reached(results_of(one, records), one).off is None
    assert verdict(one, records) == "not run yet"


def test_the_page_names_protocols_runs_and_commands():
    one = published(differs="the weather", spread=0.1, beside=("precision",))
    text = page([results_of(one)], "bench replication a.zip")
    assert "6.5 ± 0.1" in text
    assert "- Somebody 2020, of `gan`: by hand. Here: the weather." in text
    assert "`run_gan_" in text
    assert f"bench run {IDENTITY.flags()} --seeds 3" in text
    assert text.endswith("Written by `bench replication a.zip`.\n")


def test_a_protocol_is_told_once_for_all_the_numbers_that_were_measured_by_it():
    numbers = (published(), published(arm="vae"), published(arm="wgan", differs="the weather"))
    study = Study(**{**STUDY.model_dump(), "published": [one.model_dump() for one in numbers]})
    text = report_text(read_results(study, IDENTITY, study_records(), lambda _run, _name: None))
    assert text.count("by hand") == 2
    assert "- Somebody 2020, of `gan` and `vae`: by hand.\n" in text
    assert "- Somebody 2020, of `wgan`: by hand. Here: the weather.\n" in text


def test_marks_of_few_seeds_are_explained():
    text = page([results_of(published(), study_records(seeds=(0,)))], "bench replication")
    assert "fewer than three seeds: no interval" in text


def test_the_way_is_a_mean_over_runs_at_a_few_points():
    results = results_of(published(curve="train/loss"))
    curves = way(results, results.selection_metric, most=2)
    assert set(curves) == {"vae", "gan", "wgan"}
    assert all(len(points) <= 2 for points in curves.values())
    ends = {points[-1][0] for points in curves.values()}
    assert len(ends) == 1


def test_a_number_is_given_once():
    with pytest.raises(pydantic.ValidationError, match="give one"):
        published(against="vae")
    with pytest.raises(pydantic.ValidationError, match="of arms of"):
        results_of(published(arm="dcgan"))
