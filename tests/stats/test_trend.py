"""Rank correlations against scipy, an enumeration of every permutation, and simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.stats.tests import t_interval
from bench.stats.trend import trend


def design(levels, seeds):
    """Level and seed of each run of a full grid."""
    grid = list(itertools.product(range(levels), range(seeds)))
    return [float(x) for x, _ in grid], [seed for _, seed in grid]


def test_correlation_is_the_mean_of_those_of_scipy_within_seeds():
    x, seeds = design(5, 3)
    y = np.random.default_rng(0).normal(x)
    found = trend(x, y, seeds)
    rhos = [scipy_stats.spearmanr(x[i::3], y[i::3]).statistic for i in range(3)]
    assert found.rho == pytest.approx(np.mean(rhos))
    assert (found.n, found.seeds) == (15, 3)


def test_correlation_has_an_interval_over_seeds_from_ten_on():
    found = {}
    for num in (9, 10):
        x, seeds = design(5, num)
        found[num] = trend(x, np.random.default_rng(1).normal(0.5 * np.array(x)), seeds)
    assert (found[9].low, found[9].high) == (None, None)
    assert found[10].low < found[10].rho < found[10].high <= 1


def test_step_is_the_t_interval_of_the_slopes_of_the_seeds():
    x, seeds = design(4, 3)
    y = np.exp(np.random.default_rng(2).normal(0.2 * np.array(x), 0.1))
    found = trend([2.0**level for level in x], y, seeds, "log").step
    slopes = [np.polyfit(range(4), np.log(y[i::3]), 1)[0] for i in range(3)]
    expected = t_interval(slopes)
    assert found.is_ratio
    assert (found.difference, found.low, found.high) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )


def test_what_the_runs_of_a_seed_share_moves_no_number_of_a_trend():
    x, seeds = design(4, 3)
    y = np.random.default_rng(3).normal(x)
    there, moved = trend(x, y, seeds), trend(x, y + 50.0 * np.array(seeds), seeds)
    assert (moved.rho, moved.p, moved.p_levels) == (there.rho, there.p, there.p_levels)
    ends = [(f.step.difference, f.step.low, f.step.high) for f in (there, moved)]
    assert ends[0] == pytest.approx(ends[1])


def every_permutation(x, y, num_seeds):
    """Both exact p: all orders of the levels within each seed of a grid."""
    ranks = scipy_stats.rankdata(np.reshape(y, (-1, num_seeds)), axis=0)
    levels = scipy_stats.rankdata(x).reshape(-1, num_seeds)[:, 0]
    orders = [list(order) for order in itertools.permutations(range(len(levels)))]
    rhos, betweens = [], []
    for choice in itertools.product(orders, repeat=num_seeds):
        shuffled = np.stack([ranks[order, seed] for seed, order in enumerate(choice)], axis=1)
        totals = shuffled.sum(axis=1)
        rhos.append(abs((levels - levels.mean()) @ totals))
        betweens.append(totals @ totals)
    totals = ranks.sum(axis=1)
    rho, between = abs((levels - levels.mean()) @ totals), totals @ totals
    return np.mean(np.array(rhos) >= rho - 1e-9), np.mean(np.array(betweens) >= between - 1e-9)


@pytest.mark.parametrize("y", [[3, 2, 5, 4, 9, 8, 1, 7, 6], [1, 2, 3, 9, 8, 7, 4, 5, 6]])
def test_p_is_that_of_all_permutations_within_seeds(y):
    x, seeds = design(3, 3)
    found = trend(x, y, seeds)
    exact, exact_levels = every_permutation(x, y, 3)
    # Three standard errors of 9,999 draws are 0.015 at the most.
    assert found.p == pytest.approx(exact, abs=0.015)
    assert found.p_levels == pytest.approx(exact_levels, abs=0.015)


def test_what_the_runs_of_a_seed_share_does_not_hide_a_trend():
    x, seeds = design(3, 4)
    y = [0.1 * level + 100 * seed for level, seed in zip(x, seeds, strict=True)]
    found = trend(x, y, seeds)
    assert found.p < 0.01  # every seed rises: 2 of 6^4 orders
    assert trend(x, y, range(len(x))) is None  # alone, each run has no order


def test_curve_that_turns_has_levels_without_a_trend():
    x, seeds = design(5, 3)
    noise = np.random.default_rng(3).normal(0, 0.1, 15)
    found = trend(x, (np.array(x) - 2) ** 2 + noise, seeds)
    assert abs(found.rho) < 0.2
    assert found.p > 0.5
    assert found.p_levels < 0.01


def test_lost_runs_are_the_worst_of_the_order():
    x, seeds = design(3, 3)
    y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, math.inf, math.inf]
    found, ranked = trend(x, y, seeds), trend(x, [*y[:7], 9.0, 9.0], seeds)
    assert (found.rho, found.p, found.p_levels) == (ranked.rho, ranked.p, ranked.p_levels)
    assert (found.step, ranked.step is None) == (None, False)


def test_trend_of_the_negative_values_is_the_negative():
    x, seeds = design(4, 3)
    y = np.random.default_rng(4).normal(size=12)
    there, back = trend(x, y, seeds), trend(x, -y, seeds)
    assert back.rho == pytest.approx(-there.rho)
    assert back.step.difference == pytest.approx(-there.step.difference)
    assert (back.p, back.p_levels) == (there.p, there.p_levels)


def test_two_levels_or_one_value_have_no_trend():
    assert trend([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1]) is None
    assert trend([1.0, 2.0, 3.0], [4.0, 4.0, 4.0], [0, 0, 0]) is None


def test_p_is_near_that_of_friedmans_test_with_many_seeds():
    x, seeds = design(5, 30)
    y = np.random.default_rng(7).normal(0.2 * np.array(x))
    expected = scipy_stats.friedmanchisquare(*y.reshape(5, 30)).pvalue
    assert trend(x, y, seeds).p_levels == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("y", [[1.0, 2.0], [1.0, 2.0, math.nan]])
def test_runs_without_numbers_are_refused(y):
    with pytest.raises(ValueError, match="needs a level, a value and a seed for each run"):
        trend([1.0, 2.0, 3.0], y, [0, 0, 0])
