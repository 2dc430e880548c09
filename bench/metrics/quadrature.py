"""log p(x) of a VAE of two latents as it is, by quadrature (protocol rule 17)."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from bench.contracts import Inference, Nets
from bench.distances.quadrature import Integral, Narrow, log_integral
from bench.errors import NotApplicable
from bench.evaluation.view import View
from bench.images import to_unit
from bench.metrics import metric
from bench.pieces import piece, stoppable

TOLERANCE = 1e-4
"""Nats, of each image; about 15,000 points of a ReLU decoder, whose kinks no rule likes."""

HALF_WIDTH = 8.0
"""Of the square that is integrated over first: of N(0, I) all but 3e-15 lie inside."""

BLOCK = 1_000
"""Points decoded at a time."""


@metric("quadrature", when="request")
def quadrature(view: View) -> dict[str, float]:
    """log p(x) of a VAE of two latents by quadrature over z in nats, with what two grids differ by.

    Of the images and the forms x of ``iwae_64`` and its kind, so that the bounds' differences from it
    are their gaps. The integral of p(z) p(x|z) is over a square of side 16 around 0, doubled as long
    as its rim holds anything, in float64; cells are quartered until the errors of all are within 1e-4
    nats. ``_gap`` is the mean over images of what grids differ by, of which the value's is the finer.
    """
    inference = view.inference()
    if (latents := view.latent_dim()) != 2:
        raise NotApplicable(
            f"quadrature is over a plane, and z has {latents} dimensions: train with latent_dim=2"
        )
    nets = {name: copy.deepcopy(net).double() for name, net in view.nets.items()}
    images, labels = view.subset(view.split, view.likelihood_images)
    found = []
    for i in stoppable(range(len(images))):
        image, noise = to_unit(images[i : i + 1]), view.noise("importance", i)
        x, label = inference.observe(image, noise), None if labels is None else labels[i : i + 1]
        found.append(log_evidence(inference, nets, x.double(), label))
    logs, gaps = torch.tensor([(each.log, each.gap) for each in found], dtype=torch.float64).T
    name = f"quadrature_{inference.likelihood_name}_n{len(images)}"
    return {name: float(logs.mean()), f"{name}_gap": float(gaps.mean())}


def log_evidence(inference: Inference, nets: Nets, x: Tensor, label: Tensor | None) -> Integral:
    """log p(x) of one image ``[1, C, H, W]``; networks, x and the sums are of float64.

    Raises:
        NotApplicable: No square holds the posterior.
    """
    q = inference.posterior(nets, x, label)
    # Of a Gaussian over the plane the highest density is 1 / (2 pi sd^2), of the sd's geometric mean.
    sd = math.exp(-0.5 * (float(q.log_prob(q.mean)) + math.log(2 * math.pi)))

    def log_joint(z: Tensor) -> Tensor:
        parts = [_log_joint(inference, nets, x, label, part) for part in z.split(piece(BLOCK))]
        return torch.cat(parts).cpu()

    try:
        return log_integral(
            log_joint,
            half_width=max(HALF_WIDTH, 2 * float(q.mean.abs().max())),
            tolerance=TOLERANCE,
            narrow=Narrow(q.mean[0].cpu(), 4 * sd),
        )
    except ArithmeticError as error:
        raise NotApplicable(str(error)) from None


def _log_joint(
    inference: Inference, nets: Nets, x: Tensor, label: Tensor | None, z: Tensor
) -> Tensor:
    """log p(x, z) at ``z [M, 2]``, ``[M]``."""
    z, labels = z.to(x), None if label is None else label.expand(len(z))
    log_likelihood = inference.log_likelihood(nets, x.expand(len(z), *x.shape[1:]), z, labels)
    return inference.prior_log_prob(nets, z) + log_likelihood
