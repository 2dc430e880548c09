"""Whether families stand in the same order by other measures, and at another time."""

import dataclasses

import pytest
from synthetic_study import IDENTITY, LEVEL, STUDY, study_records

from bench.results.results import read_results
from bench.results.robustness import headline_order, views

GOOD = {"gan": 0.9, "wgan": 0.6, "vae": 0.3}
"""What the headline's order is by: the GAN is nearest."""


def results_of(records):
    return read_results(STUDY, IDENTITY, records, lambda _run_id, _name: None)


def measured(name, level, spread=0.001):
    """The study's records with another value, whose seeds lie ``spread`` apart."""
    return [
        dataclasses.replace(
            r,
            metrics={**r.metrics, name: level[arm] + spread * int(r.tags["seed"])},
        )
        if (arm := r.tags["family"]) in level
        else r
        for r in study_records()
    ]


def view(records, title):
    return next(v for v in views(results_of(records)) if v.title == title)


def test_headline_order_is_by_the_mean_test_distance():
    results = results_of(study_records())
    assert headline_order(results) == tuple(sorted(LEVEL, key=LEVEL.__getitem__))


@pytest.mark.parametrize("measure", ["precision", "recall", "density", "coverage"])
def test_higher_is_better_of_shares(measure):
    name = f"test/{measure}_digits_n500"
    assert view(measured(name, GOOD), measure).agreement == "same"
    turned = {**GOOD, "vae": 0.95}
    found = view(measured(name, turned), measure)
    assert (found.agreement, found.order) == ("beyond", ("vae", "gan", "wgan"))


def test_lower_is_better_of_a_kernel_distance_which_may_be_negative():
    level = {"gan": -0.5, "wgan": 0.1, "vae": 2.0}
    found = view(measured("test/kd_digits_n500", level), "kernel distance")
    assert (found.agreement, found.order) == ("same", ("gan", "wgan", "vae"))


def test_order_that_turns_within_the_spread_of_the_seeds_is_called_so():
    turned = {**GOOD, "vae": 0.601}
    found = view(measured("test/recall_digits_n500", turned, spread=0.1), "recall")
    assert (found.agreement, found.order) == ("within", ("gan", "vae", "wgan"))


def test_second_detector_is_a_view_of_its_own():
    level = {"vae": 1.0, "wgan": 2.0, "gan": 3.0}
    found = view(measured("test/fd_random_n500", level), "the distance by `random`")
    assert (found.agreement, found.order) == ("beyond", ("vae", "wgan", "gan"))


def test_what_was_not_measured_is_unknown():
    found = {v.title: v.agreement for v in views(results_of(study_records()))}
    assert found["half the budget"] == "same"
    assert found["the checkpoint best by validation"] == "same"
    unknown = {title for title, agreement in found.items() if agreement == "unknown"}
    assert {"kernel distance", "a second detector"} <= unknown


def test_values_of_real_images_and_errors_are_no_measure():
    records = measured("test/kd_digits_n500_se", GOOD)
    assert view(records, "kernel distance").agreement == "unknown"
