"""Losses of the two players, from raw scores ``[N]``; each is a mean over the batch.

Every function takes ``real`` and ``fake`` scores of separate batches (protocol rule 7). The
discriminator's fakes carry no gradient: the trainer freezes the generator in that phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class AdversarialLoss:
    """The two sides of a game.

    Attributes:
        discriminator: ``(real, fake) -> scalar`` that the discriminator or critic minimises.
        generator: ``fake -> scalar`` that the generator minimises.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * (((real - 1) ** 2).mean() + (fake**2).mean())


def _least_squares_generator(fake: Tensor) -> Tensor:
    return ((fake - 1) ** 2).mean()


def _logistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def _non_saturating_generator(fake: Tensor) -> Tensor:
    return F.softplus(-fake).mean()


def _wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def _wasserstein_generator(fake: Tensor) -> Tensor:
    return -fake.mean()


# Mao et al. 2017, arXiv 1611.04076, eq. 9 (labels 0, 1, 1); the factor 1/2 stands at the
# discriminator alone, as in experiment E.
least_squares = AdversarialLoss(_least_squares_discriminator, _least_squares_generator)

# Goodfellow et al. 2014, arXiv 1406.2661, section 3: maximise log D(G(z)); scores are logits.
non_saturating = AdversarialLoss(_logistic_discriminator, _non_saturating_generator)

# Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1, with the sign of a loss to minimise.
wasserstein = AdversarialLoss(_wasserstein_critic, _wasserstein_generator)
