"""Theirs beside ours: the verdict follows from what was measured."""

import dataclasses
import functools

import pydantic
import pytest
from synthetic_study import IDENTITY, STUDY, lost, study_records

from bench.plan.claim import COLLAPSED, DIVERGED, HALF, MATCHED, ROSE, Claim
from bench.plan.study import Study
from bench.report.sections.claims import claims
from bench.results.claims import first_below, rising_share
from bench.results.results import read_results


def claim(**values):
    standard = {"reported": "they say so", "protocol": "Digits, by eye", "measure": "distance"}
    return Claim(**{**standard, **values})


def text_of(one, records=None):
    """The claims' section of the synthetic study: gan 6.5, wgan 8.0, vae 9.5 at their best."""
    study = Study(**{**STUDY.model_dump(), "claims": (one.model_dump(),)})
    results = read_results(study, IDENTITY, records or plain_records(), lambda _run, _name: None)
    return claims(results)


@functools.cache
def plain_records():
    return study_records()


def verdict(one, records=None):
    row = text_of(one, records).splitlines()[2]
    return row.strip("| ").split(" | ")[-1]


def test_a_study_without_claims_has_no_such_table():
    results = read_results(STUDY, IDENTITY, plain_records(), lambda _run, _name: None)
    assert claims(results) == ""


def test_what_they_found_is_reproduced_where_the_test_says_so():
    said = verdict(claim(arms=("gan", "vae"), winner="gan"))
    assert said.startswith("reproduced by a factor of 1.49 [")
    assert "p < 0.0" in said or "p = 0.0" in said


def test_a_verdict_on_another_data_set_than_theirs_names_it():
    one = claim(arms=("gan", "vae"), winner="gan", protocol="MNIST, by eye")
    assert verdict(one).startswith("on digits: reproduced by ")
    assert verdict(claim(arms=("gan",), measure=ROSE, protocol="MNIST")).startswith("not comp")


def test_the_opposite_of_what_they_found_is_said_to_contradict_it():
    said = verdict(claim(arms=("gan", "vae"), winner="vae"))
    assert said.startswith("contradicted: `gan` is better by a factor of 1.49 [")


def test_where_higher_is_better_the_other_arm_wins():
    said = verdict(claim(arms=("gan", "vae"), winner="vae", better="higher"))
    assert said.startswith("reproduced by a factor of 1.49 [")


def test_what_they_had_not_is_better_and_not_reproduced():
    said = verdict(claim(arms=("gan", "vae"), winner="gan", beyond=True))
    assert said.startswith("better by a factor of 1.49 [")


def test_no_difference_does_not_reproduce():
    level = {"vae": 8.0, "gan": 8.0, "wgan": 8.0}
    said = verdict(claim(arms=("gan", "wgan"), winner="gan"), study_records(level))
    assert said.startswith("not reproduced: not told apart at this number of seeds")
    assert "; a factor of 1." in said
    assert said.endswith("would have been found in 80 of 100 such studies")


TWO = "no verdict: fewer than three runs of `gan` and `vae` that did not collapse"


@pytest.mark.parametrize("measure", ["distance", HALF, ROSE, MATCHED])
def test_two_seeds_give_no_verdict(measure):
    winner = "" if measure == MATCHED else "gan"
    one = claim(arms=("gan", "vae"), winner=winner, measure=measure)
    assert verdict(one, study_records(seeds=(0, 1))) == TWO


@pytest.mark.parametrize("measure", ["distance", HALF, ROSE, MATCHED])
def test_runs_that_collapsed_give_no_verdict(measure):
    winner = "" if measure == MATCHED else "gan"
    one = claim(arms=("gan", "vae"), winner=winner, measure=measure)
    records = [
        dataclasses.replace(record, tags={**record.tags, "status": "collapsed"})
        if record.tags["seed"] == "0"
        else record
        for record in plain_records()
    ]
    assert verdict(one, records) == TWO


def collapsed(*arms):
    """The plain records, every run of these arms collapsed."""
    return [
        dataclasses.replace(record, tags={**record.tags, "status": "collapsed"})
        if record.tags["family"] in arms
        else record
        for record in plain_records()
    ]


LEFT_OUT = " (left out, with fewer than three runs that did not collapse: `vae`)"


def test_arms_that_collapsed_are_left_out_of_a_verdict_where_two_others_stand():
    every = ("gan", "wgan", "vae")
    said = verdict(claim(arms=every, at_most=9), collapsed("vae"))
    assert said == f"reproduced: no mean above 9{LEFT_OUT}"
    said = verdict(claim(arms=every, winner="gan"), collapsed("vae"))
    assert said.startswith("reproduced by a factor of ")
    assert said.endswith(LEFT_OUT)
    said = verdict(claim(arms=every, rises=True), collapsed("vae"))
    assert "for `gan`" in said
    assert "for `vae`" not in said
    assert said.endswith(LEFT_OUT)


def test_a_claim_is_not_judged_without_its_winner_or_by_one_arm():
    every = ("gan", "wgan", "vae")
    none = "no verdict: fewer than three runs of {} that did not collapse"
    said = verdict(claim(arms=every, winner="vae"), collapsed("vae"))
    assert said == none.format("`vae`")
    said = verdict(claim(arms=every, at_most=9), collapsed("vae", "wgan"))
    assert said == none.format("`wgan` and `vae`")
    assert verdict(claim(arms=("gan", "vae"), at_most=9), collapsed("vae")) == none.format("`vae`")


