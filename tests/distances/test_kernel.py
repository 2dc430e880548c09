"""The kernel distance against closed forms, brute force and the spread over repeated draws."""

import math
import statistics

import pytest
import torch

from bench.distances.kernel import cubic, mmd_squared
from bench.distances.products import CHUNK
from bench.runtime import generator


def normal(n, d=1, *purpose, mean=0.0, sd=1.0):
    x = torch.randn(n, d, generator=generator("kernels", *purpose), dtype=torch.float64)
    return mean + sd * x


def moments_of_a_normal(mean, sd):
    """E x, E x^2, E x^3."""
    return mean, mean**2 + sd**2, mean**3 + 3 * mean * sd**2


def distance_of_normals_on_a_line(a, b):
    """(xy + 1)^3 = sum_p C(3, p) x^p y^p: MMD^2 is 3 d1^2 + 3 d2^2 + d3^2 of the raw moments."""
    pairs = zip(moments_of_a_normal(*a), moments_of_a_normal(*b), strict=True)
    return sum(math.comb(3, p) * (u - v) ** 2 for p, (u, v) in enumerate(pairs, start=1))


def by_hand(x, y):
    """The estimator as eq. 3 of Gretton et al. 2012 writes it, pair by pair."""
    k = lambda a, b: (float(a @ b) / len(a) + 1) ** 3  # noqa: E731
    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


def test_value_is_that_of_all_pairs_by_hand():
    x, y = normal(7, 3, "x"), normal(9, 3, "y", mean=0.5)
    assert mmd_squared(x, y).value == pytest.approx(by_hand(x, y), rel=1e-12)


def test_value_and_error_do_not_depend_on_chunks(monkeypatch):
    x, y = normal(2 * CHUNK + 1, 4, "x"), normal(CHUNK + 7, 4, "y", sd=1.1)
    whole = mmd_squared(x, y)
    monkeypatch.setattr("bench.distances.products.CHUNK", 77)
    parts = mmd_squared(x, y)
    # Sums of up to a million float64 terms in another order.
    assert parts.value == pytest.approx(whole.value, rel=1e-9)
    assert parts.standard_error == pytest.approx(whole.standard_error, rel=1e-9)


def test_error_is_that_of_leaving_out_each_point_in_turn():
    x, y = normal(12, 2, "x"), normal(15, 2, "y", mean=1.0)

    def variance(estimates):
        n = len(estimates)
        return (n - 1) / n * sum((v - statistics.mean(estimates)) ** 2 for v in estimates)

    def without(points, i):
        return torch.cat([points[:i], points[i + 1 :]])

    expected = variance([mmd_squared(without(x, i), y).value for i in range(len(x))]) + variance(
        [mmd_squared(x, without(y, i)).value for i in range(len(y))]
    )
    assert mmd_squared(x, y).standard_error == pytest.approx(math.sqrt(expected), rel=1e-9)


@pytest.mark.parametrize("other", [(0.0, 1.0), (0.3, 1.0), (0.2, 1.4), (-1.0, 0.5)])
def test_mean_over_draws_is_the_closed_form_of_two_normals_and_the_error_their_spread(other):
    mean, sd = other
    drawn = [
        mmd_squared(normal(150, 1, "x", i), normal(150, 1, "y", i, mean=mean, sd=sd))
        for i in range(150)
    ]
    values = [estimate.value for estimate in drawn]
    truth, spread = distance_of_normals_on_a_line((0.0, 1.0), other), statistics.stdev(values)
    # Unbiased: the mean of 150 draws lies within 3.5 of its standard errors.
    assert abs(statistics.mean(values) - truth) < 3.5 * spread / math.sqrt(len(values))
    claimed = math.sqrt(statistics.mean(estimate.standard_error**2 for estimate in drawn))
    # The spread of 150 draws is known to some 10 %, more for a skewed one; equal laws: sqrt(2).
    assert 0.8 < claimed / spread < (1.7 if truth == 0 else 1.25)


def test_equal_laws_give_values_on_both_sides_of_zero():
    values = [mmd_squared(normal(50, 3, "a", i), normal(50, 3, "b", i)).value for i in range(40)]
    assert min(values) < 0 < max(values)


def test_cubic_kernel_is_symmetric_and_scales_by_the_number_of_features():
    x, y = torch.tensor([[1.0, 2.0]]).double(), torch.tensor([[3.0, 4.0], [0.0, 0.0]]).double()
    assert cubic(x @ y.T, x, y, 2).tolist() == [[(11 / 2 + 1) ** 3, 1.0]]
    assert torch.equal(cubic(x @ y.T, x, y, 2), cubic(y @ x.T, y, x, 2).T)
