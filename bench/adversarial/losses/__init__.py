"""Pure functions of tensors that models minimise, one file per idea.

The losses of the two players of a GAN are registered here, by the name of a model's ``loss``
setting. Each is a mean over the batch of raw scores ``[N]``, of fakes also ``[k, N]`` where there are
k beside each real image; ``real`` and ``fake`` come from separate batches (protocol rule 7). The fakes that the discriminator scores carry no gradient:
the trainer freezes the generator in that phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from bench.registry import Registry


@dataclass(frozen=True, kw_only=True)
class AdversarialLoss:
    """The two sides of a game.

    Attributes:
        discriminator: ``(real, fake) -> scalar`` that the discriminator or critic minimises.
        generator: ``fake -> scalar`` that the generator minimises; of a relative loss
            ``fake - real -> scalar``.
        summary: One line for ``bench list``.
        role: What the generator plays against: a ``discriminator``, or a ``critic``
            where its score is no probability's logit.
        threshold: Score above which an image counts as real; None for a critic, which does
            not classify.
        relative: Whether a fake's score counts only against that of a real image, its pair.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    summary: str
    role: Literal["discriminator", "critic"] = "discriminator"
    threshold: float | None = 0.0
    relative: bool = False

    def for_generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Tensor:
        """What the generator minimises, 0-d; ``real`` is asked for scores only where they count."""
        return self.generator(fake - real() if self.relative else fake)

    def accuracy(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Shares of real and of fake images that the discriminator tells, and their mean, 0-d.

        A score at the threshold tells nothing: it counts as half. Empty for a critic.
        """
        if self.threshold is None:
            return {}
        on_real = ((real.detach() - self.threshold).sign().mean() + 1) / 2
        on_fake = ((self.threshold - fake.detach()).sign().mean() + 1) / 2
        return {
            "accuracy_real": on_real,
            "accuracy_fake": on_fake,
            "discriminator_accuracy": (on_real + on_fake) / 2,
        }


LOSSES: Registry[AdversarialLoss] = Registry("loss", "bench.adversarial.losses")
