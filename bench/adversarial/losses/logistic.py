"""The original GAN: minimax and non-saturating (Goodfellow et al. 2014, arXiv 1406.2661).

Scores are logits: D = sigmoid(score), log D = -softplus(-score), log(1 - D) = -softplus(score).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from bench.adversarial.losses import LOSSES, AdversarialLoss


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), eq. 1."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minimax_generator(fake: Tensor) -> Tensor:
    """log(1 - D(G(z))), eq. 1: hardly any gradient while fakes are told apart."""
    return -F.softplus(fake).mean()


def non_saturating_generator(fake: Tensor) -> Tensor:
    """-log D(G(z)), section 3."""
    return F.softplus(-fake).mean()


LOSSES.add(
    "minimax",
    AdversarialLoss(
        discriminator=discriminator,
        generator=minimax_generator,
        summary="the generator minimises log(1 - D(G(z))); Goodfellow et al. 2014, eq. 1",
    ),
)
LOSSES.add(
    "non_saturating",
    AdversarialLoss(
        discriminator=discriminator,
        generator=non_saturating_generator,
        summary="the generator maximises log D(G(z)); Goodfellow et al. 2014, section 3",
    ),
)
