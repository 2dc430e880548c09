"""The negative evidence lower bound, term by term."""

from __future__ import annotations

import torch
from torch import Tensor


def kl_warmup(progress: Tensor, share: float) -> Tensor:
    """Factor that rises from 0 to 1 over the first ``share`` of the budget, then stays 1.

    Bowman et al. 2016 (arXiv 1511.06349). It weighs the training loss only; the reported ELBO
    never sees it. ``share`` 0 means no warm-up.
    """
    if share == 0:
        return torch.ones_like(progress)
    return (progress / share).clamp(max=1.0)


def negative_elbo(log_likelihood: Tensor, kl: Tensor, weight: Tensor | float) -> Tensor:
    """-(E[log p(x|z)] - weight * KL) in nats, mean over images, a 0-d tensor.

    Args:
        log_likelihood: log p(x|z) summed over pixels, ``[N]``.
        kl: KL(q || p) summed over latents, ``[N]``.
        weight: The KL factor (Higgins et al. 2017) times the warm-up factor.
    """
    return (weight * kl - log_likelihood).mean()
