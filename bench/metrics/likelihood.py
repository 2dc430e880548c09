"""The ELBO, and what an encoder alone can tell (protocol rules 14, 15 and 19)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.contracts import Inference, Noise, View
from bench.images import to_bytes, to_unit
from bench.losses.elbo import elbo_terms
from bench.metrics import metric

CHUNK = 500
ACTIVE_VARIANCE = 0.01


@metric("elbo", needs=("inference",), validate=True)
def elbo(view: View) -> dict[str, float]:
    """E[log p(x|z)] - KL in nats, KL factor 1, mean over every held-out image; higher is better."""
    inference = _inference(view)
    noise = view.noise("elbo")
    log_likelihood, kl = [], []
    for images, labels in _chunks(view):
        terms = elbo_terms(inference, view.nets, images, labels, noise)
        log_likelihood.append(terms[0].double())
        kl.append(terms[1].double())
    reconstruction, divergence = torch.cat(log_likelihood).mean(), torch.cat(kl).mean()
    return {
        f"elbo_{inference.passport}": float(reconstruction - divergence),
        "reconstruction_nats": float(reconstruction),
        "kl_nats": float(divergence),
    }


@metric("active_units", needs=("encoder",))
def active_units(view: View) -> dict[str, float]:
    """Latent dimensions whose posterior mean varies by more than 0.01 over held-out images."""
    noise = view.noise("active_units")
    means = [z.double() for _, _, z in _posterior_means(view, noise)]
    return {"active_units": float((torch.cat(means).var(0) > ACTIVE_VARIANCE).sum())}


@metric("reconstruction_error", needs=("encoder",))
def reconstruction_error(view: View) -> dict[str, float]:
    """Squared error per pixel of the reconstruction from the posterior mean, images in [0, 1]."""
    noise = view.noise("reconstruction_error")
    errors = []
    for images, labels, z in _posterior_means(view, noise):
        x_recon = to_unit(to_bytes(view.fns.decode(view.nets, z, labels)))
        errors.append((x_recon - images).square().flatten(1).double().mean(1))
    return {"reconstruction_error": float(torch.cat(errors).mean())}


def _inference(view: View) -> Inference:
    assert view.fns.inference is not None
    return view.fns.inference


def _posterior_means(view: View, noise: Noise) -> Iterator[tuple[Tensor, Tensor | None, Tensor]]:
    """Images, labels and E[z|x] ``[n, D]``, chunk by chunk."""
    encode = view.fns.encode
    assert encode is not None
    for images, labels in _chunks(view):
        yield images, labels, encode(view.nets, images, labels, noise).mean


def _chunks(view: View) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Every image of the split, the last partial chunk included."""
    images, labels = view.images(view.split), view.labels(view.split)
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        yield to_unit(images[part]), None if labels is None else labels[part]
