"""The classifier of one data set on each channel of stacks of its images."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from bench.contracts import Detector


class Channels:
    """Features of each channel side by side, and a class for each combination of theirs.

    Attributes:
        name: That of the data set of stacks.
        digest: Of the classifier's weights.
        dim: Its features for each of the channels.
        own_classes: Combinations are the classes of stacks.
    """

    own_classes = True

    def __init__(self, name: str, classifier: Detector, *, channels: int) -> None:
        self.name, self.digest = name, classifier.digest
        self.dim, self._classifier = channels * classifier.dim, classifier

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 ``[N, C, H, W]`` to features ``[N, C d]`` and probabilities ``[N, K^C]``, float64.

        Channels are independent given the image, so that their probabilities multiply.
        """
        each = images.shape[:2]
        features, probs = self._classifier(images.flatten(0, 1)[:, None])
        assert probs is not None
        of_channels = probs.unflatten(0, each).unbind(1)
        return features.unflatten(0, each).flatten(1), reduce(_joint, of_channels)


def _joint(known: Tensor, other: Tensor) -> Tensor:
    """``[N, K]`` and ``[N, L]`` to ``[N, K L]``."""
    return torch.einsum("nk,nl->nkl", known, other).flatten(1)
