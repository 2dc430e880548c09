"""Statistics of feature sets and the Frechet distance between them, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Mean ``[d]`` and covariance ``[d, d]`` (N - 1) of n features."""

    mean: Tensor
    cov: Tensor
    n: int


def moments(features: Tensor) -> Moments:
    """Moments of float64 features ``[N, d]``."""
    return Moments(features.mean(0), torch.cov(features.T), len(features))


def frechet_distance(a: Moments, b: Moments) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), squared units of the features.

    Dowson and Landau 1982; as a score of generators Heusel et al. 2017, arXiv 1706.08500,
    eq. 6. The trace of the root is the sum of the roots of the eigenvalues of the symmetric
    S1^(1/2) S2 S1^(1/2); rounding below zero is cut off, no epsilon is added (rule 11).
    """
    shift = (a.mean - b.mean).square().sum()
    values, vectors = torch.linalg.eigh(a.cov)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    product = torch.linalg.eigvalsh(root @ b.cov @ root).clamp(min=0)
    return float(shift + a.cov.trace() + b.cov.trace() - 2 * product.sqrt().sum())
