"""Sample metrics on sets whose answer is known."""

import math

import pytest
import torch

from bench.health import collapse
from bench.metrics.samples import (
    classes_covered,
    mean_pair_distance,
    nearest,
    wilson_interval,
)
from bench.runtime import generator


def one_hot(classes, k=10):
    return torch.nn.functional.one_hot(torch.tensor(classes), k).double()


def test_classes_covered_counts_equally_frequent_classes():
    assert classes_covered(one_hot([0, 1, 2, 3] * 5)) == pytest.approx(4)
    assert classes_covered(one_hot([7] * 20)) == pytest.approx(1)


def test_mean_pair_distance_is_zero_for_one_repeated_sample():
    assert mean_pair_distance(torch.ones(50, 4).double()) == 0
    x = torch.randn(2_000, 3, generator=generator("pairs"), dtype=torch.float64)
    # |a - b| of standard normals in 3 dimensions has mean sqrt(2) * 2 sqrt(2 / pi).
    assert mean_pair_distance(x) == pytest.approx(4 / math.sqrt(math.pi), rel=0.05)


def test_nearest_distance_is_that_of_the_closest_point():
    queries, points = torch.tensor([[0.0, 0.0], [5.0, 5.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0]])
    assert nearest(queries.double(), points.double()).tolist() == [5.0, 1.0]


def test_wilson_interval_is_that_of_scipy():
    from scipy.stats import binomtest

    expected = binomtest(37, 100).proportion_ci(method="wilson")
    assert wilson_interval(0.37, 100) == pytest.approx((expected.low, expected.high), rel=1e-5)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"classes": 4.9, "classes_real": 10.0}, "cover 4.9 classes, real images 10.0"),
        ({"spread": 0.9, "spread_real": 10.0}, "mean distance between samples is 9.0%"),
        ({"active_units": 0.0}, "no latent unit is active"),
    ],
)
def test_collapse_is_told_in_a_sentence(values, sentence):
    assert sentence in collapse(values)


def test_healthy_values_are_no_collapse():
    healthy = {
        "classes": 5.1,
        "classes_real": 10.0,
        "spread": 1.1,
        "spread_real": 10.0,
        "active_units": 1.0,
    }
    assert collapse(healthy) == ""
    assert collapse({}) == ""
