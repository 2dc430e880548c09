"""What a report says of trends, interactions and the parts of a spread over seeds."""

import math
import random
import re

import pytest
from synthetic_study import IDENTITY, STUDY, lost, run_record, study_records

from bench.plan.study import Arm, Planned, Study
from bench.report.sections.floors import variance
from bench.report.sections.steps import steps
from bench.report.sections.trends import along_x, half_trends, interactions, trend_sentence
from bench.results.format import effect
from bench.results.results import read_results
from bench.results.trends import followed, trends
from bench.stats.tests import holm, paired, welch
from bench.stats.trend import trend
from bench.stats.variance import interaction, split_spread

DEPTHS = range(1, 6)


def results_of(records, study=STUDY):
    return read_results(study, IDENTITY, records, lambda _run, _name: None)


def shaped(curve, *, seeds=(0, 1, 2), sd=0.2, arms=("vae", "gan", "wgan"), **study):
    """A study whose distance is ``curve(arm, depth)`` and seeds' noise."""
    records = []
    for arm in arms:
        for depth in DEPTHS:
            for seed in seeds:
                record = run_record(arm, depth, seed)
                noise = random.Random(f"{arm} {depth} {seed}").gauss(0, sd)
                record.metrics["test/fd_digits_n500"] = curve(arm, depth) + noise
                records.append(record)
    return results_of(records, STUDY.model_copy(update=study))


def sentences(results):
    return [trend_sentence(results, curve) for curve in trends(results)[0]]


def row_of(text, *cells):
    (row,) = [line for line in text.splitlines() if line.startswith("| " + " | ".join(cells))]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_distance_that_falls_with_depth_is_said_to_fall_after_so_many_images():
    results = shaped(lambda _arm, depth: 10 - depth)
    first = sentences(results)[0]
    assert first.startswith(
        "`vae`: after 24,000 images the test distance falls with depth (a step of depth: × 0.8"
    )
    assert "p < 0.001" in first or "p = 0.00" in first
    assert "turns" not in first


def test_numbers_of_a_trend_are_those_of_its_test_corrected_over_the_families():
    results = shaped(lambda arm, depth: 10 + (arm == "vae") * depth, sd=1.0)
    found = []
    for arm in results.arms:
        places = results.along_x(arm)
        x = [float(depth) for depth, place in places for _ in place.runs]
        y = [value for _, place in places for value in place.values(results.test_metric)]
        seeds = [run.seed for _, place in places for run in place.runs]
        found.append(trend(x, y, seeds, "log"))
    text = along_x(results)
    for arm, one, p in zip(results.arms, found, holm([f.p for f in found]), strict=True):
        cells = row_of(text, "test `fd_digits_n500`", f"`{arm}`", "15")
        assert cells[3] == f"{one.rho:.2f}"
        assert cells[4] == (effect(one.step) if p < 0.05 else "–")
        assert cells[5] == ("< 0.001" if p < 0.001 else f"{p:.3f}")


def test_curve_that_turns_inside_is_not_called_a_trend():
    results = shaped(lambda _arm, depth: 10 + (depth - 3) ** 2)
    said = sentences(results)[0]
    assert "differs between values of depth (p" in said
    assert "shows no single direction" in said
    assert said.endswith("its mean falls, then rises.")


@pytest.mark.parametrize(
    ("last", "words"), [(6.03, "but no turn there is told"), (6.8, "it turns")]
)
def test_lowest_mean_that_is_not_at_the_end_is_tested_for_a_turn(last, words):
    results = shaped(lambda _arm, depth: {5: last}.get(depth, 10 - depth), sd=0.04)
    said = sentences(results)[0]
    assert "falls with depth" in said
    assert words in said
    assert "from depth 4 to 5 × 1." in said
    assert ("its lowest mean is at depth 4, not at 5" in said) == (last == 6.03)


def test_noise_has_no_trend_at_this_number_of_seeds():
    said = sentences(shaped(lambda _arm, _depth: 10, sd=1.0))
    assert all(
        "has no trend along depth that the ranks of so few seeds tell" in text for text in said
    )


def test_depth_that_does_not_train_ranks_as_the_worst():
    results = shaped(lambda _arm, depth: 10 - 0.5 * depth)
    fine = trends(results)[0][1]
    records = [
        lost(r, "diverged", "not finite") if r.params["model.depth"] == "5" else r
        for place in results.cells
        for r in (run.record for run in place.runs)
    ]
    hurt = trends(results_of(records))[0][1]
    assert (fine.runs, hurt.runs) == (15, 15)
    assert hurt.trend.rho > fine.trend.rho + 0.5
    assert [level for level, _ in hurt.means] == ["1", "2", "3", "4"]  # no mean of lost runs


