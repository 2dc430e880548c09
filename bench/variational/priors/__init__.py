"""Priors p(z): registered kinds; a file here registers a factory ``PriorShape -> Prior module``.

Some priors can do more than ``contracts.Prior`` asks for; having the method is saying so. One
that calls ``encode`` has ``uses_encoder = True``.
"""

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


class SeparablePrior(Protocol):
    """A prior that knows the KL of each latent in closed form."""

    def kl_per_latent(self, posterior: Posterior) -> Tensor:
        """Nats, ``[N, D]``, of a posterior that has the closed form."""


class DataPrior(Protocol):
    """A prior that starts from data."""

    def initialise(self, images: Tensor) -> None:
        """Called once, before training, with uint8 train images ``[N, C, H, W]``."""


class BoundedPrior(Protocol):
    """A prior whose parameters have a range."""

    def project(self) -> None:
        """Puts them back into it; called after each update."""


PRIORS: Registry[Callable[[PriorShape], nn.Module]] = Registry("prior", "bench.variational.priors")
