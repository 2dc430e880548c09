"""Priors p(z): registered kinds; a file here registers a factory ``PriorShape -> Prior module``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

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


PRIORS: Registry[Callable[[PriorShape], nn.Module]] = Registry("prior", "bench.priors")
