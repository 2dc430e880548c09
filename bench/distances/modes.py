"""Points against a density that is known: the nearest mode, counts of modes, the density itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

EXACT = "donot_use_mm_for_euclid_dist"
"""Differences before squares: of near points the product form has no digit left."""


def nearest_mode(points: Tensor, means: Tensor) -> tuple[Tensor, Tensor]:
    """Of points ``[N, 2]`` the nearest of means ``[K, 2]``: number ``[N]`` and distance ``[N]``."""
    distance, mode = torch.cdist(points, means, compute_mode=EXACT).min(1)
    return mode, distance


def log_density(points: Tensor, means: Tensor, sd: float) -> Tensor:
    """log p of points ``[N, 2]``, nats ``[N]``, in a mixture of equal Gaussians N(mean, sd^2 I)."""
    squares = torch.cdist(points, means, compute_mode=EXACT).square() / sd**2
    normaliser = math.log(len(means)) + math.log(2 * math.pi) + 2 * math.log(sd)
    return torch.logsumexp(-0.5 * squares, dim=1) - normaliser


def entropy(counts: Tensor) -> float:
    """Entropy in nats of the shares of counts ``[K]``."""
    return float(torch.special.entr(counts.double() / counts.sum()).sum())
