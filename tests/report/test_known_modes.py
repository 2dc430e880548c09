"""What the answer says of modes that the data are known to have."""

import dataclasses

from synthetic_study import IDENTITY, STUDY, study_records

from bench.plan.study import Planned, Study
from bench.report.answer import answer
from bench.results.results import read_results

COVERED, GOOD = "test/covered_n2500", "test/good_n2500"
ONE_DEPTH = Study(**{**STUDY.model_dump(), "factors": {}})


def answered(covered):
    """The answer where each family covers so many modes of 8, by seed."""
    seeds = range(len(covered["vae"]))
    records = [r for r in study_records(seeds=seeds) if r.params.get("model.depth", "2") == "2"]
    for i, record in enumerate(records):
        modes = covered.get(record.tags["family"])
        if modes:
            values = {COVERED: float(modes[int(record.tags["seed"])]), f"{COVERED}_real": 7.9}
            values |= {GOOD: 0.9}
            records[i] = dataclasses.replace(record, metrics={**record.metrics, **values})
    return answer(read_results(ONE_DEPTH, IDENTITY, records, lambda _run_id, _name: None))


def test_the_family_that_covers_all_modes_at_every_seed_is_named():
    text = answered({"vae": (8, 8, 8), "gan": (8, 7, 8), "wgan": (1, 2, 3)})
    assert (
        "digits, all 8 modes are covered by `vae` at every seed (0.900 of its samples lie at a mode); the "
        "2 other families miss one or more at some seed. By distance, "
    ) in text


def test_the_highest_mean_is_named_where_no_family_covers_all():
    text = answered({"vae": (7, 6, 8), "gan": (8, 7, 8), "wgan": (1, 2, 3)})
    assert (
        "no family covers all 8 modes at every seed; the highest mean is that of `gan`, 7.7 ["
        in text
    )


def test_all_families_may_cover_all_modes():
    text = answered(dict.fromkeys(("vae", "gan", "wgan"), (8, 8, 8)))
    assert (
        "all 8 modes are covered by every family at every seed (0.900, 0.900 and 0.900 of their"
        in text
    )


def test_one_seed_is_not_called_every_seed():
    text = answered({"vae": (8,), "gan": (7,), "wgan": (1,)})
    assert "all 8 modes are covered by `vae` at the only seed (" in text
    assert "the 2 other families miss one or more there. " in text


def test_accuracy_of_classes_stands_beside_chance_and_both_values():
    study = Study(
        **{
            **STUDY.model_dump(),
            "factors": {},
            "comparisons": (Planned(a="gan", b="vae", measure="class_accuracy", better="higher"),),
        }
    )
    at = {"vae": 0.1, "gan": 0.9}

    def accuracy(record):
        near = at.get(record.tags["family"], 0.5) + int(record.tags["seed"]) / 1_000
        return {"test/class_accuracy": near}

    records = [r for r in study_records() if r.params.get("model.depth", "2") == "2"]
    for i, record in enumerate(records):
        if record.tags.get("role") != "baseline":
            metrics = {**record.metrics, **accuracy(record)}
            records[i] = dataclasses.replace(record, metrics=metrics)
    text = answer(read_results(study, IDENTITY, records, lambda _run_id, _name: None))
    assert "by `class_accuracy` (chance is 0.100) `gan` is higher than `vae` by 0.800" in text
    assert "(0.901 against 0.101, p < 0.001)" in text
