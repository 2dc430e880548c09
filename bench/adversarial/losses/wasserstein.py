"""Wasserstein loss (Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1).

The sign is that of a loss to minimise; what keeps the critic Lipschitz is a setting of the model.
"""

from __future__ import annotations

from torch import Tensor

from bench.adversarial.losses import LOSSES, AdversarialLoss


def critic(real: Tensor, fake: Tensor) -> Tensor:
    """mean(fake) - mean(real)."""
    return fake.mean() - real.mean()


def generator(fake: Tensor) -> Tensor:
    """-mean(fake)."""
    return -fake.mean()


LOSSES.add(
    "wasserstein",
    AdversarialLoss(
        discriminator=critic,
        generator=generator,
        summary="difference of mean scores; Arjovsky et al. 2017",
        role="critic",
        threshold=None,
    ),
)
