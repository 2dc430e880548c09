"""The Frechet distance of feature sets, from their means and covariances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.pieces import pause, stoppable

CHUNK = 1_000
"""Features that are centred at once."""


@dataclass(frozen=True)
class Moments:
    """Mean ``[d]`` and covariance ``[d, d]`` (N - 1) of n features."""

    mean: Tensor
    cov: Tensor
    n: int


def moments(features: Tensor) -> Moments:
    """Moments of features ``[N, d]`` in float64, chunk by chunk.

    The update of Chan, Golub and LeVeque 1983 (The American Statistician 37, eq. 2.1): as
    exact as two passes over the whole, without a second copy of the features.
    """
    dim, seen = features.shape[1], 0
    mean = features.new_zeros(dim, dtype=torch.float64)
    scatter = features.new_zeros(dim, dim, dtype=torch.float64)
    for chunk in stoppable(features.split(CHUNK)):
        part = chunk.double()
        centre = part.mean(0)
        part = part - centre
        shift, total = centre - mean, seen + len(part)
        scatter.addmm_(part.T, part).addr_(shift, shift, alpha=seen * len(part) / total)
        mean += shift * (len(part) / total)
        seen = total
    return Moments(mean, scatter / (seen - 1), seen)


def frechet_distance(a: Moments, b: Moments) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), squared units of the features.

    Dowson and Landau 1982; as a score of generators Heusel et al. 2017, arXiv 1706.08500,
    eq. 6. The trace of the root is the sum of the roots of the eigenvalues of the symmetric
    S1^(1/2) S2 S1^(1/2); rounding below zero is cut off, no epsilon is added (rule 11).
    """
    pause()
    shift = (a.mean - b.mean).square().sum()
    values, vectors = torch.linalg.eigh(a.cov)
    pause()
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    product = torch.linalg.eigvalsh(root @ b.cov @ root).clamp(min=0)
    return float(shift + a.cov.trace() + b.cov.trace() - 2 * product.sqrt().sum())


def frechet_to(reference: Tensor) -> Callable[[Tensor], float]:
    """Features ``[N, d]`` to their distance from those of a fixed set."""
    target = moments(reference)
    return lambda features: frechet_distance(moments(features), target)
