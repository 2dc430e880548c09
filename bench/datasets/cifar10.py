"""CIFAR-10 (Krizhevsky 2009): small photographs of ten kinds of objects.

From the publisher's binary version: the one for Python, whose images are the same, is a pickle.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets import DATASETS, Arrays, DatasetSource, Parts, Published
from bench.torchvision_import import import_torchvision

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"
SHAPE = (3, 32, 32)


def download(folder: Path) -> Parts:
    """Train and test, in the order of the publisher's files."""
    utils = import_torchvision().datasets.utils
    utils.download_and_extract_archive(URL, str(folder), md5=MD5)
    train = [f"data_batch_{i}.bin" for i in range(1, 6)]
    return Parts(_part(folder / FOLDER, train), _part(folder / FOLDER, ["test_batch.bin"]))


def _part(folder: Path, names: list[str]) -> Arrays:
    """Of each image one byte is its class, then come its red, green and blue pixels."""
    data = b"".join((folder / name).read_bytes() for name in names)
    rows = np.frombuffer(data, np.uint8).reshape(-1, 1 + np.prod(SHAPE))
    images = np.ascontiguousarray(rows[:, 1:]).reshape(-1, *SHAPE)
    return Arrays(images, rows[:, 0].astype(np.int64))


DATASETS.add(
    "cifar10",
    DatasetSource(
        summary="60,000 photographs of ten kinds of objects, 32x32 colour (Krizhevsky 2009)",
        download=download,
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        published=Published(shape=SHAPE, num_train=50_000, num_test=10_000),
    ),
)
