"""Points of a plane as they are: two features, and the nearest true mode as class."""

from __future__ import annotations

import hashlib

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.datasets import Mixture
from bench.distances.modes import nearest_mode
from bench.images import to_unit
from bench.measures import POINTS


class Coordinates:
    """No network: what measures see of points are their coordinates in the plane's own unit.

    Attributes:
        name: ``coordinates``.
        digest: First 16 hex digits of the SHA-256 over the square and the true modes.
        dim: Two.
        own_classes: Each true mode is a class.
    """

    name = POINTS
    dim = 2
    own_classes = True

    def __init__(self, truth: Mixture) -> None:
        self._truth = truth
        self.digest = hashlib.sha256(repr(truth).encode()).hexdigest()[:16]

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint16 ``[N, 1, 1, 2]`` to coordinates ``[N, 2]`` and the nearest mode, float64."""
        low, high = self._truth.extent
        points = low + (high - low) * to_unit(images).flatten(1).double()
        means = torch.tensor(self._truth.means, dtype=torch.float64, device=points.device)
        return points, F.one_hot(nearest_mode(points, means)[0], len(means)).double()
