"""The numbers behind the curves, and the parts that several of them draw."""

import itertools
import math

import pytest
from matplotlib.figure import Figure
from synthetic_study import IDENTITY, STUDY, distance, pictures, study_records, troubled_records

from bench.plots import PLOTS
from bench.plots.axes import apart, label_lines, scale_y
from bench.results.results import read_results
from bench.stats.tests import t_interval


@pytest.fixture(scope="module")
def results():
    return read_results(STUDY, IDENTITY, troubled_records(), pictures())


def numbers(name, results):
    return PLOTS.get(name).numbers(results)


def test_factor_curve_has_each_seed_the_mean_and_its_interval(results):
    rows = numbers("factor_curve", results)
    mine = rows[(rows["arm"] == "vae") & (rows["x"] == "4")]
    values = [distance("vae", 4, seed) for seed in range(3)]
    assert mine[mine["kind"] == "seed"]["value"].tolist() == values
    mean = mine[mine["kind"] == "mean"].iloc[0]
    interval = t_interval([math.log(value) for value in values])  # of the geometric mean
    ends = [math.exp(end) for end in (interval.mean, interval.low, interval.high)]
    assert mean[["value", "low", "high"]].tolist() == pytest.approx(ends)


def test_factor_curve_counts_a_diverged_run_without_a_value(results):
    rows = numbers("factor_curve", results)
    mine = rows[(rows["arm"] == "wgan") & (rows["x"] == "2")]
    assert mine["kind"].tolist() == ["seed", "seed", "lost", "mean"]
    assert mine[mine["kind"] == "lost"]["value"].isna().all()


def test_factor_curve_draws_baselines_and_the_floor_of_the_same_n(results):
    rows = numbers("factor_curve", results)
    lines = rows[rows["kind"] == "line"]
    assert dict(zip(lines["label"], lines["value"], strict=True)) == pytest.approx(
        {
            "memoriser": 0.93,
            "pixel gaussian": 22.1,
            "uniform noise": 145.2,
            "floor: real train": 0.9,
        }
    )


def test_elbo_curve_has_only_arms_with_a_likelihood(results):
    rows = numbers("elbo_curve", results)
    assert set(rows["arm"]) == {"vae"}
    assert set(rows["panel"]) == {"elbo_bernoulli_resampled"}


def test_half_budget_is_read_from_the_logged_validations(results):
    rows = numbers("budget_curve", results)
    logged = {
        r.run_id: dict(r.histories["val/fd_digits_n297"])[12_000]
        for r in study_records()
        if r.tags["family"] == "gan" and r.params["model.depth"] == "1"
    }
    half = rows[(rows["panel"] == "half") & (rows["arm"] == "gan") & (rows["x"] == "1")]
    assert sorted(half[half["kind"] == "seed"]["value"]) == sorted(logged.values())


def test_half_budget_is_left_out_where_no_validation_lies_near_it():
    records = study_records()
    for record in records:
        points = record.histories.get("val/fd_digits_n297", [])
        record.histories["val/fd_digits_n297"] = [p for p in points if p[0] != 12_000]
    results = read_results(STUDY, IDENTITY, records, pictures())
    assert numbers("budget_curve", results).empty


def test_loss_curves_have_losses_only_and_average_the_seeds(results):
    rows = numbers("loss_curves", results)
    assert set(rows["name"]) == {
        "train/loss",
        "train/discriminator_loss",
        "train/generator_loss",
        "train/critic_loss",
        "train/summed_loss",
    }
    record = next(r for r in study_records() if r.run_id == "run_vae_3_0")
    mine = rows[(rows["arm"] == "vae") & (rows["level"] == "3")]
    expected = [value for _, value in record.histories["train/loss"]]  # the seeds' are equal
    assert mine["value"].tolist() == pytest.approx(expected)


def test_loss_of_a_game_is_summed_over_its_players_at_every_log(results):
    rows = numbers("loss_curves", results)
    game = rows[(rows["arm"] == "wgan") & (rows["level"] == "3")]
    values = {name: mine["value"].to_numpy() for name, mine in game.groupby("name")}
    players = values["train/critic_loss"] + values["train/generator_loss"]
    assert len(players) == 40
    assert values["train/summed_loss"] == pytest.approx(players)
    assert not len(rows[(rows["arm"] == "vae") & (rows["name"] == "train/summed_loss")])


def test_loss_of_a_vae_stands_for_train_and_validation_images_in_one_panel(results):
    rows = numbers("vae_losses", results)
    assert set(rows["arm"]) == {"vae"}
    records = [r for r in study_records() if r.run_id.startswith("run_vae_3_")]
    mine = rows[rows["level"] == "3"].groupby("split")["value"].apply(list)
    terms = [
        [dict(r.histories[f"train/{name}_nats"])[24_000] for r in records]
        for name in ("kl", "reconstruction")
    ]
    kl, fit = (sum(values) / len(values) for values in terms)
    elbo = sum(r.metrics["val/elbo_bernoulli_resampled"] for r in records) / len(records)
    assert mine["train"][-1] == pytest.approx(kl - fit)
    assert mine["validation"][-1] == pytest.approx(-elbo)
    assert (len(mine["train"]), len(mine["validation"])) == (40, 4)


@pytest.mark.parametrize("heights", [[0.1, 0.11, 0.12, 0.9], [0.5], [0.0, 0.3, 0.31, 0.36]])
def test_names_of_lines_keep_their_distance_and_order(heights):
    places = apart(heights, 0.05)
    gaps = [b - a for a, b in itertools.pairwise(places)]
    assert all(gap > 0.05 - 1e-9 for gap in gaps)
    assert sum(places) == pytest.approx(sum(heights))


def test_line_outside_the_limits_is_named_with_an_arrow():
    axes = Figure().subplots()
    axes.set_ylim(0, 10)
    label_lines(axes, [(5.0, "inside"), (50.0, "noise"), (-1.0, "floor")])
    assert [text.get_text() for text in axes.texts] == ["↓ floor", "inside", "↑ noise"]
    assert len(axes.lines) == 1


@pytest.mark.parametrize(
    ("values", "scale"), [([1.0, 20.0], "log"), ([5.0, 9.0], "linear"), ([-3.0, 90.0], "linear")]
)
def test_axis_is_logarithmic_where_the_range_demands_it(values, scale):
    axes = Figure().subplots()
    scale_y(axes, values)
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low < min(values) < max(values) < high
