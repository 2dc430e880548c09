"""Gaussians: the standard normal's density, and one fitted to points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def standard_log_prob(z: Tensor) -> Tensor:
    """log N(z; 0, I) in nats, ``[..., D]`` to ``[...]``."""
    return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)


def fit_gaussian(chunks: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean ``[D]`` and factor ``[D, D]`` in float64 of points ``[N, D]`` that come in chunks.

    mean + factor z has their covariance (N - 1) where z is standard normal.
    """
    chunks = [chunk.double() for chunk in chunks]
    count = sum(len(chunk) for chunk in chunks)
    mean = torch.stack([chunk.sum(0) for chunk in chunks]).sum(0) / count
    scatter = torch.stack([(chunk - mean).T @ (chunk - mean) for chunk in chunks]).sum(0)
    values, vectors = torch.linalg.eigh(scatter / (count - 1))
    # Constant dimensions give eigenvalues of -1e-17; a covariance has none below zero.
    return mean, vectors * values.clamp(min=0).sqrt()
