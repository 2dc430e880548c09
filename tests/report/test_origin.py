"""The first lines of a report say of which commits its runs are."""

import dataclasses
import json

from synthetic_study import IDENTITY, STUDY, pictures, study_records

from bench.records import PACKAGE_NUMBERS
from bench.report.origin import origin, warning
from bench.report.writer import report_text
from bench.results.results import read_results

FIRST, SECOND = "0123456789ab", "ba9876543210"


def said_of(*commits, **tags):
    """The sentence of the study's runs, the last ones with these commits, all with these tags."""
    results = results_of(*commits, **tags)
    return origin(results) + warning(results)


def results_of(*commits, **tags):
    records = [
        dataclasses.replace(one, tags={**one.tags, "git_commit": FIRST, **tags})
        for one in study_records()
    ]
    for number, commit in enumerate(commits):
        records[number] = dataclasses.replace(
            records[number], tags={**records[number].tags, "git_commit": commit}
        )
    return read_results(STUDY, IDENTITY, records, pictures())


def made_by(number):
    return {key: json.dumps({PACKAGE_NUMBERS: number}) for key in ("trained_by", "measured_by")}


def test_runs_of_one_commit_are_said_in_a_sentence_under_the_budget():
    number = len(study_records())
    assert said_of() == f"Made of {number} runs of commit `{FIRST}`."
    text = report_text(results_of())
    assert text.split("### Budget\n\n")[1].split("\n\n")[0].endswith(f". {said_of()}")
    dirty = report_text(results_of(f"{FIRST}-dirty"))
    assert dirty.split("\n\n")[1] == said_of(f"{FIRST}-dirty")


def test_runs_of_changed_code_are_a_warning_with_their_number():
    said = said_of(f"{FIRST}-dirty", f"{FIRST}-dirty")
    number = len(study_records())
    assert said.startswith(
        f"> 2 runs of {number} were made while the code was changed and not committed "
        f"(`{FIRST}-dirty`): no commit has the code that made them. The runs are of 2 states"
    )
    every = said_of(git_commit=f"{FIRST}-dirty")
    assert every.startswith(f"> {number} runs of {number} were made while the code was changed")
    assert "states of the code" not in every


def test_runs_of_several_commits_are_a_warning_that_says_whether_their_numbers_are_alike():
    number = len(study_records()) - 1
    several = (
        f"> The runs are of 2 states of the code: `{FIRST}` ({number} runs), `{SECOND}` (1 run)."
    )
    assert said_of(SECOND) == several
    alike = "By the versions that it declares, it trains and measures alike in all of them."
    assert said_of(SECOND, **made_by("1")) == f"{several} {alike}"


def test_runs_that_the_code_declares_to_make_otherwise_are_told():
    results = results_of(SECOND, **made_by("1"))
    first, *others = [run.record for run in results.runs]
    other = {**first.tags, "trained_by": json.dumps({PACKAGE_NUMBERS: "2"})}
    records = [dataclasses.replace(first, tags=other), *others]
    said = warning(read_results(STUDY, IDENTITY, records, pictures()))
    assert "runs are not trained alike in all of them: some of their differences may be" in said


def test_runs_whose_commit_is_not_recorded_are_counted():
    assert said_of("unknown", "unknown") == "> Of 2 runs the commit is not recorded."
    assert said_of(git_commit="unknown") == ""


def test_a_run_that_is_under_way_may_not_have_recorded_its_commit_yet():
    begun = [dataclasses.replace(one, finished=False) for one in study_records()[:1]]
    rest = [
        dataclasses.replace(one, tags={**one.tags, "git_commit": FIRST})
        for one in study_records()[1:]
    ]
    for record in begun:
        record.tags.pop("git_commit")
    results = read_results(STUDY, IDENTITY, [*begun, *rest], pictures())
    assert warning(results) == ""
    assert origin(results) == f"Made of {len(rest)} runs of commit `{FIRST}`."
