"""Likelihoods p(x|z): registered kinds, named in a model's ``likelihood`` setting.

A file here registers a factory ``(spec, sigma) -> Likelihood``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.contracts import Likelihood
from bench.records import DataSpec
from bench.registry import Registry

LIKELIHOODS: Registry[Callable[[DataSpec, float], Likelihood]] = Registry(
    "likelihood", "bench.variational.likelihoods"
)

SPEED = 10.0
"""How many learning rates Adam moves a ``LearnedNumber`` per step, where it moves a weight by one.

A log sigma has to cover several units; by 1e-3 a step the budget would decide where it ends.
"""


class LearnedNumber(nn.Module):
    """One number that is trained jointly, such as the log of a global sigma."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.scaled = nn.Parameter(torch.tensor(start / SPEED))

    def start_at(self, number: float) -> None:
        """Puts it there."""
        self.scaled.data.fill_(number / SPEED)

    def forward(self) -> Tensor:
        """The number, 0-d."""
        return SPEED * self.scaled
