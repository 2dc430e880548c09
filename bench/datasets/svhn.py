"""SVHN (Netzer et al. 2011): cropped house numbers, without the "extra" part."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets import DATASETS, Arrays, DatasetSource, Parts, Published
from bench.torchvision_import import import_torchvision


def download(folder: Path) -> Parts:
    """Train and test; torchvision turns the file's label 10 into 0."""
    return Parts(_part(folder, "train"), _part(folder, "test"))


def _part(folder: Path, split: str) -> Arrays:
    data = import_torchvision().datasets.SVHN(folder, split=split, download=True)
    return Arrays(np.ascontiguousarray(data.data), data.labels.astype(np.int64))


DATASETS.add(
    "svhn",
    DatasetSource(
        summary="99,289 house-number digits, 32x32 colour (Netzer et al. 2011)",
        download=download,
        published=Published(shape=(3, 32, 32), num_train=73_257, num_test=26_032),
    ),
)
