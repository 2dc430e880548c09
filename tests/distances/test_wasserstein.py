"""The sliced Wasserstein distance against closed forms, and densities against scipy's."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, wasserstein_distance

from bench.distances.modes import log_density, nearest_mode
from bench.distances.wasserstein import sliced_wasserstein
from bench.runtime import generator

POINTS = torch.randn(400, 2, generator=generator("points"), dtype=torch.float64)


def test_shift_is_its_length_over_the_root_of_two():
    shifted = POINTS + torch.tensor([3.0, 4.0])
    assert sliced_wasserstein(POINTS, shifted) == pytest.approx(5 / math.sqrt(2), rel=1e-12)


def test_scaling_is_its_excess_times_the_root_of_the_mean_square_over_two():
    wanted = 0.5 * math.sqrt(float(POINTS.square().sum(1).mean()) / 2)
    assert sliced_wasserstein(POINTS, 1.5 * POINTS) == pytest.approx(wanted, rel=1e-12)


def test_order_of_points_does_not_matter_and_a_set_is_at_0_to_itself():
    assert sliced_wasserstein(POINTS, POINTS.flip(0)) == 0


def test_one_direction_is_the_distance_of_the_line():
    a, b = POINTS[:200], POINTS[200:]
    found = sliced_wasserstein(a, b, directions=1)
    matched = (a[:, 0].sort().values - b[:, 0].sort().values).abs()
    assert float(matched.mean()) == pytest.approx(wasserstein_distance(a[:, 0], b[:, 0]))
    assert found == pytest.approx(float(matched.square().mean().sqrt()))


def test_sets_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="got 400 and 10"):
        sliced_wasserstein(POINTS, POINTS[:10])


def test_density_of_a_mixture_is_that_of_scipy_and_the_nearest_mode_is_its_number():
    means = torch.tensor([[0.0, 0.0], [1.0, 2.0], [-3.0, 0.5]], dtype=torch.float64)
    each = [multivariate_normal(mean, 0.49 * np.eye(2)).pdf(POINTS) for mean in means.numpy()]
    wanted = np.log(np.mean(each, axis=0))
    assert log_density(POINTS, means, 0.7).numpy() == pytest.approx(wanted, rel=1e-12)
    mode, distance = nearest_mode(means + 0.01, means)
    assert mode.tolist() == [0, 1, 2]
    assert distance.tolist() == pytest.approx([0.01 * math.sqrt(2)] * 3)