def test_bound_ranks_lost_runs_lowest_and_counts_leave_them_out():
    results = results_of(study_records())
    ranks = {m.title: m.lost for m in followed(results)}
    assert ranks["test `fd_digits_n500`"] == math.inf
    assert ranks["test `elbo_bernoulli_resampled`"] == -math.inf
    assert ranks["test `active_units`"] is None


def test_declared_measures_have_a_row_too():
    declared = (Planned(a="vae", b="gan", measure="legible", better="higher"),)
    text = along_x(shaped(lambda _arm, depth: 10 - depth, comparisons=declared))
    assert row_of(text, "test `legible`", "`gan`", "15")


def test_two_seeds_have_means_and_no_test():
    results = shaped(lambda _arm, depth: 10 - depth, seeds=(0, 1))
    assert sentences(results) == ["", "", ""]
    cells = row_of(along_x(results), "test `fd_digits_n500`", "`gan`", "10")
    assert cells[3:7] == ["–"] * 4
    assert cells[9] == "falls"


@pytest.mark.parametrize(
    "factors",
    [{}, {"model.prior": ("standard", "flow", "vamp")}, {"model.depth": (1, 2)}],
    ids=str,
)
def test_study_without_a_factor_of_three_numbers_has_no_trends(factors):
    arm = Arm(name="vae", model="vae")
    study = Study(name="s", question="q?", arms=(arm,), factors=factors, tiers=STUDY.tiers)
    record = run_record("vae", 1, 0)
    record.params["model.prior"] = "flow"
    results = results_of([record], study)
    assert (along_x(results), interactions(results)) == ("", "")


def test_lowest_mean_at_half_the_budget_stands_beside_that_at_all_of_it():
    records = study_records()
    for record in records:
        if record.tags["family"] == "vae":
            depth = int(record.params["model.depth"])
            points = record.histories["val/fd_digits_n297"]
            record.histories["val/fd_digits_n297"] = [
                (x, y if x > 12_000 else 10.0 + depth) for x, y in points
            ]
    text = half_trends(results_of(records))
    assert text.startswith(
        "- `vae`: the lowest validation mean is at depth 1 after 12,000 images and at 2 after 24,000."
    )
    assert "- `gan`: the lowest validation mean is at depth 3 after 12,000 images and still" in text
    half = row_of(text, "validation `fd_digits_n297` after 12,000", "`vae`", "15")
    assert half[7:] == ["11.0, 1", "15.0, 5", "rises"]


def test_runs_without_curves_have_no_trend_at_half_the_budget():
    records = [
        type(r)(run_id=r.run_id, params=r.params, tags=r.tags, metrics=r.metrics)
        for r in study_records()
    ]
    assert half_trends(results_of(records)) == ""


def test_levels_are_ordered_by_number():
    study = STUDY.model_copy(update={"factors": {"model.depth": (3, 1, 5, 2, 4)}})
    records = [run.record for p in shaped(lambda _arm, d: 10 - d).cells for run in p.runs]
    curve = trends(results_of(records, study))[0][0]
    assert [level for level, _ in curve.means] == ["1", "2", "3", "4", "5"]
    assert curve.shape == "falls"


def test_families_that_keep_their_ratio_do_not_interact():
    scale = {"vae": 1.0, "gan": 3.0, "wgan": 10.0}
    kept = interactions(shaped(lambda arm, depth: scale[arm] * 2.0**depth, sd=0.1))
    assert kept.startswith("No interaction of family and depth is seen at this number of seeds.")
    turned = interactions(
        shaped(lambda arm, depth: 10.0 + (depth if arm == "gan" else -depth), sd=0.1)
    )
    assert turned.startswith("Family and depth interact: what one does depends on the other.")


def test_two_seeds_have_no_test_of_an_interaction():
    assert interactions(shaped(lambda _arm, depth: 10.0 + depth, seeds=(0, 1))) == ""


def test_interaction_is_that_of_the_logarithms():
    results = shaped(lambda arm, depth: 10.0 + (depth if arm == "gan" else 0), sd=1.0)
    rows = [
        (math.log(value), arm, depth, (arm, seed))
        for arm in results.arms
        for depth, place in results.along_x(arm)
        for seed, value in place.by_seed(results.test_metric).items()
    ]
    expected = interaction(*(list(column) for column in zip(*rows, strict=True)))
    cells = row_of(interactions(results), "family x depth", "45")
    assert cells[2] == f"{expected.f:.2f} ({expected.df}, {expected.df_rest})"
    assert cells[4] == f"{expected.share:.2f}"


def test_interaction_counts_the_runs_that_it_leaves_out():
    records = study_records()
    records[0] = lost(records[0], "failed", "out of memory")
    text = interactions(results_of(records))
    assert "| family x depth | 44 |" in text
    assert text.endswith("Left out for want of a value: 1 run.")


