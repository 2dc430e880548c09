"""The networks of ``gan_stacks``: three strided layers each, a norm in every one."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from bench.config import Norm
from bench.networks import (
    Linear,
    Shape,
    SymmetricTanh,
    climb,
    grids,
    norm2d,
    require_pictures,
    strides,
)

DEPTH = 3
LEAK = 0.3
START_SD = 0.02


class Generator(nn.Module):
    """z to an image: linear to 8 times the width, three layers up, a convolution, tanh."""

    def __init__(self, shape: Shape, *, in_dim: int, width: int) -> None:
        super().__init__()
        require_pictures(shape)
        maps = grids(shape, DEPTH)[::-1]
        counts = [width * 2**i for i in range(DEPTH, -1, -1)]  # 64, 32, 16, 8
        self.start = (counts[0], *maps[0])
        self.linear = Linear(in_dim, math.prod(self.start), bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(counts[0]), nn.ReLU()]
        steps = zip(pairwise(counts), pairwise(maps), strict=True)
        for (before, after), (small, large) in steps:
            layers.append(climb(before, after, small, large, bias=False))
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(counts[-1], shape[0], 3, padding=1), SymmetricTanh()]
        self.layers = nn.Sequential(*layers)
        _start(self)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, in_dim]`` to images in [0, 1]."""
        images: Tensor = self.layers(self.linear(z).unflatten(1, self.start))
        return images


class Discriminator(nn.Module):
    """Images of one origin to a raw score: three layers down and a linear one."""

    def __init__(self, seen: Shape, *, width: int, norm: Norm) -> None:
        super().__init__()
        require_pictures(seen)
        counts = [seen[0], *(width * 2**i for i in range(DEPTH))]
        layers: list[nn.Module] = []
        for (before, after), stride in zip(pairwise(counts), strides(seen, DEPTH), strict=True):
            bias = norm == "none"
            layers.append(nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=bias))
            layers += [*norm2d(norm, after), nn.LeakyReLU(LEAK)]
        self.layers = nn.Sequential(*layers)
        self.linear = Linear(counts[-1] * math.prod(grids(seen, DEPTH)[-1]), 1)
        _start(self)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N]``; they see [-1, 1]."""
        score: Tensor = self.linear(self.layers(2 * images - 1).flatten(1)).squeeze(1)
        return score


def _start(network: nn.Module) -> None:
    """As the authors' code does: normal, of convolutions cut at two standard deviations."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.trunc_normal_(part.weight, std=START_SD, a=-2 * START_SD, b=2 * START_SD)
        elif isinstance(part, nn.Linear | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, std=START_SD)
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)
