"""The network of ``realnvp``: logit, one affine map of each value, couplings of checkerboards."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from bench.distances.gaussians import standard_log_prob
from bench.images import dequantise, to_unit
from bench.networks import Shape
from bench.variational.priors.flow import Coupling

MARGIN = 0.05
"""x in [0, 1) goes through logit(MARGIN + (1 - 2 MARGIN) x), Dinh et al. 2017, section 4.1."""

MOST_FITTED = 10_000
"""Training images that the affine map is fitted to."""


def checkerboard(shape: Shape) -> Tensor:
    """1 where row + column is even, 0 elsewhere, of each channel: ``[C * H * W]``."""
    rows, columns = torch.arange(shape[1])[:, None], torch.arange(shape[2])
    board = ((rows + columns) % 2 == 0).float()
    return board.expand(shape).flatten()


class RealNvp(nn.Module):
    """Dequantised images x to z of a standard normal, and back.

    Deviations: fully connected couplings at one scale in place of convolutions at several; where
    theirs have batch norm, one affine map of each value is fitted to the training images before
    training (as ActNorm of Kingma and Dhariwal 2018, arXiv 1807.03039, section 3.1).

    Args:
        shape: Of an image.
        num_couplings: Each moves one half of the checkerboard, in turn.
        hidden: Units of a coupling's two hidden layers.
    """

    def __init__(self, shape: Shape, *, num_couplings: int, hidden: int) -> None:
        super().__init__()
        self.shape = shape
        self.mean = nn.Parameter(torch.zeros(math.prod(shape)))
        self.log_scale = nn.Parameter(torch.zeros(math.prod(shape)))
        even = checkerboard(shape)
        self.couplings = nn.ModuleList(
            Coupling(even if i % 2 == 0 else 1 - even, hidden) for i in range(num_couplings)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x ``[N, C, H, W]`` in [0, 1] to (z ``[N, D]``, log |det dz/dx| ``[N]``)."""
        share = _share(x.flatten(1))
        slope = (1 - 2 * MARGIN) / (share * (1 - share))
        z = (share.logit() - self.mean) * (-self.log_scale).exp()
        log_det = slope.log().sum(1) - self.log_scale.sum()
        for coupling in cast("list[Coupling]", self.couplings):
            z, more = coupling.to_base(z)
            log_det = log_det + more
        return z, log_det

    def to_images(self, z: Tensor) -> Tensor:
        """``[N, D]`` to x ``[N, C, H, W]``, the inverse of ``forward``."""
        for coupling in cast("list[Coupling]", reversed(self.couplings)):
            z = coupling.from_base(z)
        share = torch.sigmoid(z * self.log_scale.exp() + self.mean)
        x: Tensor = (share - MARGIN) / (1 - 2 * MARGIN)
        return x.view(-1, *self.shape)

    @torch.no_grad()
    def fit(self, images: Tensor, levels: int) -> None:
        """Couplings see mean 0 and variance 1: the affine map of training images (uint8).

        The u of x = (k + u) / levels go from image to image through the middles of eight parts of
        [0, 1], so that a pixel which is the same in all of them has its variance too.
        """
        images = images[:MOST_FITTED]
        u = (torch.arange(len(images), device=images.device) % 8 + 0.5) / 8
        x = dequantise(to_unit(images), levels, u.view(-1, 1, 1, 1)).flatten(1)
        std, mean = torch.std_mean(_share(x).logit(), 0, correction=0)
        self.mean.copy_(mean)
        self.log_scale.copy_(std.log())


def log_prob(flow: nn.Module, x: Tensor) -> Tensor:
    """log p(x) in nats by change of variables (eq. 2) of a ``RealNvp``, ``[N]``."""
    z, log_det = flow(x)
    log_px: Tensor = standard_log_prob(z) + log_det
    return log_px


def _share(x: Tensor) -> Tensor:
    return MARGIN + (1 - 2 * MARGIN) * x
