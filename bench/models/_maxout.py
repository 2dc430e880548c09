"""The networks of ``gan_maxout``."""

from __future__ import annotations

import math

from torch import Tensor, nn

from bench.models._plane import Discriminator, Generator
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


def generator(spec: DataSpec, *, in_dim: int, width: int) -> Generator:
    """Four layers with batch norm and ReLU, and a linear one, the only one with a bias."""
    layers: list[nn.Module] = []
    for before in (in_dim, width, width, width):
        layers += [Linear(before, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
    made = Generator(nn.Sequential(*layers, Linear(width, math.prod(spec.shape))), spec)
    _start(made)
    return made


def discriminator(seen: Shape, spec: DataSpec, *, units: int, pieces: int) -> Discriminator:
    """Three maxout layers and a linear one."""
    first = Maxout(math.prod(seen), units, pieces)
    others = [Maxout(units, units, pieces) for _ in range(2)]
    made = Discriminator(nn.Sequential(first, *others, Linear(units, 1)), spec)
    _start(made)
    return made


def _start(network: nn.Module) -> None:
    for part in network.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=START_SD)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
