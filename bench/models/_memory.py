"""The network of ``memoriser``: images by their index."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.contracts import Rng
from bench.images import to_unit


class Memory(nn.Module):
    """Holds the training images; they belong to the data set, not to the checkpoint."""

    images: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(0, dtype=torch.uint8), persistent=False)

    def draw(self, n: int, noise: Rng) -> Tensor:
        """n indices as float ``[n, 1]``; without repetition up to the number of images."""
        size = len(self.images)
        rounds = [noise.uniform(size).argsort() for _ in range(-(-n // size))]
        return torch.cat(rounds)[:n, None].double()

    def forward(self, z: Tensor) -> Tensor:
        """Indices ``[N, 1]`` to those images in [0, 1]."""
        index = z[:, 0].long().to(self.images.device)
        return to_unit(self.images[index].to(z.device))
