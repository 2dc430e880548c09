"""The standard normal prior."""

from __future__ import annotations

import math

from torch import Tensor, nn

from bench.contracts import Noise, Posterior
from bench.priors import PRIORS


@PRIORS.register("standard")
class StandardNormal(nn.Module):
    """p(z) = N(0, I); it has no parameters."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def sample(self, n: int, noise: Noise) -> Tensor:
        """``[n, D]``."""
        return noise.normal(n, self.latent_dim)

    def log_prob(self, z: Tensor) -> Tensor:
        """Nats summed over latents, ``[..., D]`` to ``[...]``."""
        return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)

    def kl(self, posterior: Posterior) -> Tensor | None:
        """KL(q || p) per image in nats, where the posterior has the closed form."""
        closed = getattr(posterior, "kl_standard", None)
        return None if closed is None else closed()
