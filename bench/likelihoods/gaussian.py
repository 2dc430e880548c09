"""Gaussian likelihood with one fixed sigma: the squared-error VAE."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.contracts import Likelihood, Noise
from bench.images import gray_levels
from bench.likelihoods import LIKELIHOODS
from bench.records import DataSpec


@dataclass(frozen=True)
class Gaussian:
    """p(x|z) = N(x; sigmoid(params), sigma^2 I) on dequantised images (protocol rule 16).

    Attributes:
        sigma: Standard deviation in units of the image's range [0, 1].
        levels: Gray levels L of the data set; x = (k + u) / L with u uniform in [0, 1).
    """

    sigma: float
    levels: int

    @property
    def passport(self) -> str:
        """``gaussian_sigma<value>``; different values never share a name."""
        return f"gaussian_sigma{self.sigma!r}"

    def observe(self, images: Tensor, noise: Noise) -> Tensor:
        """Images in [0, 1] to x = (k + u) / L in [0, 1)."""
        return (gray_levels(images, self.levels) + noise.uniform(*images.shape)) / self.levels

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Nats summed over pixels, ``[N]``; the normaliser is included."""
        squares = ((x - self.mean(params)) / self.sigma) ** 2
        log_norm = math.log(2 * math.pi) + 2 * math.log(self.sigma)
        return -0.5 * (squares + log_norm).flatten(1).sum(1)

    def mean(self, params: Tensor) -> Tensor:
        """Mean image in [0, 1]."""
        return torch.sigmoid(params)


@LIKELIHOODS.register("gaussian")
def gaussian(spec: DataSpec, sigma: float) -> Likelihood:
    """Fixed sigma; 0.354 is the squared error of images in [-1, 1] (experiment E)."""
    return Gaussian(sigma=sigma, levels=spec.levels)
