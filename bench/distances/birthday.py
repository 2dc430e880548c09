"""The birthday paradox: how large a support must be for so few samples to meet so often."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.distances.neighbours import near

DUPLICATES = 10
"""Pairs of real images that are called duplicates: the nearest of all."""


def birthday_support(real: Tensor, fake: Tensor, duplicates: int = DUPLICATES) -> float:
    """Size of the support of samples ``[m, d]``, by how often two of them are duplicates.

    Arora and Zhang 2017, arXiv 1706.08224: a batch of s that holds duplicates in every second draw
    speaks for a support of about s^2. They look at the nearest pairs themselves; here duplicates are
    as near as the ten nearest pairs of real images ``[n, d]``, n = m, and s follows from the share of
    duplicates in all pairs (``batch_of_half_chance``). Real images have 10 / (n (n - 1) / 2) by
    construction, which is as large a support as n can tell.

    Returns:
        s^2; infinite where no two samples are duplicates.
    """
    edge = _nearest_pairs(real.double(), duplicates) * (1 + 1e-9)  # a pair is met from both sides
    fake = fake.double()
    met = sum(int((squares <= edge).sum()) for _, squares in near(fake, fake, own=True))
    share = met / (len(fake) * (len(fake) - 1))
    return batch_of_half_chance(share) ** 2 if met else math.inf


def batch_of_half_chance(share: float) -> float:
    """The s of which s (s - 1) / 2 pairs, each a duplicate with this chance, hold one in every second draw.

    By 1 - exp(-share s (s - 1) / 2) = 1/2; of 365 equally likely days 23.0.
    """
    return (1 + math.sqrt(1 + 8 * math.log(2) / share)) / 2


def _nearest_pairs(points: Tensor, pairs: int) -> float:
    """Squared distance of the last of so many nearest pairs; each is seen twice."""
    least = points.new_empty(0)
    for _, squares in near(points, points, own=True):
        both = torch.cat([least, squares.flatten()])
        least = both.topk(min(2 * pairs, len(both)), largest=False).values
    return float(least[-1])
