"""What keeps a discriminator smooth: weight clipping, gradient penalties, spectral norm."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.contracts import Scalars

Score = Callable[[Tensor], Tensor]
"""Images ``[N, C, H, W]`` to scores ``[N]``; one image's score must not depend on another's."""


def gradient_penalty(score: Score, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Mean over the batch of (||grad score||_2 - 1)^2 between real and fake images, 0-d.

    Gulrajani et al. 2017 (arXiv 1704.00028, eq. 3), without its weight.

    Args:
        score: The critic.
        real: ``[N, C, H, W]``.
        fake: As many.
        mix: Uniform in [0, 1), ``[N]``: the share of the real image at each point.
    """
    share = mix.view(-1, 1, 1, 1)
    norms: Tensor = torch.linalg.vector_norm(
        _gradients(score, share * real + (1 - share) * fake), dim=1
    )
    return torch.mean((norms - 1) ** 2)


def r1_penalty(score: Score, real: Tensor) -> Tensor:
    """Mean over the batch of ||grad score||^2 / 2 at real images, 0-d.

    Mescheder et al. 2018 (arXiv 1801.04406, eq. 9), without its weight gamma.
    """
    return 0.5 * _gradients(score, real).square().sum(1).mean()


def r2_penalty(score: Score, fake: Tensor) -> Tensor:
    """The same at fake images, 0-d: eq. 10 of the same paper."""
    return r1_penalty(score, fake)


@torch.no_grad()
def clip_weights(critic: nn.Module, clip_value: float) -> Scalars:
    """Clamps every parameter, batch norm's scale and shift included (protocol rule 7).

    Returns:
        ``clipped_share``: the share of parameters that stand at the limit, 0-d.
    """
    parameters: list[Tensor] = list(critic.parameters())
    torch._foreach_clamp_min_(parameters, -clip_value)
    torch._foreach_clamp_max_(parameters, clip_value)
    at_limit = torch.stack([(p.abs() >= clip_value).sum() for p in parameters]).sum()
    return {"clipped_share": at_limit / sum(p.numel() for p in parameters)}


def _gradients(score: Score, images: Tensor) -> Tensor:
    """Gradient of each score by its own image, ``[N, C * H * W]``, itself differentiable."""
    points = images.detach().requires_grad_(True)
    (gradients,) = torch.autograd.grad(score(points).sum(), points, create_graph=True)
    return gradients.flatten(1)


def spectrally_normalise(module: nn.Module) -> None:
    """Divides every linear, convolutional and embedding weight by its largest singular value.

    Miyato et al. 2018 (arXiv 1802.05957): one step of power iteration at each training
    forward; a convolution's weight counts as its ``[out, in * kh * kw]`` matrix.
    """
    for part in list(module.modules()):
        if isinstance(part, nn.Linear | nn.Conv2d | nn.Embedding):
            spectral_norm(part)
