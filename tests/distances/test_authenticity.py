"""Authenticity by hand, against brute force, and at its ends."""

import pytest
import torch

from bench.distances.authenticity import authenticity, to_nearest_other
from bench.runtime import generator


def normal(n, d, *purpose):
    return torch.randn(n, d, generator=generator("authenticity", *purpose), dtype=torch.float64)


def test_points_of_a_line_by_hand():
    train = torch.tensor([0.0, 1, 4, 10])[:, None]
    assert to_nearest_other(train).tolist() == [1, 1, 9, 36]
    # -2 is 2 from 0, which is 1 from another; 1.5 and 5 are nearer to theirs than 1 and 3; 11 is
    # 1 from 10, which is 6 from others; 17 is 7 from it.
    fake = torch.tensor([-2.0, 1.5, 5, 11, 17])[:, None]
    assert authenticity(fake, train) == pytest.approx(2 / 5, abs=1e-12)
    assert authenticity(fake, train, to_nearest_other(train)) == authenticity(fake, train)


def test_share_is_that_of_all_pairs():
    train, fake = normal(230, 4, "train"), normal(150, 4, "fake")
    between, within = torch.cdist(fake, train), torch.cdist(train, train)
    within.fill_diagonal_(torch.inf)
    which = between.argmin(1)
    wanted = float((between.amin(1) > within.amin(1)[which]).double().mean())
    assert 0.2 < wanted < 0.8
    assert authenticity(fake, train) == wanted


def test_copies_have_none_and_samples_far_away_have_all():
    train = normal(100, 4, "train")
    assert authenticity(train[:50], train) == 0
    assert authenticity(train + 100, train) == 1
    assert authenticity(train.repeat(2, 1), train.repeat(2, 1)) == 0  # also of images there twice
