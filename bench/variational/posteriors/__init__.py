"""Posteriors q(z|x): registered kinds.

A file here registers a class with ``size(latent_dim)``, the number of values that the encoder
gives for it, and a constructor from those values ``[N, size]``.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from bench.contracts import Posterior
from bench.registry import Registry


class PosteriorKind(Protocol):
    """How a registered posterior is made."""

    def size(self, latent_dim: int) -> int:
        """Values per image that the encoder gives."""

    def __call__(self, values: Tensor) -> Posterior:
        """``[N, size]`` to q(z|x)."""


POSTERIORS: Registry[PosteriorKind] = Registry("posterior", "bench.variational.posteriors")
