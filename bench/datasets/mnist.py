"""MNIST (LeCun et al. 1998): handwritten digits."""

from __future__ import annotations

from functools import partial

from bench.datasets import DATASETS, DatasetSource, Published
from bench.datasets._idx import download_idx

DATASETS.add(
    "mnist",
    DatasetSource(
        summary="70,000 handwritten digits, 28x28 gray (LeCun et al. 1998)",
        download=partial(download_idx, "MNIST"),
        published=Published(
            shape=(1, 28, 28), num_train=60_000, num_test=10_000, digest="4142535bc9e8b9de"
        ),
        from_idx=True,
    ),
)
