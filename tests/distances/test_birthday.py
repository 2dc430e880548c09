"""The support that birthdays tell of: 365 days, and sets with known repetitions."""

import math

import pytest
import torch

from bench.distances.birthday import batch_of_half_chance, birthday_support
from bench.runtime import generator


def normal(n, d, *purpose):
    return torch.randn(n, d, generator=generator("birthday", *purpose), dtype=torch.float64)


def test_of_365_days_two_of_23_share_one_in_every_second_party():
    assert batch_of_half_chance(1 / 365) == pytest.approx(22.9999, abs=1e-4)
    exact = 1 - math.prod((365 - i) / 365 for i in range(23))
    assert exact == pytest.approx(0.5, abs=0.01)


def test_points_of_a_line_by_hand():
    real = torch.tensor([0.0, 1, 3, 7, 15, 31])[:, None]
    fake = torch.tensor([0.0, 1.5, 3, 100, 200, 300])[:, None]
    # The two nearest real pairs are 1 and 2 apart; of 15 pairs of samples two are as near.
    share = 2 / 15
    wanted = ((1 + math.sqrt(1 + 8 * math.log(2) / share)) / 2) ** 2
    assert birthday_support(real, fake, 2) == pytest.approx(wanted, abs=1e-6)
    assert birthday_support(real, 50 * fake, 2) == math.inf


def test_real_images_have_the_ten_duplicates_that_they_define():
    real = normal(300, 8, "real")
    wanted = batch_of_half_chance(10 / (300 * 299 / 2)) ** 2
    assert birthday_support(real, real) == pytest.approx(wanted, rel=1e-12)


def test_samples_of_few_different_ones_have_about_their_number():
    few, real = normal(200, 8, "few"), normal(1_000, 8, "real")
    which = torch.randint(200, (1_000,), generator=generator("birthday", "which"))
    # Of 200 equally likely ones every second batch of 17.1 holds two: s^2 is 294.
    wanted = batch_of_half_chance(1 / 200) ** 2
    assert birthday_support(real, few[which]) == pytest.approx(wanted, rel=0.1)
