"""Training images shown again: what a perfect memoriser gets, and what copying looks like."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from bench.config import ModelSettings
from bench.contracts import EvalFns, Nets, Rng, Trainable
from bench.images import to_unit
from bench.models import model
from bench.records import DataSpec


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
        return to_unit(self.images[z[:, 0].long()])


@model("memoriser", settings=ModelSettings, family="baseline", paper="protocol rule 4")
def build(settings: ModelSettings, spec: DataSpec) -> Trainable:  # noqa: ARG001
    """Training images shown again; no training."""

    def remember(nets: Nets, images: Tensor) -> None:
        _memory(nets).images = images

    return Trainable(
        modules={"memory": Memory()},
        initialise=remember,
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: _memory(nets).draw(n, noise),
            decode=lambda nets, z, labels: nets["memory"](z),  # noqa: ARG005
        ),
    )


def _memory(nets: Nets) -> Memory:
    return cast("Memory", nets["memory"])
