"""MNIST (LeCun et al. 1998): handwritten digits."""

from __future__ import annotations

from pathlib import Path

from bench.datasets import DATASETS, DatasetSource, Parts, Published
from bench.datasets._idx import read_idx
from bench.torchvision_import import import_torchvision


def download(folder: Path) -> Parts:
    """Both parts, from the IDX files that torchvision downloads and checks."""
    import_torchvision().datasets.MNIST(folder, download=True)
    return read_idx(folder / "MNIST" / "raw")


DATASETS.add(
    "mnist",
    DatasetSource(
        summary="70,000 handwritten digits, 28x28 gray (LeCun et al. 1998)",
        download=download,
        published=Published(
            shape=(1, 28, 28), num_train=60_000, num_test=10_000, digest="4142535bc9e8b9de"
        ),
        from_idx=True,
    ),
)
