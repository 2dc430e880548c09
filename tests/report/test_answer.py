"""The first screen: what it names, what it declines to name, and what it says beside it."""

import dataclasses

import pytest
from synthetic_study import BASELINES, IDENTITY, LEVEL, STUDY, baseline_record, lost, study_records

from bench.plan.study import FRESH_SEED, Planned, Study
from bench.records import CONFIRM, OUTSIDE
from bench.report.answer import answer, headline
from bench.report.sections.doubts import holds
from bench.report.sections.families import families
from bench.results.results import read_results

VAL, FD = "val/fd_digits_n297", "test/fd_digits_n500"


def said(records, *, study=STUDY):
    return answer(read_results(study, IDENTITY, records, lambda _run_id, _name: None))


def in_a_line(records, *, study=STUDY):
    return headline(read_results(study, IDENTITY, records, lambda _run_id, _name: None))


def held(records):
    return holds(read_results(STUDY, IDENTITY, records, lambda _run_id, _name: None))


def first(records, **options):
    return said(records, **options).split("**")[1]


def settled(records):
    """Runs whose validation distance has not moved since half of their budget."""
    return [
        dataclasses.replace(
            r, histories={VAL: [(x, r.metrics[VAL]) for x in (6_000, 12_000, 18_000, 24_000)]}
        )
        if VAL in r.metrics
        else r
        for r in records
    ]


def declared(*pairs):
    return Study(
        **{**STUDY.model_dump(), "comparisons": tuple(Planned(a=a, b=b) for a, b in pairs)}
    )


def tagged(records, **tags):
    return [dataclasses.replace(r, tags={**r.tags, **tags}) for r in records]


def test_line_has_the_families_by_distance_and_the_best_as_far_as_it_is_shown():
    runs, what = study_records(), "Test distance, lower is nearer"
    order = "gan 6.53, wgan 7.94, vae 9.75"
    assert in_a_line(runs) == f"{what}: {order}; no best yet, still learning"
    assert in_a_line(settled(runs)) == f"{what}: {order}; **best: gan**"
    assert in_a_line(settled(tagged(runs, status="collapsed"))).endswith("; no best, all collapsed")
    assert in_a_line([r for r in runs if r.tags["family"] == "vae"]) == f"{what}: vae 9.75"
    assert in_a_line([lost(runs[0], "diverged", "nan")]) == ""


def test_question_stands_first():
    assert said(study_records()).startswith(f"The question: {STUDY.question}\n\n**After ")


def test_sentence_that_says_lower_has_the_settings_and_the_budget():
    text = first(settled(tagged(study_records(), train_images="1000")))
    assert text.startswith("After 24,000 real images per run (24 epochs) of digits, as depth goes ")
    assert "At the depth that validation chose, `gan` (depth 3) makes images" in text
    assert "makes images nearer to real ones than `wgan` and `vae`" in text
    assert "than `wgan` and `vae`: it is at a Frechet distance of 6.53 [" in text
    assert "] to the test images (3 seeds; lower is nearer)" in text


def by_precision(*pairs):
    planned = tuple(Planned(a=a, b=b, measure="precision", better="higher") for a, b in pairs)
    return Study(**{**STUDY.model_dump(), "factors": {}, "comparisons": planned})


def test_answer_by_another_measure_stands_before_the_distance_where_the_study_declares_it_first():
    alone = [r for r in study_records() if r.params.get("model.depth", "2") == "2"]
    text = first(alone, study=by_precision(("gan", "vae"), ("wgan", "vae")))
    assert text.startswith(
        "After 24,000 real images per run of digits, by `precision` `gan` is higher"
    )
    assert text.index("`precision`") < text.index(" By distance, ") < text.index("Frechet")
    assert "By distance" not in first(alone, study=by_precision())


def test_stacks_drawn_anew_are_not_counted_in_epochs():
    records = [
        dataclasses.replace(r, params={**r.params, "data.stacks": "anew"})
        for r in tagged(study_records(), train_images="1000")
    ]
    assert first(settled(records)).startswith("After 24,000 real images per run of digits, as ")


