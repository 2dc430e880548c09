"""The report of stored records stays the same to the byte.

The records are those of a real study of twelve runs and two baselines; one run failed, one
diverged, one was interrupted. Where the report was meant to change, write the expected text anew
with `python tests/golden/golden.py`, and read the difference in git before it is committed.
"""

import dataclasses
import random
from collections import Counter

import pytest
from golden.golden import HERE, composed, expected, results_of, stored_records

from bench.report.runs_csv import read_records, runs_table
from bench.report.writer import report_text


@pytest.fixture(scope="module")
def files():
    records = stored_records()
    random.Random(0).shuffle(records)
    return composed(records)


@pytest.mark.parametrize("name", ["README.md", "runs.csv"])
def test_report_of_stored_records_is_what_it_was(files, name):
    assert files[name] == expected()[name]


def test_stored_records_hold_runs_that_came_to_nothing():
    runs = results_of(stored_records()).runs
    counts = Counter(run.status for run in runs)
    assert {status: counts[status] for status in ("failed", "diverged", "unfinished")} == {
        "failed": 1,
        "diverged": 1,
        "unfinished": 1,
    }
    assert len(runs) == 14


def test_stored_records_are_small_and_name_no_machine():
    text = (HERE / "records.json").read_text(encoding="utf-8")
    assert len(text) < 150_000
    assert not any(place in text for place in ("/home", "/root", "/tmp", "/work", "/Users"))


def test_words_and_tables_of_stored_records_follow_from_the_table_of_runs():
    without_curves = [dataclasses.replace(r, histories={}) for r in stored_records()]
    results = results_of(without_curves)
    again = results_of(read_records(runs_table(results)))
    assert report_text(again) == report_text(results)
