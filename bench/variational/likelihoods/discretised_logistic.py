"""Discretised logistic likelihood: exact probabilities of gray levels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts import LikelihoodKind, Rng
from bench.images import gray_levels
from bench.records import DataSpec
from bench.variational.likelihoods import LIKELIHOODS, LearnedNumber


@LIKELIHOODS.register("discretised_logistic")
class DiscretisedLogistic(nn.Module):
    """Probabilities of gray levels from a logistic with one learned scale.

    P(k|z) = F((k + 1/2 - m) / s) - F((k - 1/2 - m) / s), F the logistic CDF, k = 0..L-1.

    Kingma et al. 2016 (arXiv 1606.04934, eq. 18) and Salimans et al. 2017 (arXiv 1701.05517,
    eq. 2): the lowest and the highest level take the tails, so that probabilities sum to 1.
    The location m comes from the decoder without a bound, as theirs does: a level at the edge
    can reach probability 1. One scale s for all pixels is learned. A log-probability of a
    discrete variable: bits/dim = nll / (D ln 2), nothing added (protocol rule 16).

    Args:
        spec: The data set, for its gray levels L.
        sigma: The first s, where the image has the range 1; its standard deviation is 1.81 s.
    """

    params_per_value = 1
    name = "discretised_logistic"
    kind: LikelihoodKind = "levels"

    def __init__(self, spec: DataSpec, sigma: float) -> None:
        super().__init__()
        self.levels = spec.levels
        self.log_scale = LearnedNumber(math.log(sigma))

    def observe(self, images: Tensor, noise: Rng) -> Tensor:  # noqa: ARG002
        """Images in [0, 1] to exact gray levels in the same range, x = k / (L - 1)."""
        return gray_levels(images, self.levels) / (self.levels - 1)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Nats summed over pixels, ``[N]``.

        F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)) has no difference of numbers near each other.
        Bounds are counted in levels, where those that neighbours share are the same float.
        """
        top, level = self.levels - 1, gray_levels(x, self.levels)
        inverse = (-self.log_scale()).exp() / top  # 1 / s
        offset = level - self._location(params) * top
        above = F.logsigmoid((offset + 0.5) * inverse)
        below = F.logsigmoid((0.5 - offset) * inverse)
        width = (-torch.expm1(-inverse)).log()
        inner = torch.where(level == top, below, above + below + width)
        return torch.where(level == 0, above, inner).flatten(1).sum(1)

    def mean(self, params: Tensor) -> Tensor:
        """E[X] of the logistic X clipped to [0, 1], within half a level of that of the levels.

        The integral of 1 - CDF over [0, 1]: s softplus(m / s) - s softplus((m - 1) / s).
        """
        location, scale = self._location(params), self.log_scale().exp()
        upper, lower = F.softplus(location / scale), F.softplus((location - 1) / scale)
        clipped: Tensor = (scale * (upper - lower)).clamp(0, 1)
        return clipped

    def start(self, image: Tensor) -> Tensor:
        """Its location there."""
        return image - 0.5

    def _location(self, params: Tensor) -> Tensor:
        """Where the image has the range 1; a decoder that gives 0 starts at mid-gray."""
        return params + 0.5
