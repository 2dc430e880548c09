"""The network of ``pixel_gaussian``."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bench.distances.gaussians import fit_gaussian
from bench.images import to_unit

CHUNK = 1_000


class PixelGaussian(nn.Module):
    """x = mean + factor z, where factor factor^T is the covariance of the training pixels."""

    mean: Tensor
    factor: Tensor

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        dim = math.prod(shape)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("factor", torch.zeros(dim, dim))

    def forward(self, z: Tensor) -> Tensor:
        """Standard normal ``[N, D]`` to images ``[N, C, H, W]`` in [0, 1] (clamped)."""
        return (self.mean + z @ self.factor.T).view(-1, *self.shape).clamp(0, 1)

    def fit(self, images: Tensor) -> None:
        """To uint8 images ``[N, C, H, W]``."""
        mean, factor = fit_gaussian([to_unit(part).flatten(1) for part in images.split(CHUNK)])
        self.mean.copy_(mean)
        self.factor.copy_(factor)
