"""The negative evidence lower bound, term by term."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.contracts import Inference, Nets, Noise


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


def elbo_terms(
    inference: Inference, nets: Nets, images: Tensor, labels: Tensor | None, noise: Noise
) -> tuple[Tensor, Tensor]:
    """log p(x|z) and KL in nats per image, ``[N]`` each, from one z per image.

    The KL has its closed form where there is one, else log q(z|x) - log p(z) at the same z.
    """
    x = inference.observe(images, noise)
    q = inference.posterior(nets, x, labels)
    z = q.rsample(1, noise)[0]
    log_likelihood = inference.log_likelihood(nets, x, z, labels)
    kl = inference.kl(nets, q)
    return log_likelihood, q.log_prob(z) - inference.prior_log_prob(nets, z) if kl is None else kl
