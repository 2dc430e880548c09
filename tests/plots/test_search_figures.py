"""The figures of a search, of costs and of rates, by their numbers."""

import dataclasses
import itertools
import json
import statistics

import pytest
from synthetic_study import (
    IDENTITY,
    SEARCH,
    SEARCH_FACTS,
    STUDY,
    pictures,
    run_record,
    search_records,
    study_records,
    trial_record,
    troubled_records,
)

from bench.plots import PLOTS
from bench.plots.best_so_far import best_so_far, expected_best
from bench.report.sections.protocol import protocol
from bench.results.results import read_results


def search(records, facts=None):
    return read_results(SEARCH, IDENTITY, records, pictures(), facts=facts)


def numbers(name, results):
    return PLOTS.get(name).numbers(results)


@pytest.mark.parametrize("values", [[3.0], [5.0, 1.0], [2.0, 9.0, 4.0, 4.0, 1.5, 30.0, 7.0]])
def test_expected_best_is_the_mean_over_every_choice_of_k(values):
    for k, expected in enumerate(expected_best(values), start=1):
        every = [min(chosen) for chosen in itertools.combinations(values, k)]
        assert expected == pytest.approx(statistics.mean(every), rel=1e-12)


def test_expected_best_begins_at_the_mean_and_ends_at_the_lowest():
    curve = expected_best(range(1000))
    assert curve[0] == pytest.approx(499.5)
    assert curve[-1] == 0
    assert all(a >= b for a, b in itertools.pairwise(curve))


def test_best_so_far_waits_for_the_first_value():
    assert best_so_far([None, 5.0, None, 7.0, 2.0]) == [None, 5.0, 5.0, 5.0, 2.0]


def test_trials_are_neither_places_nor_strays_nor_runs():
    results = search(search_records())
    assert len(results.trials) == 26
    assert results.unplaced_runs == ()
    assert {run.record.tags["role"] for run in results.runs} == {"run"}
    assert len(results.runs) == 6


def test_what_a_search_superseded_counts_nowhere_and_is_named():
    """Neither the runs of what was best before, nor trials, which have seed 0."""
    records = search_records()
    old = [r for r in records if r.run_id.startswith("trial_vae_1") or r.tags["role"] == "run"]
    replaced = [
        dataclasses.replace(r, run_id=f"z{r.run_id}", tags={**r.tags, "role": "superseded"})
        for r in old
    ]
    before, after = search(records), search([*records, *replaced])
    assert [run.record.run_id for run in after.runs] == [run.record.run_id for run in before.runs]
    assert after.trials == before.trials
    assert {run.record.run_id for run in after.unplaced_runs} == {r.run_id for r in replaced}
    assert "or are of a search that has found better since" in protocol(after)


def test_expected_best_is_of_random_trials_and_best_so_far_of_all():
    rows = numbers("best_so_far", search(search_records()))
    vae = rows[rows["arm"] == "vae"]
    values = {r.run_id: r.metrics.get("val/fd_digits_n297") for r in search_records()}
    random = [values[f"trial_vae_{i}"] for i in range(12)]
    known = [value for value in random if value is not None]
    expected = expected_best([*known, max(known)])  # the diverged one counts as the worst
    assert vae[vae["kind"] == "expected"]["value"].tolist() == pytest.approx(expected)
    whole = [values[f"trial_vae_{i}"] for i in range(17)]  # the eighteenth was pruned
    assert vae[vae["kind"] == "best"]["value"].iloc[-1] == min(v for v in whole if v is not None)
    assert vae[vae["kind"] == "best"]["trials"].iloc[-1] == 18
    assert vae[vae["kind"] == "none"]["trials"].tolist() == [5, 18]


def test_fewer_than_ten_random_trials_are_no_expected_best_and_it_is_said():
    results = search(search_records())
    rows = numbers("best_so_far", results)
    assert set(rows[rows["kind"] == "expected"]["arm"]) == {"vae"}
    caption = PLOTS.get("best_so_far").draw(rows, results).caption
    assert "gan: fewer than 10 random trials" in caption


def test_search_that_has_only_trials_yet_is_drawn():
    results = search([trial_record("gan", i, 10.0 - i) for i in range(3)])
    rows = numbers("best_so_far", results)
    assert rows[rows["kind"] == "best"]["value"].tolist() == [10.0, 9.0, 8.0]


def test_trials_are_said_to_be_chosen_by_tpe_where_some_were():
    for records, is_said in (
        (search_records(), True),
        ([trial_record("gan", 0, 10.0), trial_record("gan", 1, 9.0, sampler="known")], False),
    ):
        results = search(records)
        caption = PLOTS.get("best_so_far").draw(numbers("best_so_far", results), results).caption
        assert ("chosen by TPE" in caption) == is_said


