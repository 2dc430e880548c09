"""The Vendi score against closed forms, and by n or by d alike."""

import math

import pytest
import torch

from bench.distances.vendi import vendi_score
from bench.runtime import generator


def test_points_at_right_angles_count_one_each_whatever_their_length():
    points = torch.diag(torch.tensor([1.0, 2.0, 5.0]))
    assert vendi_score(points) == pytest.approx(3, abs=1e-12)
    assert vendi_score(points.repeat(4, 1)) == pytest.approx(3, abs=1e-12)


def test_repeated_point_counts_once():
    assert vendi_score(torch.tensor([[3.0, 4.0]]).repeat(9, 1)) == pytest.approx(1, abs=1e-12)


def test_two_points_by_hand():
    """Cosine 0.6: eigenvalues of K / 2 are 0.8 and 0.2."""
    wanted = math.exp(-0.8 * math.log(0.8) - 0.2 * math.log(0.2))
    assert vendi_score(torch.tensor([[1.0, 0.0], [0.6, 0.8]])) == pytest.approx(wanted, rel=1e-7)


@pytest.mark.parametrize("d", [5, 90])
def test_value_is_that_of_the_cosines_of_all_pairs(d):
    points = torch.randn(60, d, generator=generator("vendi"), dtype=torch.float64) + 1
    unit = points / points.norm(dim=1, keepdim=True)
    shares = torch.linalg.eigvalsh(unit @ unit.T / 60)
    shares = shares[shares > 1e-12]
    wanted = math.exp(-float((shares * shares.log()).sum()))
    assert vendi_score(points) == pytest.approx(wanted, rel=1e-9)
