"""The standard normal prior."""

from __future__ import annotations

from torch import Tensor, nn

from bench.contracts import Encode, Posterior, Rng
from bench.distances.gaussians import standard_log_prob
from bench.variational.priors import PRIORS, PriorShape


@PRIORS.register("standard")
class StandardNormal(nn.Module):
    """p(z) = N(0, I); it has no parameters."""

    def __init__(self, shape: PriorShape) -> None:
        super().__init__()
        self.latent_dim = shape.latent_dim

    def sample(self, n: int, noise: Rng, encode: Encode) -> Tensor:  # noqa: ARG002
        """``[n, D]``."""
        return noise.normal(n, self.latent_dim)

    def log_prob(self, z: Tensor, encode: Encode) -> Tensor:  # noqa: ARG002
        """Nats summed over latents, ``[..., D]`` to ``[...]``."""
        return standard_log_prob(z)

    def kl(self, posterior: Posterior) -> Tensor | None:
        """KL(q || p) per image in nats, where the posterior has the closed form."""
        closed = getattr(posterior, "kl_standard", None)
        return None if closed is None else closed()

    def kl_per_latent(self, posterior: Posterior) -> Tensor:
        """KL of each latent in nats, ``[N, D]``, of a posterior that knows it."""
        per_latent: Tensor = posterior.kl_per_latent()  # type: ignore[attr-defined]
        return per_latent
