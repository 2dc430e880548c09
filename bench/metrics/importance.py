"""Importance-weighted bounds on log p(x) of a fixed random subset of images (protocol rule 17).

Burda et al. 2016 (arXiv 1509.00519, eq. 8): the log of the mean of K weights p(x, z) / q(z|x).
In the mean it grows with K from the ELBO (K = 1, the KL by samples) towards log p(x).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice

import torch
from torch import Tensor

from bench.contracts import Inference, Nets, Rng
from bench.evaluation.view import View
from bench.images import to_unit
from bench.metrics import metric
from bench.pieces import piece, stoppable
from bench.variational.elbo import log_weights

DRAWS = 64
"""For each image, where nobody asks for more."""

GROUP = 50
"""Images encoded before the first is decoded: the weights of each network stay near the core."""

BLOCK = 250
"""Draws of an image at a time: their pixels stay in a core's cache, whatever K is."""


@metric("iwae_1", when="request")
def iwae_1(view: View) -> dict[str, float]:
    """Importance-weighted bound of one draw in nats: the ELBO of the bounds' images and noise."""
    return _bound(view, 1)


@metric("iwae_64")
def iwae_64(view: View) -> dict[str, float]:
    """Importance-weighted bound of 64 draws an image in nats, with the ELBO of the same draws."""
    return _bound(view, DRAWS)


@metric("iwae_512", when="request")
def iwae_512(view: View) -> dict[str, float]:
    """Importance-weighted bound of 512 draws an image in nats."""
    return _bound(view, 512)


@metric("iwae_5000", when="request")
def iwae_5000(view: View) -> dict[str, float]:
    """Importance-weighted bound of 5,000 draws an image in nats, the nearest to log p(x)."""
    return _bound(view, 5000)


def _bound(view: View, k: int) -> dict[str, float]:
    """Means over the images, each with noise of its own: no batch size enters the values."""
    inference = view.inference()
    images, labels = view.subset(view.split, view.likelihood_images)
    encoded = (
        bound_of_image(
            inference,
            view.nets,
            to_unit(images[i : i + 1]),
            None if labels is None else labels[i : i + 1],
            view.noise("importance", i),
            k=k,
        )
        for i in range(len(images))
    )
    values = []
    while group := list(islice(encoded, GROUP)):
        values += [bound() for bound in group]
    bound, elbo = torch.stack(values).mean(0).tolist()
    of = f"{inference.likelihood_name}_n{len(images)}"
    return {f"iwae_{k}_{of}": bound} | ({f"iwae_{k}_elbo_{of}": elbo} if k > 1 else {})


def bound_of_image(
    inference: Inference, nets: Nets, image: Tensor, label: Tensor | None, noise: Rng, *, k: int
) -> Callable[[], Tensor]:
    """Encodes one image ``[1, C, H, W]``; what it returns decodes, and gives the bound.

    That is log 1/k sum_i p(x, z_i) / q(z_i|x) in nats, and the mean of the k logarithms beside it:
    the ELBO by the same draws of the same image, which no bound is below. Float64, ``[2]``. The
    form x is drawn once. The draws are nested in k: they come in whole blocks, of which the last is
    cut, so that the first 64 of 5,000 are those of 64.
    """
    x = inference.observe(image, noise)
    q = inference.posterior(nets, x, label)

    def bound() -> Tensor:
        total = torch.full((), -math.inf, dtype=torch.float64, device=image.device)
        logs = torch.zeros_like(total)
        for start in range(0, k, BLOCK):
            for z in stoppable(q.rsample(BLOCK, noise)[: k - start].split(piece(BLOCK))):
                weights = log_weights(inference, nets, x, q, z, labels=label).double()
                total = torch.logaddexp(total, weights.logsumexp(0)[0])
                logs = logs + weights.sum(0)[0]
        return torch.stack([total - math.log(k), logs / k])

    return bound
