"""Bernoulli likelihoods: pixels as coins, or gray values used as probabilities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts import Likelihood, LikelihoodKind, Noise
from bench.likelihoods import LIKELIHOODS
from bench.records import DataSpec

DARKEST = 0.001
"""Pixels that a decoder starts at stay this far from 0 and 1, where a logit has no end."""


class Bernoulli(nn.Module):
    """p(x|z) = prod_i sigmoid(logit_i)^x_i (1 - sigmoid(logit_i))^(1 - x_i).

    Args:
        resampled: Draw each pixel anew with its gray value as probability (the paper form
            of Burda et al. 2016, arXiv 1509.00519); otherwise x is the gray value, which
            gives a looser bound on the resampled likelihood.
    """

    params_per_value = 1
    kind: LikelihoodKind = "binary"

    def __init__(self, *, resampled: bool) -> None:
        super().__init__()
        self.resampled = resampled
        self.passport = "bernoulli_resampled" if resampled else "bernoulli_gray"

    def observe(self, images: Tensor, noise: Noise) -> Tensor:
        """Images in [0, 1] to x: coins in {0, 1}, or the gray values themselves."""
        if not self.resampled:
            return images
        return (noise.uniform(*images.shape) < images).to(images.dtype)

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
    return Bernoulli(resampled=True)


@LIKELIHOODS.register("bernoulli_gray")
def bernoulli_gray(spec: DataSpec, sigma: float) -> Likelihood:  # noqa: ARG001
    """Gray values used as probabilities: a looser bound on the resampled likelihood."""
    return Bernoulli(resampled=False)
