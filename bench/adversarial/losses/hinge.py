"""Hinge loss (Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957, eq. 16-17)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from bench.adversarial.losses import LOSSES, AdversarialLoss


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - real) + max(0, 1 + fake)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator(fake: Tensor) -> Tensor:
    """-fake."""
    return -fake.mean()


LOSSES.add(
    "hinge",
    AdversarialLoss(
        discriminator=discriminator,
        generator=generator,
        summary="scores beyond the margin 1 count no more; Lim and Ye 2017",
    ),
)
