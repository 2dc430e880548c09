"""A full-covariance Gaussian fitted to the pixels: the baseline every model has to beat."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from bench.config import ModelSettings
from bench.contracts import EvalFns, Trainable
from bench.distances.gaussians import fit_gaussian
from bench.images import to_unit
from bench.models import model
from bench.records import DataSpec

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


@model(
    "pixel_gaussian",
    settings=ModelSettings,
    family="baseline",
    paper="protocol rule 4",
)
def build(settings: ModelSettings, spec: DataSpec) -> Trainable:  # noqa: ARG001
    """Full-covariance Gaussian fitted to the pixels; no training."""
    return Trainable(
        modules={"gaussian": PixelGaussian(spec.shape)},
        initialise=lambda nets, images: cast("PixelGaussian", nets["gaussian"]).fit(images),
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.normal(n, math.prod(spec.shape)),  # noqa: ARG005
            decode=lambda nets, z, labels: nets["gaussian"](z),  # noqa: ARG005
        ),
    )
