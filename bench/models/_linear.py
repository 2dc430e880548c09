"""A VAE of linear maps alone, and where its likelihood has its maximum."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from bench.contracts import Nets, Trainable
from bench.images import gray_levels, to_unit
from bench.networks import MlpDecoder
from bench.records import DataSpec
from bench.variational.assembly import assemble
from bench.variational.settings import VaeSettings


def linear_vae(settings: VaeSettings, spec: DataSpec) -> Trainable:
    """D-z-D without any activation."""
    return assemble(
        settings,
        spec,
        features=nn.Flatten(),
        feature_dim=math.prod(spec.shape),
        encoder_act=nn.Identity(),
        decoder=lambda shape, in_dim: MlpDecoder(shape, hidden=[], in_dim=in_dim, act=nn.Identity),
    )


@torch.no_grad()
def solve(nets: Nets, images: Tensor, levels: int) -> None:
    """Probabilistic PCA's maximum of the likelihood of dequantised images (uint8).

    Tipping and Bishop 1999, eqs. 7 and 8: W = U (L - sigma^2)^(1/2) of the q largest eigenvalues
    L of the covariance, sigma^2 the mean of the others. u of x = (k + u) / levels adds 1/2 to
    the mean of k and 1/12 to its variances. The columns of W are orthogonal, so that the posterior
    N(L^-1 W^T (x - mean), sigma^2 L^-1) is diagonal and the ELBO is log p(x).
    """
    k = gray_levels(to_unit(images).flatten(1), levels).double()
    mean = (k.mean(0) + 0.5) / levels
    covariance = (torch.cov(k.T, correction=0) + torch.eye(len(mean)).to(k) / 12) / levels**2
    values, vectors = torch.linalg.eigh(covariance)
    decoder, head, likelihood = _parts(nets)
    q = decoder.in_features
    variance, kept = values[:-q].mean(), values[-q:]
    weight = vectors[:, -q:] * (kept - variance).sqrt()
    encoding = weight.T / kept[:, None]
    decoder.weight.copy_(weight)
    decoder.bias.copy_(mean)
    head.weight.copy_(torch.cat([encoding, torch.zeros_like(encoding)]))
    head.bias.copy_(torch.cat([-encoding @ mean, (variance / kept).log()]))
    likelihood.set_sigma(math.sqrt(float(variance)))


def _parts(nets: Nets) -> tuple[nn.Linear, nn.Linear, Any]:
    decoder: Any = nets["decoder"]
    encoder: Any = nets["encoder"]
    return decoder.layers[0], encoder.head, nets["likelihood"]
