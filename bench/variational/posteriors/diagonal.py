"""Gaussian posterior with a diagonal covariance."""

from __future__ import annotations

import math

from torch import Tensor

from bench.contracts import Rng
from bench.variational.posteriors import POSTERIORS

LOGVAR_LIMIT = 20.0
"""log sigma^2 is kept in [-20, 20], far outside what training visits, so that exp is finite."""


@POSTERIORS.register("diagonal")
class DiagonalGaussian:
    """q(z|x) = N(mu, diag(sigma^2)); the encoder gives mu and log sigma^2 (``logvar``)."""

    def __init__(self, values: Tensor) -> None:
        self.mu, logvar = values.chunk(2, dim=-1)
        self.logvar = logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT)

    @staticmethod
    def size(latent_dim: int) -> int:
        """mu and logvar: two values per latent."""
        return 2 * latent_dim

    @property
    def mean(self) -> Tensor:
        """``[N, D]``."""
        return self.mu

    def rsample(self, k: int, noise: Rng) -> Tensor:
        """z = mu + sigma * eps, ``[k, N, D]``."""
        return self.mu + (0.5 * self.logvar).exp() * noise.normal(k, *self.mu.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        """Nats summed over latents, ``[..., N, D]`` to ``[..., N]``."""
        squares = (z - self.mu) ** 2 * (-self.logvar).exp()
        return -0.5 * (squares + self.logvar + math.log(2 * math.pi)).sum(-1)

    def kl_standard(self) -> Tensor:
        """KL(q || N(0, I)) in nats per image ``[N]`` (Kingma and Welling 2014, appendix B)."""
        return self.kl_per_latent().sum(-1)

    def kl_per_latent(self) -> Tensor:
        """The same, each latent by itself, ``[N, D]``."""
        return 0.5 * (self.mu**2 + self.logvar.exp() - 1 - self.logvar)
