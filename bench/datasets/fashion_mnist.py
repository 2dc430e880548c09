"""Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747): articles of clothing."""

from __future__ import annotations

from pathlib import Path

from bench.datasets import DATASETS, DatasetSource, Parts, Published
from bench.datasets._idx import read_idx
from bench.torchvision_import import import_torchvision


def download(folder: Path) -> Parts:
    """Both parts, from the IDX files that torchvision downloads and checks."""
    import_torchvision().datasets.FashionMNIST(folder, download=True)
    return read_idx(folder / "FashionMNIST" / "raw")


DATASETS.add(
    "fashion_mnist",
    DatasetSource(
        summary="70,000 articles of clothing, 28x28 gray (Xiao et al. 2017)",
        download=download,
        published=Published(shape=(1, 28, 28), num_train=60_000, num_test=10_000),
        from_idx=True,
    ),
)
