"""Gaussian posterior with a full covariance, by its Cholesky factor (experiment A)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.contracts import Rng
from bench.variational.posteriors import POSTERIORS

LOG_DIAGONAL_LIMIT = 10.0
"""The log of the factor's diagonal is kept in [-10, 10], as log sigma of the diagonal posterior."""


@POSTERIORS.register("full_covariance")
class FullGaussian:
    """q(z|x) = N(mu, L L^T), z = mu + L eps, L lower triangular with a positive diagonal.

    The encoder gives mu, the log of L's diagonal, and L's entries below it, row by row
    (Kingma and Welling 2019, arXiv 1906.02691, section 2.5.1).
    """

    def __init__(self, values: Tensor) -> None:
        size = values.shape[-1]
        dim = (math.isqrt(9 + 8 * size) - 3) // 2
        parts: tuple[Tensor, ...] = values.split([dim, dim, size - 2 * dim], dim=-1)
        self.mu, log_diagonal, below = parts
        self.log_diagonal = log_diagonal.clamp(-LOG_DIAGONAL_LIMIT, LOG_DIAGONAL_LIMIT)
        rows, cols = torch.tril_indices(dim, dim, -1, device=values.device)
        self.factor: Tensor = torch.diag_embed(self.log_diagonal.exp())
        self.factor[..., rows, cols] = below

    @staticmethod
    def size(latent_dim: int) -> int:
        """D for mu, D (D + 1) / 2 for the factor."""
        return latent_dim + latent_dim * (latent_dim + 1) // 2

    @property
    def mean(self) -> Tensor:
        """``[N, D]``."""
        return self.mu

    def rsample(self, k: int, noise: Rng) -> Tensor:
        """z = mu + L eps, ``[k, N, D]``."""
        eps = noise.normal(k, *self.mu.shape).to(self.mu)
        return self.mu + torch.einsum("nij,knj->kni", self.factor, eps)

    def log_prob(self, z: Tensor) -> Tensor:
        """Nats summed over latents, ``[..., N, D]`` to ``[..., N]``: eps by a triangular solve."""
        offset = z - self.mu
        # One solve per image with a column for each draw: the factor is not copied for the draws.
        columns = offset.reshape(-1, *self.mu.shape).permute(1, 2, 0)
        eps: Tensor = torch.linalg.solve_triangular(self.factor, columns, upper=False)
        squares = eps.square().sum(1).T.reshape(offset.shape[:-1])
        log_det = self.log_diagonal.sum(-1)
        return -0.5 * (squares + self.mu.shape[-1] * math.log(2 * math.pi)) - log_det

    def kl_standard(self) -> Tensor:
        """KL(q || N(0, I)) in nats per image ``[N]``: (|L|^2 + |mu|^2 - D) / 2 - log det L."""
        squares = self.factor.square().sum((-2, -1)) + self.mu.square().sum(-1)
        return 0.5 * (squares - self.mu.shape[-1]) - self.log_diagonal.sum(-1)
