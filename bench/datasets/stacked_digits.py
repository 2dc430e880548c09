"""Stacks of the embedded digits, after stacked MNIST: three as channels, 1,000 modes."""

from __future__ import annotations

from bench.datasets import DATASETS, DatasetSource, Published

DATASETS.add(
    "stacked_digits",
    DatasetSource(
        summary="40,000 stacks of three 8x8 digits as channels, 1,000 modes, shipped with this package",
        channels_of="digits",
        published=Published(
            shape=(3, 8, 8),
            num_train=20_000,
            num_val=10_000,
            num_test=10_000,
            digest="633eb4192745c861",
        ),
        levels=17,
    ),
)
