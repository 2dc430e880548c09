"""The classifier's bound: its parts by hand and against scikit-learn, its level, and what it bounds."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from bench.distances.two_samples import (
    _gains,
    classifier_bound,
    distance_of,
    logistic,
    neighbours,
)
from bench.runtime import generator


def normal(n, d, *purpose):
    return torch.randn(n, d, generator=generator("two", *purpose), dtype=torch.float64)


def labelled(shift):
    """Points of two classes, which is real, and points to judge."""
    points = torch.cat([normal(80, 3, "real"), normal(60, 3, "fake") + shift])
    return points, (torch.arange(140) < 80).double(), 2 * normal(50, 3, "others")


@pytest.mark.parametrize("shift", [0.0, 0.7, 20.0])
def test_logistic_regression_is_that_of_scikit_learn(shift):
    points, is_real, others = labelled(shift)
    theirs = LogisticRegression(tol=1e-12, max_iter=10_000).fit(points, is_real)
    wanted = theirs.predict_proba(others)[:, 1]
    assert logistic(points, is_real, others).numpy() == pytest.approx(wanted, abs=1e-6)


def test_neighbours_are_those_of_scikit_learn_and_never_sure():
    points, is_real, others = labelled(1.0)
    theirs = KNeighborsClassifier(20).fit(points, is_real).predict_proba(others)[:, 1]
    wanted = (20 * theirs + 1) / 22
    assert neighbours(points, is_real, others).numpy() == pytest.approx(wanted, abs=1e-12)
    assert float(neighbours(points, is_real, points + 100).min()) >= 1 / 22


def test_bits_of_a_classifier_by_hand():
    def says(fitted, is_real, others):
        return torch.tensor([0.5, 0.75, 0.25, 0.0], dtype=torch.float64)

    one = torch.zeros(2, 1)
    of_real, of_fake = _gains(says, [one, one], [one, one])
    assert of_real.tolist() == pytest.approx([-1, math.log2(0.75)], abs=1e-12)
    assert of_fake.tolist() == pytest.approx([math.log2(0.75), 0], abs=1e-12)
    # 1 + ((-1 + log2 0.75) / 2 + log2(0.75) / 2) / 2 = 0.75 + log2(0.75) / 2 bits
    bits = 1 + (float(of_real.mean()) + float(of_fake.mean())) / 2
    assert distance_of(bits) == pytest.approx(math.sqrt(0.75 + math.log2(0.75) / 2), abs=1e-12)


def test_sets_of_one_law_are_at_0_within_the_interval():
    low = [classifier_bound(normal(200, 3, "a", i), normal(200, 3, "b", i)).low for i in range(20)]
    # An interval lies above 0 in 2.5 % at the most: of 20 four or more do in 0.2 %.
    assert sum(each > 0 for each in low) < 4


def jensen_shannon(shift):
    """The distance of N(0, 1) and N(shift, 1), by a sum."""
    x = np.linspace(-12, 12 + shift, 200_001)
    p, q = (np.exp(-((x - at) ** 2) / 2) / math.sqrt(2 * math.pi) for at in (0, shift))
    parts = [r * np.log2(2 * r / (p + q)) for r in (p, q)]
    return math.sqrt(sum(float(part.sum()) for part in parts) / 2 * (x[1] - x[0]))


def test_two_gaussians_are_at_their_distance_and_logistic_regression_says_so():
    found = classifier_bound(normal(4_000, 2, "a"), normal(4_000, 2, "b") + torch.tensor([1.5, 0]))
    assert found.classifier == "logistic"
    assert found.low < jensen_shannon(1.5) < found.high
    assert found.high - found.low < 0.06


def test_a_ring_around_the_real_images_is_seen_by_neighbours():
    ring = torch.nn.functional.normalize(normal(600, 2, "ring")) * 4
    found = classifier_bound(normal(600, 2, "real"), ring)
    assert found.classifier == "neighbours"
    assert 0.8 < found.low < found.distance < found.high <= 1


def test_a_feature_that_never_changes_is_none_and_the_larger_set_is_cut():
    real, fake = normal(300, 2, "real"), normal(400, 2, "fake") + 1
    wanted = classifier_bound(real, fake[:300])
    still = [torch.cat([each, torch.ones(len(each), 1)], 1) for each in (real, fake)]
    assert classifier_bound(*still)[:3] == pytest.approx(wanted[:3], abs=1e-9)


def test_fewer_points_than_a_fold_needs_are_refused():
    with pytest.raises(ValueError, match="needs 54 points of each, got 40"):
        classifier_bound(normal(40, 2, "a"), normal(50, 2, "b"))
