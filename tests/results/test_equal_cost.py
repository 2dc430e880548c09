"""Families at equal images, at equal seconds of training, at equal parameters."""

import dataclasses

import pytest
from synthetic_study import IDENTITY, STUDY, lost, study_records

from bench.plan import Int, Search
from bench.report.sections.equal_cost import equal_cost
from bench.results.equal_cost import (
    _over_time,
    at_equal_images,
    at_equal_parameters,
    at_equal_seconds,
    clock,
)
from bench.results.format import LOST_RUNS
from bench.results.results import read_results

METRIC = "val/fd_digits_n297"
SPEED = {"vae": 1.0, "gan": 4.0, "wgan": 2.0}
"""Seconds for a thousand images."""
LEVEL = {"vae": 400.0, "gan": 100.0, "wgan": 300.0}


def records(kept=True):
    """Distances that halve with each doubling of the images: at 24,000 the GAN is lowest."""
    found = []
    for record in study_records():
        arm = record.tags["family"]
        if arm not in SPEED:
            found.append(record)
            continue
        seed, steps = int(record.tags["seed"]), (6_000, 12_000, 24_000)
        curve = [(x, (LEVEL[arm] + seed) * 24_000 / x) for x in steps]
        ticks = [(x, x / 1_000 * SPEED[arm]) for x in steps]
        histories = {METRIC: curve, "cost/processor_seconds": ticks if kept else []}
        last = {METRIC: curve[-1][1], "cost/processor_seconds": ticks[-1][1]}
        metrics = {**record.metrics, **last}
        found.append(dataclasses.replace(record, metrics=metrics, histories=histories))
    return found


def results_of(found):
    return read_results(STUDY, IDENTITY, found, lambda *_: None)


def test_at_equal_images_each_family_has_its_last_validation():
    at = at_equal_images(results_of(records()))
    assert at.amount == 24_000
    assert at.values["gan"] == pytest.approx([100, 101, 102])
    assert (at.lowest, at.near) == ("gan", [])


@pytest.mark.parametrize("kept", [True, False])
def test_at_equal_seconds_slower_families_are_read_off_their_curves(kept):
    """The GAN leads by images, and has seen a quarter of them when the VAE is done."""
    results = results_of(records(kept))
    at = at_equal_seconds(results)
    assert clock(results) == "cost/processor_seconds"
    assert at.amount == pytest.approx(24)
    assert at.values["gan"] == pytest.approx([400, 404, 408])
    assert at.values["wgan"] == pytest.approx([600, 602, 604])
    assert at.values["vae"] == pytest.approx([400, 401, 402])
    assert at.near == ["gan"]


def test_family_that_was_not_yet_validated_then_leaves_no_lowest():
    found = records()
    for i, record in enumerate(found):
        if record.tags["family"] == "gan":
            late = {name: points[1:] for name, points in record.histories.items()}
            found[i] = dataclasses.replace(record, histories=late)
    results = results_of(found)
    assert at_equal_seconds(results).lowest == ""
    (row,) = [line for line in equal_cost(results).splitlines() if "seconds of training (" in line]
    assert row.endswith("| – |")


def test_at_equal_parameters_a_family_is_read_between_its_own_sizes():
    found = []
    for record in records():
        arm, depth = record.tags["family"], int(record.params.get("model.depth", 0))
        sizes = {"vae": 1e4, "gan": 2e4, "wgan": 2e4}
        if arm in sizes:
            size = sizes[arm] * 4 ** (depth - 1)
            record = dataclasses.replace(  # noqa: PLW2901
                record,
                metrics={**record.metrics, "cost/num_parameters": size, METRIC: 1e6 / size},
            )
        found.append(record)
    at = at_equal_parameters(results_of(found))
    most = max(int(r.params["model.depth"]) for r in found if r.tags["family"] == "vae")
    assert at.amount == 1e4 * 4 ** (most - 1)
    for arm in SPEED:
        assert at.values[arm] == pytest.approx([1e6 / at.amount] * 3)


def test_no_cell_with_another_setting_than_the_factor_is_a_size_of_the_chosen_one():
    factors = {"model.depth": (1, 2, 3, 4, 5), "model.lr": (0.001, 0.01)}
    study = STUDY.model_copy(update={"factors": factors})
    other = [
        dataclasses.replace(
            r,
            run_id=f"{r.run_id}_other",
            params={**r.params, "model.lr": "0.01"},
            metrics={
                **r.metrics,
                METRIC: 2 * r.metrics[METRIC],
                "cost/num_parameters": 3 * r.metrics["cost/num_parameters"],
            },
        )
        for r in records()
        if METRIC in r.metrics
    ]
    alone, both = (
        at_equal_parameters(read_results(study, IDENTITY, found, lambda *_: None))
        for found in (records(), [*records(), *other])
    )
    assert alone.amount is not None
    assert both == alone


def test_family_that_lost_runs_is_marked():
    found = [
        lost(r, "diverged", "gone") if r.run_id in {"run_gan_1_0", "run_gan_1_1"} else r
        for r in records()
    ]
    rows = [line for line in equal_cost(results_of(found)).splitlines() if LOST_RUNS in line]
    assert [row.split(" |")[0] for row in rows[:-1]] == ["| trained parameters"]
    found = [
        lost(r, "diverged", "gone") if "_gan_" in r.run_id and "_0" in r.run_id else r
        for r in found
    ]
    assert equal_cost(results_of(found)).count(LOST_RUNS) == 4


def test_families_of_other_sizes_are_not_compared_at_equal_parameters():
    found = [
        dataclasses.replace(r, metrics={**r.metrics, "cost/num_parameters": 1e9})
        if r.tags["family"] == "gan"
        else r
        for r in records()
    ]
    results = results_of(found)
    assert at_equal_parameters(results).amount is None
    assert "No number of parameters lies between" in equal_cost(results)


def test_cells_that_a_search_chose_are_no_sizes_of_one_model():
    space = {"model.depth": Int(low=1, high=5)}
    study = STUDY.model_copy(
        update={"factors": {}, "search": Search(spaces=dict.fromkeys(SPEED, space), trials=4)}
    )
    found = [r for r in records() if r.params.get("model.depth", "2") == "2"]
    results = read_results(study, IDENTITY, found, lambda *_: None)
    assert at_equal_parameters(results).amount is None
    assert "a search varies size along with all else" in equal_cost(results)


def test_seconds_of_what_is_only_fitted_are_all_of_them():
    assert _over_time([(0.0, 5.0)], {}, 2.0) == [(2.0, 5.0)]
    assert _over_time([(1.0, 6.0), (4.0, 5.0)], {1.0: 3.0}, 8.0) == [(3.0, 6.0), (8.0, 5.0)]