def test_two_factors_of_one_arm_are_crossed():
    study = STUDY.model_copy(
        update={
            "arms": (Arm(name="gan", model="gan"),),
            "factors": {"model.depth": (1, 2), "model.width": (8, 16)},
            "baselines": (),
        }
    )
    records = []
    for i, (depth, width, seed) in enumerate(
        (d, w, s) for d in (1, 2) for w in (8, 16) for s in range(3)
    ):
        record = run_record("gan", depth, seed)
        record.params["model.width"] = str(width)
        record.metrics["test/fd_digits_n500"] = 10.0 + 5 * (depth == 2) * (width == 16) + seed / 10
        records.append(
            type(record)(
                run_id=f"{i}", params=record.params, tags=record.tags, metrics=record.metrics
            )
        )
    text = interactions(results_of(records, study))
    assert text.startswith("Depth and width interact in `gan`")
    assert "| depth x width in `gan` | 12 |" in text


def noisy(sampling, reference):
    """The study with its runs' own noise measured."""
    records = study_records()
    for record in records:
        if record.tags["role"] == "run":
            record.metrics["test/sampling_sd_fd_digits_n500"] = sampling
            record.metrics["test/reference_sd_fd_digits_n500"] = reference
    return results_of(records)


def test_spread_over_seeds_is_split_into_training_and_samples():
    results = noisy(0.05, 0.3)
    expected = split_spread(results.chosen("gan").values(results.test_metric), [0.05] * 3)
    cells = row_of(variance(results), "`gan`")
    sd, training, sampling = (float(cells[i].split()[0]) for i in (2, 3, 4))
    assert sd == pytest.approx(expected.sd, rel=5e-3)
    assert training == pytest.approx(expected.training, rel=5e-3)
    assert sampling == pytest.approx(0.05)
    assert training**2 + sampling**2 == pytest.approx(sd**2, rel=0.02)
    assert cells[5] == f"{100 * (0.05 / expected.sd) ** 2:.1f} %"
    assert cells[7] == "0.300"


def test_share_over_all_cells_pools_their_variances():
    results = noisy(0.2, 0.3)
    spreads = [
        split_spread(place.values(results.test_metric), [0.2]) for place in results.cells_of("gan")
    ]
    pooled = 5 * 0.2**2 / sum(s.sd**2 for s in spreads)
    assert row_of(variance(results), "`gan`")[6] == f"{100 * pooled:.0f} %"


def test_samples_that_explain_more_than_all_leave_zero_and_say_so():
    cells = row_of(variance(noisy(50.0, 0.3)), "`vae`")
    assert cells[3] == "0 (the samples explain more)"
    assert cells[5] == "all"


def test_runs_without_their_noise_measured_have_no_section():
    assert variance(results_of(study_records())) == ""


def test_no_sentence_of_the_sections_shows_a_number_that_is_none():
    for results in (noisy(0.1, 0.2), shaped(lambda _arm, _depth: 5.0, sd=0.0)):
        text = "\n".join([along_x(results), interactions(results), variance(results)])
        assert not re.search(r"\b(nan|inf|None)\b", text)


def sharing(sd, curve=lambda depth: 10.0 * 0.9**depth):
    """A VAE whose runs of a seed share a factor, beside noise of ``sd``."""
    results = shaped(lambda _arm, depth: curve(depth), sd=0.0, arms=("vae",))
    records = [run.record for place in results.cells for run in place.runs]
    for record in records:
        seed = int(record.tags["seed"])
        noise = random.Random(record.run_id).gauss(0, sd)
        record.metrics["test/fd_digits_n500"] *= math.exp((0.3, -0.1, -0.2)[seed] + noise)
    return results_of(records)


def test_steps_along_x_are_paired_tests_over_the_seeds():
    results = sharing(0.01)
    first, second = (place for _, place in results.along_x("vae")[:2])
    expected = paired(second.values(results.test_metric), first.values(results.test_metric), "log")
    text = steps(results)
    cells = row_of(text, "`vae`", "1 to 2")
    assert cells[2].startswith(f"× {math.exp(expected.difference):.2f} [")
    assert float(cells[3].strip("< ")) < 0.05  # Welch's test of the same cells sees nothing
    assert welch(*(p.values(results.test_metric) for p in (first, second)), "log").p > 0.5


def test_what_seeds_share_is_said_with_what_pairing_saves():
    said = steps(sharing(0.05))
    assert said.startswith(
        "- `vae`: 95 % of the variance within cells is its seeds' own (p < 0.001"
    )
    assert "5 cells of 3 seeds): unpaired, a comparison of two cells would need" in said
    assert "which these runs do not tell from none" in steps(
        shaped(lambda _arm, depth: 10.0 - depth, sd=1.0)
    )


def test_trend_does_not_count_runs_of_a_seed_as_independent():
    few, shared = trends(sharing(0.05))[0][0].trend, trends(sharing(0.0))[0][0].trend
    assert few.seeds == 3
    assert (few.low, few.high) == (None, None)
    assert shared.rho == -1  # each seed falls, whatever it shares
