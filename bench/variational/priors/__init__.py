"""Priors p(z): registered kinds; a file here registers a factory ``PriorShape -> Prior module``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from bench.contracts import Posterior
from bench.registry import Registry


@dataclass(frozen=True, kw_only=True)
class PriorShape:
    """What a prior may be built from; each takes what it needs.

    Attributes:
        latent_dim: Size of z.
        image_shape: ``(C, H, W)``.
        num_layers: Layers of a prior that has some.
        hidden: Units of its hidden layers.
        num_components: Parts of a mixture.
    """

    latent_dim: int
    image_shape: tuple[int, int, int]
    num_layers: int
    hidden: int
    num_components: int


class PriorExtras(Protocol):
    """What some priors can do more than ``contracts.Prior`` asks for, each by itself.

    Having the method is saying so. One that calls ``encode`` has ``uses_encoder = True``.
    """

    def kl_per_latent(self, posterior: Posterior) -> Tensor:
        """KL of each latent in nats, ``[N, D]``, of a posterior that has the closed form."""

    def initialise(self, images: Tensor) -> None:
        """Starts from data; called once, before training, uint8 train images ``[N, C, H, W]``."""

    def project(self) -> None:
        """Puts parameters back into their range; called after each update."""


PRIORS: Registry[Callable[[PriorShape], nn.Module]] = Registry("prior", "bench.variational.priors")
