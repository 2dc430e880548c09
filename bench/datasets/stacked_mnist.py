"""Stacked MNIST (Metz et al. 2017, arXiv 1611.02163): three digits as channels, 1,000 modes."""

from __future__ import annotations

from bench.datasets import DATASETS, DatasetSource, Published

DATASETS.add(
    "stacked_mnist",
    DatasetSource(
        summary="128,000 + 52,000 stacks of three MNIST digits as channels, 1,000 modes",
        channels_of="mnist",
        published=Published(
            shape=(3, 28, 28),
            num_train=128_000,
            num_val=26_000,
            num_test=26_000,
            digest="e0c3341005e8d751",
        ),
    ),
)
