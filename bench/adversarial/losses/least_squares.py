"""Least squares GAN (Mao et al. 2017, arXiv 1611.04076, eq. 9)."""

from __future__ import annotations

from torch import Tensor

from bench.adversarial.losses import LOSSES, AdversarialLoss


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """((real - 1)^2 + fake^2) / 2; the factor stands here alone, as in experiment E."""
    return 0.5 * (((real - 1) ** 2).mean() + (fake**2).mean())


def generator(fake: Tensor) -> Tensor:
    """(fake - 1)^2."""
    return ((fake - 1) ** 2).mean()


LOSSES.add(
    "least_squares",
    AdversarialLoss(
        discriminator=discriminator,
        generator=generator,
        summary="squared distance of the score to 1 (real) and 0 (fake); Mao et al. 2017",
        threshold=0.5,
    ),
)
