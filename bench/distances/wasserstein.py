"""The sliced Wasserstein distance of two sets of points of a plane."""

from __future__ import annotations

import math

import torch
from torch import Tensor

DIRECTIONS = 128


def sliced_wasserstein(a: Tensor, b: Tensor, directions: int = DIRECTIONS) -> float:
    """The root of the mean over directions of W_2^2 of the projections of ``[N, 2]`` each.

    Bonneel et al. 2015. The directions share half of the circle equally, so that nothing
    is left to chance.

    Raises:
        ValueError: Sets of two sizes.
    """
    if len(a) != len(b):
        raise ValueError(f"needs two sets of one size, got {len(a)} and {len(b)}")
    turns = torch.arange(directions, dtype=a.dtype, device=a.device) * (math.pi / directions)
    along = torch.stack([turns.cos(), turns.sin()])
    apart = (a @ along).sort(0).values - (b @ along).sort(0).values
    return math.sqrt(float(apart.square().mean()))
