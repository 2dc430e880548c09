"""How many latents hold the KL, and whether codes lie where the prior draws."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.distances.kernel import FEWEST, mmd_of_sums, sums_between, sums_within
from bench.evaluation.latents import encoded, mean_kl_per_latent
from bench.evaluation.view import View
from bench.metrics import NotApplicable, metric

SHARE = 0.9


@metric("kl_latents")
def kl_latents(view: View) -> dict[str, float]:
    """Latents that hold 90 % of the KL, the fullest first, and the nats of the fullest one.

    The fewest latents whose KL, mean over every held-out image, makes up nine tenths of the
    sum. Burda et al. 2016 (arXiv 1509.00519, section 5.1) count latents by another rule:
    ``active_units``.
    """
    split = view.split
    kl = mean_kl_per_latent(view, split, len(view.images(split)))
    kl = kl.cpu().sort(descending=True).values  # no GPU adds up to the same bits each time
    fuller = kl.cumsum(0) - kl  # nats of the latents before each
    needed = (fuller < SHARE * kl.sum()).sum()
    return {"kl_latents_90": float(needed), "kl_latent_max": float(kl[0])}


@metric("mmd_posterior")
def mmd_posterior(view: View) -> dict[str, float]:
    """MMD^2 between one z ~ q(z|x) for each held-out image and as many prior draws; 0 is a match.

    The unbiased estimate, which falls below 0 by chance, with its standard error. Kernel
    C / (C + |z - z'|^2) with C = 2 D, the squared distance of two standard normal draws in the
    mean: Tolstikhin et al. 2018, arXiv 1711.01558, section 4, whose code sums several C.
    """
    noise = view.noise("mmd_posterior")
    images = encoded(view, view.split, noise, view.counts[-1])
    view.latent_dim()
    codes = torch.cat([q.rsample(1, noise)[0] for _, _, q in images])
    n = len(codes)
    if n < FEWEST:
        raise NotApplicable(f"{n} images are too few, {FEWEST} are the fewest")
    prior = view.fns.latent(view.nets, n, view.noise("mmd_posterior", "prior"))
    of_codes, between = (
        _among(codes.double()),
        sums_between(codes.double(), prior.double(), inverse_multiquadratic),
    )
    # Of a standard normal prior every model draws the same.
    known = torch.equal(prior, view.noise("mmd_posterior", "prior").normal(*prior.shape))
    of_prior = view.constant("imq", _among, prior.double()) if known else _among(prior.double())
    return mmd_of_sums(of_codes, of_prior, *between).named(f"mmd_posterior_n{n}")


def _among(points: Tensor) -> Tensor:
    return sums_within(points, inverse_multiquadratic)


def inverse_multiquadratic(inner: Tensor, of_x: Tensor, of_y: Tensor, dim: int) -> Tensor:
    """C / (C + |x - y|^2) with C = 2 D; see ``kernel.Kernel``."""
    scale = 2 * dim
    squares = torch.sub(of_x + of_y, inner, alpha=2, out=inner)
    return squares.clamp_(min=0).add_(scale).reciprocal_().mul_(scale)
