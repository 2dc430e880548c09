"""Authenticity: how many samples are no noisy copies of training images."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.distances.neighbours import near, smallest


def authenticity(fake: Tensor, train: Tensor, apart: Tensor | None = None) -> float:
    """Share of samples ``[m, d]`` farther from their nearest training image than that is from others.

    Alaa et al. 2022, arXiv 2102.08921: 0 where each sample is a copy, near 1 where all are
    far from every training image, however poor they are.

    Args:
        fake: The samples.
        train: Training images ``[n, d]``, two or more.
        apart: ``to_nearest_other(train)``, where it is known.
    """
    apart = to_nearest_other(train) if apart is None else apart
    found = [smallest(squares, 1) for _, squares in near(fake.double(), train.double())]
    squares, which = (torch.cat(parts)[:, 0] for parts in zip(*found, strict=True))
    return float((squares > apart[which]).double().mean())


def to_nearest_other(points: Tensor) -> Tensor:
    """Squared distance of each point ``[n, d]`` to the nearest other one, ``[n]``."""
    points = points.double()
    return torch.cat([smallest(sq, 1)[0][:, 0] for _, sq in near(points, points, own=True)])
