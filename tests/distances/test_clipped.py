"""Clipped density and coverage: by hand, by all orders of few points, at their limits."""

import itertools
import statistics

import numpy as np
import pytest
import torch

from bench.distances.clipped import clipped, expected_coverage
from bench.runtime import generator


def normal(n, d=8, *purpose):
    return torch.randn(n, d, generator=generator("clipped", *purpose), dtype=torch.float64)


def line(*points):
    return torch.tensor(points, dtype=torch.float64)[:, None]


def test_points_of_a_line_by_hand():
    real, fake = line(0, 1, 2, 3, 10), line(0.5, 1, 1, 20)
    # k = 1: balls reach 1, 1, 1, 1 and 7, for density 1 each. Three samples lie in one or more; so
    # do four of five real ones without their own, all but the outlier.
    # Balls of 0, 1 and 2 hold a sample, coverage 3/5; expected of 0..4 good ones: 0, 1/5, 1/3, 3/7,
    # 1/2, so that 3/5 stands behind the last.
    assert clipped(real, fake, 1) == pytest.approx((0.75 / 0.8, 1), abs=1e-12)
    # Only the ball of 0 and that of 10, which reaches to 3, hold one: 2/5 is between 1/3 and 3/7.
    assert clipped(real, line(-1, 4.5, 20, 30), 1) == pytest.approx((0.25 / 0.8, 3 / 5), abs=1e-12)


def by_hand(real, fake, k):
    """Density and coverage before calibration, written out point by point."""
    real, fake = real.numpy(), fake.numpy()

    def apart(a, b):
        return float(np.sqrt(((a - b) ** 2).sum()))

    others = [[apart(a, b) for j, b in enumerate(real) if j != i] for i, a in enumerate(real)]
    reach = [sorted(row)[k - 1] for row in others]
    short = [min(each, statistics.median(reach)) for each in reach]
    of_fake = [sum(apart(f, r) <= s for r, s in zip(real, short, strict=True)) for f in fake]
    of_real = [
        sum(apart(a, b) <= short[j] for j, b in enumerate(real) if j != i)
        for i, a in enumerate(real)
    ]
    held = [sum(apart(f, r) <= edge for f in fake) for r, edge in zip(real, reach, strict=True)]
    density, ideal, coverage = (
        statistics.mean(min(count / k, 1) for count in counts)
        for counts in (of_fake, of_real, held)
    )
    return density / ideal, coverage


@pytest.mark.parametrize("k", [1, 2, 5])
def test_density_is_that_of_all_pairs_and_coverage_stands_among_the_expected_values(k):
    real, fake = normal(31, 3, "real"), 1.3 * normal(40, 3, "fake")
    density, coverage = by_hand(real, fake, k)
    assert density < 1
    found = clipped(real, fake, k)
    assert found.density == pytest.approx(density, abs=1e-12)
    place = np.searchsorted(expected_coverage(31, 40, k).numpy(), coverage)
    assert found.coverage == place / 41


def test_expected_coverage_is_the_mean_over_all_orders_of_few_points():
    n, m = 4, 3
    for k in (1, 2, 3):
        found = expected_coverage(n, m, k).tolist()
        for good in range(m + 1):
            # Around a real image stand n - 1 others and the good samples in any order.
            orders = list(itertools.combinations(range(n - 1 + good), n - 1))
            nearer = [order[k - 1] - (k - 1) for order in orders]
            wanted = statistics.mean(min(count, k) / k for count in nearer)
            assert found[good] == pytest.approx(wanted, abs=1e-12)


def test_expected_coverage_of_one_neighbour_is_i_of_all_but_one():
    found = expected_coverage(10_000, 10_000, 1)
    i = torch.arange(10_001, dtype=torch.float64)
    assert float((found - i / (9_999 + i)).abs().max()) < 1e-9


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_both_are_the_share_of_good_samples_where_the_others_are_far_away(share):
    n = 1_000
    real, fake = normal(n, 8, "r"), normal(n, 8, "f")
    fake[int(share * n) :] += 100
    found = clipped(real, fake)
    # Four standard deviations over draws, 0.026 of both at the most.
    assert found == pytest.approx((share, share), abs=0.1)


def test_an_outlier_among_the_real_images_makes_no_far_sample_good():
    real, fake = normal(200, 4, "r"), normal(200, 4, "f") * 0 + 20
    real[0] = 25
    assert clipped(real, fake).density == 0


def test_chunks_do_not_matter(monkeypatch):
    real, fake = normal(230, 4, "r"), 1.2 * normal(301, 4, "f")
    whole = clipped(real, fake)
    assert max(whole) < 1
    monkeypatch.setattr("bench.distances.products.CHUNK", 77)
    assert clipped(real, fake) == whole


def test_no_more_real_images_than_neighbours_are_refused():
    with pytest.raises(ValueError, match="need 6 real images or more, got 5"):
        clipped(normal(5), normal(5))
