"""Features of real images in two halves, from which the checks on images draw their sets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.calibration.corruptions import CORRUPTIONS, corrupt
from bench.contracts import Detector
from bench.evaluation.reference import ReferenceData

DOSES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Standard deviations of the noise, where white is 1."""

FEWEST_CLASSES = 4
"""So that two halves of them can share one and not be the same."""


NOISY = 3
"""Noisy images at each dose, in sets of n: repetitions draw from so many."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What the sets are drawn from.

    Attributes:
        real: Features of one half of the images ``[N, d]``, float64.
        fake: Of the other half ``[M, d]``.
        real_labels: Their classes, int64 ``[N]``, 0, 1, ...; None where there are none.
        fake_labels: Likewise ``[M]``.
        noisy: Dose to the features of images of the other half with that noise, ``[m, d]``.
    """

    real: Tensor
    fake: Tensor
    real_labels: Tensor | None
    fake_labels: Tensor | None
    noisy: dict[float, Tensor]

    @property
    def classes(self) -> int:
        """How many classes both halves have."""
        return 0 if self.real_labels is None else int(self.real_labels.max()) + 1

    def most(self) -> int:
        """Images of a set that the smallest class of either half can fill."""
        halves = [labels for labels in (self.real_labels, self.fake_labels) if labels is not None]
        if not halves or self.classes < FEWEST_CLASSES:
            return min(len(self.real), len(self.fake)) // 2
        return min(int(labels.bincount().min()) for labels in halves)


def some(features: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n random rows, none of them twice."""
    return features[torch.randperm(len(features), generator=rng)[:n]]


def of_classes(
    features: Tensor, labels: Tensor, shares: Tensor, n: int, rng: torch.Generator
) -> Tensor:
    """n random rows, none twice, of class k with a weight of ``shares[k]``."""
    return features[torch.multinomial(shares.double()[labels], n, generator=rng)]


def pool_of(reference: ReferenceData, detector: Detector, n: int) -> Pool:
    """The train split in two halves, and so many images of the second one under noise."""
    train = reference.real_features("train", len(reference.images("train")), detector)
    features, half = train.features.cpu(), len(train.features) // 2
    labels = None if train.labels is None else train.labels.cpu().unique(return_inverse=True)[1]
    few = slice(half, half + NOISY * n)
    images = reference.subset("train", few.stop)[0][few.start :]
    noise = next(each for each in CORRUPTIONS if each.name == "noise")
    noisy = {
        dose: detector(corrupt(images, noise, dose))[0].cpu() if dose else features[few]
        for dose in DOSES
    }
    return Pool(
        real=features[:half],
        fake=features[half:],
        real_labels=None if labels is None else labels[:half],
        fake_labels=None if labels is None else labels[half:],
        noisy=noisy,
    )
