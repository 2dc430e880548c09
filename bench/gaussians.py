"""Gaussians: the standard normal's density, moments of feature sets, the distance between two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def standard_log_prob(z: Tensor) -> Tensor:
    """log N(z; 0, I) in nats, ``[..., D]`` to ``[...]``."""
    return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)


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