def test_answer_to_a_factor_begins_with_what_the_distance_does_along_it():
    text = first(study_records())
    assert (
        ", as depth goes from 1 to 5, the test distance rises from 2 on for `vae` (lowest at 2) and `wgan` "
        "(lowest at 2) and changes in no single direction for `gan` (lowest at 3). "
    ) in text
    grid = Study(**{**STUDY.model_dump(), "factors": {}})
    alone = [r for r in study_records() if r.params.get("model.depth", "2") == "2"]
    assert first(alone, study=grid).startswith(
        "After 24,000 real images per run of digits, every family was"
    )


def with_distances(family, by_depth):
    """The records with a family's test distance of each depth, one for each seed."""
    records = study_records()
    for i, record in enumerate(records):
        if record.tags["family"] == family:
            value = by_depth[int(record.params["model.depth"]) - 1][int(record.tags["seed"])]
            records[i] = dataclasses.replace(record, metrics={**record.metrics, FD: value})
    return records


def test_a_fall_that_turns_is_said_to_go_as_far_as_its_lowest_mean():
    turning = [
        (16.0, 17, 18),
        (14.0, 14.5, 15),
        (12.0, 12.5, 13),
        (10.0, 10.2, 10.5),
        (11.0, 11.5, 10.1),
    ]
    text = first(with_distances("wgan", turning))
    assert "falls as far as 4, from where 2 of 3 seeds rise, for `wgan` (lowest at 4)" in text


def test_a_step_that_every_seed_takes_is_said_where_ranks_tell_no_trend():
    fallen = [
        (100.0, 101, 102),
        (10.0, 10.3, 10.1),
        (10.1, 10.0, 10.3),
        (10.3, 10.1, 10.0),
        (10.2, 10.2, 10.2),
    ]
    records = with_distances("wgan", fallen)
    assert "falls from 1 to 2 and shows no other trend for `wgan`" in first(records)


def test_collapsed_runs_and_told_pairs_without_the_lowest_are_in_the_answer():
    study = Study(
        **{
            **STUDY.model_dump(),
            "factors": {},
            "comparisons": (Planned(a="vae", b="wgan"), Planned(a="vae", b="gan")),
        }
    )
    records = [r for r in study_records() if r.params.get("model.depth", "2") == "2"]
    for record in records:
        if record.tags["family"] == "vae":
            record.tags["status"] = "collapsed"
    text = said(records, study=study)
    assert "** Collapsed: 3 of 3 runs of `vae`. " in text
    gone = Study(**{**study.model_dump(), "comparisons": study.comparisons[:1]})
    assert (
        "not tested against `wgan` and `vae`. Of the other pairs that the study declared, `wgan` is lower than `vae`"
        in first(records, study=gone)
    )


def test_distances_that_fall_and_rise_are_said_apart():
    records = settled(study_records())
    for i, record in enumerate(records):
        if record.tags["family"] == "wgan":
            halved = [(12_000, record.metrics[VAL] / 1.5), (24_000, record.metrics[VAL])]
            records[i] = dataclasses.replace(record, histories={VAL: halved})
    assert "fell by 0 % (`vae`) and 0 % (`gan`) and rose by 50 % (`wgan`): none was" in held(
        records
    )
    assert "None was still learning at the end of the budget. Of 4 other looks at " in said(records)


def test_epochs_are_left_out_where_runs_do_not_say_how_many_images_there_are():
    assert "epoch" not in first(study_records())


def test_answer_follows_the_numbers_when_they_are_flipped():
    flipped = {**LEVEL, "vae": LEVEL["gan"], "gan": LEVEL["vae"]}
    assert "`vae` (depth 2) makes images nearer" in first(settled(study_records(flipped)))


def test_nobody_is_named_best_while_a_family_was_still_learning():
    text = first(study_records())
    assert "every family was still learning, so that no family is named the best" in text
    assert "`gan` (depth 3) learned faster than `wgan` and `vae`" in text
    assert "nearer to real ones than" not in text
    records = settled(study_records())
    for i, record in enumerate(records):
        if record.tags["family"] == "wgan":
            halved = [(12_000, 1.2 * record.metrics[VAL]), (24_000, record.metrics[VAL])]
            records[i] = dataclasses.replace(record, histories={VAL: halved})
    text = said(records)
    assert "`wgan` was still learning, so that no family is named the best" in text
    assert (
        "Over the last half of the budget the validation distance still fell by 17 % (`wgan`), and more"
    ) in text
    assert (
        "Over the last half of that budget the validation distance fell by 0 % (`vae`), 0 % (`gan`) "
        "and 17 % (`wgan`): `wgan` was still learning (more than 10 %)"
    ) in held(records)


