"""Pure functions of tensors that models minimise, one file per idea.

The losses of the two players of a GAN are registered here, by the name of a model's ``loss``
setting. Each is a mean over the batch of raw scores ``[N]``; ``real`` and ``fake`` come from
separate batches (protocol rule 7). The fakes that the discriminator scores carry no gradient:
the trainer freezes the generator in that phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from bench.registry import Registry


@dataclass(frozen=True, kw_only=True)
class AdversarialLoss:
    """The two sides of a game.

    Attributes:
        discriminator: ``(real, fake) -> scalar`` that the discriminator or critic minimises.
        generator: ``fake -> scalar`` that the generator minimises.
        summary: One line for ``bench list``.
        opponent: What the generator's opponent is called: ``discriminator``, or ``critic``
            where its score is no probability's logit.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    summary: str
    opponent: str = "discriminator"


LOSSES: Registry[AdversarialLoss] = Registry("loss", "bench.losses")
