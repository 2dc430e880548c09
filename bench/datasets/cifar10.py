"""CIFAR-10 (Krizhevsky 2009): small photographs of ten kinds of objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets import DATASETS, Arrays, DatasetSource, Parts, Published
from bench.torchvision_import import import_torchvision


def download(folder: Path) -> Parts:
    """Train and test; torchvision gives the images as [N, H, W, C]."""
    return Parts(_part(folder, train=True), _part(folder, train=False))


def _part(folder: Path, *, train: bool) -> Arrays:
    data = import_torchvision().datasets.CIFAR10(folder, train=train, download=True)
    images = np.ascontiguousarray(data.data.transpose(0, 3, 1, 2))
    return Arrays(images, np.array(data.targets, np.int64))


DATASETS.add(
    "cifar10",
    DatasetSource(
        summary="60,000 photographs of ten kinds of objects, 32x32 colour (Krizhevsky 2009)",
        download=download,
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        published=Published(shape=(3, 32, 32), num_train=50_000, num_test=10_000),
    ),
)