def test_importance_names_its_evaluator_and_is_left_out_where_unknown():
    results = search(search_records(), SEARCH_FACTS)
    rows = numbers("importance", results)
    assert rows[rows["arm"] == "vae"]["share"].tolist() == [0.7, 0.3]
    drawing = PLOTS.get("importance").draw(rows, results)
    assert "PED-ANOVA" in drawing.caption
    assert "PED-ANOVA" in drawing.figure.get_suptitle()
    assert "what makes a trial good (vae 5 of 45, gan 3 of 30)" in drawing.caption
    for facts in ({}, {"bench.importance": "broken"}, {"bench.importance": json.dumps({"a": 1})}):
        assert numbers("importance", search(search_records(), facts)).empty


def of_trials(vae, gan):
    """What a search said of its settings, from so many trials of each arm."""
    said = json.loads(SEARCH_FACTS["bench.importance"]) | {"trials": {"vae": vae, "gan": gan}}
    return {"bench.importance": json.dumps(said)}


def test_importance_is_not_shown_of_an_arm_whose_best_tenth_is_one_or_two_trials():
    results = search(search_records(), of_trials(30, 29))
    rows = numbers("importance", results)
    assert set(rows["arm"]) == {"vae"}
    assert "gan: fewer than 30 whole trials." in PLOTS.get("importance").draw(rows, results).caption
    assert numbers("importance", search(search_records(), of_trials(12, 12))).empty


def test_importance_says_how_many_images_a_trial_saw():
    records = [
        dataclasses.replace(r, params={**r.params, "train.num_images": "4800"})
        if r.tags["role"] == "search" and r.tags["sampler"] != "finalist"
        else r
        for r in [*search_records(), trial_record("vae", 18, 9.0, sampler="finalist")]
    ]
    results = search(records, SEARCH_FACTS)
    drawing = PLOTS.get("importance").draw(numbers("importance", results), results)
    assert (
        "the trials that saw 4,800 images to their end; the runs above saw 24,000."
        in drawing.caption
    )


def test_rate_and_distortion_add_up_to_minus_the_elbo():
    results = read_results(STUDY, IDENTITY, study_records(), pictures())
    rows = numbers("rate_distortion", results)
    assert set(rows["arm"]) == {"vae"}
    dots = rows[(rows["kind"] == "seed") & (rows["x"] == "4")]
    records = [run_record("vae", 4, seed) for seed in range(3)]
    elbos = [-r.metrics["test/elbo_bernoulli_resampled"] for r in records]
    assert (dots["rate"] + dots["distortion"]).tolist() == pytest.approx(elbos)
    assert sorted(set(rows["x"])) == list("12345")


def test_rates_of_different_likelihoods_have_panels_of_their_own():
    records = study_records()
    for record in records:
        if record.run_id.startswith("run_wgan"):
            depth = float(record.params["model.depth"])
            record.metrics["test/kl_gaussian_sigma0.1"] = depth
            record.metrics["test/reconstruction_gaussian_sigma0.1"] = 50.0 - depth
    rows = numbers("rate_distortion", read_results(STUDY, IDENTITY, records, pictures()))
    panels = {panel: set(mine["arm"]) for panel, mine in rows.groupby("panel")}
    assert panels == {"bernoulli_resampled": {"vae"}, "gaussian_sigma0.1": {"wgan"}}


def test_front_holds_the_cells_that_no_other_beats_in_both():
    results = read_results(STUDY, IDENTITY, study_records(), pictures())
    rows = numbers("quality_cost", results)
    assert set(rows["panel"]) == {"parameters", "seconds", "updates"}  # all saw the same images
    for _, mine in rows.groupby("panel"):
        points = list(zip(mine["cost"], mine["value"], mine["is_front"], strict=True))
        for cost, value, is_front in points:
            beaten = any(c <= cost and v <= value and (c, v) != (cost, value) for c, v, _ in points)
            assert is_front != beaten


def test_seeds_shown_are_the_best_the_median_and_the_worst():
    results = read_results(STUDY, IDENTITY, study_records(seeds=range(5)), pictures())
    rows = numbers("seed_grids", results)
    mine = rows[rows["column"] == "gan"]
    ranked = sorted(results.chosen("gan").runs, key=lambda run: run.value("val/fd_digits_n297"))
    expected = [ranked[i].record.run_id for i in (0, 2, 4)]
    assert mine["run_id"].tolist() == expected
    assert mine["row"].tolist() == ["best", "median", "worst"]


def test_picture_that_the_chosen_cell_lacks_is_taken_from_another_along_x():
    results = read_results(STUDY, IDENTITY, troubled_records(), pictures())
    rows = numbers("latent_grid", results)
    assert [run_id[:9] for run_id in rows["run_id"]] == ["run_vae_3"]
    assert numbers("latent_pca", results)["run_id"].str.startswith("run_vae_2").all()