def test_an_arm_that_is_not_run_yet_is_not_left_out():
    records = [r for r in plain_records() if r.tags["family"] != "vae"]
    said = verdict(claim(arms=("gan", "wgan", "vae"), at_most=9), records)
    assert said == "no verdict: fewer than three runs of `vae` that did not collapse"


def test_a_number_of_another_protocol_is_not_comparable_and_says_why():
    text = text_of(claim(arms=("vae",), differs="32 images", reported="FID 246"))
    assert "not comparable: 32 images" in text
    assert "`vae` 9." in text


def test_a_bound_holds_for_every_arm_or_names_those_above_it():
    assert verdict(claim(arms=("gan", "wgan"), at_most=9)) == "reproduced: no mean above 9"
    said = verdict(claim(arms=("gan", "vae"), at_most=9))
    assert said == "not reproduced: `vae` above 9"


def test_a_bound_is_not_held_by_two_seeds():
    said = verdict(claim(arms=("gan",), at_most=9), study_records(seeds=(0, 1)))
    assert said == "no verdict: fewer than three runs of `gan` that did not collapse"


@pytest.mark.parametrize(("measure", "other"), [(DIVERGED, COLLAPSED), (COLLAPSED, DIVERGED)])
def test_an_end_of_theirs_is_reproduced_by_that_end_alone(measure, other):
    one = claim(measure=measure, arms=("wgan",))
    excluded = f"not reproduced: none of 15 runs {measure}, which excludes a share above 0.18"
    assert verdict(one) == excluded

    def with_one(status):
        return [
            lost(r, status, "why") if r.run_id == "run_wgan_2_1" else r for r in plain_records()
        ]

    assert verdict(one, with_one(other)) == excluded
    assert verdict(one, with_one(measure)) == f"reproduced: 1 of 15 runs {measure}"
    assert "`wgan` 1 of 15" in text_of(one, with_one(measure))


def test_a_trend_along_the_factor_is_held_against_the_direction_they_saw():
    level = {"vae": 0.0, "gan": 0.0, "wgan": 0.0}  # noise alone
    assert verdict(claim(arms=("vae",), rises=True), study_records(level)).startswith("not")
    records = [rising(record) for record in plain_records()]
    said = verdict(claim(arms=("vae",), rises=True), records)
    assert said.startswith("reproduced for `vae`: rho 1.00")
    assert verdict(claim(arms=("vae",), falls=True), records).startswith("contradicted for `vae`")


def test_a_trend_of_two_seeds_is_not_held_against_anything():
    records = [r for r in study_records() if int(r.tags["seed"]) < 2]
    assert verdict(claim(arms=("vae",), rises=True), records) == (
        "no verdict: fewer than three runs of `vae` that did not collapse"
    )


def rising(record):
    """Its distance is its depth, and a little for its seed."""
    depth = float(record.params.get("model.depth", "0")) + float(record.tags["seed"]) / 100
    name = "test/fd_digits_n500"
    return dataclasses.replace(record, metrics={**record.metrics, name: depth})


def test_images_until_another_arm_is_matched_are_of_the_learning_curve():
    text = text_of(claim(measure=MATCHED, arms=("gan", "vae")))
    assert "`gan` 12,000, 12,000, 12,000 (3 of 3 runs" in text
    assert "reproduced: with 0.50 of the images at most" in text
    assert verdict(claim(measure=MATCHED, arms=("vae", "gan"))).startswith("not reproduced: 0 of 3")


def test_half_the_budget_and_the_loss_are_read_from_curves():
    assert verdict(claim(measure=HALF, arms=("gan", "vae"), winner="gan")).startswith("reproduced")
    said = verdict(claim(measure=ROSE, arms=("vae", "gan")))
    assert said == "not comparable: they gave no number"


def test_curves_are_read_at_their_points():
    points = [(10, 5.0), (20, 4.0), (30, 6.0), (40, 1.0)]
    assert rising_share(points) == pytest.approx(1 / 3)
    assert first_below(points, 4.5) == 20
    assert first_below(points, 0.5) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"arms": ("a", "b"), "winner": "c"}, "one of its arms"),
        ({"arms": ("a",), "winner": "a"}, "beats another"),
        ({"arms": ("a",), "rises": True, "falls": True}, "takes one of"),
        ({"arms": ("a",), "measure": MATCHED}, "needs a second arm"),
    ],
)
def test_a_claim_that_says_nothing_is_refused(values, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        claim(**values)


def test_a_claim_is_about_arms_of_its_study():
    with pytest.raises(pydantic.ValidationError, match="a claim is about arms of"):
        text_of(claim(arms=("dcgan",)))


def test_arms_of_one_model_are_held_against_each_other_seed_by_seed():
    """The seeds' own levels, which both arms share, are no part of the uncertainty."""
    records = [
        dataclasses.replace(
            r, metrics={k: v * 10 ** int(r.tags["seed"]) for k, v in r.metrics.items()}
        )
        for r in study_records()
    ]
    one = claim(arms=("gan", "vae"), winner="gan")
    assert verdict(one, records).startswith("not reproduced: not told apart")
    alike = STUDY.model_copy(
        update={
            "arms": tuple(arm.model_copy(update={"model": "vae"}) for arm in STUDY.arms),
            "claims": (one,),
        }
    )
    results = read_results(alike, IDENTITY, records, lambda _run, _name: None)
    assert "| reproduced by " in claims(results)
