"""Permutation tests and probabilities of improvement against scipy, hand counts and tables."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.stats.groups import (
    MOST_SPLITS,
    SEEDS_FOR_BOOTSTRAP,
    Permutation,
    improvement,
    permutation_test,
    sign_flip_test,
    smallest_p,
    smallest_sign_flip_p,
)

A = [6.1, 6.9, 6.4, 7.3]
B = [8.2, 7.1, 9.0]
LOST = math.inf


def difference(x, y, axis):
    return np.mean(x, axis=axis) - np.mean(y, axis=axis)


def oracle(a, b):
    """scipy's exact p."""
    done = scipy_stats.permutation_test(
        (np.array(a), np.array(b)),
        difference,
        permutation_type="independent",
        vectorized=True,
        n_resamples=np.inf,
    )
    return done.pvalue


@pytest.mark.parametrize(("n", "p"), [(3, 0.10), (4, 0.029), (5, 0.008)])
def test_smallest_p_of_the_protocol_is_reached_by_groups_apart(n, p):
    assert smallest_p(n, n) == pytest.approx(p, abs=5e-4)  # the protocol gives three decimals
    assert permutation_test(range(n), range(100, 100 + n)).p == pytest.approx(smallest_p(n, n))


@pytest.mark.parametrize("seed", range(8))
def test_exact_permutation_p_agrees_with_scipy(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 1, rng.integers(2, 7)), rng.normal(1, 1, rng.integers(2, 7))
    found = permutation_test(a, b)
    assert found.is_exact
    assert found.p == pytest.approx(oracle(a, b), abs=1e-12)


def test_permutation_p_is_the_one_counted_by_hand():
    # Of 35 splits of A and B, only {6.1, 6.4, 6.9, 7.1} has a lower first mean than A's.
    assert permutation_test(A, B).p == pytest.approx(2 * 2 / 35)
    assert permutation_test([1.0, 2.0], [1.0, 2.0]).p == 1


def test_ties_are_seen_through_the_rounding_of_large_values():
    offset = [1e6 + value for value in (0.1, 0.2, 0.3)], [1e6 + value for value in (0.3, 0.2, 0.7)]
    plain = [0.1, 0.2, 0.3], [0.3, 0.2, 0.7]
    # Of 20 splits of 1 2 2 3 3 7, five have a first sum of at most 6: four with 6, one with 5.
    assert permutation_test(*plain).p == pytest.approx(2 * 5 / 20)
    assert permutation_test(*offset).p == pytest.approx(2 * 5 / 20)


def test_small_differences_of_large_values_are_no_ties():
    near = [[1e6 + value / 1_000 for value in group] for group in (A, B)]
    assert permutation_test(*near).p == permutation_test(A, B).p


def test_many_runs_are_drawn_to_nearly_the_exact_p_the_same_each_time():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, 9), rng.normal(0.6, 1, 8)
    assert math.comb(17, 8) > MOST_SPLITS
    drawn = permutation_test(a, b)
    assert not drawn.is_exact
    assert drawn == permutation_test(a, b)
    assert drawn.p == pytest.approx(oracle(a, b), abs=0.015)  # 3 standard errors of 9,999 draws


def test_drawn_p_is_never_zero():
    assert permutation_test(range(20), range(100, 120)).p == pytest.approx(2 / 10_000)


def test_lost_runs_rank_behind_all_others_in_the_exact_rank_sum_test():
    a, b = [1.0, 2.0, 3.0, 4.0], [2.5, 5.0, 6.0, LOST]
    found = permutation_test(a, b)
    expected = scipy_stats.mannwhitneyu(a, [2.5, 5.0, 6.0, 7.0], method="exact").pvalue
    assert found.is_of_ranks
    assert found.p == pytest.approx(expected)
    assert permutation_test([1.0, 2.0, 3.0], [LOST] * 3).p == pytest.approx(0.1)


def test_improvement_is_the_mann_whitney_statistic_per_pair():
    u = scipy_stats.mannwhitneyu(B, A).statistic
    assert improvement(A, B).probability == pytest.approx(u / (len(A) * len(B)))


def test_ties_count_half_and_lost_runs_are_worse_than_any_value():
    assert improvement([1.0, 2.0], [2.0, 3.0]).probability == pytest.approx(3.5 / 4)
    assert improvement([1.0, LOST], [1e9, LOST]).probability == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert improvement([LOST], [1.0, 2.0]).probability == 0


def test_improvement_of_swapped_groups_adds_up_to_one():
    there, back = improvement(A, B), improvement(B, A)
    assert there.probability + back.probability == 1


def test_improvement_has_an_interval_from_ten_seeds_only():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, 12), rng.normal(0.5, 1, 10)
    assert improvement(a[: SEEDS_FOR_BOOTSTRAP - 1], b).low is None
    found = improvement(a, b)
    assert 0 < found.low < found.probability < found.high < 1
    assert found == improvement(a, b)


def test_improvement_without_any_overlap_has_no_interval():
    found = improvement(range(10), range(100, 110))
    assert (found.probability, found.low, found.high) == (1, None, None)


@pytest.mark.parametrize(("a", "b"), [([], [1.0]), ([1.0], []), ([math.nan], [1.0])])
def test_groups_without_numbers_are_refused(a, b):
    for measure in (permutation_test, improvement):
        with pytest.raises(ValueError, match="needs two groups of numbers, got"):
            measure(a, b)


def test_sign_flips_have_the_p_counted_by_hand():
    # Of 2^4 sums of +-1 +-2 +-3 +-4 four reach |10| or |8|: 10, -10, 8, -8.
    assert sign_flip_test([-1.0, 2.0, 3.0, 4.0]) == Permutation(4 / 16, True, False)
    assert sign_flip_test([1.0, 2.0, 3.0]).p == smallest_sign_flip_p(3) == 0.25


def test_many_sign_flips_are_drawn_and_are_near_the_t_test():
    x = np.random.default_rng(0).normal(0.3, 1, 30)
    found = sign_flip_test(x.tolist())
    assert not found.is_exact
    assert found.p == pytest.approx(scipy_stats.ttest_1samp(x, 0).pvalue, abs=0.02)
    assert found == sign_flip_test(x.tolist())
