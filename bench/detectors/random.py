"""A convolutional network with fixed random weights: a detector for any images, without labels.

Naeem et al. 2020 (arXiv 2002.09797) measure in the features of a randomly initialised network
where pretrained ones do not fit the images. Theirs is VGG-16 with 64 features; this one is
smaller and has 64 features too.
"""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from bench.detectors import DETECTORS, DetectorKind, Fixed
from bench.images import to_unit
from bench.modules import place
from bench.pieces import piece, stoppable
from bench.runtime import generator

DIM = 64
CHUNK = 500
WIDTHS = (3, 16, 32, 64)
GRID = 2
"""The last layer is averaged on a grid of 2 x 2 fields, whatever the size of the images."""


class RandomNetwork:
    """Three 3x3 convolutions with ReLU, means of a 2 x 2 grid, and a linear layer.

    Attributes:
        name: ``random``.
        digest: First 16 hex digits of the SHA-256 over its weights.
        dim: Number of features.
        own_classes: It knows no classes.
    """

    name = "random"
    dim = DIM
    own_classes = False

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise(WIDTHS)):
            conv = nn.Conv2d(before, after, 3, stride=min(i + 1, 2), padding=1, bias=False)
            layers += [conv, nn.ReLU()]
        linear = nn.Linear(WIDTHS[-1] * GRID**2, DIM, bias=False)
        self._net = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(GRID), nn.Flatten(), linear
        ).requires_grad_(False)
        digest = hashlib.sha256()
        for number, weights in enumerate(self._net.parameters()):
            weights.copy_(_uniform(weights, number))
            digest.update(weights.numpy().astype("<f4").data)
        self.digest = digest.hexdigest()[:16]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        """uint8 ``[N, C, H, W]``, C 1 or 3, to features, float64; gray in three equal channels."""
        place(self._net, images.device)
        colour = images.expand(-1, 3, -1, -1)
        chunks = stoppable(colour.split(piece(CHUNK)))
        outs = [self._net(to_unit(chunk) * 2 - 1) for chunk in chunks]
        return torch.cat(outs).double(), None


def _uniform(weights: Tensor, number: int) -> Tensor:
    """Weights of variance 2 / fan-in (He et al. 2015), the same bits on every machine.

    torch's normal draws differ in the last bit between processors; its uniform ones do not.
    """
    drawn = torch.rand(weights.shape, generator=generator("detector", "random", number))
    return (drawn * 2 - 1) * math.sqrt(6 / weights[0].numel())


DETECTORS.add(
    "random",
    DetectorKind(
        summary="untrained convolutional network with fixed weights, any images, no classes",
        fixed=Fixed(dim=DIM, digest=lambda: RandomNetwork().digest, load=RandomNetwork),
    ),
)
