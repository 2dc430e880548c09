"""Bounds on log p(x) as losses: the ELBO term by term, free bits, the importance-weighted bound."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from bench.contracts import Bound, Density, Inference, Loss, Nets, Posterior, Rng, Scalars, Step


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


def free_bits_kl(kl: Tensor, free_nats: float) -> Tensor:
    """KL of which each latent's first ``free_nats`` cost nothing, in nats, 0-d.

    sum_j max(free_nats, mean over the batch of KL_j): Kingma et al. 2016 (arXiv 1606.04934,
    eq. 15) with one latent to a group.

    Args:
        kl: KL per latent, ``[N, D]``.
        free_nats: Nats for each latent.
    """
    return kl.mean(0).clamp(min=free_nats).sum()


def elbo_terms(
    density: Density, nets: Nets, images: Tensor, labels: Tensor | None, noise: Rng
) -> Bound:
    """The terms of the bound in nats per image, of images in [0, 1]."""
    return density.bound(nets, density.observe(images, noise), labels, noise)


def importance_bound(
    inference: Inference,
    nets: Nets,
    images: Tensor,
    labels: Tensor | None,
    noise: Rng,
    *,
    k: int,
) -> Tensor:
    """log 1/k sum_i p(x, z_i) / q(z_i|x) in nats per image, ``[N]``; k = 1 is an ELBO.

    Burda et al. 2016 (arXiv 1509.00519, eq. 8). The k draws of an image share its form x.
    """
    x = inference.observe(images, noise)
    q = inference.posterior(nets, x, labels)
    weights = log_weights(inference, nets, x, q, q.rsample(k, noise), labels=labels)
    return weights.logsumexp(0) - math.log(k)


def log_weights(
    inference: Inference, nets: Nets, x: Tensor, q: Posterior, z: Tensor, *, labels: Tensor | None
) -> Tensor:
    """log p(x, z) - log q(z|x) in nats of k draws for each image, ``[k, N, D]`` to ``[k, N]``."""
    k = len(z)
    log_likelihood = inference.log_likelihood(
        nets,
        x.expand(k, *x.shape).flatten(0, 1),  # of a single image a view, not k copies
        z.flatten(0, 1),
        None if labels is None else labels.repeat(k),
    ).view(k, -1)
    return log_likelihood + inference.prior_log_prob(nets, z) - q.log_prob(z)


def elbo_loss(inference: Inference, *, kl_weight: float, warmup: float) -> Loss:
    """The negative ELBO of one z per image, with a weighted KL that may warm up."""

    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        log_likelihood, kl, _ = elbo_terms(inference, nets, step.images, step.labels, step.noise)
        weight = kl_weight * kl_warmup(step.progress, warmup)
        scalars = {"reconstruction_nats": log_likelihood.mean(), "kl_nats": kl.mean()}
        return negative_elbo(log_likelihood, kl, weight), scalars

    return loss


def free_bits_loss(
    inference: Inference,
    kl_per_latent: Callable[[Nets, Posterior], Tensor],
    *,
    kl_weight: float,
    warmup: float,
    free_nats: float,
) -> Loss:
    """The negative ELBO with a KL of which each latent's first nats are free.

    ``kl_nats`` is logged as it is, the free nats included.
    """

    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        x = inference.observe(step.images, step.noise)
        q = inference.posterior(nets, x, step.labels)
        z = q.rsample(1, step.noise)[0]
        log_likelihood = inference.log_likelihood(nets, x, z, step.labels).mean()
        kl = kl_per_latent(nets, q)
        weight = kl_weight * kl_warmup(step.progress, warmup)
        scalars = {"reconstruction_nats": log_likelihood, "kl_nats": kl.sum(1).mean()}
        return weight * free_bits_kl(kl, free_nats) - log_likelihood, scalars

    return loss


def bound_loss(inference: Inference, *, k: int) -> Loss:
    """The negative importance-weighted bound of k draws per image."""

    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        bound = importance_bound(inference, nets, step.images, step.labels, step.noise, k=k).mean()
        return -bound, {"bound_nats": bound}

    return loss
