"""CMMD against cases by hand, the formula of its authors, and its mean where nothing differs."""

import itertools
import math
import statistics

import pytest
import torch

from bench.distances.cmmd import cmmd
from bench.distances.products import CHUNK
from bench.runtime import generator


def unit(n, d, *purpose):
    """Points of length one, as CLIP's embeddings are."""
    x = torch.randn(n, d, generator=generator("cmmd", *purpose), dtype=torch.float64)
    return torch.nn.functional.normalize(x)


def test_value_of_a_few_points_is_that_by_hand():
    one, other, third = torch.eye(3).split(1)
    near = math.exp(-0.01)  # |x - y|^2 = 2, twice the square of the width is 200
    assert cmmd(one, one) == 0
    assert cmmd(one, other) == pytest.approx(1000 * (1 + 1 - 2 * near), abs=1e-6)
    # Two points and one: four pairs within the former, each with itself among them.
    within, between = (2 + 2 * near) / 4, (1 + near) / 2
    assert cmmd(torch.cat([one, other]), other) == pytest.approx(
        1000 * (within + 1 - 2 * between), abs=1e-6
    )
    assert cmmd(torch.cat([one, other]), third) == pytest.approx(
        1000 * (within + 1 - 2 * near), abs=1e-6
    )


@pytest.mark.parametrize(("n", "m"), [(7, 9), (CHUNK + 3, CHUNK + 20)])
def test_value_is_that_of_its_authors_formula(n, m):
    x, y = unit(n, 12, "x"), unit(m, 12, "y") * 0.9

    def mean_kernel(a, b):
        """The mean over all pairs, as the code of Jayasumana et al. 2023 takes it."""
        return float((-(a[:, None] - b).square().sum(2) / 200).exp().mean())

    expected = 1000 * (mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y))
    assert cmmd(x, y) == pytest.approx(expected, abs=1e-6)
    assert cmmd(x, y) == pytest.approx(cmmd(y, x), abs=1e-9)
    assert cmmd(x.float(), y.float()) == pytest.approx(expected, abs=1e-4)


def test_sets_of_one_distribution_are_apart_by_what_the_bias_says():
    """The mean over all draws of two and three points from a fair coin."""
    coin = torch.eye(2)
    expected_kernel = (1 + math.exp(-0.01)) / 2
    draws = {n: list(itertools.product((0, 1), repeat=n)) for n in (2, 3)}
    values = [cmmd(coin[list(a)], coin[list(b)]) for a in draws[2] for b in draws[3]]
    bias = (1 - expected_kernel) * (1 / 2 + 1 / 3)
    assert statistics.fmean(values) == pytest.approx(1000 * bias, abs=1e-6)
