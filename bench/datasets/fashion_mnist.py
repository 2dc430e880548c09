"""Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747): articles of clothing."""

from __future__ import annotations

from functools import partial

from bench.datasets import DATASETS, DatasetSource, Published
from bench.datasets._idx import download_idx

DATASETS.add(
    "fashion_mnist",
    DatasetSource(
        summary="70,000 articles of clothing, 28x28 gray (Xiao et al. 2017)",
        download=partial(download_idx, "FashionMNIST"),
        published=Published(shape=(1, 28, 28), num_train=60_000, num_test=10_000),
        from_idx=True,
        classes=(
            *("t-shirt/top", "trouser", "pullover", "dress", "coat"),
            *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
        ),
    ),
)
