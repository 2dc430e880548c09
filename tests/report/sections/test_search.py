"""What a report says of a search: found beside known on fresh seeds, and what lies at an edge."""

import dataclasses
import json

import pytest
from synthetic_study import IDENTITY, SEARCH, run_record, trial_record

from bench.plan.space import Choice, Int, LogUniform, Search, Uniform
from bench.report.answer import answer
from bench.report.sections.cells import grid
from bench.report.sections.protocol import protocol
from bench.report.sections.provenance import provenance
from bench.report.sections.search import search
from bench.results.results import read_results
from bench.results.trials import IMPORTANCE, trials_of

SPACE = {"model.depth": Int(low=1, high=5), "model.lr": LogUniform(low=1e-4, high=1e-2)}
STUDY = SEARCH.model_copy(
    update={"search": Search(spaces={"vae": SPACE, "gan": SPACE}, known=True, finalists=1)}
)


def fresh(arm, depth, settings, factor=1.0, seeds=3):
    """Runs on fresh seeds with that many times the distance of the arm's best depth."""
    made = []
    for seed in range(seeds):
        record = run_record(arm, depth, seed)
        tags = {**record.tags, "settings": settings}
        metrics = {
            name: value * factor if "fd_" in name else value
            for name, value in run_record(arm, 2, seed).metrics.items()
        }
        run_id = f"{settings}_{record.run_id}"
        made.append(dataclasses.replace(record, run_id=run_id, tags=tags, metrics=metrics))
    return made


def read(*records, study=STUDY):
    return read_results(
        study, IDENTITY, [each for some in records for each in some], lambda *_: None
    )


def test_found_stands_beside_known_and_is_the_headline():
    results = read(
        fresh("vae", 2, "found", 0.5), fresh("vae", 3, "known"), fresh("gan", 2, "known")
    )
    assert {p.arm: p.cell.factors["settings"] for p in results.chosen_cells} == {
        "vae": "found",
        "gan": "known",
    }
    said = search(results)
    assert "| `vae` | found, chosen |" in said
    assert "| `vae` | known |" in said
    assert "× 0.50 [0.50, 0.50]" in said  # paired: the noise of the seeds is the same
    assert "For `gan` the search found nothing better" in answer(results)
    assert "not shown to be better" not in answer(results)


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ((1.5, 1.5, 1.5), "`vae` (found : known × 1.50 [1.50, 1.50])"),
        ((0.5, 0.9, 1.1), "`vae` (found : known × 0.79 [0.29, 2.19])"),
        ((0.5,), "`vae` (too few runs to tell)"),
    ],
)
def test_search_that_is_not_better_on_fresh_seeds_is_said_first_and_stays_the_headline(
    factors, said
):
    found = [fresh("vae", 2, "found", factor)[seed] for seed, factor in enumerate(factors)]
    results = read(found, fresh("vae", 3, "known"))
    assert results.chosen("vae").cell.factors == {"settings": "found"}
    assert (
        "On fresh seeds what the search found is not shown to be better than the settings known "
        f"before it for {said}."
    ) in answer(results)


def test_found_settings_that_lost_a_run_are_not_called_better():
    found = fresh("vae", 2, "found", 0.5, seeds=4)
    found[3] = dataclasses.replace(
        found[3], tags={**found[3].tags, "status": "diverged"}, metrics={}
    )
    said = answer(read(found, fresh("vae", 3, "known")))
    assert "`vae` (found : known × 0.50 [0.50, 0.50], 1 of 4 runs without a value)" in said


def test_where_nothing_new_was_found_there_is_no_empty_cell():
    said = grid(read(fresh("vae", 2, "known"), fresh("gan", 2, "known")))
    assert "found" not in said


def test_run_that_a_search_of_an_older_version_made_is_what_it_found():
    old = [
        dataclasses.replace(r, tags={k: v for k, v in r.tags.items() if k != "settings"})
        for r in fresh("vae", 2, "found")
    ]
    assert read(old).chosen("vae").cell.factors == {"settings": "found"}


@pytest.mark.parametrize(("depth", "edge"), [(1, True), (3, False), (5, True)])
def test_chosen_setting_at_the_edge_of_its_range_is_said(depth, edge):
    said = search(read(fresh("vae", depth, "found")))
    sentence = "The chosen `depth` (1 to 5) of `vae` lies at the edge of what was searched"
    assert (sentence in said) == edge


@pytest.mark.parametrize(
    ("found", "edges"),
    [
        (Int(low=1, high=5, ends="low"), {5}),
        (Uniform(low=0.0, high=0.9, ends="both"), set()),
        (LogUniform(low=1e-4, high=1e-2), {1e-4, 1e-2, 9e-3}),
        (Choice(values=(16, 32, 64)), {16, 64}),
        (Choice(values=("a", "b")), set()),
    ],
)
def test_where_a_setting_ends_nothing_better_lies_beyond(found, edges):
    values = [each for each in (*found.samples, 1, 9e-3, 7e-3) if found.holds(each)]
    assert {value for value in values if found.is_edge(value)} == edges


def test_trial_of_several_seeds_is_one_and_finalists_are_no_trials():
    def trial(number, seed, value, sampler="random"):
        record = trial_record("vae", number, value, sampler=sampler)
        return dataclasses.replace(
            record,
            run_id=f"{record.run_id}{seed}{sampler}",
            tags={**record.tags, "seed": str(seed)},
        )

    trials = [trial(0, 0, 2.0, "known"), trial(0, 1, 8.0, "known"), trial(1, 0, 5.0)]
    trials += [trial(1, 1, None), trial(0, 0, 1.0, "finalist")]
    results = read(fresh("vae", 2, "known"), trials)
    found = [(one.sampler, one.value) for one in trials_of(results, "vae")]
    assert found == [("known", pytest.approx(4.0)), ("random", None)]  # the geometric mean
    assert "4.00 of 2 trials (`vae`)" in search(results)
    assert "all images: 1.00 of 1 trial (`vae`)" in search(results)


def test_protocol_counts_finalists_apart_and_provenance_names_the_seeds_of_a_trial():
    trials = [trial_record("vae", 0, 2.0, sampler="known")]
    final = trial_record("vae", 0, 1.0, sampler="finalist")
    other = dataclasses.replace(trials[0], run_id="other", tags={**trials[0].tags, "seed": "1"})
    trials += [dataclasses.replace(final, run_id="final"), other]
    results = read(fresh("vae", 2, "known"), trials)
    assert "Trials by family: 2 (`vae`), and 1 finalist on all images; 3 ok." in protocol(results)
    assert "--trials 1 --seeds-per-trial 2" in provenance(results)


@pytest.mark.parametrize(("trials", "is_said"), [(12, True), (30, False)])
def test_that_too_few_trials_tell_what_mattered_is_said(trials, is_said):
    told = {
        "evaluator": "PED-ANOVA",
        "values": {"vae": {"model.lr": 1.0}},
        "trials": {"vae": trials},
    }
    results = read_results(
        STUDY,
        IDENTITY,
        fresh("vae", 2, "found"),
        lambda *_: None,
        facts={IMPORTANCE: json.dumps(told)},
    )
    sentence = (
        "Which settings mattered is not said: that is estimated from the best tenth of the trials"
    )
    assert (sentence in search(results)) == is_said
    assert ("of 12 trials that is too few" in search(results)) == is_said
