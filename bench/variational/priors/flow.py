"""Normalising-flow prior: RealNVP couplings with bounded scale (Dinh et al. 2017, arXiv 1605.08803)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from bench.contracts import Encode, Posterior, Rng
from bench.distances.gaussians import standard_log_prob
from bench.networks import mlp
from bench.variational.priors import PRIORS, PriorShape

LOG_SCALE_LIMIT = 2.0
"""A coupling scales by at most e^2: a log-scale without a bound is where RealNVP overflows."""

START = 0.01
"""Share of the usual first weights that a coupling's last layer starts with."""


class Coupling(nn.Module):
    """u_b = (z_b - t(z_a)) exp(-s(z_a)) with u_a = z_a; ``keep`` marks the part a.

    Its last layer starts small: an untrained coupling is nearly the identity.
    """

    keep: Tensor

    def __init__(self, keep: Tensor, hidden: int) -> None:
        super().__init__()
        self.register_buffer("keep", keep)
        self.net = mlp([len(keep), hidden, hidden, 2 * len(keep)], nn.ReLU)
        with torch.no_grad():
            for parameter in self.net[-1].parameters():
                parameter.mul_(START)

    def to_base(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z ``[..., D]`` to (u, log |det du/dz| ``[...]``)."""
        log_scale, shift = self._params(z)
        return (z - shift) * (-log_scale).exp(), -log_scale.sum(-1)

    def from_base(self, u: Tensor) -> Tensor:
        """The exact inverse: what decides scale and shift is the same on both sides."""
        log_scale, shift = self._params(u)
        return u * log_scale.exp() + shift

    def _params(self, values: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.net(values * self.keep).chunk(2, dim=-1)
        moved = 1 - self.keep
        return LOG_SCALE_LIMIT * torch.tanh(raw / LOG_SCALE_LIMIT) * moved, shift * moved


@PRIORS.register("flow")
class FlowPrior(nn.Module):
    """A normalising flow (RealNVP) on a standard normal, trained jointly with the VAE.

    log p(z) = log N(u; 0, I) + log |det du/dz| with u the flow of z. Couplings move the even
    and the odd latents in turn; a single latent has no other to depend on, so that there the
    flow is an affine map and every second coupling does nothing.
    """

    def __init__(self, shape: PriorShape) -> None:
        super().__init__()
        self.latent_dim = shape.latent_dim
        even = (torch.arange(shape.latent_dim) % 2 == 0).float()
        self.couplings = nn.ModuleList(
            Coupling(1 - even if i % 2 == 0 else even, shape.hidden)
            for i in range(shape.num_layers)
        )

    def sample(self, n: int, noise: Rng, encode: Encode) -> Tensor:  # noqa: ARG002
        """``[n, D]``."""
        return self.from_base(noise.normal(n, self.latent_dim))

    def log_prob(self, z: Tensor, encode: Encode) -> Tensor:  # noqa: ARG002
        """Nats summed over latents, ``[..., D]`` to ``[...]``."""
        u, log_det = self.to_base(z)
        return log_det + standard_log_prob(u)

    def kl(self, posterior: Posterior) -> Tensor | None:  # noqa: ARG002
        """None: it has no closed form."""
        return None

    def to_base(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z ``[..., D]`` to (u, log |det du/dz| ``[...]``)."""
        total = z.new_zeros(z.shape[:-1])
        for coupling in cast("list[Coupling]", self.couplings):
            z, log_det = coupling.to_base(z)
            total = total + log_det
        return z, total

    def from_base(self, u: Tensor) -> Tensor:
        """u ``[..., D]`` to z, the inverse of ``to_base``."""
        for coupling in cast("list[Coupling]", reversed(self.couplings)):
            u = coupling.from_base(u)
        return u
