"""Bernoulli likelihoods: four ways to make coins of pixels (protocol rule 15)."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts import Likelihood, LikelihoodKind, Rng
from bench.records import DataSpec
from bench.variational.likelihoods import LIKELIHOODS

DARKEST = 0.001
"""Pixels that a decoder starts at stay this far from 0 and 1, where a logit has no end."""


class Bernoulli(nn.Module):
    """p(x|z) = prod_i sigmoid(logit_i)^x_i (1 - sigmoid(logit_i))^(1 - x_i).

    Args:
        name: Its name, which says what x is.
        see: ``(images, noise) -> x``, images in [0, 1].
    """

    params_per_value = 1
    kind: LikelihoodKind = "binary"

    def __init__(self, name: str, see: Callable[[Tensor, Rng], Tensor]) -> None:
        super().__init__()
        self.name, self._see = name, see

    def observe(self, images: Tensor, noise: Rng) -> Tensor:
        """Images in [0, 1] to x."""
        return self._see(images, noise)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Nats summed over pixels, ``[N]``; ``params`` are logits ``[N, C, H, W]``."""
        return -F.binary_cross_entropy_with_logits(params, x, reduction="none").flatten(1).sum(1)

    def mean(self, params: Tensor) -> Tensor:
        """Probabilities in [0, 1]."""
        return torch.sigmoid(params)

    def start(self, image: Tensor) -> Tensor:
        """The logits of an image in [0, 1]."""
        return image.clamp(DARKEST, 1 - DARKEST).logit()


@LIKELIHOODS.register("bernoulli_resampled")
def bernoulli_resampled(spec: DataSpec, sigma: float) -> Likelihood:  # noqa: ARG001
    """Pixels drawn anew with their gray value as probability; the default."""
    return Bernoulli("bernoulli_resampled", _resampled)


@LIKELIHOODS.register("bernoulli_fixed")
def bernoulli_fixed(spec: DataSpec, sigma: float) -> Likelihood:  # noqa: ARG001
    """One such draw per image, the same for ever; Larochelle's file is another draw."""
    return Bernoulli("bernoulli_fixed", lambda images, noise: fixed_coins(images))  # noqa: ARG005


@LIKELIHOODS.register("bernoulli_threshold")
def bernoulli_threshold(spec: DataSpec, sigma: float) -> Likelihood:  # noqa: ARG001
    """Pixels above 1/2 are 1; far easier, never to be compared with the others."""
    return Bernoulli("bernoulli_threshold", lambda images, noise: (images > 0.5).to(images.dtype))  # noqa: ARG005


@LIKELIHOODS.register("bernoulli_gray")
def bernoulli_gray(spec: DataSpec, sigma: float) -> Likelihood:  # noqa: ARG001
    """Gray values used as probabilities: a looser bound on the resampled likelihood."""
    return Bernoulli("bernoulli_gray", lambda images, noise: images)  # noqa: ARG005


def fixed_coins(images: Tensor) -> Tensor:
    """Coins in {0, 1} with gray values as probabilities, a function of each image alone.

    The uniform number of a pixel is a hash of the image and the pixel's place (the finaliser of
    SplitMix64, Steele et al. 2014), so that no draw has to be stored, and batch, order, machine
    and device make no difference. Equal images have equal draws.
    """
    levels = images.mul(255).round().long().flatten(1)
    weights, places = _hash_constants(levels.shape[1], images.device)
    # int64 wraps around, as the hash wants it.
    key = (levels * weights).sum(1, keepdim=True) + places
    for shift, factor in ((30, -4658895280553007687), (27, -7723592293110705685)):
        key = (key ^ _shifted(key, shift)) * factor
    uniform = _shifted(key ^ _shifted(key, 31), 11).double() / 2**53
    return (uniform.view_as(images) < images).to(images.dtype)


def _resampled(images: Tensor, noise: Rng) -> Tensor:
    return (noise.uniform(*images.shape) < images).to(images.dtype)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """A logical shift to the right; torch's keeps the sign."""
    kept: Tensor = (bits >> by) & (2 ** (64 - by) - 1)
    return kept


@functools.lru_cache(maxsize=8)
def _hash_constants(num_pixels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Two fixed rows of 64-bit numbers, ``[1, num_pixels]`` each."""
    bits = np.random.PCG64(0).random_raw(2 * num_pixels).view(np.int64)
    weights, places = torch.from_numpy(bits).to(device).split(num_pixels)
    return weights[None], places[None]
