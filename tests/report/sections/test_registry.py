"""What every registered section keeps to, and the order in which they stand."""

import dataclasses

import pytest
from synthetic_study import IDENTITY, STUDY, pictures, study_records, troubled_records

from bench.plots import PLOTS
from bench.report.runs_csv import read_records, runs_table
from bench.report.sections import SECTIONS, in_order
from bench.report.writer import report_text
from bench.results.results import read_results


def test_every_section_has_its_place_behind_the_one_that_it_names():
    titles = [section.title for section in in_order()]
    assert sorted(titles) == SECTIONS.names()
    for section in in_order():
        assert section.after == "" or titles.index(section.after) < titles.index(section.title)


def test_a_new_section_stands_right_behind_the_one_that_it_names(monkeypatch):
    others = dict(SECTIONS._entries)
    monkeypatch.setattr(SECTIONS, "_entries", others)
    before = [section.title for section in in_order()]
    new = dataclasses.replace(others["Runs and cost"], title="A new one", after="Runs and cost")
    others["A new one"] = new
    titles = [section.title for section in in_order()]
    assert titles.index("A new one") == titles.index("Runs and cost") + 1
    assert [title for title in titles if title != "A new one"] == before


def test_a_part_of_a_section_follows_it_or_another_part():
    first, *others = in_order()
    assert first.level == 2
    assert {section.level for section in others} == {2, 3}


def test_headings_of_a_report_are_those_of_the_sections_in_their_order():
    text = report_text(
        read_results(STUDY, IDENTITY, troubled_records(), pictures()),
        {"headline": "drawn"},
    )
    drawn = {f"### {plot.title}" for _, plot in PLOTS.items()}
    lines = text.splitlines()
    found = [line for line in lines if line.startswith("##") and line not in drawn]
    headings = [section.heading for section in in_order()]
    assert found == [heading for heading in headings if heading in found]
    assert {
        "## Answer at a glance",
        "## Findings",
        "### Comparisons",
        "## Every cell",
        "## Provenance",
    } <= set(found)


@pytest.mark.parametrize("section", in_order(), ids=lambda section: section.title)
def test_words_do_not_depend_on_the_order_of_records(section):
    def words(records):
        return section.words(read_results(STUDY, IDENTITY, records, pictures()))

    assert words(study_records()) == words(study_records()[::-1])


def test_sections_that_read_no_curve_follow_from_the_table_of_runs():
    results = read_results(STUDY, IDENTITY, troubled_records(), lambda _run, _name: None)
    rows = read_records(runs_table(results))
    without = read_results(STUDY, IDENTITY, rows, lambda _run, _name: None)
    for section in in_order():
        if not section.reads_curves:
            assert section.words(results) == section.words(without), section.title


def test_a_trend_is_computed_once_for_every_section_that_speaks_of_it(monkeypatch):
    asked = []
    results = read_results(STUDY, IDENTITY, study_records(), pictures())
    monkeypatch.setattr("bench.results.trends.along", lambda _, series: asked.append(series) or [])
    report_text(results)
    report_text(results)
    titles = [series.title for series in asked]
    assert titles
    assert len(set(titles)) == len(titles)
