"""Mixture of posteriors as prior, VampPrior (Tomczak and Welling 2018, arXiv 1705.07120)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bench.contracts import Encode, Posterior, Rng
from bench.images import to_unit
from bench.variational.priors import PRIORS, PriorShape

MOST_VALUES = 2**24
"""Differences between draws and components that are held at a time: 64 MiB in float32."""

MOST_IMAGES = 500
"""Pseudo-inputs that are encoded at a time when sampling."""


@PRIORS.register("vamp")
class VampPrior(nn.Module):
    """p(z) = 1/K sum_k q(z|u_k) (eq. 9): the encoder's posteriors of K learned pseudo-inputs.

    The u_k ``[K, C, H, W]`` are images in [0, 1] and go into the encoder as they are, whatever
    form of the data the likelihood observes: not binarised, not dequantised. They start as train
    images and are put back into [0, 1] after each update; the authors clip them on the way to
    the encoder instead, where a pixel that leaves the range never gets a gradient again.
    """

    uses_encoder = True

    def __init__(self, shape: PriorShape) -> None:
        super().__init__()
        self.pseudo_inputs = nn.Parameter(torch.rand(shape.num_components, *shape.image_shape))

    @torch.no_grad()
    def initialise(self, images: Tensor) -> None:
        """Copies K evenly spaced images, uint8 ``[N, C, H, W]``; fewer than K are repeated."""
        k, n = len(self.pseudo_inputs), len(images)
        places = torch.arange(k, device=images.device)
        self.pseudo_inputs.copy_(to_unit(images[places * n // k if k <= n else places % n]))

    @torch.no_grad()
    def project(self) -> None:
        """Puts every pixel back into [0, 1]."""
        self.pseudo_inputs.clamp_(0, 1)

    def sample(self, n: int, noise: Rng, encode: Encode) -> Tensor:
        """A component, then z from its posterior, ``[n, D]``."""
        component = noise.integers(len(self.pseudo_inputs), n)
        parts = self.pseudo_inputs[component].split(MOST_IMAGES)
        return torch.cat([encode(part).rsample(1, noise)[0] for part in parts])

    def log_prob(self, z: Tensor, encode: Encode) -> Tensor:
        """Nats summed over latents, ``[..., D]`` to ``[...]``.

        Without gradients its memory does not grow with the number of draws.
        """
        components = encode(self.pseudo_inputs)
        k, dim = len(self.pseudo_inputs), z.shape[-1]
        parts = [
            components.log_prob(part.unsqueeze(1).expand(-1, k, -1)).logsumexp(1)
            for part in z.reshape(-1, dim).split(max(1, MOST_VALUES // (k * dim)))
        ]
        return torch.cat(parts).view(z.shape[:-1]) - math.log(k)

    def kl(self, posterior: Posterior) -> Tensor | None:  # noqa: ARG002
        """None: it has no closed form."""
        return None
