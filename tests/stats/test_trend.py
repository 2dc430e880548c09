"""Rank correlations against scipy, an enumeration of every permutation, and simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.stats.trend import MOST_PERMUTED, trend


def design(levels, seeds):
    """Level and seed of each run of a full grid."""
    grid = list(itertools.product(range(levels), range(seeds)))
    return [float(x) for x, _ in grid], [seed for _, seed in grid]


def test_correlation_agrees_with_scipy():
    x, seeds = design(5, 3)
    y = np.random.default_rng(0).normal(x)
    found = trend(x, y, seeds)
    assert found.rho == pytest.approx(scipy_stats.spearmanr(x, y).statistic)
    assert found.n == 15


def test_interval_is_bonett_and_wrights_computed_by_hand():
    x = [1.0, 2.0, 3.0, 4.0, 5.0]
    found = trend(x, [2.0, 1.0, 4.0, 3.0, 5.0], [0] * 5)
    assert found.rho == pytest.approx(0.8)  # 1 - 6 * 4 / (5 * 24)
    half = 1.959964 * math.sqrt((1 + 0.64 / 2) / 2)
    centre = 0.5 * math.log(1.8 / 0.2)
    assert found.low == pytest.approx(math.tanh(centre - half), abs=1e-6)
    assert found.high == pytest.approx(math.tanh(centre + half), abs=1e-6)


def every_permutation(x, y, num_seeds):
    """Both exact p: all orders of the levels within each seed of a grid."""
    ranks = scipy_stats.rankdata(y).reshape(-1, num_seeds)
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
    assert trend(x, y, range(len(x))).p == 1  # alone, each run has no order to permute


def test_curve_that_turns_has_levels_without_a_trend():
    x, seeds = design(5, 3)
    noise = np.random.default_rng(3).normal(0, 0.1, 15)
    found = trend(x, (np.array(x) - 2) ** 2 + noise, seeds)
    assert abs(found.rho) < 0.2
    assert found.p > 0.5
    assert found.p_levels < 0.001


def test_lost_runs_are_the_worst_of_the_order():
    x, seeds = design(3, 3)
    y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, math.inf, math.inf]
    assert trend(x, y, seeds) == trend(x, [*y[:7], 9.0, 9.0], seeds)


def test_trend_of_the_negative_values_is_the_negative():
    x, seeds = design(4, 3)
    y = np.random.default_rng(4).normal(size=12)
    there, back = trend(x, y, seeds), trend(x, -y, seeds)
    assert (back.rho, back.low, back.high) == pytest.approx((-there.rho, -there.high, -there.low))
    assert (back.p, back.p_levels) == (there.p, there.p_levels)


def test_two_levels_or_one_value_have_no_trend():
    assert trend([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1]) is None
    assert trend([1.0, 2.0, 3.0], [4.0, 4.0, 4.0], [0, 0, 0]) is None


def test_many_runs_have_the_p_of_scipy():
    x, seeds = design(5, MOST_PERMUTED // 5 + 1)
    y = np.random.default_rng(7).normal(0.1 * np.array(x))
    found = trend(x, y, seeds)
    groups = [y[np.array(x) == level] for level in range(5)]
    assert found.p == pytest.approx(scipy_stats.spearmanr(x, y).pvalue)
    assert found.p_levels == pytest.approx(scipy_stats.kruskal(*groups).pvalue)
    fewer = np.array(seeds) < MOST_PERMUTED // 5
    permuted = trend(*(np.array(each)[fewer].tolist() for each in (x, y, seeds)))
    few = scipy_stats.spearmanr(np.array(x)[fewer], y[fewer]).pvalue
    assert permuted.p == pytest.approx(few, abs=0.015)  # the formula is near the permutations


@pytest.mark.parametrize("y", [[1.0, 2.0], [1.0, 2.0, math.nan]])
def test_runs_without_numbers_are_refused(y):
    with pytest.raises(ValueError, match="needs a level, a value and a seed for each run"):
        trend([1.0, 2.0, 3.0], y, [0, 0, 0])