def test_settled_families_are_said_to_be_settled():
    assert "none was still learning (more than 10 %)." in held(settled(study_records()))
    assert (
        " None was still learning at the end of the budget. Of 4 other looks at the families (measures, "
        "times, detectors) all give the same order."
    ) in said(settled(study_records()))


def test_unknown_progress_is_said():
    records = [dataclasses.replace(r, histories={}) for r in study_records()]
    assert "Whether they were still learning is not known" in said(records)
    assert "Whether they were still learning is not known" in held(records)


def test_nobody_is_named_best_where_it_is_not_known_who_was_still_learning():
    records = settled(study_records())
    for i, record in enumerate(records):
        if record.tags["family"] == "gan":
            records[i] = dataclasses.replace(record, histories={})
    text = said(records)
    assert "whether `gan` was still learning, so that no family is named the best; `gan`" in text
    assert "None of the others was still learning at the end of the budget; of `gan` it is" in text
    assert "none of these was still learning (more than 10 %); of `gan` it is not known" in held(
        records
    )
    blind = first([dataclasses.replace(r, histories={}) for r in records])
    assert "it is not known whether `vae`, `gan` and `wgan` were still learning" in blind
    results = read_results(STUDY, IDENTITY, records, lambda _run_id, _name: None)
    assert "| **" not in families(results)
    for record in records:
        if record.tags["family"] == "gan":  # in closed form
            del record.metrics["cost/updates_generator"]
    assert "it is not known" not in said(records)


def test_nobody_is_named_where_every_run_collapsed():
    text = first(settled(tagged(study_records(), status="collapsed")))
    assert "no family is named: every run of the chosen cells that has a value collapsed" in text
    assert "`gan` (depth 3) is at a Frechet distance of " in text
    assert "nearest" not in text
    assert "nearer to real ones" not in text


def test_nobody_is_named_where_none_beats_the_gaussian():
    text = first(settled(study_records({"vae": 300.0, "gan": 200.0, "wgan": 250.0})))
    assert "no family is named: none is nearer to real images than a Gaussian" in text
    assert "`gan` (depth 3) is at a Frechet distance of " in text
    assert "nearer to real ones" not in text


def test_images_made_elsewhere_that_beat_every_family_are_said():
    def elsewhere(name, value):
        made = baseline_record("memoriser")
        tags = {**made.tags, "family": name, "model": name, "role": OUTSIDE}
        metrics = {"test/fd_digits_n500": value}
        return dataclasses.replace(made, run_id=f"run_{name}", tags=tags, metrics=metrics)

    records = [*study_records(), elsewhere("theirs", 4.33), elsewhere("worse", 60.0)]
    text = said(records)
    assert "Images made elsewhere are nearer than those of every family: `theirs` at 4.33." in text
    assert "elsewhere" not in said([*study_records(), elsewhere("worse", 60.0)])


def test_families_that_are_not_told_apart_are_said():
    close = first(settled(study_records({"vae": 9.5, "gan": 6.5, "wgan": 6.6})))
    assert "no family is shown to be nearest to real images" in close
    assert "(3 seeds; lower is nearer), not told apart from `wgan`" in close
    study = declared(("gan", "vae"), ("vae", "wgan"))
    partly = first(settled(study_records()), study=study)
    assert "`gan` (depth 3) makes images nearer to real ones than `vae`: it is at" in partly
    assert ", not tested against `wgan`" in partly
    assert "no family is shown to be nearest" in partly


