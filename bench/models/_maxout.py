"""The networks of ``gan_maxout``: they see and give coordinates, outside are images in [0, 1]."""

from __future__ import annotations

import math

from torch import Tensor, nn

from bench.networks import Linear, Shape
from bench.records import DataSpec

START_SD = 0.02


class Maxout(nn.Module):
    """The largest of several linear pieces for each unit (Goodfellow et al. 2013, arXiv 1302.4389)."""

    def __init__(self, in_dim: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear, self.pieces = Linear(in_dim, units * pieces), pieces

    def forward(self, x: Tensor) -> Tensor:
        """``[N, in_dim]`` to ``[N, units]``."""
        largest: Tensor = self.linear(x).unflatten(1, (-1, self.pieces)).amax(2)
        return largest


class Generator(nn.Module):
    """z to a point: four layers with batch norm and ReLU, and a linear one, the only one with a bias."""

    def __init__(self, spec: DataSpec, *, in_dim: int, width: int) -> None:
        super().__init__()
        self.shape, (self.low, self.span) = spec.shape, _square(spec)
        layers: list[nn.Module] = []
        for before in (in_dim, width, width, width):
            layers += [Linear(before, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, Linear(width, math.prod(spec.shape)))
        _start(self)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, in_dim]`` to images; while it trains a point may lie beyond its square."""
        images: Tensor = (self.layers(z).unflatten(1, self.shape) - self.low) / self.span
        return images if self.training else images.clamp(0, 1)


class Discriminator(nn.Module):
    """Images of one origin to a raw score: three maxout layers and a linear one."""

    def __init__(self, seen: Shape, spec: DataSpec, *, units: int, pieces: int) -> None:
        super().__init__()
        self.low, self.span = _square(spec)
        first = Maxout(math.prod(seen), units, pieces)
        others = [Maxout(units, units, pieces) for _ in range(2)]
        self.layers = nn.Sequential(first, *others, Linear(units, 1))
        _start(self)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N]``."""
        score: Tensor = self.layers((self.low + self.span * images).flatten(1)).squeeze(1)
        return score


def _square(spec: DataSpec) -> tuple[float, float]:
    """Where the coordinates begin, and how far they go; of pictures [-1, 1]."""
    low, high = spec.extent or (-1.0, 1.0)
    return low, high - low


def _start(network: nn.Module) -> None:
    for part in network.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=START_SD)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
