"""Intervals and tests against closed forms, scipy and printed tables."""

import dataclasses
import math

import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats as scipy_stats

from bench.stats.tests import (
    Difference,
    detectable,
    holm,
    paired,
    step_level,
    t_interval,
    t_quantile,
    t_tail,
    welch,
)

A = [6.1, 6.9, 6.4, 7.3]
B = [8.2, 7.1, 9.0]


def test_interval_of_three_values_is_the_one_computed_by_hand():
    interval = t_interval([1.0, 2.0, 3.0])
    half = 4.302653 / math.sqrt(3)  # t(0.975, 2) from a table; the standard deviation is 1
    assert interval.mean == 2
    assert interval.n == 3
    assert interval.low == pytest.approx(2 - half, abs=1e-5)
    assert interval.high == pytest.approx(2 + half, abs=1e-5)


def test_interval_agrees_with_scipy():
    interval = t_interval(A, level=0.9)
    expected = scipy_stats.ttest_1samp(A, 0).confidence_interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_interval_of_a_distance_is_that_of_its_logarithms():
    logs = t_interval([math.log(value) for value in A])
    found = t_interval(A, "log")
    expected = [math.exp(end) for end in (logs.mean, logs.low, logs.high)]
    assert [found.mean, found.low, found.high] == pytest.approx(expected)


def test_interval_of_a_share_is_that_of_the_logit_of_its_mean():
    values, t = [0.9, 0.95, 0.97], 4.302653  # t(0.975, 2) from a table
    mean = sum(values) / 3
    half = t * scipy_stats.sem(values) / (mean * (1 - mean))
    ends = scipy_stats.logistic.cdf([math.log(mean / (1 - mean)) + s * half for s in (-1, 1)])
    found = t_interval(values, "share")
    assert [found.mean, found.low, found.high] == pytest.approx([mean, *ends])


@pytest.mark.parametrize(
    ("scale", "values", "least", "most"),
    [
        ("log", [80.0, 300.0, 784.0], 0, math.inf),
        ("log", [0.0, 1.0, 9.0], 0, math.inf),  # no logarithm: the plain mean, cut at 0
        ("share", [0.98, 0.99, 1.0], 0, 1),
        ("share", [0.0, 0.0, 0.01], 0, 1),
        ("share", [1.0, 1.0, 1.0], 0, 1),
        ("count", [0.0, 1.0, 4.0], 0, math.inf),
        ("score", [1.0, 1.2, 4.7], 1, math.inf),
    ],
)
def test_no_interval_leaves_the_range_of_its_measure(scale, values, least, most):
    found = t_interval(values, scale)
    assert least <= found.low <= found.mean <= found.high <= most


def test_kernel_distance_may_be_negative():
    assert t_interval([-0.01, 0.0, 0.02]).low < 0


@pytest.mark.parametrize("values", [[4.0], [4.0, 5.0]])
def test_below_three_seeds_there_is_a_mean_and_no_interval(values):
    interval = t_interval(values)
    assert interval.mean == sum(values) / len(values)
    assert (interval.low, interval.high) == (None, None)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match=r"values must be finite, got .*: leave out diverged runs"):
        t_interval([1.0, bad, 2.0])
    with pytest.raises(ValueError, match="values must be finite"):
        welch([1.0, 2.0], [1.0, bad])


def test_too_few_values_are_refused():
    with pytest.raises(ValueError, match="needs at least 1 values, got 0: add seeds"):
        t_interval([])
    with pytest.raises(ValueError, match="needs at least 2 values, got 1: add seeds"):
        welch([1.0], [1.0, 2.0])


def test_welch_agrees_with_scipy():
    found = welch(A, B)
    expected = scipy_stats.ttest_ind(A, B, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.df == pytest.approx(expected.df)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_welch_of_swapped_groups_only_changes_the_sign():
    there, back = welch(A, B), welch(B, A)
    assert back.p == there.p
    assert (back.difference, back.low, back.high) == (-there.difference, -there.high, -there.low)


def test_distances_are_compared_by_the_ratio_of_their_geometric_means():
    found, logs = welch(A, B, "log"), welch([math.log(v) for v in A], [math.log(v) for v in B])
    assert found.is_ratio
    assert found == dataclasses.replace(logs, is_ratio=True)
    assert not welch([0.0, 1.0, 2.0], B, "log").is_ratio  # no logarithm of 0


def test_shares_differ_by_one_at_most():
    found = welch([0.0, 1.0, 1.0], [0.0, 0.0, 1.0], "share", level=0.99)
    assert (found.low, found.high) == (-1, 1)


def test_paired_test_agrees_with_scipy():
    found = paired(A[:3], B)
    expected = scipy_stats.ttest_rel(A[:3], B)
    interval = expected.confidence_interval(0.95)
    assert (found.p, found.df) == (pytest.approx(expected.pvalue), 2)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_pairs_take_away_what_the_runs_of_a_seed_share():
    first, second = [100.0, 200.0, 400.0], [110.0, 221.0, 442.0]
    assert welch(first, second, "log").p > 0.8
    assert paired(first, second, "log").p < 0.01


def test_unequal_numbers_of_runs_are_no_pairs():
    with pytest.raises(ValueError, match="pairs need equally many values, got 4 and 3"):
        paired(A, B)


@settings(max_examples=60)
@given(st.lists(st.integers(1, 200).map(lambda k: k / 1000 - 0.0003), min_size=1, max_size=6))
def test_interval_of_a_step_excludes_no_difference_just_where_holm_rejects(p):
    rejected = [corrected < 0.05 for corrected in holm(p)]
    assert [p[i] < 1 - step_level(p, i) for i in range(len(p))] == rejected
    assert all(step_level(p, i) > 0.9499 for i in range(len(p)))


def test_groups_without_spread_have_a_p_of_one_or_zero():
    assert welch([2.0, 2.0], [2.0, 2.0]).p == 1
    apart = welch([2.0, 2.0, 2.0], [3.0, 3.0, 3.0])
    assert (apart.p, apart.low, apart.high) == (0, -1, -1)
    assert detectable(apart) == 0


def test_holm_is_the_correction_computed_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_refuses_what_is_no_p():
    with pytest.raises(ValueError, match=r"p values must be in 0\.\.1, got \[1\.2\]"):
        holm([1.2])


def test_detectable_difference_is_half_a_deviation_at_64_per_group():
    # Cohen 1988, table 2.4.1: d = 0.5, alpha = 0.05 two-sided, power 0.8 need 64 per group.
    error = math.sqrt(2 / 64)
    known = Difference(0.0, 0.0, 0.0, 1.0, standard_error=error, df=126)
    assert detectable(known) == pytest.approx(0.5, abs=0.002)  # 64 is rounded up


@pytest.mark.parametrize("df", [1.2, 2.0, 4.0, 60.0])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 28])
def test_detectable_difference_is_found_for_few_seeds_and_strict_thresholds(df, alpha):
    found = detectable(Difference(0, 0, 0, 1, standard_error=1, df=df), alpha=alpha)
    critical = scipy_stats.t.ppf(1 - alpha / 2, df)
    assert scipy_stats.nct.sf(critical, df, found) == pytest.approx(0.8)


@pytest.mark.parametrize("df", [1, 2, 2.37, 4, 11.5, 79])
def test_students_t_has_the_bits_of_scipy_stats(df):
    for share in (0.9, 0.95, 0.975, 0.995):
        assert t_quantile(share, df) == float(scipy_stats.t.ppf(share, df))
        t = 40 * (1 - share)
        assert t_tail(t, df) == float(scipy_stats.t.sf(t, df))
