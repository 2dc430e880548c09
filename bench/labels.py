"""The one place for class labels: drawn from the training prior, joined to vectors as one-hot."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.contracts import Rng
from bench.errors import UsageError
from bench.records import DataSpec


def draw_labels(spec: DataSpec, n: int, noise: Rng) -> Tensor:
    """n labels from the class shares of the train split, int64 ``[n]`` (protocol rule 8)."""
    u = noise.uniform(n)
    return torch.searchsorted(_bounds(spec.class_prior, u.device), u, right=True)


def join_class(vectors: Tensor, labels: Tensor | None, num_classes: int) -> Tensor:
    """``[N, D]`` to ``[N, D + num_classes]`` with the class as one-hot; 0 classes add nothing."""
    if num_classes == 0:
        return vectors
    assert labels is not None
    return torch.cat([vectors, F.one_hot(labels, num_classes).to(vectors.dtype)], dim=1)


def require_classes(spec: DataSpec, model: str) -> int:
    """The number of classes of a data set.

    Raises:
        UsageError: It has none.
    """
    if spec.num_classes == 0:
        raise UsageError(
            f"{model} makes images for a class, and data set '{spec.name}' has no labels: "
            "take a data set with labels or a model without classes"
        )
    return spec.num_classes


@functools.lru_cache(maxsize=8)
def _bounds(shares: tuple[float, ...], device: torch.device) -> Tensor:
    """Where one class ends and the next begins; copied to a device once, not at each step.

    The last bound is left out, so that a sum of 0.999 leaves no label beyond the last.
    """
    return torch.tensor(shares).cumsum(0)[:-1].to(device)
