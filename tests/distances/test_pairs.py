"""Precision, recall, density, coverage and the kernel in one pass: brute force, closed forms, limits."""

import statistics

import numpy as np
import pytest
import torch

from bench.distances.kernel import mmd_squared
from bench.distances.neighbours import nearest
from bench.distances.pairs import K, Overlap, Pairs, within
from bench.distances.products import CHUNK
from bench.runtime import generator


def normal(n, d=8, *purpose):
    return torch.randn(n, d, generator=generator("neighbours", *purpose), dtype=torch.float64)


def pairs(fake, real, k=K):
    return Pairs(fake, real, within(fake, k), within(real, k), k)


def overlap(fake, real, k=K):
    return pairs(fake, real, k).overlap()


def by_hand(fake, real, k):
    """The four definitions written out over all pairs, point by point."""

    def distance(a, b):
        return float(np.sqrt(((a - b) ** 2).sum()))

    def radius(points, i):
        return sorted(distance(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]

    fake, real = fake.numpy(), real.numpy()
    of_fake = [radius(fake, i) for i in range(len(fake))]
    of_real = [radius(real, i) for i in range(len(real))]
    in_real = [
        [distance(f, r) <= edge for r, edge in zip(real, of_real, strict=True)] for f in fake
    ]
    in_fake = [
        [distance(f, r) <= edge for f, edge in zip(fake, of_fake, strict=True)] for r in real
    ]
    return Overlap(
        precision=statistics.mean(any(row) for row in in_real),
        recall=statistics.mean(any(row) for row in in_fake),
        density=sum(map(sum, in_real)) / (k * len(fake)),
        coverage=statistics.mean(any(column) for column in zip(*in_real, strict=True)),
    )


def test_radius_leaves_the_point_itself_out_and_counts_its_copies():
    points = torch.tensor([[0.0], [1.0], [3.0], [3.0]]).double()
    assert within(points, 1).reach.tolist() == [1, 1, 0, 0]
    assert within(points, 2).reach.tolist() == [9, 4, 4, 4]  # squares


@pytest.mark.parametrize("k", [1, 3, K])
def test_overlap_is_that_of_all_pairs_by_hand(k):
    fake, real = 0.8 * normal(40, 3, "fake") + 0.5, normal(30, 3, "real")
    assert overlap(fake, real, k) == by_hand(fake, real, k)


def test_overlap_does_not_depend_on_chunks(monkeypatch):
    fake, real = 1.2 * normal(CHUNK + 30, 8, "fake"), normal(2 * CHUNK + 1, 8, "real")
    whole = overlap(fake, real)
    assert 0 < whole.recall < whole.precision < 1 or 0 < whole.precision < whole.recall < 1
    monkeypatch.setattr("bench.distances.products.CHUNK", 77)
    assert overlap(fake, real) == whole


def test_set_covers_itself_and_each_ball_holds_its_centre_and_its_edge():
    x = normal(CHUNK + 100)
    assert overlap(x, x) == Overlap(1, 1, (K + 1) / K, 1)


def test_sets_far_apart_have_nothing_of_each_other():
    assert overlap(normal(50, 8, "a") + 100, normal(60, 8, "b")) == Overlap(0, 0, 0, 0)


def test_one_picture_repeated_is_precise_and_recalls_nothing():
    real = normal(200, 4, "real")
    found = overlap(real[:1].expand(200, 4), real)
    assert found.precision == 1
    assert found.recall <= 1 / 200  # the picture itself
    assert found.coverage < 0.2


def test_equal_laws_have_the_expected_density_and_coverage():
    """Naeem et al. 2020, lemmas 1 and 2: density 1, coverage 1 - prod (m - i) / (m + n - i)."""
    n, rounds = 120, 40
    found = [overlap(normal(n, 4, "a", i), normal(n, 4, "b", i)) for i in range(rounds)]
    missed = np.prod([(n - i) / (2 * n - i) for i in range(1, K + 1)])
    for values, expected in (
        ([o.density for o in found], 1),
        ([o.coverage for o in found], 1 - missed),
    ):
        error = statistics.stdev(values) / rounds**0.5
        assert abs(statistics.mean(values) - expected) < 3.5 * error


def test_dropped_half_of_the_data_costs_recall_and_coverage_but_no_precision():
    real = normal(400, 2, "real")
    real[200:] += 30
    fake = normal(400, 2, "fake")
    found = overlap(fake, real)
    assert found.precision > 0.95
    assert found.recall == pytest.approx(0.5, abs=0.03)
    assert found.coverage == pytest.approx(0.5, abs=0.03)


def test_values_are_those_of_the_kernel_distance_and_of_the_nearest_alone_to_the_last_bit():
    fake, real = 1.1 * normal(2 * CHUNK + 50, 16, "fake"), normal(CHUNK + 130, 16, "real")
    both = pairs(fake, real)
    assert both.kernel_distance() == mmd_squared(fake, real)
    distances, which = nearest(fake, real)
    assert torch.equal(both.nearest, distances)
    assert torch.equal(both.which, which)


def test_fewer_points_than_neighbours_reach_everywhere():
    assert within(normal(K, 3)).reach.tolist() == [torch.inf] * K
    assert within(normal(K + 1, 3)).reach.isfinite().all()
