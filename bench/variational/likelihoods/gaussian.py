"""Gaussian likelihoods on dequantised images: sigma fixed, learned, or learned per pixel."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts import LikelihoodKind, Rng
from bench.errors import UsageError
from bench.images import dequantise, level_centres, level_middles
from bench.records import DataSpec
from bench.variational.likelihoods import LIKELIHOODS, LearnedNumber

MIN_LOG_SIGMA = -7.0
"""A constant pixel of 256 levels has log sigma -6.8 (uniform in 1/256): the bound is below it."""


class Gaussian(nn.Module, ABC):
    """p(x|z) = N(x; sigmoid(params), sigma^2 I) on dequantised images (protocol rule 16).

    Args:
        spec: The data set; of its L gray levels x = (k + u) / L with u uniform in [0, 1).
    """

    params_per_value = 1
    kind: LikelihoodKind = "density"
    name: str

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.levels = spec.levels

    def observe(self, images: Tensor, noise: Rng) -> Tensor:
        """Images in [0, 1] to x = (k + u) / L in [0, 1)."""
        return dequantise(images, self.levels, noise.uniform(*images.shape))

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Nats summed over pixels, ``[N]``; the normaliser is included."""
        values, log_sigma = self.split(params)
        squares = ((x - self.centre(values)) * (-log_sigma).exp()) ** 2
        return -0.5 * (squares + math.log(2 * math.pi) + 2 * log_sigma).flatten(1).sum(1)

    def mean(self, params: Tensor) -> Tensor:
        """The image in [0, 1] that E[x|z] shows."""
        return level_centres(self.centre(self.split(params)[0]), self.levels)

    def start(self, image: Tensor) -> Tensor:
        """The mean before its sigmoid: of the middle of each pixel's level."""
        return level_middles(image, self.levels).logit()

    def centre(self, values: Tensor) -> Tensor:
        """E[x|z] of what ``split`` gives for it."""
        return torch.sigmoid(values)

    @abstractmethod
    def split(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """The mean before its sigmoid ``[N, C, H, W]``, and log sigma of a shape that fits."""


@LIKELIHOODS.register("gaussian")
class FixedSigma(Gaussian):
    """Fixed sigma; 0.354 is the squared error of images in [-1, 1] (experiment E)."""

    def __init__(self, spec: DataSpec, sigma: float) -> None:
        super().__init__(spec)
        self.name = f"gaussian_sigma{sigma!r}"
        self.sigma, self.log_sigma = sigma, math.log(sigma)

    def split(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """The mean, and the constant."""
        return params, params.new_full((), self.log_sigma)


@LIKELIHOODS.register("gaussian_learned")
class LearnedSigma(Gaussian):
    """One learned sigma for all pixels, which starts at the setting.

    Rybkin et al. 2021 (arXiv 2006.13202).
    """

    name = "gaussian_learned"

    def __init__(self, spec: DataSpec, sigma: float) -> None:
        super().__init__(spec)
        self.raw = LearnedNumber(_raw(sigma))

    def split(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """The mean, and the parameter."""
        return params, _log_sigma(self.raw())


@LIKELIHOODS.register("gaussian_learned_pixel")
class PixelSigma(Gaussian):
    """A learned sigma for each pixel of each image, given by the decoder."""

    name = "gaussian_learned_pixel"
    params_per_value = 2

    def __init__(self, spec: DataSpec, sigma: float) -> None:
        super().__init__(spec)
        self.first = _raw(sigma)

    def split(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the decoder's channels."""
        values, raw = params.chunk(2, dim=1)
        return values, _log_sigma(raw + self.first)


@LIKELIHOODS.register("gaussian_linear")
class LinearMean(LearnedSigma):
    """One learned sigma around the decoder's output as it is, which no sigmoid bounds.

    With a linear decoder this is probabilistic PCA (Tipping and Bishop 1999).
    """

    name = "gaussian_linear"

    def start(self, image: Tensor) -> Tensor:
        """The middle of each pixel's level."""
        return level_middles(image, self.levels)

    def centre(self, values: Tensor) -> Tensor:
        """The same."""
        return values

    def set_sigma(self, sigma: float) -> None:
        """Puts the learned one there."""
        self.raw.start_at(_raw(sigma))


def _log_sigma(raw: Tensor) -> Tensor:
    """Any number to log sigma above its bound, smoothly."""
    return MIN_LOG_SIGMA + F.softplus(raw - MIN_LOG_SIGMA)


def _raw(sigma: float) -> float:
    """The number that ``_log_sigma`` turns into log sigma.

    Raises:
        UsageError: A sigma that it never reaches.
    """
    above = math.log(sigma) - MIN_LOG_SIGMA
    if above <= 0:
        raise UsageError(
            f"sigma={sigma} is where a learned sigma cannot start, it stays above "
            f"{math.exp(MIN_LOG_SIGMA):.1e}: take a larger sigma or likelihood=gaussian"
        )
    return MIN_LOG_SIGMA + above + math.log(-math.expm1(-above))
