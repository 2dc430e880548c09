"""What other studies of one store say against a best and an order."""

import dataclasses
import json

import pytest
from synthetic_study import IDENTITY, LEVEL, STUDY, study_records

from bench.plan.study import Identity
from bench.report.beside import contradicted, nothing_beside
from bench.results.results import read_results
from bench.results.siblings import SIBLINGS, beaten, siblings, turned
from bench.results.tracked import with_siblings
from bench.tracking.experiments import Experiment

OTHER = Identity(study="other_sweep", tier="classroom", dataset="digits")


class Both:
    """A source of two studies: the one that is reported, and another."""

    uri = "sqlite:///none.db"
    has_pictures = False

    def __init__(self, theirs, identity=OTHER):
        self.found = {"1": (IDENTITY, study_records()), "2": (identity, theirs)}

    def experiments(self):
        return [
            Experiment(id=i, name=i, given=i, identity=identity, tags={})
            for i, (identity, _) in self.found.items()
        ]

    def plan(self, identity):
        return STUDY

    def records(self, experiment_id):
        return self.found[experiment_id][1]

    def histories(self, run_ids, name):
        return {}

    def artifact(self, run_id, path):
        return None

    def experiment_tags(self, experiment_id):
        return {}


def results_beside(theirs, **options):
    mine = read_results(STUDY, IDENTITY, study_records(), lambda _run_id, _name: None)
    return with_siblings(Both(theirs, **options), mine)


def changed(records, **params):
    keys = {f"{key.replace('__', '.')}": value for key, value in params.items()}
    return [dataclasses.replace(r, params={**r.params, **keys}) for r in records]


def test_best_that_a_known_cell_beats_is_flagged():
    results = results_beside(study_records({**LEVEL, "vae": 5.0}))
    (found,) = beaten(results)
    assert (found.place.arm, found.sibling.label, found.is_beyond) == ("vae", "depth 2", True)
    assert found.share == pytest.approx(0.46, abs=0.02)
    said = contradicted(results)
    assert (
        "> - `vae` is not at its best here: `vae` of `other_sweep-classroom-digits` at depth 2 is at"
        in said
    )
    assert " over 3 seeds, lower by 46 % than 9.75 [9.17, 10.37] here." in said


def test_cell_that_is_lower_within_the_noise_says_only_that_there_may_be_better_settings():
    by = {"0": 0.3, "1": 1.0, "2": 1.5}
    wild = [
        dataclasses.replace(r, metrics={k: v * by[r.tags["seed"]] for k, v in r.metrics.items()})
        for r in study_records()
    ]
    results = results_beside(wild)
    assert [one.is_beyond for one in beaten(results)] == [False] * 3
    said = contradicted(results)
    assert "`vae` may not be at its best here: " in said
    assert said.splitlines()[2].endswith(" here; the seeds do not tell the two apart.")


def test_order_that_another_study_reverses_is_flagged_with_what_tests_say():
    results = results_beside(study_records({"vae": 9.0, "gan": 9.5}))
    (found,) = turned(results)
    assert (found.lower.arm, found.higher.arm, found.is_tested) == ("gan", "vae", (True, False))
    assert (
        "the order of `gan` and `vae` is reversed in `other_sweep-classroom-digits`"
        in contradicted(results)
    )
    assert "(a test decides it here alone)" in contradicted(results)


def test_a_little_lower_and_the_same_order_are_no_news():
    results = results_beside(study_records({name: 0.97 * level for name, level in LEVEL.items()}))
    assert contradicted(results) == ""
    said = "Held against `other_sweep-classroom-digits` of this store: of the families that are"
    assert nothing_beside(results).startswith(said)
    assert "Not held against" not in nothing_beside(results)
    assert beaten(results) == turned(results) == []


@pytest.mark.parametrize(
    "other", [{"train__num_images": "48000"}, {"model__width": "32"}, {"model": "cgan"}]
)
def test_cells_of_another_budget_width_or_model_stand_in_no_comparison(other):
    better = study_records({name: level / 2 for name, level in LEVEL.items()})
    results = results_beside(changed(better, **other))
    assert len(siblings(results)) == 15
    assert beaten(results) == turned(results) == []
    said = "Not held against `other_sweep-classroom-digits` of this store, where "
    assert nothing_beside(results).startswith(said)


def test_values_of_other_detectors_or_data_are_no_siblings():
    better = study_records({name: level / 2 for name, level in LEVEL.items()})
    for tag in ("detector_digest", "data_digest"):
        apart = [dataclasses.replace(r, tags={**r.tags, tag: "ffff"}) for r in better]
        assert siblings(results_beside(apart)) == []
    elsewhere = Identity(study="other_sweep", tier="classroom", dataset="mnist")
    assert siblings(results_beside(better, identity=elsewhere)) == []


EMPTY = '[{"study":"a","arm":"vae","label":"","kind":[],"values":[],"chosen":true,"beats":[]}]'


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"study": 3}]', EMPTY, "{}", "null"])
def test_fact_that_somebody_has_edited_says_nothing(text):
    mine = read_results(
        STUDY, IDENTITY, study_records(), lambda _r, _n: None, facts={SIBLINGS: text}
    )
    assert siblings(mine) == []


def test_fact_is_read_back_as_it_was_written():
    results = results_beside(study_records())
    again = read_results(
        STUDY, IDENTITY, study_records(), lambda _r, _n: None, facts=dict(results.facts)
    )
    assert siblings(again) == siblings(results)
    assert len(json.loads(results.facts[SIBLINGS])) == 15
