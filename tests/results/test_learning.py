"""Whether families were still learning at the end of their budget."""

import dataclasses

import pytest
from synthetic_study import IDENTITY, STUDY, study_records

from bench.results.learning import progress, still_learning
from bench.results.results import read_results

VAL = "val/fd_digits_n297"


def results_of(records):
    return read_results(STUDY, IDENTITY, records, lambda _run_id, _name: None)


def falling(fall):
    """The study's records; each arm's validation distance falls by its share over the last half."""
    records = []
    for record in study_records():
        points = record.histories.get(VAL)
        share = fall.get(record.tags["family"])
        if points is None or share is None:
            records.append(record)
            continue
        end = record.metrics[VAL]
        halved = [(6_000, 9 * end), (12_000, end / (1 - share)), (18_000, end), (24_000, end)]
        records.append(dataclasses.replace(record, histories={**record.histories, VAL: halved}))
    return records


def test_fall_is_the_share_of_the_distance_at_half_the_budget_that_went():
    found = {
        p.arm: p for p in progress(results_of(falling({"vae": 0.3, "gan": 0.05, "wgan": -0.2})))
    }
    assert {arm: p.runs for arm, p in found.items()} == {"vae": 3, "gan": 3, "wgan": 3}
    assert found["vae"].fall == pytest.approx(0.3)
    assert found["gan"].fall == pytest.approx(0.05)
    assert found["wgan"].fall == pytest.approx(-0.2)


def test_more_than_a_tenth_is_still_learning():
    results = results_of(falling({"vae": 0.3, "gan": 0.099, "wgan": 0.101}))
    assert still_learning(results) == ["vae", "wgan"]


def test_arms_without_a_validation_near_half_the_budget_are_left_out():
    records = [dataclasses.replace(r, histories={}) for r in study_records()]
    assert progress(results_of(records)) == []