def test_family_that_is_lower_at_the_common_seeds_alone_is_no_tie():
    values = {"vae": (1.0, 2.0, 3.0, 9.0, 9.0), "gan": (1.1, 2.2, 3.3)}
    records = settled(study_records(LEVEL, seeds=range(5)))
    kept = [r for r in records if r.run_id.startswith(("run_vae_2_", "run_gan_3_"))]
    for record in list(kept):
        family, seed = record.tags["family"], int(record.tags["seed"])
        if seed >= len(values[family]):
            kept.remove(record)
            continue
        record.metrics[FD] = values[family][seed]
    arms = (STUDY.arms[0], STUDY.arms[1].model_copy(update={"model": "vae"}))
    study = STUDY.model_copy(update={"arms": arms, "factors": {}})
    text = first(kept, study=study)
    assert "the lowest mean is that of `gan`, at a Frechet distance of 2.00 [" in text
    assert "higher than `vae` at the seeds" in text
    assert text.endswith("at the seeds that both have, over which they were tested.")
    assert "not told apart" not in text


def test_families_that_were_not_compared_are_counted_where_they_are_many(monkeypatch):
    monkeypatch.setattr("bench.report.answer.MOST_NAMED", 1)
    assert "not tested against 2 others" in first(study_records(), study=declared(("vae", "wgan")))


def test_collapsed_runs_are_said_beside_the_value():
    records = settled(study_records())
    for i, record in enumerate(records):
        if record.run_id == "run_gan_3_1":
            records[i] = dataclasses.replace(record, tags={**record.tags, "status": "collapsed"})
    assert "(3 seeds, 1 of them collapsed; lower is nearer)" in first(records)


def confirmed(records, arm, depth):
    """With the same values on fresh seeds, two better than its own."""
    fresh = [
        dataclasses.replace(
            r,
            run_id=f"{r.run_id}_fresh",
            tags={**r.tags, "role": CONFIRM, "seed": str(FRESH_SEED + int(r.tags["seed"]))},
            metrics={**r.metrics, FD: r.metrics[FD] + 2},
        )
        for r in records
        if r.run_id.startswith(f"run_{arm}_{depth}_")
    ]
    return [*records, *fresh]


def test_headline_is_of_fresh_seeds_and_says_so():
    text = said(settled(confirmed(study_records(), "gan", 3)))
    assert "`wgan` (depth 2) makes images nearer to real ones than `gan` and `vae`" in text
    text = said(settled(confirmed(study_records({**LEVEL, "gan": 5.0}), "gan", 3)))
    assert "(3 fresh seeds; lower is nearer)" in text


@pytest.mark.parametrize(
    ("records", "bold"),
    [
        (settled(study_records()), 1),
        (study_records(), 0),
        (settled(tagged(study_records(), status="collapsed")), 0),
        (settled(study_records({"vae": 300.0, "gan": 200.0, "wgan": 250.0})), 0),
    ],
)
def test_number_is_bold_only_where_a_family_is_named(records, bold):
    results = read_results(STUDY, IDENTITY, records, lambda _run_id, _name: None)
    assert families(results).count("| **") == bold


def test_robustness_says_where_the_order_is_another():
    level = {"vae": 0.9, "gan": 0.6, "wgan": 0.7}
    records = study_records()
    for record in records:
        base = level.get(record.tags["family"])
        if base is not None:
            record.metrics["test/precision_digits_n500"] = base + int(record.tags["seed"]) / 1_000
    short = said(records)
    assert (
        " other looks at the families (measures, times, detectors) 3 give the same order" in short
    )
    assert short.endswith(" and precision gives another beyond the spread of the seeds.")
    text = held(records)
    assert (
        "The order by mean distance, `gan`, `wgan`, `vae`, is the same at half the budget" in text
    )
    assert (
        "is another beyond the spread of the seeds by precision (`vae`, `wgan`, `gan`); not measured: "
        "kernel distance, density, coverage and a second detector."
    ) in text


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_one_family_alone_has_its_distance_and_no_order(seeds):
    names = {"gan", *BASELINES}
    records = [r for r in study_records(seeds=seeds) if r.tags["family"] in names]
    text = said(records)
    assert "`gan` (depth 3) is at a Frechet distance of " in text
    assert " order" not in text


def test_family_none_of_whose_runs_came_to_a_value_is_said():
    records = [
        lost(r, "diverged", "gone") if r.run_id.startswith("run_gan") else r
        for r in study_records()
    ]
    assert "No run of `gan` came to a value (15 diverged)." in said(records)
    assert "came to a value" not in said(study_records())
