"""The ELBO with its terms, and what an encoder alone can tell (protocol rules 14 to 16 and 19)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.contracts import Inference, Noise, View
from bench.images import to_bytes, to_unit
from bench.losses.elbo import elbo_terms
from bench.metrics import NotApplicable, metric

CHUNK = 500
ACTIVE_VARIANCE = 0.01


@metric("elbo", needs=("inference",), validate=True)
def elbo(view: View) -> dict[str, float]:
    """E[log p(x|z)] - KL in nats, KL factor 1, mean over every held-out image; higher is better.

    Both terms stand beside it. The KL is the rate, minus the reconstruction the distortion
    (Alemi et al. 2018, arXiv 1711.00464); ``kl_sampled`` is the name of a KL without a closed
    form, estimated by the z of the reconstruction.
    """
    bound, passport = _bound(view), _inference(view).passport
    return {
        f"elbo_{passport}": bound.elbo,
        f"reconstruction_{passport}": bound.reconstruction,
        f"{_kl_name(view)}_{passport}": bound.kl,
    }


@metric("bits_per_dim", needs=("inference",))
def bits_per_dim(view: View) -> dict[str, float]:
    """Upper bound on the bits that a pixel's gray level costs, from the ELBO; lower is better.

    With nll = -ELBO and D values to an image: nll / (D ln 2) for probabilities of gray levels;
    (nll / D + ln L) / ln 2 for a density of x = (k + u) / L. The mean over u of its log is at
    most log P(k), the log of its integral over the level (Theis et al. 2016, arXiv 1511.01844,
    on dequantisation). A binary likelihood says nothing of gray levels (protocol rule 16).
    """
    inference = _inference(view)
    if inference.kind == "binary":
        raise NotApplicable("a binary likelihood gives no probability of gray levels")
    nats = -_bound(view).elbo / math.prod(view.spec.shape)
    if inference.kind == "density":
        nats += math.log(view.spec.levels)
    return {f"bits_per_dim_{inference.passport}": nats / math.log(2)}


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


@dataclass(frozen=True)
class _Bound:
    """The ELBO's two terms in nats, each a mean over every image of a split."""

    reconstruction: float
    kl: float

    @property
    def elbo(self) -> float:
        """The bound itself."""
        return self.reconstruction - self.kl


def _bound(view: View) -> _Bound:
    """From one z per image by fixed noise (protocol rule 14)."""
    inference, noise = _inference(view), view.noise("elbo")
    log_likelihood, kl = [], []
    for images, labels in _chunks(view):
        terms = elbo_terms(inference, view.nets, images, labels, noise)
        log_likelihood.append(terms[0].double())
        kl.append(terms[1].double())
    return _Bound(float(torch.cat(log_likelihood).mean()), float(torch.cat(kl).mean()))


def _kl_name(view: View) -> str:
    """How ``elbo_terms`` comes by the KL: in closed form, or from one sample."""
    inference = _inference(view)
    images, labels = next(_chunks(view))
    x = inference.observe(images[:1], view.noise("kl_name"))
    q = inference.posterior(view.nets, x, None if labels is None else labels[:1])
    return "kl_sampled" if inference.kl(view.nets, q) is None else "kl"


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
