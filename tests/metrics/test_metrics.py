"""Sample metrics on sets whose answer is known."""

import math

import pytest
import torch

from bench.distances.neighbours import nearest
from bench.measures import feature_name
from bench.metrics.copying import effective_number, wilson_interval
from bench.metrics.feature_measures import score
from bench.metrics.samples import (
    classes_covered,
    entropy,
    histogram,
    mean_pair_distance,
    num_modes,
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


def test_entropy_of_the_class_histogram_is_in_nats():
    assert entropy(histogram(one_hot([0, 1] * 5))) == pytest.approx(math.log(2))
    assert entropy(histogram(one_hot([3, 3, 3, 5]))) == pytest.approx(0.562335, abs=1e-6)


def test_class_is_a_mode_from_a_tenth_of_its_real_images_on_but_never_by_one_sample():
    real = torch.tensor([500, 500, 500, 500, 4])
    assert num_modes(real, real) == 5
    assert num_modes(torch.tensor([1904, 49, 50, 1, 0]), real) == 2
    rare = torch.tensor([5, 5, 5, 0])  # a tenth of 5 is less than one sample
    assert num_modes(torch.tensor([13, 1, 0, 1]), rare) == 1
    assert num_modes(torch.tensor([11, 2, 0, 2]), rare) == 3


def test_classifier_score_of_sure_answers_is_the_number_of_classes():
    assert score(one_hot([0, 1, 2, 3] * 5)) == pytest.approx(4)
    assert score(one_hot([7] * 20)) == pytest.approx(1)
    assert score(torch.full((20, 10), 0.1).double()) == pytest.approx(1)


def test_classifier_score_is_the_exponential_of_the_mean_divergence():
    probs = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]).double()
    divergences = (probs * (probs / probs.mean(0)).log()).sum(1)
    assert score(probs) == pytest.approx(math.exp(divergences.mean()), rel=1e-12)


def test_only_measures_in_inceptions_features_have_inceptions_names():
    assert feature_name("fd", "inception", 10) == "fid_n10"
    assert feature_name("kd", "inception", 10) == "kid_n10"
    assert feature_name("classifier_score", "inception", 10) == "inception_score_n10"
    assert feature_name("precision", "inception", 10) == "precision_inception_n10"
    for base in ("fd", "kd", "classifier_score", "fdinf"):
        assert feature_name(base, "mnist") == f"{base}_mnist"


def test_wilson_interval_is_that_of_scipy():
    from scipy.stats import binomtest

    expected = binomtest(37, 100).proportion_ci(method="wilson")
    assert wilson_interval(0.37, 100) == pytest.approx((expected.low, expected.high), rel=1e-5)


def test_samples_with_the_same_neighbour_count_once():
    assert effective_number(torch.arange(40)) == pytest.approx(40)
    assert effective_number(torch.zeros(40).long()) == pytest.approx(1)
    assert effective_number(torch.arange(40) // 4) == pytest.approx(10)


def test_interval_of_copying_holds_a_half_for_poor_samples_with_few_neighbours():
    """Samples far off at one side: their neighbours are the few outermost real images."""
    misses, too_narrow = 0, 0
    for i in range(40):
        rng = generator("hubs", i)
        train, held = torch.randn(2, 200, 6, generator=rng, dtype=torch.float64)
        fake = 5 + 0.1 * torch.randn(200, 6, generator=rng, dtype=torch.float64)
        (to_train, of_train), (to_held, of_held) = nearest(fake, train), nearest(fake, held)
        nearer = to_train < to_held
        share = float(nearer.double().mean())
        count = effective_number(torch.where(nearer, of_train, 200 + of_held))
        for_each, for_all = wilson_interval(share, count), wilson_interval(share, 200)
        misses += not for_each[0] <= 0.5 <= for_each[1]
        too_narrow += not for_all[0] <= 0.5 <= for_all[1]
    assert misses <= 6  # 5 % of 40 are 2
    assert too_narrow > 20
