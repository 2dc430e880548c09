"""Points of simple distributions, and levels of what is varied."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def normal(n: int, dim: int, rng: torch.Generator) -> Tensor:
    """Standard normal points ``[n, dim]``, float64."""
    return torch.randn(n, dim, generator=rng, dtype=torch.float64)


def uniform(n: int, dim: int, rng: torch.Generator) -> Tensor:
    """Points of the unit cube ``[n, dim]``, float64."""
    return torch.rand(n, dim, generator=rng, dtype=torch.float64)


def mixture(means: Tensor, sd: float, shares: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """Points ``[n, d]`` of Gaussians around ``means [K, d]`` that are drawn by ``shares [K]``."""
    which = torch.multinomial(shares, n, replacement=True, generator=rng)
    return means[which] + sd * normal(n, means.shape[1], rng)


def on_sphere(n: int, dim: int, rng: torch.Generator) -> Tensor:
    """Points of the unit sphere's surface ``[n, dim]``."""
    return torch.nn.functional.normalize(normal(n, dim, rng), dim=1)


def ball(n: int, dim: int, rng: torch.Generator) -> Tensor:
    """Points of the unit ball ``[n, dim]``."""
    return on_sphere(n, dim, rng) * uniform(n, 1, rng) ** (1 / dim)


def torus(n: int, rng: torch.Generator) -> Tensor:
    """Points ``[n, 3]`` of a tube of radius 0.1 around the unit circle."""
    across, turn = 0.1 * ball(n, 2, rng), 2 * math.pi * uniform(n, 1, rng)
    outwards = 1 + across[:, :1]
    return torch.cat([outwards * turn.cos(), outwards * turn.sin(), across[:, 1:]], 1)


LOST = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
"""Shares of modes that become rare together."""


def steps(reach: float, number: int = 4) -> tuple[float, ...]:
    """Levels from -reach to reach, 0 among them."""
    return tuple(reach * i / number for i in range(-number, number + 1))


def powers(low: float, high: float, number: int) -> tuple[float, ...]:
    """Powers of ten, evenly from one exponent to another."""
    return tuple(10 ** (low + (high - low) * i / (number - 1)) for i in range(number))


def sizes(n: int) -> tuple[float, ...]:
    """Numbers of points, from a tenth of n to four times n."""
    return tuple(float(round(share * n)) for share in SIZES)


SIZES = (0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 4.0)
"""Sizes of sets, of n."""
