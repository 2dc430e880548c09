"""The distance of infinitely many images: on Gaussians, where it is known."""

import math
import statistics

import pytest
import torch

from bench.distances.frechet import Moments, frechet_distance, moments
from bench.metrics.extrapolated import extrapolated, weighted_line
from bench.runtime import generator

DIM, N, ROUNDS = 16, 600, 12
SCALE = torch.linspace(2, 0.2, DIM).double()
SHIFT = 0.1 * torch.linspace(-1, 1, DIM).double()


def pair(i):
    """Two sets of N features whose true distance is ``truth()``."""
    x, y = (
        torch.randn(N, DIM, generator=generator("extrapolated", side, i), dtype=torch.float64)
        for side in "ab"
    )
    return x * SCALE, y * SCALE * 1.1 + SHIFT


def truth():
    a = Moments(torch.zeros(DIM).double(), torch.diag(SCALE**2), N)
    return frechet_distance(a, Moments(SHIFT, torch.diag((1.1 * SCALE) ** 2), N))


def test_extrapolated_distance_is_nearer_the_truth_and_its_error_tells_the_spread():
    pairs = [pair(i) for i in range(ROUNDS)]
    plain = [frechet_distance(moments(a), moments(b)) for a, b in pairs]
    lines = [extrapolated(a, b) for a, b in pairs]
    values = [line.value for line in lines]
    spread = statistics.stdev(values)
    of_mean = spread / ROUNDS**0.5
    # n images have a bias that is seen, infinitely many have none that is.
    assert statistics.mean(plain) - truth() > 5 * statistics.stdev(plain) / ROUNDS**0.5
    assert abs(statistics.mean(values) - truth()) < 3 * of_mean
    nearer = [abs(v - truth()) < abs(p - truth()) for v, p in zip(values, plain, strict=True)]
    assert sum(nearer) > 0.8 * ROUNDS
    # The spread of twelve draws is known to 20 %.
    assert 0.5 < statistics.mean(line.standard_error for line in lines) / spread < 2


def test_number_of_images_on_one_side_alone_leaves_the_other_sides_bias():
    """Why both sides have n at each point, unlike in the paper, whose real side has 50,000."""
    left = []
    for i in range(ROUNDS):
        fake, real = pair(i)
        whole = moments(real)
        points = [
            (n, frechet_distance(moments(part), whole))
            for n in (N, N // 2, N // 3)
            for part in fake[: N // n * n].split(n)
        ]
        left.append(weighted_line(points).value - extrapolated(fake, real).value)
    assert statistics.mean(left) > 5 * statistics.stdev(left) / ROUNDS**0.5


def test_line_through_points_without_scatter_is_exact():
    line = weighted_line([(n, 3 + 20 / n) for n in (100, 100, 200, 400)])
    assert line.value == pytest.approx(3, rel=1e-9)
    assert line.standard_error == pytest.approx(0, abs=1e-6)


def test_line_and_its_error_are_those_of_scipys_weighted_fit():
    from scipy.optimize import curve_fit

    points = [(100, 3.4), (100, 3.1), (200, 3.2), (300, 3.0)]
    n, y = torch.tensor(points, dtype=torch.float64).T.numpy()
    best, cov = curve_fit(lambda x, a, b: a + b * x, 1 / n, y, sigma=n**-0.5)
    line = weighted_line(points)
    assert line.value == pytest.approx(best[0], rel=1e-6)
    assert line.standard_error == pytest.approx(math.sqrt(cov[0, 0]), rel=1e-6)


def test_parts_that_are_too_small_for_the_features_are_left_out():
    """600 of 250 features: the whole and its halves, whose line still has an error."""
    a, b = (
        torch.randn(600, 250, generator=generator("wide", side), dtype=torch.float64)
        for side in "ab"
    )
    whole = frechet_distance(moments(a), moments(b))
    halves = [
        frechet_distance(moments(x), moments(y))
        for x, y in zip(a.split(300), b.split(300), strict=True)
    ]
    line = extrapolated(a, b)
    assert line.value == pytest.approx(2 * whole - statistics.mean(halves), rel=1e-9)
    assert line.standard_error > 0
