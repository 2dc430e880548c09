"""Where the runs of a merged study are from, whether places agree, and runs that contradict."""

import dataclasses

import pytest
from synthetic_study import IDENTITY, STUDY, study_records

from bench.records import CONTESTED
from bench.report.sections.machines import machines
from bench.results.results import read_results

DISTANCE = "test/fd_digits_n500"


def said(records):
    return machines(read_results(STUDY, IDENTITY, records, lambda *_: None))


def came(record, bundle, processor, **tags):
    more = {"came_in": f"{bundle}/{record.run_id}", "processor": processor, **tags}
    return dataclasses.replace(record, tags={**record.tags, **more})


def seed(record):
    return int(record.tags["seed"])


def test_study_of_one_place_says_nothing():
    assert said(study_records()) == ""


def test_each_place_with_a_seed_of_its_own_cannot_be_told_from_it():
    text = said([came(r, f"b{seed(r)}", f"laptop {seed(r)}") for r in study_records()])
    assert "| bundle `b1` | laptop 1 | 1 |" in text
    assert "a machine cannot be told from its seeds" in text


@pytest.mark.parametrize(("factor", "verb"), [(1.0, "are not told apart"), (3.0, "differ")])
def test_places_with_several_seeds_each_are_tested_within_cells(factor, verb):
    records = []
    for record in study_records(seeds=(0, 1, 2, 3)):
        half = seed(record) // 2
        metrics = {k: v * factor**half for k, v in record.metrics.items()}
        records.append(came(dataclasses.replace(record, metrics=metrics), f"b{half}", "laptop"))
    text = said(records)
    assert f"Within cells the places {verb} in `fd_digits_n500`: F = " in text
    assert "| bundle `b0` | laptop | 0, 1 |" in text


def test_runs_that_contradict_each_other_are_shown_with_their_machines():
    records = [came(r, "b0", "laptop") for r in study_records()]
    first = next(r for r in records if r.tags["family"] == "gan")
    first = dataclasses.replace(first, tags={**first.tags, "folder": "made/abc"})
    other = came(
        first, "b1", "server", role=CONTESTED, contests="made/abc", folder="made/contested-b1"
    )
    other = dataclasses.replace(
        other, run_id="other", metrics={k: 2 * v for k, v in first.metrics.items()}
    )
    text = said([r for r in records if r.run_id != first.run_id] + [first, other])
    assert "1 run came with other values than the one of the same configuration and seed" in text
    (row,) = [line for line in text.splitlines() if "`other`" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == f"`gan` seed {seed(first)}"
    assert cells[1] == f"`{first.run_id}`"
    assert float(cells[4]) == pytest.approx(2 * float(cells[2]), rel=0.01)
    assert cells[5] == "laptop beside server"
