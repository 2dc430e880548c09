"""Declared comparisons: what is decided, how often by chance, and what is said of it."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from synthetic_study import IDENTITY, STUDY, lost, study_records

from bench.plan.study import Planned
from bench.report.sections._words import NOT_APART
from bench.report.sections.comparisons import CANNOT, comparison_table, verdict
from bench.report.sections.protocol import protocol
from bench.results.decisions import (
    Group,
    Pair,
    best_of_all,
    comparisons,
    decide,
    metric_of,
    winners,
)
from bench.results.results import read_results
from bench.stats.tests import holm, paired, welch

ARMS = ["vae", "gan", "wgan"]
PAIRS = [("vae", "gan"), ("vae", "wgan"), ("gan", "wgan")]


def pairs(values, *, lost_runs=(), better="lower", measure="distance", declared=PAIRS, **of):
    """What ``decide`` reads, from a dictionary of values by arm."""
    groups = {
        arm: Group(tuple(map(float, v)), dict(lost_runs).get(arm, 0), tuple(range(len(v))))
        for arm, v in values.items()
    }
    return [
        Pair(
            planned=Planned(a=a, b=b, measure=measure, better=better),
            first=groups[a],
            second=groups[b],
            **of,
        )
        for a, b in declared
    ]


def one(a, b, **kinds):
    """A single comparison."""
    (found,) = decide(pairs({"vae": a, "gan": b}, declared=[("vae", "gan")], **kinds))
    return found


def results_of(records, comparisons=()):
    study = STUDY.model_copy(update={"comparisons": tuple(comparisons)})
    return read_results(study, IDENTITY, records, lambda _run, _name: None)


SPREADS = {"equal": (1, 1, 1), "unequal": (1, 3, 0.3)}


@pytest.mark.parametrize("seeds", [3, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", SPREADS)
def test_equal_families_are_told_apart_in_at_most_six_of_a_hundred_tables(seeds, kind):
    rng = np.random.default_rng(seeds)
    scale = np.array(SPREADS[kind])[:, None]
    found = 0
    for table in 10 + scale * rng.normal(size=(2_000, 3, seeds)):
        decided = decide(pairs(dict(zip(ARMS, table, strict=True))))
        found += any(c.winner for c in decided)
    assert 0.005 <= found / 2_000 <= 0.06  # it does decide: never would be too easy


def test_report_decides_what_was_simulated():
    results = results_of(study_records())
    values = {arm: results.chosen(arm).values(results.test_metric) for arm in ARMS}
    simulated = decide(pairs(values, spread=0.19, scale="log"))
    assert [dataclasses.asdict(c) for c in comparisons(results)] == [
        dataclasses.asdict(c) for c in simulated
    ]


def test_holm_is_over_everything_declared_also_what_has_no_runs_yet():
    values = {"vae": [1, 2, 3], "gan": [4, 5.2, 6], "wgan": [1.0, 2.0]}
    first, second, third = decide(pairs(values))
    assert first.p == holm([welch(values["vae"], values["gan"]).p, 1, 1])[0]
    assert (second.difference, second.p, second.winner) == (None, None, None)
    assert first.threshold == pytest.approx(0.05 / 3)
    assert "not compared, fewer than three seeds with a value" in verdict(third)


def test_only_what_is_declared_is_compared():
    declared = [Planned(a="vae", b="gan"), Planned(a="wgan", b="gan")]
    results = results_of(study_records(), declared)
    found = comparisons(results)
    assert [(c.a, c.b) for c in found] == [("vae", "gan"), ("wgan", "gan")]
    assert "over 2 comparisons" in comparison_table(found)
    assert "Holm-corrected over the comparisons that the study declares." in protocol(results)
    assert "over all pairs of families." in protocol(results_of(study_records()))


def test_arm_is_bold_only_if_it_was_declared_against_every_other():
    values = {"vae": [9, 9.1, 9.2], "gan": [1, 1.1, 1.2], "wgan": [5, 5.1, 5.2]}
    assert best_of_all(ARMS, decide(pairs(values))) == ["gan"]
    partly = decide(pairs(values, declared=[("vae", "gan"), ("vae", "wgan")]))
    assert [c.winner for c in partly] == ["gan", "wgan"]
    assert best_of_all(ARMS, partly) == []
    assert best_of_all(ARMS, decide(pairs(values, measure="kd"))) == []
    around = decide(pairs(values, declared=[("gan", "vae"), ("wgan", "gan")]))
    assert best_of_all(ARMS, around) == ["gan"]


def test_arm_that_wins_by_another_measure_is_not_bold():
    accurate = Planned(a="vae", b="gan", measure="class_accuracy", better="higher")
    records = study_records()
    for record in records:
        base = {"vae": 0.9, "gan": 0.5}.get(record.tags["family"], 0.7)
        record.metrics["test/class_accuracy"] = base + int(record.tags["seed"]) / 100
    results = results_of(records, [accurate])
    found = comparisons(results)
    assert [c.winner for c in found] == ["vae"]
    assert winners(results) == []
    said = verdict(found[0])
    assert said.startswith("`class_accuracy`: `vae` is higher than `gan` by 0.400 [0.377, 0.423]")
    assert "`vae` - `gan`, `class_accuracy`, higher is better" in comparison_table(found)


def test_floor_holds_for_the_distance_alone():
    close = {"vae": [1.0, 1.01, 1.02], "gan": [1.1, 1.11, 1.12]}
    within = one(*close.values(), spread=0.19)
    assert (within.winner, within.is_within_floor) == (None, True)
    assert "less than the floor's spread of 0.190: no difference" in verdict(within)
    assert one(*close.values()).winner == "vae"
    accurate = Planned(a="vae", b="gan", measure="legible", better="higher")
    assert comparisons(results_of(study_records(), [accurate]))[0].pair.spread is None


def test_measure_is_found_with_its_detector_at_its_largest_n():
    records = study_records()
    for record in records:
        for name in ("kd_digits_n297", "kd_digits_n500", "kd_digits_n5000_se", "kd_random_n900"):
            record.metrics[f"test/{name}"] = 1.0
    results = results_of(records)
    assert metric_of(results, "distance") == "test/fd_digits_n500"
    assert metric_of(results, "kd") == "test/kd_digits_n500"
    assert metric_of(results, "kd_random") == "test/kd_random_n900"
    assert metric_of(results, "active_units") == "test/active_units"


def test_verdict_without_a_difference_says_what_would_have_been_found():
    found = one([6.0, 7.0, 8.0], [6.5, 7.5, 8.4])
    said = verdict(found)
    assert NOT_APART in said
    assert "which is not that they are equal" in said
    assert "would have been found in 80 of 100 such studies" in said
    power = scipy_stats.nct.sf(
        scipy_stats.t.ppf(1 - found.threshold / 2, found.difference.df),
        found.difference.df,
        found.least / found.difference.standard_error,
    )
    assert power == pytest.approx(0.8)


def test_collapsed_runs_are_said_in_a_comparison():
    """Their values lie far off, and a test that reads them may tell two families apart by nothing else."""
    records = [
        dataclasses.replace(r, tags={**r.tags, "status": "collapsed"})
        if r.run_id.startswith("run_vae_") and r.tags["seed"] == "1"
        else r
        for r in study_records()
    ]
    found = {(c.a, c.b): c for c in comparisons(results_of(records))}
    assert "; 1 of 3 runs of `vae` collapsed)." in verdict(found["vae", "gan"])
    assert "collapsed" not in verdict(found["gan", "wgan"])
    table = comparison_table(list(found.values()))
    assert "| `gan` (1 of 3 runs of `vae` collapsed) |" in table
    close = one([6.0, 7.0, 8.0], [6.5, 7.5, 8.4])
    arms = dataclasses.replace(close.pair.first, num_collapsed=3)
    pair = dataclasses.replace(close.pair, first=arms)
    said = verdict(dataclasses.replace(close, pair=pair))
    assert f"{NOT_APART} (" in said
    assert "; 3 of 3 runs of `vae` collapsed), which is not that they are equal" in said


def test_difference_beyond_the_range_of_a_measure_is_not_said_to_be_one_that_would_be_found():
    """Class accuracy lies in [0, 1]: no two differ by 1.22."""
    accuracies = ([0.1, 0.9, 0.5], [0.2, 0.8, 0.9])
    kinds = {"better": "higher", "measure": "class_accuracy"}
    wide, any_number = one(*accuracies, scale="share", **kinds), one(*accuracies, **kinds)
    assert wide.least > 1
    said = verdict(wide)
    assert said.endswith(
        ": no difference within the measure's range would have been found reliably (in 80 of 100 such studies)."
    )
    table = comparison_table([wide])
    assert "| none in range | not told apart |" in table
    assert "; none in range where it is more than the measure's range." in table
    assert "none in range" not in comparison_table([any_number])
    assert f": {any_number.least:.2f} would have been found in 80" in verdict(any_number)


def test_lost_runs_are_said_and_count_as_worse_than_any_value():
    found = one([6.0, 7.0, 8.0], [1.0, 1.1, 1.2], lost_runs={"gan": 6})
    assert found.winner == "gan"
    assert found.improvement.probability == pytest.approx(6 / 9)  # of 9 runs of the GAN, 6 lost
    assert "Not in this test of means, for want of a value: 6 runs of `gan`." in verdict(found)
    assert found.permutation.is_of_ranks
    table = comparison_table([found])
    assert "`vae` - `gan` ‡ |" in table
    assert "by ranks | 0.67 |" in table
    assert "‡ mean without the runs that diverged or failed" in table


def test_lost_runs_of_a_report_reach_the_comparison():
    records = [
        lost(r, "diverged", "not finite") if r.run_id.startswith("run_gan_") else r
        for r in study_records(seeds=range(4))
        if not (r.run_id.startswith("run_gan_") and r.tags["seed"] != "3")
    ] + [r for r in study_records() if r.run_id.startswith("run_gan_")]
    found = comparisons(results_of(records))
    assert [c.pair.second.num_lost for c in found] == [1, 0, 0]
    assert found[2].pair.first.num_lost == 1


def test_higher_is_better_turns_the_winner_and_the_probability():
    low, high = [1.0, 1.1, 1.2], [6.0, 7.0, 8.0]
    found = one(low, high, better="higher", measure="class_accuracy")
    assert found.winner == "gan"
    assert found.improvement.probability == 0
    assert one(low, high).improvement.probability == 1


@pytest.mark.parametrize(("seeds", "is_there"), [(3, False), (4, True)])
def test_permutation_test_stands_where_it_can_reach_the_threshold(seeds, is_there):
    found = one(range(seeds), range(50, 50 + seeds))
    table = comparison_table([found])
    assert (found.permutation is not None) == is_there
    assert (CANNOT in table) == (not is_there)
    if is_there:
        assert found.permutation.p == pytest.approx(2 / math.comb(8, 4))


def test_threshold_of_three_comparisons_is_out_of_reach_at_four_runs_a_side():
    values = {arm: [base + i for i in range(4)] for base, arm in ((0, "vae"), (50, "gan"))}
    found = decide(pairs({**values, "wgan": [90, 91, 92, 93]}))
    assert [c.permutation for c in found] == [None] * 3
    assert "(0.029 with 4 runs a side)" in comparison_table(found)


def test_ten_seeds_have_an_approximate_interval_of_the_probability():
    rng = np.random.default_rng(0)
    found = one(rng.normal(0, 1, 10), rng.normal(0.5, 1, 10))
    low, high = found.improvement.low, found.improvement.high
    assert f"{found.improvement.probability:.2f} [{low:.2f}, {high:.2f}]" in comparison_table(
        [found]
    )
    assert "from 10 seeds, is approximate" in comparison_table([found])


def test_nothing_declared_to_compare_has_no_table():
    assert comparison_table(decide([])) == ""


def test_intervals_stand_at_the_level_of_their_step_of_the_correction():
    values = {"vae": [5.0, 5.1, 5.3], "gan": [7.0, 7.1, 7.3], "wgan": [6.2, 6.9, 7.9]}
    found = decide(pairs(values))
    assert sorted(round(c.level, 4) for c in found) == [0.975, 0.975, 0.9833]
    for c in found:
        assert (c.difference.low <= 0 <= c.difference.high) == (c.p >= 0.05)
    assert "excludes equal means just where the corrected p is below 0.05" in comparison_table(
        found
    )


def test_distances_are_said_to_be_lower_by_a_factor():
    found = one([1.0, 1.05, 1.1], [2.0, 2.1, 2.2], scale="log")
    assert verdict(found).startswith("`vae` is lower than `gan` by a factor of 2.00 [")
    assert "| × 0.50 [" in comparison_table([found])
    none = one([1.0, 2.0, 3.0], [1.1, 2.1, 3.1], scale="log")
    assert "(× 0.94 [" in verdict(none)
    assert comparison_table([none]).count("| not told apart |") == 1
    assert "equal: a factor of" in verdict(none)
    assert (
        none.difference.low == -one([1.1, 2.1, 3.1], [1.0, 2.0, 3.0], scale="log").difference.high
    )


def blocks(seeds=range(5), shift=0.1):
    """Two arms whose runs share a large effect of their seed, and differ by little."""
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 1, len(seeds))
    first, second = (shared + rng.normal(0, 0.01, len(seeds)) for _ in range(2))
    return first, second + shift


def test_arms_of_one_model_are_compared_seed_by_seed():
    first, second = (Group(tuple(map(float, v)), seeds=tuple(range(5))) for v in blocks())
    pair = Pair(planned=Planned(a="k1", b="k5"), first=first, second=second, is_one_model=True)
    (found,) = decide([pair])
    assert found.difference == paired(first.values, second.values)
    assert found.winner == "k1"
    (apart,) = decide([dataclasses.replace(pair, is_one_model=False)])
    assert apart.winner is None
    table = comparison_table([found])
    assert "`k1` - `k5`, paired |" in table
    assert "Student's paired test" in table
    assert "(0.062 with 5 pairs)" in table


def test_only_seeds_that_both_arms_have_are_pairs():
    first = Group((1.0, 2.0, 3.0, 9.0), seeds=(0, 1, 2, 3))
    second = Group((3.5, 1.5, 2.5), seeds=(2, 0, 1))
    pair = Pair(planned=Planned(a="a", b="b"), first=first, second=second, is_one_model=True)
    assert pair.matched == ([1.0, 2.0, 3.0], [1.5, 2.5, 3.5])
    few = dataclasses.replace(pair, second=Group((1.0, 2.0, 3.0), seeds=(7, 8, 0)))
    assert not few.is_paired
    assert few.test() == welch(first.values, (1.0, 2.0, 3.0))


def test_what_is_said_of_a_pair_is_of_the_seeds_that_both_have():
    first = Group((1.0, 2.0, 3.0, 9.0, 9.0), seeds=(0, 1, 2, 3, 4))
    second = Group((1.1, 2.2, 3.3), seeds=(0, 1, 2))
    pair = Pair(
        planned=Planned(a="a", b="b"),
        first=first,
        second=second,
        is_one_model=True,
        scale="log",
        spread=1.0,
    )
    (found,) = decide([pair])
    assert found.apart == pytest.approx(0.1 * 6 ** (1 / 3))
    assert found.is_within_floor  # the means of all seeds are 1.5 apart
    (found,) = decide([dataclasses.replace(pair, spread=None)])
    assert found.winner == "a"
    assert verdict(found).endswith("Tested over the 3 seeds at which both have a value.")
    assert "`a` - `b`, paired over 3 common seeds |" in comparison_table([found])
    (same,) = decide([dataclasses.replace(pair, first=first.of_first(3))])
    assert "common" not in comparison_table([same])
    assert "Tested over" not in verdict(same)


def test_arm_with_one_cell_shares_no_seeds_with_one_that_was_chosen_and_the_table_says_so():
    chosen, only = (
        Group((1.0, 2.0, 3.0), seeds=(1000, 1001, 1002)),
        Group((1.5, 2.5, 3.5), 0, (0, 1, 2)),
    )
    pair = Pair(planned=Planned(a="k1", b="k5"), first=chosen, second=only, is_one_model=True)
    (found,) = decide([pair])
    assert found.difference == welch(chosen.values, only.values)
    note = (
        "Of one model but with fewer than three common seeds, and so by Welch's test: `k1` and `k5`"
    )
    assert note in comparison_table([found])
    others = decide([dataclasses.replace(pair, is_one_model=False)])
    assert "Of one model but" not in comparison_table(others)


def test_families_of_other_models_are_not_paired():
    found = comparisons(results_of(study_records()))
    assert [c.pair.is_paired for c in found] == [False] * 3
