"""Relativistic pairing loss (Jolicoeur-Martineau 2018, arXiv 1807.00734), with R1 and R2 R3GAN's.

Huang et al. 2024 (arXiv 2501.05441): f of the difference of two scores, f(t) = -log(1 + e^-t). As in
their code each side maximises f of its own lead over the other, so that the generator saturates as
little as the non-saturating one. A score means nothing alone: a constant added to all is no loss.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from bench.adversarial.losses import LOSSES, AdversarialLoss


def critic(real: Tensor, fake: Tensor) -> Tensor:
    """log(1 + exp(fake - real)) of pairs."""
    return F.softplus(fake - real).mean()


def generator(gain: Tensor) -> Tensor:
    """log(1 + exp(-gain)), where gain = fake - real."""
    return F.softplus(-gain).mean()


LOSSES.add(
    "relativistic",
    AdversarialLoss(
        discriminator=critic,
        generator=generator,
        summary="each fake against a real image, its pair; with R1 and R2 R3GAN, Huang et al. 2024",
        role="critic",
        threshold=None,
        relative=True,
    ),
)
