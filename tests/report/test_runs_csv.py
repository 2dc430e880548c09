"""runs.csv holds all that the text of a report reads: it can be made again from it."""

import csv
import dataclasses
import io
import math
from collections import Counter

import pandas as pd
from synthetic_study import (
    IDENTITY,
    SEARCH,
    STUDY,
    search_records,
    study_records,
    trial_record,
    troubled_records,
)

from bench.records import TrialResult
from bench.report.runs_csv import read_records, runs_table
from bench.report.writer import report_text
from bench.results.results import read_results


def no_pictures(run_id, name):
    return None


def results_of(records):
    return read_results(STUDY, IDENTITY, records, no_pictures)


def odd_records():
    """One of each: diverged, collapsed, running, a value that is not finite, a stray."""
    records = troubled_records()
    found = next(r for r in records if r.run_id == "run_gan_3_0")
    found.metrics["test/legible"] = math.inf
    found.tags["reason"] = 'it said "no",\nthen left'
    said = TrialResult(status="ok", not_applicable={"elbo": "why, not | so"}).tags()
    records[0].tags["not_applicable"] = said["not_applicable"]
    records[1].params["model.depth"] = "9"
    return records


def test_text_made_from_the_table_of_runs_is_the_text_made_from_the_records():
    results = results_of([dataclasses.replace(r, histories={}) for r in odd_records()])
    again = results_of(read_records(runs_table(results)))
    assert report_text(again) == report_text(results)
    assert runs_table(again) == runs_table(results)


def test_value_in_the_table_of_runs_is_read_back_to_the_last_bit():
    records = study_records()
    value = 0.1 + 0.2
    records[0].metrics["test/fd_digits_n500"] = value
    back = {r.run_id: r for r in read_records(runs_table(results_of(records)))}
    assert back[records[0].run_id].metrics.items() >= records[0].metrics.items()
    assert back[records[0].run_id].params == records[0].params
    assert repr(back[records[0].run_id].metrics["test/fd_digits_n500"]) == repr(value)


FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "'=1",
    "''+x",
    "'",
    "-",
    "=",
]
NUMBERS = ["-0.5", "+3", "-1e-05", "-inf", "7"]


def test_text_that_a_spreadsheet_would_compute_is_marked_and_read_back_as_it_was():
    records = study_records()
    for record, text in zip(records, FORMULAS + NUMBERS, strict=False):
        record.tags["note"] = text
    records[0].tags["=key"] = "x"
    table = runs_table(results_of(records))
    header, *rows = csv.reader(io.StringIO(table))
    notes = {row[header.index("note")] for row in rows}
    marked = {f"'{text}" for text in FORMULAS} - {"''"}
    assert notes == {"", "'", *marked, *NUMBERS}
    assert "'=key" in header
    back = {r.run_id: (r.tags.get("note"), r.tags.get("=key")) for r in read_records(table)}
    assert back == {r.run_id: (r.tags.get("note"), r.tags.get("=key")) for r in records}
    shown = pd.read_csv(io.StringIO(table), keep_default_na=False, dtype={"note": str})
    assert set(shown["note"]) == notes
    assert pd.api.types.is_numeric_dtype(shown["test/fd_digits_n500"])


def test_control_characters_of_a_tag_leave_the_rows_of_the_table_whole():
    records = study_records()
    records[0].tags["note"] = "a\rb\x00c\x1b[31m"
    table = runs_table(results_of(records))
    assert len(list(csv.reader(io.StringIO(table)))) == len(records) + 1
    assert {r.tags.get("note") for r in read_records(table)} == {None, "a\\rb\\x00c\\x1b[31m"}


def test_value_that_is_not_finite_is_left_empty_and_named():
    text = runs_table(results_of(odd_records()))
    row = next(r for r in csv.DictReader(io.StringIO(text)) if r["run_id"] == "run_gan_3_0")
    assert (row["test/legible"], row["not_finite"]) == ("", "test/legible")


def test_table_of_runs_leaves_out_what_may_name_a_folder_of_the_machine():
    records = study_records()
    records[0].tags.update(command="bench run --root /home/me", folder="x", extra="kept")
    text = runs_table(results_of(records))
    assert "/home/me" not in text
    assert "extra" in text.splitlines()[0].split(",")


def test_text_of_a_search_under_way_is_made_again_from_its_table_of_runs():
    """Pruned trials among the others, and one that still runs."""
    trials = [record for record in search_records() if "trial" in record.tags]
    running = {k: v for k, v in trials[0].tags.items() if k != "status"}
    trials[0] = dataclasses.replace(trials[0], tags=running, finished=False)
    results = read_results(SEARCH, IDENTITY, trials, no_pictures)
    rows = runs_table(results)
    again = read_results(SEARCH, IDENTITY, read_records(rows), no_pictures)
    assert report_text(again) == report_text(results)
    assert "25 of 26 trials begun have ended" in report_text(results)
    statuses = Counter(row["status"] for row in csv.DictReader(io.StringIO(rows)))
    assert (statuses["pruned"], statuses["unfinished"]) == (1, 1)


def test_trials_of_a_search_stand_in_the_table_and_are_read_back_as_trials():
    trials = [trial_record("gan", n, 9.0 - n) for n in range(3)]
    trials += [trial_record("vae", 3, 8.0, sampler="tpe", status="pruned")]
    results = results_of([*study_records(), *trials])
    text = runs_table(results)
    used = Counter(row["used"] for row in csv.DictReader(io.StringIO(text)))
    assert used == {"yes": 48, "trial": 4}
    again = results_of(read_records(text)).trials
    assert [(t.arm, t.trial, t.status) for t in again] == [
        (t.arm, t.trial, t.status) for t in results.trials
    ]
    assert [t.value(results.selection_metric) for t in again] == [
        t.value(results.selection_metric) for t in results.trials
    ]
